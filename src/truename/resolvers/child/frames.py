"""Messages in frames, as both processes read and write them. Pure.

A message is a JSON list whose first element is a word; it may have bytes with it, which become its last element at the
other side. A frame is its length in four bytes, most significant first; the length of its text, in four more; the text,
a JSON list; and the bytes of its messages, one after the other. The first element of that list says which messages have
bytes, and how many: `[[place, size], ...]`; the others are the messages.
Whoever sends batches: what is posted in one turn of an event loop leaves in one frame.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

MAX_FRAME_BYTES: Final = 16 << 20
_BATCH_BYTES = 256 << 10
_LENGTH_BYTES = 4
_ROOM_FOR_LENGTHS = 64

encode = json.JSONEncoder(separators=(",", ":")).encode
"""One message as text, in ASCII."""

Posted = tuple[str, bytes | None]
"""A message, encoded, and the bytes with it, if any."""


class BadFrame(ValueError):  # noqa: N818 - named after what it is
    """What came is no frame, or no message: the other side cannot be understood any more."""


def check_size(message: str, piece: bytes | None) -> None:
    """Errors: `BadFrame` when a message, with the bytes that go with it, is too large for any frame."""
    size = len(message) + len(piece or b"")
    if size > MAX_FRAME_BYTES - _ROOM_FOR_LENGTHS:
        raise BadFrame(f"{size} bytes in one message")


def pack(messages: Iterable[Posted]) -> Iterator[bytes]:
    """Messages in as few frames as keep each of them small."""
    batch: list[Posted] = []
    size = 0
    for message in messages:
        own = len(message[0]) + len(message[1] or b"")
        if batch and size + own > _BATCH_BYTES:
            yield _frame(batch)
            batch, size = [], 0
        batch.append(message)
        size += own
    if batch:
        yield _frame(batch)


def _frame(messages: list[Posted]) -> bytes:
    pieces = [(place, piece) for place, (_, piece) in enumerate(messages) if piece is not None]
    sizes = encode([(place, len(piece)) for place, piece in pieces])
    text = f"[{','.join((sizes, *(message for message, _ in messages)))}]".encode("ascii")
    size = _LENGTH_BYTES + len(text) + sum(len(piece) for _, piece in pieces)
    if size > MAX_FRAME_BYTES:
        raise BadFrame(f"{size} bytes in one message")
    lengths = (each.to_bytes(_LENGTH_BYTES, "big") for each in (size, len(text)))
    return b"".join((*lengths, text, *(piece for _, piece in pieces)))


class Unpacker:
    """Bytes as they come, in pieces of any size, become messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> list[list[Any]]:
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
            with memoryview(buffer) as all_of_it, all_of_it[body : body + size] as frame:
                messages += _messages(frame)
            start = body + size
        del buffer[:start]
        return messages


def _messages(body: memoryview) -> list[list[Any]]:
    at = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "big")
    messages: list[list[Any]]
    try:
        sizes, *messages = json.loads(str(body[_LENGTH_BYTES:at], "ascii"))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadFrame("no JSON list") from error
    if not isinstance(sizes, list) or not all(isinstance(each, list) and each for each in messages):
        raise BadFrame("no list of messages")
    for each in sizes:
        match each:
            case [int(place), int(size)] if 0 <= place < len(messages) and 0 <= size <= len(body) - at:
                messages[place].append(bytes(body[at : at + size]))
                at += size
            case _:
                raise BadFrame("bytes of no message")
    if at != len(body):
        raise BadFrame("bytes of no message")
    return messages
