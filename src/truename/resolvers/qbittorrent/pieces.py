"""JSON of many megabytes, read member by member. Pure.

`json.loads` lets nothing else of the program go on until it has read everything, in whatever thread it runs: a third of
a second for ten thousand torrents. Here nothing larger than a piece is read in one go.
Source: RFC 8259.
"""

import json
import re
from contextlib import suppress
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any, Final

MAX_PIECE_CHARS: Final = 64 * 1024
"""Of what is read in one go, which is one torrent; no real one comes near it."""

_OBJECTS_TO, _ARRAYS_TO = (
    2,
    3,
)  # so deep they are taken apart: {"torrents": {"id": {…}}}, {"trackers": {"url": [id, …]}}
_SIZES = (128, 4096, MAX_PIECE_CHARS)
_SPACE = re.compile(r"[ \t\n\r]*")
_ONE = JSONDecoder()


def read_json(body: bytes) -> Any:
    """As `json.loads`.

    Errors: `ValueError` for what is no JSON in UTF-8, or has a piece that is too large; `RecursionError`.
    """
    if len(body) <= MAX_PIECE_CHARS:
        return json.loads(body)
    text = body.decode()
    value, at = _value(text, _next(text, 0), 0)
    if _next(text, at) != len(text):
        raise ValueError("something after the end")
    return value


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """The value that begins at a place, and the place after it."""
    match text[at : at + 1]:
        case "{" if depth < _OBJECTS_TO:
            return _object(text, at + 1, depth)
        case "[" if depth < _ARRAYS_TO:
            return _array(text, at + 1, depth)
    return _piece(text, at)


def _piece(text: str, at: int) -> tuple[Any, int]:
    """The same in one go."""
    for size in _SIZES:
        piece = text[at : at + size]
        with suppress(JSONDecodeError):
            value, length = _ONE.raw_decode(piece)
            if length < len(piece) or at + length == len(text):  # else a number may have been cut in two
                return value, at + length
    raise ValueError("no value, or one that is too large")


def _object(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    at = _next(text, at)
    if text[at : at + 1] == "}":
        return found, at + 1
    while True:
        if text[at : at + 1] != '"':
            raise ValueError("no key")
        key, at = _piece(text, at)
        at = _next(text, _after(text, _next(text, at), ":"))
        found[key], at = _value(text, at, depth + 1)
        at = _next(text, at)
        if text[at : at + 1] == "}":
            return found, at + 1
        at = _next(text, _after(text, at, ","))


def _array(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    at = _next(text, at)
    if text[at : at + 1] == "]":
        return found, at + 1
    while True:
        value, at = _value(text, at, depth + 1)
        found.append(value)
        at = _next(text, at)
        if text[at : at + 1] == "]":
            return found, at + 1
        at = _next(text, _after(text, at, ","))


def _next(text: str, at: int) -> int:
    """The place of what comes next that is no space."""
    space = _SPACE.match(text, at)
    return at if space is None else space.end()


def _after(text: str, at: int, wanted: str) -> int:
    if text[at : at + 1] != wanted:
        raise ValueError(f"no {wanted}")
    return at + 1
