"""Asks trackers: waits for a turn, looks the host up, checks where it leads, and speaks HTTP or UDP to it.

Redirects are followed a few times, and each target is checked as if a stranger had named it. Source: BEP 3, BEP 15.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol
from urllib.parse import SplitResult, urljoin, urlsplit
from weakref import WeakValueDictionary

from truename.checked_net import Forbidden, checked
from truename.errors import TruenameError
from truename.resolvers.addresses import MAX_URL_CHARS, usable_trackers
from truename.resolvers.direct.allowance import Allowance
from truename.resolvers.direct.announce import Announce, Announced, TrackerRefused, build_target, parse_announced
from truename.resolvers.direct.config import Limits
from truename.resolvers.direct.dialer import Dialer
from truename.resolvers.direct.hosts import HostNames
from truename.resolvers.direct.http_client import Answer, Get, NoAnswer, build_get
from truename.resolvers.direct.udp_client import UdpTracker

log = logging.getLogger(__name__)

_MAX_REDIRECTS = 5
_MOVED = frozenset((301, 302, 303, 307, 308))
_PORTS = {"http": 80, "https": 443}


class TrackerUnreached(TruenameError):  # noqa: N818 - named after what it is
    """There is no such tracker, or it may not be asked."""


class TrackerSilent(TruenameError):  # noqa: N818
    """It was asked, and has not answered, or nothing of use."""


@dataclass(frozen=True, slots=True)
class Tracker:
    """Whom to ask. `exempt`: the administrator named it, so it may be on a private address."""

    url: str
    exempt: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A URL of a tracker, and the address that it means; behind a proxy that is the host's name."""

    parts: SplitResult
    address: str
    exempt: bool


class _Find(Protocol):
    async def __call__(self, parts: SplitResult, *, exempt: bool) -> _Place: ...


