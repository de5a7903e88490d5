"""Tasks: who asked for what, and how they stand. How they go on is in `progress.py`."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    tuple_,
    update,
)

from truename.model import TaskStatus
from truename.store.database import Connection
from truename.store.portable import by_hash, in_chunks
from truename.store.sources import NOBODY, Sources
from truename.store.tables import ONE, PENDING, batch, batch_task, task, watch

MOST_COUNTED = 10_000
"""Whoever stands further back in the queue is told this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task as it stands. Times are epoch seconds.

    `rank` is the place in the lanes that it had if nobody else had asked for its hash: what its owner is told of the
    queue is counted from there.
    """

    id: str
    person_id: int
    hash: str
    hash_v2: str | None
    status: TaskStatus
    prio: int
    rank: int = 0
    lookup_id: int | None
    attempt: int = 0
    next_attempt_at: float | None = None
    watched: bool = False
    name: str | None = None
    source: str | None = None
    verified: bool | None = None
    code: str | None = None
    reason: str | None = None
    created_at: float
    started_at: float | None = None
    completed_at: float | None = None
    sources: str = NOBODY
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What those who wait for a look-up want of it, together.

    `sources`: whom to ask, in turns. `hash_v2`: of the first one who names a second hash.
    """

    sources: Sources
    hash_v2: str | None


# What a task that waits for its first turn does not have: half of the columns, and much of the cost of ten thousand.
_LATER = frozenset(
    (
        *("attempt", "next_attempt_at", "name", "source", "verified", "code", "reason"),
        *("started_at", "completed_at", "detail"),
    )
)
_COLUMNS = [column for column in task.c if column.name not in ("active", "strand")]
_NAMES = [column.name for column in _COLUMNS]
_OF_WAITING = [name for name in _NAMES if name not in _LATER]
_OF_HASHES = task.c.hash.in_(bindparam("hashes", expanding=True))

# Statements of the busy paths are built once: building one costs more than running it.
_INSERT = insert(task)
_ACTIVE_OF = select(*_COLUMNS).where(task.c.active == ONE, _OF_HASHES)
_ENDED_AFTER: ColumnElement[float] = bindparam("ended_after")
_IN_A_LATER_BATCH = exists().where(
    batch_task.c.task_id == task.c.id,
    batch_task.c.batch_id == batch.c.id,
    batch.c.ended_at.is_(None) | (batch.c.ended_at > _ENDED_AFTER),
)
_REMEMBERED = task.c.completed_at.is_(None) | (task.c.completed_at > _ENDED_AFTER) | _IN_A_LATER_BATCH
# A clock that was set back makes the newest seem old; but none is newer than the one that has not ended.
_NEWEST_FIRST = func.row_number().over(
    partition_by=(task.c.person_id, task.c.hash),
    order_by=(task.c.active.is_(None), task.c.created_at.desc(), task.c.id),
)
_IN_TURN = (
    select(task.c.id, _NEWEST_FIRST.label("turn"))
    .where(_OF_HASHES, task.c.person_id.in_(bindparam("persons", expanding=True)), _REMEMBERED)
    .subquery()
)
_LATEST_OF = select(*_COLUMNS).where(task.c.id.in_(select(_IN_TURN.c.id).where(_IN_TURN.c.turn == 1)))
_OF_IDS = select(*_COLUMNS).where(
    task.c.id.in_(bindparam("ids", expanding=True)), task.c.person_id == bindparam("person_id"), _REMEMBERED
)
_PLACE = (
    update(task)
    .where(task.c.id == bindparam("this_id"), task.c.active == ONE)
    .values(
        hash_v2=bindparam("new_hash_v2"),
        prio=bindparam("new_prio"),
        rank=bindparam("new_rank"),
        next_attempt_at=bindparam("new_attempt_at"),
        watched=bindparam("new_watched"),
        sources=bindparam("new_sources"),
    )
)
_WANTED_BY = (
    select(task.c.lookup_id, task.c.sources, task.c.hash_v2)
    .where(task.c.lookup_id.in_(bindparam("lookup_ids", expanding=True)), task.c.active == ONE)
    .order_by(task.c.created_at, task.c.rank, task.c.id)
)
_LAST_RANK = select(func.max(task.c.rank)).where(
    task.c.active == ONE, task.c.person_id == bindparam("whose"), task.c.prio == bindparam("of_prio")
)
_STANDS_IN_LINE = task.c.next_attempt_at.is_(None) | (task.c.next_attempt_at <= bindparam("now"))
_BETWEEN = select(func.count()).select_from(
    select(literal(1))
    .where(
        task.c.status == PENDING,
        task.c.prio == bindparam("of_prio"),
        tuple_(task.c.rank, task.c.created_at) >= tuple_(bindparam("from_rank"), bindparam("from_time")),
        tuple_(task.c.rank, task.c.created_at) < tuple_(bindparam("before_rank"), bindparam("before_time")),
        _STANDS_IN_LINE,
    )
    .limit(bindparam("most"))
    .subquery()
)
_OF_ANYBODY = select(*_COLUMNS).where(task.c.id.in_(bindparam("ids", expanding=True)))
# By the bare column SQLite would go through the ended tasks as well, in the order of another index.
_WHOSE = (task.c.person_id + literal_column("0")).label("person_id")
_COUNT_BY_PERSON = select(_WHOSE, func.count().label("tasks")).where(task.c.active == ONE).group_by(_WHOSE)


