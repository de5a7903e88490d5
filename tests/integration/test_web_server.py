"""A real server on 127.0.0.1: cookies in a real client, hosts, bodies that are large, slow or without end."""

import asyncio
import select
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.web_support import PASSWORD, Site, cookie_of, sign_in, with_site
from truename.web import bodies
from truename.web.connections import Limits
from truename.web.guard import HEADERS
from truename.web.serving import WebServer, listen

PATIENCE_S = 60


@dataclass
class Served:
    """A site that really listens."""

    site: Site
    port: int
    server: WebServer

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.base, timeout=PATIENCE_S, trust_env=False)


def with_server(
    tmp_path: Path, scenario: Callable[[Served], Awaitable[None]], *, limits: Limits | None = None, **settings: Any
) -> None:
    """Run a scenario against a server on a random port."""

    async def run(site: Site) -> None:
        opened = listen("127.0.0.1", 0)
        server = WebServer(site.application, limits=limits)
        serving = asyncio.ensure_future(server.serve(sockets=[opened]))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await server.up.wait()
            await scenario(Served(site, opened.getsockname()[1], server))
        finally:
            server.should_exit = True
            await serving
            opened.close()

    with_site(tmp_path, run, **settings)


async def talk(served: Served, *pieces: bytes, endless: bytes = b"") -> bytes:
    """Send raw bytes, then `endless` again and again until an answer comes; all that came back."""

    def work() -> bytes:
        answer = b""
        with socket.create_connection(("127.0.0.1", served.port), PATIENCE_S) as connection:
            with suppress(OSError):
                for piece in pieces:
                    connection.sendall(piece)
                while endless and not select.select([connection], [], [], 0)[0]:
                    connection.sendall(endless)
            with suppress(OSError):
                while received := connection.recv(65_536):
                    answer += received
        return answer

    return await asyncio.to_thread(work)


def head(served: Served, method: str, path: str, *lines: str, host: str | None = None) -> bytes:
    """The head of a request."""
    name = f"127.0.0.1:{served.port}" if host is None else host
    return "\r\n".join((f"{method} {path} HTTP/1.1", f"Host: {name}", *lines, "", "")).encode()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little patience with bodies, so that the tests need none."""
    monkeypatch.setattr(bodies, "READ_WITHIN_S", 0.3)
    monkeypatch.setattr(bodies, "DRAIN_S", 0.3)


def test_a_client_signs_in_stays_in_and_leaves(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        await served.site.person()
        async with served.client() as client:
            answer = await sign_in(client)
            assert cookie_of(answer)[0] == f"truename_{served.port}"
            page = await client.get("/api/docs")
            assert page.status_code == 200
            assert "server" not in page.headers
            assert {name: page.headers[name] for name in HEADERS} == HEADERS
            copy = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
            assert (await client.post("/logout", headers={"Origin": served.base})).status_code == 303
            assert not client.cookies
            assert (await client.get("/api/docs", headers={"Cookie": copy})).status_code == 303

    with_server(tmp_path, scenario)


def test_a_head_has_no_body_and_the_next_request_on_its_connection_is_read(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        for path in (b"/healthz", b"/static/css/page.css", b"/login", b"/nothing"):
            asked = head(served, "HEAD", path.decode())
            answers = await talk(served, asked, head(served, "GET", "/healthz", "Connection: close"))
            first, second, body = answers.split(b"\r\n\r\n")
            assert first.startswith(b"HTTP/1.1 ")
            assert b"content-length: " in first.lower()
            assert second.startswith(b"HTTP/1.1 200")
            assert body == b'{"status":"ok"}'

    with_server(tmp_path, scenario)


def test_ten_megabytes_are_refused_and_the_client_hears_it(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        async with served.client() as client:
            for path in ("/login", "/api/calibrate/async"):
                answer = await client.post(path, content=b"x" * 10_000_000)
                assert answer.status_code == (413 if path == "/login" else 401)
                assert answer.json()["code"] in ("too_large", "unauthorized")

    with_server(tmp_path, scenario)


def test_a_body_without_end_is_cut_off(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        start = head(
            served, "POST", "/login", "Transfer-Encoding: chunked", "Content-Type: application/x-www-form-urlencoded"
        )
        answer = await talk(served, start, endless=b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()

    with_server(tmp_path, scenario)


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [("/login", 100, 408), ("/login", 10**10, 413), ("/api/x", 100, 401), ("/x", 100, 303)],
)
def test_a_body_that_does_not_come_is_not_waited_for(
    tmp_path: Path, hasty: None, path: str, length: int, status: int
) -> None:
    async def scenario(served: Served) -> None:
        kind = "Content-Type: application/x-www-form-urlencoded"
        answer = await talk(served, head(served, "POST", path, f"Content-Length: {length}", kind), b"user")
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"content-security-policy" in answer.lower()
        assert b"connection: close" in answer.lower()

    with_server(tmp_path, scenario)


def test_who_asks_before_sending_is_told_at_once(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        answer = await talk(served, head(served, "POST", "/login", "Content-Length: 9999999", "Expect: 100-continue"))
        assert answer.startswith(b"HTTP/1.1 413 ")

    with_server(tmp_path, scenario)


@pytest.mark.parametrize(
    ("host", "more"),
    [("evil.example", ()), ("", ()), ("127.0.0.1", ("Host: evil.example",)), ("127.0.0.1@evil.example", ())],
)
def test_another_host_is_refused(tmp_path: Path, host: str, more: tuple[str, ...]) -> None:
    async def scenario(served: Served) -> None:
        answer = await talk(served, head(served, "GET", "/login", "Connection: close", *more, host=host))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"<html" not in answer

    with_server(tmp_path, scenario)


def test_what_a_client_on_this_machine_says_of_its_address_is_not_believed(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        await served.site.person()
        async with served.client() as client:
            statuses = []
            for number in range(12):
                headers = {"X-Forwarded-For": f"198.51.100.{number}", "X-Forwarded-Proto": "https"}
                form = {"username": f"victim {number}", "password": PASSWORD}
                statuses.append((await client.post("/login", data=form, headers=headers)).status_code)
        assert statuses.count(401) == 5
        assert statuses.count(429) == 7

    with_server(tmp_path, scenario)


def test_a_port_that_is_taken_is_said() -> None:
    opened = listen("127.0.0.1", 0)
    with opened, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", opened.getsockname()[1])
    with listen("::1", 0) as six:
        assert six.family == socket.AF_INET6
