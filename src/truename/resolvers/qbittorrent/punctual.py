"""HTTP whose answers have an end: a socket's own time-out is only that between two bytes of them.

Head and body have the time-out each. `Session`, which reads bodies itself, can look at the clock between two pieces
only, and the line with a piece's size, or those behind the last one, may go on for ever as well.
"""

import http.client
import io
import math
import socket
import time
from typing import Any

import requests.adapters
import urllib3.connection
from qbittorrentapi import Client

_LAST_RESORT_S = 1.0
"""Whoever reads a body, and looks at the clock, says first what is wrong with it."""


class _Reader(io.RawIOBase):
    """Reads from a socket until its time-out is over, counted from the begin of a part, if need be a byte at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout_s = sock.gettimeout()
        self._raw = sock.makefile("rb", buffering=0)
        self.begin_part()

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int | None:
        if self._end < math.inf:
            left_s = self._end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("an answer does not end")
            self._sock.settimeout(left_s)
        return self._raw.readinto(room)

    def begin_part(self, more_s: float = 0.0) -> None:
        """What comes now has the whole time-out, and so much more."""
        self._end = math.inf if self._timeout_s is None else time.monotonic() + self._timeout_s + more_s

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Readable:
    """As much of a socket as `http.client` needs for an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self.reader = _Reader(sock)

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self.reader)


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        readable = _Readable(sock)
        self._reader = readable.reader
        super().__init__(readable, *given, **named)  # type: ignore[arg-type]

    def begin(self) -> None:
        super().begin()
        self._reader.begin_part(_LAST_RESORT_S)


class _Connection(urllib3.connection.HTTPConnection):
    response_class = _Response


class _TlsConnection(urllib3.connection.HTTPSConnection):
    response_class = _Response


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def punctual(session: requests.Session) -> requests.Session:
    """The session, whose answers end, and which tries nothing twice."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(max_retries=0))
    return session


class PunctualClient(Client):
    """The library's client on such a session, which it makes anew now and then."""

    @property
    def _session(self) -> Any:
        is_new = self._http_session is None
        session = super()._session
        return punctual(session) if is_new else session
