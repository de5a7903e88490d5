"""Where the magnets of a text stand, and what stands in each of them. Pure; changes nothing.

Source: BEP 9 (the magnet scheme), BEP 52 (`btmh`), and what people really paste.
The scanner is linear in the length of the text, whatever the text is: a character is looked at once on the way to the
next `magnet:?`, and a fixed number of times inside the one magnet it belongs to. Nothing here is a regular expression.
"""

from collections.abc import Container, Iterator
from string import hexdigits
from typing import NamedTuple

from truename.dn import decode_dn, unescaped
from truename.infohash import InfoHash

MAX_MAGNET_CHARS = 32 * 1024

SCHEME = "magnet:?"
_SHORTEST_XT = len("urn:btih:") + 32
_SHORTEST = len("magnet:?xt=") + _SHORTEST_XT
_LONGEST_XT = len("urn:btmh:1220") + 64
_MOSTLY = "xt=urn:btih:"

# What ends a magnet on its own, apart from white space; a closing bracket does so only when it is unbalanced.
_QUOTES = '<>"`|'
# And the second of these where the first stands directly before it; in those code pages, too.
_PAIRS = ("''", "\u00ab\u00bb", "\u00bb\u00ab", "\u201e\u201c", "\u201a\u2018", "\u2039\u203a", "\u203a\u2039")
_WINDOWS_PAIRS = [pair.encode("cp1252").decode("ascii", "surrogateescape") for pair in _PAIRS]
_PARTNERS = {pair[0]: pair[1] for pair in (*_PAIRS, *_WINDOWS_PAIRS)}
_ATTRIBUTE_QUOTES = ('"', "'")
_CJK_CLOSING = "）］｝】」』》〉〕〗〙〛〞〟｠｣”’︶︸︺︼︾﹀﹂﹄﹈﹚﹜﹞、。，．；：！？｡､﹐﹑﹒﹔﹕﹖﹗"
_CONTROL = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
# In a file that is no UTF-8, the bytes that are a closing quote or a space in all code pages of Windows, 1250 to 1258.
_WINDOWS_CLOSING = b"\x92\x94\xa0".decode("ascii", "surrogateescape")
_ENDS_A_MAGNET = frozenset((*_QUOTES, *_CJK_CLOSING, *_CONTROL, *_WINDOWS_CLOSING))
# And so does a closing tag of a forum, which no file name can be, wherever it stands; and what begins its list's items.
_TAG, _ITEM = "[/", "[*]"
# What nobody sees behind an info-hash: marks of zero width and of direction.
INVISIBLE = "".join(map(chr, [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF]))
# Of escapes in JSON and in programs, those of what ends a magnet anyway, and of the backslash itself.
_ESCAPED_ENDS = "nrtbf\"'\\"
_APOSTROPHE = "\\u0027"
_LONGEST_ESCAPE = len(_APOSTROPHE)
_JSON_IN_JSON = "\\\\u0026"
_BETWEEN_MAGNETS = ",;'"
_LONGEST_ENTITY = 10
_KEYS = ("xt", "dn", "tr", "xl", "ws", "xs", "as", "kt", "mt", "so", "x.pe", "dht")
# Parts without `=` that end the value before them instead of lengthening it, also in front of an escaped ampersand.
_ENDS_A_VALUE = frozenset(key + "\0" * rest for key in ("", *_KEYS) for rest in (0, *range(4, 15)))
# So do quotes and angle brackets of a page that was escaped as a whole, as in a feed: no name, but its markup.
# Two loops ask for both and have it written out: a call for each part would cost as much as all the rest.
_ESCAPED_MARKUP = (
    *(
        "lt;",
        "gt;",
        "quot;",
        "apos;",
        "nbsp;",
        "#34;",
        "#39;",
        "#60;",
        "#62;",
        "#160;",
        "#034;",
        "#039;",
        "#060;",
        "#062;",
    ),
    *("#x22;", "#x27;", "#x3c;", "#x3e;", "#xa0;", "#x0022;", "#x0027;", "#x003c;", "#x003e;", "#x00a0;"),
)
_ESCAPED_AMPERSANDS = ("&amp;", "&#38;", "&#038;", "&#0038;", "&#x26;", "&#x026;", "&#x0026;", "\\\\u0026", "\\u0026")
_ONLY_BRACKETS = {code: None for code in range(128) if chr(code) not in "()[]"}
_LONG = 64  # characters, from which on it pays to look at the brackets alone
_MAX_ESCAPES = 2


