"""One question to one tracker: it waits for a turn, finds out where it leads, and speaks HTTP or UDP there.

Redirects are followed a few times, and each target is checked as if a stranger had named it. Source: BEP 3, BEP 15.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from functools import partial
from urllib.parse import urljoin

from truename.checked_net import Forbidden, checked
from truename.resolvers.addresses import MAX_URL_CHARS, usable_trackers
from truename.resolvers.direct.allowance import Allowance
from truename.resolvers.direct.announce import Announce, Announced, TrackerRefused, build_target, parse_announced
from truename.resolvers.direct.dialer import Dialled
from truename.resolvers.direct.http_client import MOVED, Answer, Get, NoAnswer, Worth, build_get
from truename.resolvers.direct.kept import Address
from truename.resolvers.direct.trackers import Tracker, Trackers, read_url
from truename.resolvers.direct.turns import Turns

_MAX_REDIRECTS = 5


class Unanswered(Enum):
    """Why a tracker has named nobody."""

    UNREACHED = "there is no such tracker, or it may not be asked"
    SILENT = "it was asked, and has not answered, or nothing of use"
    REFUSED = "it answered, and not with peers"


class Question:
    """One tracker is asked once. Only what takes several steps (a host's name, UDP, a redirect) has a task.

    `on_turn` is called when the turn has come and the question is about to be sent; `may_say` is how many bytes of HTTP
    are heard, where it sends us on included. `on_end` is called once, and not from within `begin`; after `stop` not at
    all. `said`: the reason of a tracker that names nobody, hostile.
    """

    __slots__ = (
        *("_address", "_announce", "_clock", "_dialled", "_exempt", "_found", "_get", "_may_say", "_on_end"),
        *("_on_turn", "_redirects", "_target", "_task", "_trackers", "_turns", "_url", "said"),
    )

    def __init__(
        self,
        trackers: Trackers,
        tracker: Tracker,
        announce: Announce,
        *,
        may_say: Allowance,
        on_turn: Callable[[], None],
        on_end: Callable[[Announced | Unanswered], None],
    ) -> None:
        self._trackers = trackers
        self._url = read_url(tracker.url)
        self._target = ""
        self._exempt = tracker.exempt
        self._address = ""
        self._announce = announce
        self._may_say = may_say
        self._on_turn = on_turn
        self._on_end: Callable[[Announced | Unanswered], None] | None = on_end
        self.said = ""
        self._redirects = 0
        self._turns: list[Turns] = []
        self._clock: asyncio.Handle | None = None
        self._found: Announced | Exception = NoAnswer("none yet")
        self._get: Get | None = None
        self._dialled: Dialled | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Find out where it leads, and wait for a turn."""
        try:
            if self._trackers.hosts is None and self._url.scheme == "udp":
                raise Forbidden
            if self._is_known():
                self._wait()
            else:
                self._let_run(self._look_up_and_wait)
        except Exception as error:
            self._fail_soon(error)

    def stop(self) -> None:
        """Ask no more; nobody is told. Idempotent."""
        self._on_end = None
        if self._clock is not None:
            self._clock.cancel()
        get, dialled = self._get, self._dialled
        self._get = self._dialled = None
        for ending in (get, dialled):
            if ending is not None:
                ending.abort()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        turns, self._turns = self._turns, []
        for each in reversed(turns):
            each.leave(self)

    # --- before it is asked --------------------------------------------------------------------------------------

    async def _look_up_and_wait(self) -> None:
        await self._look_up()
        self._wait()

    async def _look_up(self) -> None:
        hosts = self._trackers.hosts
        if not self._is_known() and hosts is not None:
            self._leads_to(
                await hosts.addresses(
                    self._url.host, whose=self._announce.hash20, ahead=self._exempt, on_turn=self._on_turn
                )
            )

    def _is_known(self) -> bool:
        """Whether it is clear where it leads, with nobody asked; behind a proxy by its name. Errors: `Forbidden`."""
        hosts = self._trackers.hosts
        if hosts is None:
            self._address = self._url.host
        elif (known := hosts.known(self._url.host)) is not None:
            self._leads_to(known)
        else:
            return False
        return True

    def _leads_to(self, addresses: list[str]) -> None:
        """To one of these. Errors: `Forbidden`."""
        found = checked(addresses, allow_private=self._exempt or self._trackers.allow_private)
        # A machine without IPv6 has no use for it, and one that has it nearly always has IPv4 too.
        self._address = min(found, key=lambda address: ":" in address)

    def _wait(self) -> None:
        """First for the tracker's own turn: those who wait for a slow one must not keep turns from all others."""
        own = self._trackers.turns_to(self._url)
        self._turns.append(own)
        own.take(self, self._wait_among_all)

    def _wait_among_all(self) -> None:
        shared = self._trackers.udp_turns if self._url.scheme == "udp" else self._trackers.http_turns
        self._turns.append(shared)
        shared.take(self, self._turn_has_come)

    def _turn_has_come(self) -> None:
        try:
            self._ask()
        except Exception as error:
            self._fail_soon(error)

    def _ask(self) -> None:
        self._on_turn()
        if self._url.scheme == "udp":
            self._let_run(self._ask_udp)
            return
        loop = asyncio.get_running_loop()
        self._clock = loop.call_later(self._trackers.limits.http_s, self._fail, TimeoutError())
        self._target = build_target(self._url.target, self._announce)
        self._call()

    # --- HTTP ----------------------------------------------------------------------------------------------------

    def _call(self) -> None:
        url, trackers = self._url, self._trackers
        request = build_get(url.netloc, self._target)
        self._get = Get(request, self._may_say, self._answered, worth_of=self._worth_of)
        tls = (trackers.tls, url.host) if url.scheme == "https" else None
        address = Address(self._address, url.port, url.netloc, self._exempt, tls)
        self._dialled = trackers.lines.call(address, self._get, others_wait=self._others_wait)

    def _others_wait(self) -> bool:
        return bool(self._turns) and self._turns[0].waiting > 0

    def _worth_of(self, answer: Answer) -> Worth:
        """Of use is what names peers, or somebody who does."""
        if answer.status in MOVED:
            return Worth.USE
        try:
            self._found = parse_announced(bytes(answer.body))
        except Exception as error:
            self._found = error
        if isinstance(self._found, TrackerRefused) and self._found.said and answer.status == 200:
            return Worth.REFUSAL
        return Worth.USE if isinstance(self._found, Announced) else Worth.NONE

    def _answered(self, answer: Answer | Exception) -> None:
        self._dialled = None  # which may be somebody else's already
        if isinstance(answer, Exception):
            self._fail(answer)
        elif answer.status not in MOVED:
            self._read(answer)
        elif self._redirects < _MAX_REDIRECTS:
            self._redirects += 1
            self._let_run(partial(self._follow, answer.location))
        else:
            self._fail(NoAnswer("sent on and on"))

    def _read(self, answer: Answer) -> None:
        match self._found:
            case Announced():
                self._end(self._found)
            case TrackerRefused(said=said):
                self.said = said
                self._fail(self._found if answer.status == 200 else NoAnswer("an error"))
            case error:
                self._fail(error)

    async def _follow(self, location: str) -> None:
        if len(location) > MAX_URL_CHARS:  # before anybody remembers it: `urllib` does
            raise Forbidden
        try:
            there = urljoin(f"{self._url.scheme}://{self._url.netloc}{self._target}", location)
        except ValueError:
            raise Forbidden from None
        usable = usable_trackers((there,), allow_private=self._trackers.allow_private)
        if not usable or not usable[0].isascii() or usable[0].startswith("udp:"):
            raise Forbidden
        self._url, self._exempt = read_url(usable[0]), False
        self._target = self._url.target if self._url.target.startswith("/") else f"/{self._url.target}"
        await self._look_up()
        self._call()

    # --- UDP -----------------------------------------------------------------------------------------------------

    async def _ask_udp(self) -> None:
        tracker = self._trackers.take_udp(self._address, self._url.port, exempt=self._exempt)
        try:
            self._end(await tracker.announce(self._announce))
        finally:
            self._trackers.leave_udp(self._address, self._url.port)

    # --- the end -------------------------------------------------------------------------------------------------

    def _let_run(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            try:
                await work()
            except Exception as error:
                self._fail(error)

        task = self._task = asyncio.get_running_loop().create_task(run())
        self._trackers.tasks.add(task)
        task.add_done_callback(self._trackers.tasks.discard)

    def _fail_soon(self, error: Exception) -> None:
        """Whoever asks does not expect the end of it so early."""
        if self._clock is not None:
            self._clock.cancel()
        self._clock = asyncio.get_running_loop().call_soon(self._fail, error)

    def _fail(self, error: Exception) -> None:
        match error:
            case NoAnswer() | TimeoutError() | ConnectionResetError() | BrokenPipeError():
                self._end(Unanswered.SILENT)
            case TrackerRefused():
                self.said = error.said
                self._end(Unanswered.REFUSED)
            case OSError() | Forbidden():
                self._end(Unanswered.UNREACHED)
            case _:  # a defect that one tracker of a stranger brings to light ends nobody's look-up
                self._trackers.log_once(error)
                self._end(Unanswered.UNREACHED)

    def _end(self, end: Announced | Unanswered) -> None:
        on_end = self._on_end
        self.stop()
        if on_end is not None:
            on_end(end)
