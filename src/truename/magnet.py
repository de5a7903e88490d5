"""Magnets in a text: find them, read them, change one `dn`. Pure; knows nothing of networks or files.

Source: BEP 9 (the magnet scheme), BEP 52 (`btmh`), and what people really paste. A text is never rebuilt from parsed
parts: a magnet is a span, and a rename replaces the bytes of one value. The scanner is linear in the length of the
text, whatever the text is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self
from urllib.parse import quote, unquote, unquote_to_bytes

from truename.errors import InvalidInput
from truename.names import decode_name

MAX_MAGNET_CHARS = 32 * 1024
MAX_TRACKERS = 500

_SCHEME = "magnet:?"
_SHORTEST = len("magnet:?xt=urn:btih:") + 32

_CJK_CLOSING = "）］｝】」』》〉〕〗〙〛｠｣、。，．；：！？｡､”’"
_CONTROL = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
_WHITE_SPACE = "".join(char for char in map(chr, range(0x3001)) if char.isspace())
# Everything that ends a magnet on its own; a closing bracket does so only when it is unbalanced.
_UNTIL_AN_END = re.compile("[^" + re.escape('<>"`|' + _CJK_CLOSING + _CONTROL + _WHITE_SPACE) + "]*")

_AFTER_HASH = ".,;:!?"
_ESCAPED_AMPERSAND = ("amp;", "#38;", "#x26;")
# Parts without `=` that end the value before them instead of lengthening it.
_ENDS_A_VALUE = frozenset(("", "xt", "dn", "tr", "xl", "ws", "xs", "as", "kt", "mt", "so", "x.pe", "dht"))
_MAX_XT = 6
_MAX_ESCAPED_XT = 3 * len("urn:btmh:1220") + 3 * 64
_LONGEST_SEPARATOR = len("&#x26;#x26;dn=")

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


# RFC 4648 base32 digits as the digits that int() takes in base 32; everything else becomes something it refuses.
_BASE32_AS_BASE_32_INTEGER = bytes(
    b"0123456789abcdefghijklmnopqrstuv"[_BASE32.index(chr(c).lower())] if chr(c).lower() in _BASE32 else ord("!")
    for c in range(256)
)


class InfoHash(str):
    """An info-hash in canonical form: lower-case hex, 40 digits for v1 (SHA-1), 64 for v2 (SHA-256)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 40 hex, 64 hex or 32 base32 digits, in any case.

        Errors: `InvalidInput` for anything else, and for the all-zero hash, which libtorrent takes for "no hash".
        """
        digits = text.strip()
        found = cls.hexadecimal(digits, 40) or cls.hexadecimal(digits, 64) or cls.base32(digits)
        if found is None:
            raise InvalidInput("invalid_info_hash")
        return found

    @classmethod
    def hexadecimal(cls, digits: str, length: int) -> Self | None:
        """The hash written in exactly `length` hex digits, or None."""
        if len(digits) != length or not digits.isalnum():
            return None
        try:
            raw = bytes.fromhex(digits)
        except ValueError:
            return None
        return cls(raw.hex()) if any(raw) else None

    @classmethod
    def base32(cls, digits: str) -> Self | None:
        """The hash written in exactly 32 base32 digits, or None."""
        if len(digits) != 32 or not digits.isascii():
            return None
        try:
            number = int(digits.encode().translate(_BASE32_AS_BASE_32_INTEGER), 32)
        except ValueError:
            return None
        return cls(f"{number:040x}") if number else None

    @property
    def is_v2(self) -> bool:
        """Whether this is the SHA-256 of a v2 or hybrid torrent."""
        return len(self) == 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Magnet:
    """What to ask for and whom to ask.

    `info_hash` is the v1 hash where there is one; a hybrid has `info_hash_v2` beside it. `trackers` and `peers` are the
    magnet's own words, unchecked and hostile: whoever connects decides which of them are allowed.
    """

    info_hash: InfoHash
    info_hash_v2: InfoHash | None = None
    display_name: str | None = None
    trackers: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one magnet or one bare info-hash.

        Input:  what a person typed or pasted, white space around it allowed.
        Errors: `InvalidInput` with code `missing_info_hash`, `invalid_info_hash` or `magnet_too_large`.
        """
        text = text.strip()
        if not text:
            raise InvalidInput("missing_info_hash")
        if text[: len(_SCHEME)].lower() != _SCHEME:
            return cls(info_hash=InfoHash.parse(text))
        span = next(find_magnets(text, broken=True), None)
        if span is None or span.problem is not None:
            raise InvalidInput("missing_info_hash" if span is None else span.problem or "")
        return cls.of(span)

    @classmethod
    def of(cls, span: "MagnetSpan") -> Self:
        """Read trackers and peers of a span that has an info-hash."""
        if span.info_hash is None:
            raise InvalidInput(span.problem or "invalid_info_hash")
        fields = [(key, unquote(value)) for key, value in _fields(span.text)]
        trackers = tuple(dict.fromkeys(value for key, value in fields if _is_key(key, "tr") and value))
        if len(trackers) > MAX_TRACKERS:
            raise InvalidInput("magnet_too_large")
        return cls(
            info_hash=span.info_hash,
            info_hash_v2=span.info_hash_v2,
            display_name=span.display_name,
            trackers=trackers,
            peers=tuple(dict.fromkeys(value for key, value in fields if _is_key(key, "x.pe") and value)),
        )

    @property
    def hashes(self) -> tuple[InfoHash, ...]:
        """Every hash it carries, the canonical one first."""
        return (self.info_hash,) if self.info_hash_v2 is None else (self.info_hash, self.info_hash_v2)


