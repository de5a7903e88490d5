"""Notes: save, edit, list; what stands in one and how its magnets are doing.

A person's own name (a `dn` changed in an edit) is never overwritten. An edit from an older version is taken when only
truename's renames came between, and those names are then written into the new text.
"""

import asyncio
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from truename.clock import Clock
from truename.differences import differing
from truename.errors import InvalidInput, TruenameError
from truename.hub import Hub
from truename.magnet import MAX_TRACKERS, InfoHash, Magnet, MagnetSpan, find_magnets, lacks, rename
from truename.own_names import Key, OwnNames, changed_names, keys_of, put_back
from truename.store import events, names, notes, revisions, tasks, watches
from truename.store.database import Connection, Database
from truename.store.names import KnownName, Provenance
from truename.store.notes import NoteRow
from truename.store.portable import in_chunks
from truename.store.revisions import EDITED, RENAMED, UNDONE
from truename.store.tasks import TaskRow
from truename.store.watches import Watched
from truename.store.writer import Writer

_NOTES_AT_ONCE = 50
_NONE_OWN = OwnNames()
_MANY_CHARS = 4_000_000  # a list is not longer than this and one note more


class Stale(TruenameError):  # noqa: N818 - named after what it is
    """The note was changed by somebody else meanwhile. `now` is what it says."""

    def __init__(self, now: NoteRow) -> None:
        super().__init__(f"note {now.id} is at version {now.version}")
        self.now = now


@dataclass(frozen=True, slots=True, kw_only=True)
class MagnetView:
    """One magnet of a note: where it stands (code points), its `dn`, its true name if known, its latest task.

    `known` is what else the catalogue says; `watch`: how the hash is watched, if it did not answer; `own`: the person
    chose its `dn`.
    """

    start: int
    end: int
    info_hash: str
    dn: str | None
    name: str | None
    task: TaskRow | None
    watch: Watched | None = None
    known: KnownName | None = None
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """A note and its magnets, in the order of the text."""

    note: NoteRow
    magnets: tuple[MagnetView, ...]


