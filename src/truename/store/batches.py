"""Batches: requests that were made together, and what has become of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, update

from truename.model import TaskStatus
from truename.store import tasks
from truename.store.database import Connection
from truename.store.due import due_values, has_come, is_too_far_off
from truename.store.portable import in_chunks
from truename.store.tables import batch, batch_task, task
from truename.store.tasks import TaskRow


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch to be made. `active`: how many of its tasks have not ended."""

    id: str
    person_id: int
    total: int
    active: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTask:
    """A task in a batch. `created`: the batch made it; otherwise the person had it already."""

    task_id: str
    place: int
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One batch as it stands; `counts` has how many of its tasks are in each state."""

    id: str
    person_id: int
    created_at: float
    total: int
    ended_at: float | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """A batch in a list. `active`: how many of its tasks have not ended."""

    id: str
    created_at: float
    total: int
    active: int


class ToTell(NamedTuple):
    """The end of a batch of which the webhook is to be told: since when, and how often that was tried."""

    batch_id: str
    person_id: int
    tried: int
    due_at: float


# Statements of the busy paths are built once: building one costs more than running it.
_PUT_IN = insert(batch_task)
_MEMBERS = (
    select(batch_task.c.batch_id, func.count().label("tasks"))
    .where(batch_task.c.task_id.in_(bindparam("task_ids", expanding=True)))
    .group_by(batch_task.c.batch_id)
)
_COUNT_DOWN = update(batch).where(batch.c.id == bindparam("this_id")).values(active=batch.c.active - bindparam("fewer"))


async def insert_all(
    connection: Connection, made: Sequence[tuple[NewBatch, Sequence[BatchTask]]], *, tells: bool
) -> None:
    """New batches with their tasks, which are there already."""
    for one, members in made:
        ended_at = None if one.active else one.at
        await connection.execute(
            insert(batch).values(
                id=one.id,
                person_id=one.person_id,
                created_at=one.at,
                total=one.total,
                active=one.active,
                ended_at=ended_at,
                tell_at=ended_at if tells else None,
            )
        )
        if members:
            await connection.execute(
                _PUT_IN,
                [
                    {"batch_id": one.id, "task_id": each.task_id, "place": each.place, "created": each.created}
                    for each in members
                ],
            )


async def count_down(connection: Connection, task_ids: Iterable[str], *, at: float, tells: bool) -> None:
    """These tasks have ended: a batch whose last one is among them ends with it."""
    fewer: dict[str, int] = {}
    for some in in_chunks(task_ids):
        for row in await connection.execute(_MEMBERS, {"task_ids": some}):
            fewer[row.batch_id] = fewer.get(row.batch_id, 0) + row.tasks
    await count_down_by(connection, fewer, at=at, tells=tells)


async def count_down_by(connection: Connection, fewer: Mapping[str, int], *, at: float, tells: bool) -> None:
    """The same, counted already: in each of these batches so many tasks have ended."""
    if not fewer:
        return
    await connection.execute(_COUNT_DOWN, [{"this_id": one, "fewer": count} for one, count in fewer.items()])
    over = update(batch).where(batch.c.active <= 0, batch.c.ended_at.is_(None))
    for some in in_chunks(fewer):
        await connection.execute(over.where(batch.c.id.in_(some)).values(ended_at=at, tell_at=at if tells else None))


async def get(connection: Connection, batch_id: str, *, person_id: int, ended_after: float) -> BatchRow | None:
    """A person's batch, or None: also when it is somebody else's, or its time is over."""
    row = (
        await connection.execute(
            select(batch).where(
                batch.c.id == batch_id,
                batch.c.person_id == person_id,
                batch.c.ended_at.is_(None) | (batch.c.ended_at > ended_after),
            )
        )
    ).one_or_none()
    if row is None:
        return None
    counted = await connection.execute(
        select(task.c.status, func.count().label("tasks"))
        .join(batch_task, batch_task.c.task_id == task.c.id)
        .where(batch_task.c.batch_id == batch_id)
        .group_by(task.c.status)
    )
    return BatchRow(
        id=row.id,
        person_id=row.person_id,
        created_at=row.created_at,
        total=row.total,
        ended_at=row.ended_at,
        counts={each.status: each.tasks for each in counted},
    )


async def newest(connection: Connection, person_id: int, *, limit: int, ended_after: float) -> Sequence[BatchLine]:
    """A person's batches, newest first."""
    rows = await connection.execute(
        select(batch.c.id, batch.c.created_at, batch.c.total, batch.c.active)
        .where(batch.c.person_id == person_id, batch.c.ended_at.is_(None) | (batch.c.ended_at > ended_after))
        .order_by(batch.c.created_at.desc(), batch.c.id)
        .limit(limit)
    )
    return [BatchLine(**row._asdict()) for row in rows]


