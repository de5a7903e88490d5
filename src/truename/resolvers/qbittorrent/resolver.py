"""The resolver `qbittorrent`: names from the person's own client, proven by the metadata it exports.

A hash that is in it already is only read. Another one is fetched, where the server can (5.2), or added so that it stops
when its metadata is there, and always removed again. What a killed run has left is removed at the next start; a look-up
that finds its hash there keeps that until it ends.
Source: wiki page "WebUI API" and WebAPI_Changelog.md of qBittorrent.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from truename import partings
from truename.errors import ResolverDown
from truename.magnet import Magnet
from truename.resolvers.base import Found, ResolverHealth, Trail
from truename.resolvers.qbittorrent.circuit import Circuit
from truename.resolvers.qbittorrent.config import QbittorrentConfig
from truename.resolvers.qbittorrent.errands import Errands, Waiter
from truename.resolvers.qbittorrent.owner import Owner
from truename.resolvers.qbittorrent.rounds import Rounds
from truename.resolvers.qbittorrent.session import Session

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_GATHER_S: Final = 0.02
"""Who asks in this time is in the same round."""
_SOON_S, _SLOWER, _AT_LAST_S = 0.15, 1.3, 1.0
"""Between two rounds that bring nothing new."""
_HELP_S: Final = 3.0
_HEALTH_S: Final = 4.0
_FAREWELL_S: Final = 2.0
_LAST_CALLS_S: Final = 0.3
"""For tags and the log-out, when nobody is waited for any more."""


class QbittorrentResolver:
    """The port `Resolver` over a qBittorrent. Belongs to one event loop.

    Any number of `resolve` calls may run at once; those for one hash share an errand, and all share one poll.
    """

    name: Final = "qbittorrent"

    def __init__(self, config: QbittorrentConfig) -> None:
        self._loop = asyncio.get_running_loop()
        self._owner = Owner(lambda: Session(config), patience_s=3 * config.limits.answer_s)
        self._circuit = Circuit()
        self._errands = Errands(config.limits.at_once)
        self._rounds = Rounds(config, self._errands, self._ask)
        self._news = asyncio.Event()
        self._round_over = asyncio.Event()
        self._looked_for = True  # what a killed run has left is looked for at once
        self._closed = False
        self._owes_farewell = False  # something of ours may be there
        self._running = self._loop.create_task(self._run())
        partings.add(self._part)

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Found:
        """See `Resolver.resolve`."""
        if self._closed:
            raise ResolverDown("stopping")
        if self._circuit.is_open(self._loop.time()):
            raise ResolverDown(self._circuit.reason)
        waiter = Waiter(deadline_s, self._loop.create_future(), trail or Trail())
        errand = self._errands.join(magnet, waiter)
        self._news.set()
        try:
            return await waiter.answer
        finally:
            if self._errands.leave(errand, waiter):
                self._rounds.withdraw(errand)
            self._news.set()

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`."""
        if self._closed:
            return ResolverHealth(able=False, reason="stopping")
        has_said = self._circuit.is_open(self._loop.time()) or await self._says_something()
        server = self._rounds.server
        if self._circuit.reason or server is None or not has_said:
            return ResolverHealth(able=False, reason=self._circuit.reason or "qbittorrent_silent")
        api = ".".join(map(str, server.api))
        return ResolverHealth(able=True, subject=f"qBittorrent {server.version}, Web API {api}")

    async def _says_something(self) -> bool:
        """Whether a round ends soon, well or not."""
        self._round_over.clear()
        self._looked_for = True
        self._news.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEALTH_S):
                return await self._round_over.wait()
        return False

    async def aclose(self) -> None:
        """See `Resolver.aclose`. What is ours is removed by the thread, also when nobody waits for that."""
        if self._closed:
            return
        self._closed = True
        self._errands.fail_all(ResolverDown("stopping"))
        self._running.cancel()
        try:
            await asyncio.wait([self._running])
            if (farewell := self._farewell(_FAREWELL_S)) is not None:
                with suppress(ResolverDown, TimeoutError):
                    async with asyncio.timeout(2 * _FAREWELL_S):
                        await self._owner.call(farewell, sure=True)
            partings.remove(self._part)
        finally:
            self._owner.end()

    def _farewell(self, patience_s: float) -> Callable[[Session], None] | None:
        """Remove what is ours, and log out; None when that was done, or there is nobody to say it to."""
        owes, self._owes_farewell = self._owes_farewell, False
        if not owes or self._rounds.server is None:
            return None
        part = self._rounds.farewell(patience_s)
        return lambda session: session.do(part)

    def _part(self, within_s: float) -> None:
        """The process ends without `aclose`, or before that is done."""
        if (farewell := self._farewell(within_s - _LAST_CALLS_S)) is not None:
            with suppress(ResolverDown):
                self._owner.last(farewell)
        self._owner.end()
        self._owner.join(within_s)

    async def _ask(self, work: Callable[[Session], _T]) -> _T:
        helped = self._loop.call_later(_HELP_S, self._let_others_begin)
        try:
            return await self._owner.call(lambda session: session.do(work))
        finally:
            helped.cancel()

    def _let_others_begin(self) -> None:
        """The server is slow: whoever comes next need not wait for it, and who waits for it has an end too."""
        for errand in self._errands:
            for waiter in errand.waiters:
                waiter.trail.needs_help()
        for errand in self._errands.turn.values():
            for waiter in errand.waiters:
                waiter.start_clock(heard=errand.asked)

    async def _run(self) -> None:
        every_s = _SOON_S
        while True:
            await self._until_due()
            self._news.clear()
            self._owes_farewell = True
            try:
                brought_news = await self._rounds.run()
            except ResolverDown as error:
                self._give_up(error)
            except Exception:  # a defect here is not the end of the program
                log.exception("a round with qBittorrent broke")
                self._give_up(ResolverDown("qbittorrent_broken"))
            else:
                self._go_on()
                every_s = _SOON_S if brought_news else min(every_s * _SLOWER, _AT_LAST_S)
                await self._pause(every_s)

    async def _until_due(self) -> None:
        """Wait until there is something to do, and it may be done."""
        while not (self._looked_for or self._errands.turn or not self._rounds.is_tidy):
            await self._news.wait()
            self._news.clear()
        while (wait_s := self._circuit.until - self._loop.time()) > 0 and self._circuit.reason:
            await asyncio.sleep(wait_s)

    async def _pause(self, every_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(every_s):
                await self._news.wait()
        await asyncio.sleep(_GATHER_S)

    def _go_on(self) -> None:
        if self._circuit.reason:
            log.info("qBittorrent answers again")
        self._circuit.worked()
        self._looked_for = False
        self._round_over.set()

    def _give_up(self, error: ResolverDown) -> None:
        if error.reason != self._circuit.reason:
            log.warning("qBittorrent cannot be asked", extra={"reason": error.reason})
        self._owes_farewell = False
        self._circuit.failed(error.reason, self._loop.time())
        self._rounds.start_over()
        self._errands.fail_all(ResolverDown(error.reason))
        self._round_over.set()