class MagnetSpan(NamedTuple):
    """Where one magnet stands in a text, and where its `dn` is or would go. Offsets are code points.

    `start` and `end` count from the beginning of the text, all other offsets from `start`.
    `problem` is None, or why this magnet cannot be asked for: the code of an `InvalidInput`.
    """

    start: int
    end: int
    text: str
    info_hash: InfoHash | None
    info_hash_v2: InfoHash | None
    dn_start: int
    dn_end: int
    insert_at: int
    problem: str | None

    @property
    def display_name(self) -> str | None:
        """The decoded `dn`, or None when the magnet has none."""
        return None if self.dn_start < 0 else decode_dn(self.text[self.dn_start : self.dn_end])


def find_magnets(text: str, *, broken: bool = False) -> Iterator[MagnetSpan]:
    """Find the magnets of a text, in order.

    Output: spans that never overlap. Those without a usable info-hash (or over `MAX_MAGNET_CHARS`) are left out, or,
            with `broken`, yielded with their `problem`.
    Source: the contract's word "magnet": white space, control characters, quotes and closing CJK punctuation end it,
            and so does an unbalanced bracket or the next `magnet:?`.
    """
    start = _next_scheme(text, 0)
    while start >= 0:
        following = _next_scheme(text, start + len(_SCHEME))
        limit = following if following >= 0 else len(text)
        if broken or limit - start >= _SHORTEST:
            end = _end_of_magnet(text, start, limit)
            if end - start >= _SHORTEST or broken:
                span = _span(text, start, end)
                if span.problem is None or (broken and end - start > len(_SCHEME)):
                    yield span
        start = following


def rename(text: str, names: Mapping[str, str]) -> str:
    """Write true names into the magnets of a text.

    Input:  `names` maps canonical info-hashes to true names; magnets of other hashes are left alone.
    Output: the text with one `dn` changed or inserted in each of those magnets, all else as it was. A `dn` that
            already reads as the name stays as it is, so renaming twice equals renaming once.
    """
    pieces: list[str] = []
    done = 0
    encoded: dict[str, str] = {}
    for span in find_magnets(text):
        name = names.get(span.info_hash or "") or names.get(span.info_hash_v2 or "")
        if not name:
            continue
        start, _, magnet, _, _, dn_start, dn_end, insert_at, _ = span
        if dn_start >= 0 and _reads_as(magnet[dn_start:dn_end], name):
            continue
        value = encoded.get(name) or encoded.setdefault(name, encode_dn(name))
        if len(magnet) + len(value) > MAX_MAGNET_CHARS - _LONGEST_SEPARATOR:
            continue
        if dn_start >= 0:
            pieces += (text[done : start + dn_start], value)
            done = start + dn_end
        else:
            between = _separator(magnet)
            in_front = magnet[insert_at : insert_at + 1] not in ("", "&")
            added = ("dn=", value, between) if in_front else (between, "dn=", value)
            pieces += (text[done : start + insert_at], *added)
            done = start + insert_at
    if not pieces:
        return text
    pieces.append(text[done:])
    return "".join(pieces)