async def insert_all(connection: Connection, tasks: Sequence[TaskRow], begun: Sequence[int] = ()) -> None:
    """New tasks. The look-up of a task may be -1 minus its index in `begun`, the look-ups that were just made."""
    for names, alike in (
        (_OF_WAITING, [one for one in tasks if one.status is TaskStatus.PENDING]),
        (_NAMES, [one for one in tasks if one.status is not TaskStatus.PENDING]),
    ):
        if alike:
            await connection.execute(_INSERT, [_as_row(one, begun, names) for one in alike])


async def place_all(connection: Connection, raised: Collection[TaskRow]) -> None:
    """Write what asking again may change of tasks: their place in the lanes, their next try, who asks, and whom."""
    if raised:
        rows = [
            {
                "this_id": one.id,
                "new_hash_v2": one.hash_v2,
                "new_prio": one.prio,
                "new_rank": one.rank,
                "new_attempt_at": one.next_attempt_at,
                "new_watched": one.watched,
                "new_sources": one.sources,
            }
            for one in raised
        ]
        await connection.execute(_PLACE, rows)


def _as_row(one: TaskRow, begun: Sequence[int], names: Sequence[str]) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(one, name) for name in names}
    row["status"] = one.status.value
    row["active"] = None if one.status.is_final else 1
    if one.lookup_id is not None and one.lookup_id < 0:
        row["lookup_id"] = begun[-1 - one.lookup_id]
    return row


async def active_of(connection: Connection, asked: Iterable[tuple[int, str]]) -> dict[tuple[int, str], TaskRow]:
    """The active tasks of these (person, hash)."""
    found: dict[tuple[int, str], TaskRow] = {}
    for keys, hashes in by_hash(asked):
        rows = await connection.execute(_ACTIVE_OF, {"hashes": hashes})
        found |= {(row.person_id, row.hash): _read(row) for row in rows if (row.person_id, row.hash) in keys}
    return found


async def latest_of(
    connection: Connection, asked: Iterable[tuple[int, str]], *, ended_after: float
) -> dict[tuple[int, str], TaskRow]:
    """The newest task of each of these (person, hash), ended or not, without those whose time is over."""
    found: dict[tuple[int, str], TaskRow] = {}
    for keys, hashes in by_hash(asked):
        persons = list({person_id for person_id, _ in keys})
        values = {"hashes": hashes, "persons": persons, "ended_after": ended_after}
        rows = await connection.execute(_LATEST_OF, values)
        found |= {(row.person_id, row.hash): _read(row) for row in rows if (row.person_id, row.hash) in keys}
    return found


async def of_ids(
    connection: Connection, ids: Iterable[str], *, person_id: int, ended_after: float
) -> dict[str, TaskRow]:
    """A person's tasks, without those whose time is over."""
    found: dict[str, TaskRow] = {}
    for some in in_chunks(ids):
        rows = await connection.execute(_OF_IDS, {"ids": some, "person_id": person_id, "ended_after": ended_after})
        found |= {row.id: _read(row) for row in rows}
    return found


async def of_anybody(connection: Connection, ids: Iterable[str]) -> dict[str, TaskRow]:
    """Tasks, whoever's they are: for whoever owns the machine."""
    found: dict[str, TaskRow] = {}
    for some in in_chunks(ids):
        found |= {row.id: _read(row) for row in await connection.execute(_OF_ANYBODY, {"ids": some})}
    return found


