"""Stand-in servers of the tests: what listens on loopback, and leaves nothing open when its test has ended.

`asyncio.start_server` can lose a connection that comes in the turn of the loop in which the server is closed: neither
its socket nor its transport is closed then, and whichever test runs when the collector finds them fails for it.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

Begin = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None] | None]
"""What is done with a connection: as for `asyncio.start_server`."""


class Listener:
    """Accepts connections on `host`:`port` from when it is made until `close`; `context`: with TLS.

    It belongs to the event loop in which it is made.
    """

    def __init__(
        self,
        begin: Begin,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        limit: int = 1 << 16,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._begin, self._limit, self._context = begin, limit, context
        self._loop = asyncio.get_running_loop()
        self._lines: set[asyncio.BaseTransport] = set()
        self._openings: set[asyncio.Task[None]] = set()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=2048)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._loop.add_reader(self._socket, self._accept)

    async def close(self) -> None:
        """The port refuses, and every connection is gone. May be called again."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        await asyncio.sleep(0)  # what was accepted in this turn has begun to open in the next one
        for opening in self._openings:
            opening.cancel()
        await asyncio.gather(*self._openings, return_exceptions=True)
        for line in self._lines:
            line.abort()  # type: ignore[attr-defined]
        await asyncio.sleep(0)  # a transport lets go of its socket in the next turn of the loop

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            while True:
                accepted, _ = self._socket.accept()
                opening = self._loop.create_task(self._open(accepted))
                self._openings.add(opening)
                opening.add_done_callback(self._openings.discard)

    async def _open(self, accepted: socket.socket) -> None:
        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(self._limit), self._begin)

        with contextlib.suppress(OSError):  # a handshake that fails is the business of who came
            line, _ = await self._loop.connect_accepted_socket(protocol, accepted, ssl=self._context)
            self._lines.add(line)


@contextlib.asynccontextmanager
async def listening(begin: Begin, host: str = "127.0.0.1", port: int = 0, **more: Any) -> AsyncIterator[Listener]:
    """A `Listener` until the end of the block."""
    listener = Listener(begin, host, port, **more)
    try:
        yield listener
    finally:
        await listener.close()