def encode_dn(name: str) -> str:
    """Percent-encode a name so that every reader agrees on it: a space is `%20`, a plus sign `%2B`."""
    return quote(name, safe="", errors="surrogatepass")


def decode_dn(value: str) -> str:
    """Read the raw value of a `dn`: `+` and `%20` are spaces, bytes that are not UTF-8 are guessed."""
    return decode_name(_dn_bytes(value.replace("+", " "))).text


def _reads_as(value: str, name: str) -> bool:
    # An unescaped `&` or `#` reads as the name only here: other programs end the value there.
    if "&" in value or "#" in value:
        return False
    wanted = name.encode("utf-8", "surrogatepass")
    return _dn_bytes(value) == wanted or ("+" in value and _dn_bytes(value.replace("+", " ")) == wanted)


def _dn_bytes(value: str) -> bytes:
    return unquote_to_bytes(value.encode("utf-8", "surrogatepass"))


def _separator(magnet: str) -> str:
    """`&`, or its escaped form where the magnet is written that way."""
    first = magnet.find("&")
    if first < 0:
        return "&"
    return magnet[first : first + 1 + _escape_length(magnet[first + 1 : first + 11])]


def _next_scheme(text: str, start: int) -> int:
    """Where the next `magnet:?` begins, in any case, or -1. Looks only at the places where `:?` stands."""
    at = text.find(":?", start)
    while at >= 0:
        if at - 6 >= start and text[at - 1] in "tT" and text[at - 6 : at].lower() == "magnet":
            return at - 6
        at = text.find(":?", at + 2)
    return -1


def _end_of_magnet(text: str, start: int, limit: int) -> int:
    """Where the magnet at `start` ends, `limit` at the latest. Of one that is too large only the beginning counts."""
    until = _UNTIL_AN_END.match(text, start, limit)
    end = until.end() if until else start
    unbalanced = _unbalanced(text[start : min(end, start + MAX_MAGNET_CHARS + 1)])
    return end if unbalanced < 0 else start + unbalanced


def _unbalanced(magnet: str) -> int:
    """Where the first closing bracket stands that nothing in the same value opened, or -1.

    A bracket opened in another value does not count: a `dn` that is rewritten later must not move the magnet's end.
    """
    if ")" not in magnet and "]" not in magnet:
        return -1
    at = round_open = square_open = 0
    for part in magnet.split("&"):
        if _begins_a_value(part):
            round_open = square_open = 0
        for char in part:
            if char == "(":
                round_open += 1
            elif char == "[":
                square_open += 1
            elif char == ")":
                round_open -= 1
            elif char == "]":
                square_open -= 1
            if round_open < 0 or square_open < 0:
                return at
            at += 1
        at += 1
    return -1


def _span(text: str, start: int, end: int) -> MagnetSpan:
    magnet = text[start:end]
    if end - start > MAX_MAGNET_CHARS:
        return MagnetSpan(start, end, magnet, None, None, -1, -1, -1, "magnet_too_large")
    v1, v2, insert_at, end_of_hash = _read_hashes(magnet)
    if end_of_hash:
        magnet = magnet[:end_of_hash]
        end = start + end_of_hash
    dn_start, dn_end = _read_dn(magnet)
    problem = None if v1 or v2 else "missing_info_hash" if insert_at < 0 else "invalid_info_hash"
    return MagnetSpan(start, end, magnet, v1 or v2, v2 if v1 else None, dn_start, dn_end, insert_at, problem)


def _read_hashes(magnet: str) -> tuple[InfoHash | None, InfoHash | None, int, int]:
    """The first v1 and v2 hash, where a `dn` would be inserted, and where punctuation ends the magnet (or 0)."""
    v1 = v2 = None
    insert_at = -1
    lowered = _lower(magnet)
    at = len(_SCHEME)
    for _ in range(_MAX_XT):
        at = _find_key(lowered, "xt", at)
        if at < 0:
            break
        end = magnet.find("&", at)
        end = len(magnet) if end < 0 else end
        value_at = magnet.find("=", at, end) + 1
        found, length = _read_xt(magnet[value_at:end]) if value_at else (None, 0)
        if found is not None:
            if len(found) == 64:
                v2 = v2 or found
            else:
                v1 = v1 or found
            hash_end = value_at + length
            if length and not (end < len(magnet) and not magnet[hash_end:end].strip(_AFTER_HASH)):
                # Behind it, the name would grow into the punctuation and what follows.
                return v1, v2, at if insert_at < 0 else insert_at, hash_end
        if insert_at < 0:
            insert_at = _end_of_value(magnet, end)
        at = end
    return v1, v2, insert_at, 0


