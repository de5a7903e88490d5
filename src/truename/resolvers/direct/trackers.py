"""What all questions to trackers share: whose turn it is, what host names mean, sockets for UDP, TLS. Asks nobody."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from truename.resolvers.direct.config import Limits
from truename.resolvers.direct.dialer import Dialer
from truename.resolvers.direct.hosts import HostNames
from truename.resolvers.direct.kept import KeptLines
from truename.resolvers.direct.turns import Turns
from truename.resolvers.direct.udp_client import UdpTracker

log = logging.getLogger(__name__)

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Tracker:
    """Whom to ask. `exempt`: the administrator named it, so it may be on a private address."""

    url: str
    exempt: bool = False


@dataclass(frozen=True, slots=True)
class Url:
    """What a tracker's URL says; `target` is its path and query."""

    scheme: str
    netloc: str
    host: str
    port: int
    target: str


@lru_cache(maxsize=1024)
def read_url(url: str) -> Url:
    """Most magnets name the same few."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return Url(parts.scheme, parts.netloc, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0), target)


class Trackers:
    """Belongs to one event loop.

    Without `hosts` no name is looked up here: the dialer's proxy does that, and carries no UDP for us.
    """

    def __init__(self, dialer: Dialer, hosts: HostNames | None, limits: Limits, *, allow_private: bool) -> None:
        self.lines = KeptLines(dialer, most=limits.http_announces)
        self.hosts = hosts
        self.limits = limits
        self.allow_private = allow_private
        self.http_turns = Turns(limits.http_announces)
        self.udp_turns = Turns(limits.udp_announces)
        self.tasks: set[asyncio.Task[None]] = set()
        self._turns_of: WeakValueDictionary[str, Turns] = WeakValueDictionary()
        self._udp: dict[tuple[str, int], tuple[UdpTracker, int]] = {}
        self._logged: set[type[Exception]] = set()

    async def aclose(self) -> None:
        """When all questions have been stopped: wait until what ran for them has ended."""
        self.lines.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def turns_to(self, url: Url) -> Turns:
        """The turns of one tracker, which live as long as somebody has or wants one."""
        is_udp = url.scheme == "udp"
        key = f"{is_udp} {url.netloc}"
        turns = self._turns_of.get(key)
        if turns is None:
            places = self.limits.udp_announces_to_one if is_udp else self.limits.http_announces_to_one
            turns = self._turns_of[key] = Turns(places)
        return turns

    def take_udp(self, address: str, port: int, *, exempt: bool) -> UdpTracker:
        """The socket to a tracker, shared by all who ask it now, and left by each of them. Errors: `OSError`."""
        tracker, users = self._udp.get((address, port), (None, 0))
        if tracker is None:
            tracker = UdpTracker(address, port, allow_private=exempt or self.allow_private)
        self._udp[address, port] = tracker, users + 1
        return tracker

    def leave_udp(self, address: str, port: int) -> None:
        """The last one closes it."""
        tracker, users = self._udp.pop((address, port))
        if users > 1:
            self._udp[address, port] = tracker, users - 1
        else:
            tracker.close()

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """How trackers prove who they are."""
        return ssl.create_default_context()

    def log_once(self, error: Exception) -> None:
        """Each kind of it once: a stranger could fill the log with it."""
        if type(error) not in self._logged:
            self._logged.add(type(error))
            log.error("asking a tracker broke", exc_info=error)