HashPair = tuple[InfoHash | None, InfoHash | None]
"""The info-hash by which a magnet goes, and the second one that it says, if any."""


class MagnetSpan(NamedTuple):
    """Where one magnet stands in a text, and where its `dn` is or would go. Offsets are code points.

    `start` and `end` count from the beginning of the text, `dn_start` and `dn_end` from `start`. What is to stand
    between those two is a value with `dn_before` and `dn_after` around it; both are empty when there is a `dn` already.
    `problem` is None, or why this magnet cannot be asked for: the code of an `InvalidInput`. `beyond`: where the magnet
    stands in quotes and ends with its `dn`, what follows up to the closing one, which a browser takes for a part of it.
    """

    start: int
    end: int
    text: str
    info_hash: InfoHash | None = None
    info_hash_v2: InfoHash | None = None
    dn_start: int = 0
    dn_end: int = 0
    dn_before: str = ""
    dn_after: str = ""
    problem: str | None = None
    beyond: str = ""

    @property
    def hash_pair(self) -> HashPair:
        """All that it carries."""
        return self.info_hash, self.info_hash_v2

    @property
    def has_dn(self) -> bool:
        """Whether there is a `dn`, be it empty."""
        return self.dn_start > 0 and not self.dn_before

    @property
    def written_dn(self) -> str | None:
        """The `dn` as it stands in the text, or None when the magnet has none."""
        return self.text[self.dn_start : self.dn_end] if self.has_dn else None

    @property
    def display_name(self) -> str | None:
        """The decoded `dn`, or None when the magnet has none."""
        return decode_dn(_without_escapes(self.text[self.dn_start : self.dn_end])) if self.has_dn else None


def find_magnets(text: str, *, broken: bool = False, among: Container[str] | None = None) -> Iterator[MagnetSpan]:
    """Find the magnets of a text, in order.

    Input:  `among`: only those that have one of these hashes are wanted; most others, but not all, are left out, which
            is faster.
    Output: spans that never overlap. Those without a usable info-hash (or over `MAX_MAGNET_CHARS`) are left out, or,
            with `broken`, yielded with their `problem`; of one that is too large only the beginning.
    Source: the contract's word "magnet": white space, control characters, quotes and closing CJK punctuation end it,
            and so does a closing tag of a forum (`[/code]`), an unbalanced bracket or the next `magnet:?`. So do the
            same characters as an escape of JSON (`\\n`, `\\"`), and an apostrophe or a quote of another language
            (`»`, `“`, `‘`, `›`) where its partner stands before the magnet.
    """
    start = _next_scheme(text, 0)
    while start >= 0:
        following = _next_scheme(text, start + len(SCHEME))
        limit = following if following >= 0 else len(text)
        if limit - start > MAX_MAGNET_CHARS:
            limit = start + MAX_MAGNET_CHARS + _LONGEST_ESCAPE
        if among is not None and _is_plainly_none_of(among, text, start + len(SCHEME), limit):
            start = following
            continue
        if limit - start >= _SHORTEST or broken:
            word = _until_an_end(text[start:limit])
            if len(word) == following - start:
                word = _without_separator(word)
            partner = _PARTNERS.get(text[start - 1 : start])
            if partner is not None and partner in word:
                word = word.split(partner, 1)[0]
            if _APOSTROPHE in word and text[max(0, start - len(_APOSTROPHE)) : start] == _APOSTROPHE:
                word = word.split(_APOSTROPHE, 1)[0]
            word = _until_a_tag(word)
            span = _read(start, _until_an_escape(word) if "\\" in word else word)
            if span.dn_end == len(span.text) and text[start - 1 : start] in _ATTRIBUTE_QUOTES:
                beyond = _in_quotes(text, start + len(span.text), limit, text[start - 1])
                span = span._replace(beyond=beyond) if beyond else span
            if span.problem is None or (broken and len(span.text) > len(SCHEME)):
                yield span
        start = following