def _read_dn(magnet: str) -> tuple[int, int]:
    """Where the value of the first `dn` is, or (-1, -1)."""
    at = _find_key(_lower(magnet), "dn=", len(_SCHEME))
    if at < 0:
        return -1, -1
    end = magnet.find("&", at)
    return at + 3, len(magnet) if end < 0 else _end_of_value(magnet, end)


def _find_key(lowered: str, key: str, start: int) -> int:
    """Where `key` stands as the beginning of a parameter, at `start` or later, or -1."""
    at = lowered.find(key, start)
    while at >= 0:
        before = lowered[at - 1]
        if before == "&" or at == len(_SCHEME) or (before == ";" and _is_escape(lowered[max(0, at - 11) : at])):
            after = lowered[at + 2 : at + 3]
            if after == "=" or (after == "." and key == "xt"):
                return at
        at = lowered.find(key, at + 2)
    return -1


def _is_escape(lead: str) -> bool:
    """Whether the text right before a key is an escaped ampersand."""
    ampersand = lead.rfind("&")
    return ampersand >= 0 and _escape_length(lead[ampersand + 1 :]) == len(lead) - ampersand - 1


def _end_of_value(magnet: str, end: int) -> int:
    """Where a value really ends whose first `&` is at `end`.

    A part without `=` is an unescaped `&` inside a name and belongs to the value, unless it is empty or a known key. A
    `dn` is inserted behind such parts for the same reason: before them, it would swallow them when it is read again.
    """
    equals = magnet.find("=", end)
    stop = len(magnet) if equals < 0 else magnet.rfind("&", end, equals)
    if stop <= end:
        return end
    run = magnet[end + 1 : stop]
    if ";" not in run and _ENDS_A_VALUE.isdisjoint(run.lower().split("&")):
        return stop
    for part in run.split("&"):
        if _begins_a_value(part):
            return end
        end += len(part) + 1
    return end


def _begins_a_value(part: str) -> bool:
    """Whether what stands behind an `&` is a parameter of its own, and not an unescaped `&` inside a value."""
    if "=" in part:
        return True
    return (part[_escape_length(part) :] if ";" in part else part).lower() in _ENDS_A_VALUE


def _read_xt(value: str) -> tuple[InfoHash | None, int]:
    """The info-hash of one `xt` value, and its end if there is something behind it (else 0)."""
    if "%" in value:
        plain = unquote(value[: _MAX_ESCAPED_XT + 1])
        found, length = _read_xt(plain) if "%" not in plain else (None, 0)
        return (None if length else found), 0
    urn = value[:9].lower()
    if urn == "urn:btih:":
        found = InfoHash.hexadecimal(value[9:49], 40) or InfoHash.base32(value[9:41])
        end = 49 if found is not None and value[9:49].lower() == found else 41
    elif urn == "urn:btmh:" and value[9:13] == "1220":
        found = InfoHash.hexadecimal(value[13:77], 64)
        end = 77
    else:
        return None, 0
    if len(value) == end:
        return found, 0
    return (found, end) if found is not None and value[end] in _AFTER_HASH else (None, 0)


def _lower(text: str) -> str:
    """Lower case, character by character: U+0130 is the only one that would become two."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.replace("\u0130", "i").lower()


def _escape_length(part: str) -> int:
    """How much of a part's beginning is the rest of an escaped ampersand, escaped twice at most."""
    length = 0
    for _ in range(2):
        lead = part[length : length + 5].lower()
        for escape in _ESCAPED_AMPERSAND:
            if lead.startswith(escape):
                length += len(escape)
                break
        else:
            break
    return length


def _fields(magnet: str) -> Iterator[tuple[str, str]]:
    """Lower-case key and raw value of every parameter that has a value."""
    for part in magnet[len(_SCHEME) :].split("&"):
        key, equals, value = part[_escape_length(part) :].partition("=")
        if equals:
            yield key.lower(), value


def _is_key(key: str, wanted: str) -> bool:
    """Whether a key is `wanted` or a numbered form of it (`tr.1`)."""
    return key == wanted or (key.startswith(wanted + ".") and key[len(wanted) + 1 :].isdecimal())
