"""Turns: how many questions may be on their way at once. Pure; the clock is an argument.

One burst of announces loses packets and connections, so newcomers wait for a place. A place is given back when an
answer comes, or after `patience_s`, since most questions to dead swarms are never answered.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Turns(Generic[Key]):
    """`size` places, given in the order of asking; one key takes `cost` of them.

    Invariant: the places taken never exceed `size`, except by a single key that costs more than there are at all.
    """

    def __init__(self, *, size: int, patience_s: float) -> None:
        self._size = size
        self._patience_s = patience_s
        self._waiting: OrderedDict[Key, int] = OrderedDict()
        self._young: dict[Key, int] = {}
        self._expiries: deque[tuple[float, Key]] = deque()
        self._taken = 0

    def __len__(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    def __contains__(self, key: Key) -> bool:
        return key in self._waiting

    def ask(self, key: Key, *, cost: int = 1) -> None:
        """Queue up, at the end unless already there."""
        self._waiting.setdefault(key, cost)

    def ask_now(self, key: Key, now: float, *, cost: int = 1) -> bool:
        """Take places at once when they are free and nobody waits (then True), else queue up."""
        self._expire(now)
        if self._waiting or (self._taken and self._taken + cost > self._size):
            self.ask(key, cost=cost)
            return False
        self._take(key, cost, now)
        return True

    def give_back(self, key: Key, *, places: int = 1) -> None:
        """An answer came: `places` of this key are free again."""
        held = self._young.get(key, 0)
        freed = min(held, places)
        self._taken -= freed
        if held > freed:
            self._young[key] = held - freed
        elif held:
            del self._young[key]

    def leave(self, key: Key) -> None:
        """Neither wait nor hold a place any more."""
        self._waiting.pop(key, None)
        self._taken -= self._young.pop(key, 0)

    def next_ones(self, now: float) -> list[Key]:
        """Those whose turn has come. `now` is any clock in seconds that never runs backwards."""
        self._expire(now)
        chosen: list[Key] = []
        while self._waiting:
            key, cost = next(iter(self._waiting.items()))
            if self._taken and self._taken + cost > self._size:
                break
            del self._waiting[key]
            self._take(key, cost, now)
            chosen.append(key)
        return chosen

    def keep(self, places: int) -> None:
        """Only so many questions are really on their way: the oldest places beyond that are free again."""
        for key in list(self._young)[: max(0, self._taken - places)]:
            self._taken -= self._young.pop(key)

    def _take(self, key: Key, cost: int, now: float) -> None:
        self._taken += cost - self._young.pop(key, 0)
        self._young[key] = cost
        self._expiries.append((now + self._patience_s, key))

    def _expire(self, now: float) -> None:
        # A key that left and came again has a second entry here; the first one then ends its new turn early, which
        # costs nothing but a little haste.
        while self._expiries and self._expiries[0][0] <= now:
            _, key = self._expiries.popleft()
            self._taken -= self._young.pop(key, 0)
