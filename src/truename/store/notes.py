"""Notes and their revisions. A text changes only together with a new revision, from the version it was read in.

Which hashes stand in a note is kept beside it, so that a name finds its notes without reading them all; and so are the
names that are the person's own, whose magnets truename leaves alone.
"""

import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, delete, exists, insert, select, update

from truename.differences import differing
from truename.magnet import Replacement, find_magnets
from truename.own_names import Key, OwnNames, hashes_of, keys_of
from truename.store import revisions
from truename.store.database import Connection
from truename.store.portable import by_hash, in_chunks
from truename.store.revisions import SAVED, Revision
from truename.store.tables import note, note_magnet


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteRow:
    """One note as it stands."""

    id: int
    person_id: int
    version: int
    text: str
    created_at: float
    updated_at: float


_NOTES_AT_ONCE = 20
_ENOUGH_CHARS = 1_000_000

_COLUMNS = list(note.c)
_STANDING = (
    select(note.c.person_id, note_magnet.c.hash)
    .join(note_magnet, note_magnet.c.note_id == note.c.id)
    .where(
        note_magnet.c.hash.in_(bindparam("hashes", expanding=True)),
        note_magnet.c.own.is_(False),
    )
    .distinct()
)
_AFTER = (
    select(note.c.id, note.c.text)
    .where(
        note.c.person_id == bindparam("person_id"),
        note.c.id > bindparam("after_id"),
        exists().where(note_magnet.c.note_id == note.c.id),
    )
    .order_by(note.c.id)
    .limit(bindparam("limit"))
)
_HAS_OWN = note_magnet.c.typed.is_not(None) | note_magnet.c.undone.is_not(None)
_OWN_OF = select(note_magnet.c.note_id, note_magnet.c.hash, note_magnet.c.typed, note_magnet.c.undone).where(
    note_magnet.c.note_id.in_(bindparam("note_ids", expanding=True)), _HAS_OWN
)
_OF_IDS = select(*_COLUMNS).where(note.c.id.in_(bindparam("note_ids", expanding=True))).order_by(note.c.id)
_WRITE = (
    update(note)
    .where(note.c.id == bindparam("this_id"))
    .values(version=bindparam("new_version"), text=bindparam("new_text"), updated_at=bindparam("now"))
)
_INDEX = insert(note_magnet)
_UNDONE = (
    select(note.c.id, note.c.person_id, note_magnet.c.hash)
    .join(note_magnet, note_magnet.c.note_id == note.c.id)
    .where(note_magnet.c.hash.in_(bindparam("hashes", expanding=True)), note_magnet.c.undone.is_not(None))
    .order_by(note.c.id)
    .with_for_update(of=note)
)
_OWN_ANEW = (
    update(note_magnet)
    .where(note_magnet.c.note_id == bindparam("this_note_id"), note_magnet.c.hash == bindparam("this_hash"))
    .values(own=bindparam("this_own"), typed=bindparam("this_typed"), undone=bindparam("this_undone"))
)


async def save(connection: Connection, *, person_id: int, text: str, at: float) -> NoteRow:
    """A new note, in its first version."""
    row = NoteRow(id=0, person_id=person_id, version=1, text=text, created_at=at, updated_at=at)
    values = {column.name: getattr(row, column.name) for column in _COLUMNS if column.name != "id"}
    note_id = int((await connection.execute(insert(note).values(values).returning(note.c.id))).scalar_one())
    row = replace(row, id=note_id)
    await revisions.append(connection, [revision_of(row, cause=SAVED)])
    await _index(connection, note_id, text, OwnNames())
    return row


async def get(connection: Connection, note_id: int, *, person_id: int) -> NoteRow | None:
    """A person's note, or None: also when it is somebody else's."""
    row = (
        await connection.execute(select(*_COLUMNS).where(note.c.id == note_id, note.c.person_id == person_id))
    ).one_or_none()
    return None if row is None else _read(row)