def _is_plainly_none_of(hashes: Container[str], text: str, start: int, limit: int) -> bool:
    """Whether what follows a scheme begins with a hexadecimal v1 hash that is none of these, and names no second one.

    The whole reading of a magnet takes four times as long.
    """
    if not text.startswith(_MOSTLY, start):
        return False
    magnet = text[start + len(_MOSTLY) : limit].lower()
    found = magnet[:40]
    is_whole = len(found) == 40 and found.isascii() and found.isalnum()
    return is_whole and found not in hashes and "xt" not in magnet


def _next_scheme(text: str, start: int) -> int:
    """Where the next `magnet:?` begins, in any case, or -1.

    Looks only at the places where `:?` stands; the next right one is a scheme's length behind a wrong one, or more.
    """
    at = text.find(":?", start)
    while at >= 0:
        if text[at - 1] in "tT" and text[at - 6 : at].lower() == "magnet":
            return at - 6
        at = text.find(":?", at + len(SCHEME))
    return -1


def _until_an_end(text: str) -> str:
    """The beginning of a text, up to the first character that ends every magnet."""
    word = text.split(None, 1)[0]
    if word.isascii() and word.isprintable():
        for quote in _QUOTES:
            if quote in word:
                word = word.split(quote, 1)[0]
        return word
    for at, char in enumerate(word):
        if char in _ENDS_A_MAGNET:
            return word[:at]
    return word


def _in_quotes(text: str, start: int, limit: int, quote: str) -> str:
    """What stands up to the closing quote, if there is one."""
    end = text.find(quote, start, limit)
    return text[start:end] if end >= 0 else ""


def _without_separator(word: str) -> str:
    """A word without what separates its magnet from the next one. The semicolon of an entity (`&nbsp;`) is no such."""
    end = len(word)
    while end:
        if word.endswith(_APOSTROPHE, 0, end):
            end -= len(_APOSTROPHE)
            continue
        if word[end - 1] not in _BETWEEN_MAGNETS:
            break
        entity = word.rfind("&", max(0, end - _LONGEST_ENTITY), end)
        if word[end - 1] == ";" and entity >= 0 and word[entity + 1 : end - 1].lstrip("#").isalnum():
            break
        end -= 1
    return word[:end]


def _until_an_escape(word: str) -> str:
    """The beginning of a word, up to what means an end of every magnet to whoever reads escapes. It may end in one."""
    at = word.find("\\")
    while at >= 0:
        escaped = word[at + 1 : at + 2]
        if word.startswith(_JSON_IN_JSON, at):
            at = word.find("\\", at + len(_JSON_IN_JSON))
            continue
        if not escaped or escaped in _ESCAPED_ENDS:
            return word[:at]
        code = word[at + 2 : at + 6]
        if escaped == "u" and len(code) == 4 and not code.strip(hexdigits):
            char = chr(int(code, 16))
            if char in _ENDS_A_MAGNET or char.isspace():
                return word[:at]
        at = word.find("\\", at + 1)
    return word


def _ends_a_hash(rest: str) -> bool:
    """Whether an info-hash is whole with this behind it: nothing, punctuation, a letter of another script.

    A lone backslash may be half of an escape.
    """
    return rest != "\\" and not (rest[:1].isascii() and (rest[:1].isalnum() or rest[:1] == "%"))


def _until_a_tag(word: str) -> str:
    """The beginning of a word, up to what a forum reads as the end of something."""
    if _ITEM in word:
        word = word.split(_ITEM, 1)[0]
    if _TAG not in word:
        return word
    before, *tags = word.split(_TAG)
    end = len(before)
    for tag in tags:
        name = tag[: tag.find("]")] if "]" in tag else ""
        if name.isalpha() and name.isascii():
            return word[:end]
        end += len(_TAG) + len(tag)
    return word


def _read(start: int, magnet: str) -> MagnetSpan:
    """Read what begins as a magnet at `start`; a bracket, or punctuation after a hash, may end it earlier."""
    plain = _plain(magnet)
    if ")" in magnet or "]" in magnet:
        end = _balanced_length(plain)
        if end < len(plain) and plain[end - 1] == "\\":  # it belongs to the bracket
            end -= 1
        magnet, plain = magnet[:end], plain[:end]
    v1, v2, first_xt, end = _read_hashes(magnet, plain)
    has_tail = end < len(magnet)
    if has_tail:
        magnet, plain = magnet[:end], plain[:end]
    if end > MAX_MAGNET_CHARS:
        return MagnetSpan(start, start + end, magnet, problem="magnet_too_large")
    if v1 is None and v2 is None:
        problem = "missing_info_hash" if first_xt < 0 else "invalid_info_hash"
        return MagnetSpan(start, start + end, magnet, problem=problem)
    dn_start, dn_end, before, after = _place_of_dn(magnet, plain, first_xt, has_tail=has_tail)
    return MagnetSpan(start, start + end, magnet, v1 or v2, v2 if v1 else None, dn_start, dn_end, before, after)


