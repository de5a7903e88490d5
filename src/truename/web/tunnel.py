"""A connection through the proxy, as httpcore wants one. Knows nothing of what is said over it."""

import asyncio
import socket
import ssl
from typing import Any, Self

import httpcore


class Tunnel(httpcore.AsyncNetworkStream):
    """A connected socket as httpcore's stream. Errors of all methods: httpcore's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, connected: socket.socket) -> Self:
        """Take a socket over; it is closed with the stream."""
        try:
            return cls(*await asyncio.open_connection(sock=connected))
        except BaseException:
            connected.close()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Some of what has come; nothing at the end."""
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except OSError as error:
            raise httpcore.WriteError from error

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Go on with TLS."""
        try:
            async with asyncio.timeout(timeout):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except OSError as error:
            await self.aclose()
            raise httpcore.ConnectError from error
        return self

    async def aclose(self) -> None:
        """At once; whatever was to be said has been said."""
        self._writer.transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks to choose the protocol; nothing else is told."""
        return self._writer.get_extra_info("ssl_object") if info == "ssl_object" else None
