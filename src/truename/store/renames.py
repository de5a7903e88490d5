"""True names come into notes: into those of whoever asked, and over names that were only claimed.

Notes may be long, and many: beyond so many characters the names are owed to the rest of them, which stands in the
database, and are paid in later transactions, so that others can write in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, insert, select

from truename.dn import reads_as
from truename.magnet import Replacement, find_magnets, renaming, replaced
from truename.note_texts import MAX_CHARS
from truename.own_names import Key, keys_of
from truename.store import notes
from truename.store.database import Connection
from truename.store.names import known_names
from truename.store.notes import NoteRow, keys_in
from truename.store.portable import by_hash, in_chunks, upsert
from truename.store.revisions import RENAMED, Revision
from truename.store.tables import note, note_magnet, note_revision, owed_name

ENOUGH_CHARS = 8_000_000
"""Of notes at once, and one note more: a second or two, where every line is a magnet that is named."""

_PORTION_CHARS = 1_000_000
"""The same of those that are owed, since nobody waits for them."""

_OWED_AT_ONCE = 20

Wanted = tuple[str, str | None]
"""A name, and, where it is to stand in the place of a claimed one, that one."""

_WITH_HASHES = (
    select(note.c.id, note.c.person_id, note_magnet.c.hash, note_magnet.c.typed, note_magnet.c.undone)
    .join(note_magnet, note_magnet.c.note_id == note.c.id)
    .where(
        note_magnet.c.hash.in_(bindparam("hashes", expanding=True)),
        note_magnet.c.own.is_(False),
    )
    .order_by(note.c.id)
    .with_for_update(of=note)
)
_RENAMED_WITH_HASHES = _WITH_HASHES.where(
    exists().where(note_revision.c.note_id == note.c.id, note_revision.c.cause == RENAMED)
)
_OWED_IN = _WITH_HASHES.where(note.c.id.in_(bindparam("note_ids", expanding=True)))
_OWED_FIRST = select(owed_name.c.note_id).distinct().order_by(owed_name.c.note_id).limit(bindparam("most"))
_OWED_TO = select(owed_name.c.note_id, owed_name.c.hash, owed_name.c.claimed).where(
    owed_name.c.note_id.in_(bindparam("note_ids", expanding=True))
)
_PAID = delete(owed_name).where(
    owed_name.c.note_id == bindparam("this_note_id"), owed_name.c.hash == bindparam("this_hash")
)


@dataclass(slots=True)
class _Found:
    """Which names a note is to have, by hash, and what of the names in it is the person's. Its text may be long."""

    person_id: int
    names: dict[str, Wanted] = field(default_factory=dict)
    own: set[Key] = field(default_factory=set)


async def write_names(
    connection: Connection, names: Mapping[int, Mapping[str, str]], *, at: float
) -> Sequence[tuple[int, int]]:
    """Write true names into the notes of the people who asked for them; what changed, each as (person, note).

    Input:  for each person, the names by hash. Names that a person chose stay.
    """
    found: dict[int, _Found] = {}
    for keys, hashes in by_hash((person, one) for person, theirs in names.items() for one in theirs):
        for row in await connection.execute(_WITH_HASHES, {"hashes": hashes}):
            if (row.person_id, row.hash) in keys:
                _collect(found, row, (names[row.person_id][row.hash], None))
    changed, left = await _write(connection, found, at, enough_chars=ENOUGH_CHARS)
    owed = [(note_id, one, None) for note_id in left for one in found[note_id].names]
    await upsert(connection, owed_name, _rows(owed))
    return changed


async def correct_names(
    connection: Connection, names: Mapping[str, tuple[str, str]], *, at: float
) -> Sequence[tuple[int, int]]:
    """Write names in the place of those that were only claimed; what changed, each as (person, note).

    Input:  by hash, what was claimed and is in the notes of those who had asked, and what is proven or claimed now. A
            magnet that does not bear what was claimed is somebody's own, or nobody had asked for it.
    """
    found: dict[int, _Found] = {}
    for some in in_chunks(names):
        for row in await connection.execute(_RENAMED_WITH_HASHES, {"hashes": some}):
            claimed, now = names[row.hash]
            _collect(found, row, (now, claimed))
    changed, left = await _write(connection, found, at, enough_chars=ENOUGH_CHARS)
    known = await _owed_to(connection, left)  # what stands there is what was claimed first
    owed = [
        (note_id, one, claimed)
        for note_id in left
        for one, (_, claimed) in found[note_id].names.items()
        if (note_id, one) not in known
    ]
    if owed:
        await connection.execute(insert(owed_name), _rows(owed))
    return changed