async def newest(
    connection: Connection, *, person_id: int, limit: int, before_id: int | None = None, enough_chars: int
) -> tuple[Sequence[NoteRow], bool]:
    """A person's notes, newest first, from before a given one on; and whether there are older ones.

    Where they are long, only as many are read as are enough, but one at least.
    """
    statement = select(*_COLUMNS).where(note.c.person_id == person_id).order_by(note.c.id.desc()).limit(limit + 1)
    if before_id is not None:
        statement = statement.where(note.c.id < before_id)
    found: list[NoteRow] = []
    chars = 0
    for row in await connection.execute(statement):
        if len(found) == limit or chars >= enough_chars:
            return found, True
        found.append(_read(row))
        chars += len(row.text)
    return found, False


async def own_names(connection: Connection, note_id: int) -> OwnNames:
    """The names in this note that are the person's."""
    return (await own_names_of(connection, [note_id])).get(note_id, OwnNames())


async def own_names_of(connection: Connection, note_ids: Iterable[int]) -> dict[int, OwnNames]:
    """The same for each of these notes that has any."""
    found: dict[int, tuple[set[Key], set[Key]]] = {}
    for some in in_chunks(note_ids):
        for row in await connection.execute(_OWN_OF, {"note_ids": some}):
            typed, undone = found.setdefault(row.note_id, (set(), set()))
            typed |= keys_in(row.hash, row.typed)
            undone |= keys_in(row.hash, row.undone)
    return {one: OwnNames(typed=frozenset(typed), undone=frozenset(undone)) for one, (typed, undone) in found.items()}


async def lift(connection: Connection, asked: Iterable[tuple[int, str]]) -> None:
    """Each (person, hash) is asked for: of the names that the person had put back, these may be replaced again."""
    found: dict[int, set[str]] = {}
    for keys, hashes in by_hash(asked):
        for row in await connection.execute(_UNDONE, {"hashes": hashes}):
            if (row.person_id, row.hash) in keys:
                found.setdefault(row.id, set()).add(row.hash)
    own = await own_names_of(connection, found)
    left = sorted(found)
    while some := await some_of(connection, left, enough_chars=_ENOUGH_CHARS):
        left = [one for one in left if one > some[-1].id]
        for there in some:
            lifted = own[there.id].lifted(there.text, found[there.id])
            changed = hashes_of(own[there.id].undone - lifted.undone)
            rows = _rows_of(there.id, there.text, lifted, among=changed) if changed else []
            if rows:
                values = [{f"this_{name}": value for name, value in row.items()} for row in rows]
                await connection.execute(_OWN_ANEW, values)


async def write(connection: Connection, before: NoteRow, text: str, *, cause: str, own: OwnNames, at: float) -> NoteRow:
    """Put a new text in the place of `before`, which must be what the database holds in this transaction."""
    after = replace(before, version=before.version + 1, text=text, updated_at=at)
    await _index_anew(connection, before, text, own)
    await write_all(connection, [after], [revision_of(after, cause=cause)])
    return after


async def remove(connection: Connection, note_id: int, *, person_id: int) -> bool:
    """Delete a person's note with its history; whether there was one."""
    gone = await connection.execute(delete(note).where(note.c.id == note_id, note.c.person_id == person_id))
    return gone.rowcount > 0


