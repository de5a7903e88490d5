"""Notes are saved, edited and deleted: the writer's work.

A person's own name (a `dn` changed in an edit) is never overwritten. An edit from an older version is taken when only
truename's renames came between, and those names are then written into the new text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from truename.errors import TruenameError
from truename.magnet import rename_alike
from truename.note_texts import renames_between, room_in
from truename.own_names import Key, changed_names, put_back
from truename.store import events, notes, revisions
from truename.store.database import Connection
from truename.store.notes import NoteRow
from truename.store.revisions import EDITED, RENAMED, UNDONE

_ENOUGH_CHARS = 4_000_000
"""Of what the person wrote before, to find what they have put back."""


class Stale(TruenameError):  # noqa: N818 - named after what it is
    """The note was changed by somebody else meanwhile. `now` is what it says."""

    def __init__(self, now: NoteRow) -> None:
        super().__init__(f"note {now.id} is at version {now.version}")
        self.now = now


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
        text = rename_alike(text, renames, own.every | changed, most_chars=room_in(base, text, now.text))
    if text == now.text and not changed:
        return now
    undone = frozenset[Key]()
    if changed:
        earlier = await revisions.written_until(connection, edit.note_id, edit.version, enough_chars=_ENOUGH_CHARS)
        undone = put_back(changed, base, earlier, own.typed)
    cause = UNDONE if changed and undone == changed else EDITED
    return await notes.write(connection, now, text, cause=cause, own=own.after_edit(text, changed, undone), at=edit.at)
