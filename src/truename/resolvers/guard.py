"""The guard around one libtorrent session: which torrents have to leave it, since it will not get their metadata.

A peer that lies about the size of the metadata at the right moment stops libtorrent 2.1.1 for that torrent, and where
its blocks are true, makes it ask all peers for them thousands of times a second. So a torrent that asks for more than
its metadata can be is put out at once, and any other when it has had peers for a while. Knows nothing of who waits.
Source: the reasons and figures are in `docs/adr/0008-a-guard-around-libtorrent.md`.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from truename.resolvers.events import Handle, Moved, Traffic
from truename.resolvers.session import SwarmSession
from truename.resolvers.tuning import MAX_METADATA_BYTES

LOOK_S: Final = 0.02
_LOOK_S_PER_TORRENT = 0.0001
"""Between two looks; where many torrents have news, looking costs more, and each moves less."""

_LOOKED_AT_EACH = 10
"""libtorrent tells of bytes once a second. So many torrents with peers are asked for them at each look, in turn."""

_FREE_BYTES = 128 * 1024
"""What any torrent may move. Most metadata is smaller, and a hundred peers that only greet move less."""

_MOST_BYTES = MAX_METADATA_BYTES + (1 << 20)

_HELLO_BYTES = 1500
_REQUEST_BYTES = 33
_UNANSWERED = 2
"""What one peer is sent at most: its greeting, encrypted and padded; a request; so many at a time."""

_NEARLY_A_BLOCK_BYTES = 16_000


@dataclass(slots=True)
class _Watched:
    """One torrent. `greeted` counts the connections that were seen."""

    connected: int = 0
    greeted: int = 0

    def note(self, connected: int) -> None:
        self.greeted += max(0, connected - self.connected)
        self.connected = connected


def is_a_storm(sent: int, received: int, *, greeted: int) -> bool:
    """Whether the requests of a torrent, which moved so many bytes, cannot all have been for different blocks.

    All blocks but the last have 16 KiB: requests that brought less than that each, asked for the same ones again.
    """
    if sent + received < _FREE_BYTES:
        return False
    asked = (sent - greeted * _HELLO_BYTES) // _REQUEST_BYTES - greeted * _UNANSWERED
    return received < asked * _NEARLY_A_BLOCK_BYTES or received > _MOST_BYTES


class Guard:
    """Looks at the torrents of a session.

    `stuck` is called for each that has had peers for too long, `lied_to` for each that asks too much; then it has
    `left`.
    """

    def __init__(
        self,
        session: SwarmSession,
        patience_s: float,
        *,
        stuck: Callable[[Handle], None],
        lied_to: Callable[[Handle], None],
    ) -> None:
        self._session = session
        self._patience_s = patience_s
        self._stuck = stuck
        self._lied_to = lied_to
        self._watched: dict[Handle, _Watched] = {}
        self._connected: OrderedDict[Handle, float] = OrderedDict()  # since when; so the oldest is the first
        self._rota: OrderedDict[Handle, None] = OrderedDict()  # those that have peers now
        self._look_at = 0.0

    def begin(self, handle: Handle) -> None:
        """This torrent is in the session now."""
        self._watched[handle] = _Watched()

    def left(self, handle: Handle) -> None:
        """This torrent is not in the session any more, or is about to leave."""
        self._watched.pop(handle, None)
        self._connected.pop(handle, None)
        self._rota.pop(handle, None)

    def look(self, now: float) -> bool:
        """To be called every `LOOK_S` while there are torrents; says whether there are any."""
        if not self._watched:
            return False
        if now >= self._look_at:
            self._look_at = now
            chosen = list(islice(self._rota, _LOOKED_AT_EACH))
            for handle in chosen:
                self._rota.move_to_end(handle)
            self._session.watch(chosen)
            self._end_patience(now)
        return True

    def moved(self, event: Moved, now: float) -> None:
        """Take in what the torrents have moved; those that have left may still be among them."""
        self._look_at = now + _LOOK_S_PER_TORRENT * len(event.torrents)
        for traffic in event.torrents:
            watched = self._watched.get(traffic.handle)
            if watched is not None:
                watched.note(traffic.connected)
                self._judge(traffic, watched, now)

    def _judge(self, traffic: Traffic, watched: _Watched, now: float) -> None:
        if traffic.connected:
            self._connected.setdefault(traffic.handle, now)
            self._rota.setdefault(traffic.handle)
        else:
            self._rota.pop(traffic.handle, None)
        if is_a_storm(traffic.sent, traffic.received, greeted=watched.greeted):
            self._lied_to(traffic.handle)

    def _end_patience(self, now: float) -> None:
        """Those whose peers have all gone again may meet others."""
        while self._connected:
            handle, since = next(iter(self._connected.items()))
            if since + self._patience_s > now:
                break
            del self._connected[handle]
            if self._watched[handle].connected:
                self._stuck(handle)
