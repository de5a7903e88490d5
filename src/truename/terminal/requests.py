"""What a person asks `resolve` for: arguments and lines become requests. Pure but for reading standard input."""

import asyncio
import codecs
import os
import select
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from truename.errors import InvalidInput
from truename.magnet import Magnet, find_magnets
from truename.terminal.textfile import Text, Unusable, reason

_CHUNK_BYTES = 64 * 1024
_MAX_LINE_BYTES = 64 * 1024 * 1024
_CHUNKS_AHEAD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One magnet or hash `as_written`, or, without `magnet`, why it cannot be asked for: the code of `InvalidInput`."""

    as_written: str
    magnet: Magnet | None = None
    problem: str = ""


def of_argument(text: str) -> Iterator[Request]:
    """What one argument of the command line asks for: its magnets, or itself as an info-hash."""
    found = list(_magnets(text))
    if len(found) == 1:
        found = [replace(found[0], as_written=text)]
    yield from found or [_hash(text)]


def of_line(line: str) -> Iterator[Request]:
    """Every magnet of a line, else the line as a hash; nothing for a blank line or one that begins with `#`."""
    line = line.strip().removeprefix("\ufeff").strip()
    if line and not line.startswith("#"):
        found = list(_magnets(line))
        yield from found or [_hash(line)]


def _magnets(text: str) -> Iterator[Request]:
    for span in find_magnets(text, broken=True):
        try:
            yield Request(as_written=span.text, magnet=Magnet.of(span))
        except InvalidInput as error:
            yield Request(as_written=span.text, problem=error.code)


def _hash(text: str) -> Request:
    try:
        return Request(as_written=text, magnet=Magnet.parse(text))
    except InvalidInput as error:
        return Request(as_written=text, problem=error.code)


def of_lines(lines: Iterable[str]) -> Iterator[Request]:
    """The requests of many lines, in order."""
    for line in lines:
        yield from of_line(line)


async def of_stream(descriptor: int, what: str) -> AsyncIterator[list[Request]]:
    """The requests of a pipe or a file that is open, as soon as their lines are there.

    Input:  UTF-16 with its mark, else lines each of which is read as the text of a file is; either of the characters
            of a line's end ends one, so that none has to wait for the second; `what` names the stream in an error.
    Errors: `Unusable` for NUL characters, an endless line, or when reading fails, after the lines before that.
    """
    rest: list[bytes] = []  # pieces of the line that has not ended; joined once, for it may be long
    size_bytes = 0
    async for chunk in _without_utf_16(descriptor, what):
        readable, nul, _ = chunk.partition(b"\0")
        whole, ended, tail = readable.replace(b"\r", b"\n").rpartition(b"\n")
        if ended:
            yield list(of_lines(_decoded(b"".join((*rest, whole)), what)))
            rest, size_bytes = [], 0
        rest.append(tail)
        size_bytes += len(tail)
        if nul:
            raise Unusable("binary_input", what=what)
        if size_bytes > _MAX_LINE_BYTES:
            raise Unusable("line_too_long", what=what)
    yield list(of_lines(_decoded(b"".join(rest), what)))


def lines_of(text: str) -> list[str]:
    """Lines that end as on any system; an end of two characters leaves an empty one, which asks for nothing."""
    return text.replace("\r", "\n").split("\n")


def _decoded(data: bytes, what: str) -> list[str]:
    """Whole lines as text, ended by line feeds. In no encoding that is read here is that byte a part of another
    character."""
    try:
        return data.decode().split("\n")
    except UnicodeDecodeError:
        # Behind a line's end nothing looks like the mark of UTF-16.
        return [Text.decode(b"\n" + line, what).text[1:] for line in data.split(b"\n")]


async def _without_utf_16(descriptor: int, what: str) -> AsyncIterator[bytes]:
    """The chunks of a stream as they are; those of UTF-16 with its mark as UTF-8."""
    decoder: codecs.IncrementalDecoder | None = None
    begun, decided = b"", False
    async for chunk in _chunks(descriptor, what):
        begun += chunk
        if not decided and len(begun) >= len(codecs.BOM_UTF16_LE):
            decided = True
            if begun.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                decoder = codecs.getincrementaldecoder("utf-16")("replace")
        if decided:
            yield decoder.decode(begun).encode() if decoder else begun
            begun = b""
    yield decoder.decode(begun, final=True).encode() if decoder else begun


def read_whole(descriptor: int, what: str) -> bytes:
    """A stream to its end. Errors: `Unusable`."""
    try:
        return b"".join(iter(partial(_read_some, descriptor), b""))
    except OSError as error:
        raise Unusable("cannot_read", what=what, why=reason(error)) from error


def _read_some(descriptor: int) -> bytes:
    """The next bytes, waited for also where somebody else who has the stream open wants nobody to wait."""
    while True:
        try:
            return os.read(descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            select.select([descriptor], [], [])


async def _chunks(descriptor: int, what: str) -> AsyncIterator[bytes]:
    """Read in a thread of our own: one that waits for a terminal or a slow pipe must not hold up the program's end."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(_CHUNKS_AHEAD)

    def read() -> None:
        while room.acquire():
            try:
                chunk: bytes | OSError = _read_some(descriptor)
            except OSError as error:
                chunk = error
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:  # the loop has ended, and nobody reads any more
                return
            if not chunk or isinstance(chunk, OSError):
                return

    threading.Thread(target=read, name="truename-stdin", daemon=True).start()
    while chunk := await chunks.get():
        if isinstance(chunk, OSError):
            raise Unusable("cannot_read", what=what, why=reason(chunk)) from chunk
        yield chunk
        room.release()
