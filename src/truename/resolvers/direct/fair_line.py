"""A line in which everybody who puts something there gets a turn, however much others have put there. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Whose = TypeVar("Whose", bound=Hashable)
Item = TypeVar("Item", bound=Hashable)


def _anybody(_: object) -> bool:
    return True


class FairLine(Generic[Whose, Item]):
    """What waits, each at the place of somebody who put it there: their turns go round.

    Invariant: no more than `room` wait. Whoever has most in a line that is full loses the last of it to a newcomer.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._of: OrderedDict[Whose, OrderedDict[Item, None]] = OrderedDict()  # in the order of their turns, none empty
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, whose: Whose, item: Item) -> bool:
        """Wait at the end of one's own place, unless there already. Output: whether it waits now."""
        own = self._of.get(whose)
        if own is not None and item in own:
            return True
        if self._count >= self._room and not self._made_room(len(own or ())):
            return False
        self._of.setdefault(whose, OrderedDict())[item] = None
        self._count += 1
        return True

    def take(self, may: Callable[[Whose], bool] = _anybody) -> tuple[Whose, Item] | None:
        """The next one, and whose turn it was, of those who `may`; None when there is none."""
        whose = next(filter(may, self._of), None)
        if whose is None:
            return None
        item = next(iter(self._of[whose]))
        self._of.move_to_end(whose)
        self.drop(whose, item)
        return whose, item

    def drop(self, whose: Whose, item: Item) -> None:
        """It waits no more, if it did."""
        own = self._of.get(whose)
        if own is None or item not in own:
            return
        del own[item]
        self._count -= 1
        if not own:
            del self._of[whose]

    def _made_room(self, mine: int) -> bool:
        """Whether the last one of whoever has most has left, that being more than the newcomer would have."""
        most = max(self._of, key=lambda whose: len(self._of[whose]), default=None)
        if most is None or len(self._of[most]) <= mine + 1:
            return False
        self.drop(most, next(reversed(self._of[most])))
        return True
