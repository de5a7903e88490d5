"""One end of the socket between the two processes, in an event loop. Knows frames, and no message.

Sockets are read and written here without asyncio's transports: there are no other layers, and nothing is left behind
by a loop that is closed.
"""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from truename.resolvers.child.frames import BadFrame, Posted, Unpacker, check_size, pack

_READ_BYTES = 256 << 10


class Wire:
    """What is posted in one turn of the loop leaves together; what does not fit into the socket waits here.

    `take` is called with the messages that came, and may raise `BadFrame`; `ended` once, when the other side is gone
    or has sent what cannot be read.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        take: Callable[[list[list[Any]]], None],
        ended: Callable[[BadFrame | None], None],
    ) -> None:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's own
        self._loop = loop
        self._sock = sock
        self._take = take
        self._ended = ended
        self._unpacker = Unpacker()
        self._room = memoryview(bytearray(_READ_BYTES))  # set aside once: memory may be short later
        self._posted: list[Posted] = []
        self._unsent: deque[memoryview] = deque()
        self._is_open = True
        loop.add_reader(sock, self.read)

    def post(self, message: str, piece: bytes | None = None) -> None:
        """Send an encoded message, and bytes with it, at the end of this turn. After the end it is dropped.

        Errors: `BadFrame` when it is larger than the other side takes; nothing else is lost by that.
        """
        check_size(message, piece)
        if self._is_open:
            if not self._posted:
                self._loop.call_soon(self._flush)
            self._posted.append((message, piece))

    def read(self) -> bool:
        """Take in what has come; whether there may be more."""
        if not self._is_open:
            return False
        try:
            size = self._sock.recv_into(self._room)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            size = 0
        if not size:
            self._end(None)
            return False
        try:
            self._take(self._unpacker.feed(self._room[:size]))
        except BadFrame as error:
            self._end(error)
        return self._is_open

    def close(self) -> None:
        """Hang up, so that the other side notices even where a forked process holds the socket too. Idempotent."""
        if self._is_open:
            self._is_open = False
            self._posted.clear()
            self._unsent.clear()
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()

    def forget(self) -> None:
        """In a forked copy of this process: neither the other side nor the loop, which both share, notices."""
        if self._is_open:
            self._is_open = False
            os.close(self._sock.detach())

    def _end(self, error: BadFrame | None) -> None:
        if self._is_open:
            self.close()
            self._ended(error)

    def _flush(self) -> None:
        if not self._is_open:
            return
        posted, self._posted = self._posted, []
        was_blocked = bool(self._unsent)
        self._unsent.extend(map(memoryview, pack(posted)))
        if not was_blocked and not self._send():
            self._loop.add_writer(self._sock, self._go_on)

    def _go_on(self) -> None:
        if self._send():
            self._loop.remove_writer(self._sock)

    def _send(self) -> bool:
        """Whether everything has been sent."""
        while self._unsent:
            first = self._unsent[0]
            try:
                sent = self._sock.send(first)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:  # it is gone: whatever it said before comes first, and then the end
                self._unsent.clear()
                return True
            if sent == len(first):
                self._unsent.popleft()
            else:
                self._unsent[0] = first[sent:]
        return True
