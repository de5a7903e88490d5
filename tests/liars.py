"""Peers that stop libtorrent, and what it takes to meet them in the order in which they do."""

import asyncio
from collections.abc import Callable

from tests.contract.resolver_contract import SilentPeer
from tests.wire import BLOCK_BYTES, Conversing, Peer


class Counting(Peer):
    """Counts what it is sent and what it sends after the handshake, in `moved` bytes."""

    moved = 0

    async def converse(self, talk: Conversing) -> None:
        listen, say = talk.listen, talk.say

        async def counting_listen() -> tuple[int, bytes]:
            kind, body = await listen()
            self.moved += 5 + len(body)
            return kind, body

        def counting_say(extended: int, header: object, payload: bytes = b"") -> None:
            self.moved += len(payload) + 60
            say(extended, header, payload)

        talk.listen, talk.say = counting_listen, counting_say  # type: ignore[method-assign]
        await super().converse(talk)


class Waiting(Counting, SilentPeer):
    """Honest to all, but whoever comes first has to wait for its answers until it is told to `speak`."""


class LyingHello(Counting):
    """Claims a size that is too large by five, and greets only when `may_greet` is set; its blocks are true."""

    wrong = 5

    def __init__(self, *infos: bytes) -> None:
        super().__init__(*infos)
        self.may_greet, self.greeted = asyncio.Event(), asyncio.Event()

    async def converse(self, talk: Conversing) -> None:
        await self.may_greet.wait()
        await super().converse(talk)

    def metadata_size(self, talk: Conversing) -> int | None:
        size = super().metadata_size(talk)
        return None if size is None else size + self.wrong

    def greet(self, talk: Conversing, metadata_size: int | None) -> None:
        super().greet(talk, metadata_size)
        self.greeted.set()


class LyingThroughout(LyingHello):
    """Keeps to the size that it claims in its blocks as well."""

    wrong = 0

    def __init__(self, *infos: bytes) -> None:
        super().__init__(*infos)
        self.infos = {key: info + b"e" * 5 for key, info in self.infos.items()}


class TooMuch(Counting):
    """Sends more than the size that it claims."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        info = self.infos[talk.hash20]
        block = b"\xee" * (len(info) + 1)
        talk.say(talk.their_ut_metadata, {"msg_type": 1, "piece": piece, "total_size": len(info)}, block)


class GarbageThenTrue(Counting):
    """Says nothing true in its first block; the others are right."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        if piece:
            await super().answer(talk, piece)
            return
        info = self.infos[talk.hash20]
        block = b"\xee" * min(len(info), BLOCK_BYTES)
        talk.say(talk.their_ut_metadata, {"msg_type": 1, "piece": 0, "total_size": len(info)}, block)


MakePeer = Callable[[bytes], Peer]


async def meet_in_the_bad_order(honest: Waiting, liar: LyingHello) -> None:
    """The liar's greeting comes between the honest peer's and its first block: then libtorrent never recovers."""
    await honest.asked.wait()
    liar.may_greet.set()
    await liar.greeted.wait()
    await liar.asked.wait()
    await honest.speak()
