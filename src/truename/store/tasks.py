"""Tasks: who asked for what. A final state never changes, so every change here is conditional on `active`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from truename.model import TaskStatus
from truename.store.names import KnownName
from truename.store.portable import in_chunks
from truename.store.tables import lookup, task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task as it stands. Times are epoch seconds."""

    id: str
    person_id: int
    hash: str
    hash_v2: str | None
    status: TaskStatus
    prio: int
    lookup_id: int | None
    attempt: int = 0
    name: str | None = None
    source: str | None = None
    verified: bool | None = None
    code: str | None = None
    reason: str | None = None
    created_at: float
    started_at: float | None = None
    completed_at: float | None = None


_COLUMNS = [column for column in task.c if column.name != "active"]


async def insert_all(connection: AsyncConnection, tasks: Sequence[TaskRow]) -> None:
    """New tasks. Inserting one twice is inserting it once."""
    if tasks:
        rows = [
            {
                **{column.name: getattr(one, column.name) for column in _COLUMNS},
                "status": one.status.value,
                "active": None if one.status.is_final else 1,
            }
            for one in tasks
        ]
        await connection.execute(insert(task), rows)


async def active_of(connection: AsyncConnection, asked: Iterable[tuple[int, str]]) -> dict[tuple[int, str], TaskRow]:
    """The active tasks of these (person, hash)."""
    found: dict[tuple[int, str], TaskRow] = {}
    for some in in_chunks(asked):
        rows = await connection.execute(
            select(*_COLUMNS).where(task.c.active == 1, tuple_(task.c.person_id, task.c.hash).in_(some))
        )
        found |= {(row.person_id, row.hash): _read(row) for row in rows}
    return found


async def latest_of(connection: AsyncConnection, asked: Iterable[tuple[int, str]]) -> dict[tuple[int, str], TaskRow]:
    """The newest task of each of these (person, hash), ended or not."""
    found: dict[tuple[int, str], TaskRow] = {}
    for some in in_chunks(asked):
        rows = await connection.execute(
            select(*_COLUMNS)
            .where(tuple_(task.c.person_id, task.c.hash).in_(some))
            .order_by(task.c.created_at, task.c.active.nulls_first())
        )
        found |= {(row.person_id, row.hash): _read(row) for row in rows}
    return found


async def of_ids(
    connection: AsyncConnection, ids: Iterable[str], *, person_id: int, ended_after: float
) -> dict[str, TaskRow]:
    """A person's tasks, without those whose time is over."""
    found: dict[str, TaskRow] = {}
    for some in in_chunks(ids):
        rows = await connection.execute(
            select(*_COLUMNS).where(
                task.c.id.in_(some),
                task.c.person_id == person_id,
                task.c.completed_at.is_(None) | (task.c.completed_at > ended_after),
            )
        )
        found |= {row.id: _read(row) for row in rows}
    return found


async def start(connection: AsyncConnection, lookup_ids: Iterable[int], *, at: float) -> list[TaskRow]:
    """The tasks that wait for these look-ups are running, one try more; which."""
    return await _change(
        connection,
        lookup_ids,
        from_status=TaskStatus.PENDING,
        values={"status": TaskStatus.RUNNING.value, "attempt": task.c.attempt + 1, "started_at": literal(at)},
    )


async def give_back(connection: AsyncConnection, lookup_ids: Iterable[int] | None = None) -> list[TaskRow]:
    """Running tasks wait again, all of them or those of these look-ups, and the try does not count; which."""
    return await _change(
        connection,
        lookup_ids,
        from_status=TaskStatus.RUNNING,
        values={"status": TaskStatus.PENDING.value, "attempt": task.c.attempt - 1, "started_at": None},
    )


async def end(
    connection: AsyncConnection, lookup_ids: Iterable[int], *, values: Mapping[str, object], at: float
) -> list[TaskRow]:
    """End the running tasks of these look-ups, all with the same status and code; which."""
    ended: list[TaskRow] = []
    for some in in_chunks(lookup_ids):
        rows = await connection.execute(
            update(task)
            .where(task.c.lookup_id.in_(some), task.c.status == TaskStatus.RUNNING.value)
            .values(**values, active=None, completed_at=at)
            .returning(*_COLUMNS)
        )
        ended += [_read(row) for row in rows]
    return ended