class Candidate(NamedTuple):
    """A magnet of a text that is to be asked for, or why it cannot be: the code of an `InvalidInput`."""

    info_hash: InfoHash | None
    magnet: Magnet | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNote:
    """A text to be saved."""

    person_id: int
    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A new text for a note, written by somebody who had read `version`, which says `base`; None: there is no such."""

    person_id: int
    note_id: int
    version: int
    base: str | None
    text: str
    at: float


class Notes:
    """The notes of people, on one database."""

    def __init__(self, database: Database, writer: Writer, hub: Hub, *, clock: Clock, task_ttl_s: float) -> None:
        self._database = database
        self._writer = writer
        self._hub = hub
        self._clock = clock
        self._task_ttl_s = task_ttl_s

    async def save(self, person_id: int, text: str) -> NoteView:
        """Keep a new text."""
        row = await self._writer.write(save_all, NewNote(person_id=person_id, text=text, at=self._clock()))
        self._hub.publish()
        return await self._view(row)

    async def edit(
        self, person_id: int, note_id: int, *, version: int, text: str, base: str | None = None
    ) -> NoteView | None:
        """Put a new text in the place of an old one; None when the person has no such note. Errors: `Stale`.

        `base`: what `text_at` says of the version, if that is known already; it stays as it was.
        """
        base = base if base is not None else await self.text_at(person_id, note_id, version)
        edit = Edit(person_id=person_id, note_id=note_id, version=version, base=base, text=text, at=self._clock())
        result = await self._writer.write(edit_all, edit)
        if isinstance(result, Stale):
            raise result
        self._hub.publish()
        return None if result is None else await self._view(result)

    async def remove(self, person_id: int, note_id: int) -> bool:
        """Delete a note; whether the person had it."""
        removed = await self._writer.write(remove_all, (person_id, note_id))
        self._hub.publish()
        return removed

    async def get(self, person_id: int, note_id: int) -> NoteView | None:
        """A person's note, or None: also when it is somebody else's."""
        return await self._database.read(_get, person_id, note_id, ended_after=self._remembered_from())

    async def provenance(self, hashes: Iterable[str]) -> Mapping[str, Provenance]:
        """All that the catalogue, which is everybody's, knows of these hashes."""
        return await self._database.read(names.provenance_of, list(hashes))

    async def is_as_saved(self, person_id: int, note_id: int) -> bool:
        """Whether a person has the note and nobody has edited it since it was new; names may have been written in."""
        return await self._database.read(_is_as_saved, person_id, note_id)

    async def text_at(self, person_id: int, note_id: int, version: int) -> str | None:
        """What a person's note said in a version; None when there is no such note or version."""
        return await self._database.read(_text_at, person_id, note_id, version)

    async def magnets_of_each(
        self, person_id: int, note_ids: Iterable[int], *, most: int
    ) -> Mapping[int, Sequence[Candidate]]:
        """The magnets of a person's notes, broken ones too; notes that the person does not have are left out.

        Nothing more is read when there are more than `most` in all.
        """
        return await self._database.read(_magnets_of_each, person_id, list(note_ids), most)

    async def unnamed(self, person_id: int, *, most: int) -> tuple[Sequence[Magnet], int]:
        """Magnets in a person's notes that do not have their names there, and how many more.

        Those come first that were not asked for lately, and of them those of the oldest notes. A name that is only
        claimed is one. One whose name the person chose is left out; so is one that its name would make too large, but
        not one that would make its note so.
        """
        lacking = _Lacking(most)
        last_id = 0
        while some := await self._database.read(notes.after, person_id, last_id, limit=_NOTES_AT_ONCE):
            own = await self._database.read(notes.own_names_of, [note_id for note_id, _ in some])
            spans = await asyncio.to_thread(_not_own, some, own)
            hashes = {span.info_hash for span in spans if span.info_hash is not None}
            known = await self._database.read(names.known_names, hashes)
            asked = await self._database.read(_asked, person_id, hashes, ended_after=self._remembered_from())
            named = {one: name.name for one, name in known.items()}
            await asyncio.to_thread(lacking.add, spans, named, asked)
            last_id = some[-1][0]
        return lacking.first()

    async def newest(
        self, person_id: int, *, limit: int, before_id: int | None = None
    ) -> tuple[Sequence[NoteView], bool]:
        """A person's notes, newest first, fewer where they are very long; and whether there are older ones."""
        return await self._database.read(
            _newest, person_id, limit=limit, before_id=before_id, ended_after=self._remembered_from()
        )

    async def _view(self, row: NoteRow) -> NoteView:
        (seen,) = await self._database.read(_views, [row], ended_after=self._remembered_from())
        return seen

    def _remembered_from(self) -> float:
        return self._clock() - self._task_ttl_s


def magnets_of(text: str) -> list[Magnet]:
    """The magnets of a text that can be asked for, one for each hash, with the sources of all that carry it."""
    found: dict[str, Magnet] = {}
    for span in find_magnets(text):
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


def caught_up(base: str, mine: str, now: str) -> str:
    """What a person wrote from `base`, with the names that `now` has instead, where the person left them alone.

    Otherwise, saved over `now`, a name that had come meanwhile would go, and the old one would count as the person's.
    """
    before, after = _dns(base), _dns(now)
    named: dict[str, str | None] = {
        span.info_hash: span.display_name for span in find_magnets(now) if span.info_hash is not None
    }
    changed = {
        one: name
        for one, name in named.items()
        if name is not None and one in before and before[one] != after[one] and len(after[one]) == 1
    }
    return rename(mine, changed, changed_names(base, mine), most_chars=_room_in(base, mine, now))


def _room_in(base: str, mine: str, now: str) -> int:
    """How long a text may become by names that have come into the note since: as much longer as the note has."""
    return max(notes.MAX_CHARS, len(mine) + max(0, len(now) - len(base)))


async def save_all(connection: Connection, new: Sequence[NewNote]) -> Sequence[NoteRow]:
    """The writer's work for new notes."""
    rows = [await notes.save(connection, person_id=one.person_id, text=one.text, at=one.at) for one in new]
    await events.append(connection, at=new[0].at, notes=((row.person_id, row.id) for row in rows))
    return rows


