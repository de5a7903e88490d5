"""Magnets: what to ask for, and how a text gets the true names. Pure; knows nothing of networks or files.

A text is never rebuilt from parsed parts: a magnet is a span (`scanner.py`), and a rename replaces the characters of
one value in it.
"""

import html
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from itertools import islice, zip_longest
from math import inf
from typing import NamedTuple, Self, TypeVar
from urllib.parse import unquote

from truename.dn import decode_dn, encode_dn, encoded_chars, reads_as
from truename.errors import InvalidInput
from truename.infohash import InfoHash
from truename.scanner import MAX_MAGNET_CHARS, SCHEME, HashPair, MagnetSpan, find_magnets, parameters

__all__ = [
    "MAX_MAGNET_CHARS",
    "MAX_SOURCE_BYTES",
    "MAX_TRACKERS",
    "HashPair",
    "InfoHash",
    "Magnet",
    "MagnetSpan",
    "Replacement",
    "bears",
    "decode_dn",
    "encode_dn",
    "find_magnets",
    "in_turns",
    "lacks",
    "rename",
    "rename_alike",
    "renaming",
    "replaced",
    "second_hash",
    "unwritable",
    "within_bounds",
]

_chars_of = lru_cache(32)(encoded_chars)  # a name may be long, and known for thousands of magnets
_BEHIND_A_NAME = ("", "&", "\\")  # the closing quote, the next parameter, or a quote that is escaped

MAX_TRACKERS = 500
MAX_SOURCE_BYTES = 2048
"""A longer tracker or peer is nobody's, and many of them joined would fill memory, the database and its backups."""