async def standing(connection: Connection, asked: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of these (person, hash) that stand in a note without a name that the person chose."""
    found: set[tuple[int, str]] = set()
    for keys, hashes in by_hash(asked):
        rows = await connection.execute(_STANDING, {"hashes": hashes})
        found |= keys.intersection((row.person_id, row.hash) for row in rows)
    return found


async def texts_with(connection: Connection, person_id: int, info_hash: str, *, limit: int) -> Sequence[str]:
    """The newest texts in which a hash stands without a name that the person chose."""
    rows = await connection.execute(
        select(note.c.text)
        .join(note_magnet, note_magnet.c.note_id == note.c.id)
        .where(note.c.person_id == person_id, note_magnet.c.hash == info_hash, note_magnet.c.own.is_(False))
        .order_by(note.c.id.desc())
        .limit(limit)
    )
    return list(rows.scalars())


async def texts_of(connection: Connection, person_id: int, note_ids: Sequence[int]) -> Iterable[tuple[int, str]]:
    """Those of these notes that are the person's, each as (id, text), read as they are wanted; at most `CHUNK`."""
    rows = await connection.execute(
        select(note.c.id, note.c.text).where(note.c.person_id == person_id, note.c.id.in_(note_ids))
    )
    return ((row.id, row.text) for row in rows)


async def after(
    connection: Connection, person_id: int, note_id: int, *, limit: int, enough_chars: int
) -> Sequence[tuple[int, str]]:
    """A person's notes in which magnets stand, each as (id, text), the oldest first, from after a given one on.

    Where they are long, only as many are read as are enough, but one at least.
    """
    values = {"person_id": person_id, "after_id": note_id, "limit": limit}
    found: list[tuple[int, str]] = []
    chars = 0
    for row in await connection.execute(_AFTER, values):
        found.append((row.id, row.text))
        chars += len(row.text)
        if chars >= enough_chars:
            break
    return found


async def some_of(connection: Connection, note_ids: Sequence[int], *, enough_chars: int) -> Sequence[NoteRow]:
    """The first of these notes, in this order, as many as are enough, but one at least; none where there is none.

    At most a few: they may be long.
    """
    found: list[NoteRow] = []
    chars = 0
    for row in await connection.execute(_OF_IDS, {"note_ids": note_ids[:_NOTES_AT_ONCE]}):
        found.append(_read(row))
        chars += len(row.text)
        if chars >= enough_chars:
            break
    return found


async def write_all(connection: Connection, changed: Sequence[NoteRow], history: Sequence[Revision]) -> None:
    """Put these notes in the place of what they were, with their revisions."""
    if not changed:
        return
    await connection.execute(
        _WRITE,
        [
            {"this_id": one.id, "new_version": one.version, "new_text": one.text, "now": one.updated_at}
            for one in changed
        ],
    )
    await revisions.append(connection, history)


def revision_of(row: NoteRow, *, cause: str, changes: Sequence[Replacement] = ()) -> Revision:
    """What is kept of a note as it stands. `changes`: what a rename changed."""
    return Revision(row.id, row.version, row.text, cause, row.updated_at, changes)


async def _index_anew(connection: Connection, before: NoteRow, text: str, own: OwnNames) -> None:
    """Only the hashes where the texts differ, and those of names that are the person's in another way than before."""
    had = await own_names(connection, before.id)
    differ = (key for part in differing(before.text, text) for span in find_magnets(part) for key in keys_of(span))
    hashes = hashes_of((*differ, *(had.typed ^ own.typed), *(had.undone ^ own.undone)))
    for some in in_chunks(hashes):
        gone = delete(note_magnet).where(note_magnet.c.note_id == before.id, note_magnet.c.hash.in_(some))
        await connection.execute(gone)
    await _index(connection, before.id, text, own, among=hashes)


async def _index(
    connection: Connection, note_id: int, text: str, own: OwnNames, *, among: Container[str] | None = None
) -> None:
    rows = _rows_of(note_id, text, own, among=among)
    if rows:
        await connection.execute(_INDEX, rows)


def _rows_of(note_id: int, text: str, own: OwnNames, *, among: Container[str] | None = None) -> list[dict[str, Any]]:
    """What is kept of the magnets of a note; `among`: only of these hashes."""
    names: dict[str, dict[str | None, None]] = {}
    for span in find_magnets(text, among=among):
        for one, dn in keys_of(span):
            if among is None or one in among:
                names.setdefault(one, {})[dn] = None
    every = own.every
    return [
        {
            "note_id": note_id,
            "hash": one,
            "own": all((one, dn) in every for dn in dns),
            "typed": _as_text(dn for dn in dns if (one, dn) in own.typed),
            "undone": _as_text(dn for dn in dns if (one, dn) in own.undone),
        }
        for one, dns in names.items()
    ]


def _as_text(dns: Iterable[str | None]) -> str | None:
    return json.dumps(names) if (names := list(dns)) else None


def keys_in(info_hash: str, text: str | None) -> set[Key]:
    """Names of a magnet's hash, as they stand in a column."""
    return set() if text is None else {(info_hash, dn) for dn in json.loads(text)}


def _read(row: object) -> NoteRow:
    return NoteRow(**{column.name: getattr(row, column.name) for column in _COLUMNS})
