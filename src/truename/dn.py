"""The value of a magnet's `dn`: written so that every reader agrees on it, read as people and programs write it. Pure.

Source: BEP 9, RFC 3986 section 2; names whose bytes are not UTF-8 are guessed by `names.py`.
"""

from truename.names import decode_name

_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_WRITTEN = [chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_DIGITS = "0123456789abcdefABCDEF"
_READ = {(high + low).encode(): bytes.fromhex(high + low) for high in _DIGITS for low in _DIGITS}


def encode_dn(name: str) -> str:
    """Percent-encode a name: a space is `%20`, a plus sign `%2B`, so both ways to read a raw `+` agree."""
    return _raw(name).decode("latin-1").translate(_WRITTEN)


def encoded_chars(name: str) -> int:
    """How long `encode_dn` of a name is, for less than it costs to make it."""
    raw = _raw(name)
    return len(raw) + 2 * len(raw.translate(None, _UNRESERVED))


def decode_dn(value: str) -> str:
    """Read the raw value of a `dn`: `+` and `%20` are spaces, bytes that are not UTF-8 are guessed."""
    return decode_name(unescaped(_raw(value.replace("+", " ")))).text


def reads_as(value: str, name: str) -> bool:
    """Whether every program reads the raw value of a `dn` as this name; `+` may stand for a space.

    An unescaped `&` or `#` reads as part of the name only here: other programs end the value there.
    """
    if "&" in value or "#" in value:
        return False
    wanted, raw = _raw(name), _raw(value)
    if not len(wanted) <= len(raw) <= 3 * len(wanted):
        return False
    if unescaped(raw.replace(b"+", b" ")) == wanted:
        return True
    return b"+" in raw and b"+" in wanted and unescaped(raw) == wanted


def _raw(text: str) -> bytes:
    """UTF-8, and the bytes of a file that was not: they came in as lone surrogates (PEP 383)."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def unescaped(raw: bytes) -> bytes:
    """Percent-decoding; what is not an escape stays as it is."""
    if b"%" not in raw:
        return raw
    first, *others = raw.split(b"%")
    pieces = [first]
    for part in others:
        byte = _READ.get(part[:2])
        pieces += (b"%", part) if byte is None else (byte, part[2:])
    return b"".join(pieces)