async def edit_all(connection: Connection, edits: Sequence[Edit]) -> Sequence[NoteRow | Stale | None]:
    """The writer's work for edits."""
    results = [await _edit(connection, one) for one in edits]
    changed = [row for row in results if isinstance(row, NoteRow)]
    await events.append(connection, at=edits[0].at, notes=((row.person_id, row.id) for row in changed))
    return results


async def remove_all(connection: Connection, wanted: Sequence[tuple[int, int]]) -> Sequence[bool]:
    """The writer's work for deletions, each given as (person, note)."""
    return [await notes.remove(connection, note_id, person_id=person_id) for person_id, note_id in wanted]


async def _edit(connection: Connection, edit: Edit) -> NoteRow | Stale | None:
    now = await notes.get(connection, edit.note_id, person_id=edit.person_id)
    if now is None:
        return None
    base = edit.base
    causes = await revisions.causes_since(connection, edit.note_id, edit.version)
    if base is None or any(cause != RENAMED for cause in causes):
        return Stale(now)
    own = await notes.own_names(connection, edit.note_id)
    changed = changed_names(base, edit.text)
    text = edit.text
    if causes:
        renames = renames_between(base, now.text)
        if renames is None:
            return Stale(now)
        text = rename(text, renames, own.every | changed, most_chars=_room_in(base, text, now.text))
    if text == now.text and not changed:
        return now
    undone = frozenset[Key]()
    if changed:
        earlier = await revisions.written_until(connection, edit.note_id, edit.version, enough_chars=_MANY_CHARS)
        undone = put_back(changed, base, earlier, own.typed)
    cause = UNDONE if changed and undone == changed else EDITED
    return await notes.write(connection, now, text, cause=cause, own=own.after_edit(text, changed, undone), at=edit.at)


def renames_between(base: str, renamed: str) -> dict[str, str] | None:
    """The names that truename wrote from one text to the next; the texts differ in nothing else.

    None: they do, as only a forged history has it.
    """
    changed: dict[str, str] = {}
    here, there = differing(base, renamed)
    olds, news = list(find_magnets(here)), list(find_magnets(there))
    if len(olds) != len(news):
        return None
    for old, new in zip(olds, news, strict=True):
        if old.text != new.text and new.info_hash is not None and new.display_name is not None:
            changed[new.info_hash] = new.display_name
    return changed


def view(
    row: NoteRow,
    spans: Iterable[MagnetSpan],
    known: Mapping[str, KnownName],
    latest: Mapping[tuple[int, str], TaskRow],
    watched: Mapping[tuple[int, str], Watched] = MappingProxyType({}),
    *,
    own: OwnNames = _NONE_OWN,
) -> NoteView:
    """A note as its owner sees it. `spans`: the magnets of its text."""
    every = own.every
    return NoteView(
        note=row,
        magnets=tuple(
            MagnetView(
                start=span.start,
                end=span.end,
                info_hash=span.info_hash,
                dn=span.display_name,
                name=known[span.info_hash].name if span.info_hash in known else None,
                task=latest.get((row.person_id, span.info_hash)),
                watch=watched.get((row.person_id, span.info_hash)),
                known=known.get(span.info_hash),
                own=not every.isdisjoint(keys_of(span)),
            )
            for span in spans
            if span.info_hash is not None
        ),
    )


async def _get(connection: Connection, person_id: int, note_id: int, *, ended_after: float) -> NoteView | None:
    row = await notes.get(connection, note_id, person_id=person_id)
    return None if row is None else (await _views(connection, [row], ended_after=ended_after))[0]


async def _is_as_saved(connection: Connection, person_id: int, note_id: int) -> bool:
    if await notes.get(connection, note_id, person_id=person_id) is None:
        return False
    causes = await revisions.causes_since(connection, note_id, 1)
    return all(cause == RENAMED for cause in causes)


async def _text_at(connection: Connection, person_id: int, note_id: int, version: int) -> str | None:
    there = await notes.get(connection, note_id, person_id=person_id)
    if there is None or there.version == version:
        return None if there is None else there.text
    return await revisions.text_at(connection, note_id, version)


