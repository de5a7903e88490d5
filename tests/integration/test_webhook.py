"""The webhook against a real HTTP server on loopback, on a real database; only the clock is the test's."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpcore
import pytest
from sqlalchemy import func, select, update

from tests.integration.live_support import PATIENCE_S, Live, Oracle, live, with_live
from tests.standing import listening
from truename.cleaner import KEEP_UNTOLD_S, Cleaner
from truename.store.database import StoreUnavailable
from truename.store.tables import batch, task
from truename.web import webhook
from truename.web.webhook import AGAIN_AFTER_S, SIGNATURE, Target, Webhook, open_pool

HASHES = [f"{number:040x}" for number in range(1, 4)]
SECRET = "a key that both know"


@pytest.fixture(autouse=True, scope="module")
def _certificates_are_read_once() -> Iterator[None]:
    """A server reads those of the system once; each ring here would."""
    read = ssl.create_default_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truename.web.webhook.ssl.create_default_context", lambda: read)
        yield


@dataclass
class Receiver:
    """What was told, and with which status that is answered."""

    url: str
    statuses: list[int]
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    connections: int = 0
    meanwhile: Callable[[], Awaitable[object]] | None = None


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncIterator[Receiver]:
    """A server that answers one status after the other, and then 200."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = await reader.readexactly(int(headers["Content-Length"]))
        found.told.append((headers, body))
        if found.meanwhile is not None:
            await found.meanwhile()
        status = found.statuses.pop(0) if found.statuses else 200
        writer.write(f"HTTP/1.1 {status} X\r\nLocation: {found.url}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async with listening(serve) as server:
        found = Receiver(url=f"http://127.0.0.1:{server.port}/hook?key=k", statuses=list(statuses))
        yield found


class Bell:
    """A webhook whose clock the test moves."""

    def __init__(self, site: Live, url: str, *, secret: str = SECRET, allow_private: bool = True) -> None:
        self.now = 10.0**10
        self.allow_private = allow_private
        engine = site.engine
        target = Target(url=url, secret=secret, allow_private=allow_private)
        self.webhook = Webhook(target, engine.database, engine.writer, engine.batches, clock=lambda: self.now)

    async def ring(self) -> int:
        async with open_pool(allow_private=self.allow_private) as pool:
            return await self.webhook.tell(pool)


async def ended_batch(site: Live) -> str:
    """A batch of alice's that has ended, and that is to be told."""
    client = await site.signed_in()
    answer = await client.post("/api/calibrate/batch", json={"info_hashes": HASHES})
    batch_id: str = answer.json()["batch_id"]
    for info_hash in HASHES:
        await client.post("/api/calibrate", json={"info_hash": info_hash})
    async with site.database.writing() as connection:
        await connection.execute(update(batch).values(tell_at=0.0))
    return batch_id


def test_the_end_of_a_batch_is_told_once_and_signed(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        batch_id = await ended_batch(site)
        async with receiver() as found:
            bell = Bell(site, found.url)
            assert await bell.ring() == 1
            assert await bell.ring() == 0
        ((headers, body),) = found.told
        told = json.loads(body)
        assert (told["batch_id"], told["total"], told["counts"]["completed"]) == (batch_id, 3, 3)
        assert [task["info_hash"] for task in told["tasks"]] == HASHES
        assert headers["Content-Type"] == "application/json"
        assert headers[SIGNATURE] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    with_live(tmp_path, scenario)


def test_who_stands_in_the_address_signs_in_with_it(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        await ended_batch(site)
        async with receiver() as found:
            await Bell(site, found.url.replace("://", "://truename:a%3Ab@")).ring()
        assert found.told[0][0]["Authorization"] == "Basic " + base64.b64encode(b"truename:a:b").decode()

    with_live(tmp_path, scenario)


def test_without_a_key_nothing_is_signed(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        await ended_batch(site)
        async with receiver() as found:
            await Bell(site, found.url, secret="").ring()
        ((headers, _),) = found.told
        assert SIGNATURE not in headers
        assert "Authorization" not in headers

    with_live(tmp_path, scenario)


@pytest.mark.parametrize("status", [500, 404, 302, 429])
def test_what_does_not_arrive_is_told_again_later_and_not_for_ever(tmp_path: Path, status: int) -> None:
    async def scenario(site: Live) -> None:
        await ended_batch(site)
        async with receiver(*[status] * 100) as found:
            bell = Bell(site, found.url)
            for waited_s in AGAIN_AFTER_S:
                assert await bell.ring() == 1
                bell.now += waited_s - 0.1
                assert await bell.ring() == 0
                bell.now += 0.2
            assert await bell.ring() == 1
            bell.now += 10.0**6
            assert await bell.ring() == 0
            assert found.connections == len(AGAIN_AFTER_S) + 1  # and no redirect was followed

    with_live(tmp_path, scenario, max_attempts=1)


def test_a_receiver_that_is_back_is_told(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        await ended_batch(site)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        bell = Bell(site, f"http://127.0.0.1:{port}/")
        assert await bell.ring() == 1
        async with receiver(503) as found:
            bell = Bell(site, found.url)
            for waited_s in AGAIN_AFTER_S[:3]:
                bell.now += waited_s + 1
                await bell.ring()
            assert await bell.ring() == 0
        assert len(found.told) == 2

    with_live(tmp_path, scenario)


@pytest.mark.parametrize("status", [200, 500])
def test_what_is_begun_again_while_its_end_is_told_is_told_when_it_ends_again(tmp_path: Path, status: int) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = {HASHES[0]}
        batch_id = await ended_batch(site)
        client = await site.signed_in()
        site.oracle.dead, site.oracle.held = set(), {HASHES[0]}

        async def retried() -> None:
            found.meanwhile = None
            assert (await client.post(f"/api/calibrate/batch/{batch_id}/retry")).status_code == 200

        async with receiver(status) as found:
            bell = Bell(site, found.url)
            found.meanwhile = retried
            assert await bell.ring() == 1
            bell.now += 10.0**6
            assert await bell.ring() == 0  # it runs
            await site.oracle.let_go()
            async with asyncio.timeout(PATIENCE_S):
                while (await client.get(f"/api/calibrate/batch/{batch_id}")).json()["counts"]["completed"] < 3:
                    await site.engine.hub.wait(site.engine.hub.count, timeout_s=0.05)
            async with site.database.writing() as connection:
                await connection.execute(update(batch).where(batch.c.ended_at.is_not(None)).values(tell_at=0.0))
            assert await bell.ring() == 1
        counts = [json.loads(body)["counts"] for _, body in found.told]
        assert [each["completed"] for each in counts] == [2, 3]

    with_live(tmp_path, scenario, max_attempts=1)


def test_a_batch_whose_retry_is_answered_at_once_ends_again(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = {HASHES[0]}
        batch_id = await ended_batch(site)
        client = await site.signed_in()
        async with receiver() as found:
            await Bell(site, found.url).ring()
            site.oracle.dead = set()
            await client.post("/api/calibrate", json={"info_hash": HASHES[0]})
            async with site.database.writing() as connection:
                await connection.execute(update(batch).values(ended_at=time.time() - 60))
            assert (await client.post(f"/api/calibrate/batch/{batch_id}/retry")).json()["counts"]["completed"] == 3
            async with site.database.reading() as connection:
                row = (await connection.execute(select(batch))).one()
            assert row.ended_at == row.tell_at > time.time() - 50
            assert await Bell(site, found.url).ring() == 1
        assert [json.loads(body)["counts"]["completed"] for _, body in found.told] == [2, 3]

    with_live(tmp_path, scenario, max_attempts=1, webhook_url="http://127.0.0.1:1/")


def test_a_clock_that_is_set_back_puts_off_no_news(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        await ended_batch(site)
        async with receiver(500) as found:
            bell = Bell(site, found.url)
            await bell.ring()
            bell.now -= 50_000
            assert await bell.ring() == 1
        assert len(found.told) == 2

    with_live(tmp_path, scenario)


def test_a_receiver_that_is_gone_for_good_is_left_alone(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        await ended_batch(site)
        async with receiver(410) as found:
            bell = Bell(site, found.url)
            await bell.ring()
            bell.now += 10.0**6
            assert await bell.ring() == 0

    with_live(tmp_path, scenario)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "hook.example"])
def test_private_addresses_see_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Also under a name that looks public and leads to loopback."""
    really = asyncio.base_events.BaseEventLoop.getaddrinfo

    async def answered(self: Any, name: str, port: int, **more: Any) -> Any:
        return await really(self, "127.0.0.1" if name == "hook.example" else name, port, **more)

    async def scenario(site: Live) -> None:
        await ended_batch(site)
        async with receiver() as canary:
            port = canary.url.split(":")[2].split("/")[0]
            bell = Bell(site, f"http://{host}:{port}/", allow_private=False)
            assert await bell.ring() == 1
            assert canary.connections == 0
            bell.now += 60
            assert await bell.ring() == 1  # it is kept for an owner who opens the way

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", answered)
    with_live(tmp_path, scenario)


@pytest.mark.parametrize(
    ("host", "answer", "goes"),
    [
        ("hook.example", ["1.1.1.1", "2606:4700::1111"], True),
        ("hook.example", ["169.254.169.254"], False),
        ("hook.example", ["::ffff:127.0.0.1"], False),
        ("hook.example", ["::ffff:10.0.0.1"], False),
        ("hook.example", ["64:ff9b::7f00:1"], False),
        ("hook.example", ["fe80::1%lo"], False),
        ("hook.example", ["1.1.1.1", "127.0.0.1"], False),
        ("hook.example", ["2606:4700::1111", "fd12:3456::1"], False),
        ("hook.example", [], False),
        ("169.254.169.254", ["169.254.169.254"], False),
        ("0xa9fea9fe", ["169.254.169.254"], False),
        ("[::ffff:127.0.0.1]", ["::ffff:127.0.0.1"], False),
    ],
)
def test_what_a_host_leads_to_is_looked_at_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, answer: list[str], goes: bool
) -> None:
    """Whatever is connected to is a canary on loopback: nothing leaves this machine."""
    wanted: list[str] = []
    really = httpcore.AnyIOBackend.connect_tcp

    async def answered(self: Any, name: str, port: int, **more: Any) -> Any:
        return [(socket.AF_UNSPEC, socket.SOCK_STREAM, 6, "", (one, port)) for one in answer]

    async def scenario(site: Live) -> None:
        await ended_batch(site)
        async with receiver() as canary:

            async def connected(self: Any, address: str, *_: Any) -> Any:
                wanted.append(address)
                return await really(self, "127.0.0.1", int(canary.url.split(":")[2].split("/")[0]))

            monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connected)
            assert await Bell(site, f"http://{host}/", allow_private=False).ring() == 1
        assert (canary.connections, wanted) == ((1, answer[:1]) if goes else (0, []))

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", answered)
    with_live(tmp_path, scenario)


def test_where_a_host_leads_to_several_addresses_one_that_answers_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answered(self: Any, name: str, port: int, **more: Any) -> Any:
        every = ("127.0.0.2", "127.0.0.1")  # nobody listens on the first
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in every]

    async def scenario(site: Live) -> None:
        batch_id = await ended_batch(site)
        async with receiver() as found:
            monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", answered)
            bell = Bell(site, found.url.replace("127.0.0.1", "hook.example"))
            assert await bell.ring() == 1
            bell.now += AGAIN_AFTER_S[0] + 1
            assert await bell.ring() == 0, "it was told the first time"
        assert [json.loads(body)["batch_id"] for _, body in found.told] == [batch_id]

    with_live(tmp_path, scenario)


def test_a_host_that_cannot_be_looked_up_is_one_that_does_not_answer(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        await ended_batch(site)
        bell = Bell(site, "http://a..b/")
        assert await bell.ring() == 1
        bell.now += AGAIN_AFTER_S[0] + 1
        assert await bell.ring() == 1

    with_live(tmp_path, scenario)


def test_the_webhook_is_told_when_the_batch_is_over_for_everybody_else(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        batch_id = await ended_batch(site)
        client = await site.signed_in()
        async with asyncio.timeout(PATIENCE_S):
            while (await client.get(f"/api/calibrate/batch/{batch_id}")).status_code != 404:
                await site.engine.hub.wait(site.engine.hub.count, timeout_s=0.05)
        assert (await client.post(f"/api/calibrate/batch/{batch_id}/retry")).status_code == 404
        async with receiver() as found:
            assert await Bell(site, found.url).ring() == 1
        assert [task["info_hash"] for task in json.loads(found.told[0][1])["tasks"]] == HASHES

    with_live(tmp_path, scenario, task_ttl_s=0.05)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_batch_is_kept_until_the_webhook_was_told_and_a_day_at_most(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, arrives: bool
) -> None:
    """What is forgotten untold stands in the log."""

    async def scenario(site: Live) -> None:
        batch_id = await ended_batch(site)
        now = time.time() + sum(AGAIN_AFTER_S)
        cleaner = Cleaner(site.writer, lambda: now, task_ttl_s=60, interval_s=1)
        await cleaner.clean()
        assert await rows_of(site) == (1, len(HASHES))
        if arrives:
            async with receiver() as found:
                await Bell(site, found.url).ring()
        else:
            now += KEEP_UNTOLD_S
        await cleaner.clean()
        assert await rows_of(site) == (0, 0)
        lost = [record.batch for record in caplog.records if record.message == "the webhook is not told any more"]
        assert lost == ([] if arrives else [batch_id])

    assert sum(AGAIN_AFTER_S) < KEEP_UNTOLD_S
    with_live(tmp_path, scenario)


async def rows_of(site: Live) -> tuple[int, int]:
    """How many batches and tasks there are."""
    async with site.database.reading() as connection:
        counts = [
            (await connection.execute(select(func.count()).select_from(one))).scalar_one() for one in (batch, task)
        ]
    return counts[0], counts[1]


def test_a_defect_in_one_batch_ends_neither_the_server_nor_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(site: Live) -> None:
        broken, well = await ended_batch(site), await ended_batch(site)
        rendered = webhook.batch_body

        def broken_once(view: Any, *given: Any) -> Any:
            if view.batch.id == broken:
                raise ZeroDivisionError
            return rendered(view, *given)

        monkeypatch.setattr(webhook, "batch_body", broken_once)
        async with receiver() as found:
            bell = Bell(site, found.url)
            assert await bell.ring() == 2
            assert [json.loads(body)["batch_id"] for _, body in found.told] == [well]
            assert "telling the webhook broke" in caplog.text
            monkeypatch.undo()
            bell.now += AGAIN_AFTER_S[0]
            assert await bell.ring() == 1
            assert [json.loads(body)["batch_id"] for _, body in found.told] == [well, broken]

    with_live(tmp_path, scenario)


def test_a_batch_that_cannot_be_read_has_no_other_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(site: Live) -> None:
        unread, well = await ended_batch(site), await ended_batch(site)
        async with receiver() as found:
            bell = Bell(site, found.url)
            read = bell.webhook._batches.to_be_told

            async def to_be_told(person_id: int, batch_id: str, **given: Any) -> Any:
                if batch_id == unread:
                    raise StoreUnavailable("database is locked")
                return await read(person_id, batch_id, **given)

            monkeypatch.setattr(bell.webhook._batches, "to_be_told", to_be_told)
            assert [await bell.ring() for _ in range(3)] == [1, 0, 0]
            assert [json.loads(body)["batch_id"] for _, body in found.told] == [well]
            assert "the webhook is told later" in caplog.text
            monkeypatch.undo()
            assert await bell.ring() == 1
            assert [json.loads(body)["batch_id"] for _, body in found.told] == [well, unread]

    with_live(tmp_path, scenario)


def test_as_long_as_there_is_much_to_tell_it_makes_no_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truename.web.webhook._LOOK_AGAIN_S", 3600.0)

    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        for _ in range(25):
            answer = await client.post("/api/calibrate/batch", json={"info_hashes": ["no hash"]})
            assert answer.status_code == 200
        async with site.database.writing() as connection:
            await connection.execute(update(batch).values(tell_at=0.0))
        async with receiver() as found:
            heard = asyncio.Event()

            async def hear() -> None:
                if len(found.told) == 25:
                    heard.set()

            found.meanwhile = hear
            telling = asyncio.create_task(Bell(site, found.url).webhook.run())
            async with asyncio.timeout(PATIENCE_S):
                await heard.wait()
            telling.cancel()
            await asyncio.wait([telling])

    with_live(tmp_path, scenario)


def test_a_server_with_a_webhook_tells_by_itself(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        answer = await client.post("/api/calibrate/batch", json={"info_hashes": HASHES})
        async with asyncio.timeout(30):
            _, body = await told.get()
        assert json.loads(body)["batch_id"] == answer.json()["batch_id"]

    told: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def everything() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(int(line[16:]) for line in head.split("\r\n") if line.startswith("Content-Length: "))
            told.put_nowait((head, await reader.readexactly(length)))
            writer.write(b"HTTP/1.1 204 X\r\n\r\n")
            writer.close()

        async with listening(serve) as server:
            url = f"http://127.0.0.1:{server.port}/"
            async with live(tmp_path, Oracle(), webhook_url=url, allow_private_network=True) as site:
                await scenario(site)

    asyncio.run(everything())
