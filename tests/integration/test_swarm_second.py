"""Peers of other kinds, which are libtorrent sessions here: uTP only, encrypted only, hybrids; and what is counted.

`utp_s` is short where the second session is to be met, and without end where the first one has to do alone.
"""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import libtorrent as lt
import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SHORT_S, SilentPeer, run
from tests.hostile import magnet
from tests.integration.test_swarm_guard import Following, swarm_with
from tests.integration.test_swarm_session import empty
from tests.liars import GarbageThenTrue
from tests.loopback import DhtNode, Tracker, refusing_port
from tests.wire import Peer, hybrid_info, info_named, sha1, sha256, v2_info
from truename.demo.tracker import compact
from truename.errors import NotYet, ResolverDown
from truename.magnet import Magnet
from truename.model import COUNTS
from truename.resolvers.events import Event, MetadataCame
from truename.resolvers.second import SecondSession, _any_port
from truename.resolvers.session import SwarmSession

INFO = info_named("over another way")
ONLY_UTP = {"enable_incoming_tcp": False, "enable_outgoing_tcp": False}
ONLY_ENCRYPTED = {"in_enc_policy": 0, "out_enc_policy": 0}


@contextlib.contextmanager
def seeding(*infos: bytes, metadata_of: Sequence[str] = (), **settings: Any) -> Iterator[int]:
    """A libtorrent session that has the metadata of these torrents. Output: its port on loopback.

    `metadata_of`: hashes of which it wants the metadata itself.
    """
    quiet = {
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "listen_interfaces": "127.0.0.1:0",
        "allow_multiple_connections_per_ip": True,
        "connection_speed": 0,
        "listen_queue_size": 1000,
        "connections_limit": 1000,
        "active_limit": 10**6,
        "alert_mask": 0,
    }
    pack: Any = quiet | settings
    session = lt.session(pack)
    flags = lt.torrent_flags
    for info in infos:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(b"d4:info" + info + b"e")
        params.save_path = "/unused"
        params.flags = flags.upload_mode | flags.disable_dht | flags.disable_lsd | flags.disable_pex
        session.add_torrent(params)
    for hash20 in metadata_of:
        params = lt.add_torrent_params()
        params.info_hashes = lt.info_hash_t(lt.sha1_hash(bytes.fromhex(hash20)))
        params.save_path = "/unused"
        params.flags = flags.upload_mode | flags.disable_dht | flags.disable_lsd | flags.disable_pex
        session.add_torrent(params)
    yield session.listen_port()
    del session


def at(info: bytes, *ports: int) -> Magnet:
    return Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}" + "".join(f"&x.pe=127.0.0.1:{port}" for port in ports))


def test_a_peer_that_speaks_utp_only_is_reached_by_the_second_session_and_not_by_the_first() -> None:
    async def test() -> None:
        with seeding(INFO, **ONLY_UTP) as port:
            async with swarm_with() as swarm:
                with pytest.raises(NotYet):
                    await swarm.resolve(at(INFO, port), deadline_s=SHORT_S)
            async with swarm_with(utp_s=0.1) as swarm:
                found = await swarm.resolve(at(INFO, port), deadline_s=LONG_S)
                assert found.name == "over another way"
                await empty(swarm)

    run(test())


def test_a_tracker_is_asked_again_for_peers_that_speak_utp_only() -> None:
    async def test() -> None:
        with seeding(INFO, **ONLY_UTP) as port:
            async with (
                Tracker({sha1(INFO): compact("127.0.0.1", port)}).serving() as tracker,
                swarm_with(utp_s=0.1) as swarm,
            ):
                asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={tracker.url}")
                assert (await swarm.resolve(asked, deadline_s=LONG_S)).name == "over another way"

    run(test())


