"""Notes as their owner sees them: what a person can do with them, and how the magnets in them are doing."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from truename.clock import Clock
from truename.hub import Hub
from truename.magnet import Magnet, MagnetSpan, bears, find_magnets
from truename.note_edits import Edit, NewNote, Stale, edit_all, remove_all, save_all
from truename.note_texts import Candidate, Lacking, candidate_of, not_own
from truename.own_names import OwnNames, keys_of
from truename.store import names, notes, revisions, tasks, watches
from truename.store.database import Connection, Database
from truename.store.names import KnownName, Provenance
from truename.store.notes import NoteRow
from truename.store.portable import in_chunks
from truename.store.revisions import RENAMED
from truename.store.tasks import TaskRow
from truename.store.watches import Watched
from truename.store.writer import Writer

_NOTES_AT_ONCE = 50
_NONE_OWN = OwnNames()
_LARGE_CHARS = 100_000  # its magnets are read while it is written: that takes some 50 ms from here on
_MANY_CHARS = 4_000_000  # not more than this and one note are read at once


@dataclass(frozen=True, slots=True, kw_only=True)
class MagnetView:
    """One magnet of a note: where it stands (code points), its `dn`, its true name if known, its latest task.

    `is_named`: the true name is the one in the text. `known` is what else the catalogue says; `watch`: how the hash is
    watched, if it did not answer; `own`: the person chose its `dn`.
    """

    start: int
    end: int
    info_hash: str
    dn: str | None
    name: str | None
    task: TaskRow | None
    is_named: bool = False
    watch: Watched | None = None
    known: KnownName | None = None
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """A note and its magnets, in the order of the text."""

    note: NoteRow
    magnets: tuple[MagnetView, ...]


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
        new = NewNote(person_id=person_id, text=text, at=self._clock())
        row = await self._writer.write(save_all, new, is_large=len(text) > _LARGE_CHARS)
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
        is_large = max(len(text), len(base or "")) > _LARGE_CHARS
        result = await self._writer.write(edit_all, edit, is_large=is_large)
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
        lacking = Lacking(most)
        last_id = 0
        while some := await self._database.read(
            notes.after, person_id, last_id, limit=_NOTES_AT_ONCE, enough_chars=_MANY_CHARS
        ):
            own = await self._database.read(notes.own_names_of, [note_id for note_id, _ in some])
            spans = await asyncio.to_thread(not_own, some, own)
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
                is_named=span.info_hash in known and bears(span, known[span.info_hash].name),
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


async def _asked(
    connection: Connection, person_id: int, hashes: Iterable[str], *, ended_after: float
) -> Mapping[str, float]:
    """When those of these hashes were asked for last that the person has asked for lately, or that are watched."""
    keys = [(person_id, one) for one in hashes]
    watched = {one: row.asked_at for (_, one), row in (await watches.of(connection, keys)).items()}
    latest = await tasks.latest_of(connection, keys, ended_after=ended_after)
    return watched | {one: row.created_at for (_, one), row in latest.items()}


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
