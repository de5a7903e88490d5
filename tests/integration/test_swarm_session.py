"""The session behind the resolver: what is in it when, how it begins and fails to, and how it ends."""

import asyncio
import contextlib
import errno
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SHORT_S, SilentPeer, run
from tests.loopback import Tracker
from tests.wire import Peer, hybrid_info, info_named, sha1, sha256
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes
from truename.errors import NotYet, ResolverDown
from truename.magnet import Magnet
from truename.model import peers_in
from truename.resolvers import session
from truename.resolvers.base import Trail
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig

INFO = info_named("in and out")


@contextlib.asynccontextmanager
async def resolver(**config: Any) -> AsyncIterator[SwarmResolver]:
    swarm = SwarmResolver(
        SwarmConfig(**{"listen_interfaces": "127.0.0.1:0", "dht": False, "allow_private": True} | config)
    )
    try:
        yield swarm
    finally:
        await swarm.aclose()


def torrents_in(swarm: SwarmResolver) -> int:
    """How many torrents libtorrent has, by its own count; it answers after everything it was told before."""
    assert swarm._switchboard is not None
    return len(swarm._switchboard._session._session.get_torrents())


def conversations_in(swarm: SwarmResolver) -> int:
    """How many conversations the resolver keeps."""
    assert swarm._switchboard is not None
    return len(swarm._switchboard._by_hash) + len(swarm._switchboard._by_handle)


async def empty(swarm: SwarmResolver) -> None:
    """Wait until nothing is left of any look-up."""
    while torrents_in(swarm) or conversations_in(swarm):
        await asyncio.sleep(0)


def of_peer(info: bytes, peer: Peer) -> Magnet:
    return Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&x.pe={peer.endpoint}")


def test_a_peer_at_a_port_where_nobody_shares_files_is_nobody_to_ask() -> None:
    async def test() -> None:
        async with resolver() as swarm:
            with pytest.raises(ResolverDown) as ending:
                await swarm.resolve(
                    Magnet.parse(f"magnet:?xt=urn:btih:{'5a' * 20}&x.pe=127.0.0.1:2"), deadline_s=LONG_S
                )
            assert ending.value.reason == "nobody_to_ask"

    run(test())


def test_a_torrent_is_in_the_session_while_somebody_waits_and_not_a_moment_longer() -> None:
    async def test() -> None:
        async with SilentPeer(INFO).serving() as peer, resolver() as swarm:
            asking = asyncio.create_task(swarm.resolve(of_peer(INFO, peer), deadline_s=LONG_S))
            await peer.met.wait()
            assert torrents_in(swarm) == 1
            asking.cancel()
            await asyncio.wait([asking])
            await empty(swarm)  # the peer may have been met before the session's word that the torrent is in

    run(test())


def test_a_torrent_leaves_when_it_is_named_and_when_its_time_is_over() -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, Tracker().serving() as tracker, resolver() as swarm:
            trail = Trail()
            await swarm.resolve(of_peer(INFO, peer), deadline_s=LONG_S, trail=trail)
            assert torrents_in(swarm) == 0
            assert peers_in(trail.counts) == 1, "who gives a name is there, also when nobody named them"
            with pytest.raises(NotYet):
                await swarm.resolve(
                    Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&tr={tracker.url}"), deadline_s=SHORT_S / 4
                )
            assert torrents_in(swarm) == 0
            assert conversations_in(swarm) == 0

    run(test())


def test_what_is_cancelled_while_it_is_being_added_does_not_stay() -> None:
    async def test() -> None:
        async with Tracker().serving() as tracker, resolver() as swarm:
            await swarm.health()
            asking = [
                asyncio.create_task(
                    swarm.resolve(Magnet.parse(f"magnet:?xt=urn:btih:{each}&tr={tracker.url}"), deadline_s=LONG_S)
                )
                for each in dead_hashes(50)
            ]
            await asyncio.sleep(0)
            assert conversations_in(swarm) == 50
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)
            await empty(swarm)

    run(test())


def test_both_torrents_of_a_hybrid_leave_when_one_of_them_is_named() -> None:
    async def test() -> None:
        info = hybrid_info("both leave")
        async with Peer(info).serving() as peer, resolver() as swarm:
            for _ in range(20):
                both = f"magnet:?xt=urn:btih:{sha1(info)}&xt=urn:btmh:1220{sha256(info)}&x.pe={peer.endpoint}"
                assert (await swarm.resolve(Magnet.parse(both), deadline_s=LONG_S)).name == "both leave"
            await empty(swarm)

    run(test())


