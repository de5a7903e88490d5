"""Trackers: which of them are asked, what their answers and failures mean, and how many are asked at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SHORT_S, run
from tests.loopback import Tracker, UdpTracker, refusing_port
from tests.standing import listening
from tests.wire import Peer, hybrid_info, info_named, sha1, sha256
from truename.demo.torrents import dead_hashes
from truename.demo.tracker import compact
from truename.errors import NotYet, ResolverDown
from truename.magnet import Magnet
from truename.resolvers import addresses
from truename.resolvers.base import Trail
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.tuning import Room

INFO = info_named("told by a tracker")
WINDOW = Room.of_this_process().http_announces


@contextlib.asynccontextmanager
async def resolver(**config: Any) -> AsyncIterator[SwarmResolver]:
    swarm = SwarmResolver(
        SwarmConfig(**{"listen_interfaces": "127.0.0.1:0", "dht": False, "allow_private": True} | config)
    )
    try:
        yield swarm
    finally:
        await swarm.aclose()


def magnet(info_hash: str, *trackers: str) -> Magnet:
    return Magnet.parse(f"magnet:?xt=urn:btih:{info_hash}" + "".join(f"&tr={url}" for url in trackers))


async def ending(swarm: SwarmResolver, asked: Magnet, *, deadline_s: float = LONG_S, trail: Trail | None = None) -> str:
    """How a look-up without a name ends."""
    with pytest.raises((NotYet, ResolverDown)) as ended:
        await swarm.resolve(asked, deadline_s=deadline_s, trail=trail)
    return ended.value.code if isinstance(ended.value, NotYet) else ended.value.reason


def test_a_udp_tracker_leads_to_the_name() -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, UdpTracker(peer.compact).serving() as tracker, resolver() as swarm:
            assert (await swarm.resolve(magnet(sha1(INFO), tracker.url), deadline_s=LONG_S)).name == "told by a tracker"
            assert tracker.asked == [bytes.fromhex(sha1(INFO))]

    run(test())


def test_a_burst_over_one_udp_tracker_is_named_whole() -> None:
    async def test() -> None:
        infos = [info_named(f"burst {number}") for number in range(300)]
        async with (
            Peer(*infos).serving() as peer,
            UdpTracker(peer.compact).serving() as tracker,
            resolver() as swarm,
        ):
            asking = [swarm.resolve(magnet(sha1(info), tracker.url), deadline_s=LONG_S) for info in infos]
            assert [found.name for found in await asyncio.gather(*asking)] == [f"burst {n}" for n in range(300)]

    run(test())


def test_the_administrators_trackers_are_asked_for_every_hash() -> None:
    async def test() -> None:
        async with (
            Peer(INFO).serving() as peer,
            Tracker({sha1(INFO): peer.compact}).serving() as tracker,
            resolver(trackers=(tracker.url,)) as swarm,
        ):
            found = await swarm.resolve(Magnet.parse(sha1(INFO)), deadline_s=LONG_S)
            assert found.name == "told by a tracker"

    run(test())


def test_a_magnets_trackers_are_left_alone_when_they_are_not_wanted() -> None:
    async def test() -> None:
        async with (
            Tracker().serving() as wanted,
            Tracker().serving() as unwanted,
            resolver(trackers=(wanted.url,), magnet_trackers=False) as swarm,
        ):
            assert await ending(swarm, magnet(DEAD, unwanted.url), deadline_s=SHORT_S) == "no_peers"
            assert len(wanted.asked) == 1
            assert unwanted.asked == []

    run(test())


def test_trackers_of_all_kinds_that_are_not_there_end_the_look_up_without_waiting() -> None:
    async def test() -> None:
        with refusing_port() as port:
            async with resolver() as swarm:
                asked = magnet(DEAD, f"http://127.0.0.1:{port}/announce", "http://nobody.invalid/announce")
                assert await ending(swarm, asked, deadline_s=10**6) == "nobody_to_ask"
                assert await ending(swarm, asked, deadline_s=10**6) == "nobody_to_ask", "and again"

    run(test())


def test_an_https_tracker_that_does_not_speak_tls_was_never_asked() -> None:
    async def answer_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    async def test() -> None:
        async with listening(answer_plainly) as server, resolver() as swarm:
            asked = magnet(DEAD, f"https://127.0.0.1:{server.port}/announce")
            assert await ending(swarm, asked, deadline_s=10**6) == "nobody_to_ask"

    run(test())


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.0 200 OK\r\n\r\nd14:failure reason7:go away5:peers6:\x7f\0\0\1\x1a\xe1e",
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nnot bencoded",
        b"HTTP/1.0 200 OK\r\n\r\nd14:failure reason6:go away",
        b"HTTP/1.0 200 OK\r\n\r\nd14:failure reason7:go awaye",
        b"HTTP/1.0 200 OK\r\n\r\nd8:intervali1800e5:peers7:1234567e",
        b"",
        b"\x00\xff garbage",
    ],
)
def test_a_tracker_that_answers_anything_at_all_was_asked(response: bytes) -> None:
    async def test() -> None:
        async with Tracker(response=response).serving() as tracker, resolver() as swarm:
            trail = Trail()
            assert await ending(swarm, magnet(DEAD, tracker.url), deadline_s=SHORT_S / 2, trail=trail) == "no_peers"
            assert trail.counts["trackers"] == 1
            assert trail.counts["trackers_answered"] == 0

    run(test())


def test_one_tracker_that_is_there_is_enough_to_wait_for() -> None:
    async def test() -> None:
        with refusing_port() as port:
            async with Tracker().serving() as tracker, resolver() as swarm:
                asked = magnet(DEAD, f"http://127.0.0.1:{port}/announce", tracker.url)
                assert await ending(swarm, asked, deadline_s=SHORT_S) == "no_peers"

    run(test())


def test_peers_that_are_not_there_are_peers_seen() -> None:
    async def test() -> None:
        with refusing_port() as port:
            absent = {DEAD: compact("127.0.0.1", port)}
            async with Tracker(absent).serving() as tracker, resolver() as swarm:
                assert await ending(swarm, magnet(DEAD, tracker.url), deadline_s=SHORT_S) == "no_metadata"

    run(test())


@pytest.mark.parametrize(
    ("near", "leechers", "code"), [(False, 1, "no_peers"), (False, 2, "no_metadata"), (True, 1, "no_metadata")]
)
def test_a_tracker_far_away_that_names_one_peer_and_counts_only_us_names_nobody(
    near: bool, leechers: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may see us by an address that we do not know; one that is near sees us as we are, and need not count us."""

    async def test() -> None:
        with refusing_port() as port:
            async with Tracker({DEAD: compact("127.0.0.1", port)}).serving() as tracker, resolver() as swarm:
                tracker.counts = {"complete": 0, "incomplete": leechers}
                assert await ending(swarm, magnet(DEAD, tracker.url), deadline_s=2 * SHORT_S) == code

    if not near:
        monkeypatch.setattr(addresses, "is_near", lambda _: False)
    run(test())


