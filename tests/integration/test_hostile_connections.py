"""Connections that trickle, stay, or speak no HTTP: against a real server, with raw bytes.

What is refused below the application looks as it does from there: JSON, the headers that every answer has, one answer
and no second, no line in a log.
"""

import asyncio
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_web_server import PATIENCE_S, Served, head, with_server
from tests.integration.web_support import PASSWORD, sign_in
from truename.web import bodies, guard
from truename.web.connections import Connection, Limits
from truename.web.guard import HEADERS

HASTY = Limits(head_s=0.2, stall_s=0.2)
CLOSE = "Connection: close"
FORM = "Content-Type: application/x-www-form-urlencoded"
HASH = "ab" * 20


class Client:
    """One connection, with raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, served: Served) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", served.port))

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def rest(self) -> bytes:
        """All that comes until the connection is closed."""
        got = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while data := await self.reader.read(65_536):
                    got += data
        self.writer.close()
        return got

    async def answer(self) -> tuple[bytes, bytes]:
        """The next head and body; the connection goes on."""
        async with asyncio.timeout(PATIENCE_S):
            start = await self.reader.readuntil(b"\r\n\r\n")
            (length,) = [line for line in start.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            return start, await self.reader.readexactly(int(length.partition(b":")[2]))


async def ask(served: Served, data: bytes) -> bytes:
    client = await Client.of(served)
    await client.send(data)
    return await client.rest()


def check_refused(answer: bytes, status: int, code: str) -> None:
    """One whole answer, as everything that is refused is answered."""
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    start, _, body = answer.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(": ", 1) for line in start.decode().split("\r\n")[1:])
    assert {name: lines[name.lower()] for name in HEADERS} == {name: value.lower() for name, value in HEADERS.items()}
    assert (lines["cache-control"], lines["connection"], "server" in lines) == ("no-store", "close", False)
    assert lines["content-type"].startswith("application/json")
    told = json.loads(body)  # and nothing after it
    assert set(told) == {"error", "code"}
    assert told["code"] == code


@pytest.fixture
def silent(caplog: pytest.LogCaptureFixture) -> Any:
    """Whatever a stranger sends leaves no line in a log."""
    caplog.set_level(logging.INFO)
    yield
    noise = ("Started server process", "Finished server process", "Shutting down", "Waiting for connections to close")
    assert [record.getMessage() for record in caplog.records if not record.getMessage().startswith(noise)] == []


def test_a_head_that_does_not_end_is_not_waited_for(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        check_refused(await ask(served, b"GET /healthz HTTP/1.1\r\nHost: x\r\n"), 408, "bad_request")
        assert await ask(served, b"") == b""

    with_server(tmp_path, scenario, limits=HASTY)


def test_a_head_that_trickles_is_not_waited_for_either(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        client = await Client.of(served)

        async def trickle() -> None:
            while True:
                await client.send(b"X: y\r\n")
                await asyncio.sleep(0.02)

        await client.send(b"GET /healthz HTTP/1.1\r\n")
        trickling = asyncio.ensure_future(trickle())
        check_refused(await client.rest(), 408, "bad_request")
        trickling.cancel()

    with_server(tmp_path, scenario, limits=HASTY)


def test_the_second_head_of_a_connection_has_its_time_too(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        client = await Client.of(served)
        for _ in range(2):
            await client.send(head(served, "GET", "/healthz"))
            assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")
        await client.send(b"GET /healthz HT")
        check_refused(await client.rest(), 408, "bad_request")

    with_server(tmp_path, scenario, limits=HASTY)


def test_a_body_that_trickles_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: None) -> None:
    monkeypatch.setattr(bodies, "READ_WITHIN_S", 0.3)
    monkeypatch.setattr(bodies, "DRAIN_S", 0.1)

    async def scenario(served: Served) -> None:
        client = await Client.of(served)

        async def trickle() -> None:
            while True:
                await client.send(b"x")
                await asyncio.sleep(0.02)

        await client.send(head(served, "POST", "/login", FORM, "Content-Length: 10000"))
        trickling = asyncio.ensure_future(trickle())
        check_refused(await client.rest(), 408, "bad_request")
        trickling.cancel()

    with_server(tmp_path, scenario)


def test_who_does_not_read_the_answer_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: None) -> None:
    lost = asyncio.Event()
    connection_lost = Connection.connection_lost

    def told(self: Connection, error: Exception | None) -> None:
        connection_lost(self, error)
        lost.set()

    monkeypatch.setattr(Connection, "connection_lost", told)

    async def scenario(served: Served) -> None:
        @served.site.application.get("/static-large")
        async def large() -> str:
            return "x" * 16_000_000

        token = await served.site.token(await served.site.person())
        client = await Client.of(served)
        await client.send(head(served, "GET", "/static-large", *(f"{name}: {value}" for name, value in token.items())))
        async with asyncio.timeout(PATIENCE_S):
            await lost.wait()
        client.writer.close()

    with_server(tmp_path, scenario, limits=HASTY)


def test_where_there_is_no_room_the_silent_ones_go_and_a_new_one_is_served(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        busy = await Client.of(served)
        await busy.send(head(served, "POST", "/login", FORM, "Content-Length: 9") + b"usern")
        crowd = [await Client.of(served) for _ in range(40)]
        for _ in range(10):
            client = await Client.of(served)
            await client.send(head(served, "GET", "/healthz", CLOSE))
            assert (await client.rest()).startswith(b"HTTP/1.1 200 ")
        assert len(served.server.server_state.connections) <= 20
        assert await crowd[0].rest() == await busy.rest() == b""
        for client in crowd:
            client.writer.close()

    with_server(tmp_path, scenario, limits=Limits(connections=20))


def test_where_all_are_being_served_one_more_is_told_to_come_again(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        go, there = asyncio.Event(), asyncio.Semaphore(0)

        @served.site.application.get("/api/slow")
        async def slow() -> str:
            there.release()
            await go.wait()
            return "done"

        token = await served.site.token(await served.site.person())
        clients = [await Client.of(served) for _ in range(5)]
        for client in clients:
            lines = (CLOSE, *(f"{name}: {value}" for name, value in token.items()))
            await client.send(head(served, "GET", "/api/slow", *lines))
            await asyncio.wait_for(there.acquire(), PATIENCE_S)
        refused = await ask(served, head(served, "GET", "/healthz"))
        check_refused(refused, 429, "too_many")
        assert b"Retry-After: 1\r\n" in refused
        go.set()
        assert all([(await client.rest()).startswith(b"HTTP/1.1 200 ") for client in clients])
        assert (await ask(served, head(served, "GET", "/healthz", CLOSE))).startswith(b"HTTP/1.1 200 ")

    with_server(tmp_path, scenario, limits=Limits(connections=5))


LONG = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "data",
    [
        LONG + b"X: " + b"a" * 200_000,
        LONG + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
        LONG + b"X: a\r\n" * 20_000,
        LONG + b"Cookie: a=b\r\n" * 6_000 + b"\r\n",
        b"GET /healthz?" + b"a" * 100_000,
        b"GET /healthz?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /healthz?"
        + b"a" * 60_000
        + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX: "
        + b"a" * 6_000
        + b"\r\n\r\n",
        b"A" * 100_000,
    ],
)
def test_a_head_that_is_too_large_is_refused(tmp_path: Path, silent: None, data: bytes) -> None:
    async def scenario(served: Served) -> None:
        answer = await ask(served, data)
        if data.startswith(b"AAAA"):
            check_refused(answer, 400, "bad_request")
        else:
            check_refused(answer, 431, "too_large")

    with_server(tmp_path, scenario)


SECOND = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Content-Length: 6", "Transfer-Encoding: chunked"], b"0\r\n\r\n" + SECOND),
        (["Transfer-Encoding: xchunked"], b"0\r\n\r\n" + SECOND),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n" + SECOND),
        (["Transfer-Encoding: chunked, gzip"], b"0\r\n\r\n" + SECOND),
        (["Transfer-Encoding : chunked"], b"0\r\n\r\n" + SECOND),
        (["Content-Length: 5", "Content-Length: 6"], b"a=b&c=" + SECOND),
        (["Content-Length: -1"], SECOND),
        (["Content-Length: +3"], b"a=b" + SECOND),
        (["Content-Length: 0x3"], b"a=b" + SECOND),
        (["Content-Length: 3, 3"], b"a=b" + SECOND),
        (["Content-Length: 99999999999999999999999"], b"a=b" + SECOND),
        (["Content-Length : 3"], b"a=b" + SECOND),
        (["X: a", " Content-Length: 3"], b"a=b" + SECOND),
        (["X: a\x00b"], SECOND),
        (["X: a\rb"], SECOND),
        (["Transfer-Encoding: chunked"], b"zz\r\nfoo\r\n0\r\n\r\n" + SECOND),
        (["Transfer-Encoding: chunked"], b"-1\r\nfoo\r\n0\r\n\r\n" + SECOND),
        (["Transfer-Encoding: chunked"], b"3\r\na=bc\r\n0\r\n\r\n" + SECOND),
        (["Transfer-Encoding: chunked"], b"ffffffffffffffffff\r\na=b" + SECOND),
    ],
)
def test_a_length_that_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_done(
    tmp_path: Path, silent: None, lines: list[str], body: bytes
) -> None:
    async def scenario(served: Served) -> None:
        check_refused(await ask(served, head(served, "POST", "/login", FORM, *lines) + body), 400, "bad_request")

    with_server(tmp_path, scenario)


@pytest.mark.parametrize(
    "data",
    [
        b"get /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"NONSENSE /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /healthz HTTP/3.7\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        bytes.fromhex("160301020001000 1fc0303".replace(" ", "")) + bytes(range(256)),
        b"\x00" * 1000,
        b"\r\n\r\n\r\nquit\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_as_one(tmp_path: Path, silent: None, data: bytes) -> None:
    async def scenario(served: Served) -> None:
        check_refused(await ask(served, data), 400, "bad_request")

    with_server(tmp_path, scenario)


def test_a_thousand_requests_in_one_go_are_answered_in_their_order(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        paths = ["/healthz", "/api/nothing"]
        requests = [head(served, "GET", paths[number % 2]) for number in range(999)]
        answer = await ask(served, b"".join(requests) + head(served, "GET", "/api/nothing", CLOSE))
        statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [200, 401] * 500

    with_server(tmp_path, scenario)


def size_of(connection: Connection) -> int:
    """Roughly, the bytes of what was sent ahead and is kept."""
    in_line = [cycle.scope["headers"] for cycle, _ in connection.pipeline]
    return len(connection._later) + 1000 * len(in_line) + 100 * len(connection.headers or ())


@pytest.mark.parametrize("reads", [True, False])
def test_of_requests_that_are_sent_ahead_few_are_taken_in(tmp_path: Path, silent: None, reads: bool) -> None:
    async def scenario(served: Served) -> None:
        client = await Client.of(served)
        flood = asyncio.ensure_future(client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 50_000))
        seen, most = 0, 0
        for _ in range(200):
            if reads:
                async with asyncio.timeout(PATIENCE_S):
                    seen += len(await client.reader.read(1 << 16))
            else:
                await asyncio.sleep(0.005)
            (connection,) = served.server.server_state.connections
            assert isinstance(connection, Connection)
            most = max(most, size_of(connection))
        assert most < 600_000
        assert seen or not reads
        flood.cancel()
        client.writer.transport.abort()

    with_server(tmp_path, scenario)


def test_a_head_that_comes_before_the_answer_is_bounded_too(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        client = await Client.of(served)
        signed = await as_alice(served)
        body = json.dumps({"info_hash": HASH}).encode()
        kind = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        asked = head(served, "POST", "/api/calibrate", signed, *kind) + body
        endless = asyncio.ensure_future(client.send(asked + b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500_000))
        most = 0
        for _ in range(40):  # nobody finds the name
            await asyncio.sleep(0.01)
            most = max(most, *map(size_of, served.server.server_state.connections))
        assert most < 600_000
        endless.cancel()
        client.writer.transport.abort()

    with_server(tmp_path, scenario)


@pytest.mark.parametrize("end", [b"0\r\nX: ", b"1;x="])
def test_what_is_neither_head_nor_body_is_bounded_as_well(tmp_path: Path, silent: None, end: bytes) -> None:
    async def scenario(served: Served) -> None:
        chunked = head(served, "POST", "/login", FORM, "Transfer-Encoding: chunked")
        check_refused(await ask(served, chunked + b"3\r\na=b\r\n" + end + b"a" * 200_000), 431, "too_large")

    with_server(tmp_path, scenario)


@pytest.mark.parametrize(("fields", "status"), [(190, 200), (300, 431)])
def test_a_head_has_so_many_fields_and_no_more(tmp_path: Path, silent: None, fields: int, status: int) -> None:
    async def scenario(served: Served) -> None:
        lines = [f"X-{number}: y" for number in range(fields)]
        answer = await ask(served, head(served, "GET", "/healthz", CLOSE, *lines))
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert answer.count(b"HTTP/1.1 ") == 1

    with_server(tmp_path, scenario)


def test_what_follows_a_good_request_takes_nothing_from_its_answer(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        good = head(served, "GET", "/healthz")
        first, _, second = (await ask(served, good + b"\0nonsense\r\n\r\n")).partition(b"HTTP/1.1 400 ")
        assert first.startswith(b"HTTP/1.1 200 "), first
        check_refused(b"HTTP/1.1 400 " + second, 400, "bad_request")
        for more in (1, 500):
            answer = await ask(served, head(served, "GET", "/healthz", CLOSE) + good * more)
            assert answer.count(b"HTTP/1.1 ") == 1

    with_server(tmp_path, scenario)


BAD_CHUNK = "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
UPGRADE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
FIELDS = "GET / HTTP/1.1\r\nHost: x\r\n" + "".join(f"a{number}: 1\r\n" for number in range(250)) + "\r\n"


@pytest.mark.parametrize("good", [1, 3])
@pytest.mark.parametrize(("bad", "status"), [(BAD_CHUNK, 400), (UPGRADE, 400), (FIELDS, 431), ("\0\r\n\r\n", 400)])
def test_good_requests_have_their_answers_before_a_bad_one_behind_them(
    tmp_path: Path, silent: None, good: int, bad: str, status: int
) -> None:
    async def scenario(served: Served) -> None:
        answer = await ask(served, head(served, "GET", "/healthz") * good + bad.encode() + SECOND)
        assert [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]] == [200] * good + [status]
        check_refused(answer[answer.rindex(b"HTTP/1.1 ") :], status, "too_large" if status == 431 else "bad_request")

    with_server(tmp_path, scenario)


def test_who_goes_is_missed_though_an_empty_line_was_the_last_that_came(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        body = json.dumps({"info_hash": HASH}).encode()
        kind = (await as_alice(served), "Content-Type: application/json", f"Content-Length: {len(body)}")
        waits = await Client.of(served)
        await waits.send(head(served, "POST", "/api/calibrate", *kind) + body)
        await asyncio.sleep(0.1)  # nobody finds the name
        await waits.send(b"\r\n")
        await asyncio.sleep(0.1)
        waits.writer.close()
        await waits.writer.wait_closed()
        async with asyncio.timeout(10):
            while served.server.server_state.connections:
                await asyncio.sleep(0.01)

    with_server(tmp_path, scenario)


def test_a_large_body_behind_another_request_comes_whole(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        signed = await as_alice(served)
        body = json.dumps({"text": "x" * 1_000_000}).encode()
        kind = ("Content-Type: application/json", f"Content-Length: {len(body)}", CLOSE)
        sent = head(served, "GET", "/healthz") * 200 + head(served, "POST", "/api/notes", signed, *kind) + body
        answer = await ask(served, sent)
        assert answer.count(b"HTTP/1.1 200 ") == 200
        assert len(json.loads(answer.rpartition(b"\r\n\r\n")[2])["text"]) == 1_000_000

    with_server(tmp_path, scenario)


async def as_alice(served: Served) -> str:
    """The line of a head that signs a person in."""
    token = await served.site.token(await served.site.person())
    return f"Authorization: {token['Authorization']}"


@pytest.mark.parametrize("apart", [False, True])
def test_who_would_rather_speak_http_2_is_answered_and_the_body_is_no_second_request(
    tmp_path: Path, silent: None, apart: bool
) -> None:
    async def scenario(served: Served) -> None:
        signed, kind = await as_alice(served), "Content-Type: application/json"
        upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
        body = json.dumps({"text": SECOND.decode()}).encode()
        start = head(served, "POST", "/api/notes", signed, kind, *upgrade, f"Content-Length: {len(body)}")
        client = await Client.of(served)
        if apart:
            await client.send(start)
            await client.send(body[:20])
            await client.send(body[20:] + SECOND)
        else:
            await client.send(start + body + SECOND)
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["text"] == SECOND.decode()
        chunked = head(served, "POST", "/api/notes", signed, kind, *upgrade, "Transfer-Encoding: chunked")
        check_refused(await ask(served, chunked + b"2\r\n{}\r\n0\r\n\r\n" + SECOND), 400, "bad_request")

    with_server(tmp_path, scenario)


def test_a_socket_that_is_not_served_is_answered_like_any_other_request(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        lines = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
        check_refused(await ask(served, head(served, "GET", "/api/nothing", *lines)), 401, "unauthorized")

    with_server(tmp_path, scenario)


def test_what_comes_after_a_body_in_pieces_is_no_header(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        signed = await as_alice(served)
        pieces = ("Transfer-Encoding: chunked", "Content-Type: application/json", CLOSE)
        body = b"2\r\n{}\r\n0\r\n"
        trailer = body + f"{signed}\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n".encode()
        check_refused(await ask(served, head(served, "POST", "/api/notes", *pieces) + trailer), 401, "unauthorized")
        answer = await ask(served, head(served, "POST", "/api/notes", signed, *pieces) + trailer)
        check_refused(answer, 400, "bad_request")  # {} is no note; neither Host nor Origin was looked at

    with_server(tmp_path, scenario)


def test_a_whole_address_says_which_server_is_meant(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        for address, status in (
            ("http://evil.example/login", 400),
            ("http://evil.example@127.0.0.1/login", 400),
            ("http://[::1/login", 400),
            (f"{served.base}/login", 303),
            ("http://LOCALHOST:1/login?next=/x", 303),
        ):
            for host in (None, "evil.example"):
                answer = await ask(served, head(served, "GET", address, CLOSE, host=host))
                assert answer.startswith(b"HTTP/1.1 %d " % status), (address, answer[:100])

    with_server(tmp_path, scenario)


@pytest.mark.parametrize(
    "twice",
    [
        ("Origin: {own}", "Origin: http://evil.example"),
        ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"),
        ("Authorization: Bearer x", "Authorization: Bearer y"),
        ("Content-Type: application/json", "Content-Type: text/plain"),
    ],
)
def test_what_is_said_twice_is_believed_in_neither_way(tmp_path: Path, silent: None, twice: tuple[str, str]) -> None:
    async def scenario(served: Served) -> None:
        lines = [line.format(own=served.base) for line in twice]
        answer = await ask(served, head(served, "POST", "/api/notes", CLOSE, "Content-Length: 2", *lines) + b"{}")
        check_refused(answer, 400, "bad_request")

    with_server(tmp_path, scenario)


def test_an_old_client_is_served_if_it_says_whom_it_wants(tmp_path: Path, silent: None) -> None:
    async def scenario(served: Served) -> None:
        old = b"GET /api/nothing HTTP/1.0\r\n"
        check_refused(await ask(served, old + b"\r\n"), 400, "bad_request")
        check_refused(await ask(served, old + b"Host: 127.0.0.1\r\n\r\n"), 401, "unauthorized")

    with_server(tmp_path, scenario)


def test_bodies_of_strangers_take_no_more_room_than_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: None
) -> None:
    monkeypatch.setattr(guard, "_STRANGERS_BYTES", 20_000)

    async def scenario(served: Served) -> None:
        await served.site.person()
        start = head(served, "POST", "/login", FORM, CLOSE, "Content-Length: 12000")
        first = await Client.of(served)
        await first.send(start + b"a=" + b"x" * 9_000)
        refused = await ask(served, start + b"a=" + b"x" * 11_998)
        while refused.startswith(b"HTTP/1.1 401 "):  # the first one had not been read yet
            refused = await ask(served, start + b"a=" + b"x" * 11_998)
        check_refused(refused, 429, "too_many")
        first.writer.close()
        async with served.client() as client:
            answer = await client.post("/login", data={"username": "alice", "password": "x" * 10_000})
            while answer.status_code == 429 and answer.json()["code"] == "too_many":
                answer = await client.post("/login", data={"username": "alice", "password": "x" * 10_000})
            assert answer.status_code == 401
            assert (await sign_in(client, "alice", PASSWORD)).status_code == 303

    with_server(tmp_path, scenario)


def test_the_bodies_of_one_person_take_nobody_elses_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: None
) -> None:
    monkeypatch.setattr(guard, "_PEOPLES_BYTES", 400_000)

    async def scenario(served: Served) -> None:
        tokens = [await served.site.token(await served.site.person(name), name) for name in ("robert", "anna-lena")]
        bob, anna = (f"Authorization: {token['Authorization']}" for token in tokens)
        start = ("Content-Type: application/json", CLOSE, "Content-Length: 60000")
        first = await Client.of(served)
        await first.send(head(served, "POST", "/api/notes", bob, *start) + b'{"text":"' + b"x" * 50_000)
        body = b'{"text":"' + b"x" * (60_000 - 11) + b'"}'
        answer = b"HTTP/1.1 201"
        async with asyncio.timeout(PATIENCE_S):
            while answer.startswith(b"HTTP/1.1 201"):  # as long as the first one has not been read
                answer = await ask(served, head(served, "POST", "/api/notes", bob, *start) + body)
        check_refused(answer, 429, "too_many")
        assert (await ask(served, head(served, "POST", "/api/notes", anna, *start) + body)).startswith(b"HTTP/1.1 201")
        first.writer.close()

    with_server(tmp_path, scenario)


def test_at_the_end_nobody_is_waited_for_who_does_not_finish(tmp_path: Path, silent: None) -> None:
    clients: list[Client] = []

    async def scenario(served: Served) -> None:
        for data in (b"", b"GET /heal", head(served, "POST", "/login", FORM, "Content-Length: 100") + b"user"):
            clients.append(await Client.of(served))
            await clients[-1].send(data)
        await ask(served, head(served, "GET", "/healthz", CLOSE))  # by now the others have been read
        served.server.should_exit = True
        check_refused(await clients[2].rest(), 503, "stopping")
        assert [await client.rest() for client in clients[:2]] == [b"", b""]

    with_server(tmp_path, scenario)


def test_there_is_room_for_what_the_process_may_have_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, connections in ((256, 64), (1024, 64), (5000, 400), (65_536, 1000), (-1, 1000)):
        monkeypatch.setattr("resource.getrlimit", lambda _, files=files: (files, files))
        assert Limits.of_this_process().connections == connections
