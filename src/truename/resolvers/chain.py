"""Look-up in, outcome out: asks one resolver after the other, and turns whatever they answer into an `Outcome`.

The first proven name wins. A resolver that fails, is late or wants help brings in the next one, and goes on beside it:
so one that never answers costs a few seconds and not the look-up. No database, no person.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from truename.asked import Asked, Ended, answer_of
from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.model import Outcome
from truename.resolvers.base import Claim, NamedHealth, Resolver, ResolverHealth
from truename.resolvers.leg import Leg
from truename.resolvers.looks import Looks, when_up
from truename.resolvers.verdict import judge

_LATE_S: Final = 5.0
"""From the first question of a resolver until the next one is asked as well, or its share of the time of a look-up,
where that is less."""

_PROOF_S: Final = 5.0
"""From a claimed name until it is taken, while somebody else may still prove one."""

_LAST_WORD_S: Final = 0.5
"""Each resolver keeps its own time; who is over it by so much is cut off."""

_READING_S: Final = 10.0
"""The same for what has been found and is being read: of large ones one after the other, a second each at worst."""

_GLANCE_S: Final = 2.0

_TAKES_PEERS: Final = frozenset(("direct",))
"""Who can be told of more peers while it goes on."""

_FEW_PEERS: Final = 50
_NEWS_EVERY_S: Final = 3.0
"""Each piece of news costs as much as all peers together: of more than a few there is some only now and then, but
before a quarter of the time that is left is over."""
_NEWS_LEAST_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the chain waits before it goes on, in seconds."""

    late_s: float = _LATE_S
    proof_s: float = _PROOF_S
    last_word_s: float = _LAST_WORD_S
    reading_s: float = _READING_S


class Chain:
    """Resolvers in the order in which they are asked. Belongs to one event loop."""

    def __init__(self, resolvers: Sequence[Resolver], *, patience: Patience | None = None) -> None:
        self.resolvers = tuple(resolvers)
        self.patience = patience or Patience()
        self._looks = Looks(self.resolvers)
        self._leaving: set[asyncio.Task[None]] = set()  # losers, whose good manners hold nobody up
        self._under_way: dict[InfoHash, tuple[Magnet, ...]] = {}

    async def look_up(self, magnet: Magnet, *, timeout_s: float, beside: bool = False) -> Outcome:
        """As `begin`, for who waits. Errors: none of its own; cancellation ends every conversation, then propagates."""
        return await answer_of(partial(self.begin, magnet, timeout_s=timeout_s, beside=beside))

    def begin(self, magnet: Magnet, ended: Ended[Outcome], *, timeout_s: float, beside: bool = False) -> Asked[Outcome]:
        """Ask for the name of a magnet.

        Input:  `beside`: somebody has joined a look-up of the hash that goes on; whom the magnet adds comes first.
                `ended` is called with an outcome that is final in every case.
        Output: the look-up, by which all its conversations can be ended.
        Units:  `timeout_s` is for all resolvers together, and counts from the first question that one of them sends.
        """
        running = self._under_way.get(magnet.info_hash, ())
        if beside:
            magnet = _new_ones_first(magnet, running)
        self._under_way[magnet.info_hash] = (*running, magnet)
        race = _Race(self, magnet, ended, timeout_s)
        race.begin()
        return race

    def wait_for(self, leaving: asyncio.Task[None]) -> None:
        """A conversation is being closed, which must not hold up anybody but `aclose`."""
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def left(self, magnet: Magnet) -> None:
        """A look-up is over."""
        running = list(self._under_way.pop(magnet.info_hash))
        running.remove(magnet)
        if running:
            self._under_way[magnet.info_hash] = tuple(running)

    async def health(self) -> list[tuple[str, ResolverHealth]]:
        """How each resolver is doing, in their order; each has its time to come up."""
        states = await asyncio.gather(*map(when_up, self.resolvers))
        return [(each.name, state) for each, state in zip(self.resolvers, states, strict=True)]

    async def glance(self) -> list[NamedHealth]:
        """The same, for somebody who does not wait: as each is now, as far as it says so in a moment."""
        return await self._looks.at_once(_GLANCE_S)

    async def aclose(self) -> None:
        """End all conversations. Idempotent."""
        await self._looks.aclose()
        await asyncio.gather(*(each.aclose() for each in self.resolvers), *self._leaving, return_exceptions=True)


