"""How tasks go on: they start, wait again, end. Each change is conditional, for a final state never changes.

Every change tells which tasks it has touched, so that their owners can be told.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Executable, bindparam, case, func, or_, select, update

from truename.model import TaskStatus
from truename.store.database import Connection
from truename.store.due import due_values, is_due
from truename.store.names import KnownName
from truename.store.portable import in_chunks
from truename.store.sources import Sources
from truename.store.tables import ONE, task


class Touched(NamedTuple):
    """A task that a change has touched."""

    id: str
    person_id: int
    hash: str
    hash_v2: str | None
    lookup_id: int
    watched: bool
    created_at: float
    sources: str


_TOUCHED = [getattr(task.c, name) for name in Touched._fields]
_OF_LOOKUPS = task.c.lookup_id.in_(bindparam("lookup_ids", expanding=True))

# Statements of the busy paths are built once: building one costs more than running it.
_START = (
    update(task)
    .where(
        task.c.status == TaskStatus.PENDING.value,
        or_(task.c.next_attempt_at.is_(None), is_due(task.c.next_attempt_at)),
        _OF_LOOKUPS,
    )
    .values(
        status=TaskStatus.RUNNING.value,
        attempt=task.c.attempt + 1,
        strand=bindparam("in_strand"),
        started_at=bindparam("at"),
        next_attempt_at=None,
    )
    .returning(*_TOUCHED)
)
_GIVE_BACK = (
    update(task)
    .where(task.c.status == TaskStatus.RUNNING.value)
    .values(status=TaskStatus.PENDING.value, attempt=task.c.attempt - 1, started_at=None)
    .returning(*_TOUCHED)
)
_IN_STRAND = (task.c.status == TaskStatus.RUNNING.value, task.c.strand == bindparam("in_strand"))
_END = (
    update(task)
    .where(*_IN_STRAND, task.c.attempt >= bindparam("tries"), _OF_LOOKUPS)
    .values(
        status=bindparam("ended_as"),
        code=bindparam("code"),
        reason=bindparam("reason"),
        active=None,
        completed_at=bindparam("at"),
    )
    .returning(*_TOUCHED)
)
_WAITING_FOR = select(*_TOUCHED).where(_OF_LOOKUPS, task.c.active == ONE)
_COMPLETE = (
    update(task)
    .where(task.c.id == bindparam("this_id"), task.c.active == ONE)
    .values(
        status=TaskStatus.COMPLETED.value,
        hash_v2=bindparam("this_hash_v2"),
        active=None,
        attempt=task.c.attempt + case((task.c.status == TaskStatus.PENDING.value, 1), else_=0),
        started_at=func.coalesce(task.c.started_at, bindparam("at")),
        name=bindparam("this_name"),
        source=bindparam("this_source"),
        verified=bindparam("this_verified"),
        next_attempt_at=None,
        completed_at=bindparam("at"),
        detail=bindparam("this_detail"),
    )
)
_TELL = update(task).where(task.c.id == bindparam("this_id")).values(detail=bindparam("this_detail"))
_PUT_OFF = (
    update(task)
    .where(task.c.lookup_id == bindparam("this_lookup"), *_IN_STRAND, task.c.attempt == bindparam("tried"))
    .values(status=TaskStatus.PENDING.value, started_at=None, next_attempt_at=bindparam("due_at"))
)
_PUT_OFF_NOW = select(*_TOUCHED).where(_OF_LOOKUPS, *_IN_STRAND, task.c.attempt == bindparam("tried"))
_NOT_BEGUN = select(task.c.lookup_id, task.c.sources).where(
    _OF_LOOKUPS,
    task.c.status == TaskStatus.PENDING.value,
    or_(task.c.next_attempt_at.is_(None), is_due(task.c.next_attempt_at)),
)
_DUE_OF = (
    select(task.c.lookup_id, func.min(func.coalesce(task.c.next_attempt_at, 0.0)).label("at"))
    .where(_OF_LOOKUPS, task.c.active == ONE)
    .group_by(task.c.lookup_id)
)


async def start(
    connection: Connection, lookup_ids: Iterable[int], *, strand: int = 0, at: float, longest_delay_s: float
) -> list[Touched]:
    """The tasks that wait for these look-ups are running in this strand, one try more; which.

    One whose own next try is not due yet goes on waiting for it, though somebody else has made the look-up run.
    """
    return await _touch(
        connection, _START, lookup_ids, {"in_strand": strand, "at": at, **due_values(at, longest_delay_s)}
    )


async def give_back(connection: Connection, lookup_ids: Iterable[int] | None = None) -> list[Touched]:
    """Running tasks wait again, all of them or those of these look-ups, and the try does not count; which."""
    if lookup_ids is None:
        return [Touched._make(row) for row in await connection.execute(_GIVE_BACK)]
    return await _touch(connection, _GIVE_BACK.where(_OF_LOOKUPS), lookup_ids, {})


async def end(
    connection: Connection,
    lookup_ids: Iterable[int],
    *,
    status: TaskStatus,
    code: str,
    reason: str,
    strand: int = 0,
    tries: int = 0,
    at: float,
) -> list[Touched]:
    """End those running tasks of this strand that have had so many tries, all in the same way; which."""
    values = {"ended_as": status.value, "code": code, "reason": reason, "in_strand": strand, "tries": tries, "at": at}
    return await _touch(connection, _END, lookup_ids, values)


async def put_off(connection: Connection, due: Mapping[int, float], *, strand: int = 0, attempt: int) -> list[Touched]:
    """The running tasks of this strand of these look-ups that are at this try wait until they are due; which."""
    at_this = {"in_strand": strand, "tried": attempt}
    touched = await _touch(connection, _PUT_OFF_NOW, due, at_this)
    if touched:
        waiting = dict.fromkeys(one.lookup_id for one in touched)
        rows = [{"this_lookup": one, "due_at": due[one], **at_this} for one in waiting]
        await connection.execute(_PUT_OFF, rows)
    return touched


async def due_of(connection: Connection, lookup_ids: Iterable[int]) -> dict[int, float | None]:
    """For each of the look-ups that a task waits for, when the first one is due; None: now."""
    due: dict[int, float | None] = {}
    for some in in_chunks(lookup_ids):
        rows = await connection.execute(_DUE_OF, {"lookup_ids": some})
        due |= {row.lookup_id: row.at or None for row in rows}
    return due


async def waits_for(
    connection: Connection, lookup_ids: Iterable[int], *, at: float, longest_delay_s: float
) -> dict[int, Sources]:
    """Those of the look-ups that a task waits for which has not begun, and waits for no later try.

    Output: whom those tasks want to be asked.
    """
    texts: dict[int, dict[str, None]] = {}
    for some in in_chunks(lookup_ids):
        for row in await connection.execute(_NOT_BEGUN, {"lookup_ids": some, **due_values(at, longest_delay_s)}):
            texts.setdefault(row.lookup_id, {})[row.sources] = None
    return {
        lookup_id: Sources.in_turns([Sources.of_text(text) for text in several]) for lookup_id, several in texts.items()
    }


async def complete(
    connection: Connection,
    named: Mapping[int, KnownName],
    *,
    at: float,
    detail: Callable[[Touched], str | None] = lambda _: None,
) -> list[Touched]:
    """Complete the active tasks of look-ups, each with its own name, source and what is verified of it; which."""
    waiting = await _touch(connection, _WAITING_FOR, named, {})
    if waiting:
        completions = [
            {
                "this_id": one.id,
                "this_hash_v2": _second_hash(one, named[one.lookup_id]),
                "this_name": named[one.lookup_id].name,
                "this_source": named[one.lookup_id].source,
                "this_verified": named[one.lookup_id].verified,
                "this_detail": detail(one),
                "at": at,
            }
            for one in waiting
        ]
        await connection.execute(_COMPLETE, completions)
    return waiting


async def tell(connection: Connection, details: Mapping[str, str]) -> None:
    """Keep what was done for tasks, by their ids."""
    if details:
        await connection.execute(_TELL, [{"this_id": one, "this_detail": detail} for one, detail in details.items()])


def _second_hash(touched: Touched, known: KnownName) -> str | None:
    """What stood beside the hash in the magnet is a stranger's word until the metadata says what its v2 hash is."""
    return known.beside(touched.hash) if known.verified else touched.hash_v2


async def _touch(
    connection: Connection, statement: Executable, lookup_ids: Iterable[int], values: Mapping[str, object]
) -> list[Touched]:
    touched: list[Touched] = []
    for some in in_chunks(lookup_ids):
        touched += [Touched._make(row) for row in await connection.execute(statement, {"lookup_ids": some, **values})]
    return touched
