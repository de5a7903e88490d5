"""Look-up in, outcome out: asks one resolver after the other, and turns whatever they answer into an `Outcome`.

The first proven name wins. A resolver that fails, is late or wants help brings in the next one, and goes on beside it:
so one that never answers costs a few seconds and not the look-up. No database, no person.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.model import Outcome
from truename.resolvers.base import Claim, Resolver, ResolverHealth, Told
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

_GLANCE_S: Final = 2.0

_TAKES_PEERS: Final = frozenset(("direct",))
"""Who can be told of more peers while it goes on."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the chain waits before it goes on, in seconds."""

    late_s: float = _LATE_S
    proof_s: float = _PROOF_S
    last_word_s: float = _LAST_WORD_S


class Chain:
    """Resolvers in the order in which they are asked. Belongs to one event loop."""

    def __init__(self, resolvers: Sequence[Resolver], *, patience: Patience | None = None) -> None:
        self.resolvers = tuple(resolvers)
        self._patience = patience or Patience()
        self._looks = Looks(self.resolvers)
        self._leaving: set[asyncio.Task[None]] = set()  # losers, whose good manners hold nobody up
        self._under_way: dict[InfoHash, list[Magnet]] = {}

    async def look_up(self, magnet: Magnet, *, timeout_s: float, beside: bool = False) -> Outcome:
        """Ask for the name of a magnet.

        Input:  `beside`: somebody has joined a look-up of the hash that goes on; whom the magnet adds comes first.
        Output: an outcome that is final in every case.
        Units:  `timeout_s` is for all resolvers together, and counts from the first question that one of them sends.
        Errors: none of its own; cancellation ends every conversation, then propagates.
        """
        running = self._under_way.setdefault(magnet.info_hash, [])
        if beside:
            magnet = _new_ones_first(magnet, running)
        race = _Race(magnet, self.resolvers, timeout_s, self._patience)
        running.append(magnet)
        try:
            await race.run()
        finally:
            running.remove(magnet)
            if not running:
                del self._under_way[magnet.info_hash]
            for leaving in race.stop():
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
        return race.outcome()

    async def health(self) -> list[tuple[str, ResolverHealth]]:
        """How each resolver is doing, in their order; each has its time to come up."""
        states = await asyncio.gather(*map(when_up, self.resolvers))
        return [(each.name, state) for each, state in zip(self.resolvers, states, strict=True)]

    async def glance(self) -> list[Told]:
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


class _Race:
    """One look-up, from the first resolver's start to the last one's end."""

    __slots__ = (
        *("_alarm", "_asked_at", "_claimed_at", "_late_s", "_legs", "_loop", "_magnet", "_news", "_patience"),
        *("_started", "_timeout_s", "_to_come"),
    )

    def __init__(self, magnet: Magnet, resolvers: Sequence[Resolver], timeout_s: float, patience: Patience) -> None:
        self._loop = asyncio.get_running_loop()
        self._magnet = magnet
        self._to_come = list(reversed(resolvers))
        self._timeout_s = timeout_s
        self._patience = patience
        self._late_s = min(patience.late_s, timeout_s / max(1, len(resolvers)))
        self._legs: list[Leg] = []
        self._news: asyncio.Future[None] = self._loop.create_future()
        self._alarm: asyncio.TimerHandle | None = None
        self._started = self._loop.time()
        self._asked_at: float | None = None
        self._claimed_at: float | None = None

    def wake(self) -> None:
        """Something has happened."""
        if not self._news.done():
            self._news.set_result(None)

    def left_s(self) -> float:
        """What is left of the time; all of it until somebody has been asked."""
        over = self._over_at()
        return self._timeout_s if over is None else max(0.0, over - self._loop.time())

    async def run(self) -> None:
        """Go on until there is a winner, or nobody who could still become one."""
        self._begin_next()
        while True:
            self._set_alarm()
            await self._news
            if self._is_decided():
                return
            self._news = self._loop.create_future()
            self._note_time()
            self._pass_peers_on()
            while self._to_come and self._legs[-1].is_late(self._loop.time(), self._late_s):
                self._begin_next()
            if self._is_over():
                return

    def stop(self) -> list[asyncio.Task[None]]:
        """End what still goes on. Output: the conversations that are being closed."""
        if self._alarm is not None:
            self._alarm.cancel()
        return [leaving for leg in self._legs if (leaving := leg.stop()) is not None]

    def outcome(self) -> Outcome:
        """What came of it all."""
        return judge(
            self._magnet,
            [(leg.resolver.name, leg.ended) for leg in self._legs],
            accounts=tuple(leg.account() for leg in self._legs),
            elapsed_s=self._loop.time() - self._started,
        )

    def _begin_next(self) -> None:
        self._legs.append(self._begin(self._to_come.pop(), self._magnet))

    def _begin(self, resolver: Resolver, magnet: Magnet) -> Leg:
        known = self._known_peers()
        if known:
            magnet = replace(magnet, peers=tuple(dict.fromkeys((*known, *magnet.peers))))
        return Leg(resolver, magnet, self.left_s(), self.wake)

    def _known_peers(self) -> tuple[str, ...]:
        known: dict[str, None] = {}
        for leg in self._legs:
            if leg.trail.peers:
                known |= dict.fromkeys(leg.trail.peers)
        return tuple(known)

    def _pass_peers_on(self) -> None:
        """Peers that are named late go to those who have begun without them; where they joined in, nothing is lost."""
        known = self._known_peers()
        if not known:
            return
        for place, leg in enumerate(self._legs):
            if leg.resolver.name in _TAKES_PEERS and not set(known) <= set(leg.magnet.peers):
                self._legs[place] = self._begin(leg.resolver, self._magnet)
                leg.stop()

    def _note_time(self) -> None:
        now = self._loop.time()
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
        self._alarm = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.wake()

    def _next_look(self) -> float | None:
        """When something is to be done though nothing happens."""
        times = []
        if (over := self._over_at()) is not None:
            times.append(over + self._patience.last_word_s)
        if self._to_come and (asked_at := self._legs[-1].asked_at) is not None:
            times.append(asked_at + self._late_s)
        if self._claimed_at is not None:
            times.append(self._claimed_at + self._patience.proof_s)
        return min(times, default=None)

    def _over_at(self) -> float | None:
        return None if self._asked_at is None else self._asked_at + self._timeout_s

    def _is_decided(self) -> bool:
        """Whether a name is proven, or it is proven that there is none."""
        return any(leg.is_proof for leg in self._legs)

    def _is_over(self) -> bool:
        """Whether nobody is left, or the time is over."""
        if not self._to_come and all(leg.ended is not None for leg in self._legs):
            return True
        now = self._loop.time()
        if self._claimed_at is not None and now >= self._claimed_at + self._patience.proof_s:
            return True
        over = self._over_at()
        return over is not None and now >= over + self._patience.last_word_s
