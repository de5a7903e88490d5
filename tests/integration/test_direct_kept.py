"""Connections to HTTP trackers that go from one question to the next, and trackers that do not mean it."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from tests.contract.resolver_contract import LONG_S, run
from tests.integration.test_direct_trackers import magnet, resolver
from tests.standing import listening
from tests.wire import Peer, encode, info_named, sha1
from truename.checked_net import Forbidden
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.gateway import Gateway
from truename.magnet import Magnet
from truename.proxy import Proxy
from truename.resolvers.direct import kept, quest
from truename.resolvers.direct.dialer import Dialer
from truename.resolvers.direct.kept import Address, KeptLines, Visited
from truename.resolvers.direct.resolver import DirectResolver

NAMES = [f"kept {number}" for number in range(40)]
INFOS = [info_named(name) for name in NAMES]
AT_ONCE = 4
ADDRESS = Address("127.0.0.1", 80, "tracker.example", exempt=False, tls=None)


HEADS = {
    "": b"HTTP/1.1 200 OK",
    "nonsense": b"what?",
    "503": b"HTTP/1.1 503 No",
    "1.0": b"HTTP/1.0 200 OK",
    "says no": b"HTTP/1.1 200 OK\r\nConnection: close",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 7",
}


_WHY = encode({"failure reason": "unregistered"})
REFUSAL = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(_WHY), _WHY)


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_tracker_that_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_PATIENCE_S", 60.0)


class Tracker:
    """Keeps its connections, in one of several ways. `questions`: how many came on each, in the order they began."""

    def __init__(self, peers: bytes, way: str = "keeps") -> None:
        self.way = way
        self.refused: set[str] = set()
        self.questions: list[int] = []
        self.ended = asyncio.Condition()
        self.open = 0
        self._peers = peers

    @contextlib.asynccontextmanager
    async def serving(self, certificate: tuple[Path, Path] | None = None) -> AsyncIterator["Tracker"]:
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
        async with listening(self._serve, context=context) as server:
            self.port = server.port
            self.url = f"http{'s' if context else ''}://tracker.example:{self.port}/announce"
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.questions)
        self.questions.append(0)
        self.open += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while request := await reader.readuntil(b"\r\n\r\n"):
                self.questions[number] += 1
                hash20 = unquote_to_bytes(request.split(b"info_hash=")[1].split(b"&")[0])
                assert len(hash20) == 20
                if hash20.hex() in self.refused:
                    writer.write(REFUSAL)
                elif not await self._answer(reader, writer, is_again=self.questions[number] > 1):
                    break
                if b"\r\nConnection: close\r\n" in request:
                    break
        writer.close()
        async with self.ended:
            self.open -= 1
            self.ended.notify_all()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_again: bool) -> bool:
        """Whether it goes on."""
        way = self.way.removesuffix(" again") if is_again and self.way.endswith(" again") else self.way
        body = encode({"interval": 1800, "peers": self._peers})
        if way == "slow":
            await asyncio.sleep(0.7)
        if way in ("silent", "a byte"):
            writer.write(b"H" * (way == "a byte"))
            await reader.read()
        if way in ("silent", "a byte", "ended"):
            return False
        body = {"refusal": encode({"failure reason": "too often"}), "503": b"busy"}.get(way, body)
        length = {"too long": b"%d" % (len(body) + 1), "a word": b"many"}.get(way, b"%d" % len(body))
        if way == "torn":
            body = body[:-9]
        writer.write(b"%s\r\nContent-Length: %s\r\n\r\n%s" % (HEADS.get(way, HEADS[""]), length, body))
        if way == "says more":
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(b"\nmore than it said")
        return way not in ("ends at once", "torn")

    async def wait_until_all_ended(self) -> None:
        async with self.ended:
            await self.ended.wait_for(lambda: not self.open)


@contextlib.asynccontextmanager
async def world(
    way: str = "keeps", certificate: tuple[Path, Path] | None = None, *, limits: dict[str, float] | None = None
) -> AsyncIterator[tuple[Tracker, DirectResolver]]:
    async with (
        Peer(*INFOS).serving() as peer,
        Tracker(peer.compact, way).serving(certificate) as tracker,
        resolver(http_announces_to_one=AT_ONCE, look_up=lambda _: ["127.0.0.1"], **(limits or {})) as direct,
    ):
        if certificate is not None:
            direct._reach.trackers.tls.load_verify_locations(certificate[0])
        yield tracker, direct


async def all_names(direct: DirectResolver, tracker: Tracker, infos: list[bytes] = INFOS) -> list[str]:
    asked = (direct.resolve(magnet(sha1(info), tracker.url), deadline_s=LONG_S) for info in infos)
    return [found.name for found in await asyncio.gather(*asked)]


def test_many_questions_go_over_few_connections() -> None:
    async def test() -> None:
        async with world() as (tracker, direct):
            assert await all_names(direct, tracker) == NAMES
            assert sum(tracker.questions) == len(NAMES)
            # the first ones, and those that began while the first second question was on trial
            assert len(tracker.questions) <= 3 * AT_ONCE

    run(test())


@pytest.mark.parametrize("way", ["1.0", "says no"])
def test_a_tracker_that_does_not_keep_them_gets_new_ones(way: str) -> None:
    async def test() -> None:
        async with world(way) as (tracker, direct):
            assert await all_names(direct, tracker) == NAMES
            assert tracker.questions == [1] * len(NAMES)

    run(test())


@pytest.mark.parametrize("over_tls", [False, True])
@pytest.mark.parametrize(
    "way",
    [
        *("silent again", "ended again", "torn again", "nonsense again", "a byte again", "503 again", "refusal again"),
        *("ends at once", "says more", "too long", "two lengths", "a word"),
    ],
)
def test_one_question_tries_a_tracker_that_does_not_mean_it(
    monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path], way: str, *, over_tls: bool
) -> None:
    async def test() -> None:
        async with world(way, certificate if over_tls else None) as (tracker, direct):
            assert await all_names(direct, tracker) == NAMES
            assert await all_names(direct, tracker) == NAMES
            again = [count for count in tracker.questions if count > 1]
            if way != "says more":  # else a line that speaks while it waits for somebody may or may not be used
                assert len(again) <= 1
            assert not any(each.failures for each in _askings)

    _askings: list[quest._Asking] = []
    made = quest._Asking.__init__

    def noted(self: quest._Asking, *given: object) -> None:
        made(self, *given)  # type: ignore[arg-type]
        _askings.append(self)

    monkeypatch.setattr(quest._Asking, "__init__", noted)
    monkeypatch.setattr(kept, "_PATIENCE_S", 0.3)
    run(test())


def test_a_few_questions_are_asked_as_ever() -> None:
    """Nobody waits, so nothing is to stay."""

    async def test() -> None:
        async with world() as (tracker, direct):
            assert await all_names(direct, tracker, INFOS[:AT_ONCE]) == NAMES[:AT_ONCE]
            assert tracker.questions == [1] * AT_ONCE
            await tracker.wait_until_all_ended()

    run(test())


def test_lines_that_nobody_needs_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with world() as (tracker, direct):
            assert await all_names(direct, tracker) == NAMES
            await tracker.wait_until_all_ended()
            assert await all_names(direct, tracker) == NAMES

    monkeypatch.setattr(kept, "_IDLE_S", 0.1)
    run(test())


def test_the_end_of_the_resolver_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with world() as (tracker, direct):
            assert await all_names(direct, tracker) == NAMES
            await direct.aclose()
            await tracker.wait_until_all_ended()

    monkeypatch.setattr(kept, "_IDLE_S", 3600.0)
    run(test())


def test_a_question_that_is_taken_back_spoils_nothing_for_the_next() -> None:
    async def test() -> None:
        async with world("silent again") as (tracker, direct):
            first = [asyncio.create_task(all_names(direct, tracker, [info])) for info in INFOS[:20]]
            while not any(count > 1 for count in tracker.questions):
                await asyncio.sleep(0)
            for each in first:
                each.cancel()
            await asyncio.wait(first)
            tracker.way = "keeps"
            before = len(tracker.questions)
            assert await all_names(direct, tracker) == NAMES
            assert len(tracker.questions) <= before + 4 * AT_ONCE

    run(test())


def test_a_question_that_is_refused_says_nothing_against_the_connection() -> None:
    """Nor does one to a path that is not there, which is any stranger's to name."""

    async def test() -> None:
        async with world() as (tracker, direct):
            assert await all_names(direct, tracker) == NAMES
            (known,) = direct._reach.trackers.lines._trackers.values()
            tracker.refused = {sha1(info) for info in INFOS[5:7]}
            rest = [info for info in INFOS if sha1(info) not in tracker.refused]
            refused = [asyncio.create_task(all_names(direct, tracker, [info])) for info in INFOS if info not in rest]
            assert len(await all_names(direct, tracker, rest)) == len(rest)
            for each in refused:
                each.cancel()
            await asyncio.wait(refused)
            assert known.custom is kept._Custom.KEEPS

    run(test())