async def is_owed(connection: Connection) -> bool:
    """Whether names are owed to notes."""
    return bool((await connection.execute(select(exists().select_from(owed_name)))).scalar_one())


async def pay(connection: Connection, *, at: float) -> Sequence[tuple[int, int]]:
    """Write the names that are owed to the first notes, as they are known now; what changed, each as (person, note)."""
    note_ids = list((await connection.execute(_OWED_FIRST, {"most": _OWED_AT_ONCE})).scalars())
    claims = await _owed_to(connection, note_ids)
    known = await known_names(connection, {info_hash for _, info_hash in claims})
    found: dict[int, _Found] = {}
    for hashes in in_chunks(info_hash for _, info_hash in claims):
        for row in await connection.execute(_OWED_IN, {"hashes": hashes, "note_ids": note_ids}):
            if (row.id, row.hash) in claims and row.hash in known:
                _collect(found, row, (known[row.hash].name, claims[row.id, row.hash]))
    changed, left = await _write(connection, found, at, enough_chars=_PORTION_CHARS)
    paid = [{"this_note_id": one, "this_hash": info_hash} for one, info_hash in claims if one not in left]
    if paid:
        await connection.execute(_PAID, paid)
    return changed


def _collect(found: dict[int, _Found], row: Row[Any], wanted: Wanted) -> None:
    here = found.setdefault(row.id, _Found(row.person_id))
    here.names[row.hash] = wanted
    here.own |= keys_in(row.hash, row.typed) | keys_in(row.hash, row.undone)


async def _write(
    connection: Connection, found: Mapping[int, _Found], at: float, *, enough_chars: int
) -> tuple[Sequence[tuple[int, int]], AbstractSet[int]]:
    """Rename in the first of these notes, and which ones are left."""
    left = sorted(found)
    changed: list[tuple[int, int]] = []
    chars = 0
    while chars < enough_chars and (some := await notes.some_of(connection, left, enough_chars=_PORTION_CHARS)):
        left = [one for one in left if one > some[-1].id]
        chars += sum(len(row.text) for row in some)
        after: list[NoteRow] = []
        history: list[Revision] = []
        for row in some:
            if changes := _changes_in(row.text, found[row.id]):
                after.append(replace(row, version=row.version + 1, text=replaced(row.text, changes), updated_at=at))
                history.append(notes.revision_of(after[-1], cause=RENAMED, changes=changes))
        await notes.write_all(connection, after, history)
        changed += [(row.person_id, row.id) for row in after]
    return changed, frozenset(left)


def _changes_in(text: str, found: _Found) -> list[Replacement]:
    """What is to be replaced; over a claim only where all magnets of the hash but the person's own bear it."""
    bearing = dict(found.names)
    claimed = {one for one, (_, claim) in bearing.items() if claim is not None}
    for span in find_magnets(text, among=claimed) if claimed else ():
        if found.own.isdisjoint(keys_of(span)):
            for one in claimed.intersection((span.info_hash, span.info_hash_v2)):
                if span.written_dn is None or not reads_as(span.written_dn, found.names[one][1] or ""):
                    bearing.pop(one, None)
    return renaming(text, {one: name for one, (name, _) in bearing.items()}, found.own, most_chars=MAX_CHARS)


async def _owed_to(connection: Connection, note_ids: Iterable[int]) -> dict[tuple[int, str], str | None]:
    """What is owed to these notes, each as (note, hash), with the claim in whose place it is to come."""
    found: dict[tuple[int, str], str | None] = {}
    for some in in_chunks(note_ids):
        rows = await connection.execute(_OWED_TO, {"note_ids": some})
        found |= {(row.note_id, row.hash): row.claimed for row in rows}
    return found


def _rows(owed: Iterable[tuple[int, str, str | None]]) -> list[dict[str, Any]]:
    return [{"note_id": note_id, "hash": one, "claimed": claimed} for note_id, one, claimed in owed]
