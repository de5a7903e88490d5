"""The swarm resolver: asks trackers, DHT and peers through one long-lived libtorrent session.

Every hash that is asked for is in the session from the start, where peers can find it; what waits for turns are the
questions we send. Names and digests are judged by `metainfo.py` from the raw bytes, never by libtorrent.
Source: BEP 3, 5, 9, 10, 15.
"""

import asyncio
import contextlib
from functools import partial
from typing import Final

from truename.asked import Asked, Ended, answer_of
from truename.errors import ResolverDown
from truename.magnet import Magnet
from truename.metainfo import InfoBytes, Metainfo
from truename.resolvers.base import ResolverHealth, Trail
from truename.resolvers.reading import Reading
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.switchboard import Switchboard

_START_S = 10.0
_CLOSE_S = 3.0
_WAY_S = 1.0
"""For four round trips to a proxy. Until then libtorrent drops what it wants to send over UDP, and sends it again only
after half a minute."""


class SwarmResolver:
    """The port `Resolver` over a swarm session, which begins with the first question.

    Belongs to one event loop. Any number of `resolve` calls may run at once; those for one hash share a conversation.
    """

    name: Final = "swarm"

    def __init__(self, config: SwarmConfig) -> None:
        self._config = config
        self._switchboard: Switchboard | None = None
        self._reading = Reading()
        self._way_open_at = 0.0
        self._closed = False

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        """See `Resolver.resolve`. The torrent leaves the session as soon as nobody waits for it."""
        raw = await answer_of(partial(self.ask, magnet, deadline_s=deadline_s, trail=trail or Trail()))
        return await self._reading.read(raw, magnet.hashes)

    def open(self) -> None:
        """Open the session now, and not with the first question. Errors: `ResolverDown`."""
        self._started()

    def ask(self, magnet: Magnet, ended: Ended[InfoBytes], *, deadline_s: float, trail: Trail) -> Asked[InfoBytes]:
        """Ask for the info dictionary as it came, whose digest is right and which has not been read.

        Units: as in `resolve`. Errors: `ResolverDown`; `ended` is called with what else there is.
        """
        return self._started().ask(magnet, deadline_s, trail, ended, after_s=self._way_opens_in_s())

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`. The DHT is not waited for: until its time to wake up is over, this is `coming_up`."""
        try:
            switchboard = self._started()
        except ResolverDown as down:
            return ResolverHealth(
                able=False, reason=down.reason, subject=down.subject, dht_enabled=self._config.asks_dht
            )
        await _look(switchboard, dht=self._config.asks_dht)
        failure, dht = switchboard.sockets.failure, switchboard.dht
        now = asyncio.get_running_loop().time()
        asleep = self._config.asks_dht and not dht.is_awake(now)
        return ResolverHealth(
            able=failure is None and not asleep,
            listening=switchboard.sockets.open,
            dht_enabled=self._config.asks_dht,
            dht_nodes=dht.nodes,
            reason=failure.reason if failure else self._why_no_dht(asleep=asleep),
            subject=failure.subject if failure else "",
            coming_up=failure is None and asleep and not dht.is_hopeless(now),
            dht_for_s=dht.for_s(now),
        )

    async def pulse(self) -> None:
        """Wait for an answer of libtorrent, if there is a session; for ever, where its threads stand still."""
        if self._switchboard is not None:
            await self._switchboard.look_around()

    def _way_opens_in_s(self) -> float:
        """Until the proxy, if there is one, has had its time to open the way for UDP. Nobody is asked before."""
        return max(0.0, self._way_open_at - asyncio.get_running_loop().time())

    def _why_no_dht(self, *, asleep: bool) -> str:
        if asleep:
            return "no_dht_through_proxy" if self._config.proxy else "no_dht_node"
        return "dht_needs_address" if self._config.dht and not self._config.asks_dht else ""

    async def aclose(self) -> None:
        """See `Resolver.aclose`."""
        self._closed = True
        if self._switchboard is not None:
            await self._switchboard.close(_CLOSE_S)

    def _started(self) -> Switchboard:
        if self._closed:
            raise ResolverDown("stopping")
        if self._switchboard is None:
            try:
                self._switchboard = Switchboard(self._config)
                if self._config.proxy:
                    self._way_open_at = asyncio.get_running_loop().time() + _WAY_S
            except (OSError, RuntimeError, TypeError, ValueError) as error:
                raise ResolverDown("session_failed") from error
        return self._switchboard


async def _look(switchboard: Switchboard, *, dht: bool) -> None:
    """Wait until the sockets are open and what is known of the DHT is of now."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            await switchboard.sockets.settled.wait()
        if dht and switchboard.sockets.failure is None:
            async with asyncio.timeout(_START_S):
                await switchboard.look_around()
