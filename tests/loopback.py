"""What else the resolver meets on loopback in the tests: trackers, DHT nodes, and canaries that nobody may touch.

They run in the test's own event loop and tell with conditions what happened, so that no test needs to sleep.
"""

import asyncio
import contextlib
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from tests.standing import listening
from tests.wire import decode, encode


class Tracker:
    """An HTTP tracker that names some peers for some hashes, and tells what it was asked.

    `peers` maps 40 hex digits to compact peers. `counts` is what else it says of every hash. `response`, when given, is
    sent to everybody instead, byte for byte.
    """

    def __init__(self, peers: dict[str, bytes] | None = None, *, response: bytes | None = None) -> None:
        self.peers = {bytes.fromhex(key[:40]): value for key, value in (peers or {}).items()}
        self.response = response
        self.counts: dict[str, int] = {}
        self.asked: list[bytes] = []
        self.heard = asyncio.Condition()
        self.held: asyncio.Event | None = None
        self.port = 0

    @contextlib.asynccontextmanager
    async def serving(self, host: str = "127.0.0.1") -> AsyncIterator["Tracker"]:
        """Listen on a port of loopback until the end of the block."""
        async with listening(self._serve, host) as listener:
            self.port = listener.port
            yield self

    @property
    def url(self) -> str:
        """The announce URL."""
        return f"http://127.0.0.1:{self.port}/announce"

    def hold(self) -> asyncio.Event:
        """Answer nobody any more until the event is set."""
        self.held = asyncio.Event()
        return self.held

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until what was heard so far fulfils the condition."""
        async with self.heard:
            await self.heard.wait_for(condition)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            query = request.split(b" ")[1].partition(b"?")[2]
            fields = dict(pair.split(b"=", 1) for pair in query.split(b"&") if b"=" in pair)
            hash20 = unquote_to_bytes(fields.get(b"info_hash", b""))
            async with self.heard:
                self.asked.append(hash20)
                self.heard.notify_all()
            if self.held is not None:
                await self.held.wait()
            writer.write(self.response if self.response is not None else self._answer(hash20))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _answer(self, hash20: bytes) -> bytes:
        body = encode({"interval": 1800, "peers": self.peers.get(hash20, b"")} | self.counts)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)


class UdpTracker(asyncio.DatagramProtocol):
    """A UDP tracker that names the same peers for every hash. Source: BEP 15."""

    def __init__(self, peers: bytes = b"") -> None:
        self.peers = peers
        self.asked: list[bytes] = []
        self.port = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["UdpTracker"]:
        """Listen on a port of loopback until the end of the block."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = transport.get_extra_info("sockname")[1]
        try:
            yield self
        finally:
            transport.close()

    @property
    def url(self) -> str:
        """The announce URL."""
        return f"udp://127.0.0.1:{self.port}/announce"

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        _, action, transaction = struct.unpack_from(">QII", data)
        if action == 0:
            self._transport.sendto(struct.pack(">IIQ", 0, transaction, 0x1234), addr)
        elif action == 1:
            self.asked.append(data[16:36])
            self._transport.sendto(struct.pack(">IIIII", 1, transaction, 1800, 0, 1) + self.peers, addr)


class DhtNode(asyncio.DatagramProtocol):
    """A DHT node that answers every question with the same nodes and peers (both compact). Source: BEP 5."""

    def __init__(self, peers: Sequence[bytes] = (), *, nodes: Sequence[bytes] = ()) -> None:
        self.peers = list(peers)
        self.nodes = b"".join(_node_id(node) + node for node in nodes)
        self.asked: list[bytes] = []
        self.was_asked = asyncio.Event()
        self.host, self.port = "", 0

    @contextlib.asynccontextmanager
    async def serving(self, host: str = "127.0.0.1") -> AsyncIterator["DhtNode"]:
        """Listen on a port of loopback until the end of the block."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        self.host, self.port = transport.get_extra_info("sockname")
        try:
            yield self
        finally:
            transport.close()

    @property
    def endpoint(self) -> str:
        """For the setting of DHT entrances."""
        return f"{self.host}:{self.port}"

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question: Any = decode(data)
        if question.get(b"y") != b"q":
            return
        answer: dict[str, Any] = {"id": _node_id(self.endpoint.encode()), "nodes": self.nodes}
        if question[b"q"] == b"get_peers":
            self.asked.append(question[b"a"][b"info_hash"])
            self.was_asked.set()
            answer |= {"token": b"t", "values": self.peers}
        self._transport.sendto(encode({"t": question[b"t"], "y": "r", "r": answer}), addr)


def _node_id(seed: bytes) -> bytes:
    return hashlib.sha1(seed, usedforsecurity=False).digest()


class Canary(asyncio.DatagramProtocol):
    """A port of loopback, TCP and UDP, that nobody may speak to: `touched` says who did."""

    def __init__(self) -> None:
        self.touched: list[str] = []
        self.port = 0

    @contextlib.asynccontextmanager
    async def serving(self, host: str = "127.0.0.1") -> AsyncIterator["Canary"]:
        """Listen until the end of the block."""
        async with listening(self._connected, host) as listener:
            self.port = listener.port
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self, local_addr=(host, self.port)
            )
            try:
                yield self
            finally:
                transport.close()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.touched.append(f"UDP from {addr}: {data[:60]!r}")

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.touched.append(f"TCP from {writer.get_extra_info('peername')}")
        writer.close()


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A port of loopback that refuses connections: taken, and not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
