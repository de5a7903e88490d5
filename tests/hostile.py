"""Hostile peers of every kind, and what they must not bring about, whichever resolver meets them."""

import asyncio
import contextlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tests.contract.resolver_contract import LONG_S, SHORT_S, SilentPeer
from tests.liars import MakePeer
from tests.wire import BLOCK_BYTES, Conversing, Peer, info_named, sha1
from truename.errors import NotYet
from truename.magnet import Magnet
from truename.resolvers.base import Resolver

_MOST_KB = 50_000


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


HOSTILE: dict[str, MakePeer] = {
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


def resident_kb() -> int:
    """The memory that this process holds now."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def magnet(info: bytes, *peers: Peer) -> Magnet:
    """The magnet of an info dictionary that names these peers."""
    return Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}" + "".join(f"&x.pe={peer.endpoint}" for peer in peers))


async def hinder_nobody_else(resolver: Resolver, kinds: Mapping[str, MakePeer]) -> None:
    """A hash for each kind of hostile peer, known to nobody else, and beside them another one with an honest peer.

    The latter is named meanwhile, the others end with `no_metadata`, an honest peer that comes later still names them,
    and it takes no memory that counts.
    """
    infos = {kind: info_named(kind) for kind in kinds}
    other = info_named("another torrent")
    before_kb = resident_kb()
    async with contextlib.AsyncExitStack() as stack:
        honest = await stack.enter_async_context(Peer(other, *infos.values()).serving())
        hostile = {kind: await stack.enter_async_context(make(infos[kind]).serving()) for kind, make in kinds.items()}
        asking = [
            asyncio.create_task(resolver.resolve(magnet(infos[kind], peer), deadline_s=2 * SHORT_S))
            for kind, peer in hostile.items()
        ]
        for peer in hostile.values():
            await peer.met.wait()
        assert (await resolver.resolve(magnet(other, honest), deadline_s=LONG_S)).name == "another torrent"
        endings = await asyncio.gather(*asking, return_exceptions=True)
        codes = {kind: getattr(ending, "code", ending) for kind, ending in zip(kinds, endings, strict=True)}
        assert codes == dict.fromkeys(kinds, NotYet(peers_seen=1).code)
        later = [resolver.resolve(magnet(info, honest), deadline_s=LONG_S) for info in infos.values()]
        assert [found.name for found in await asyncio.gather(*later)] == list(kinds)
        assert resident_kb() - before_kb < _MOST_KB
