"""Messages in frames, as both processes read and write them. Pure.

A frame is its length in four bytes, most significant first, and a JSON list of messages; each message is a list whose
first element is a word. Whoever sends batches: what is posted in one turn of an event loop leaves in one frame.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

MAX_FRAME_BYTES: Final = 16 << 20
_BATCH_CHARS = 256 << 10
_LENGTH_BYTES = 4

encode = json.JSONEncoder(separators=(",", ":")).encode
"""One message as text, in ASCII."""


class BadFrame(ValueError):  # noqa: N818 - named after what it is
    """What came is no frame, or no message: the other side cannot be understood any more."""


def pack(messages: Iterable[str]) -> Iterator[bytes]:
    """Encoded messages in as few frames as keep each of them small."""
    batch: list[str] = []
    size = 0
    for message in messages:
        if batch and size + len(message) > _BATCH_CHARS:
            yield _frame(batch)
            batch, size = [], 0
        batch.append(message)
        size += len(message) + 1
    if batch:
        yield _frame(batch)


def _frame(messages: list[str]) -> bytes:
    body = f"[{','.join(messages)}]".encode("ascii")
    if len(body) > MAX_FRAME_BYTES:
        raise BadFrame(f"{len(body)} bytes in one message")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class Unpacker:
    """Bytes as they come, in pieces of any size, become messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[list[Any]]:
        """The messages that are complete now. Errors: `BadFrame`, after which nothing more can be read."""
        buffer = self._buffer
        buffer += data
        messages: list[list[Any]] = []
        start = 0
        while len(buffer) - start >= _LENGTH_BYTES:
            body = start + _LENGTH_BYTES
            size = int.from_bytes(buffer[start:body], "big")
            if size > MAX_FRAME_BYTES:
                raise BadFrame(f"a frame of {size} bytes")
            if len(buffer) - body < size:
                break
            messages += _messages(buffer[body : body + size])
            start = body + size
        del buffer[:start]
        return messages


def _messages(body: bytearray) -> list[list[Any]]:
    try:
        messages = json.loads(body.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise BadFrame("no JSON") from error
    if not isinstance(messages, list) or not all(isinstance(each, list) and each for each in messages):
        raise BadFrame("no list of messages")
    return messages
