"""What stands in the text of a note: its magnets, those that may be asked for or lack their names, and what
truename has changed in it meanwhile. Pure.
"""

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from truename.differences import differing
from truename.errors import InvalidInput
from truename.magnet import MAX_TRACKERS, HashPair, InfoHash, Magnet, MagnetSpan, find_magnets, lacks, rename_alike
from truename.own_names import OwnNames, changed_names, keys_of

MAX_CHARS = 16 << 20
"""What a note may grow to by its names, three times what may be saved: a backup of it can still be restored."""

_NONE_OWN = OwnNames()


class Candidate(NamedTuple):
    """A magnet of a text that is to be asked for, or why it cannot be: the code of an `InvalidInput`."""

    info_hash: InfoHash | None
    magnet: Magnet | None = None
    problem: str | None = None


def magnets_of(text: str, *, among: Container[str] | None = None) -> list[Magnet]:
    """The magnets of a text that can be asked for, one for each hash, with the sources of all that carry it.

    Where they are to be `among` certain hashes, those that plainly are not are passed over.
    """
    found: dict[str, Magnet] = {}
    for span in find_magnets(text, among=among):
        with suppress(InvalidInput):
            magnet = Magnet.of(span)
            other = found.get(magnet.info_hash)
            found[magnet.info_hash] = magnet if other is None else other.joined(magnet)
    return list(found.values())


def candidate_of(span: MagnetSpan) -> Candidate:
    """A magnet of a text, as far as it can be asked for."""
    try:
        return Candidate(span.info_hash, Magnet.of(span))
    except InvalidInput as error:
        return Candidate(span.info_hash, problem=error.code)


def may_be_asked(span: MagnetSpan) -> bool:
    """Whether a magnet of a text can be asked for. Only a long one is read for that: no other has too many trackers."""
    if len(span.text) <= MAX_TRACKERS * len("&tr=x"):
        return span.problem is None
    return problem_of(span) is None


def problem_of(span: MagnetSpan) -> str | None:
    """Why a magnet of a text cannot be asked for: the code of an `InvalidInput`, or None."""
    return candidate_of(span).problem


def not_own(texts: Iterable[tuple[int, str]], own: Mapping[int, OwnNames]) -> list[MagnetSpan]:
    """The magnets of notes, given as (id, text), whose names are not the person's own."""
    found: list[MagnetSpan] = []
    for note_id, text in texts:
        every = own.get(note_id, _NONE_OWN).every
        found += (span for span in find_magnets(text) if every.isdisjoint(keys_of(span)))
    return found


class Lacking:
    """Magnets that lack their names, be they known or not, and can be asked for: each once, with the sources of all
    that carry it. Kept are at most twice `most` of those that are to be asked for first; of the others the hash.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[str, tuple[float, int, Magnet]] = {}  # when it was asked for, and in which place it came
        self._more: set[str] = set()

    def add(self, spans: Iterable[MagnetSpan], named: Mapping[str, str], asked: Mapping[str, float]) -> None:
        """Add those of a text. `named`: names by hash; `asked`: when a hash was asked for, if it was."""
        for span in spans:
            one = span.info_hash
            if one is None or (one in named and not lacks(span, named[one])) or not may_be_asked(span):
                continue
            if one in self._found:
                at, place, magnet = self._found[one]
                self._found[one] = at, place, magnet.joined(Magnet.of(span))
            elif one not in self._more:
                self._found[one] = asked.get(one, -math.inf), len(self._found) + len(self._more), Magnet.of(span)
                if len(self._found) > 2 * self._most:
                    self._leave_the_last()

    def first(self) -> tuple[Sequence[Magnet], int]:
        """As many as there may be, those that were not asked for before those that were, and how many are left."""
        self._leave_the_last()
        return [magnet for _, _, magnet in self._found.values()], len(self._more)

    def _leave_the_last(self) -> None:
        in_turn = sorted(self._found, key=lambda one: self._found[one][:2])
        self._more.update(in_turn[self._most :])
        self._found = {one: self._found[one] for one in in_turn[: self._most]}


def caught_up(base: str, mine: str, now: str) -> str:
    """What a person wrote from `base`, with the names that `now` has instead, where the person left them alone.

    Otherwise, saved over `now`, a name that had come meanwhile would go, and the old one would count as the person's.
    """
    before, after = _dns(base), _dns(now)
    named = {span.hash_pair: span.display_name for span in find_magnets(now)}
    changed = {
        one: name
        for one, name in named.items()
        if name is not None and one in before and before[one] != after[one] and len(after[one]) == 1
    }
    return rename_alike(mine, changed, changed_names(base, mine), most_chars=room_in(base, mine, now))


def room_in(base: str, mine: str, now: str) -> int:
    """How long a text may become by names that have come into the note since: as much longer as the note has."""
    return max(MAX_CHARS, len(mine) + max(0, len(now) - len(base)))


def renames_between(base: str, renamed: str) -> dict[HashPair, str] | None:
    """The names that truename wrote from one text to the next, which differ in nothing else, by all that their magnets
    carry: by which of two hashes a name came is not seen, and the other one may be a stranger's word.

    None: they differ in more, as only a forged history has it.
    """
    changed: dict[HashPair, str] = {}
    here, there = differing(base, renamed)
    olds, news = list(find_magnets(here)), list(find_magnets(there))
    if len(olds) != len(news):
        return None
    for old, new in zip(olds, news, strict=True):
        if old.text != new.text and new.info_hash is not None and new.display_name is not None:
            changed[new.hash_pair] = new.display_name
    return changed


def _dns(text: str) -> dict[HashPair, Counter[str | None]]:
    found: dict[HashPair, Counter[str | None]] = {}
    for span in find_magnets(text):
        found.setdefault(span.hash_pair, Counter())[span.written_dn] += 1
    return found
