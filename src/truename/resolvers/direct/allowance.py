"""How much strangers may make us hear and hold, and who comes first when it is short. Pure; the clock is an argument.

Whoever comes first would otherwise take all of it: a few peers that claim and send as much as they may, or twenty
honest ones that get a twentieth each.
"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

_HEADERS = 64
"""Around metadata more is heard than it is long itself: so small a part of it, and rather less."""


class Allowance:
    """So many bytes. Invariant: what was taken and not given back is at most `limit`."""

    __slots__ = ("left",)

    def __init__(self, limit: int) -> None:
        self.left = limit

    def take(self, count: int) -> bool:
        """Whether there was so much; if not, nothing is taken."""
        if count > self.left:
            return False
        self.left -= count
        return True

    def give_back(self, count: int) -> None:
        """So much is free again."""
        self.left += count


class Bringing(Protocol):
    """A talk about `hash20` that has `held` of `size` bytes; the size is 0 until it is known."""

    @property
    def hash20(self) -> bytes: ...

    @property
    def held(self) -> int: ...

    @property
    def size(self) -> int: ...

    def give_way(self) -> None:
        """Let go of all that is held, and end."""


class Traffic:
    """What all talks about one hash may hear: each of them `own` bytes, and all together `shared` beyond that.

    Of what is shared, as much as those still lack who have brought more is not for whoever has brought less.
    """

    def __init__(self, shared: int, own: int) -> None:
        self._left = shared
        self._own = own
        self._heard: dict[Bringing, int] = {}

    def hear(self, talk: Bringing, count: int) -> bool:
        """Whether it may be heard; if not, it is not counted."""
        before = self._heard.setdefault(talk, 0)
        beyond = max(0, before + count - self._own) - max(0, before - self._own)
        if beyond and beyond > self._left - self._lacking_before(talk):
            return False
        self._left -= beyond
        self._heard[talk] = before + count
        return True

    def leave(self, talk: Bringing) -> None:
        """It will hear no more; what it has heard stays heard."""
        self._heard.pop(talk, None)

    def _lacking_before(self, talk: Bringing) -> int:
        """What those lack who come before it: those who have brought more, and of equals those who began earlier."""
        lacking, is_earlier = 0, True
        for other in self._heard:
            if other is talk:
                is_earlier = False
            elif other.held > talk.held or (is_earlier and other.held == talk.held):
                lacking += max(0, other.size - max(other.held, self._own))
        return lacking + lacking // _HEADERS


class Room:
    """What all talks of a program hold: never more than `limit` bytes of metadata that is not whole yet.

    When it is full, a hash that holds more gives way to one that holds less: of its talks the one with least, and its
    last one only to smaller metadata, or when it has brought nothing for `turn_s` of the `clock`. If it gave way to
    whatever holds less, large ones would begin again and again at the cost of those nearly done, and none would end.
    """

    def __init__(self, limit: int, clock: Callable[[], float], *, turn_s: float) -> None:
        self.left = limit
        self._clock = clock
        self._turn_s = turn_s
        self._talks: dict[bytes, dict[Bringing, int]] = {}
        self._held: Counter[bytes] = Counter()
        self._brought_at: dict[bytes, float] = {}

    def take(self, talk: Bringing, count: int) -> bool:
        """Whether there is room for so much more of it, others having given way if need be."""
        while count > self.left:
            weakest = self._who_gives_way_to(talk, count)
            if weakest is None:
                return False
            self.leave(weakest)
            weakest.give_way()
        own = self._talks.setdefault(talk.hash20, {})
        own[talk] = own.get(talk, 0) + count
        self._held[talk.hash20] += count
        self._brought_at[talk.hash20] = self._clock()
        self.left -= count
        return True

    def leave(self, talk: Bringing) -> None:
        """It holds nothing more."""
        own = self._talks.get(talk.hash20, {})
        held = own.pop(talk, 0)
        self.left += held
        self._held[talk.hash20] -= held
        if not own:
            self._talks.pop(talk.hash20, None)
            self._brought_at.pop(talk.hash20, None)
            del self._held[talk.hash20]

    def _who_gives_way_to(self, talk: Bringing, count: int) -> Bringing | None:
        if not self._held:
            return None
        greediest = max(self._held, key=self._held.__getitem__)
        if greediest == talk.hash20:
            weakest = self._weakest_of(greediest)
            return weakest if self._talks[greediest][weakest] < self._talks[greediest].get(talk, 0) else None
        wanted = self._held[talk.hash20] + count
        yielding = [each for each, held in self._held.items() if held > wanted and self._yields_to(talk, each)]
        return self._weakest_of(max(yielding, key=self._held.__getitem__)) if yielding else None

    def _yields_to(self, talk: Bringing, hash20: bytes) -> bool:
        if len(self._talks[hash20]) > 1 or self._clock() - self._brought_at[hash20] >= self._turn_s:
            return True
        return any(each.size > talk.size for each in self._talks[hash20])

    def _weakest_of(self, hash20: bytes) -> Bringing:
        talks = self._talks[hash20]
        return min(talks, key=talks.__getitem__)