async def complete(connection: AsyncConnection, named: Mapping[int, KnownName], *, at: float) -> list[TaskRow]:
    """Complete the active tasks of look-ups, each with its own name, source and whether it is verified; which."""
    waiting = []
    for some in in_chunks(named):
        rows = await connection.execute(select(*_COLUMNS).where(task.c.lookup_id.in_(some), task.c.active == 1))
        waiting += [_read(row) for row in rows]
    if not waiting:
        return []
    await connection.execute(
        update(task)
        .where(task.c.id == bindparam("this_id"), task.c.active == 1)
        .values(
            status=TaskStatus.COMPLETED.value,
            active=None,
            name=bindparam("this_name"),
            source=bindparam("this_source"),
            verified=bindparam("this_verified"),
            completed_at=at,
        ),
        [_completion(one.id, named[one.lookup_id or 0]) for one in waiting],
    )
    return waiting


def _completion(task_id: str, known: KnownName) -> dict[str, object]:
    return {
        "this_id": task_id,
        "this_name": known.name,
        "this_source": known.source,
        "this_verified": known.verified,
    }


async def lookups_with_active(connection: AsyncConnection, lookup_ids: Iterable[int]) -> set[int]:
    """Those of the look-ups for which a task still waits."""
    found: set[int] = set()
    for some in in_chunks(lookup_ids):
        rows = await connection.execute(
            select(task.c.lookup_id).where(task.c.lookup_id.in_(some), task.c.active == 1).distinct()
        )
        found |= set(rows.scalars())
    return found


async def queue_position(connection: AsyncConnection, lookup_id: int, *, most: int = 10_000) -> int | None:
    """How many look-ups of its priority will be taken before this one, itself included; None when it is not waiting.

    Counts at most `most`: beyond that a person does not care, and the database should not.
    """
    mine = (
        await connection.execute(
            select(lookup.c.prio, lookup.c.rank, lookup.c.id).where(
                lookup.c.id == lookup_id, lookup.c.status == "pending"
            )
        )
    ).one_or_none()
    if mine is None:
        return None
    before = (
        select(literal(1))
        .where(
            lookup.c.status == "pending",
            lookup.c.prio == mine.prio,
            tuple_(lookup.c.rank, lookup.c.id) <= tuple_(literal(mine.rank), literal(mine.id)),
        )
        .limit(most)
        .subquery()
    )
    return int((await connection.execute(select(func.count()).select_from(before))).scalar_one())


async def forget(connection: AsyncConnection, *, ended_before: float, most: int) -> int:
    """Delete tasks that ended before a time, at most so many in one transaction; how many."""
    old = select(task.c.id).where(task.c.completed_at < ended_before).limit(most)
    return (await connection.execute(delete(task).where(task.c.id.in_(old)))).rowcount


async def count_active(connection: AsyncConnection, person_id: int | None = None) -> int:
    """How many tasks have not ended, of everybody or of a person."""
    statement = select(func.count()).select_from(task).where(task.c.active == 1)
    if person_id is not None:
        statement = statement.where(task.c.person_id == person_id)
    return int((await connection.execute(statement)).scalar_one())


async def _change(
    connection: AsyncConnection,
    lookup_ids: Iterable[int] | None,
    *,
    from_status: TaskStatus,
    values: Mapping[str, object],
) -> list[TaskRow]:
    change = update(task).where(task.c.status == from_status.value).values(**values).returning(*_COLUMNS)
    statements = (
        [change] if lookup_ids is None else [change.where(task.c.lookup_id.in_(s)) for s in in_chunks(lookup_ids)]
    )
    return [_read(row) for statement in statements for row in await connection.execute(statement)]


def _read(row: object) -> TaskRow:
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    return TaskRow(**(values | {"status": TaskStatus(values["status"])}))
