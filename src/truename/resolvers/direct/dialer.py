"""Where the resolver's TCP connections begin: to an address, never to a name, and only to one that is allowed.

Every socket of `direct` but those of UDP trackers is opened here; the check of a peer's or tracker's address before is
the first barrier, this is the second. Behind a proxy, what a name means is up to that; addresses are checked as ever.
"""

import asyncio
import logging
import socket
import ssl
from typing import Protocol, cast

from truename.checked_net import checked
from truename.gateway import Gateway
from truename.networks import is_address
from truename.resolvers.direct.lines import Lines, Listener, new_socket, set_options

log = logging.getLogger(__name__)

Tls = tuple[ssl.SSLContext, str]
"""How to speak TLS, and the name that the other side has to prove."""


class Dialled(Protocol):
    """A connection that has been begun, and may have been made or lost since."""

    def abort(self) -> None:
        """End it at once; the listener is not told."""


class Dialer:
    """Opens connections. `allow_private`: private and loopback addresses are allowed for all of them.

    `gateway`: the proxy that all of them go through; only then names may be connected to.
    """

    def __init__(self, *, allow_private: bool, gateway: Gateway | None = None) -> None:
        self._allow_private = allow_private
        self._gateway = gateway
        self._lines = Lines()
        self._detours: set[asyncio.Task[None]] = set()

    def dial(
        self, address: str, port: int, listener: Listener, *, exempt: bool = False, tls: Tls | None = None
    ) -> Dialled:
        """Begin a connection; the listener hears of it, and that nobody is there, later and not from within.

        `exempt`: the administrator named it. Errors: `Forbidden`; `OSError` when no connection can begin.
        """
        if self._gateway is None or is_address(address):
            (address,) = checked((address,), allow_private=exempt or self._allow_private)
        if self._gateway is None and tls is None:
            return self._lines.dial(address, port, listener)
        detour = asyncio.get_running_loop().create_task(self._detour(address, port, listener, tls))
        self._detours.add(detour)
        detour.add_done_callback(self._detours.discard)
        return _Detour(detour)

    async def aclose(self) -> None:
        """End all connections."""
        self._lines.close()
        for detour in self._detours:
            detour.cancel()
        await asyncio.gather(*self._detours, return_exceptions=True)

    async def _detour(self, address: str, port: int, listener: Listener, tls: Tls | None) -> None:
        """The way through the proxy, to TLS, or both, which asyncio and a library go."""
        try:
            opened = await self._open(address, port)
            try:
                if tls is None:
                    self._lines.adopt(opened, listener)
                else:
                    context, host = tls
                    await asyncio.get_running_loop().create_connection(
                        lambda: _TlsLine(listener), sock=opened, ssl=context, server_hostname=host
                    )
            except BaseException:
                opened.close()
                raise
        except Exception as error:
            if not isinstance(error, OSError):
                log.exception("a connection broke")
            listener.connection_lost(error)

    async def _open(self, address: str, port: int) -> socket.socket:
        if self._gateway is not None:
            opened = await self._gateway.connect(address, port)
            set_options(opened)
            return opened
        opened = new_socket(address)
        try:
            await asyncio.get_running_loop().sock_connect(opened, (address, port))
        except BaseException:
            opened.close()
            raise
        return opened


class _Detour:
    """A connection on its way there; once it is made, its listener has the line."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def abort(self) -> None:
        self._task.cancel()


class _TlsLine(asyncio.Protocol):
    """A line over TLS, by asyncio."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._listener.connection_made(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        self._listener.data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.connection_lost(error)
