"""Look-ups: one for each hash that is being asked for, which stands wherever somebody waits for it.

Lanes make the order fair: each person has one in each priority, a new task ranks behind that person's last one and not
before what has been taken, and look-ups are taken by rank. A look-up has the best rank of its tasks in each priority,
and is taken as soon as it is its turn in one of them, as it would be for each of those who wait if they were alone.
No clock; low priorities are bounded by their share, not by age.
Lock order everywhere: look-ups (by id), tasks, notes, batches, events.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Update, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from truename.magnet import Magnet
from truename.model import Lookup, LookupStatus
from truename.store.database import Connection
from truename.store.due import due_values, has_come, is_too_far_off
from truename.store.portable import in_chunks, upsert
from truename.store.sources import Sources
from truename.store.tables import ONE, PENDING, RANKS, RUNNING, WAITING, lookup, task, virtual
from truename.store.tasks import Wants


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveLookup:
    """A look-up that has not ended."""

    id: int
    hash: str
    hash_v2: str | None
    status: LookupStatus
    sources: Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLookup:
    """A look-up to be made. `ranks`: where it stands in each priority, None where nobody waits for it."""

    hash: str
    hash_v2: str | None
    sources: Sources
    created_at: float
    ranks: tuple[int | None, ...] = (None,) * len(RANKS)


# Statements of the busy paths are built once: building one costs more than running it.
_IDS = lookup.c.id.in_(bindparam("ids", expanding=True))
_ACTIVE_OF = (
    select(
        lookup.c.id,
        lookup.c.hash,
        lookup.c.hash_v2,
        lookup.c.status,
        lookup.c.sources,
    )
    .where(lookup.c.active == ONE, lookup.c.hash.in_(bindparam("hashes", expanding=True)))
    .order_by(lookup.c.id)
    .with_for_update()
)
_LOCKED_IDS_OF = _ACTIVE_OF.with_only_columns(lookup.c.hash, lookup.c.id)
_INSERT = insert(lookup)
_IDS_OF = select(lookup.c.hash, lookup.c.id).where(
    lookup.c.active == ONE, lookup.c.hash.in_(bindparam("hashes", expanding=True))
)
_CHANGE = (
    update(lookup)
    .where(lookup.c.id == bindparam("this_id"))
    .values(
        status=bindparam("new_status"),
        hash_v2=bindparam("new_hash_v2"),
        sources=bindparam("new_sources"),
        due_at=None,
    )
)
_ASK_ANEW = (
    update(lookup)
    .where(lookup.c.id == bindparam("this_id"))
    .values(sources=bindparam("new_sources"), hash_v2=bindparam("new_hash_v2"))
)


def _standing() -> Update:
    return update(lookup).values(
        {
            rank: select(func.min(task.c.rank))
            .where(task.c.lookup_id == lookup.c.id, task.c.active == ONE, task.c.prio == prio)
            .scalar_subquery()
            for prio, rank in enumerate(RANKS)
        }
    )


_STAND = _standing().where(_IDS)
_TAKEN_RANKS = select(virtual.c.prio, virtual.c.v)
_TAKEN_RANK = select(virtual.c.v).where(virtual.c.prio == bindparam("of_prio"))


def _taking(rank: ColumnElement[int]) -> ReturningUpdate[Any]:
    next_ones = (
        select(lookup.c.id)
        .where(lookup.c.status == PENDING, rank.is_not(None))
        .order_by(rank, lookup.c.id)
        .limit(bindparam("share"))
        .with_for_update(skip_locked=True)
    )
    return (
        update(lookup)
        .where(lookup.c.id.in_(next_ones))
        .values(status=LookupStatus.RUNNING.value, delivery=bindparam("by_delivery"), attempt=lookup.c.attempt + 1)
        .returning(
            lookup.c.id, lookup.c.hash, lookup.c.hash_v2, rank.label("rank"), *RANKS, lookup.c.sources, lookup.c.attempt
        )
    )


_TAKE = tuple(map(_taking, RANKS))
_RUNNING_OF = (
    select(lookup.c.id, lookup.c.delivery)
    .where(_IDS, lookup.c.status == RUNNING)
    .order_by(lookup.c.id)
    .with_for_update()
)
_MAGNETS_OF = select(lookup.c.id, lookup.c.hash, lookup.c.hash_v2, lookup.c.sources).where(_IDS)
_WAKE = tuple(
    update(lookup)
    .where(lookup.c.status == WAITING, which(lookup.c.due_at))
    .values(status=LookupStatus.PENDING.value, due_at=None)
    for which in (has_come, is_too_far_off)
)
_PUT_OFF_TASKS = select(task.c.lookup_id).where(
    task.c.lookup_id.in_(bindparam("lookup_ids", expanding=True)),
    task.c.active == ONE,
    task.c.next_attempt_at.is_not(None),
)
_PUT_OFF, _REST = (
    update(lookup)
    .where(lookup.c.id == bindparam("this_id"), which)
    .values(status=LookupStatus.WAITING.value, due_at=bindparam("due"), delivery=None)
    for which in (lookup.c.status == RUNNING, lookup.c.status.in_((PENDING, WAITING)))
)
ENDED = {"status": LookupStatus.ENDED.value, "active": None, "delivery": None, "due_at": None}
_END = update(lookup).where(_IDS).values(ENDED)


def delivery_of(lookup_id: int, taken_as: str) -> str:
    """The name of the delivery of a look-up that was taken with others, all under one name."""
    return f"{taken_as}.{lookup_id}"


async def active_of(connection: Connection, hashes: Iterable[str]) -> dict[str, ActiveLookup]:
    """The active look-ups of these hashes, locked for the rest of the transaction."""
    found: dict[str, ActiveLookup] = {}
    for some in in_chunks(sorted(hashes)):
        for row in await connection.execute(_ACTIVE_OF, {"hashes": some}):
            found[row.hash] = ActiveLookup(
                id=row.id,
                hash=row.hash,
                hash_v2=row.hash_v2,
                status=LookupStatus(row.status),
                sources=Sources.of_text(row.sources),
            )
    return found


async def ids_of_active(connection: Connection, hashes: Iterable[str]) -> dict[str, int]:
    """The same for who needs no more than their ids: reading the rest costs as much as ending them."""
    found: dict[str, int] = {}
    for some in in_chunks(sorted(hashes)):
        found |= {row.hash: row.id for row in await connection.execute(_LOCKED_IDS_OF, {"hashes": some})}
    return found


async def insert_all(connection: Connection, new: Sequence[NewLookup]) -> Sequence[int]:
    """Begin look-ups; their ids, in order.

    They are read by hash afterwards: a sorted RETURNING would insert them one by one.
    """
    if not new:
        return []
    rows = [
        {
            "hash": one.hash,
            "hash_v2": one.hash_v2,
            "status": LookupStatus.PENDING.value,
            "active": 1,
            **{column.name: rank for column, rank in zip(RANKS, one.ranks, strict=True)},
            "sources": one.sources.as_text(),
            "created_at": one.created_at,
        }
        for one in new
    ]
    await connection.execute(_INSERT, rows)
    ids: dict[str, int] = {}
    for some in in_chunks(one.hash for one in new):
        ids |= {row.hash: row.id for row in await connection.execute(_IDS_OF, {"hashes": some})}
    return [ids[one.hash] for one in new]


async def change_all(connection: Connection, changed: Sequence[ActiveLookup]) -> None:
    """Write the state, second hash and sources of look-ups that somebody joined; none waits for a later time."""
    if changed:
        await connection.execute(
            _CHANGE,
            [
                {
                    "this_id": one.id,
                    "new_status": one.status.value,
                    "new_hash_v2": one.hash_v2,
                    "new_sources": one.sources.as_text(),
                }
                for one in changed
            ],
        )


async def ask_anew(connection: Connection, wanted: Mapping[int, Wants]) -> None:
    """These look-ups ask from now on what is wanted of them."""
    if not wanted:
        return
    await connection.execute(
        _ASK_ANEW,
        [
            {
                "this_id": one,
                "new_sources": wants.sources.as_text(),
                "new_hash_v2": wants.hash_v2,
            }
            for one, wants in wanted.items()
        ],
    )


async def stand(connection: Connection, ids: Iterable[int]) -> None:
    """These look-ups stand, in each priority, where the first of the tasks does that have not ended."""
    for some in in_chunks(ids):
        await connection.execute(_STAND, {"ids": some})


async def stand_all(connection: Connection) -> None:
    """The same for all that have not ended."""
    await connection.execute(_standing().where(lookup.c.active == ONE))


async def ranks_taken(connection: Connection) -> dict[int, int]:
    """The rank last taken in each priority."""
    return {row.prio: row.v for row in await connection.execute(_TAKEN_RANKS)}


async def take(connection: Connection, prio: int, count: int, delivery: str) -> Sequence[Lookup]:
    """Take what is next in a priority, at most so many, and mark it as running.

    Input:  `delivery` is a fresh text; with the id of each look-up it makes the fresh ids of the deliveries.
    Output: by rank. Whichever turn has come first, each is as urgent as the most urgent task that waits for it.
    """
    if count <= 0:
        return []
    rows = (await connection.execute(_TAKE[prio], {"share": count, "by_delivery": delivery})).all()
    if rows:
        await _advance(connection, prio, max(row.rank for row in rows))
    put_off = await _with_a_later_try(connection, [row.id for row in rows if row.attempt > 1])
    return [
        Lookup(
            delivery=delivery_of(row.id, delivery),
            lookup_id=row.id,
            magnet=_magnet(row),
            prio=next(prio for prio, column in enumerate(RANKS) if getattr(row, column.name) is not None),
            has_put_off=row.id in put_off,
        )
        for row in sorted(rows, key=lambda row: (row.rank, row.id))
    ]


async def _with_a_later_try(connection: Connection, ids: Collection[int]) -> set[int]:
    """Those of these look-ups for which a task waits that is not to be tried before a time of its own."""
    found: set[int] = set()
    for some in in_chunks(ids):
        found.update((await connection.execute(_PUT_OFF_TASKS, {"lookup_ids": some})).scalars())
    return found


async def _advance(connection: Connection, prio: int, rank: int) -> None:
    """Ranks only rise: one that had been taken before and came back does not turn them back."""
    before = (await connection.execute(_TAKEN_RANK, {"of_prio": prio})).scalar_one_or_none()
    if before is None or before < rank:
        await upsert(connection, virtual, [{"prio": prio, "v": rank}])


def _magnet(row: Any) -> Magnet:
    return Sources.of_text(row.sources).magnet(row.hash, row.hash_v2)


async def running(connection: Connection) -> Sequence[int]:
    """Those that are under way."""
    return (await connection.execute(select(lookup.c.id).where(lookup.c.status == RUNNING))).scalars().all()


async def give_back(connection: Connection, ids: Iterable[int]) -> None:
    """Those of these look-ups that run wait for their turn again; a delivery under way counts no more."""
    change = update(lookup).where(lookup.c.status == RUNNING).values(status=LookupStatus.PENDING.value, delivery=None)
    for some in in_chunks(ids):
        await connection.execute(change.where(lookup.c.id.in_(some)))


async def wake(connection: Connection, *, at: float, longest_delay_s: float) -> int:
    """Look-ups that are due for another try take their turn; how many."""
    values = due_values(at, longest_delay_s)
    return sum([(await connection.execute(statement, values)).rowcount for statement in _WAKE])


async def put_off(connection: Connection, due: Mapping[int, float]) -> None:
    """Running look-ups wait until they are due for another try."""
    if due:
        await connection.execute(_PUT_OFF, [{"this_id": one, "due": at} for one, at in due.items()])


async def rest(connection: Connection, due: Mapping[int, float]) -> None:
    """The same for those that wait for their turn or for an earlier try, when whoever wanted that has left."""
    if due:
        await connection.execute(_REST, [{"this_id": one, "due": at} for one, at in due.items()])


async def current_of(connection: Connection, deliveries: Collection[tuple[int, str]]) -> dict[int, str]:
    """Those of these deliveries, given with the ids of their look-ups, that are under way, locked for the transaction.

    Several of one look-up may be asked for: a late one and the one that counts may be told of in the same moment.
    """
    current: dict[int, str] = {}
    for some in in_chunks(sorted({lookup_id for lookup_id, _ in deliveries})):
        for row in await connection.execute(_RUNNING_OF, {"ids": some}):
            delivery = delivery_of(row.id, row.delivery)
            if (row.id, delivery) in deliveries:
                current[row.id] = delivery
    return current


async def magnets_of(connection: Connection, ids: Iterable[int]) -> dict[int, Magnet]:
    """The hashes of these look-ups, and whom they ask by now."""
    found: dict[int, Magnet] = {}
    for some in in_chunks(ids):
        found |= {row.id: _magnet(row) for row in await connection.execute(_MAGNETS_OF, {"ids": some})}
    return found


async def end_all(connection: Connection, ids: Iterable[int]) -> None:
    """These look-ups have ended."""
    for some in in_chunks(ids):
        await connection.execute(_END, {"ids": some})


async def forget(connection: Connection, ids: Iterable[int]) -> int:
    """Delete those of these look-ups that have ended and that no task refers to any more; how many."""
    unused = ~exists().where(task.c.lookup_id == lookup.c.id)
    gone = delete(lookup).where(_IDS, lookup.c.active.is_(None), unused)
    return sum([(await connection.execute(gone, {"ids": some})).rowcount for some in in_chunks(ids)])


async def count_by_state(connection: Connection) -> tuple[int, int]:
    """How many look-ups wait, also for another try, and how many are on their way."""
    statement = select(lookup.c.status, func.count().label("lookups")).where(lookup.c.active == ONE)
    rows = {row.status: row.lookups for row in await connection.execute(statement.group_by(lookup.c.status))}
    on_the_way = rows.pop(LookupStatus.RUNNING.value, 0)
    return sum(rows.values()), on_the_way
