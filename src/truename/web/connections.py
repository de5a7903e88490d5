"""The connections of the server: how many there may be, and how long a client may keep one waiting.

uvicorn bounds neither, nor what a client may send ahead: here nothing is read that comes before the last request has
its answer. A client that trickles a request, or never reads its answer, is left after a while; where there is no room
for one more, those go that have been silent longest. What cannot be read as a request is answered here, with the
headers that every answer has; what it says is never logged.
Source: RFC 9112, 2.2, 6.1 and 9.5 (what may be refused, request smuggling, time-outs); RFC 9110, 7.8 (an `Upgrade` may
be ignored); RFC 6585, 5 (431).
"""

import heapq
import json
import resource
from asyncio import AbstractEventLoop, Transport
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from truename.texts import Language, say
from truename.web.guard import HEADERS, MAX_HEAD_BYTES
from truename.web.one_write import OneWrite

_MOST, _FEWEST = 1000, 64
_PIECE_BYTES = 4096
"""What is read at once. Of tiny requests that came in one go, so much makes some two hundred."""

_MOST_FIELDS = 200  # in a head: tiny ones cost forty times what is sent
_ELSEWHERE = 4600
"""Files that the rest of the process may have open: the peers and trackers of a swarm, the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many connections, and how long in seconds.

    `head_s`: from the first byte of a request to the end of its head, and from a new connection to its first request.
    `stall_s`: while nothing of an answer is read. `part_s`: until who has been refused has to be gone.
    """

    connections: int = _MOST
    head_s: float = 15.0
    stall_s: float = 60.0
    part_s: float = 2.0
    goodbye_s: float = 4.0

    @classmethod
    def of_this_process(cls) -> Self:
        """As many connections as the open files that this process may have (`ulimit -n`) leave room for."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        spare = _MOST if files < 0 else files - _ELSEWHERE
        return cls(connections=max(_FEWEST, min(_MOST, spare)))


class Crowd(ServerState):
    """All connections of one server."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.limits = limits

    def make_room(self) -> bool:
        """Whether there is room for one more. A few of those that have been silent longest go for it."""
        most = self.limits.connections
        if len(self.connections) < most:
            return True
        silent = [one for one in self._all() if one.waits_for_its_client()]
        for one in heapq.nsmallest(1 + most // 50, silent, key=lambda one: one.heard_at):
            one.leave()
        return bool(silent)

    def look(self, now: float) -> None:
        """Leave whoever takes too long; to be called every now and then."""
        for one in self._all():
            one.look(now)

    def _all(self) -> "list[Connection]":
        return [one for one in self.connections if isinstance(one, Connection)]


class Connection(HttpToolsProtocol):
    """One connection: uvicorn's, with an end to its patience."""

    heard_at: float

    def __init__(
        self,
        config: Config,
        server_state: Crowd,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._crowd = server_state
        self._limits = server_state.limits
        self._head_since: float | None = None
        self._head_bytes = 0  # behind the last head or piece of a body: of the next one, of a trailer
        self._later = b""
        self._in_head = False
        self._raw_bytes: int | None = None
        self._unsent, self._unsent_since = 0, 0.0
        self._parting_since: float | None = None
        self._asked: RequestResponseCycle | None = None
        self._refusal: tuple[HTTPStatus, str, str] | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        room = self._crowd.make_room()
        super().connection_made(cast(Transport, OneWrite(transport, self.loop)))
        self.flow = _Flow(self)
        self.heard_at = self._head_since = self.loop.time()
        if not room:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "web_too_many", "too_many")

    def data_received(self, data: bytes) -> None:
        if self._parting_since is not None:
            return
        self.heard_at = self.loop.time()
        data, self._later = self._later + data, b""
        self._take(data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal is not None and not self.transport.is_closing():
            self._refuse(*self._refusal)
        elif self._later and not self.pipeline and not self.transport.is_closing():
            later, self._later = self._later, b""
            self._take(later)
            self.flow.resume_reading()

    def has_more_to_read(self) -> bool:
        """Whether something is here that waits for the answers to what came before it."""
        return bool(self._later) or self._refusal is not None

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after a body in pieces is no header: a proxy has not looked at it (RFC 9110, 6.5.1).
        if self._in_head and len(self.headers) <= _MOST_FIELDS:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        if not self._is_idle():  # else it is what nobody wants any more
            self._head_bytes = 0
        if not self._is_refused():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_refused():
            super().on_message_complete()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.headers) > _MOST_FIELDS:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "web_too_large", "too_large")
        if self._is_refused():
            return
        if not self.url.startswith(b"/"):
            # A whole address says more than `Host`, which then counts for nothing (RFC 9112, 3.2.2).
            self.headers[:] = [field for field in self.headers if field[0] != b"host"]
            self.headers.append((b"host", _authority(self.url)))
        super().on_headers_complete()

    def shutdown(self) -> None:
        """The server ends. Who is still sending a body is told so at once; nobody is waited for without end."""
        if not self._is_idle() and self._waits_for_body():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "web_stopping", "stopping")
        elif self._parting_since is None:
            super().shutdown()
        patience_s = self._limits.goodbye_s if self._parting_since is None else self._limits.part_s
        self.loop.call_later(patience_s, self.transport.abort)

    def waits_for_its_client(self) -> bool:
        """Whether nothing happens here because the client sends nothing, or does not read."""
        if self._parting_since is not None or self._is_idle() or self._waits_for_body():
            return True
        return self.transport.get_write_buffer_size() > 0

    def leave(self) -> None:
        """Drop the connection without a word."""
        self.connections.discard(self)
        self.transport.abort()

    def look(self, now: float) -> None:
        """Leave the client if it has taken too long."""
        if self._parting_since is not None:
            if now - self._parting_since > self._limits.part_s:
                self.leave()
        elif self._head_since is not None and now - self._head_since > self._limits.head_s:
            if self._head_bytes:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, "web_too_slow", "bad_request")
            else:
                self.leave()
        elif self._reads_nothing(now):
            self.leave()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._asked = cycle
        super()._start_asgi_task(cycle, app)

    def _take(self, data: bytes) -> None:
        """Read piece by piece, up to where the next request has to wait for an answer."""
        self._unset_keepalive_if_required()
        for start in range(0, len(data), _PIECE_BYTES):
            if self._has_whole_request():
                self._keep(data[start:])
                return
            self._take_piece(data[start : start + _PIECE_BYTES])

    def _keep(self, data: bytes) -> None:
        """Read on later, if there is anything: an empty line in front of a request is none (RFC 9112, 2.2)."""
        self._later = data if self._in_head else data.lstrip(b"\r\n")
        if self._later:
            self.flow.pause_reading()

    def _take_piece(self, data: bytes) -> None:
        if self._is_refused():
            return
        if self._raw_bytes is not None:
            self._take_raw(data)
            return
        before = self.cycle
        if self._is_idle():
            self._head_since = self._head_since or self.loop.time()
        self._head_bytes += len(data)
        self._parse(data)
        if self.cycle is not before:
            self._head_since, self._head_bytes = None, 0
        elif self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "web_too_large", "too_large")

    def _is_refused(self) -> bool:
        """Whether nothing is read any more."""
        return self._parting_since is not None or self._refusal is not None

    def _has_whole_request(self) -> bool:
        """Whether one is being answered of which nothing more is to come."""
        return not (self._is_idle() or self.cycle.more_body) and self._parting_since is None

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if len(getattr(self, "url", b"")) > MAX_HEAD_BYTES:  # longer than httptools takes one
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "web_too_large", "too_large")
            else:
                self._refuse(HTTPStatus.BAD_REQUEST, "web_bad_request", "bad_request")

    def _stay(self, rest: bytes) -> None:
        """A client that would rather speak another protocol is answered in this one.

        The parser takes such a request for one without a body, and would take the body for the next request.
        """
        fields = dict(self.headers)
        if b"transfer-encoding" in fields:
            self.cycle.more_body = True  # nobody knows where it ends
            self._refuse(HTTPStatus.BAD_REQUEST, "web_bad_request", "bad_request")
            return
        self.cycle.keep_alive = False
        self._raw_bytes = int(fields.get(b"content-length", b"0"))
        self.cycle.more_body = self._raw_bytes > 0
        self._take_raw(rest)

    def _take_raw(self, data: bytes) -> None:
        piece = data[: self._raw_bytes]
        self._raw_bytes = (self._raw_bytes or 0) - len(piece)
        if self.cycle.response_complete:
            return
        self.cycle.body += piece
        self.cycle.more_body = self._raw_bytes > 0
        if len(self.cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _waits_for_body(self) -> bool:
        return self.cycle.more_body and not self.cycle.body and not self.cycle.response_started

    def _reads_nothing(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        return unsent > 0 and now - self._unsent_since > self._limits.stall_s

    def _refuse(self, status: HTTPStatus, word: str, code: str) -> None:
        """Answer in the place of the application, and leave the client a moment to read it.

        Good requests that came before the one with the fault have their answers first.
        """
        if self._parting_since is not None or self.transport.is_closing():
            return
        if self._asked is not None and not self._asked.response_complete and not self._asked.more_body:
            if self._refusal is None and self.cycle is not self._asked and self.cycle.more_body:
                self.pipeline.popleft()  # the one with the fault
            self._refusal = status, word, code
            self._later = b""
            self.flow.pause_reading()
            return
        self._unset_keepalive_if_required()
        self._parting_since = self.loop.time()
        asked = self._asked
        for cycle in (asked, self.cycle, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        self._later, self._refusal = b"", None
        if asked is not None and asked.response_started and not asked.response_complete:
            self.leave()
            return
        self.transport.write(_answer(status, word, code))
        self.transport.write_eof()
        self.flow.resume_reading()


class _Flow(FlowControl):
    """Lets nothing more in while something that came before is unread."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.transport)
        self._connection = connection

    def resume_reading(self) -> None:
        if not self._connection.has_more_to_read():
            super().resume_reading()


def _authority(url: bytes) -> bytes:
    """The part of an address that names a server; empty when there is none."""
    return url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]


def _answer(status: HTTPStatus, word: str, code: str) -> bytes:
    body = json.dumps({"error": say(word, Language.CHINESE), "code": code}, ensure_ascii=False).encode()
    headers = {
        **HEADERS,
        "Cache-Control": "no-store",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **({"Retry-After": "1"} if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE) else {}),
    }
    lines = (f"HTTP/1.1 {status} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items()), "", "")
    return "\r\n".join(lines).encode("latin-1") + body
