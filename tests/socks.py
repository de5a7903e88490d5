"""A SOCKS5 proxy on loopback that tells what it was asked, and whose own connections come from an address of its own.

So whoever is spoken to can tell whether it was the proxy. It runs in the test's event loop. Source: RFC 1928, RFC 1929.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from ipaddress import ip_address
from typing import Any

from tests.loopback import DhtNode, Tracker, UdpTracker
from tests.standing import Listener
from tests.wire import Conversing, Peer

SOURCE = "127.0.0.9"
"""Where the proxy's connections come from."""

CONNECT, ASSOCIATE = 1, 3
_GRANTED, _REFUSED, _UNREACHABLE, _UNSUPPORTED = 0, 2, 4, 7


class SocksServer:
    """`names`: what host names mean, which nobody else knows. `login`: without it nobody gets in.

    `udp`: whether it carries that. `deaf`: accepts connections and says nothing; `numb`: greets, and then connects
    nobody. `slow_s`: how long it takes to carry UDP. `asked`: every command as (command, host, port), datagrams with
    command 0.
    """

    def __init__(
        self,
        names: Mapping[str, str] = {},
        *,
        login: tuple[str, str] | None = None,
        udp: bool = True,
        deaf: bool = False,
        numb: bool = False,
        slow_s: float = 0.0,
    ) -> None:
        self.names = dict(names)
        self.login = login
        self.udp = udp
        self.deaf = deaf
        self.numb = numb
        self.slow_s = slow_s
        self.connections = 0
        self.asked: list[tuple[int, str, int]] = []
        self.news = asyncio.Event()
        self.port = 0
        self._listener: Listener | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._relays: list[asyncio.DatagramTransport] = []

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["SocksServer"]:
        """Listen on a port of loopback until the end of the block, or `stop`."""
        self._listener = Listener(self._begin, port=port)
        self.port = self._listener.port
        try:
            yield self
        finally:
            await self.stop()

    async def stop(self) -> None:
        """As when it is killed: the port refuses, and every connection is gone."""
        if self._listener is not None:
            await self._listener.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)
        for relay in self._relays:
            relay.abort()
        await asyncio.sleep(0)  # a transport lets go of its socket in the next turn of the loop

    @property
    def url(self) -> str:
        """For the setting."""
        login = f"{self.login[0]}:{self.login[1]}@" if self.login else ""
        return f"socks5://{login}127.0.0.1:{self.port}"

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = asyncio.create_task(self._serve(reader, writer))
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.deaf:
                await asyncio.Event().wait()
            if await self._lets_in(reader, writer):
                await self._do(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _lets_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        _, count = await reader.readexactly(2)
        ways = await reader.readexactly(count)
        way = 2 if self.login else 0
        writer.write(bytes((5, way if way in ways else 255)))
        if way not in ways:
            await writer.drain()
            return False
        if self.login is None:
            return True
        _, length = await reader.readexactly(2)
        name = (await reader.readexactly(length)).decode()
        word = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        writer.write(bytes((1, int((name, word) != self.login))))
        await writer.drain()
        return (name, word) == self.login

    async def _do(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, command, _, kind = await reader.readexactly(4)
        match kind:
            case 3:
                host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
            case _:
                host = str(ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        self._note(command, host, port)
        if self.numb:
            await asyncio.Event().wait()
        if command == CONNECT:
            await self._connect(host, port, reader, writer)
        elif command == ASSOCIATE and self.udp:
            await self._associate(reader, writer)
        else:
            writer.write(_reply(_UNSUPPORTED))

    def _note(self, command: int, host: str, port: int) -> None:
        self.asked.append((command, host, port))
        self.news.set()

    async def _connect(self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = self.names.get(host) or str(ip_address(host))
            theirs, ours = await asyncio.open_connection(there, port, local_addr=(SOURCE, 0))
        except (OSError, ValueError):
            writer.write(_reply(_UNREACHABLE))
            return
        writer.write(_reply(_GRANTED))
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, ours))
                both.create_task(_pump(theirs, writer))
        finally:
            ours.transport.abort()

    async def _associate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.slow_s)
        outside = _Outside()
        out, _ = await loop.create_datagram_endpoint(lambda: outside, local_addr=(SOURCE, 0))
        self._relays.append(out)
        relay = _Relay(self.names, self._note, out)
        inside, _ = await loop.create_datagram_endpoint(lambda: relay, local_addr=("127.0.0.1", 0))
        outside.back = relay.back
        self._relays.append(inside)
        writer.write(_reply(_GRANTED, *inside.get_extra_info("sockname")))
        with contextlib.suppress(OSError):
            await reader.read()
        out.close()
        inside.close()


class _Relay(asyncio.DatagramProtocol):
    """The side of the client: what comes from there goes out, without its head."""

    def __init__(
        self, names: Mapping[str, str], note: Callable[[int, str, int], None], out: asyncio.DatagramTransport
    ) -> None:
        self._names, self._note, self._out = names, note, out
        self._client: tuple[str, int] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._client = addr
        length = data[4] + 1 if data[3] == 3 else 4 if data[3] == 1 else 16
        raw, rest = data[4 : 4 + length], data[4 + length :]
        host = raw[1:].decode() if data[3] == 3 else str(ip_address(raw))
        (port,) = struct.unpack("!H", rest[:2])
        self._note(0, host, port)
        there = self._names.get(host, host)
        if there.replace(".", "").isdigit():
            self._out.sendto(rest[2:], (there, port))

    def back(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._client is not None:
            head = b"\0\0\0\1" + ip_address(addr[0]).packed + struct.pack("!H", addr[1])
            self._transport.sendto(head + data, self._client)


class _Outside(asyncio.DatagramProtocol):
    """The side of the world."""

    back: Callable[[bytes, tuple[str, int]], None]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.back(data, addr)


def _reply(code: int, host: str = "0.0.0.0", port: int = 0) -> bytes:
    return bytes((5, code, 0, 1)) + ip_address(host).packed + struct.pack("!H", port)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


class SeenTracker(Tracker):
    """A tracker that knows where its questions come from: `sources`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sources: set[str] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sources.add(writer.get_extra_info("peername")[0])
        await super()._serve(reader, writer)


class SeenPeer(Peer):
    """The same for a peer."""

    def __init__(self, *infos: bytes) -> None:
        super().__init__(*infos)
        self.sources: set[str] = set()

    async def _converse(self, talk: Conversing) -> None:
        self.sources.add(talk.writer.get_extra_info("peername")[0])
        await super()._converse(talk)


class SeenUdpTracker(UdpTracker):
    """The same for a tracker over UDP."""

    def __init__(self, peers: bytes = b"") -> None:
        super().__init__(peers)
        self.sources: set[str] = set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sources.add(addr[0])
        super().datagram_received(data, addr)


class SeenDhtNode(DhtNode):
    """The same for a node of the DHT."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sources: set[str] = set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sources.add(addr[0])
        super().datagram_received(data, addr)


def free_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port