def test_a_peer_that_speaks_utp_only_is_reached_also_when_it_is_named_after_the_first_session_had_its_time() -> None:
    async def test() -> None:
        with seeding(INFO, **ONLY_UTP) as port:
            async with Tracker({}).serving() as nobody, swarm_with(utp_s=0.1) as swarm:
                alone = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={nobody.url}")
                asking = asyncio.create_task(swarm.resolve(alone, deadline_s=LONG_S))
                while swarm._switchboard is None or not swarm._switchboard._rescue._alone:
                    await asyncio.sleep(0.01)
                assert (await swarm.resolve(at(INFO, port), deadline_s=LONG_S)).name == "over another way"
                assert (await asking).name == "over another way"
                await empty(swarm)
                assert not swarm._switchboard._rescue._alone

    run(test())


def test_peers_that_only_the_dht_knows_are_reached_over_utp_too() -> None:
    async def test() -> None:
        with seeding(INFO, **ONLY_UTP) as port:
            async with DhtNode([compact("127.0.0.1", port), compact("127.0.0.1", 1)]).serving() as node:
                config = {"listen_interfaces": "127.0.0.1:0", "dht": True, "dht_bootstrap": (node.endpoint,)}
                async with swarm_with(utp_s=0.1, **config) as swarm:
                    found = await swarm.resolve(Magnet.parse(sha1(INFO)), deadline_s=LONG_S)
                    assert found.name == "over another way"

    run(test())


def test_a_silent_peer_over_tcp_does_not_keep_from_one_that_speaks_utp_only() -> None:
    async def test() -> None:
        with seeding(INFO, **ONLY_UTP) as port:
            async with SilentPeer(INFO).serving() as silent, swarm_with(guard_s=0.1, utp_s=0.3) as swarm:
                found = await swarm.resolve(at(INFO, silent.port, port), deadline_s=LONG_S)
                assert found.name == "over another way"

    run(test())


def test_the_dht_is_asked_on_for_a_torrent_that_was_put_out_and_its_new_peers_are_handed_over() -> None:
    async def test() -> None:
        async with SilentPeer(INFO).serving() as silent, DhtNode([silent.compact]).serving() as node:
            following = Following()
            async with swarm_with(guard_s=0.1, dht=True, dht_bootstrap=(node.endpoint,)) as swarm:
                asking = asyncio.create_task(
                    swarm.resolve(Magnet.parse(sha1(INFO)), deadline_s=LONG_S, trail=following.trail)
                )
                await following.until_stuck()
                node.peers.append(compact("127.0.0.9", 9999))  # the search begins after this
                while "127.0.0.9:9999" not in following.trail.peers:
                    following.news.clear()
                    await following.news.wait()
                assert silent.endpoint in following.trail.peers
                asking.cancel()
                await asyncio.wait([asking])

    run(test())


def test_the_same_guard_holds_in_the_second_session() -> None:
    async def test() -> None:
        with seeding(**ONLY_UTP, metadata_of=(sha1(INFO),)) as port:
            async with swarm_with(guard_s=0.2, utp_s=0.1) as swarm:
                await swarm.health()
                following = Following()
                asking = asyncio.create_task(swarm.resolve(at(INFO, port), deadline_s=LONG_S, trail=following.trail))
                await torrents_in_the_second(swarm, 1)
                await following.until_stuck()
                await torrents_in_the_second(swarm, 0)
                assert following.trail.peers == (f"127.0.0.1:{port}",)
                assert not asking.done()
                asking.cancel()
                await asyncio.wait([asking])
                await empty(swarm)

    run(test())


def test_many_at_once_are_named_over_utp() -> None:
    async def test() -> None:
        infos = [info_named(f"number {index}") for index in range(120)]
        with seeding(*infos, **ONLY_UTP) as port:
            async with swarm_with(utp_s=0.1) as swarm:
                asking = [swarm.resolve(at(info, port), deadline_s=LONG_S) for info in infos]
                names = [found.name for found in await asyncio.gather(*asking)]
                assert names == [f"number {index}" for index in range(120)]
                await empty(swarm)

    run(test())


