"""Peers on loopback that say what a test wants them to say, and torrents for them to have.

They run in the test's own event loop and tell with events what happened, so that no test needs to sleep.
Source: BEP 3 (handshake), BEP 10 (extended messages), BEP 9 (metadata), BEP 52 (v2).
"""

import asyncio
import contextlib
import hashlib
import struct
from collections.abc import AsyncIterator
from typing import Any

from tests.standing import listening
from truename import bencode
from truename.demo.tracker import compact

BLOCK_BYTES = 16 * 1024
_PROTOCOL = b"\x13BitTorrent protocol"
_EXTENSIONS = b"\x00\x00\x00\x00\x00\x10\x00\x00"
_OUR_UT_METADATA = 3


def encode(value: Any) -> bytes:
    """Bencode, with the keys in their order."""
    match value:
        case int():
            return b"i%de" % value
        case bytes():
            return b"%d:%s" % (len(value), value)
        case str():
            return encode(value.encode())
        case dict():
            return b"d%se" % b"".join(encode(key) + encode(value[key]) for key in sorted(value))
        case _:
            return b"l%se" % b"".join(map(encode, value))


def decode(data: bytes) -> bencode.Value:
    """The value that fills `data`."""
    value, end = bencode.decode_first(data)
    assert end == len(data)
    return value


def info_named(name: Any, *, pieces: int = 1, **more: Any) -> bytes:
    """A single-file info dictionary with such a name; each piece makes it 20 bytes longer. None leaves the name out."""
    info = {"length": pieces * 16384, "piece length": 16384, "pieces": b"\x07" * 20 * pieces}
    return encode(info | ({} if name is None else {"name": name}) | {key.replace("_", " "): more[key] for key in more})


def hybrid_info(name: str) -> bytes:
    """The info dictionary of a hybrid torrent with one file of one piece. Source: BEP 52."""
    return encode(_v2(name) | {"length": 100, "pieces": b"\x07" * 20})


def v2_info(name: str) -> bytes:
    """The info dictionary of a v2 torrent with one file of one piece. Source: BEP 52."""
    return encode(_v2(name))


def _v2(name: str) -> dict[str, Any]:
    tree = {name: {"": {"length": 100, "pieces root": hashlib.sha256(name.encode()).digest()}}}
    return {"file tree": tree, "meta version": 2, "name": name, "piece length": 16384}


def sha1(info: bytes) -> str:
    """The v1 info-hash."""
    return hashlib.sha1(info, usedforsecurity=False).hexdigest()


def sha256(info: bytes) -> str:
    """The v2 info-hash."""
    return hashlib.sha256(info).hexdigest()


class Conversing:
    """One connection to a `Peer`: what the other side said, and how to answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.hash20 = b""
        self.their_ut_metadata = 0

    def say(self, extended: int, header: Any, payload: bytes = b"") -> None:
        """Send one extended message (BEP 10)."""
        body = bytes((20, extended)) + encode(header) + payload
        self.writer.write(struct.pack(">I", len(body)) + body)

    async def listen(self) -> tuple[int, bytes]:
        """The next message: its id (-1: keep-alive) and its body."""
        length = struct.unpack(">I", await self.reader.readexactly(4))[0]
        message = await self.reader.readexactly(length)
        return (message[0], message[1:]) if message else (-1, b"")


class Peer:
    """A peer with the metadata of some torrents, honest unless a subclass makes it otherwise.

    `met`: somebody shook hands. `asked`: it was asked for metadata. `left`: a connection has ended, after hands were
    shaken.
    """

    def __init__(self, *infos: bytes) -> None:
        self.infos = {bytes.fromhex(digest[:40]): info for info in infos for digest in (sha1(info), sha256(info))}
        self.met, self.asked, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.requests = 0
        self.port = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Peer"]:
        """Listen on a port of loopback until the end of the block."""
        tasks: set[asyncio.Task[None]] = set()

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._converse(Conversing(reader, writer)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        async with listening(begin, limit=1 << 20) as listener:
            self.port = listener.port
            try:
                yield self
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def endpoint(self) -> str:
        """For an `x.pe`."""
        return f"127.0.0.1:{self.port}"

    @property
    def compact(self) -> bytes:
        """For a tracker."""
        return compact("127.0.0.1", self.port)

    async def _converse(self, talk: Conversing) -> None:
        try:
            if await self._shake_hands(talk):
                self.met.set()
                try:
                    await self.converse(talk)
                finally:
                    self.left.set()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            talk.writer.close()

    async def _shake_hands(self, talk: Conversing) -> bool:
        """Answer a plain handshake; an encrypted one is hung up on, and is then tried again as a plain one."""
        if await talk.reader.readexactly(20) != _PROTOCOL:
            return False
        rest = await talk.reader.readexactly(48)
        talk.hash20 = rest[8:28]
        talk.writer.write(_PROTOCOL + _EXTENSIONS + talk.hash20 + b"-XX0001-" + b"%012d" % self.port)
        return True

    async def converse(self, talk: Conversing) -> None:
        """All that comes after the handshake."""
        self.greet(talk, self.metadata_size(talk))
        while True:
            kind, body = await talk.listen()
            if kind == 20 and body[0] == 0:
                header = decode(body[1:])
                assert isinstance(header, dict)
                names = header.get(b"m")
                assert isinstance(names, dict)
                talk.their_ut_metadata = int(str(names.get(b"ut_metadata", 0)))
            elif kind == 20 and body[0] == _OUR_UT_METADATA:
                header = decode(body[1:])
                assert isinstance(header, dict)
                if header[b"msg_type"] == 0:
                    self.requests += 1
                    self.asked.set()
                    await self.answer(talk, int(str(header[b"piece"])))

    def metadata_size(self, talk: Conversing) -> int | None:
        """What to claim, None for nothing."""
        info = self.infos.get(talk.hash20)
        return len(info) if info is not None else None

    def greet(self, talk: Conversing, metadata_size: int | None) -> None:
        """Send the extended handshake."""
        size = {} if metadata_size is None else {"metadata_size": metadata_size}
        talk.say(0, {"m": {"ut_metadata": _OUR_UT_METADATA}} | size)

    async def answer(self, talk: Conversing, piece: int) -> None:
        """Answer a request for one block of the metadata."""
        info = self.infos.get(talk.hash20, b"")
        block = info[piece * BLOCK_BYTES : (piece + 1) * BLOCK_BYTES]
        talk.say(talk.their_ut_metadata, {"msg_type": 1, "piece": piece, "total_size": len(info)}, block)