async def last_ranks(connection: Connection, lanes: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """The rank of the last task that has not ended in each of these lanes (priority, person), if there is one."""
    last: dict[tuple[int, int], int] = {}
    for lane in dict.fromkeys(lanes):
        rank = (await connection.execute(_LAST_RANK, {"of_prio": lane[0], "whose": lane[1]})).scalar_one()
        if rank is not None:
            last[lane] = rank
    return last


async def queue_positions(
    connection: Connection, waiting: Collection[TaskRow], *, at: float = 0.0, most: int = MOST_COUNTED
) -> dict[str, int]:
    """The places of waiting tasks among all tasks that wait in their priority, from 1, by their ids.

    Everybody's is counted as if nobody else had asked for its hash, so it says nothing of who has. What waits for
    another try stands in the line as soon as that is due, `at` being now. Counts at most `most` of them: beyond that a
    person does not care, and the database should not.
    """
    places: dict[str, int] = {}
    before: TaskRow | None = None
    for one in sorted(waiting, key=lambda one: (one.prio, one.rank, one.created_at)):
        if before is None or before.prio != one.prio:
            before = None
        known = places[before.id] if before is not None else 1
        places[one.id] = min(most, known + await _between(connection, before, one, at, most - known))
        before = one
    return places


async def _between(connection: Connection, first: TaskRow | None, last: TaskRow, at: float, most: int) -> int:
    """How many tasks wait from `first` on (or from the beginning) before `last`."""
    if most <= 0:
        return 0
    from_rank, from_time = (first.rank, first.created_at) if first is not None else (0, 0.0)
    given = {"of_prio": last.prio, "before_rank": last.rank, "before_time": last.created_at}
    given |= {"from_rank": from_rank, "from_time": from_time, "now": at, "most": most}
    count: int = (await connection.execute(_BETWEEN, given)).scalar_one()
    return count


async def wanted_by_those_who_wait(connection: Connection, lookup_ids: Collection[int]) -> dict[int, Wants]:
    """For each of these look-ups that an active task waits for, what those tasks want of it."""
    found: dict[int, list[Row[Any]]] = {}
    for some in in_chunks(lookup_ids):
        for row in await connection.execute(_WANTED_BY, {"lookup_ids": some}):
            found.setdefault(row.lookup_id, []).append(row)
    return {one: _together(rows) for one, rows in found.items()}


def _together(rows: Sequence[Row[Any]]) -> Wants:
    return Wants(
        sources=Sources.in_turns([Sources.of_text(row.sources) for row in rows]),
        hash_v2=next((row.hash_v2 for row in rows if row.hash_v2 is not None), None),
    )


async def forget(connection: Connection, *, ended_before: float, most: int) -> Sequence[int | None]:
    """Delete tasks that ended before a time and are in no batch that there still is, at most so many.

    Output: the look-up of each.
    """
    in_a_batch = exists().where(batch_task.c.task_id == task.c.id)
    old = select(task.c.id).where(task.c.completed_at <= ended_before, ~in_a_batch).limit(most)
    gone = delete(task).where(task.c.id.in_(old)).returning(task.c.lookup_id)
    return (await connection.execute(gone)).scalars().all()


async def newest(
    connection: Connection,
    person_id: int | None,
    *,
    status: TaskStatus | None,
    before: tuple[float, int, str] | None = None,
    limit: int,
    ended_after: float,
) -> list[TaskRow]:
    """A person's tasks, or everybody's, newest first, from the one after `before` (its time, rank and id) on.

    Of those that were asked for at once, the one that comes last in its lane is the newest.
    """
    statement = select(*_COLUMNS).where(_REMEMBERED)
    if person_id is not None:
        statement = statement.where(task.c.person_id == person_id)
    if status is not None:
        statement = statement.where(task.c.status == status.value)
    if before is not None:
        statement = statement.where(tuple_(task.c.created_at, task.c.rank, task.c.id) < tuple_(*map(literal, before)))
    ordered = statement.order_by(task.c.created_at.desc(), task.c.rank.desc(), task.c.id.desc()).limit(limit)
    return [_read(row) for row in await connection.execute(ordered, {"ended_after": ended_after})]


async def count_by_status(connection: Connection, person_id: int, *, ended_after: float) -> Counter[TaskStatus]:
    """How many tasks a person has in each state."""
    statement = select(task.c.status, func.count().label("tasks")).where(task.c.person_id == person_id, _REMEMBERED)
    rows = await connection.execute(statement.group_by(task.c.status), {"ended_after": ended_after})
    return Counter({TaskStatus(row.status): row.tasks for row in rows})


async def of_batch(connection: Connection, batch_id: str, *, after_place: int, limit: int) -> list[tuple[int, TaskRow]]:
    """The tasks of a batch, each with its place, in the order of the places."""
    rows = await connection.execute(
        select(batch_task.c.place, *_COLUMNS)
        .join(task, task.c.id == batch_task.c.task_id)
        .where(batch_task.c.batch_id == batch_id, batch_task.c.place > after_place)
        .order_by(batch_task.c.place)
        .limit(limit)
    )
    return [(row[0], TaskRow(**_values(row._asdict()))) for row in rows]


async def count_by_person(connection: Connection) -> Counter[int]:
    """How many tasks have not ended, for each person who has any."""
    return Counter({row.person_id: row.tasks for row in await connection.execute(_COUNT_BY_PERSON)})


async def count_watched(connection: Connection) -> int:
    """How many tasks of the watch have not ended. Whoever said stop asks for what is left on their own account."""
    goes_on = exists().where(
        watch.c.person_id == task.c.person_id, watch.c.hash == task.c.hash, watch.c.next_at.is_not(None)
    )
    asked_for = (task.c.active == ONE, task.c.watched.is_(True), goes_on)
    statement = select(func.count()).select_from(task).where(*asked_for)
    return int((await connection.execute(statement)).scalar_one())


def _read(row: Row[Any]) -> TaskRow:
    return TaskRow(**_values(row._asdict()))


def _values(values: dict[str, Any]) -> dict[str, Any]:
    values.pop("place", None)
    return values | {"status": TaskStatus(values["status"])}