def test_a_hash_can_be_asked_for_while_the_other_torrent_of_its_hybrid_is_still_leaving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Named by one hash, a hybrid stands in the session under both until it is put out, and is in the way there."""

    async def test() -> None:
        info = hybrid_info("in the way")
        async with Peer(info).serving() as peer, resolver() as swarm:
            await swarm.health()
            assert swarm._switchboard is not None
            session = swarm._switchboard._session
            leaving: list[Any] = []
            add, remove = session.add, session.remove

            def add_before_removing(*args: Any) -> None:
                add(*args)
                while leaving:
                    remove(leaving.pop())

            monkeypatch.setattr(session, "remove", leaving.append)
            by_v2 = Magnet.parse(f"magnet:?xt=urn:btmh:1220{sha256(info)}&x.pe={peer.endpoint}")
            assert (await swarm.resolve(by_v2, deadline_s=LONG_S)).name == "in the way"
            assert torrents_in(swarm) == 1
            monkeypatch.setattr(session, "add", add_before_removing)
            assert (await swarm.resolve(of_peer(info, peer), deadline_s=LONG_S)).name == "in the way"

    run(test())


def test_thousand_names_leave_nothing_behind(local_swarm: LocalSwarm) -> None:
    async def test() -> None:
        async with resolver() as swarm:
            asking = [swarm.resolve(Magnet.parse(magnet), deadline_s=LONG_S) for magnet in local_swarm.magnets * 5]
            found = await asyncio.gather(*asking)
            assert [each.info_hash for each in found] == [each.info_hash for each in local_swarm.torrents] * 5
            await empty(swarm)

    run(test())


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    "interfaces", ["127.0.0.1:{taken}", "192.0.2.1:0", "nonsense", "127.0.0.1", "127.0.0.1:99999", "nosuchcard0:0", ""]
)
def test_without_a_port_to_listen_on_every_look_up_ends_at_once_and_says_why(interfaces: str, taken_port: int) -> None:
    async def test() -> None:
        wanted = interfaces.format(taken=taken_port)
        async with Tracker().serving() as tracker, resolver(listen_interfaces=wanted) as swarm:
            asked = Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&tr={tracker.url}&x.pe=127.0.0.1:{tracker.port}")
            for _ in range(2):
                with pytest.raises(ResolverDown) as ending:
                    await swarm.resolve(asked, deadline_s=10**6)
                assert ending.value.reason == "cannot_listen"
                assert ending.value.subject.startswith(wanted)
            health = await swarm.health()
            assert (health.able, health.reason, health.listening) == (False, "cannot_listen", ())
            assert health.subject == ending.value.subject

    run(test())


def test_a_session_for_which_no_file_is_left_is_told_and_begins_when_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def test() -> None:
        async with resolver() as swarm, Peer(INFO).serving() as peer:
            asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&x.pe={peer.endpoint}")
            monkeypatch.setattr(session.socket, "socketpair", none_left)
            with pytest.raises(ResolverDown) as down:
                await swarm.resolve(asked, deadline_s=LONG_S)
            monkeypatch.undo()
            assert down.value.reason == "session_failed"
            assert (await swarm.resolve(asked, deadline_s=LONG_S)).name == "in and out"

    run(test())


def test_a_port_that_has_become_free_is_listened_on() -> None:
    async def test() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            wanted = f"127.0.0.1:{taken.getsockname()[1]}"
            async with Peer(INFO).serving() as peer, resolver(listen_interfaces=wanted) as swarm:
                with pytest.raises(ResolverDown):
                    await swarm.resolve(of_peer(INFO, peer), deadline_s=LONG_S)
                taken.close()
                assert (await swarm.resolve(of_peer(INFO, peer), deadline_s=LONG_S)).name == "in and out"
                assert (await swarm.health()).listening == (wanted,)

    run(test())


def test_a_taken_port_is_said_to_be_taken(taken_port: int) -> None:
    async def test() -> None:
        async with resolver(listen_interfaces=f"127.0.0.1:{taken_port}") as swarm:
            assert "in use" in (await swarm.health()).subject

    run(test())


def test_one_of_several_interfaces_is_enough_whichever_comes_first(taken_port: int) -> None:
    async def test() -> None:
        for wanted in (f"192.0.2.1:0,127.0.0.1:{taken_port},127.0.0.1:0", f"127.0.0.1:0,127.0.0.1:{taken_port}"):
            async with Peer(INFO).serving() as peer, resolver(listen_interfaces=wanted) as swarm:
                assert (await swarm.resolve(of_peer(INFO, peer), deadline_s=LONG_S)).name == "in and out"
                health = await swarm.health()
                assert health.able
                assert len(health.listening) == 1

    run(test())


def test_closing_with_a_thousand_dead_ones_in_flight_leaves_no_thread() -> None:
    async def test() -> None:
        async with Tracker().serving() as tracker, resolver() as swarm:
            tracker.hold()
            asking = [
                asyncio.create_task(
                    swarm.resolve(Magnet.parse(f"magnet:?xt=urn:btih:{each}&tr={tracker.url}"), deadline_s=LONG_S)
                )
                for each in dead_hashes(1000)
            ]
            await tracker.wait_for(lambda: len(tracker.asked) >= 100)
            await swarm.aclose()
            assert not [thread for thread in threading.enumerate() if thread.name == "truename-swarm"]
            endings = await asyncio.gather(*asking, return_exceptions=True)
            assert {str(ending) for ending in endings} == {"stopping"}
            assert len({id(ending) for ending in endings}) == 1000, "each has an error of its own"

    run(test())


def test_trackers_are_not_told_goodbye() -> None:
    """libtorrent would hold the end of the session up for that, and a tracker forgets us by itself."""

    async def test() -> None:
        infos = [info_named(f"no goodbye {number}") for number in range(5)]
        async with Peer(*infos).serving() as peer, Tracker().serving() as tracker, resolver() as swarm:
            tracker.peers = dict.fromkeys(peer.infos, peer.compact)
            for info in infos:
                asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&tr={tracker.url}")
                await swarm.resolve(asked, deadline_s=LONG_S)
            await swarm.aclose()
            assert tracker.asked == [bytes.fromhex(sha1(info)) for info in infos]

    run(test())


PROGRAM = """
import asyncio, sys
from truename.magnet import Magnet
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.swarm import SwarmResolver

