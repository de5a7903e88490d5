"""What a person asks `resolve` for: arguments and lines become requests. Pure but for reading standard input."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from truename.errors import InvalidInput
from truename.magnet import Magnet, find_magnets
from truename.terminal.textfile import Unusable

_CHUNK_BYTES = 64 * 1024
_MAX_LINE_BYTES = 64 * 1024 * 1024
_CHUNKS_AHEAD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One magnet or hash `as_written`, or, without `magnet`, why it cannot be asked for: the code of `InvalidInput`."""

    as_written: str
    magnet: Magnet | None = None
    problem: str = ""


def of_argument(text: str) -> Request:
    """One argument of the command line: a magnet or an info-hash."""
    try:
        return Request(as_written=text, magnet=Magnet.parse(text))
    except InvalidInput as error:
        return Request(as_written=text, problem=error.code)


def of_line(line: str) -> Iterator[Request]:
    """Every magnet of a line, else the line as a hash; nothing for a blank line or one that begins with `#`."""
    line = line.strip().removeprefix("\ufeff")
    if not line or line.startswith("#"):
        return
    spans = list(find_magnets(line, broken=True))
    for span in spans:
        try:
            yield Request(as_written=span.text, magnet=Magnet.of(span))
        except InvalidInput as error:
            yield Request(as_written=span.text, problem=error.code)
    if not spans:
        yield of_argument(line)


def of_lines(lines: Iterable[str]) -> Iterator[Request]:
    """The requests of many lines, in order."""
    for line in lines:
        yield from of_line(line)


async def of_stream(descriptor: int, what: str) -> AsyncIterator[Request]:
    """The requests of a pipe or a file that is open, each as soon as its line is there.

    Input:  `what` names the stream in an error.
    Errors: `Unusable` for NUL bytes, an endless line, or when reading fails.
    """
    rest = bytearray()
    async for chunk in _chunks(descriptor, what):
        if b"\0" in chunk:
            raise Unusable("binary_input", what=what)
        searched = len(rest)
        rest += chunk
        end = rest.rfind(b"\n", searched)
        if end >= 0:
            whole, rest = bytes(rest[: end + 1]), rest[end + 1 :]
            for request in of_lines(_decode(whole).split("\n")):
                yield request
        elif len(rest) > _MAX_LINE_BYTES:
            raise Unusable("binary_input", what=what)
    for request in of_line(_decode(bytes(rest))):
        yield request


def _decode(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


async def _chunks(descriptor: int, what: str) -> AsyncIterator[bytes]:
    """Read in a thread of our own: one that waits for a terminal or a slow pipe must not hold up the program's end."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(_CHUNKS_AHEAD)

    def read() -> None:
        while room.acquire():
            try:
                chunk: bytes | OSError = os.read(descriptor, _CHUNK_BYTES)
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
            raise Unusable("cannot_read", what=what, why=chunk.strerror or "") from chunk
        yield chunk
        room.release()
