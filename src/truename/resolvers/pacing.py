"""Turns: how many questions may be on their way at once. Pure; the clock is an argument.

One burst of announces loses packets and connections, so newcomers wait for a place. A place is given back when an
answer comes, or after `patience_s`, since most questions to dead swarms are never answered.
"""

from collections import OrderedDict
from collections.abc import Collection, Hashable
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)


class _Place(NamedTuple):
    cost: int
    number: int
    until: float


class Turns(Generic[Key]):
    """`size` places, given in the order of asking; one key takes `cost` of them.

    Invariant: the places taken never exceed `size`, except by a single key that costs more than there are at all.
    """

    def __init__(self, *, size: int, patience_s: float) -> None:
        self._size = size
        self._patience_s = patience_s
        self._waiting: OrderedDict[Key, int] = OrderedDict()
        self._taken: OrderedDict[Key, _Place] = OrderedDict()  # in the order of their numbers, so of `until` too
        self._places = 0
        self.given = 0

    def __len__(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    def __contains__(self, key: Key) -> bool:
        return key in self._waiting

    @property
    def holders(self) -> Collection[Key]:
        """Those that hold a place."""
        return self._taken.keys()

    def ask(self, key: Key, *, cost: int = 1) -> None:
        """Queue up, at the end unless already there; there, `cost` is the new one."""
        self._waiting[key] = cost

    def take(self, key: Key, now: float, *, cost: int = 1) -> bool:
        """Take places at once, if they are free and nobody waits; says whether it did."""
        self._expire(now)
        if self._waiting or not self._fits(cost):
            return False
        self._take(key, cost, now)
        return True

    def give_back(self, key: Key, *, places: int = 1) -> None:
        """An answer came: `places` of this key are free again."""
        held = self._taken.get(key)
        if held is None:
            return
        freed = min(held.cost, places)
        self._places -= freed
        if freed < held.cost:
            self._taken[key] = held._replace(cost=held.cost - freed)
        else:
            del self._taken[key]

    def withdraw(self, key: Key) -> None:
        """Wait no more. A place that is held stays taken, for its question is on its way."""
        self._waiting.pop(key, None)

    def leave(self, key: Key) -> None:
        """Neither wait nor hold a place any more."""
        self._waiting.pop(key, None)
        self._free(key)

    def next_ones(self, now: float) -> list[Key]:
        """Those whose turn has come. `now` is any clock in seconds that never runs backwards."""
        self._expire(now)
        chosen: list[Key] = []
        while self._waiting:
            key, cost = next(iter(self._waiting.items()))
            if not self._fits(cost):
                break
            del self._waiting[key]
            self._take(key, cost, now)
            chosen.append(key)
        return chosen

    def keep(self, places: int, *, given: int) -> None:
        """Of the first `given` turns, only so many places are really still in use: the oldest beyond are free again."""
        old = [(key, place.cost) for key, place in self._taken.items() if place.number <= given]
        surplus = sum(cost for _, cost in old) - places
        for key, cost in old:
            if surplus < cost:
                break
            surplus -= cost
            self._free(key)

    def _fits(self, cost: int) -> bool:
        return not self._places or self._places + cost <= self._size

    def _take(self, key: Key, cost: int, now: float) -> None:
        held = self._taken.pop(key, None)
        self._places += cost
        self.given += 1
        self._taken[key] = _Place(cost + (held.cost if held else 0), self.given, now + self._patience_s)

    def _free(self, key: Key) -> None:
        held = self._taken.pop(key, None)
        if held is not None:
            self._places -= held.cost

    def _expire(self, now: float) -> None:
        while self._taken:
            key, place = next(iter(self._taken.items()))
            if place.until > now:
                break
            self._free(key)
