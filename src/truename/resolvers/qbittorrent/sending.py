"""Gives a named magnet to the owner's qBittorrent, stopped. What becomes of it there is up to them."""

import asyncio
from dataclasses import replace

from truename.errors import ResolverDown
from truename.magnet import Magnet
from truename.resolvers.qbittorrent.circuit import Circuit
from truename.resolvers.qbittorrent.config import QbittorrentConfig
from truename.resolvers.qbittorrent.owner import Owner
from truename.resolvers.qbittorrent.session import Session
from truename.resolvers.qbittorrent.wire import magnet_for


class Sender:
    """A conversation of its own, begun with the first magnet. Belongs to one event loop."""

    def __init__(self, config: QbittorrentConfig) -> None:
        # The administrator's trackers are for look-ups; they would stay in what is the person's.
        self._config = replace(config, trackers=())
        self._owner = Owner(lambda: Session(config), patience_s=3 * config.limits.answer_s)
        self._circuit = Circuit()
        self._logged_in = False
        self._one_at_a_time = asyncio.Lock()

    async def send(self, magnet: Magnet, name: str) -> bool:
        """Add a torrent. Output: whether it was not there yet. Errors: `ResolverDown`."""
        url = magnet_for(magnet, self._config, stopped=True)
        async with self._one_at_a_time:
            now = asyncio.get_running_loop().time()
            if self._circuit.is_open(now):
                raise ResolverDown(self._circuit.reason)
            try:
                return await self._give(url, name)
            except ResolverDown as error:
                self._circuit.failed(error.reason, now)
                self._logged_in = False
                raise

    def close(self) -> None:
        """End the conversation. Idempotent."""
        if self._logged_in:
            self._owner.last(lambda session: session.do(Session.log_out))
        self._owner.end()

    async def _give(self, url: str, name: str) -> bool:
        if not self._logged_in:
            await self._owner.call(lambda session: session.do(Session.log_in))
            self._logged_in = True
        given = await self._owner.call(lambda session: session.do(lambda same: same.give(url, name=name)))
        self._circuit.worked()
        return given
