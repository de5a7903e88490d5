"""Hostile peers: each beside an honest one, which still gives the name, and alone, where the end comes in time.

Two liars stop libtorrent even beside an honest peer, and are left to a resolver of our own: one that claims a
`metadata_size` a few bytes too large, and one that sends garbage for blocks, which libtorrent asks again and again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SHORT_S, SilentPeer, run
from tests.loopback import Tracker
from tests.wire import BLOCK_BYTES, Conversing, Peer, info_named, sha1
from truename.errors import BadMetadata, NotYet
from truename.magnet import Magnet
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.tuning import MAX_METADATA_BYTES

INFO = info_named("the honest name")
LARGE = info_named("the large honest name", pieces=2_000)


class Garbage(Peer):
    """Answers every request with bytes that are none of the metadata's."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        info = self.infos[talk.hash20]
        block = b"\xee" * len(info[piece * BLOCK_BYTES : (piece + 1) * BLOCK_BYTES])
        talk.say(talk.their_ut_metadata, {"msg_type": 1, "piece": piece, "total_size": len(info)}, block)


class Rejecting(Peer):
    """Claims to have the metadata, and rejects every request for it."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        talk.say(talk.their_ut_metadata, {"msg_type": 2, "piece": piece})


class HangingUp(Peer):
    """Closes the connection as soon as something is asked."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        talk.writer.close()


class HangingUpAtOnce(Peer):
    """Closes the connection after the handshake."""

    async def converse(self, talk: Conversing) -> None:
        talk.writer.close()


class Mute(Peer):
    """Shakes hands and says nothing at all."""

    async def converse(self, talk: Conversing) -> None:
        while True:
            await talk.listen()


class Dripping(Peer):
    """Sends its first block one byte at a time, and never to its end."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        writer = talk.writer
        writer.write(b"\x00\x00\x20\x00\x14" + bytes((talk.their_ut_metadata,)))
        with contextlib.suppress(OSError):
            while not writer.is_closing():
                writer.write(b"d")
                await writer.drain()
                await asyncio.sleep(0.05)


class Claiming(Rejecting):
    """Claims any size that the test wants, and gives nothing of it."""

    def __init__(self, size: int, *infos: bytes) -> None:
        super().__init__(*infos)
        self.size = size

    def metadata_size(self, talk: Conversing) -> int:
        return self.size


class TalkingNonsense(Peer):
    """Sends messages that are not what they say they are."""

    async def converse(self, talk: Conversing) -> None:
        talk.writer.write(b"\x00\x00\x00\x09\x14\x00not a di")
        talk.writer.write(b"\x00\x00\x00\x05\x14\x63aaa")
        talk.writer.write(b"\xff\xff\xff\xff\x14\x00" + b"d" * 4096)
        await super().converse(talk)


class NestingDeep(Peer):
    """Greets with an extended handshake of ten thousand lists in one another."""

    def greet(self, talk: Conversing, metadata_size: int | None) -> None:
        body = b"\x14\x00d1:ml" + b"l" * 10_000 + b"e" * 10_000 + b"ee"
        talk.writer.write(len(body).to_bytes(4, "big") + body)


HOSTILE: dict[str, Callable[[bytes], Peer]] = {
    "garbage": Garbage,
    "rejecting": Rejecting,
    "hanging up": HangingUp,
    "hanging up at once": HangingUpAtOnce,
    "mute": Mute,
    "silent": SilentPeer,
    "dripping": Dripping,
    "claiming 30 MB": partial(Claiming, 30 << 20),
    "claiming 2 GB": partial(Claiming, (1 << 31) - 1),
    "claiming more than an int holds": partial(Claiming, 1 << 63),
    "claiming less than nothing": partial(Claiming, -7),
    "talking nonsense": TalkingNonsense,
    "nesting deep": NestingDeep,
}


@contextlib.asynccontextmanager
async def resolver() -> AsyncIterator[SwarmResolver]:
    swarm = SwarmResolver(SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True))
    try:
        yield swarm
    finally:
        await swarm.aclose()


def magnet(info: bytes, *peers: Peer) -> Magnet:
    return Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}" + "".join(f"&x.pe={peer.endpoint}" for peer in peers))


def resident_kb() -> int:
    """The memory that this process holds now."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


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
        infos = {kind: info_named(kind) for kind in HOSTILE}
        other = info_named("another torrent")
        before_kb = resident_kb()
        async with contextlib.AsyncExitStack() as stack:
            swarm = await stack.enter_async_context(resolver())
            honest = await stack.enter_async_context(Peer(other, *infos.values()).serving())
            hostile = {
                kind: await stack.enter_async_context(make(infos[kind]).serving()) for kind, make in HOSTILE.items()
            }
            asking = [
                asyncio.create_task(swarm.resolve(magnet(infos[kind], peer), deadline_s=2 * SHORT_S))
                for kind, peer in hostile.items()
            ]
            for peer in hostile.values():
                await peer.met.wait()
            assert (await swarm.resolve(magnet(other, honest), deadline_s=LONG_S)).name == "another torrent"
            endings = await asyncio.gather(*asking, return_exceptions=True)
            assert [ending.code for ending in endings if isinstance(ending, NotYet)] == ["no_metadata"] * len(HOSTILE)
            later = [swarm.resolve(magnet(info, honest), deadline_s=LONG_S) for info in infos.values()]
            assert [found.name for found in await asyncio.gather(*later)] == list(HOSTILE)
            assert resident_kb() - before_kb < 50_000

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
