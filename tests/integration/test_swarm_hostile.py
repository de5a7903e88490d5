"""Hostile peers: each beside an honest one, which still gives the name, and alone, where the end comes in time.

Two liars stop libtorrent even beside an honest peer, and are left to a resolver of our own: one that claims a
`metadata_size` a few bytes too large, and one that sends garbage for blocks, which libtorrent asks again and again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SHORT_S, SilentPeer, run
from tests.hostile import HOSTILE, Claiming, hinder_nobody_else, magnet, resident_kb
from tests.loopback import Tracker
from tests.wire import Peer, info_named
from truename.errors import BadMetadata, NotYet
from truename.magnet import Magnet
from truename.resolvers.base import MAX_METADATA_BYTES
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig

INFO = info_named("the honest name")
LARGE = info_named("the large honest name", pieces=2_000)


@contextlib.asynccontextmanager
async def resolver() -> AsyncIterator[SwarmResolver]:
    swarm = SwarmResolver(SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True))
    try:
        yield swarm
    finally:
        await swarm.aclose()


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind != "garbage"])
def test_an_honest_peer_gives_the_name_in_spite_of_a_hostile_one_that_came_first(kind: str) -> None:
    async def test() -> None:
        async with HOSTILE[kind](INFO).serving() as hostile, Peer(INFO).serving() as honest, resolver() as swarm:
            first = asyncio.create_task(swarm.resolve(magnet(INFO, hostile), deadline_s=LONG_S))
            await hostile.met.wait()
            second = asyncio.create_task(swarm.resolve(magnet(INFO, honest), deadline_s=LONG_S))
            assert (await first).name == "the honest name"
            assert (await second).name == "the honest name"

    run(test())


@pytest.mark.parametrize("kind", ["rejecting", "hanging up", "claiming 30 MB", "dripping"])
def test_metadata_of_several_blocks_comes_from_the_honest_peer(kind: str) -> None:
    async def test() -> None:
        async with HOSTILE[kind](LARGE).serving() as hostile, Peer(LARGE).serving() as honest, resolver() as swarm:
            found = await swarm.resolve(magnet(LARGE, hostile, honest), deadline_s=LONG_S)
            assert found.name == "the large honest name"

    run(test())


def test_hostile_peers_alone_end_with_no_metadata_and_hinder_no_other_hash_and_no_later_one() -> None:
    async def test() -> None:
        async with resolver() as swarm:
            await hinder_nobody_else(swarm, HOSTILE)

    run(test())


def test_the_memory_for_the_largest_claim_that_is_allowed_is_given_back() -> None:
    async def test() -> None:
        async with Claiming(MAX_METADATA_BYTES, INFO).serving() as hostile, resolver() as swarm:
            await swarm.health()
            before_kb = resident_kb()
            for _ in range(10):
                hostile.asked.clear(), hostile.left.clear()
                asking = asyncio.create_task(swarm.resolve(magnet(INFO, hostile), deadline_s=LONG_S))
                await hostile.asked.wait()
                asking.cancel()
                await hostile.left.wait()
            assert resident_kb() - before_kb < 4 * MAX_METADATA_BYTES // 1024

    run(test())


@pytest.mark.parametrize(
    "info",
    [
        b"i7e",
        b"le",
        b"d4:name1:xe",
        b"d6:lengthi-1e4:name1:x12:piece lengthi16384e6:pieces20:" + b"." * 20 + b"e",
        b"d6:lengthi1e4:name1:x12:piece lengthi16384e6:pieces19:" + b"." * 19 + b"e",
        b"d6:lengthi1e4:name1:x4:nest"
        + b"l" * 5_000
        + b"e" * 5_000
        + b"12:piece lengthi16384e6:pieces20:"
        + b"." * 20
        + b"e",
    ],
    ids=["a number", "a list", "only a name", "less than nothing", "half a piece", "nested deep"],
)
def test_a_dictionary_that_is_the_right_one_and_cannot_be_read_ends_the_look_up_at_once(info: bytes) -> None:
    async def test() -> None:
        async with Peer(info).serving() as peer, resolver() as swarm:
            with pytest.raises(BadMetadata):
                await swarm.resolve(magnet(info, peer), deadline_s=10**6)
            assert (await swarm.health()).able

    run(test())


def test_a_thousand_peers_of_one_hash_that_do_not_answer_are_borne() -> None:
    async def test() -> None:
        async with SilentPeer(INFO).serving() as silent, Tracker().serving() as tracker, resolver() as swarm:
            tracker.peers[bytes.fromhex(DEAD)] = silent.compact * 1_000
            asking = Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&tr={tracker.url}")
            with pytest.raises(NotYet) as ending:
                await swarm.resolve(asking, deadline_s=SHORT_S)
            assert ending.value.code == "no_metadata"

    run(test())
