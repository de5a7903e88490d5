"""Which names in a note are the person's own: what they typed, and what they took back. Pure.

A name is known by its hash and its `dn` as it is written, so that of several magnets of one hash only those are left
alone that bear it. Of a magnet with two hashes it is known by both, since its true name may come by either.
"""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass

from truename.differences import differing
from truename.magnet import MagnetSpan, find_magnets

Key = tuple[str, str | None]
"""A hash and a `dn` as it is written; None: the magnet has none."""


@dataclass(frozen=True, slots=True)
class OwnNames:
    """The names of one note that stay as they are.

    `undone`: a name that truename had replaced and the person has put back, which stays until they ask for it again.
    """

    typed: frozenset[Key] = frozenset()
    undone: frozenset[Key] = frozenset()

    @property
    def every(self) -> frozenset[Key]:
        """Both."""
        return self.typed | self.undone

    def after_edit(self, text: str, changed: frozenset[Key], undone: frozenset[Key]) -> "OwnNames":
        """What is the person's in a new text, in which they changed these names, some of them back.

        A magnet may have got a second hash, by which its true name may come from now on.
        """
        wanted = (self.typed - undone) | (changed - undone)
        hashes = hashes_of(wanted | self.undone | undone)
        typed: set[Key] = set()
        back: set[Key] = set()
        for span in find_magnets(text, among=hashes):
            keys = keys_of(span)
            if not wanted.isdisjoint(keys):
                typed.update(keys)
            elif not (self.undone.isdisjoint(keys) and undone.isdisjoint(keys)):
                back.update(keys)
        return OwnNames(typed=frozenset(typed), undone=frozenset(back - typed))

    def lifted(self, text: str, hashes: Container[str]) -> "OwnNames":
        """The person has asked for these hashes: what they had put back for them may be replaced again."""
        spans = find_magnets(text, among=hashes)
        asked = (span for span in spans if span.info_hash in hashes or span.info_hash_v2 in hashes)
        return OwnNames(typed=self.typed, undone=self.undone.difference(*map(keys_of, asked)))


def keys_of(span: MagnetSpan) -> list[Key]:
    """What the name of a magnet is known by."""
    return [(one, span.written_dn) for one in (span.info_hash, span.info_hash_v2) if one is not None]


def hashes_of(keys: Iterable[Key]) -> set[str]:
    """The hashes of these names."""
    return {one for one, _ in keys}


def changed_names(before: str, after: str) -> frozenset[Key]:
    """The names that a person changed from one text to the next, as they are now.

    Where nothing else has changed, each magnet is compared with what stood in its place, unless those of one hash have
    only changed places. Otherwise the magnets may have moved: then a name is changed that the hash had nowhere before.
    A magnet that is new in the text, or gone from it, has not been changed by anybody.
    """
    here, there = differing(before, after)
    olds, news = list(find_magnets(here)), list(find_magnets(there))
    if len(olds) == len(news) and _blank(here, olds) == _blank(there, news):
        moved = _only_moved(olds, news)
        changed = (new for old, new in zip(olds, news, strict=True) if old.written_dn != new.written_dn)
        return frozenset(key for new in changed for key in keys_of(new) if key[0] not in moved)
    hashes = hashes_of(key for span in (*olds, *news) for key in keys_of(span))
    had, has = _written(find_magnets(before, among=hashes)), _written(find_magnets(after, among=hashes))
    return frozenset((one, dn) for one in hashes & had.keys() & has.keys() for dn in _changed(had[one], has[one]))


def put_back(changed: Iterable[Key], base: str, earlier: Iterable[str], typed: Container[Key]) -> frozenset[Key]:
    """Which of the names that a person changed are those of before a rename, and no more in the text they changed.

    Input:  `earlier`: what the person wrote before that; `typed`: the names that were theirs, in the place of which
            nothing can be put back.
    """
    changed = list(changed)
    hashes = hashes_of(changed)
    now = {one: set(dns) for one, dns in _written(find_magnets(base, among=hashes)).items()}
    theirs = {one for one, dns in now.items() if any((one, dn) in typed for dn in dns)}
    had = {key for text in earlier for span in find_magnets(text, among=hashes) for key in keys_of(span)}
    return frozenset(
        (one, dn) for one, dn in changed if (one, dn) in had and one not in theirs and dn not in now.get(one, ())
    )


def _changed(old: list[str | None], new: list[str | None]) -> set[str | None]:
    """Of one hash: the names that are none of its old ones.

    A name that stands there more often than before was given to one more of them.
    Where there are more magnets than before, some were put in: copies of what is there, and those that do not stand in
    the place of an old one, if no old name has gone. One without a name was put in as well, if the others make up for
    those that have gone.
    """
    gone = Counter(old) - Counter(new)
    came = Counter(new) - Counter(old)
    if came.total() - came[None] >= gone.total():
        del came[None]
    if gone or len(new) <= len(old):
        return set(came)
    known = set(old)
    return {dn for _, dn in zip(old, new, strict=False) if dn in came and dn not in known}


def _only_moved(olds: Iterable[MagnetSpan], news: Iterable[MagnetSpan]) -> set[str]:
    """The hashes that have the names which they had, be it in another order."""
    had, has = _written(olds), _written(news)
    return {one for one, dns in has.items() if Counter(dns) == Counter(had.get(one, ()))}


def _written(spans: Iterable[MagnetSpan]) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for span in spans:
        for one, dn in keys_of(span):
            found.setdefault(one, []).append(dn)
    return found


def _blank(text: str, spans: Iterable[MagnetSpan]) -> str:
    """The text with one and the same name in all its magnets, where it stands or would be put."""
    pieces: list[str] = []
    done = 0
    for span in spans:
        pieces += (text[done : span.start + span.dn_start], span.dn_before, "x", span.dn_after)
        done = span.start + span.dn_end
    return "".join((*pieces, text[done:]))
