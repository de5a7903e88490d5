"""One HTTP GET and its answer, with a bound on everything that comes back. Source: RFC 9112.

A client of its own, since it is asked thousands of times in a burst: the parser is httptools, and httpcore took six
times the processor time of everything else in a look-up.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote

import httptools

from truename.errors import TruenameError
from truename.resolvers.direct.allowance import Allowance
from truename.resolvers.direct.kept import Visited

_AS_THEY_ARE = "%/?:@!$&'()*+,;=[]~"
_PLAIN = re.compile(r"[A-Za-z0-9_.\-%/?:@!$&'()*+,;=[\]~]*").fullmatch
"""What `quote` would leave as it is, and it takes its time to see that."""

_GZIP = frozenset((b"gzip", b"x-gzip"))
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_BEGINNING = b"HTTP/"
_MAX_LENGTH_DIGITS = 10
_FIRST_FINAL_STATUS = 200
END = b"\r\n"
END_OF_THE_LAST = b"Connection: close\r\n\r\n"
"""The connection is to be closed behind the answer."""
MOVED = frozenset((301, 302, 303, 307, 308))
_WITHOUT_BODY = frozenset((204, 304))


class Worth(Enum):
    """What an answer says."""

    USE = "what was asked for"
    REFUSAL = "that it is not to be had"
    NONE = "nothing of that"


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
    """The request, but for its last lines (`END`, `END_OF_THE_LAST`). `host` is as the URL has it, with its port."""
    if not _PLAIN(target):
        target = quote(target, safe=_AS_THEY_ARE)
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: truename\r\n".encode("ascii")


def end_of_head(data: bytearray, start: int) -> int:
    """Where the body begins, behind an empty line, or 0; no empty line is looked for before `start`."""
    ends = [at + len(mark) for mark in (b"\n\r\n", b"\n\n") if (at := data.find(mark, start)) >= 0]
    return min(ends, default=0)


def tidy(head: bytes) -> tuple[bytes, int | None]:
    """A head as the parser takes it, and how long the body is: None where that is not said, or in two ways.

    Some trackers end lines with a line feed alone, have a space before a colon, say the length twice, or beside chunks,
    or say less than they send. So the length is left out, and whoever reads the body counts.
    """
    first, *lines = head.replace(b"\r\n", b"\n").split(b"\n")
    kept, lengths, in_chunks = [first], set(), False
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        in_chunks |= name.lower() == b"transfer-encoding"
        if name.lower() == b"content-length":
            lengths.add(value.strip())
        else:
            kept.append(name + colon + value)
    length = lengths.pop() if len(lengths) == 1 and not in_chunks else b""
    return b"\r\n".join(kept), int(length) if length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS else None


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


class Get:
    """A `Visitor` that asks when connected. `on_end` is told what comes, or why nothing does (`NoAnswer`, `OSError`);
    once. The line is kept for others where the answer is of use, says that it may be, and is known to have ended.

    Head and body together are heard as far as `may_say` goes; of that nothing is left when it was not enough. A body
    that ends before its time, or goes on behind it, is what it is, as to libtorrent: whoever reads it knows whether it
    is whole.
    """

    def __init__(
        self,
        request: bytes,
        may_say: Allowance,
        on_end: Callable[[Answer | Exception], None],
        *,
        worth_of: Callable[[Answer], Worth],
    ) -> None:
        self._on_end: Callable[[Answer | Exception], None] | None = on_end
        self._request = request
        self._worth_of: Callable[[Answer], Worth] | None = worth_of
        self._may_say = may_say
        self._line: Visited | None = None
        self._begin()

    def _begin(self) -> None:
        self._coming = Answer()
        self._head = bytearray()
        self._head_is_whole = False
        self._is_whole = False
        self._length: int | None = None
        self._is_last = True
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    def abort(self) -> None:
        """End the connection at once; nobody is told, and whoever asked need not wait for the collector of garbage."""
        self._on_end = self._worth_of = self._parser = None
        if self._line is not None:
            self._line.abort()

    # --- Visitor -------------------------------------------------------------------------------------------------

    def connection_made(self, line: Visited) -> None:
        """See `Visitor`."""
        if self._on_end is None:
            line.abort()
            return
        if self._line is not None:
            self._begin()
        self._line = line
        self._is_last = not line.stays()
        line.write(self._request + (END_OF_THE_LAST if self._is_last else END))

    def data_received(self, data: bytes) -> None:
        """See `Visitor`."""
        if self._on_end is None:
            return
        try:
            if not self._may_say.take(len(data)):
                self._may_say.take(self._may_say.left)
                raise NoAnswer("too long")
            self._take(data)
        except NoAnswer as error:
            self._fail(error)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._is_last = True
            if not self._is_whole:  # else it is about what stands behind the answer
                self._fail(NoAnswer("not HTTP"))
        if self._is_whole:
            self._end_well()

    def connection_lost(self, error: Exception | None) -> None:
        """See `Visitor`."""
        if self._on_end is None:
            return
        if self._head_is_whole and error is None:
            self._end_well()
        else:
            self._fail(error or NoAnswer("ended early"))

    def _take(self, rest: bytes) -> None:
        """Feed the parser: each head (a provisional answer has one too) when it is whole, then what is behind it."""
        if self._parser is None:
            return
        while rest and not self._head_is_whole:
            looked_through = max(0, len(self._head) - len(b"\n\r"))
            self._head += rest
            end = end_of_head(self._head, looked_through)
            if not _BEGINNING.startswith(self._head.lstrip()[: len(_BEGINNING)]):
                raise NoAnswer("not HTTP")
            if not end:
                return
            head, self._length = tidy(bytes(self._head[:end]))
            rest = bytes(self._head[end:])
            self._head.clear()
            self._parser.feed_data(head)
        if rest:
            self._parser.feed_data(rest)
        if self._head_is_whole and self._length is not None and len(self._coming.body) >= self._length:
            self._is_whole = True
            self._is_last |= len(self._coming.body) > self._length

    def _fail(self, error: Exception) -> None:
        if not self._begins_anew():
            self._end(error)

    def _begins_anew(self) -> bool:
        """Whether what came, since it may be about what was asked before on this line, is asked for once more."""
        return self._line is not None and bool(self._may_say.left) and self._line.begin_anew()

    def _end_well(self) -> None:
        try:
            if self._coming.is_gzip:
                self._coming.body = unpack(self._coming.body, self._may_say)
        except NoAnswer as error:
            self._fail(error)
            return
        worth = Worth.NONE if self._worth_of is None else self._worth_of(self._coming)
        line = self._line
        counts = worth is Worth.USE or (worth is Worth.REFUSAL and line is not None and line.was_kept_before)
        if line is not None:
            line.heard(of_use=worth is Worth.USE)
        if not counts and self._begins_anew():
            return
        if counts and line is not None and self._is_whole and self._length is not None and not self._is_last:
            line.keep()
            self._line = None
        self._end(self._coming)

    def _end(self, end: Answer | Exception) -> None:
        on_end = self._on_end
        self.abort()
        if on_end is not None:
            on_end(end)

    # --- httptools -----------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name == b"location":
            self._coming.location = value.decode("latin-1")
        elif name == b"content-encoding":
            self._coming.is_gzip = value.strip().lower() in _GZIP
        elif name == b"connection":
            self._is_last |= b"close" in value.lower()

    def on_headers_complete(self) -> None:
        """A head is whole; behind that of a provisional answer (1xx) comes another one."""
        if self._parser is None:
            return
        self._coming.status = self._parser.get_status_code()
        self._head_is_whole = self._coming.status >= _FIRST_FINAL_STATUS
        self._is_last |= self._parser.get_http_version() != "1.1"
        sends_us_on = self._coming.status in MOVED and bool(self._coming.location)
        if self._head_is_whole and (self._coming.status in _WITHOUT_BODY or sends_us_on):
            self._is_whole = self._is_last = True  # who sends us on may forget to say how little follows

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._coming.body += body

    def on_message_complete(self) -> None:
        """All of it, or of a provisional answer, which is not the one we wait for."""
        self._is_whole = self._head_is_whole