def _new_ones_first(magnet: Magnet, known: Iterable[Magnet]) -> Magnet:
    """So that the places for those whom a magnet names do not go to those who are being asked already."""
    trackers = {tracker for one in known for tracker in one.trackers}
    peers = {peer for one in known for peer in one.peers}
    return replace(
        magnet,
        trackers=tuple(sorted(magnet.trackers, key=trackers.__contains__)),
        peers=tuple(sorted(magnet.peers, key=peers.__contains__)),
    )


class _Race(Asked[Outcome]):
    """One look-up, from the first resolver's start to the last one's end."""

    __slots__ = (
        *("_alarm", "_asked_at", "_chain", "_claimed_at", "_is_woken", "_late_s", "_legs", "_magnet", "_started"),
        *("_news_at", "_timeout_s", "_to_come", "_told_at"),
    )

    def __init__(self, chain: Chain, magnet: Magnet, ended: Ended[Outcome], timeout_s: float) -> None:
        super().__init__(asyncio.get_running_loop(), ended)
        self._chain = chain
        self._magnet = magnet
        self._timeout_s = timeout_s
        self._late_s = min(chain.patience.late_s, timeout_s / max(1, len(chain.resolvers)))
        self._to_come = chain.resolvers
        self._legs: tuple[Leg, ...] = ()
        self._is_woken = False
        self._alarm: asyncio.TimerHandle | None = None
        self._started = self.loop.time()
        self._asked_at: float | None = None
        self._claimed_at: float | None = None
        self._told_at = self._started - _NEWS_EVERY_S
        self._news_at: float | None = None  # when those who go on are to be told of peers

    def begin(self) -> None:
        """Ask the first resolver; where there is none, that is the end."""
        if self._to_come:
            self._begin_next()
        else:
            self.wake()

    def _left(self) -> None:
        self._stop_asking()
        self._legs = ()
        self._chain.left(self._magnet)

    def _stop_asking(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        for leg in self._legs:
            self._stop(leg)

    def _stop(self, leg: Leg) -> None:
        if (leaving := leg.stop()) is not None:
            self._chain.wait_for(leaving)

    def wake(self) -> None:
        """See `leg.Race`."""
        if not self._is_woken:
            self._is_woken = True
            self.loop.call_soon(self.look)

    def look(self) -> None:
        """Go on, until there is a winner, or nobody who could still become one. See `leg.Race`."""
        self._is_woken = False
        if self.is_over:
            return
        try:
            if self._is_decided() or not self._goes_on():
                self._stop_asking()  # so that each has written down what it did
                self.settle(self._outcome())
        except Exception as error:  # else nobody would hear of it, and somebody wait for ever
            self.settle(error)

    def _goes_on(self) -> bool:
        if any(leg.is_about_to_end for leg in self._legs):
            return True  # that counts, though the time may be over by now; it looks again itself
        self._note_time()
        if not self._is_reading():
            self._pass_peers_on()
            while self._to_come and self._legs[-1].is_late(self.loop.time(), self._late_s):
                self._begin_next()
        if self._is_at_its_end():
            return False
        self._set_alarm()
        return True

    def _outcome(self) -> Outcome:
        """What came of it all."""
        return judge(
            self._magnet,
            [(leg.resolver.name, leg.ended) for leg in self._legs],
            accounts=tuple(leg.account() for leg in self._legs),
            elapsed_s=self.loop.time() - self._started,
        )

    def _begin_next(self) -> None:
        resolver, *_ = self._to_come
        self._to_come = self._to_come[1:]
        self._legs = (*self._legs, self._begin(resolver))

    def _begin(self, resolver: Resolver) -> Leg:
        magnet, known = self._magnet, self._known_peers()
        if known:
            magnet = replace(magnet, peers=tuple(dict.fromkeys((*known, *magnet.peers))))
        return Leg(resolver, magnet, self._left_s(), self)

    def _left_s(self) -> float:
        """What is left of the time; all of it until somebody has been asked."""
        over = self._over_at()
        return self._timeout_s if over is None else max(0.0, over - self.loop.time())

    def _known_peers(self) -> tuple[str, ...]:
        known: dict[str, None] = {}
        for leg in self._legs:
            if leg.trail.peers:
                known |= dict.fromkeys(leg.trail.peers)
        return tuple(known)

    def _pass_peers_on(self) -> None:
        """Peers that are named late go to those who have begun without them; where they joined in, nothing is lost."""
        self._news_at = None
        known = self._known_peers()
        if not known:
            return
        now, left_s = self.loop.time(), self._left_s()
        if left_s <= 0:
            return
        next_s = min(_NEWS_EVERY_S, max(_NEWS_LEAST_S, left_s / 4)) if len(known) > _FEW_PEERS else 0.0
        is_at_its_end = not self._to_come and all(leg.ended is not None for leg in self._legs)
        for leg in self._legs:
            if leg.resolver.name in _TAKES_PEERS and not set(known) <= set(leg.magnet.peers):
                if now < self._told_at + next_s and not is_at_its_end:
                    self._news_at = self._told_at + next_s
                    return
                self._told_at = now
                another = self._begin(leg.resolver)
                self._stop(leg)
                self._legs = tuple(another if one is leg else one for one in self._legs)

    def _note_time(self) -> None:
        now = self.loop.time()
        for leg in self._legs:
            if leg.asked_at is None and leg.trail.asked:
                leg.asked_at = now
                self._asked_at = self._asked_at or now
            if self._claimed_at is None and isinstance(leg.ended, Claim):
                self._claimed_at = now

    def _set_alarm(self) -> None:
        """One that rings too early does no harm, and is kept: most look-ups hear much, and end before any rings."""
        at = self._next_look()
        if at is None or (self._alarm is not None and self._alarm.when() <= at):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self.loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.wake()  # what came in this same turn of the loop is told first

    def _next_look(self) -> float | None:
        """When something is to be done though nothing happens."""
        times = []
        if (over := self._over_at()) is not None:
            times.append(over + self._last_word_s())
        if self._to_come and not self._is_reading() and (asked_at := self._legs[-1].asked_at) is not None:
            times.append(asked_at + self._late_s)
        if self._claimed_at is not None:
            times.append(self._claimed_at + self._proof_s())
        if self._news_at is not None and not self._is_reading():
            times.append(self._news_at)
        return min(times, default=None)

    def _over_at(self) -> float | None:
        return None if self._asked_at is None else self._asked_at + self._timeout_s

    def _is_decided(self) -> bool:
        """Whether a name is proven, or it is proven that there is none."""
        return any(leg.is_proof for leg in self._legs)

    def _is_at_its_end(self) -> bool:
        """Whether nobody is left, or the time is over."""
        if not self._to_come and all(leg.ended is not None for leg in self._legs):
            return True
        now = self.loop.time()
        if self._claimed_at is not None and now >= self._claimed_at + self._proof_s():
            return True
        over = self._over_at()
        return over is not None and now >= over + self._last_word_s()

    def _is_reading(self) -> bool:
        return any(leg.is_reading for leg in self._legs)

    def _proof_s(self) -> float:
        patience = self._chain.patience
        return max(patience.proof_s, patience.reading_s) if self._is_reading() else patience.proof_s

    def _last_word_s(self) -> float:
        """What is there is read to its end, unless those of too many others are read first."""
        patience = self._chain.patience
        return patience.reading_s if self._is_reading() else patience.last_word_s
