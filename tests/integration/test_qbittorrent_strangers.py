"""The resolver `qbittorrent` and servers that are not what it hopes for, or newer than what Debian has."""

import asyncio
import contextlib
import json
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.qbittorrent import PASSWORD, PATIENCE_S, USERNAME
from tests.qbittorrent_stand_in import (
    Fetching,
    Queueing,
    Reply,
    Request,
    StandIn,
    after_login,
    always,
    always_a_trailer,
    always_continue,
    drip,
    drip_a_size,
    pour,
    silence,
)
from tests.standing import listening
from tests.wire import info_named, sha1
from truename.demo.torrents import dead_hashes
from truename.errors import BadMetadata, BadName, NotYet, ResolverDown
from truename.magnet import Magnet
from truename.metainfo import Metainfo, read_info
from truename.resolvers.base import Claim, Trail
from truename.resolvers.looks import when_up
from truename.resolvers.qbittorrent.config import Limits, QbittorrentConfig
from truename.resolvers.qbittorrent.listing import Listing
from truename.resolvers.qbittorrent.marks import CATEGORY, Run
from truename.resolvers.qbittorrent.pieces import MAX_PIECE_CHARS
from truename.resolvers.qbittorrent.resolver import QbittorrentResolver

DEAD = dead_hashes(20, seed=6)
QUICK = Limits(answer_s=0.3, answer_bytes=1 << 20)
LONG_S = 50.0


@contextlib.asynccontextmanager
async def resolving(url: str, limits: Limits = QUICK, **more: Any) -> AsyncIterator[QbittorrentResolver]:
    resolver = QbittorrentResolver(
        QbittorrentConfig(url=url, username=USERNAME, password=PASSWORD, limits=limits, **more)
    )
    try:
        yield resolver
    finally:
        await resolver.aclose()


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test

    asyncio.run(bounded())


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.02)


async def reason_at(url: str, limits: Limits = QUICK) -> str:
    """Why such a server cannot be asked; the second look-up is not even tried."""
    async with resolving(url, limits) as resolver:
        for _ in range(2):
            with pytest.raises(ResolverDown) as ending:
                await resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=LONG_S)
        health = await resolver.health()
        assert (health.able, health.reason) == (False, ending.value.reason)
        return ending.value.reason


PAGE = b"<!doctype html><title>Welcome</title>"
NESTED = b"[" * 100_000
STRANGERS: dict[str, tuple[Callable[[], StandIn], str]] = {
    "a page": (lambda: always(200, PAGE), "stranger"),
    "an empty page": (lambda: always(200), "stranger"),
    "not found": (lambda: always(404, PAGE), "stranger"),
    "errors": (lambda: always(500, PAGE), "broken"),
    "a gateway": (lambda: always(502, PAGE), "broken"),
    "host refused": (lambda: always(401, b"Unauthorized"), "host"),
    "banned": (lambda: always(403, b"Your IP address has been banned"), "banned"),
    "old": (lambda: after_login(b"", version=b"2.8.3"), "old"),
    "no version": (lambda: after_login(b"", version=PAGE), "stranger"),
    "a page later": (lambda: after_login(PAGE), "stranger"),
    "errors later": (lambda: after_login(PAGE, status=500), "broken"),
    "not found later": (lambda: after_login(PAGE, status=404), "stranger"),
    "nested": (lambda: after_login(NESTED), "stranger"),
    "a list": (lambda: after_login(b"[1]"), "stranger"),
    "a number for torrents": (lambda: after_login(b'{"rid": 1, "torrents": 5}'), "stranger"),
    "not UTF-8": (lambda: after_login(b'{"rid": "\xff\xfe'), "stranger"),
    "packed": (lambda: after_login(b"x", **{"Content-Encoding": "gzip"}), "stranger"),
    "without an end": (lambda: after_login(b"x" * 65536, **{"X-Times": "10000", "Content-Length": "-1"}), "too_large"),
}


@pytest.mark.parametrize(("make", "reason"), STRANGERS.values(), ids=STRANGERS)
def test_what_is_no_qbittorrent_is_named_and_left_alone(make: Callable[[], StandIn], reason: str) -> None:
    with make().serving() as server:
        run(_expect(server, f"qbittorrent_{reason}"))


async def _expect(server: StandIn, reason: str) -> None:
    assert await reason_at(server.url) == reason
    assert server.sent < 16 << 20
    assert server.times("auth/login") <= 2
    assert len(server.asked) <= 8


