"""The way out through a SOCKS5 proxy: connections through it, and whether it lets us in at all.

Names are looked up by the proxy and never here. Nothing of this ever connects to anybody but the proxy.
Source: RFC 1928, RFC 1929.
"""

import asyncio
import contextlib
import math
import socket
from collections.abc import AsyncIterator
from typing import Final

from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy as Socks

from truename.errors import ResolverDown
from truename.proxy import Proxy

PATIENCE_S: Final = 5.0
"""For the proxy itself; whom it connects us to has the time of the caller."""

_CONNECT_S = 30.0
_GOOD_FOR_S = 5.0
_BAD_FOR_S = 1.0
_VERSION, _OPEN, _PASSWORD, _PASSWORD_VERSION, _GRANTED = 5, 0, 2, 1, 0


class Gateway:
    """One proxy, for all who go out. Belongs to one event loop."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._turn = asyncio.Lock()
        self._asked_at = -math.inf
        self._trouble = ""

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connection to a host, by name or address, as the proxy makes it.

        Errors: `OSError` when the proxy is not there or has not made it, or cannot even be told of such a name.
        """
        mine = self._proxy
        socks = Socks(ProxyType.SOCKS5, mine.host, mine.port, mine.username or None, mine.password or None, rdns=True)
        try:
            return await socks.connect(host, port, timeout=_CONNECT_S)
        except ProxyError as error:
            raise ConnectionRefusedError("the proxy has not made it") from error
        except ValueError as error:  # what cannot be written as a host name of the DNS, or is too long for SOCKS5
            raise OSError("no name of a host") from error

    async def check(self, *, good_for_s: float = _GOOD_FOR_S) -> None:
        """See whether the proxy is there and lets us in; what was seen lately is good for a while.

        Errors: `ResolverDown`.
        """
        loop = asyncio.get_running_loop()
        async with self._turn:
            if loop.time() - self._asked_at >= (_BAD_FOR_S if self._trouble else good_for_s):
                self._trouble = await self._ask()
                self._asked_at = loop.time()
            if self._trouble:
                raise ResolverDown(self._trouble)

    async def check_again(self, patience_s: float) -> None:
        """The same, for whoever has failed and wants to know by the way whether this is why.

        Errors: `ResolverDown` when it surely is.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self.check(good_for_s=_BAD_FOR_S)

    async def _ask(self) -> str:
        """What is wrong with the proxy, as a word of `truename.texts`."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._line() as (reader, writer):
                lets_us_in = await self._greet(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return "proxy_down"
        return "" if lets_us_in else "proxy_refused"

    @contextlib.asynccontextmanager
    async def _line(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(self._proxy.host, self._proxy.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """As at the beginning of every connection, and no further."""
        name, word = self._proxy.username.encode(), self._proxy.password.encode()
        ways = (_OPEN, _PASSWORD) if name else (_OPEN,)
        writer.write(bytes((_VERSION, len(ways), *ways)))
        version, way = await reader.readexactly(2)
        if version != _VERSION or way not in ways:
            return False
        if way == _PASSWORD:
            writer.write(bytes((_PASSWORD_VERSION, len(name))) + name + bytes((len(word),)) + word)
            _, granted = await reader.readexactly(2)
            return granted == _GRANTED
        return True
