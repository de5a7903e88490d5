"""One HTTP GET on a connection of its own, with a bound on everything that comes back. Source: RFC 9112.

A client of its own, since it is asked thousands of times in a burst: the parser is httptools, and httpcore took six
times the processor time of everything else in a look-up.
"""

import asyncio
import zlib
from dataclasses import dataclass, field
from urllib.parse import quote

import httptools

from truename.errors import TruenameError
from truename.resolvers.direct.allowance import Allowance
from truename.resolvers.direct.dialer import Line, Listener

_AS_THEY_ARE = "%/?:@!$&'()*+,;=[]~"
_GZIP = frozenset((b"gzip", b"x-gzip"))
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class NoAnswer(TruenameError):  # noqa: N818 - named after what it is
    """It ended without an answer that can be used."""


@dataclass(slots=True)
class Answer:
    """What came: the status, where it sends us (empty: nowhere), and the body, which may be packed."""

    status: int = 0
    location: str = ""
    body: bytearray = field(default_factory=bytearray)
    is_gzip: bool = False


def build_get(host: str, target: str) -> bytes:
    """The request. `host` is as the URL has it, with its port."""
    target = quote(target, safe=_AS_THEY_ARE)
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: truename\r\nConnection: close\r\n\r\n".encode("ascii")


def unpack(body: bytearray, may_say: Allowance) -> bytearray:
    """What is in a body that came as gzip (RFC 1952), as far as it came; some trackers send it to whoever asks.

    It may be no longer than `may_say` has left, and is taken from that. Errors: `NoAnswer`.
    """
    try:
        unpacked = zlib.decompressobj(_GZIP_WINDOW).decompress(body, may_say.left + 1)  # 0 would be without a bound
    except zlib.error:
        raise NoAnswer("not gzip") from None
    if not may_say.take(len(unpacked)):
        raise NoAnswer("too long")
    return bytearray(unpacked)


class Get(Listener):
    """Sends the request when connected. `answer` becomes what comes. Errors: `NoAnswer`, those of the socket.

    Head and body together are heard as far as `may_say` goes; of that nothing is left when it was not enough. A body
    that ends before its time is what it is, as to libtorrent: whoever reads it knows whether it is whole.
    """

    def __init__(self, request: bytes, may_say: Allowance) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.answer.add_done_callback(_was_seen)
        self._request = request
        self._coming = Answer()
        self._may_say = may_say
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
        elif self._head_is_whole:
            self.on_message_complete()
        self._end(NoAnswer("ended early"))

    # --- httptools -----------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name == b"location":
            self._coming.location = value.decode("latin-1")
        elif name == b"content-encoding":
            self._coming.is_gzip = value.strip().lower() in _GZIP

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_is_whole = True
        self._coming.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._coming.body += body

    def on_message_complete(self) -> None:
        """All of it. A provisional answer (1xx) is not the one we wait for."""
        if self._coming.status < 200 or self.answer.done():
            return
        try:
            if self._coming.is_gzip:
                self._coming.body = unpack(self._coming.body, self._may_say)
            self.answer.set_result(self._coming)
        except NoAnswer as error:
            self._end(error)

    def _end(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


def _was_seen(answer: asyncio.Future[Answer]) -> None:
    """Who was to wait for it may have been cancelled meanwhile, and then it is no news that it failed."""
    if not answer.cancelled():
        answer.exception()
