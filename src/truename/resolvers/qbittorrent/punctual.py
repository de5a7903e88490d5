"""HTTP whose answers' heads have an end: a socket's own time-out is only that between two bytes of them.

Slow bodies are `Session`'s to end, which reads them itself.
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


class _Reader(io.RawIOBase):
    """Reads from a socket until the end of its time-out from now on, if need be a byte at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout_s = sock.gettimeout()
        self._end = math.inf if self._timeout_s is None else time.monotonic() + self._timeout_s
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int | None:
        if self._end < math.inf:
            left_s = self._end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the head of an answer does not end")
            self._sock.settimeout(left_s)
        return self._raw.readinto(room)

    def end_of_head(self) -> None:
        """From now on there is only the time between two bytes."""
        if self._end < math.inf:
            self._end = math.inf
            self._sock.settimeout(self._timeout_s)

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
        self._reader.end_of_head()


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
    """The session, whose answers have heads that end, and which tries nothing twice."""
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