@pytest.mark.parametrize(
    ("server", "how"),
    [
        (silence, "silent"),
        (drip, "silent"),
        (always_continue, "silent"),
        (drip_a_size, "silent"),
        (always_a_trailer, "silent"),
        (pour, "too_large"),
    ],
)
def test_a_server_that_hangs_costs_a_moment_and_no_thread(
    server: Callable[[], AbstractContextManager[str]], how: str
) -> None:
    async def test() -> None:
        with server() as url:
            assert await reason_at(url) == f"qbittorrent_{how}"
            await until(lambda: all(one.name != "qbittorrent" for one in threading.enumerate()))

    run(test())


def test_a_server_that_has_begun_to_hang_is_not_said_to_be_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truename.resolvers.qbittorrent.resolver._HEALTH_S", 0.5)
    answers = threading.Event()

    async def test(url: str) -> None:
        async with resolving(url, Limits(answer_s=LONG_S)) as resolver:
            answers.set()
            assert (await resolver.health()).able
            answers.clear()
            for _ in range(2):
                health = await resolver.health()
                assert (health.able, health.reason) == (False, "qbittorrent_silent")
            answers.set()
            while not (await resolver.health()).able:
                pass

    with after_login(b'{"rid": 1, "torrents": {}}').serving() as well:

        def answer(request: Request) -> Reply:
            assert answers.wait(PATIENCE_S)
            return well.answer(request)

        with StandIn(answer).serving() as server:
            run(test(server.url))


def test_who_comes_next_need_not_wait_for_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truename.resolvers.qbittorrent.resolver._HELP_S", 0.05)

    async def test() -> None:
        with silence() as url:
            trail, told = None, asyncio.Event()
            trail = Trail(told.set)
            async with resolving(url, Limits(answer_s=20.0)) as resolver:
                asking = asyncio.create_task(resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=LONG_S, trail=trail))
                await told.wait()
                assert trail.stuck
                asking.cancel()

    run(test())


def test_who_waits_for_a_server_that_hangs_waits_no_longer_than_they_have_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truename.resolvers.qbittorrent.resolver._HELP_S", 0.05)

    async def test() -> None:
        with silence() as url:
            async with resolving(url, Limits(answer_s=LONG_S)) as resolver, asyncio.timeout(LONG_S / 2):
                with pytest.raises(ResolverDown) as ending:
                    await resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=0.1)
                assert ending.value.reason == "qbittorrent_silent"

    run(test())


def test_a_server_that_is_not_there_is_down() -> None:
    with always(200).serving() as gone:
        url = gone.url
    run(_down(url))


async def _down(url: str) -> None:
    assert await reason_at(url) == "qbittorrent_down"


def test_the_password_does_not_follow_a_redirect() -> None:
    async def test() -> None:
        with always(200, b"Ok.").serving() as canary:
            for location in (f"{canary.url}/api/v2/auth/login", "/elsewhere"):
                with always(307, Location=location).serving() as server:
                    assert await reason_at(server.url) == "qbittorrent_stranger"
            assert not canary.asked

    run(test())


def test_the_password_does_not_go_to_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        with always(200, b"Ok.").serving() as canary, after_login(b'{"rid": 1}').serving() as server:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, canary.url)
            async with resolving(server.url) as resolver:
                assert (await when_up(resolver)).able
            with always(403).serving() as refusing:
                assert await reason_at(refusing.url) == "qbittorrent_banned"
            assert not canary.asked

    run(test())


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key, signed = tmp_path / "key.pem", tmp_path / "certificate.pem"
    files = ("-keyout", str(key), "-out", str(signed), "-days", "1", "-subj", "/CN=localhost")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run(["openssl", "req", "-x509", *curve, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed, key)

    async def test() -> None:
        async with listening(lambda *_: None, context=context) as there:
            server = f"https://127.0.0.1:{there.port}"
            assert await reason_at(server, Limits(answer_s=5.0)) == "qbittorrent_certificate"

    run(test())


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "qbittorrentapi", None)

    async def test() -> None:
        assert await reason_at("http://127.0.0.1:1") == "qbittorrent_missing"

    run(test())


# Many torrents


def many_torrents(count: int) -> bytes:
    """A first answer, as long for each as a real one."""
    one = {"name": "n", "state": "stalledUP", "total_size": 1, "magnet_uri": "m" * 900, "tracker": "t" * 100}
    return json.dumps({"rid": 1, "torrents": {f"{number:040x}": one for number in range(count)}}).encode()


