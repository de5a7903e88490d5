"""Names as bytes, as text, and as something safe to look at. Pure.

A name is kept exactly as its torrent has it. What a person sees is another text, made here, in which nothing can hide:
controls, bidirectional and zero-width characters appear as marks.
Source: Unicode 15 general categories; libtorrent's list in `torrent_info.cpp` (`filter_path_character`).
"""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

MAX_SHOWN_CHARS = 512

# By so much of a text its encoding is guessed: a stranger's megabyte must not cost seconds.
_JUDGED_CHARS = 512
_GUESSES = ("gb18030", "big5", "shift_jis", "cp1251", "cp1252")
_READS_ANYTHING = "latin-1"
_UNREADABLE = 10.0
"""How strange it is that an encoding does not fit, beside the strangeness of letters."""

# Not of category C, and nothing to be seen of them all the same: fillers, blanks and variation selectors.
_INVISIBLE = frozenset(
    (
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159",
        *map(chr, range(0xFE00, 0xFE10)),
        *map(chr, range(0xE0100, 0xE01F0)),
    )
)
_CONTROL_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}


class DecodedName(NamedTuple):
    """A name as text. `guessed`: its bytes were not UTF-8 and `encoding` is only the likeliest one."""

    text: str
    encoding: str
    guessed: bool


def decode_name(raw: bytes) -> DecodedName:
    """Decode the bytes of a name: UTF-8, else the encoding in which they read best, marked as a guess.

    Output: all of the bytes, none replaced by U+FFFD; it never fails, for latin-1 reads anything.
    """
    text = _as("utf-8", raw)
    return DecodedName(text, "utf-8", guessed=False) if text is not None else _decode_as(_guess([raw]), raw)


def decode_alike(names: Sequence[bytes]) -> list[str]:
    """Decode names that somebody wrote on one machine: those that are not UTF-8 are in one encoding, guessed once.

    A guess takes milliseconds, and a torrent may have many names. Output: as of `decode_name`, in the same order.
    """
    texts = [_as("utf-8", raw) for raw in names]
    strange = [raw for raw, text in zip(names, texts, strict=True) if text is None]
    encoding = _guess(_sample(strange)) if strange else ""
    return [_decode_as(encoding, raw).text if text is None else text for raw, text in zip(names, texts, strict=True)]


def likeliest_encoding(lines: Sequence[bytes]) -> str:
    """The encoding in which lines that are not ASCII, and not UTF-8, read best."""
    return _guess(_sample(lines))


def is_usable(name: str) -> bool:
    """Whether a name is one: not empty, not only white space, and not what every folder calls itself."""
    return bool(name.strip()) and name not in (".", "..")


def make_visible(text: str) -> str:
    """The text with everything shown that could hide or deceive: `␛` for a control, `⟨U+202E⟩` for the rest."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_mark, text))


def shown(text: str) -> str:
    """A name for a line of output: made visible and, when absurdly long, cut with `…`."""
    return make_visible(text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…")


def is_hidden(char: str) -> bool:
    """Whether a character is a control, a format or bidi character, a zero-width one, or not a character at all."""
    return unicodedata.category(char) in _HIDDEN_CATEGORIES or char in _INVISIBLE


_NO_BREAK_SPACE = "\xa0"
_CYRILLIC = frozenset(map(chr, range(0x410, 0x450))) | set("Ёё")
_HIDDEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def _mark(char: str) -> str:
    if not is_hidden(char):
        return char
    return _CONTROL_PICTURES.get(ord(char)) or f"⟨U+{ord(char):04X}⟩"


def _as(encoding: str, raw: bytes) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _sample(names: Sequence[bytes]) -> Sequence[bytes]:
    """The first of these names, as many as are judged."""
    size = 0
    for count, raw in enumerate(names, 1):
        size += len(raw)
        if size >= _JUDGED_CHARS:
            return names[:count]
    return names


def _guess(names: Sequence[bytes]) -> str:
    """The encoding in which these names read best; some of them may be cut in the middle of a letter."""
    candidates = []
    for encoding in _GUESSES:
        readable = [text for raw in names if (text := _as(encoding, raw)) is not None]
        if readable:
            strange = _strangeness("\n".join(readable)[:_JUDGED_CHARS], encoding)
            candidates.append((strange + _UNREADABLE * (1 - len(readable) / len(names)), encoding))
    return min(candidates, key=lambda candidate: candidate[0])[1] if candidates else _READS_ANYTHING


def _decode_as(encoding: str, raw: bytes) -> DecodedName:
    """By a guess that was made of other names too: what it does not fit is read in the first encoding that it fits."""
    for each in (encoding, *_GUESSES):
        text = _as(each, raw)
        if text is not None:
            return DecodedName(text, each, guessed=True)
    return DecodedName(raw.decode(_READS_ANYTHING), _READS_ANYTHING, guessed=True)


def _strangeness(text: str, encoding: str) -> float:
    """How unlikely it is that somebody named a file like this; a wrong encoding shows rare or mixed letters."""
    strange = 0.0
    counted = 0
    for at, char in enumerate(text):
        if not char.isascii():
            beside = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
            neighbours = sum(c.isascii() and c.isalpha() for c in beside)
            strange += _letter_strangeness(char, encoding, neighbours, is_alone=beside.isascii())
            counted += 1
    # The same bytes give half as many characters in a two-byte encoding, so what counts is the mean.
    return strange / counted if counted else 0.0


def _letter_strangeness(char: str, encoding: str, ascii_neighbours: int, *, is_alone: bool) -> float:
    """One letter's part. A letter of one alphabet in the midst of another's word speaks against the encoding."""
    code = ord(char)
    if is_hidden(char) or 0xE000 <= code <= 0xF8FF:
        return 10.0
    if encoding in ("gb18030", "big5"):
        # The first level of both standards holds what names are written with.
        return 0.5 if _is_common_hanzi(char, encoding) else 3.0
    if encoding == "shift_jis":
        # Half-width katakana are what GBK text looks like when it is read as Shift-JIS.
        if 0x3040 <= code <= 0x30FF:
            return 0.2
        # A single one beside a Latin letter is what an accented letter and the one after it look like.
        is_glued = 0xFF61 <= code <= 0xFF9F or ascii_neighbours == 2
        return 4.0 if is_glued else 1.6 if ascii_neighbours and is_alone else 0.9
    if encoding == "cp1251":
        return 0.6 if char in _CYRILLIC and not ascii_neighbours else 3.0
    return (1.0 if ascii_neighbours else 2.0) if char.isalpha() else 1.0 if char == _NO_BREAK_SPACE else 3.0


def _is_common_hanzi(char: str, encoding: str) -> bool:
    try:
        raw = char.encode(encoding)
    except UnicodeEncodeError:
        return False
    if len(raw) != 2:
        return False
    if encoding == "gb18030":
        return (0xB0 <= raw[0] <= 0xD7 or 0xA1 <= raw[0] <= 0xA3) and raw[1] >= 0xA1
    return 0xA4 <= raw[0] <= 0xC6 or raw[0] == 0xA1
