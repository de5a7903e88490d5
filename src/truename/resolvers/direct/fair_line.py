"""A line in which everybody who puts something there gets a turn, however much others have put there. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Whose = TypeVar("Whose", bound=Hashable)
Item = TypeVar("Item", bound=Hashable)


def _anybody(_: object) -> bool:
    return True


class FairLine(Generic[Whose, Item]):
    """What waits, each at the places of all who put it there: their turns go round, and the first one takes it.

    Invariants: nothing is taken twice, and no more than `room` wait. Whoever has most in a line that is full loses the
    last of it to a newcomer.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._of: OrderedDict[Whose, OrderedDict[Item, None]] = OrderedDict()  # in the order of their turns, none empty
        self._at: dict[Item, dict[Whose, None]] = {}

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, item: Item) -> bool:
        return item in self._at

    def __iter__(self) -> Iterator[Item]:
        return iter(self._at)

    def waiting(self, may: Callable[[Whose], bool] = _anybody) -> int:
        """How many wait that somebody put there who `may`."""
        able = set(filter(may, self._of))
        return sum(not able.isdisjoint(places) for places in self._at.values())

    def put(self, whose: Whose, item: Item) -> bool:
        """Wait at the end of one's own place, and where it waits already. Output: whether it waits."""
        if item not in self._at and not self._has_room(len(self._of.get(whose, ()))):
            return False
        self._of.setdefault(whose, OrderedDict())[item] = None
        self._at.setdefault(item, {})[whose] = None
        return True

    def take(self, may: Callable[[Whose], bool] = _anybody) -> tuple[Whose, Item] | None:
        """The next one, and whose turn it was, of those who `may`; None when there is none."""
        whose = next(filter(may, self._of), None)
        if whose is None:
            return None
        item = next(iter(self._of[whose]))
        self._of.move_to_end(whose)
        for each in list(self._at[item]):
            self.drop(each, item)
        return whose, item

    def drop(self, whose: Whose, item: Item) -> None:
        """It waits no more at that place, if it did."""
        places = self._at.get(item, {})
        if whose not in places:
            return
        del places[whose], self._of[whose][item]
        if not places:
            del self._at[item]
        if not self._of[whose]:
            del self._of[whose]

    def _has_room(self, mine: int) -> bool:
        """Whether there is room, or the last ones of whoever has most have left for it, that being more than the
        newcomer would have.
        """
        while len(self._at) >= self._room:
            most = max(self._of, key=lambda whose: len(self._of[whose]), default=None)
            if most is None or len(self._of[most]) <= mine + 1:
                return False
            self.drop(most, next(reversed(self._of[most])))
        return True