def test_ten_thousand_torrents_are_taken_in_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    turned, take = threading.Event(), Listing.take

    def take_when_the_loop_has_turned(listing: Listing, answer: object) -> bool:
        loop.call_soon_threadsafe(turned.set)
        assert turned.wait(PATIENCE_S)
        return take(listing, answer)

    async def test() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        with after_login(many_torrents(10_000)).serving() as server:
            async with resolving(server.url, Limits()) as resolver:
                assert (await when_up(resolver)).able
                assert turned.is_set()

    loop: asyncio.AbstractEventLoop
    monkeypatch.setattr(Listing, "take", take_when_the_loop_has_turned)
    run(test())


def test_no_answer_is_read_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str | bytes, **_: Any) -> Any:
        assert len(text) <= MAX_PIECE_CHARS
        return loads(text)

    async def test() -> None:
        with after_login(many_torrents(1000)).serving() as server:
            async with resolving(server.url, Limits()) as resolver:
                assert (await when_up(resolver)).able

    loads = json.loads
    monkeypatch.setattr(json, "loads", refuse)
    run(test())


# A 5.2, which fetches


def torrent_of(info: bytes) -> bytes:
    return b"d4:info" + info + b"e"


def test_where_the_server_fetches_nothing_is_added_and_names_are_proven() -> None:
    infos = [info_named(f"fetched {number}") for number in range(20)]
    magnets = [Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&tr=udp://tracker.example:1") for info in infos]

    async def test() -> None:
        with Fetching({sha1(info): torrent_of(info) for info in infos}).serving() as server:
            async with resolving(server.url, Limits(), allow_private=True) as resolver:
                assert (await resolver.health()).subject == "qBittorrent v5.2.0, Web API 2.13.1"
                trails = [Trail() for _ in magnets]
                found = await asyncio.gather(
                    *(
                        resolver.resolve(one, deadline_s=LONG_S, trail=trail)
                        for one, trail in zip(magnets, trails, strict=True)
                    )
                )
                assert found == [read_info(info, (sha1(info),)) for info in infos]
                assert all(trail.asked for trail in trails)
            assert server.times("torrents/add") == 0
            assert server.times("auth/logout") == 1
            sources = {request.fields["source"] for request in server.asked if "source" in request.fields}
            assert sources == {
                f"magnet:?xt=urn:btih:{one.info_hash}&tr=udp%3A%2F%2Ftracker.example%3A1" for one in magnets
            }

    run(test())


def test_a_fetch_that_brought_nothing_is_ended_by_a_stopped_torrent_that_is_removed() -> None:
    async def test() -> None:
        with Fetching({}).serving() as server:
            async with resolving(server.url, Limits()) as resolver:
                late = asyncio.create_task(resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=0.5))
                trail = Trail()
                cancelled = asyncio.create_task(resolver.resolve(Magnet.parse(DEAD[1]), deadline_s=LONG_S, trail=trail))
                with pytest.raises(NotYet) as ending:
                    await late
                assert ending.value.code == "deadline"
                await until(lambda: trail.asked)
                cancelled.cancel()
                await until(lambda: server.times("torrents/delete") and not (server.waiting or server.listed))
            added = [request.fields for request in server.asked if request.path == "torrents/add"]
            urls = [url for one in added for url in one["urls"].split("\n")]
            assert sorted(urls) == sorted(f"magnet:?xt=urn:btih:{one}" for one in DEAD[:2])
            assert {one["stopped"] for one in added} == {"True"}
            assert (server.waiting, server.listed) == (set(), {})

    run(test())


def test_where_somebody_else_names_a_tracker_for_what_is_being_fetched_it_is_added_with_both() -> None:
    async def test() -> None:
        first, second = (
            Magnet.parse(f"magnet:?xt=urn:btih:{DEAD[0]}&tr=udp://{one}.example:1") for one in ("one", "two")
        )
        with Fetching({}).serving() as server:
            async with resolving(server.url, Limits(), allow_private=True) as resolver:
                trail = Trail()
                asking = [asyncio.create_task(resolver.resolve(first, deadline_s=LONG_S, trail=trail))]
                await until(lambda: trail.asked)
                asking.append(asyncio.create_task(resolver.resolve(second, deadline_s=LONG_S)))
                await until(lambda: server.times("torrents/add"))
                for one in asking:
                    one.cancel()
                await until(lambda: server.times("torrents/delete") and not (server.waiting or server.listed))
            (added,) = [request.fields for request in server.asked if request.path == "torrents/add"]
            assert parse_qs(urlsplit(added["urls"]).query)["tr"] == ["udp://one.example:1", "udp://two.example:1"]

    run(test())


