"""Whether the session can speak to anybody at all: its listening sockets, and the pulse of the DHT.

Kept apart from the conversations, since it decides when they need not even begin. The clock is an argument.
"""

import asyncio

from truename.errors import ResolverDown
from truename.resolvers.events import Counted, Listening

_GRACE_S = 10.0
_SILENCE_S = 60.0


class DhtPulse:
    """Whether the DHT answers.

    A node count alone does not tell: a network of one bootstrap router never enters the routing table, and still
    answers. So a packet from the DHT within the last minute counts too.
    `grace_s`: how long it may take to wake up. Without an entrance only a peer could tell of a first node.
    """

    def __init__(self, *, enabled: bool, has_entrance: bool) -> None:
        self.grace_s = _GRACE_S if has_entrance else 0.0
        self.nodes = 0
        self.woke = False
        self._enabled = enabled
        self._packets_in = 0
        self._awake_since = 0.0
        self._last_sign: float | None = None
        self._since: float | None = None

    def count(self, counted: Counted, now: float) -> None:
        """Take in the session's counters."""
        if self._since is None:
            self._since = now
        if counted.dht_nodes or counted.packets_in > self._packets_in:
            if not self.is_awake(now):
                self._awake_since = now
            self._last_sign = now
            self.woke = True
        self.nodes, self._packets_in = counted.dht_nodes, counted.packets_in

    def is_awake(self, now: float) -> bool:
        """Whether a question to the DHT would reach somebody."""
        return self._enabled and self._last_sign is not None and now - self._last_sign < _SILENCE_S

    def for_s(self, now: float) -> float:
        """For how many seconds it has been as it is: awake, or silent since its last sign or the beginning."""
        if self.is_awake(now):
            return now - self._awake_since
        since = self._last_sign if self._last_sign is not None else self._since
        return 0.0 if since is None else now - since

    def is_hopeless(self, now: float) -> bool:
        """Whether waiting for the DHT makes no sense: it is off, or has had its time to wake up."""
        if not self._enabled:
            return True
        if self.is_awake(now) or self._since is None:
            return False
        return now - max(self._since, self._last_sign or self._since) >= self.grace_s


class Sockets:
    """The session's listening sockets. Without one, libtorrent asks nobody, so a look-up must not wait for it.

    A failure alone says little: where IPv6 is missing one socket fails, before the others are told to be open.
    `only_udp`: there are none for TCP, as behind a proxy.
    """

    def __init__(self, wanted: str, *, only_udp: bool = False) -> None:
        self._needed = 1 if only_udp else 2
        self.settled = asyncio.Event()
        self._wanted = wanted
        self._open: dict[str, int] = {}
        self._errors: list[str] = []

    def note(self, event: Listening) -> None:
        """Take in what became of one socket; every address has one for TCP and one for UDP."""
        if event.error:
            self._errors.append(event.error)
        else:
            self._open[event.address] = self._open.get(event.address, 0) + 1

    def begin_again(self) -> None:
        """They are being opened anew."""
        self.settled.clear()
        self._open.clear()
        self._errors.clear()

    def settle(self) -> None:
        """All sockets have told what became of them."""
        self.settled.set()

    @property
    def open(self) -> tuple[str, ...]:
        """Addresses that peers and trackers can be spoken to from."""
        return tuple(address for address, count in self._open.items() if count >= self._needed)

    def are_at(self, address: str, port: int) -> bool:
        """Whether one of them is there, so that a peer of that address is nobody but us."""
        return f"{address}:{port}" in self._open

    @property
    def failure(self) -> ResolverDown | None:
        """The error to give to whoever asks, when no address at all could be opened."""
        if self.open or not self.settled.is_set():
            return None
        reasons = ", ".join(dict.fromkeys(self._errors))
        return ResolverDown("cannot_listen", f"{self._wanted} ({reasons})" if reasons else self._wanted)
