"""What changed, numbered: appended last in each transaction, to be read from any `seq` on by whoever was away.

Who is there and waits is woken by the hub, and reads the rows themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from truename.store.database import Connection
from truename.store.tables import event

_AFTER_ALL = 2**63 - 1

_INSERT = insert(event)
_NEWEST = select(func.max(event.c.seq))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A task or a note of a person changed. `seq` rises, with gaps."""

    seq: int
    person_id: int
    task_id: str | None = None
    note_id: int | None = None


async def append(
    connection: Connection,
    *,
    at: float,
    tasks: Iterable[tuple[int, str]] = (),
    notes: Iterable[tuple[int, int]] = (),
) -> None:
    """Note that tasks and notes changed, each given as (person, id). The last statement of a transaction."""
    rows: list[dict[str, object]] = []
    for person_id, task_id in tasks:
        rows.append({"person_id": person_id, "kind": "task", "task_id": task_id, "note_id": None, "at": at})
    for person_id, note_id in notes:
        rows.append({"person_id": person_id, "kind": "note", "task_id": None, "note_id": note_id, "at": at})
    if rows:
        await connection.execute(_INSERT, rows)


async def after(connection: Connection, person_id: int, seq: int, *, limit: int) -> Sequence[Event]:
    """A person's events after `seq`, oldest first."""
    found = await connection.execute(
        select(event.c.seq, event.c.person_id, event.c.task_id, event.c.note_id)
        .where(event.c.person_id == person_id, event.c.seq > seq)
        .order_by(event.c.seq)
        .limit(limit)
    )
    return [Event(seq=row.seq, person_id=row.person_id, task_id=row.task_id, note_id=row.note_id) for row in found]


async def newest(connection: Connection) -> int | None:
    """The number of the newest event: as long as it stays the same, nothing has changed."""
    seq: int | None = (await connection.execute(_NEWEST)).scalar_one()
    return seq


async def forget(connection: Connection, *, before: float, latest: float, most: int) -> int:
    """Delete events that are older than the first one which is to be kept, at most so many; how many.

    They stand in the order of their time, so what is kept is not gone through. One that is later than `latest`, from
    before a clock was set back by far, keeps nothing.
    """
    kept = select(event.c.seq).where(event.c.at >= before, event.c.at <= latest).order_by(event.c.seq).limit(1)
    end = func.coalesce(kept.scalar_subquery(), _AFTER_ALL)
    old = select(event.c.seq).where(event.c.seq < end).order_by(event.c.seq).limit(most)
    return (await connection.execute(delete(event).where(event.c.seq.in_(old)))).rowcount
