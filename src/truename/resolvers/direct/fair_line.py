"""A line in which everybody who puts something there gets a turn, however much others have put there. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Whose = TypeVar("Whose", bound=Hashable)
Item = TypeVar("Item", bound=Hashable)


def _anybody(_: object) -> bool:
    return True


class FairLine(Generic[Whose, Item]):
    """What waits, each at the place of somebody who put it there: their turns go round.

    Invariants: nothing waits twice, and no more than `room` wait. Whoever has most in a line that is full loses the
    last of it to a newcomer.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._of: OrderedDict[Whose, OrderedDict[Item, None]] = OrderedDict()  # in the order of their turns, none empty
        self._at: dict[Item, Whose] = {}

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, item: Item) -> bool:
        return item in self._at

    def __iter__(self) -> Iterator[Item]:
        return iter(self._at)

    def waiting(self, may: Callable[[Whose], bool] = _anybody) -> int:
        """How many wait of those who `may`."""
        return sum(len(own) for whose, own in self._of.items() if may(whose))

    def put(self, whose: Whose, item: Item) -> bool:
        """Wait at the end of one's own place; what waits already does so where fewer wait. Output: whether it waits."""
        mine = len(self._of.get(whose, ()))
        if item in self._at:
            if len(self._of[self._at[item]]) <= mine + 1:
                return True
            self.drop(self._at[item], item)
        elif len(self._at) >= self._room and not self._made_room(mine):
            return False
        self._of.setdefault(whose, OrderedDict())[item] = None
        self._at[item] = whose
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
        """It waits no more, if it did so at that place."""
        if self._at.get(item) != whose:
            return
        del self._at[item], self._of[whose][item]
        if not self._of[whose]:
            del self._of[whose]

    def _made_room(self, mine: int) -> bool:
        """Whether the last one of whoever has most has left, that being more than the newcomer would have."""
        most = max(self._of, key=lambda whose: len(self._of[whose]), default=None)
        if most is None or len(self._of[most]) <= mine + 1:
            return False
        self.drop(most, next(reversed(self._of[most])))
        return True
