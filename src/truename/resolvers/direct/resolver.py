"""The resolver `direct`: a small BEP 9 client of our own, for trackers and peers over plain TCP.

It reaches fewer peers than libtorrent does (no DHT, uTP, encryption), and what one peer says never spoils what another
one gives. The administrator's trackers may be on private addresses; what magnets and trackers name may not.
Source: BEP 3, 7, 9, 10, 15, 23.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from truename.asked import Asked, Ended, answer_of
from truename.errors import NotYet, ResolverDown, TruenameError
from truename.gateway import Gateway
from truename.magnet import Magnet
from truename.metainfo import InfoBytes, Metainfo
from truename.resolvers.addresses import usable_peers, usable_trackers
from truename.resolvers.base import ResolverHealth, Trail
from truename.resolvers.direct.allowance import Room
from truename.resolvers.direct.config import DirectConfig
from truename.resolvers.direct.dialer import Dialer
from truename.resolvers.direct.hosts import HostNames, LookUp, ask_system
from truename.resolvers.direct.quest import Over, Quest
from truename.resolvers.direct.reach import Reach
from truename.resolvers.direct.trackers import Tracker, Trackers
from truename.resolvers.direct.turns import Turns
from truename.resolvers.ourselves import Ourselves
from truename.resolvers.reading import Reading
from truename.resolvers.whom import Whom, remembering

_PORTS = range(61_000, 65_536)
"""One of these is announced. Systems take ports for connections from below, so no neighbour is taken for ourselves."""


class _Waiter(Asked[Metainfo]):
    """One question, in one errand for each hash of its magnet.

    `found` becomes the raw info dictionary of the magnet's first hash. A second hash is one more way to find that; if
    it leads to another torrent, that is nothing to this waiter.
    `whom` its own magnet let us ask: of what others have named it is told nothing.
    """

    __slots__ = (
        *("_clock", "_deadline_s", "_left_asked", "_left_seen", "_magnet", "_on_left", "_reading", "_reads", "errands"),
        *("found", "trail", "whom"),
    )

    def __init__(
        self,
        magnet: Magnet,
        deadline_s: float,
        trail: Trail,
        ended: Ended[Metainfo],
        *,
        whom: Whom,
        reading: Reading,
        on_left: "Callable[[_Waiter], None]",
    ) -> None:
        super().__init__(asyncio.get_running_loop(), ended)
        self.trail = trail
        self.whom = whom
        self.errands: list[_Errand] = []
        self.found: InfoBytes | None = None
        self._magnet = magnet
        self._deadline_s = deadline_s
        self._reading = reading
        self._reads: asyncio.Task[None] | None = None
        self._on_left = on_left
        self._left_seen = 0
        self._left_asked = False
        self._clock: asyncio.TimerHandle | None = None

    def start_clock(self) -> None:
        """The first question has been sent."""
        if self._clock is None:
            self._clock = self.loop.call_later(self._deadline_s, self._time_is_over)
            self.trail.question_sent()

    def take(self, raw: InfoBytes) -> None:
        """Read the dictionary, if it is the right one, and end with what it says."""
        if self.found is None and not self.is_over and raw.is_one_of((self._magnet.info_hash,)):
            self.found = raw
            self._stop_clock()
            self.trail.has_found = True
            self._reads = self._reading.begin(raw, self._magnet.hashes, self.settle)

    def fail(self, error: Exception) -> None:
        """End with an error, unless there is a dictionary."""
        if self.found is None:
            self.settle(error)

    def leave(self, errand: "_Errand") -> None:
        """One of its hashes helps no more; what was done for that remains done.

        Whoever gave it the dictionary was tried, and be it that only others have named them.
        """
        others, known = errand.quest.others(self.whom), self.trail.counts
        counts = errand.quest.counts(others)
        if self.found is not None:
            counts["tried"] = max(1, counts.get("tried", 0))
        self.trail.note({word: max(count, known.get(word, 0)) for word, count in counts.items()})
        self.trail.said = errand.quest.said(others) or self.trail.said
        self._left_seen = max(self._left_seen, errand.quest.seen(others))
        self._left_asked = self._left_asked or errand.quest.asks_for(others)
        if errand in self.errands:
            self.errands.remove(errand)

    def nobody_answered(self) -> NotYet | ResolverDown:
        """What to say when it was asked in vain, or would have been, had it had anybody to ask."""
        waits = [(errand.quest, errand.quest.others(self.whom)) for errand in self.errands]
        if not self._left_asked and not any(quest.asks_for(others) for quest, others in waits):
            return self.whom.nobody_to_ask()
        return NotYet(peers_seen=max((self._left_seen, *(quest.seen(others) for quest, others in waits))))

    def _left(self) -> None:
        self._stop_clock()
        if self._reads is not None:
            self._reads.cancel()
        self._on_left(self)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()

    def _time_is_over(self) -> None:
        self.fail(self.nobody_answered())


class _Errand:
    """A quest that runs, and those who wait for it. `on_over` is called when it has ended and nobody waits any more."""

    __slots__ = ("_on_over", "hash20", "quest", "waiters")

    def __init__(self, hash20: str, reach: Reach, on_over: "Callable[[_Errand], None]") -> None:
        self.hash20 = hash20
        self.waiters: list[_Waiter] = []
        self.quest = Quest(hash20, reach, self)
        self._on_over = on_over

    def admit(self, waiter: _Waiter) -> None:
        """Somebody else waits, with the whole of their own time."""
        self.waiters.append(waiter)
        waiter.errands.append(self)
        if self.quest.asked:
            waiter.start_clock()

    def dismiss(self, waiter: _Waiter) -> None:
        """Somebody does not wait any more, and may know what was done."""
        if waiter in self.waiters:
            self.waiters.remove(waiter)
        waiter.leave(self)

    def asked(self) -> None:
        """See `Client`."""
        for waiter in self.waiters:
            waiter.start_clock()

    def over(self, ending: InfoBytes | Over) -> None:
        """See `Client`."""
        for waiter in list(self.waiters):
            if isinstance(ending, InfoBytes):
                waiter.take(ending)
            self.dismiss(waiter)
            if not waiter.errands:
                waiter.fail(_why(ending, waiter))
        self._on_over(self)


def _why(ending: InfoBytes | Over, waiter: _Waiter) -> TruenameError:
    match ending:
        case Over.NOBODY:
            return waiter.whom.nobody_to_ask()
        case Over.STOPPED:
            return ResolverDown("stopping")
        case _:  # some peer had a torrent, and it is not the one of this waiter
            return waiter.nobody_answered()


class DirectResolver:
    """The port `Resolver` over our own client. Belongs to one event loop.

    Any number of `resolve` calls may run at once; those for one hash share a quest. With a `gateway` everything goes
    through that proxy: names are looked up by it, and trackers over UDP are not asked.
    """

    name: Final = "direct"

    def __init__(
        self,
        config: DirectConfig,
        *,
        look_up: LookUp = ask_system,
        gateway: Gateway | None = None,
        ourselves: Ourselves | None = None,
    ) -> None:
        self._config = config
        self._hosts = None if gateway else HostNames(look_up)
        dialer = Dialer(allow_private=config.allow_private, gateway=gateway)
        self._reach = Reach(
            dialer=dialer,
            trackers=Trackers(dialer, self._hosts, config.limits, allow_private=config.allow_private),
            limits=config.limits,
            allow_private=config.allow_private,
            peer_id=secrets.token_bytes(20),  # BEP 20's way to say which program it is would tell more than it helps
            port=secrets.choice(_PORTS),
            key=secrets.randbits(32),
            connections=Turns(config.limits.connections),
            room=Room(config.limits.held_bytes, time.monotonic, turn_s=config.limits.turn_s),
            ourselves=ourselves or Ourselves(),
        )
        self._own = [
            Tracker(url, exempt=True) for url in self._askable(usable_trackers(config.trackers, allow_private=True))
        ]
        self._whom_to_ask = remembering(self._choose)
        self._reading = Reading()
        self._errands: dict[str, _Errand] = {}
        self._live: set[_Errand] = set()
        self._closed = False

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        """See `Resolver.resolve`. A quest ends as soon as nobody waits for it."""
        return await answer_of(partial(self.begin, magnet, deadline_s=deadline_s, trail=trail or Trail()))

    def begin(self, magnet: Magnet, ended: Ended[Metainfo], *, deadline_s: float, trail: Trail) -> Asked[Metainfo]:
        """See `Beginning.begin`."""
        if self._closed:
            raise ResolverDown("stopping")
        trackers, whom = self._whom_to_ask(magnet)
        waiter = _Waiter(magnet, deadline_s, trail, ended, whom=whom, reading=self._reading, on_left=self._leave)
        try:
            self._join(waiter, magnet, trackers)
        except Exception as error:  # a defect must leave nobody behind
            waiter.settle(error)
        return waiter

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`. It needs nothing but those whom a magnet or the administrator names."""
        return ResolverHealth(able=not self._closed, reason="stopping" if self._closed else "")

    async def aclose(self) -> None:
        """See `Resolver.aclose`."""
        self._closed = True
        for errand in self._live:
            for waiter in errand.waiters:
                waiter.fail(ResolverDown("stopping"))
            errand.quest.stop()
        await self._reach.trackers.aclose()
        await self._reach.dialer.aclose()
        if self._hosts is not None:
            self._hosts.close()

    def _choose(self, named: Sequence[str], peers: Sequence[str]) -> tuple[Sequence[Tracker], Whom]:
        private = self._config.allow_private
        named = named if self._config.magnet_trackers else ()
        usable = usable_trackers(named, allow_private=private)
        trackers = (*self._own, *map(Tracker, self._askable(usable)))
        usable_ones = tuple(usable_peers(peers, allow_private=private))
        is_unusable = bool(named or peers) and not (usable or usable_ones or self._own)
        return trackers, Whom(tuple(one.url for one in trackers), peers=usable_ones, is_unusable=is_unusable)

    def _askable(self, urls: Iterable[str]) -> Iterable[str]:
        """Without those over UDP where a proxy is the only way out."""
        return urls if self._hosts is not None else (url for url in urls if not url.startswith("udp:"))

    def _join(self, waiter: _Waiter, magnet: Magnet, trackers: Sequence[Tracker]) -> None:
        for hash20 in dict.fromkeys(info_hash.hash20 for info_hash in magnet.hashes):
            errand = self._errands.get(hash20)
            is_new = errand is None or errand.quest.is_over
            if errand is None or is_new:
                errand = self._errands[hash20] = _Errand(hash20, self._reach, self._over)
                self._live.add(errand)
            errand.admit(waiter)
            errand.quest.add(trackers, waiter.whom.peers)
            if is_new:
                errand.quest.begin()

    def _leave(self, waiter: _Waiter) -> None:
        for errand in list(waiter.errands):
            errand.dismiss(waiter)
            if not errand.waiters:
                self._forget(errand)
                errand.quest.stop()

    def _forget(self, errand: _Errand) -> None:
        if self._errands.get(errand.hash20) is errand:
            del self._errands[errand.hash20]

    def _over(self, errand: _Errand) -> None:
        self._live.discard(errand)
        self._forget(errand)
