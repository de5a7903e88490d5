"""Where the resolver's TCP connections begin: to an address, never to a name, and only to one that is allowed.

Every socket of `direct` but those of UDP trackers is opened here; the check of a peer's or tracker's address before is
the first barrier, this is the second. Behind a proxy, what a name means is up to that; addresses are checked as ever.
"""

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from truename.checked_net import checked
from truename.gateway import Gateway
from truename.networks import is_address

_RECEIVE_BUFFER_BYTES = 64 * 1024
"""So that not much of a flood is under way when we have heard enough of it."""

_READ_BYTES = 32 * 1024

_RESET_AT_THE_END = struct.pack("ii", 1, 0)
"""Who closes keeps the port for a minute (TIME_WAIT), unless it closes with a reset; nothing of ours is lost by it."""


class Line(Protocol):
    """What a listener writes to: a connection of ours, or one of asyncio's."""

    def write(self, data: bytes) -> None:
        """Send, as soon as the other side takes it."""

    def abort(self) -> None:
        """End it at once."""


class Listener:
    """Who is told what happens on a connection, in this order: made, some data, lost."""

    def connection_made(self, line: Line) -> None:
        """It is there, and may be written to."""

    def data_received(self, data: bytes) -> None:
        """Something came."""

    def connection_lost(self, error: Exception | None) -> None:
        """The other side has ended it, or the network. Over TLS it is called after `abort` as well.

        A listener that has ended takes no notice of it.
        """


ListenerT = TypeVar("ListenerT", bound=Listener)


class Dialer:
    """Opens connections. `allow_private`: private and loopback addresses are allowed for all of them.

    `gateway`: the proxy that all of them go through; only then names may be connected to.
    """

    def __init__(self, *, allow_private: bool, gateway: Gateway | None = None) -> None:
        self._allow_private = allow_private
        self._gateway = gateway

    async def connect(
        self,
        make: Callable[[], ListenerT],
        address: str,
        port: int,
        *,
        exempt: bool = False,
        tls: tuple[ssl.SSLContext, str] | None = None,
    ) -> ListenerT:
        """Connect a listener. `exempt`: the administrator named it; `tls`: how, and the name to be proved.

        Errors: `Forbidden`; `OSError` when nobody is there or it is not who it should be.
        """
        if self._gateway is None or is_address(address):
            (address,) = checked((address,), allow_private=exempt or self._allow_private)
        opened = await self._open(address, port)
        try:
            listener = make()
            if tls is None:
                _PlainLine(opened, listener)
            else:
                await _begin_tls(opened, listener, *tls)
        except BaseException:
            opened.close()
            raise
        return listener

    async def _open(self, address: str, port: int) -> socket.socket:
        if self._gateway is not None:
            opened = await self._gateway.connect(address, port)
            _set_options(opened)
            return opened
        opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            opened.setblocking(False)  # noqa: FBT003
            _set_options(opened)
            await _connected(opened, address, port)
        except BaseException:
            opened.close()
            raise
        return opened


def _set_options(opened: socket.socket) -> None:
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_THE_END)


async def _connected(opened: socket.socket, address: str, port: int) -> None:
    """As `loop.sock_connect`, which takes twice as long: it would look a name up, and this is never one."""
    try:
        opened.connect((address, port))
        return
    except BlockingIOError:
        pass
    loop = asyncio.get_running_loop()
    writable = loop.create_future()
    descriptor = opened.fileno()  # not the socket: asyncio would spell out its addresses each time
    loop.add_writer(descriptor, _settle, writable)
    try:
        await writable
    finally:
        loop.remove_writer(descriptor)
    if error := opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))


def _settle(writable: "asyncio.Future[None]") -> None:
    if not writable.done():
        writable.set_result(None)


class _PlainLine:
    """A TCP connection read in small portions, so that what is not wanted any more is not even taken in."""

    def __init__(self, opened: socket.socket, listener: Listener) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = opened
        self._descriptor = opened.fileno()
        self._listener = listener
        self._unsent = b""
        self._loop.add_reader(self._descriptor, self._read)
        listener.connection_made(self)

    def write(self, data: bytes) -> None:
        """See `Line`. What is not taken at once is kept; our listeners never write more than a few KiB in all."""
        if self._socket.fileno() < 0:
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lost(error)
            return
        self._unsent = data[sent:]
        if self._unsent:
            self._loop.add_writer(self._descriptor, self._write_more)

    def abort(self) -> None:
        """See `Line`."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._descriptor)
        if self._unsent:
            self._loop.remove_writer(self._descriptor)
        self._socket.close()

    def _write_more(self) -> None:
        unsent, self._unsent = self._unsent, b""
        self._loop.remove_writer(self._descriptor)
        self.write(unsent)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        if data:
            self._listener.data_received(data)
        else:
            self._lost(None)

    def _lost(self, error: Exception | None) -> None:
        self.abort()
        self._listener.connection_lost(error)


class _TlsLine(asyncio.Protocol):
    """The same over TLS, by asyncio."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._listener.connection_made(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        self._listener.data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.connection_lost(error)


async def _begin_tls(opened: socket.socket, listener: Listener, context: ssl.SSLContext, host: str) -> None:
    await asyncio.get_running_loop().create_connection(
        lambda: _TlsLine(listener), sock=opened, ssl=context, server_hostname=host
    )