async def _newest(
    connection: Connection, person_id: int, *, limit: int, before_id: int | None, ended_after: float
) -> tuple[Sequence[NoteView], bool]:
    rows, more = await notes.newest(
        connection, person_id=person_id, limit=limit, before_id=before_id, enough_chars=_MANY_CHARS
    )
    return await _views(connection, rows, ended_after=ended_after), more


async def _magnets_of_each(
    connection: Connection, person_id: int, note_ids: Sequence[int], most: int
) -> Mapping[int, Sequence[Candidate]]:
    found: dict[int, Sequence[Candidate]] = {}
    left = most + 1
    for some in in_chunks(note_ids):
        for note_id, text in await notes.texts_of(connection, person_id, some):
            found[note_id] = [candidate_of(span) for span in islice(find_magnets(text, broken=True), left)]
            left -= len(found[note_id])
            if not left:
                return found
    return found


def _not_own(texts: Iterable[tuple[int, str]], own: Mapping[int, OwnNames]) -> list[MagnetSpan]:
    """The magnets of notes, given as (id, text), whose names are not the person's own."""
    found: list[MagnetSpan] = []
    for note_id, text in texts:
        every = own.get(note_id, _NONE_OWN).every
        found += (span for span in find_magnets(text) if every.isdisjoint(keys_of(span)))
    return found


class _Lacking:
    """Magnets that lack their names, be they known or not, and can be asked for: each once, with the sources of all
    that carry it; `most` of those that were not asked for and of those that were, and the hashes of the others.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._unasked: dict[str, Magnet] = {}
        self._asked: dict[str, Magnet] = {}
        self._more: set[str] = set()

    def add(self, spans: Iterable[MagnetSpan], named: Mapping[str, str], asked: Container[str]) -> None:
        """Add those of a text. `named`: names by hash; `asked`: the hashes that were asked for."""
        for span in spans:
            one = span.info_hash
            if one is None or (one in named and not lacks(span, named[one])) or not may_be_asked(span):
                continue
            found = self._asked if one in asked else self._unasked
            if one in found:
                found[one] = found[one].joined(Magnet.of(span))
            elif len(found) < self._most:
                found[one] = Magnet.of(span)
            else:
                self._more.add(one)

    def first(self) -> tuple[Sequence[Magnet], int]:
        """As many as there may be, and how many are left."""
        found = [*self._unasked.values(), *self._asked.values()]
        return found[: self._most], len(found[self._most :]) + len(self._more)


async def _asked(
    connection: Connection, person_id: int, hashes: AbstractSet[str], *, ended_after: float
) -> AbstractSet[str]:
    """Those of these hashes that the person has asked for lately, or that are watched for them."""
    keys = [(person_id, one) for one in hashes]
    latest = await tasks.latest_of(connection, keys, ended_after=ended_after)
    return {one for _, one in (*latest, *await watches.of(connection, keys))}


async def _views(connection: Connection, rows: Sequence[NoteRow], *, ended_after: float) -> Sequence[NoteView]:
    spans = {row.id: list(find_magnets(row.text)) for row in rows}
    asked = {
        (row.person_id, span.info_hash): None for row in rows for span in spans[row.id] if span.info_hash is not None
    }
    known = await names.known_names(connection, (info_hash for _, info_hash in asked))
    latest = await tasks.latest_of(connection, asked, ended_after=ended_after)
    watched = await watches.of(connection, (one for one in asked if one[1] not in known))
    own = await notes.own_names_of(connection, (row.id for row in rows))
    return [view(row, spans[row.id], known, latest, watched, own=own.get(row.id, _NONE_OWN)) for row in rows]


def _dns(text: str) -> dict[str, Counter[str | None]]:
    found: dict[str, Counter[str | None]] = {}
    for span in find_magnets(text):
        for one in (span.info_hash, span.info_hash_v2):  # a name may come by either hash of a hybrid
            if one is not None:
                found.setdefault(one, Counter())[span.written_dn] += 1
    return found