def test_both_hashes_of_a_hybrid_are_announced_to_its_tracker() -> None:
    async def test() -> None:
        info = hybrid_info("both")
        async with Tracker().serving() as tracker, resolver() as swarm:
            asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&xt=urn:btmh:1220{sha256(info)}&tr={tracker.url}")
            assert await ending(swarm, asked, deadline_s=SHORT_S) == "no_peers"
            assert sorted(tracker.asked) == sorted(bytes.fromhex(each(info)[:40]) for each in (sha1, sha256))

    run(test())


def test_a_hybrid_goes_on_with_one_hash_when_nobody_can_be_asked_about_the_other() -> None:
    async def test() -> None:
        info = hybrid_info("half known")
        with refusing_port() as port:
            async with (
                Peer(info).serving() as peer,
                Tracker({sha256(info): peer.compact}).serving() as tracker,
                resolver() as swarm,
            ):
                v2 = f"xt=urn:btmh:1220{sha256(info)}"
                by_v2 = swarm.resolve(Magnet.parse(f"magnet:?{v2}&tr={tracker.url}"), deadline_s=LONG_S)
                by_both = swarm.resolve(
                    Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&{v2}&tr=http://127.0.0.1:{port}/announce"),
                    deadline_s=LONG_S,
                )
                assert [found.name for found in await asyncio.gather(by_v2, by_both)] == ["half known"] * 2

    run(test())