class Trackers:
    """All conversations with trackers. Belongs to one event loop.

    Without `hosts` no name is looked up here: the dialer's proxy does that, and carries no UDP for us.
    """

    def __init__(self, dialer: Dialer, hosts: HostNames | None, limits: Limits, *, allow_private: bool) -> None:
        self._dialer = dialer
        self._hosts = hosts
        self._limits = limits
        self._allow_private = allow_private
        self._http_turns = asyncio.Semaphore(limits.http_announces)
        self._udp_turns = asyncio.Semaphore(limits.udp_announces)
        self._turns_of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._udp: dict[tuple[str, int], tuple[UdpTracker, int]] = {}
        self._logged: set[type[Exception]] = set()

    async def ask(
        self, tracker: Tracker, announce: Announce, *, may_say: Allowance, on_turn: Callable[[], None]
    ) -> Announced:
        """Ask once; `on_turn` is called when the turn has come and the question is about to be sent.

        `may_say`: how many bytes of HTTP are heard, where it sends us on included.
        Errors: `TrackerUnreached`, `TrackerSilent`, `TrackerRefused`.
        """
        try:
            return await self._ask(tracker, announce, may_say, on_turn)
        except (NoAnswer, TimeoutError, ConnectionResetError, BrokenPipeError) as error:
            raise TrackerSilent from error
        except (OSError, Forbidden) as error:
            raise TrackerUnreached from error
        except (TrackerUnreached, TrackerRefused):
            raise
        except Exception as error:  # a defect that one tracker of a stranger brings to light ends nobody's look-up
            self._log_once(error)
            raise TrackerUnreached from error

    async def _ask(
        self, tracker: Tracker, announce: Announce, may_say: Allowance, on_turn: Callable[[], None]
    ) -> Announced:
        parts = urlsplit(tracker.url)
        udp = parts.scheme == "udp"
        if udp and self._hosts is None:
            raise TrackerUnreached
        find = partial(self._place, announce=announce, on_turn=on_turn)
        place = await find(parts, exempt=tracker.exempt)
        # First the tracker's own turn: those who wait for a slow one must not keep turns from all others.
        async with self._turns_to(parts), self._udp_turns if udp else self._http_turns:
            on_turn()
            return await (self._ask_udp(place, announce) if udp else self._ask_http(place, announce, may_say, find))

    async def _place(
        self, parts: SplitResult, *, announce: Announce, exempt: bool, on_turn: Callable[[], None]
    ) -> _Place:
        """Where a URL leads: an address, or the name for the proxy. Errors: `OSError`; `Forbidden`."""
        host = parts.hostname or ""
        if self._hosts is None:
            return _Place(parts, host, exempt)
        names = await self._hosts.addresses(host, whose=announce.hash20, ahead=exempt, on_turn=on_turn)
        found = checked(names, allow_private=exempt or self._allow_private)
        # A machine without IPv6 has no use for it, and one that has it nearly always has IPv4 too.
        return _Place(parts, min(found, key=lambda address: ":" in address), exempt)

    def _log_once(self, error: Exception) -> None:
        """Each kind of it once: a stranger could fill the log with it."""
        if type(error) not in self._logged:
            self._logged.add(type(error))
            log.error("asking a tracker broke", exc_info=error)

    def _turns_to(self, parts: SplitResult) -> asyncio.Semaphore:
        """The turns of one tracker, which live as long as somebody has or wants one."""
        key = f"{parts.scheme == 'udp'} {parts.netloc}"
        turns = self._turns_of.get(key)
        if turns is None:
            of_udp, of_http = self._limits.udp_announces_to_one, self._limits.http_announces_to_one
            turns = self._turns_of[key] = asyncio.Semaphore(of_udp if parts.scheme == "udp" else of_http)
        return turns

    # --- HTTP ----------------------------------------------------------------------------------------------------

    async def _ask_http(self, place: _Place, announce: Announce, may_say: Allowance, find: _Find) -> Announced:
        parts = place.parts
        target = build_target(parts.path + (f"?{parts.query}" if parts.query else ""), announce)
        async with asyncio.timeout(self._limits.http_s):
            for _ in range(_MAX_REDIRECTS + 1):
                answer = await self._get(place, target, may_say)
                if answer.status not in _MOVED:
                    break
                parts = self._redirected(place.parts, target, answer.location)
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                place = await find(parts, exempt=False)
        if answer.status in _MOVED:
            raise NoAnswer("sent on and on")
        try:
            return parse_announced(bytes(answer.body))
        except TrackerRefused:
            if answer.status == 200:
                raise
            raise NoAnswer("an error") from None

    async def _get(self, place: _Place, target: str, may_say: Allowance) -> Answer:
        parts = place.parts
        port = parts.port or _PORTS[parts.scheme]
        request = build_get(parts.netloc, target)
        tls = (self._tls, parts.hostname or "") if parts.scheme == "https" else None
        get = Get(request, may_say)
        dialled = self._dialer.dial(place.address, port, get, exempt=place.exempt, tls=tls)
        try:
            return await get.answer
        finally:
            get.close()
            dialled.abort()

    def _redirected(self, parts: SplitResult, target: str, location: str) -> SplitResult:
        """Where a redirect leads. Errors: `Forbidden`."""
        if len(location) > MAX_URL_CHARS:  # before anybody remembers it: `urllib` does
            raise Forbidden
        try:
            there = urljoin(f"{parts.scheme}://{parts.netloc}{target}", location)
        except ValueError:
            raise Forbidden from None
        usable = usable_trackers((there,), allow_private=self._allow_private)
        if not usable or not usable[0].isascii() or usable[0].startswith("udp:"):
            raise Forbidden
        return urlsplit(usable[0])

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    # --- UDP -----------------------------------------------------------------------------------------------------

    async def _ask_udp(self, place: _Place, announce: Announce) -> Announced:
        async with self._udp_tracker(place.address, place.parts.port or 0, exempt=place.exempt) as tracker:
            return await tracker.announce(announce)

    @asynccontextmanager
    async def _udp_tracker(self, address: str, port: int, *, exempt: bool) -> AsyncIterator[UdpTracker]:
        """The socket to a tracker, shared by all who ask it now, and closed after the last of them."""
        key = address, port
        if key not in self._udp:
            self._udp[key] = UdpTracker(address, port, allow_private=exempt or self._allow_private), 0
        tracker, users = self._udp[key]
        self._udp[key] = tracker, users + 1
        try:
            yield tracker
        finally:
            _, users = self._udp[key]
            self._udp[key] = tracker, users - 1
            if users == 1:
                del self._udp[key]
                tracker.close()