def test_a_tracker_that_is_slow_while_others_wait_is_not_made_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer takes longer than patience, and nearly as long as a question may."""

    async def test() -> None:
        async with world("slow", limits={"http_s": 0.8}) as (tracker, direct):
            assert await all_names(direct, tracker, INFOS[: 4 * AT_ONCE]) == NAMES[: 4 * AT_ONCE]
            (known,) = direct._reach.trackers.lines._trackers.values()
            assert known.custom is kept._Custom.LEAVES, "the first ones have waited for all"

    monkeypatch.setattr(quest, "_TRACKER_AGAIN_S", (0.1,))
    monkeypatch.setattr(kept, "_PATIENCE_S", 0.15)
    run(test())


def test_a_tracker_that_left_once_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with world("503 again") as (tracker, direct):
            assert await all_names(direct, tracker) == NAMES
            (known,) = direct._reach.trackers.lines._trackers.values()
            assert known.custom is kept._Custom.LEAVES
            tracker.way = "keeps"
            monkeypatch.setattr(kept, "_LEAVES_FOR_S", 0.0)
            assert await all_names(direct, tracker) == NAMES
            assert known.custom is kept._Custom.KEEPS

    run(test())


class Asking:
    """Asks on every line that it is given, and notes what it hears."""

    def __init__(self) -> None:
        self.lines: list[Visited] = []
        self.heard: list[bytes | Exception | None] = []
        self.met = asyncio.Event()

    def connection_made(self, line: Visited) -> None:
        self.lines.append(line)
        self.met.set()

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.heard.append(error)


@pytest.mark.parametrize("happens", ["ended", "spoke"])
def test_what_befalls_a_line_before_its_next_visitor_has_it_is_nothing_to_them(happens: str) -> None:
    """Its end, or an answer that nobody has asked for, may come in the very moment."""

    async def test() -> None:
        async with Tracker(b"").serving() as tracker:
            dialer = Dialer(allow_private=True)
            lines = KeptLines(dialer, most=10)
            first, second = Visitor(), Asking()
            address = ADDRESS._replace(port=tracker.port)
            line = lines.dial(address, first, bool)
            await first.met.wait()
            assert lines.call(address, second, others_wait=lambda: True) is line
            if happens == "ended":
                line.connection_lost(None)
            else:
                line.data_received(b"HTTP/1.1 200 OK\r\n")
            await second.met.wait()
            assert (len(second.lines), second.heard) == (1, [])
            assert second.lines[0] is not line
            second.lines[0].abort()
            lines.close()
            await dialer.aclose()

    run(test())


class Visitor:
    """Keeps every line that it is given."""

    def __init__(self) -> None:
        self.met = asyncio.Event()

    def connection_made(self, line: Visited) -> None:
        line.keep()
        self.met.set()

    def data_received(self, data: bytes) -> None:
        raise AssertionError

    def connection_lost(self, error: Exception | None) -> None:
        raise AssertionError


def test_what_the_administrators_trackers_may_reach_is_lent_to_no_stranger() -> None:
    async def test() -> None:
        async with Tracker(b"").serving() as tracker:
            dialer = Dialer(allow_private=False)
            lines = KeptLines(dialer, most=10)
            exempt = Visitor()
            lines.call(ADDRESS._replace(port=tracker.port, exempt=True), exempt, others_wait=bool)
            await exempt.met.wait()
            with pytest.raises(Forbidden):
                lines.call(
                    Address("127.0.0.1", tracker.port, "tracker.example", exempt=False, tls=None),
                    Visitor(),
                    others_wait=lambda: True,
                )
            lines.close()
            await dialer.aclose()

    run(test())


def test_a_line_of_a_proxy_that_nobody_wants_when_it_is_there_is_ended() -> None:
    class Through(Gateway):
        async def connect(self, host: str, port: int) -> socket.socket:
            theirs.append(await asyncio.to_thread(socket.create_connection, ("127.0.0.1", tracker_port)))
            theirs[0].setblocking(False)
            return theirs[0]

    theirs: list[socket.socket] = []
    tracker_port = 0

    async def test() -> None:
        nonlocal tracker_port
        async with Tracker(b"").serving() as tracker:
            tracker_port = tracker.port
            dialer = Dialer(allow_private=True, gateway=Through(Proxy.of("socks5://127.0.0.1:1")))
            lines = KeptLines(dialer, most=10)
            dialled = lines.call(
                Address("tracker.example", 80, "tracker.example", exempt=False, tls=None),
                Visitor(),
                others_wait=lambda: True,
            )
            while not dialer._lines._open:  # adopted, and not looked after yet
                await asyncio.sleep(0)
            dialled.abort()
            async with tracker.ended:
                await tracker.ended.wait_for(lambda: len(tracker.questions) == 1 and not tracker.open)
            assert not dialer._lines._open
            lines.close()
            await dialer.aclose()

    run(test())


def test_no_more_lines_wait_than_they_may() -> None:
    async def test() -> None:
        async with Tracker(b"").serving() as tracker:
            dialer = Dialer(allow_private=True)
            lines = KeptLines(dialer, most=2)
            visitors = [Visitor() for _ in range(5)]
            for visitor in visitors:
                lines.call(
                    Address("127.0.0.1", tracker.port, "tracker.example", exempt=False, tls=None),
                    visitor,
                    others_wait=lambda: True,
                )
            await asyncio.gather(*(visitor.met.wait() for visitor in visitors))
            async with tracker.ended:
                await tracker.ended.wait_for(lambda: len(tracker.questions) == 5 and tracker.open == 2)
            lines.close()
            await tracker.wait_until_all_ended()
            await dialer.aclose()

    run(test())


def test_the_demo_swarms_tracker_keeps_them() -> None:
    async def test() -> None:
        with LocalSwarm(SwarmPlan(real=False, invented=30)) as swarm:
            async with resolver(http_announces_to_one=AT_ONCE) as direct:
                asked = (direct.resolve(Magnet.parse(each), deadline_s=LONG_S) for each in swarm.magnets)
                assert len(await asyncio.gather(*asked)) == 30
                (known,) = direct._reach.trackers.lines._trackers.values()
                assert known.custom is kept._Custom.KEEPS

    run(test())