def test_with_two_sockets_a_tracker_that_only_one_of_them_reaches_is_reached() -> None:
    async def test() -> None:
        async with Tracker().serving() as tracker, resolver(listen_interfaces="127.0.0.1:0,[::1]:0") as swarm:
            assert await ending(swarm, magnet(DEAD, tracker.url), deadline_s=SHORT_S) == "no_peers"
            assert len(tracker.asked) == 1

    run(test())


def test_announces_go_out_in_a_window_and_all_in_the_end() -> None:
    async def test() -> None:
        more = 50
        dead = dead_hashes(WINDOW + more)
        async with Tracker().serving() as tracker, resolver() as swarm:
            answering = tracker.hold()
            asking = [asyncio.create_task(swarm.resolve(magnet(each, tracker.url), deadline_s=LONG_S)) for each in dead]
            await tracker.wait_for(lambda: len(tracker.asked) >= WINDOW)
            assert len(tracker.asked) == WINDOW
            answering.set()
            await tracker.wait_for(lambda: len(set(tracker.asked)) == len(dead))
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)

    run(test())


def test_waiting_for_a_turn_costs_no_time() -> None:
    """The last hash has a second, and waits longer than that for its turn."""

    async def test() -> None:
        dead = dead_hashes(WINDOW)
        async with (
            Peer(INFO).serving() as peer,
            Tracker({sha1(INFO): peer.compact}).serving() as tracker,
            resolver() as swarm,
        ):
            answering = tracker.hold()
            asking = [asyncio.create_task(swarm.resolve(magnet(each, tracker.url), deadline_s=LONG_S)) for each in dead]
            await tracker.wait_for(lambda: len(tracker.asked) >= len(dead))
            last = asyncio.create_task(swarm.resolve(magnet(sha1(INFO), tracker.url), deadline_s=SHORT_S))
            assert await ending(swarm, magnet(dead[0], tracker.url), deadline_s=1.5 * SHORT_S) == "no_peers"
            assert not last.done()
            answering.set()
            assert (await last).name == "told by a tracker"
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)

    run(test())


def many(url: str, count: int) -> list[str]:
    """So many trackers, all of them at one address."""
    return [f"{url}%3Fn={number}" for number in range(count)]


def test_a_magnet_with_hundreds_of_trackers_has_fifty_of_them_asked() -> None:
    async def test() -> None:
        async with Tracker().serving() as tracker, resolver() as swarm:
            assert await ending(swarm, magnet(DEAD, *many(tracker.url, 500)), deadline_s=SHORT_S)
            assert len(tracker.asked) == 50

    run(test())


def test_when_the_first_trackers_fail_the_others_have_their_turn() -> None:
    """Of these only the very last one leads anywhere."""

    async def test() -> None:
        refusal = b"HTTP/1.0 200 OK\r\n\r\nd14:failure reason7:go awaye"
        with refusing_port() as port:
            async with (
                Tracker(response=refusal).serving() as refusing,
                Peer(INFO).serving() as peer,
                Tracker({sha1(INFO): peer.compact}).serving() as honest,
                resolver() as swarm,
            ):
                failing = (*many(f"http://127.0.0.1:{port}/announce", 60), *many(refusing.url, 60))
                found = await swarm.resolve(magnet(sha1(INFO), *failing, honest.url), deadline_s=LONG_S)
                assert found.name == "told by a tracker"

    run(test())


def test_hundreds_of_trackers_that_are_not_there_end_the_look_up_when_all_were_asked() -> None:
    async def test() -> None:
        with refusing_port() as port:
            async with resolver() as swarm:
                trail = Trail()
                asked = magnet(DEAD, *many(f"http://127.0.0.1:{port}/announce", 120))
                assert await ending(swarm, asked, deadline_s=10**6, trail=trail) == "nobody_to_ask"
                assert trail.counts["trackers"] == 120

    run(test())


def test_the_administrators_trackers_take_nobodys_place() -> None:
    async def test() -> None:
        async with (
            Tracker().serving() as idle,
            Peer(INFO).serving() as peer,
            Tracker({sha1(INFO): peer.compact}).serving() as honest,
        ):
            own = tuple(f"{idle.url}?own={number}" for number in range(60))
            async with resolver(trackers=own) as swarm:
                asked = magnet(sha1(INFO), *many(idle.url, 49), honest.url)
                assert (await swarm.resolve(asked, deadline_s=LONG_S)).name == "told by a tracker"

    run(test())