named, dead, ending = sys.argv[1], sys.argv[2], sys.argv[3]

async def main():
    resolver = SwarmResolver(SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True))
    print((await resolver.resolve(Magnet.parse(named), deadline_s=50)).name)
    tasks = [asyncio.create_task(resolver.resolve(Magnet.parse(dead), deadline_s=50)) for _ in range(3)]
    tasks.append(asyncio.create_task(resolver.resolve(Magnet.parse(dead), deadline_s=0.01)))
    await asyncio.wait(tasks[-1:])
    print(tasks.pop().exception().code)
    tasks[0].cancel()
    if ending == "closed":
        await resolver.aclose()
        await asyncio.gather(*tasks, return_exceptions=True)

asyncio.run(main())
if ending == "twice":
    asyncio.run(main())
"""


@pytest.mark.parametrize("ending", ["closed", "forgotten", "twice"])
def test_a_program_ends_in_silence_whether_it_closes_the_resolver_or_forgets_to(
    local_swarm: LocalSwarm, ending: str
) -> None:
    named = local_swarm.magnets[0]
    dead = f"magnet:?xt=urn:btih:{DEAD}&tr={local_swarm.addresses.tracker}"
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", "error", "-c", PROGRAM, named, dead, ending],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ,
    )
    assert ended.stderr == ""
    assert ended.returncode == 0
    assert ended.stdout == "alice.txt\nno_peers\n" * (2 if ending == "twice" else 1)


IN_A_BACKGROUND_THREAD = """
import asyncio, sys, threading
from truename.magnet import Magnet
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.swarm import SwarmResolver

named = threading.Event()

async def main():
    resolver = SwarmResolver(SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True))
    print((await resolver.resolve(Magnet.parse(sys.argv[1]), deadline_s=50)).name, flush=True)
    named.set()
    await asyncio.Event().wait()

threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
named.wait(50)
"""


def test_a_program_whose_loop_runs_in_the_background_ends_when_its_main_thread_does(local_swarm: LocalSwarm) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", "error", "-c", IN_A_BACKGROUND_THREAD, local_swarm.magnets[0]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stderr, ended.stdout, ended.returncode) == ("", "alice.txt\n", 0)


WITH_FEW_DESCRIPTORS = """
import asyncio, resource, sys
from truename.magnet import Magnet
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.swarm import SwarmResolver

async def main():
    resolver = SwarmResolver(SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True))
    asking = [resolver.resolve(Magnet.parse(line), deadline_s=50) for line in sys.stdin]
    print(len([found.name for found in await asyncio.gather(*asking)]))
    await resolver.aclose()

resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
asyncio.run(main())
"""


def test_few_file_descriptors_make_it_slower_and_not_wrong(local_swarm: LocalSwarm) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITH_FEW_DESCRIPTORS],
        input="\n".join(local_swarm.magnets),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stderr, ended.stdout) == ("", f"{len(local_swarm.magnets)}\n")
