"""Who may do something now, of which only so much goes on at once; the others in the order in which they came. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Hashable


class Turns:
    """So many places. Whoever takes one, or waits for one, leaves it in the end, be it that it never came."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: OrderedDict[Hashable, Callable[[], None]] = OrderedDict()

    @property
    def free(self) -> int:
        """How many places nobody has."""
        return self._free

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    def take(self, who: Hashable, begin: Callable[[], None]) -> None:
        """`begin` is called when the turn has come, which may be at once."""
        if self._free:
            self._free -= 1
            begin()
        else:
            self._waiting[who] = begin

    def leave(self, who: Hashable) -> None:
        """It has no more use for its place, which is the next one's now."""
        if self._waiting.pop(who, None) is not None:
            return
        self._free += 1
        if self._waiting:
            self._free -= 1
            _, begin = self._waiting.popitem(last=False)
            begin()