async def unnamed_of(connection: Connection, batch_id: str, *, person_id: int) -> Sequence[TaskRow]:
    """The tasks of a person's batch that failed or timed out, in order."""
    again = (TaskStatus.FAILED, TaskStatus.TIMEOUT)
    rows = await tasks.of_batch(connection, batch_id, after_place=-1, limit=2**31 - 1)
    return [row for _, row in rows if row.status in again and row.person_id == person_id]


async def put_in_place(
    connection: Connection,
    batch_id: str,
    pairs: Sequence[tuple[str, str, bool]],
    *,
    waiting: int,
    at: float,
    tells: bool,
) -> None:
    """Put new tasks in the places of old ones, given as (old, new, created); `waiting` of them have not ended.

    A batch that had ended begins again, or, where all of them are answered at once, ends again.
    """
    if not pairs:
        return
    there: set[str] = set()
    for some in in_chunks(new for _, new, _ in pairs):
        wanted = select(batch_task.c.task_id).where(batch_task.c.batch_id == batch_id, batch_task.c.task_id.in_(some))
        there.update((await connection.execute(wanted)).scalars())
    await connection.execute(
        update(batch_task)
        .where(batch_task.c.batch_id == batch_id, batch_task.c.task_id == bindparam("old"))
        .values(task_id=bindparam("new"), created=bindparam("made")),
        [{"old": old, "new": new, "made": made} for old, new, made in pairs if new not in there],
    )
    change = update(batch).where(batch.c.id == batch_id)
    if waiting:
        change = change.values(active=batch.c.active + waiting, ended_at=None, tell_at=None, told=0)
    else:
        over_again = batch.c.ended_at.is_not(None)
        change = change.where(over_again).values(ended_at=at, tell_at=at if tells else None, told=0)
    await connection.execute(change)


async def forget(
    connection: Connection, *, ended_before: float, untold_before: float, most: int
) -> Sequence[tuple[str, bool]]:
    """Delete batches that ended before a time, oldest first; their tasks stay until they are forgotten.

    Input:  `untold_before` is the time for those of which the webhook is still to be told; `most`: of so many items
            together, or one batch that is larger.
    Output: each that is gone, as (id, whether the webhook was still to be told).
    """
    told = batch.c.tell_at.is_(None) | (batch.c.ended_at <= untold_before)
    old = select(batch.c.id, batch.c.total).where(batch.c.ended_at <= ended_before, told)
    ids: list[str] = []
    items = 0
    for row in await connection.execute(old.order_by(batch.c.ended_at).limit(most)):
        items += row.total
        if ids and items > most:
            break
        ids.append(row.id)
    gone = delete(batch).where(batch.c.id.in_(ids)).returning(batch.c.id, batch.c.tell_at)
    return [(row.id, row.tell_at is not None) for row in await connection.execute(gone)]


async def to_tell(connection: Connection, *, at: float, longest_delay_s: float, limit: int) -> Sequence[ToTell]:
    """Ends that the webhook is still to be told of, the longest due first."""
    statement = (
        select(batch.c.id, batch.c.person_id, batch.c.told, batch.c.tell_at).order_by(batch.c.tell_at).limit(limit)
    )
    values = due_values(at, longest_delay_s)
    found: list[ToTell] = []
    for which in (has_come, is_too_far_off):
        rows = await connection.execute(statement.where(which(batch.c.tell_at)), values)
        found += [ToTell(row.id, row.person_id, row.told, row.tell_at) for row in rows]
    return found[:limit]


async def tried_all(connection: Connection, tried: Sequence[tuple[ToTell, float | None]]) -> Sequence[None]:
    """The writer's work: the webhook was told of these ends, or is to be told again at a time.

    A batch that was begun again meanwhile has another end, of which nobody was told.
    """
    await connection.execute(
        update(batch)
        .where(
            batch.c.id == bindparam("this_id"),
            batch.c.told == bindparam("times"),
            batch.c.tell_at == bindparam("was_due_at"),
        )
        .values(told=batch.c.told + 1, tell_at=bindparam("again_at")),
        [
            {"this_id": one.batch_id, "times": one.tried, "was_due_at": one.due_at, "again_at": again_at}
            for one, again_at in tried
        ],
    )
    return [None] * len(tried)