Hash = TypeVar("Hash", InfoHash | None, str | None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Magnet:
    """What to ask for and whom to ask.

    `info_hash` is the v1 hash where there is one; a hybrid has `info_hash_v2` beside it. `trackers` and `peers` are the
    magnet's own words, unchecked and hostile but for their length: whoever connects decides which of them are allowed.
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
        Errors: `InvalidInput` with code `missing_info_hash`, `invalid_info_hash` (or there are two magnets) or
                `magnet_too_large`.
        """
        text = text.strip()
        if text[: len(SCHEME)].lower() != SCHEME:
            return cls(info_hash=InfoHash.parse(text))
        spans = find_magnets(text, broken=True)
        span = next(spans, None)
        if span is None:
            raise InvalidInput("missing_info_hash")
        hashes = _hashes_of(span)
        for others in map(_hashes_of, spans if hashes else ()):
            if others and hashes.isdisjoint(others):
                raise InvalidInput("invalid_info_hash")
            hashes |= others
        return cls.of(span)

    @classmethod
    def of(cls, span: MagnetSpan) -> Self:
        """Read trackers and peers of a span. Errors: `InvalidInput` with its problem, or for too many trackers."""
        if span.info_hash is None:
            raise InvalidInput(span.problem or "invalid_info_hash")
        fields = [(key, value) for key, value in parameters(span.text) if value]
        trackers = _values(fields, "tr")
        if len(trackers) > MAX_TRACKERS:
            raise InvalidInput("magnet_too_large")
        return cls(
            info_hash=span.info_hash,
            info_hash_v2=span.info_hash_v2,
            display_name=span.display_name,
            trackers=within_bounds(trackers),
            peers=within_bounds(_values(fields, "x.pe")),
        )

    def joined(self, other: "Magnet") -> "Magnet":
        """This magnet with the other's trackers and peers too, not more of each than one magnet may have."""
        return replace(
            self,
            trackers=tuple(dict.fromkeys((*self.trackers, *other.trackers)))[:MAX_TRACKERS],
            peers=tuple(dict.fromkeys((*self.peers, *other.peers)))[:MAX_TRACKERS],
        )

    def joined_by(self, other: "Magnet", *, is_asked: bool = True) -> "Magnet":
        """The same hash asked for by somebody else too, whose trackers and peers take turns with these.

        Input:  `is_asked`: what this one says is being asked for already.
        Output: itself when the other knows nothing new.
        """
        second = second_hash(self.info_hash_v2, other.info_hash_v2, is_asked=is_asked)
        knows_all = set(other.trackers) <= set(self.trackers) and set(other.peers) <= set(self.peers)
        if knows_all and second == self.info_hash_v2:
            return self
        return replace(
            self,
            info_hash_v2=second,
            trackers=in_turns(self.trackers, other.trackers),
            peers=in_turns(self.peers, other.peers),
        )

    @property
    def hashes(self) -> tuple[InfoHash, ...]:
        """Every hash it carries, the canonical one first."""
        return (self.info_hash,) if self.info_hash_v2 is None else (self.info_hash, self.info_hash_v2)


def second_hash(ours: Hash, theirs: Hash, *, is_asked: bool) -> Hash:
    """Which of two second hashes is one more way to find a torrent: a new one, once ours is being asked for."""
    return (theirs or ours) if is_asked else (ours or theirs)


def _hashes_of(span: MagnetSpan) -> set[InfoHash]:
    return {one for one in (span.info_hash, span.info_hash_v2) if one is not None}


def in_turns(*several: Iterable[str]) -> tuple[str, ...]:
    """Trackers or peers of several people, each once, and no more than one magnet may have: so none is crowded out."""
    turns = (one for turn in zip_longest(*several) for one in turn if one is not None)
    return tuple(islice(dict.fromkeys(turns), MAX_TRACKERS))


class Replacement(NamedTuple):
    """What is to stand between two places of a text, given in code points."""

    start: int
    end: int
    text: str


class _Change(NamedTuple):
    """The same before it is made: a name may be long, and stand in more magnets than there is room for."""

    start: int
    end: int
    name: str
    before: str
    after: str
    chars: int

    @property
    def growth(self) -> int:
        """By how much the text becomes longer."""
        return self.chars - (self.end - self.start)


def rename(
    text: str,
    names: Mapping[str, str],
    keep: Container[tuple[str, str | None]] = frozenset(),
    *,
    most_chars: float = inf,
) -> str:
    """Write true names into the magnets of a text: see `renaming`."""
    return replaced(text, renaming(text, names, keep, most_chars=most_chars))


def renaming(
    text: str,
    names: Mapping[str, str],
    keep: Container[tuple[str, str | None]] = frozenset(),
    *,
    most_chars: float = inf,
) -> list[Replacement]:
    """What is to be replaced in a text so that its magnets bear their true names, in the order of the text.

    Input:  `names` maps canonical info-hashes to true names; magnets of other hashes are left alone, and so are those
            whose hash and `dn`, as it is written (None: there is none), are to be kept. Nor is any name written that
            would make the text longer than `most_chars`: a name may be long, and stand in thousands of magnets.
    Output: one `dn` changed or inserted in each of those magnets. A `dn` that already reads as the name stays as it is,
            also one that goes on behind plain spaces in quotes, so renaming twice equals renaming once; so does a
            magnet that would become too large: see `unwritable`.
    """
    return _renaming(text, partial(_name_of, names), names, keep, most_chars)


def rename_alike(
    text: str,
    names: Mapping[HashPair, str],
    keep: Container[tuple[str, str | None]] = frozenset(),
    *,
    most_chars: float,
) -> str:
    """As `rename`, with the names of magnets that carry just these hashes, and of no others that have one of them."""
    among = {one for pair in names for one in pair if one is not None}
    return replaced(text, _renaming(text, lambda span: names.get(span.hash_pair), among, keep, most_chars))


def _renaming(
    text: str,
    name_of: Callable[[MagnetSpan], str | None],
    among: Container[str],
    keep: Container[tuple[str, str | None]],
    most_chars: float,
) -> list[Replacement]:
    found: list[_Change] = []
    chars_of, made = cache(encoded_chars), cache(_made)
    for span in find_magnets(text, among=among):
        name = name_of(span)
        if name is None or _reads_as(span, name) or _is_kept(span, keep):
            continue
        chars = len(span.dn_before) + chars_of(name) + len(span.dn_after)
        if _fits(span, chars):
            start, end = span.start + span.dn_start, span.start + span.dn_end
            found.append(_Change(start, end, name, span.dn_before, span.dn_after, chars))
    if len(text) + sum(one.growth for one in found) > most_chars:
        found = _within(most_chars - len(text), found)
    return [Replacement(one.start, one.end, made(one.name, one.before, one.after)) for one in found]


def _within(most: float, changes: Sequence[_Change]) -> list[_Change]:
    """Those that make a text no more than so much longer: all that make it shorter, of the others the first."""
    chars = sum(min(0, one.growth) for one in changes)
    kept: list[_Change] = []
    for one in changes:
        more = max(0, one.growth)
        if not more or chars + more <= most:
            chars += more
            kept.append(one)
    return kept


def replaced(text: str, changes: Iterable[Replacement]) -> str:
    """The text with these changes, which are in its order, all else as it was."""
    pieces: list[str] = []
    done = 0
    for start, end, new in changes:
        pieces += (text[done:start], new)
        done = end
    return "".join((*pieces, text[done:])) if pieces else text


def unwritable(text: str, names: Mapping[str, str]) -> list[MagnetSpan]:
    """The magnets that `rename` leaves alone because with their true name they would be too large to be read again."""
    named = ((span, _name_of(names, span)) for span in find_magnets(text, among=names))
    return [
        span for span, name in named if name is not None and not _reads_as(span, name) and not _has_room(span, name)
    ]


def lacks(span: MagnetSpan, name: str) -> bool:
    """Whether `rename` would write this name into a magnet: it neither reads as it, nor would be too large with it."""
    return not _reads_as(span, name) and _has_room(span, name)


def bears(span: MagnetSpan, name: str) -> bool:
    """Whether a magnet with an info-hash reads as if it had this name, one way or the other to read it."""
    return span.display_name == name or _reads_as(span, name)


def _made(name: str, before: str, after: str) -> str:
    return f"{before}{encode_dn(name)}{after}"


def _name_of(names: Mapping[str, str], span: MagnetSpan) -> str | None:
    return names.get(span.info_hash or "") or names.get(span.info_hash_v2 or "") or None


def _reads_as(span: MagnetSpan, name: str) -> bool:
    """Whether nothing is to change at the place of the `dn`."""
    old = span.written_dn
    return old is not None and (reads_as(old, name) or (bool(span.beyond) and _goes_on(old + span.beyond, name)))


def _goes_on(quoted: str, name: str) -> bool:
    """Whether a name with plain spaces in it stands there already, as a browser reads what stands in quotes."""
    forms = (name, html.escape(name)) if " " in name else ()
    quoted = quoted.rstrip(" \t\r\n\f")
    return any(quoted.startswith(form) and quoted[len(form) : len(form) + 1] in _BEHIND_A_NAME for form in forms)


def _is_kept(span: MagnetSpan, keep: Container[tuple[str, str | None]]) -> bool:
    return any(one is not None and (one, span.written_dn) in keep for one in (span.info_hash, span.info_hash_v2))


def _has_room(span: MagnetSpan, name: str) -> bool:
    return _fits(span, len(span.dn_before) + _chars_of(name) + len(span.dn_after))


def _fits(span: MagnetSpan, chars: int) -> bool:
    return len(span.text) - (span.dn_end - span.dn_start) + chars <= MAX_MAGNET_CHARS


def within_bounds(sources: Iterable[str]) -> tuple[str, ...]:
    """Those trackers or peers that are short enough to be any."""
    return tuple(one for one in sources if len(one.encode("utf-8", "surrogatepass")) <= MAX_SOURCE_BYTES)


def _values(fields: Sequence[tuple[str, str]], wanted: str) -> tuple[str, ...]:
    """The values of a parameter, each once and in order."""
    return tuple(dict.fromkeys(unquote(value) for key, value in fields if _is_key(key, wanted)))


def _is_key(key: str, wanted: str) -> bool:
    """Whether a lower-case key is `wanted` or a numbered form of it (`tr.1`)."""
    return key == wanted or (key.startswith(wanted + ".") and key[len(wanted) + 1 :].isdecimal())
