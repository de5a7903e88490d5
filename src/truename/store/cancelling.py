"""Cancelling as changes to sets of rows: what is cancelled is laid aside once, so that no statement looks for it again.

Lock order, as everywhere: look-ups (by id), tasks, batches, events.
"""

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.schema import CreateTable

from truename.codes import Code
from truename.model import TaskStatus
from truename.store import batches, lookups, progress, tasks
from truename.store.database import Connection
from truename.store.lookups import ENDED, delivery_of
from truename.store.tables import ONE, PENDING, batch, batch_task, event, lookup, task

_aside = MetaData()
_gone = Table(
    "gone_task",
    _aside,
    Column("task_id", String(36), primary_key=True),
    Column("lookup_id", BigInteger, index=False),
    Column("person_id", Integer),
    Column("watched_hash", String(64)),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,  # one tree instead of two, and read in the order of the tables it is joined with
)
_idle = Table(
    "idle_lookup",
    _aside,
    Column("lookup_id", BigInteger, primary_key=True),
    Column("delivery", String(36)),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
_OF_GONE = select(_gone.c.lookup_id)
_OF_IDLE = select(_idle.c.lookup_id)


Selected = Select[tuple[str, int, int, str | None]]
"""Tasks that have not ended: their id, look-up and person, and the hash of those for which the watch had asked."""


def owned(wanted: Sequence[tuple[str, int]]) -> Selected:
    """Selects those of these tasks, given with their persons, that have not ended."""
    theirs = tuple_(task.c.id, task.c.person_id).in_(wanted)
    return _active().where(task.c.id.in_([task_id for task_id, _ in wanted]), theirs)


def waiting_of(person_id: int, *, most: int) -> Selected:
    """Selects what waits of a person's tasks, the first in the line first."""
    theirs = _active().where(task.c.person_id == person_id, task.c.status == PENDING)
    return theirs.order_by(task.c.prio, task.c.rank).limit(most)


def created_by(batch_id: str, *, person_id: int) -> Selected:
    """Selects what a person's batch has created and has not ended."""
    members = (
        select(batch_task.c.task_id)
        .join(batch, batch.c.id == batch_task.c.batch_id)
        .where(batch.c.id == batch_id, batch.c.person_id == person_id, batch_task.c.created.is_(True))
    )
    return _active().where(task.c.id.in_(members))


def _active() -> Selected:
    watched_hash = case((task.c.watched.is_(True), task.c.hash))
    return select(task.c.id, task.c.lookup_id, task.c.person_id, watched_hash).where(task.c.active == ONE)


async def cancel(connection: Connection, wanted: Selected, *, at: float, tells: bool) -> Sequence[str]:
    """Cancel the selected tasks, and the look-ups that nobody waits for any more.

    Output: the deliveries of those that were out. `watched_just_cancelled` tells more.
    """
    await _lay_aside(connection, wanted)
    await connection.execute(
        update(task)
        .where(task.c.id.in_(select(_gone.c.task_id)), task.c.active == ONE)
        .values(
            status=TaskStatus.CANCELLED.value,
            active=None,
            code=Code.CANCELLED,
            reason=Code.CANCELLED,
            next_attempt_at=None,
            completed_at=at,
        )
    )
    deliveries = await _end_idle(connection)
    others_wait = select(lookup.c.id).where(lookup.c.id.in_(_OF_GONE), lookup.c.active == ONE)
    left = list((await connection.execute(others_wait)).scalars())
    await lookups.ask_anew(connection, await tasks.wanted_by_those_who_wait(connection, left))
    await lookups.stand(connection, left)
    due = await progress.due_of(connection, left)
    await lookups.rest(connection, {one: later for one, later in due.items() if later is not None and later > at})
    of_gone = batch_task.c.task_id.in_(select(_gone.c.task_id))  # as a join SQLite reads the members of all batches
    counted = select(batch_task.c.batch_id, func.count().label("tasks")).where(of_gone)
    fewer = {row.batch_id: row.tasks for row in await connection.execute(counted.group_by(batch_task.c.batch_id))}
    await batches.count_down_by(connection, fewer, at=at, tells=tells)
    changed = select(_gone.c.person_id, literal("task"), _gone.c.task_id, literal(at))
    await connection.execute(insert(event).from_select(["person_id", "kind", "task_id", "at"], changed))
    return deliveries


async def count_just_cancelled(connection: Connection) -> int:
    """How many tasks `cancel` has cancelled in this transaction."""
    count: int = (await connection.execute(select(func.count()).select_from(_gone))).scalar_one()
    return count


async def watched_just_cancelled(connection: Connection) -> list[tuple[int, str]]:
    """The (person, hash) for which the watch had asked, of what `cancel` has cancelled in this transaction."""
    watched = select(_gone.c.person_id, _gone.c.watched_hash).where(_gone.c.watched_hash.is_not(None))
    return [(row.person_id, row.watched_hash) for row in await connection.execute(watched)]


async def _lay_aside(connection: Connection, wanted: Selected) -> None:
    for table in (_gone, _idle):
        await connection.execute(CreateTable(table, if_not_exists=True))
        await connection.execute(delete(table))
    locked = select(lookup.c.id).where(lookup.c.id.in_(select(wanted.subquery().c.lookup_id)))
    if connection.dialect.name != "sqlite":  # whose one writer has the database for itself
        await connection.execute(locked.order_by(lookup.c.id).with_for_update())
    await connection.execute(insert(_gone).from_select(list(_gone.c), wanted))


async def _end_idle(connection: Connection) -> Sequence[str]:
    waited_for = exists().where(task.c.lookup_id == lookup.c.id, task.c.active == ONE)
    idle = select(lookup.c.id, lookup.c.delivery).where(lookup.c.id.in_(_OF_GONE), lookup.c.active == ONE, ~waited_for)
    await connection.execute(insert(_idle).from_select(list(_idle.c), idle))
    await connection.execute(update(lookup).where(lookup.c.id.in_(_OF_IDLE)).values(ENDED))
    out = await connection.execute(
        select(_idle.c.lookup_id, _idle.c.delivery).where(_idle.c.delivery.is_not(None)).order_by(_idle.c.lookup_id)
    )
    return [delivery_of(row.lookup_id, row.delivery) for row in out]