def _plain(magnet: str) -> str:
    """The magnet, at the same offsets, in a form in which every parameter begins behind a bare `&` in lower case.

    The `?` becomes an `&`, and so does the last character of an escaped one; NULs, which no magnet has, stand for the
    rest of it, at the end of the value before.
    """
    plain = magnet.lower()
    if len(plain) != len(magnet):  # U+0130 is the only character that becomes two
        plain = magnet.replace("\u0130", "\u0131").lower()
    if ";" in plain or "\\" in plain:
        for _ in range(_MAX_ESCAPES):
            for escaped in _ESCAPED_AMPERSANDS:
                plain = plain.replace(escaped, "&".rjust(len(escaped), "\0"))
    return f"{SCHEME[:-1]}&{plain[len(SCHEME) :]}"


def _without_escapes(value: str) -> str:
    """A value with its escaped ampersands as bare ones."""
    if ";" not in value and "\\" not in value:
        return value
    plain = _plain(SCHEME + value)[len(SCHEME) :]
    return "".join("&" if mark == "&" else char for char, mark in zip(value, plain, strict=True) if mark != "\0")


def _balanced_length(plain: str) -> int:
    """Where the first closing bracket stands that nothing in the same value opened, else the length.

    A bracket opened in another value does not count: a `dn` that is rewritten later must not move the magnet's end.
    """
    begin = at = 0
    for part in plain.split("&"):
        if part in _ENDS_A_VALUE or "=" in part or (";" in part and part.startswith(_ESCAPED_MARKUP)):
            unbalanced = _unbalanced(plain[begin:at])
            if unbalanced >= 0:
                return begin + unbalanced
            begin = at
        at += len(part) + 1
    unbalanced = _unbalanced(plain[begin:])
    return begin + unbalanced if unbalanced >= 0 else len(plain)


def _unbalanced(value: str) -> int:
    """Where the first closing bracket of a value stands that nothing before it opened, or -1."""
    if ")" not in value and "]" not in value:
        return -1
    brackets = value.translate(_ONLY_BRACKETS) if len(value) > _LONG else value
    rounds = squares = seen = 0
    for char in brackets:
        seen += 1
        if char == "[":
            squares += 1
        elif char == "(":
            rounds += 1
        elif char == "]":
            if not squares:
                break
            squares -= 1
        elif char == ")":
            if not rounds:
                break
            rounds -= 1
    else:
        return -1
    return seen - 1 if brackets is value else _last_of(brackets[:seen], value)


def _last_of(brackets: str, value: str) -> int:
    """Where the last one of the first brackets of a value stands."""
    at = -1
    for bracket in brackets:
        at = value.find(bracket, at + 1)
    return at


def _read_hashes(magnet: str, plain: str) -> tuple[InfoHash | None, InfoHash | None, int, int]:
    """The first v1 and v2 hash of all `xt` and `xt.1`, where the first is (its `&`, or -1), where the magnet ends."""
    v1 = v2 = None
    first_xt = -1
    at = plain.find("&xt")
    while at >= 0:
        following = plain.find("&", at + 3)
        end = following if following >= 0 else len(plain)
        equals = plain.find("=", at + 3, end)
        if equals > 0 and (equals == at + 3 or (plain[at + 3] == "." and plain[at + 4 : equals].isdecimal())):
            if first_xt < 0:
                first_xt = at
            if end - equals > _SHORTEST_XT:
                value = magnet[equals + 1 : end]
                if plain[end - 1] == "\0":
                    value = value[: len(plain[equals + 1 : end].rstrip("\0"))]
                found, length = _read_xt(value)
                if found is not None and len(found) == 64:
                    v2 = v2 or found
                else:
                    v1 = v1 or found
                goes_on = following >= 0 and not value[length:].strip(INVISIBLE)
                if 0 < length < len(value) and not goes_on:
                    return v1, v2, first_xt, equals + 1 + length
        at = plain.find("&xt", end)
    return v1, v2, first_xt, len(magnet)


