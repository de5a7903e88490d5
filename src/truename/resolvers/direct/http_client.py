"""One HTTP GET on a connection of its own, with a bound on everything that comes back. Source: RFC 9112.

A client of its own, since it is asked thousands of times in a burst: the parser is httptools, and httpcore took six
times the processor time of everything else in a look-up.
"""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import quote

import httptools

from truename.errors import TruenameError
from truename.resolvers.direct.allowance import Allowance
from truename.resolvers.direct.dialer import Line, Listener

_AS_THEY_ARE = "%/?:@!$&'()*+,;=[]~"
_LENGTH_HEADERS = frozenset((b"content-length", b"transfer-encoding"))


class NoAnswer(TruenameError):  # noqa: N818 - named after what it is
    """It ended without an answer that can be used."""


@dataclass(slots=True)
class Answer:
    """What came: the status, where it sends us (empty: nowhere), and the body."""

    status: int = 0
    location: str = ""
    body: bytearray = field(default_factory=bytearray)


def build_get(host: str, target: str) -> bytes:
    """The request. `host` is as the URL has it, with its port."""
    target = quote(target, safe=_AS_THEY_ARE)
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: truename\r\nConnection: close\r\n\r\n".encode("ascii")


class Get(Listener):
    """Sends the request when connected. `answer` becomes what comes. Errors: `NoAnswer`, those of the socket.

    Head and body together are heard as far as `may_say` goes; of that nothing is left when it was not enough.
    """

    def __init__(self, request: bytes, may_say: Allowance) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.answer.add_done_callback(_was_seen)
        self._request = request
        self._coming = Answer()
        self._may_say = may_say
        self._ends_with_connection = True
        self._head_is_whole = False
        self._line: Line | None = None
        self._parser = httptools.HttpResponseParser(self)

    def close(self) -> None:
        """End the connection at once."""
        if self._line is not None:
            self._line.abort()
        self.answer.cancel()

    # --- Listener ------------------------------------------------------------------------------------------------

    def connection_made(self, line: Line) -> None:
        """See `Listener`."""
        self._line = line
        line.write(self._request)

    def data_received(self, data: bytes) -> None:
        """See `Listener`."""
        if self.answer.done():
            return
        try:
            if not self._may_say.take(len(data)):
                self._may_say.take(self._may_say.left)
                raise NoAnswer("too long")
            self._parser.feed_data(data)
        except (httptools.HttpParserError, NoAnswer) as error:
            self._end(error if isinstance(error, NoAnswer) else NoAnswer("not HTTP"))

    def connection_lost(self, error: Exception | None) -> None:
        """See `Listener`."""
        if error is not None:
            self._end(error)
        elif self._head_is_whole and self._ends_with_connection:
            self.on_message_complete()
        else:
            self._end(NoAnswer("ended early"))

    # --- httptools -----------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name == b"location":
            self._coming.location = value.decode("latin-1")
        elif name in _LENGTH_HEADERS:
            self._ends_with_connection = False

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_is_whole = True
        self._coming.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._coming.body += body

    def on_message_complete(self) -> None:
        """All of it. A provisional answer (1xx) is not the one we wait for."""
        if self._coming.status >= 200 and not self.answer.done():
            self.answer.set_result(self._coming)

    def _end(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def _was_seen(answer: asyncio.Future[Answer]) -> None:
    """Who was to wait for it may have been cancelled meanwhile, and then it is no news that it failed."""
    if not answer.cancelled():
        answer.exception()