def test_cancelling_leaves_the_second_session_as_well() -> None:
    async def test() -> None:
        with refusing_port() as port:
            async with swarm_with(utp_s=0.05) as swarm:
                await swarm.health()
                asking = asyncio.create_task(swarm.resolve(at(INFO, port), deadline_s=LONG_S))
                await torrents_in_the_second(swarm, 1)
                asking.cancel()
                await asyncio.wait([asking])
                await torrents_in_the_second(swarm, 0)
                await empty(swarm)

    run(test())


async def torrents_in_the_second(swarm: Any, wanted: int) -> None:
    """Wait until libtorrent has so many there."""
    second = swarm._switchboard._rescue._second
    while second._session is None or len(second._session._session.get_torrents()) != wanted:
        await asyncio.sleep(0)


def test_a_second_session_that_cannot_begin_is_nothing_to_the_first(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Refusing(SwarmSession):
        def __init__(self, *_: Any, **__: Any) -> None:
            began.set()
            raise RuntimeError("no more threads")

    async def test() -> None:
        async with SilentPeer(INFO).serving() as peer, swarm_with(utp_s=0.1) as swarm:
            asking = asyncio.create_task(swarm.resolve(magnet(INFO, peer), deadline_s=LONG_S))
            await peer.asked.wait()
            await began.wait()
            await peer.speak()
            assert (await asking).name == "over another way"

    began = asyncio.Event()
    monkeypatch.setattr("truename.resolvers.second.SwarmSession", Refusing)
    run(test())
    assert "no second session" in caplog.text


@pytest.mark.parametrize("why", [RuntimeError("no more threads"), OSError(errno.EMFILE, "Too many open files")])
def test_a_second_session_that_could_not_begin_is_begun_later_and_who_waited_for_it_is_asked_there(
    monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    class RefusingOnce(SwarmSession):
        def __init__(self, *words: Any, **more: Any) -> None:
            if not tried.is_set():
                tried.set()
                raise why
            super().__init__(*words, **more)

    async def test() -> None:
        with seeding(INFO, **ONLY_UTP) as port:
            async with swarm_with(utp_s=0.1) as swarm:
                assert (await swarm.resolve(at(INFO, port), deadline_s=LONG_S)).name == "over another way"
                assert tried.is_set()

    tried = asyncio.Event()
    monkeypatch.setattr("truename.resolvers.second.SwarmSession", RefusingOnce)
    monkeypatch.setattr("truename.resolvers.second._AGAIN_S", 0.0)
    run(test())


def test_the_second_session_listens_on_the_same_interfaces_with_other_ports() -> None:
    assert _any_port("0.0.0.0:6881,[::]:6881") == "0.0.0.0:0,[::]:0"
    assert _any_port(" eth0:1 , tun0:2s") == "eth0:0,tun0:0"


def test_a_peer_that_speaks_encrypted_only_is_reached_by_the_first_session() -> None:
    async def test() -> None:
        with seeding(INFO, **ONLY_ENCRYPTED) as port:
            async with swarm_with() as swarm:
                assert (await swarm.resolve(at(INFO, port), deadline_s=LONG_S)).name == "over another way"

    run(test())


@pytest.mark.parametrize("way", ["first", "second"])
def test_many_hybrids_asked_for_by_either_hash_at_once_do_not_hinder_one_another(way: str) -> None:
    async def test() -> None:
        infos = [hybrid_info(f"hybrid {index}") for index in range(30)]
        settings, utp_s = (ONLY_UTP, 0.1) if way == "second" else ({}, 10.0**6)
        with seeding(*infos, **settings) as port:
            async with swarm_with(utp_s=utp_s) as swarm:
                topics = [topic for info in infos for topic in (f"btih:{sha1(info)}", f"btmh:1220{sha256(info)}")] + [
                    f"btih:{sha256(info)[:40]}" for info in infos
                ]
                asking = [
                    swarm.resolve(Magnet.parse(f"magnet:?xt=urn:{topic}&x.pe=127.0.0.1:{port}"), deadline_s=LONG_S)
                    for topic in topics
                ]
                found = await asyncio.gather(*asking)
                expected = [f"hybrid {index}" for index in range(30) for _ in range(2)]
                expected += [f"hybrid {index}" for index in range(30)]
                assert [each.name for each in found] == expected
                hashes = {(sha1(info), sha256(info)) for info in infos}
                assert {(each.info_hash, each.info_hash_v2) for each in found} == hashes
                await empty(swarm)

    run(test())


def test_whoever_asks_by_the_other_hash_of_a_hybrid_has_its_answer_when_the_second_session_could_not_take_that_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Named by one hash, a hybrid stands in the session under both, and is in the way of the other there."""

    async def test() -> None:
        info = hybrid_info("taken already")
        add, take = SwarmSession.add, SecondSession._take
        held: list[Callable[[], None]] = []

        def add_late(session: SwarmSession, hash20: str, *about: Any) -> None:
            is_second = swarm._switchboard is not None and session is not swarm._switchboard._session
            if is_second and hash20 == sha256(info)[:40]:
                held.append(lambda: add(session, hash20, *about))
            else:
                add(session, hash20, *about)

        def take_late(second: SecondSession, events: Sequence[Event]) -> None:
            if any(isinstance(event, MetadataCame) for event in events):
                while held:
                    held.pop()()
            take(second, events)

        monkeypatch.setattr(SwarmSession, "add", add_late)
        monkeypatch.setattr(SecondSession, "_take", take_late)
        with seeding(info, **ONLY_UTP) as port:
            async with swarm_with(utp_s=0.1) as swarm:
                found = await asyncio.gather(
                    *(
                        swarm.resolve(Magnet.parse(f"magnet:?xt=urn:{topic}&x.pe=127.0.0.1:{port}"), deadline_s=LONG_S)
                        for topic in (f"btih:{sha1(info)}", f"btmh:1220{sha256(info)}")
                    )
                )
                assert [each.name for each in found] == ["taken already"] * 2
                await empty(swarm)

    run(test())


def test_who_joins_by_both_hashes_has_the_answer_of_one_when_for_the_other_nobody_can_be_asked() -> None:
    async def test() -> None:
        info = hybrid_info("by either of two")
        v2 = f"xt=urn:btmh:1220{sha256(info)}"
        async with Peer(info).serving() as peer, swarm_with() as swarm:
            asked = (
                Magnet.parse(f"magnet:?{v2}&x.pe=127.0.0.1:{peer.port}"),
                Magnet.parse(sha1(info)),
                Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&{v2}"),
            )
            found, alone, joined = await asyncio.gather(
                *(swarm.resolve(each, deadline_s=LONG_S) for each in asked), return_exceptions=True
            )
            assert getattr(found, "name", found) == "by either of two"
            assert isinstance(alone, ResolverDown)
            assert getattr(joined, "name", joined) == "by either of two"

    run(test())


def test_a_hash_can_be_asked_for_in_the_second_session_while_the_other_torrent_of_its_hybrid_is_still_leaving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        info = hybrid_info("in the way")
        add, remove = SwarmSession.add, SwarmSession.remove
        leaving: list[Callable[[], None]] = []

        def add_before_removing(session: SwarmSession, hash20: str, *about: Any) -> None:
            add(session, hash20, *about)
            if swarm._switchboard is not None and session is not swarm._switchboard._session:
                while leaving:
                    leaving.pop()()

        monkeypatch.setattr(SwarmSession, "remove", lambda *which: leaving.append(lambda: remove(*which)))
        with seeding(info, **ONLY_UTP) as port:
            async with swarm_with(utp_s=0.1) as swarm:
                by_v2 = Magnet.parse(f"magnet:?xt=urn:btmh:1220{sha256(info)}&x.pe=127.0.0.1:{port}")
                assert (await swarm.resolve(by_v2, deadline_s=LONG_S)).name == "in the way"
                assert leaving
                monkeypatch.setattr(SwarmSession, "remove", remove)
                monkeypatch.setattr(SwarmSession, "add", add_before_removing)
                assert (await swarm.resolve(at(info, port), deadline_s=LONG_S)).name == "in the way"
                assert not leaving

    run(test())


def test_a_hybrid_and_a_v2_torrent_are_served_by_libtorrent_as_by_our_own_peers() -> None:
    async def test() -> None:
        info = v2_info("version two")
        with seeding(info) as port:
            async with swarm_with() as swarm:
                topic = f"btmh:1220{sha256(info)}"
                asked = Magnet.parse(f"magnet:?xt=urn:{topic}&x.pe=127.0.0.1:{port}")
                assert (await swarm.resolve(asked, deadline_s=LONG_S)).name == "version two"

    run(test())


# --- what is counted ------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def a_mixed_swarm(info: bytes) -> AsyncIterator[tuple[Tracker, DhtNode, SilentPeer, GarbageThenTrue]]:
    """One that refuses, one that is silent, one that lies; a tracker and a DHT node that name them."""
    with refusing_port() as closed:
        async with (
            SilentPeer(info).serving() as silent,
            GarbageThenTrue(info).serving() as liar,
            DhtNode([silent.compact]).serving() as node,
        ):
            peers = silent.compact + liar.compact + compact("127.0.0.1", closed)
            async with Tracker({sha1(info): peers}).serving() as tracker:
                yield tracker, node, silent, liar


def test_a_look_up_that_ends_without_a_name_has_counted_whom_it_asked_and_how_they_were() -> None:
    async def test() -> None:
        async with a_mixed_swarm(INFO) as (tracker, node, _, _):
            with refusing_port() as closed:
                async with swarm_with(dht=True, dht_bootstrap=(node.endpoint,)) as swarm:
                    await swarm.health()
                    trackers = f"&tr={tracker.url}&tr=http://127.0.0.1:{closed}/announce"
                    asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}{trackers}")
                    following = Following()
                    with pytest.raises(NotYet):
                        await swarm.resolve(asked, deadline_s=2 * SHORT_S, trail=following.trail)
        counts = following.trail.counts
        assert set(counts) == {*COUNTS} - {"left_out", "too_large"}, (
            "it is not told of those whom its filters leave out"
        )
        asked_and_named = {"trackers": 2, "trackers_answered": 1, "tracker_peers": 3, "dht_peers": 1}
        assert counts | asked_and_named | {"tried": 3, "silent": 1, "lied": 1, "refused": 1} == counts

    run(test())


def test_a_look_up_that_is_cancelled_has_counted_by_then() -> None:
    async def test() -> None:
        async with a_mixed_swarm(INFO) as (tracker, _, silent, _), swarm_with() as swarm:
            asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={tracker.url}")
            following = Following()
            asking = asyncio.create_task(swarm.resolve(asked, deadline_s=LONG_S, trail=following.trail))
            await silent.asked.wait()
            await following.until_stuck()
            counts = dict(following.trail.counts)
            asking.cancel()
            await asyncio.wait([asking])
            assert (counts["trackers"], counts["trackers_answered"], counts["tracker_peers"]) == (1, 1, 3)
            assert following.trail.counts["lied"] == 1

    run(test())


def test_a_name_that_comes_has_counted_its_tracker() -> None:
    async def test() -> None:
        async with (
            Peer(INFO).serving() as peer,
            Tracker({sha1(INFO): peer.compact}).serving() as tracker,
            swarm_with() as swarm,
        ):
            following = Following()
            asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={tracker.url}")
            await swarm.resolve(asked, deadline_s=LONG_S, trail=following.trail)
            counts = following.trail.counts
            assert (counts["trackers"], counts["trackers_answered"], counts["tracker_peers"]) == (1, 1, 1)

    run(test())


def test_nobody_to_ask_has_counted_its_trackers() -> None:
    async def test() -> None:
        with refusing_port() as closed:
            async with swarm_with() as swarm:
                following = Following()
                asked = Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&tr=http://127.0.0.1:{closed}/announce")
                with pytest.raises(ResolverDown):
                    await swarm.resolve(asked, deadline_s=LONG_S, trail=following.trail)
                assert following.trail.counts["trackers"] == 1
                assert following.trail.counts["trackers_answered"] == 0

    run(test())
