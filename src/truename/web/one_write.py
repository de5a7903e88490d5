"""A transport that sends what is written at the same moment in one go.

uvicorn writes the head of an answer and its body apart. Each write is a system call that wakes the client, and costs
as much as making the answer; so what comes in one turn of the event loop leaves together at its end.
"""

from asyncio import AbstractEventLoop, Transport
from typing import Any

_ENOUGH_BYTES = 64 * 1024


class OneWrite:
    """The part of `asyncio.Transport` that a protocol uses; all else is the transport's own."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """See `asyncio.WriteTransport`; much at once is not held back."""
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _ENOUGH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is there."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        if pieces:
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def get_write_buffer_size(self) -> int:
        """See `asyncio.WriteTransport`."""
        return self._size + self._transport.get_write_buffer_size()

    def write_eof(self) -> None:
        """See `asyncio.WriteTransport`."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """See `asyncio.BaseTransport`."""
        self.flush()
        self._transport.close()
