"""Plain TCP connections, thousands of them, each read in small portions: what is not wanted any more is not taken in.

They have an epoll of their own, which the event loop watches as one descriptor: what asyncio does for each connection
(a task, a future, a handle for each readiness) took twice the time of all system calls together. Source: epoll(7).
"""

import asyncio
import errno
import logging
import os
import select
import socket
import struct
from typing import Protocol

log = logging.getLogger(__name__)

_RECEIVE_BUFFER_BYTES = 64 * 1024
"""So that not much of a flood is under way when we have heard enough of it."""

_READ_BYTES = 32 * 1024
_LOOKED_AFTER_AT_ONCE = 100
"""Then others of the event loop have their turn."""

_RESET_AT_THE_END = struct.pack("ii", 1, 0)
"""Who closes keeps the port for a minute (TIME_WAIT), unless it closes with a reset; nothing of ours is lost by it."""

_UNDER_WAY = frozenset((0, errno.EINPROGRESS))
_TO_READ = select.EPOLLIN
_TO_WRITE = select.EPOLLOUT
_OVER = select.EPOLLERR | select.EPOLLHUP


class Line(Protocol):
    """What a listener writes to: a connection of ours, or one of asyncio's."""

    def write(self, data: bytes) -> None:
        """Send, as soon as the other side takes it."""

    def abort(self) -> None:
        """End it at once."""


class Listener:
    """Who is told what happens on a connection, in this order: made, some data, lost; or only lost, if never made."""

    def connection_made(self, line: Line) -> None:
        """It is there, and may be written to."""

    def data_received(self, data: bytes) -> None:
        """Something came."""

    def connection_lost(self, error: Exception | None) -> None:
        """The other side has ended it, or the network, or nobody is there. Over TLS it is called after `abort` as well.

        A listener that has ended takes no notice of it.
        """


def set_options(opened: socket.socket) -> None:
    """What every connection of ours is like, also one that somebody else has made."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_THE_END)


def new_socket(address: str) -> socket.socket:
    """One for TCP to such an address, which never waits. Errors: `OSError`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    set_options(opened)
    return opened


class Lines:
    """All connections of one event loop that begin here."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._is_watched = False
        self._open: dict[int, _PlainLine] = {}

    def dial(self, address: str, port: int, listener: Listener) -> Line:
        """Begin a connection to an address; the listener hears of it later. Errors: `OSError` when none can begin."""
        opened = new_socket(address)
        try:
            trouble = opened.connect_ex((address, port))  # of an address, not of a name: nothing is looked up
            if trouble not in _UNDER_WAY:
                raise OSError(trouble, os.strerror(trouble))
            return _PlainLine(opened, listener, self)
        except BaseException:
            opened.close()
            raise

    def adopt(self, opened: socket.socket, listener: Listener) -> None:
        """Go on with a connection that somebody else has made."""
        _PlainLine(opened, listener, self)

    def close(self) -> None:
        """End them all; nobody is told. Idempotent."""
        for line in list(self._open.values()):
            line.abort()
        self._unwatch()
        self._epoll.close()

    def admit(self, line: "_PlainLine", descriptor: int) -> None:
        """Look after one more, which waits until it can write."""
        if not self._is_watched:
            self._is_watched = True
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._look_after)
        self._epoll.register(descriptor, _TO_WRITE)
        self._open[descriptor] = line

    def wait_for(self, descriptor: int, *, to_write: bool) -> None:
        """Look for what it can read, and whether it can write again."""
        self._epoll.modify(descriptor, _TO_READ | _TO_WRITE if to_write else _TO_READ)

    def dismiss(self, descriptor: int) -> None:
        """It ends. What a child of this process has inherited would keep it known to the kernel."""
        self._epoll.unregister(descriptor)
        del self._open[descriptor]
        if not self._open:
            self._unwatch()  # so that the event loop keeps nobody alive who was left without being closed

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())

    def _look_after(self) -> None:
        # Whoever has ended meanwhile has left its number to another one, so lines are looked up before any is served.
        ready = self._epoll.poll(0, _LOOKED_AFTER_AT_ONCE)
        for line, what in [(self._open[each], what) for each, what in ready if each in self._open]:
            try:
                line.serve(what)
            except Exception as error:  # what one stranger brings to light ends nobody else's conversation
                log.exception("a conversation broke")
                line.lose(error)


class _PlainLine:
    """One of them. It begins by waiting until it can write, which is when it is connected."""

    __slots__ = ("_descriptor", "_is_made", "_lines", "_listener", "_socket", "_unsent")

    def __init__(self, opened: socket.socket, listener: Listener, lines: Lines) -> None:
        self._socket = opened
        self._descriptor = opened.fileno()
        self._listener = listener
        self._lines = lines
        self._is_made = False
        self._unsent = b""
        lines.admit(self, self._descriptor)

    def write(self, data: bytes) -> None:
        """See `Line`. What is not taken at once is kept; our listeners never write more than a few KiB in all."""
        if self._descriptor < 0:
            return
        if self._unsent:
            self._unsent += data
            return
        if not self._send(data):
            self._lines.wait_for(self._descriptor, to_write=True)

    def abort(self) -> None:
        """See `Line`. Before it is connected too."""
        if self._descriptor >= 0:
            self._lines.dismiss(self._descriptor)
            self._descriptor = -1
            self._socket.close()

    def serve(self, what: int) -> None:
        """Something is possible (the bits of epoll)."""
        if self._descriptor < 0:
            return
        if not self._is_made:
            self._connected(what)
            return
        if what & _TO_WRITE and self._send(self._unsent) and self._descriptor >= 0:
            self._lines.wait_for(self._descriptor, to_write=False)
        if what & (_TO_READ | _OVER) and self._descriptor >= 0:
            self._read()

    def lose(self, error: Exception | None) -> None:
        """It is over, and not because we ended it."""
        if self._descriptor >= 0:
            self.abort()
            self._listener.connection_lost(error)

    def _connected(self, what: int) -> None:
        if what & _OVER and (error := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
            self.lose(OSError(error, os.strerror(error)))
            return
        self._is_made = True
        self._lines.wait_for(self._descriptor, to_write=False)
        self._listener.connection_made(self)

    def _send(self, data: bytes) -> bool:
        """Whether nothing is left to be sent, be it that there is nobody any more."""
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.lose(error)
            return True
        self._unsent = data[sent:]
        return not self._unsent

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(error)
            return
        if data:
            self._listener.data_received(data)
        else:
            self.lose(None)
