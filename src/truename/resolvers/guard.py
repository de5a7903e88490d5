"""The guard around one libtorrent session: which torrents have to leave it, since it will not get their metadata.

A peer that lies about the size of the metadata at the right moment stops libtorrent 2.1.1 for that torrent, and where
its blocks are true, makes it ask all peers for them thousands of times a second. So a torrent that has moved more than
most metadata is slowed down, one that asks for more than its metadata can be is put out, and any other when it has had
peers for long, or for a moment where memory is short: a mere claim has it set aside. Knows nothing of who waits.
Source: the reasons and figures are in `docs/adr/0008-a-guard-around-libtorrent.md`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from truename.resolvers.base import MAX_METADATA_BYTES
from truename.resolvers.events import Handle, Moved, PeersSeen, Traffic
from truename.resolvers.memory import Memory
from truename.resolvers.session import SwarmSession

LOOK_S: Final = 0.002
"""Until the first look at a torrent. Where few torrents have peers, a storm has the whole machine."""

_LATER_LOOK_S = 0.02
_LOOK_S_PER_TORRENT = 0.0004
_IDLE_LOOK_S = 0.1
"""Where no torrent has peers. Of one that gets some a storm is seen so much later, a few ten kilobytes."""

_FEW_TORRENTS = 16
_FRESH_S = 1.0
"""Between later looks; where many torrents have news, looking costs more, and each moves less."""

_LONG_PATIENCE = 3
"""So many times as long as until it is doubted a torrent stays: its peers may be slow, and somebody else asks them."""

_SHORT_PATIENCE_S = 1.0
"""Where memory is short. What has a name to give has mostly given it by then."""

_LOOKED_AT_EACH = 50
"""libtorrent tells of bytes once a second. So many torrents with peers are asked for them at each look, in turn."""

_FREE_BYTES = 128 * 1024
"""What any torrent may move. Most metadata is smaller, and a hundred peers that only greet move less. With more it is
slowed down: large metadata still comes in time, and requests for full blocks, which prove nothing, cost little."""

_MOST_BYTES = MAX_METADATA_BYTES + (1 << 20)

_PLAIN_HELLO_BYTES = 400
_HELLO_BYTES = 1500
_REQUEST_BYTES = 31
_UNANSWERED = 2
"""What one peer is sent at most: a plain greeting, an encrypted and padded one; a request, and one more for
each digit of the number of its block but the first; so many at a time."""

_BLOCK_BYTES = 16 * 1024


@dataclass(slots=True)
class _Watched:
    """One torrent. `greeted` counts the connections that were seen; `asked`: its peers are being looked at.

    `doubts`: how often it has had peers for a while. `slowed`: it has moved more than most metadata. `fresh_until`: it
    is looked at though it has no peers yet.
    """

    fresh_until: float
    connected: int = 0
    greeted: int = 0
    sent: int = 0
    received: int = 0
    asked: bool = False
    doubts: int = 0
    slowed: bool = False

    def note(self, traffic: Traffic) -> bool:
        """Say whether there are more peers than before."""
        more = max(0, traffic.connected - self.connected)
        self.greeted += more
        self.connected, self.sent, self.received = traffic.connected, traffic.sent, traffic.received
        return more > 0

    def is_a_storm(self, plainly: int) -> bool:
        plainly = min(plainly, self.greeted)
        return is_a_storm(self.sent, self.received, plainly=plainly, otherwise=self.greeted - plainly)


def is_a_storm(sent: int, received: int, *, plainly: int, otherwise: int) -> bool:
    """Whether the requests of a torrent, which moved so many bytes, cannot all have been for different blocks.

    All blocks but the last have 16 KiB: requests that brought less than that each, asked for the same ones again.
    Input: how many peers were greeted `plainly`, and how many perhaps `otherwise`.
    """
    if sent + received < _FREE_BYTES:
        return False
    sent -= plainly * _PLAIN_HELLO_BYTES + otherwise * _HELLO_BYTES
    last = max(received, _BLOCK_BYTES) // _BLOCK_BYTES + (plainly + otherwise) * _UNANSWERED
    asked = sent // (_REQUEST_BYTES + len(str(last)) - 1) - (plainly + otherwise) * _UNANSWERED
    return received < asked * _BLOCK_BYTES or received > _MOST_BYTES


class Guard:
    """Looks at the torrents of a session.

    `stuck` is called for each that has had peers for too long, `lied_to` for each that asks too much; then it has
    `left`. Before, `doubted` is called for each that has had peers for a while or may be asking too much; it stays.
    """

    def __init__(
        self,
        session: SwarmSession,
        patience_s: float,
        *,
        stuck: Callable[[Handle], None],
        lied_to: Callable[[Handle], None],
        doubted: Callable[[Handle], None],
    ) -> None:
        self._session = session
        self._patience_s = patience_s
        self._stuck = stuck
        self._lied_to = lied_to
        self._doubted = doubted
        self._memory = Memory()
        self._watched: dict[Handle, _Watched] = {}
        self._connected: OrderedDict[Handle, float] = OrderedDict()  # since when, or the last doubt; the oldest first
        self._met: OrderedDict[Handle, float] = OrderedDict()  # since when a peer has said something, gone again or not
        self._rota: OrderedDict[Handle, None] = OrderedDict()  # those that have peers, or may soon
        self._fresh_until = 0.0
        self._busy_until = 0.0

    def begin(self, handle: Handle, now: float) -> None:
        """This torrent is in the session now."""
        self._fresh_until = now + _FRESH_S
        self._watched[handle] = _Watched(self._fresh_until)
        if len(self._rota) < _FEW_TORRENTS:
            self._rota[handle] = None

    def left(self, handle: Handle) -> None:
        """This torrent is not in the session any more, or is about to leave."""
        self._watched.pop(handle, None)
        self._connected.pop(handle, None)
        self._met.pop(handle, None)
        self._rota.pop(handle, None)

    def look(self, now: float) -> float | None:
        """Look at all of them. Output: in how many seconds to do so again, None: when there is another torrent."""
        if not self._watched:
            return None
        if now < self._busy_until:
            return self._busy_until - now
        chosen = list(islice(self._rota, _LOOKED_AT_EACH))
        for handle in chosen:
            self._rota.move_to_end(handle)
        self._session.watch(chosen)
        self._end_patience(now)
        if self._memory.is_short():
            self._make_room(now)
        if now < self._fresh_until:
            return LOOK_S if len(self._rota) <= _FEW_TORRENTS else _LATER_LOOK_S
        return _LATER_LOOK_S if self._rota else _IDLE_LOOK_S

    def moved(self, event: Moved, now: float) -> None:
        """Take in what the torrents have moved; those that have left may still be among them."""
        self._busy_until = max(self._busy_until, now + _LOOK_S_PER_TORRENT * len(event.torrents))
        for traffic in event.torrents:
            watched = self._watched.get(traffic.handle)
            if watched is not None:
                if watched.note(traffic):
                    self._fresh_until = now + _FRESH_S
                self._judge(traffic, watched, now)

    def peers_seen(self, event: PeersSeen) -> None:
        """Take in who the peers of a suspicious torrent are."""
        watched = self._watched.get(event.handle)
        if watched is not None:
            watched.asked = False
            if watched.is_a_storm(event.plain):
                self._lied_to(event.handle)

    def _judge(self, traffic: Traffic, watched: _Watched, now: float) -> None:
        if traffic.received:
            self._met.setdefault(traffic.handle, now)
        if traffic.connected:
            self._connected.setdefault(traffic.handle, now)
            self._rota.setdefault(traffic.handle)
        elif now >= watched.fresh_until:
            self._rota.pop(traffic.handle, None)
        if watched.is_a_storm(0):
            self._lied_to(traffic.handle)
            return
        if traffic.received >= _FREE_BYTES and not watched.slowed:
            watched.slowed = True
            self._session.slow_down(traffic.handle)
            self._doubted(traffic.handle)
        if not watched.asked and watched.is_a_storm(watched.greeted):
            watched.asked = True
            self._session.look_at_peers(traffic.handle)

    def _end_patience(self, now: float) -> None:
        """Those whose peers have all gone again may meet others."""
        for handle, _ in _older(self._connected, now - self._patience_s):
            watched = self._watched[handle]
            watched.doubts = watched.doubts + 1 if watched.connected else 0
            if watched.doubts == _LONG_PATIENCE:
                self._stuck(handle)
            elif watched.doubts:
                self._connected[handle] = now  # and whoever is met by then is told of as well
                self._doubted(handle)

    def _make_room(self, now: float) -> None:
        """What a peer has claimed is set aside as long as the torrent stays, also when the peer has gone."""
        for handle, _ in _older(self._met, now - _SHORT_PATIENCE_S):
            self._stuck(handle)


def _older(since: OrderedDict[Handle, float], moment: float) -> Iterator[tuple[Handle, float]]:
    """Take out those that are there since before a moment, the oldest first."""
    while since:
        handle, begun = next(iter(since.items()))
        if begun > moment:
            return
        del since[handle]
        yield handle, begun
