"""Peers for `liars.py`: one that lies and one that is honest for each torrent, and every byte that they hear or say.

They run in a thread of their own. The honest one waits for the liar, so that it always comes too late to be first.
Source: BEP 3 (handshake), BEP 9 (metadata), BEP 10 (extended messages).
"""

import asyncio
import contextlib
import hashlib
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from truename import bencode

BLOCK_BYTES = 16 * 1024
PROTOCOL = b"\x13BitTorrent protocol"
TOO_BIG_BY = 5

SIZE_FIRST = "metadata_size too big, before the honest hello"
SIZE_BETWEEN = "metadata_size too big, between honest hello and block"
GARBAGE = "garbage blocks"
SILENT = "never answering"
KINDS = (SIZE_FIRST, SIZE_BETWEEN, GARBAGE, SILENT)


def info_of(name: str, blocks: int) -> bytes:
    """An info dictionary that fills so many blocks but for a part of the last one."""
    pieces = b"\x07" * 20 * ((blocks * BLOCK_BYTES - 6_000) // 20)
    length = 16_384 * (len(pieces) // 20)
    return b"d6:lengthi%de4:name%d:%s12:piece lengthi16384e6:pieces%d:%se" % (
        *(length, len(name), name.encode()),
        *(len(pieces), pieces),
    )


@dataclass(slots=True, eq=False)
class Case:
    """One torrent, the kind of its liar, and what went over the connections of its two peers."""

    kind: str
    name: str
    info: bytes
    bytes_moved: int = 0
    requests: int = 0
    ports: list[int] = field(default_factory=list)
    honest_asked: asyncio.Event = field(default_factory=asyncio.Event)
    liar_done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def info_hash(self) -> str:
        """The v1 info-hash."""
        return hashlib.sha1(self.info, usedforsecurity=False).hexdigest()

    @property
    def magnet(self) -> str:
        """It names both peers, the liar first."""
        return f"magnet:?xt=urn:btih:{self.info_hash}" + "".join(f"&x.pe=127.0.0.1:{port}" for port in self.ports)


class _Connection:
    """One connection to a peer of a case."""

    def __init__(self, case: Case, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.case, self._reader, self._writer = case, reader, writer
        self._their_ut_metadata = 0
        # Of two peers with one id libtorrent keeps the first.
        self._peer_id = b"-XX0001-%012d" % writer.get_extra_info("sockname")[1]

    async def shake_hands(self) -> bool:
        """Answer a plain handshake; an encrypted one is hung up on, and comes again as a plain one."""
        if await self._hear(20) != PROTOCOL:
            return False
        rest = await self._hear(48)
        self._say(PROTOCOL + b"\x00\x00\x00\x00\x00\x10\x00\x00" + rest[8:28] + self._peer_id)
        return True

    def greet(self, metadata_size: int) -> None:
        """The extended handshake."""
        self._extended(0, b"d1:md11:ut_metadatai3ee13:metadata_sizei%dee" % metadata_size)

    async def next_request(self) -> int:
        """Wait for the next request. Output: the number of the block."""
        while True:
            (length,) = struct.unpack(">I", await self._hear(4))
            message = await self._hear(length)
            if message[:1] != b"\x14":
                continue
            header, _ = bencode.decode_first(message[2:])
            if not isinstance(header, dict):
                continue
            if message[1] == 0 and isinstance(names := header.get(b"m"), dict):
                self._their_ut_metadata = int(str(names.get(b"ut_metadata", 0)))
            elif message[1] == 3 and header.get(b"msg_type") == 0:
                self.case.requests += 1
                return int(str(header[b"piece"]))

    async def give(self, piece: int, block: bytes) -> None:
        """Send a block."""
        header = b"d8:msg_typei1e5:piecei%de10:total_sizei%dee" % (piece, len(self.case.info))
        self._extended(self._their_ut_metadata, header + block)
        await self._writer.drain()

    def _extended(self, kind: int, body: bytes) -> None:
        self._say(struct.pack(">IBB", len(body) + 2, 20, kind) + body)

    def _say(self, data: bytes) -> None:
        self.case.bytes_moved += len(data)
        self._writer.write(data)

    async def _hear(self, count: int) -> bytes:
        data = await self._reader.readexactly(count)
        self.case.bytes_moved += count
        return data


Speak = Callable[[_Connection], Awaitable[None]]


def _block(case: Case, piece: int) -> bytes:
    return case.info[piece * BLOCK_BYTES : (piece + 1) * BLOCK_BYTES]


async def _lie(talk: _Connection) -> None:
    case = talk.case
    wrong = TOO_BIG_BY if case.kind in (SIZE_FIRST, SIZE_BETWEEN) else 0
    if case.kind == SIZE_BETWEEN:
        await case.honest_asked.wait()
    talk.greet(len(case.info) + wrong)
    if case.kind == SIZE_BETWEEN:
        asyncio.get_running_loop().call_later(0.02, case.liar_done.set)
    while True:
        piece = await talk.next_request()
        block = _block(case, piece)
        if case.kind != SILENT:
            await talk.give(piece, b"\xee" * len(block) if case.kind == GARBAGE else block)
        case.liar_done.set()


async def _be_honest(talk: _Connection) -> None:
    case = talk.case
    if case.kind != SIZE_BETWEEN:
        await case.liar_done.wait()
    talk.greet(len(case.info))
    while True:
        piece = await talk.next_request()
        case.honest_asked.set()
        await case.liar_done.wait()
        await talk.give(piece, _block(case, piece))


@contextlib.contextmanager
def serving(cases: Sequence[Case]) -> Iterator[None]:
    """Both peers of each case, until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(_serve(cases), loop).result()
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(cases: Sequence[Case]) -> None:
    for case in cases:
        for speak in (_lie, _be_honest):
            server = await asyncio.start_server(partial(_converse, case, speak), "127.0.0.1", 0, backlog=256)
            case.ports.append(server.sockets[0].getsockname()[1])


async def _converse(case: Case, speak: Speak, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    talk = _Connection(case, reader, writer)
    # What is cancelled at the end would be told by asyncio as a defect.
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
        if await talk.shake_hands():
            await speak(talk)
    writer.close()


async def _end() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