def _read_xt(value: str) -> tuple[InfoHash | None, int]:
    """The info-hash at the beginning of an `xt` value, if nothing but punctuation is behind it, and its length."""
    if "%" in value:
        return _read_escaped_xt(value)
    urn = value[:9].lower()
    if urn == "urn:btih:":
        length = 49
        found = InfoHash.hexadecimal(value[9:49], 40)
        if found is None:
            length = 41
            found = InfoHash.base32(value[9:41])
    elif urn == "urn:btmh:" and value[9:13] == "1220":
        length = _LONGEST_XT
        found = InfoHash.hexadecimal(value[13:length], 64)
    else:
        return None, 0
    return (found, length) if found is not None and _ends_a_hash(value[length : length + 6]) else (None, 0)


def _read_escaped_xt(value: str) -> tuple[InfoHash | None, int]:
    """As `_read_xt`, for a value with percent signs in it, all of which have to be escapes as far as the hash goes."""
    if len(value) - 2 * value.count("%") < _SHORTEST_XT:
        return None, 0
    plain = unescaped(value[: 3 * _LONGEST_XT].encode("ascii", "replace")).decode("latin-1").partition("%")[0]
    found, length = _read_xt(plain)
    escape = value.find("%")
    while found is not None and 0 <= escape < length:
        length += 2
        escape = value.find("%", escape + 3)
    return (found, length) if found is not None and _ends_a_hash(value[length : length + 6]) else (None, 0)


def _end_of_value(plain: str, start: int) -> int:
    """Where the value ends that begins at `start`.

    A part without `=` is an unescaped `&` inside a name and belongs to the value, unless it is empty or a known key. A
    `dn` is inserted behind such parts for the same reason: before them, it would swallow them when it is read again.
    """
    end = plain.find("&", start)
    if end < 0:
        return len(plain)
    equals = plain.find("=", end)
    stop = plain.rfind("&", end, equals) if equals >= 0 else len(plain)
    for part in plain[end + 1 : stop].split("&"):
        if part in _ENDS_A_VALUE or (";" in part and part.startswith(_ESCAPED_MARKUP)):
            break
        end += 1 + len(part)
    return len(plain[:end].rstrip("\0"))


def _place_of_dn(magnet: str, plain: str, first_xt: int, *, has_tail: bool) -> tuple[int, int, str, str]:
    """Where the value of the first `dn` begins and ends, or where one would go and what comes before and after it."""
    dn = plain.find("&dn=")
    if dn >= 0:
        begin = dn + len("&dn=")
        return begin, _end_of_value(plain, begin), "", ""
    end_of_xt = len(plain)
    separator = "&"
    if plain.find("&", len(SCHEME)) >= 0:
        end_of_xt = _end_of_value(plain, first_xt + len("&xt"))
        separator = _separator(magnet, plain)
    if has_tail and end_of_xt == len(plain):
        # Behind the hash, the name would grow into the punctuation that follows; in front of it, it cannot.
        return first_xt + 1, first_xt + 1, "dn=", separator
    if separator[0] == magnet[end_of_xt - 1]:
        separator = "&"  # two backslashes would escape one another
    return end_of_xt, end_of_xt, separator + "dn=", ""


def _separator(magnet: str, plain: str) -> str:
    """`&`, or its escaped form where the magnet is written that way."""
    first = plain.find("&", len(SCHEME))
    if first < 0:
        return "&"
    if plain.startswith(_ESCAPED_MARKUP, first + 1):
        return "&amp;"
    return magnet[len(plain[:first].rstrip("\0")) : first + 1]


def parameters(magnet: str) -> Iterator[tuple[str, str]]:
    """Lower-case key and raw value of every parameter that has a value."""
    begin = len(SCHEME)
    for part in _plain(magnet)[begin:].split("&"):
        key, equals, value = part.rstrip("\0").partition("=")
        if equals:
            value_at = begin + len(key) + 1
            yield key, magnet[value_at : value_at + len(value)]
        begin += len(part) + 1
