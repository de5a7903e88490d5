"""Bencoded bytes to Python values, for bytes that a stranger made. Pure; it only reads.

Source: BEP 3. Tolerant where torrents in the wild are (keys out of order), strict where a lie could hide (sizes,
leading zeros), and bounded: no recursion, so depth is a number and not a stack overflow.
"""

from truename.errors import BadMetadata

MAX_DEPTH = 100
MAX_TOKENS = 1_000_000
"""Four megabytes of files with names of eight letters have fewer."""

Value = int | bytes | list["Value"] | dict[bytes, "Value"]

_END = ord("e")
_INTEGER = ord("i")
_LIST = ord("l")
_DICTIONARY = ord("d")
_MAX_DIGITS = 20


class TooManyValues(BadMetadata):
    """There is more in it than was to be read."""


def decode_proven(data: bytes, *, max_tokens: int | None = None) -> Value:
    """Decode what is known to be the true bytes, as far as anything can be made of them.

    Leading zeros, any depth and bytes after the end are let pass; an integer that is none, or longer than any that
    counts something, is 0. Errors: `BadMetadata` when even so it is no value; `TooManyValues` as `decode_first`.
    """
    return decode_first(data, max_tokens=max_tokens, is_proven=True)[0]


def decode_first(
    data: bytes, *, max_tokens: int | None = None, is_proven: bool = False, leading_zeros: bool = False
) -> tuple[Value, int]:
    """Decode the value with which `data` begins; where it ends (BEP 9 has a block of bytes after it).

    `is_proven`: as leniently as `decode_proven`. `leading_zeros`: numbers and lengths may have some, as for libtorrent.
    Errors: `BadMetadata` for anything malformed or nested deeper than `MAX_DEPTH`; `TooManyValues` for more than
            `max_tokens` of them, ends counted too (`MAX_TOKENS`, unless there is a reason to expect less).
    """
    open_containers: list[list[Value]] = []
    kinds: list[int] = []
    at = 0
    tokens = MAX_TOKENS if max_tokens is None else max_tokens
    size = len(data)
    while at < size:
        tokens -= 1
        if tokens < 0:
            raise TooManyValues("too many values")
        lead = data[at]
        value: Value
        if 0x30 <= lead <= 0x39:
            value, at = _string(data, at, leading_zeros=is_proven or leading_zeros)
        elif lead == _INTEGER:
            value, at = _any_integer(data, at) if is_proven else _integer(data, at, leading_zeros=leading_zeros)
        elif lead in (_LIST, _DICTIONARY):
            if len(kinds) >= MAX_DEPTH and not is_proven:
                raise BadMetadata("nested too deep")
            kinds.append(lead)
            open_containers.append([])
            at += 1
            continue
        elif lead == _END and kinds:
            items = open_containers.pop()
            value = items if kinds.pop() == _LIST else _dictionary(items)
            at += 1
        else:
            raise BadMetadata(f"unexpected byte at {at}")
        if not kinds:
            return value, at
        open_containers[-1].append(value)
    raise BadMetadata("ends too early")


def _string(data: bytes, at: int, *, leading_zeros: bool) -> tuple[bytes, int]:
    colon = data.find(b":", at, at + _MAX_DIGITS)
    digits = data[at:colon]
    if colon < 0 or not digits.isdigit() or (len(digits) > 1 and digits[0] == 0x30 and not leading_zeros):
        raise BadMetadata(f"bad string length at {at}")
    end = colon + 1 + int(digits)
    if end > len(data):
        raise BadMetadata("string longer than the data")
    return data[colon + 1 : end], end


def _integer(data: bytes, at: int, *, leading_zeros: bool) -> tuple[int, int]:
    end = data.find(b"e", at, at + _MAX_DIGITS + 2)
    digits = data[at + 1 : end]
    magnitude = digits.removeprefix(b"-")
    zeros = magnitude[:1] == b"0" and digits != b"0" and not leading_zeros
    if end < 0 or not magnitude.isdigit() or zeros:
        raise BadMetadata(f"bad integer at {at}")
    return int(digits), end + 1


def _any_integer(data: bytes, at: int) -> tuple[int, int]:
    end = data.find(b"e", at)
    if end < 0:
        raise BadMetadata(f"bad integer at {at}")
    digits = data[at + 1 : end]
    counts = len(digits) <= _MAX_DIGITS and digits.removeprefix(b"-").isdigit()
    return int(digits) if counts else 0, end + 1


def _dictionary(items: list[Value]) -> dict[bytes, Value]:
    if len(items) % 2:
        raise BadMetadata("a key without a value")
    keys = items[::2]
    pairs: dict[bytes, Value] = {}
    for key, value in zip(keys, items[1::2], strict=True):
        if not isinstance(key, bytes):
            raise BadMetadata("a key that is not a string")
        # The first of two equal keys wins, as in libtorrent.
        pairs.setdefault(key, value)
    return pairs
