"""What notes said before. A text that a person wrote is kept whole; of a rename only what it replaced, or a long note
with many magnets would be copied once for each of its names. Now and then a renamed text is kept whole as well, so that
no version is far from one.
"""

import json
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, insert, select

from truename.magnet import Replacement, replaced
from truename.store.database import Connection
from truename.store.portable import in_chunks
from truename.store.tables import note_revision

SAVED, EDITED, RENAMED, UNDONE = "saved", "edited", "renamed", "undone"

WHOLE_EACH = 256
"""Of so many versions one at least is whole."""

_STEPS = (
    select(note_revision.c.version, note_revision.c.text, note_revision.c.changes)
    .where(
        note_revision.c.note_id == bindparam("this_note"),
        note_revision.c.version <= bindparam("this_version"),
        note_revision.c.version > bindparam("this_version") - WHOLE_EACH,
    )
    .order_by(note_revision.c.version.desc())
)
_APPEND = insert(note_revision)


class Revision(NamedTuple):
    """One version of a note. `changes`: how it comes from the one before, if truename wrote it."""

    note_id: int
    version: int
    text: str
    cause: str
    at: float
    changes: Sequence[Replacement] = ()


async def append(connection: Connection, new: Sequence[Revision]) -> None:
    """Keep these, each the next one of its note."""
    await connection.execute(_APPEND, [_row(one) for one in new])


async def text_at(connection: Connection, note_id: int, version: int) -> str | None:
    """The text of a note in a version."""
    return replay(version, await connection.execute(_STEPS, {"this_note": note_id, "this_version": version}))


async def causes_since(connection: Connection, note_id: int, version: int) -> Sequence[str]:
    """Why the note changed after a version, oldest first."""
    rows = await connection.execute(
        select(note_revision.c.cause)
        .where(note_revision.c.note_id == note_id, note_revision.c.version > version)
        .order_by(note_revision.c.version)
    )
    return list(rows.scalars())


async def written_until(connection: Connection, note_id: int, version: int, *, enough_chars: int) -> Sequence[str]:
    """What the person wrote until a version: their first text and their last one, and of those between the newest."""
    theirs = (note_revision.c.note_id == note_id, note_revision.c.version <= version, note_revision.c.cause != RENAMED)
    lengths = select(note_revision.c.version, func.length(note_revision.c.text).label("chars")).where(*theirs)
    newest_first = (await connection.execute(lengths.order_by(note_revision.c.version.desc()))).all()
    wanted = [newest_first[0].version, newest_first[-1].version]
    chars = 0
    for row in newest_first[1:-1]:
        chars += row.chars
        if chars > enough_chars:
            break
        wanted.append(row.version)
    texts: list[str] = []
    for some in in_chunks(wanted):
        these = select(note_revision.c.text).where(*theirs, note_revision.c.version.in_(some))
        texts += (await connection.execute(these)).scalars()
    return texts


def replay(version: int, newest_first: Iterable[Any]) -> str | None:
    """A text out of its steps, each (version, text, changes); None when one of them is missing."""
    steps: list[list[Replacement]] = []
    for at, (step, whole, changes) in enumerate(newest_first):
        if step != version - at:
            return None
        if changes is None:
            return reduce(replaced, reversed(steps), str(whole))
        steps.append(changes_of(changes))
    return None


def changes_of(text: str) -> list[Replacement]:
    """Read what `append` wrote. Errors: `ValueError`, `TypeError` for anything else."""
    return [Replacement(start, end, new) for start, end, new in json.loads(text)]


def _row(one: Revision) -> dict[str, Any]:
    is_whole = not one.changes or one.version % WHOLE_EACH == 0
    return {
        "note_id": one.note_id,
        "version": one.version,
        "text": one.text if is_whole else "",
        "changes": None if is_whole else json.dumps(one.changes, ensure_ascii=False, separators=(",", ":")),
        "cause": one.cause,
        "at": one.at,
    }