async def two_rounds(server: StandIn) -> None:
    before = server.times("sync/maindata")
    await until(lambda: server.times("sync/maindata") > before + 1)


def asking_for(number: int, *trackers: str) -> Magnet:
    return Magnet.parse(f"magnet:?xt=urn:btih:{DEAD[number]}" + "".join(f"&tr={tracker}" for tracker in trackers))


def holding_fetches(server: Fetching) -> threading.Event:
    """What lets it answer fetches again."""
    fetch, may_answer = server._fetch, threading.Event()

    def held(source: str) -> Any:
        may_answer.wait(PATIENCE_S)
        return fetch(source)

    server._fetch = held  # type: ignore[method-assign]
    return may_answer


def test_a_fetch_is_ended_too_when_whoever_asked_leaves_before_it_is_answered() -> None:
    async def test() -> None:
        with Fetching({}).serving() as server:
            may_answer = holding_fetches(server)
            async with resolving(server.url, Limits()) as resolver:
                asking = asyncio.create_task(resolver.resolve(asking_for(0), deadline_s=LONG_S))
                await until(lambda: server.times("torrents/fetchMetadata"))
                asking.cancel()
                await asyncio.wait([asking])
                may_answer.set()
                await until(lambda: server.times("torrents/delete") and not (server.waiting or server.listed))

    run(test())


def test_nothing_is_fetched_for_whoever_left_while_another_fetch_was_under_way() -> None:
    async def test() -> None:
        with Fetching({}).serving() as server:
            may_answer = holding_fetches(server)
            async with resolving(server.url, Limits()) as resolver:
                asking = [asyncio.create_task(resolver.resolve(asking_for(one), deadline_s=LONG_S)) for one in (0, 1)]
                await until(lambda: server.times("torrents/fetchMetadata"))
                asking[1].cancel()
                await asyncio.wait(asking[1:])
                may_answer.set()
                await two_rounds(server)
                assert server.waiting == {DEAD[0]}
                asking[0].cancel()
                await until(lambda: server.times("torrents/delete") and not (server.waiting or server.listed))

    run(test())


def test_what_is_being_fetched_when_truename_stops_is_ended() -> None:
    async def test() -> None:
        with Fetching({}).serving() as server:
            async with resolving(server.url, Limits()) as resolver:
                trail = Trail()
                asking = asyncio.create_task(resolver.resolve(asking_for(0), deadline_s=LONG_S, trail=trail))
                await until(lambda: trail.asked)
                assert server.waiting == {DEAD[0]}
            with pytest.raises(ResolverDown):
                await asking
            assert (server.waiting, server.listed) == (set(), {})
            assert server.times("auth/logout") == 1

    run(test())


def test_who_comes_when_somebody_has_just_left_a_fetch_has_their_own_trackers_asked() -> None:
    async def test() -> None:
        with Fetching({}).serving() as server:
            async with resolving(server.url, Limits(), allow_private=True) as resolver:
                trail = Trail()
                first, second = (asking_for(0, f"udp://{one}.example:1") for one in ("one", "two"))
                leaving = asyncio.create_task(resolver.resolve(first, deadline_s=LONG_S, trail=trail))
                await until(lambda: trail.asked)
                leaving.cancel()
                await asyncio.wait([leaving])
                asking = asyncio.create_task(resolver.resolve(second, deadline_s=LONG_S))
                await until(lambda: server.times("torrents/add"))
                asking.cancel()
                await until(lambda: server.times("torrents/delete") and not (server.waiting or server.listed))
            (added,) = [request.fields for request in server.asked if request.path == "torrents/add"]
            assert parse_qs(urlsplit(added["urls"]).query)["tr"] == ["udp://two.example:1"]

    run(test())


def test_however_many_ask_and_whomever_they_name_a_torrent_gets_a_bounded_number_of_trackers() -> None:
    async def test() -> None:
        with Fetching({}).serving() as server:
            async with resolving(server.url, Limits(), allow_private=True) as resolver:
                asking = []
                for person in range(10):
                    named = asking_for(0, *(f"udp://of{person}x{number}.example:1" for number in range(100)))
                    asking.append(asyncio.create_task(resolver.resolve(named, deadline_s=LONG_S)))
                    await two_rounds(server)
                told = {
                    url
                    for request in server.asked
                    for url in request.fields.get("urls", "").split("\n")
                    if request.path == "torrents/addTrackers"
                }
                added = parse_qs(next(one.fields["urls"] for one in server.asked if one.path == "torrents/add"))["tr"]
                assert (len(added), len(told.difference(added))) == (30, 30)
                for one in asking:
                    one.cancel()

    run(test())


@pytest.mark.parametrize(("turn_s", "forced"), [(0.5, False), (LONG_S, True)])
def test_only_what_stays_in_a_queue_is_started_by_force(turn_s: float, forced: bool) -> None:
    """What has its metadata by then would go on and download."""

    async def test() -> None:
        info = info_named("in a queue")
        with Queueing(torrent_of(info), turn_s=turn_s).serving() as server:
            async with resolving(server.url, Limits()) as resolver:
                assert await resolver.resolve(Magnet.parse(sha1(info)), deadline_s=LONG_S) == read_info(
                    info, (sha1(info),)
                )
            assert (server.times("torrents/setForceStart") > 0, server.resumed) == (forced, False)

    run(test())


def test_a_torrent_of_the_person_is_exported_and_else_claimed() -> None:
    async def test() -> None:
        info = info_named("the person's")
        with Fetching({}, own={sha1(info): torrent_of(info), DEAD[3]: b""}).serving() as server:
            async with resolving(server.url, Limits()) as resolver:
                found = await resolver.resolve(Magnet.parse(sha1(info)), deadline_s=LONG_S)
                assert found == read_info(info, (sha1(info),))
                assert await resolver.resolve(Magnet.parse(DEAD[3]), deadline_s=LONG_S) == Claim("shown")
            assert server.times("torrents/add") == 0

    run(test())


def test_a_file_that_a_stranger_filled_with_small_values_is_read_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readers: list[str] = []

    def noted(*given: Any, **named: Any) -> Metainfo:
        readers.append(threading.current_thread().name)
        return read_info(*given, **named)

    monkeypatch.setattr("truename.resolvers.qbittorrent.rounds.read_info", noted)
    few = info_named("of a few values")
    many = b"d4:name14:of many values6:piecesl" + b"i1e" * 30_000 + b"ee"
    assert len(many) < 256 * 1024

    async def test() -> None:
        own = {sha1(info): torrent_of(info) for info in (few, many)}
        with Fetching({}, own=own).serving() as server:
            async with resolving(server.url, Limits()) as resolver:
                for info in (few, many):
                    found = await resolver.resolve(Magnet.parse(sha1(info)), deadline_s=LONG_S)
                    assert found == read_info(info, (sha1(info),))

    run(test())
    assert readers[0] == "MainThread"
    assert readers[1].startswith("truename-reading")


@pytest.mark.parametrize(
    ("torrent", "error"),
    [
        (torrent_of(info_named("another")), BadMetadata),
        (b"<html>", BadMetadata),
        (torrent_of(info_named("")), BadName),
    ],
)
def test_metadata_that_proves_nothing_is_no_name(torrent: bytes, error: type[Exception]) -> None:
    async def test() -> None:
        asked = sha1(info_named("")) if error is BadName else DEAD[0]
        with Fetching({asked: torrent}).serving() as server:
            async with resolving(server.url, Limits()) as resolver:
                with pytest.raises(error):
                    await resolver.resolve(Magnet.parse(asked), deadline_s=LONG_S)

    run(test())


def test_what_a_run_on_another_machine_left_is_removed_when_it_is_an_hour_old() -> None:
    async def test() -> None:
        elsewhere = Run(machine="0" * 8, pid=1, started=1).tag
        marks = {"category": CATEGORY, "tags": elsewhere, "save_path": f"/d/{elsewhere}"}
        with Fetching({}).serving() as server:
            for torrent_id, age_s in ((DEAD[0], 3601), (DEAD[1], 3000)):
                server.listed[torrent_id] = marks | {"added_on": int(time.time() - age_s)}
            async with resolving(server.url, Limits()):
                await until(lambda: [*server.listed] == [DEAD[1]])
            assert [*server.listed] == [DEAD[1]]

    run(test())


def test_what_a_session_keeps_for_us_is_given_back_now_and_then() -> None:
    async def test() -> None:
        infos = [info_named(f"number {number}") for number in range(4)]
        with Fetching({sha1(info): torrent_of(info) for info in infos}).serving() as server:
            async with resolving(server.url, Limits(named_per_session=2)) as resolver:
                for info in infos:
                    await resolver.resolve(Magnet.parse(sha1(info)), deadline_s=LONG_S)
            assert server.times("auth/login") == 2
            assert server.times("auth/logout") == 2

    run(test())
