"""Look-ups: one for each hash that is being asked for, ranked in the lanes of the people who asked.

Lanes make the order fair: each person has one in each priority, a new look-up ranks behind that person's last one and
not before what has been taken, and look-ups are taken by rank. Counters, no clock; low priorities are bounded by their
share, not by age.
Lock order everywhere: look-ups (by id), tasks, notes, events.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, exists, func, insert, or_, select, update

from truename.magnet import Magnet
from truename.model import Lookup, LookupStatus
from truename.store.database import Connection
from truename.store.due import due_values, has_come, is_too_far_off
from truename.store.portable import in_chunks, upsert
from truename.store.sources import Sources
from truename.store.tables import ONE, PENDING, RUNNING, WAITING, lane, lookup, task, virtual
from truename.store.tasks import Wants


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveLookup:
    """A look-up that has not ended. `rank` is a place in the lane of the person and the priority."""

    id: int
    hash: str
    hash_v2: str | None
    prio: int
    person_id: int
    rank: int
    status: LookupStatus
    sources: Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLookup:
    """A look-up to be made."""

    hash: str
    hash_v2: str | None
    prio: int
    person_id: int
    rank: int
    sources: Sources
    created_at: float


# Statements of the busy paths are built once: building one costs more than running it.
_IDS = lookup.c.id.in_(bindparam("ids", expanding=True))
_ACTIVE_OF = (
    select(
        lookup.c.id,
        lookup.c.hash,
        lookup.c.hash_v2,
        lookup.c.prio,
        lookup.c.person_id,
        lookup.c.rank,
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
        prio=bindparam("new_prio"),
        person_id=bindparam("new_person"),
        rank=bindparam("new_rank"),
        hash_v2=bindparam("new_hash_v2"),
        sources=bindparam("new_sources"),
        due_at=None,
    )
)
_WAS_SOONER = or_(
    lookup.c.prio < bindparam("new_prio"),
    and_(lookup.c.prio == bindparam("new_prio"), lookup.c.status == PENDING, lookup.c.rank < bindparam("new_rank")),
)
_ASK_ANEW = (
    update(lookup)
    .where(lookup.c.id == bindparam("this_id"))
    .values(
        sources=bindparam("new_sources"),
        hash_v2=bindparam("new_hash_v2"),
        prio=case((_WAS_SOONER, bindparam("new_prio")), else_=lookup.c.prio),
        person_id=case((_WAS_SOONER, bindparam("new_person")), else_=lookup.c.person_id),
        rank=case((_WAS_SOONER, bindparam("new_rank")), else_=lookup.c.rank),
    )
)
_LAST_RANKS = select(lane.c.prio, lane.c.person_id, lane.c.last).where(
    lane.c.prio.in_(bindparam("prios", expanding=True)), lane.c.person_id.in_(bindparam("persons", expanding=True))
)
_TAKEN_RANKS = select(virtual.c.prio, virtual.c.v)
_TAKEN_RANK = select(virtual.c.v).where(virtual.c.prio == bindparam("of_prio"))
_NEXT_ONES = (
    select(lookup.c.id)
    .where(lookup.c.status == PENDING, lookup.c.prio == bindparam("of_prio"))
    .order_by(lookup.c.rank, lookup.c.id)
    .limit(bindparam("share"))
    .with_for_update(skip_locked=True)
)
_TAKE = (
    update(lookup)
    .where(lookup.c.id.in_(_NEXT_ONES))
    .values(status=LookupStatus.RUNNING.value, delivery=bindparam("by_delivery"), attempt=lookup.c.attempt + 1)
    .returning(lookup.c.id, lookup.c.hash, lookup.c.hash_v2, lookup.c.rank, lookup.c.created_at, lookup.c.sources)
)
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
_PUT_OFF = (
    update(lookup)
    .where(lookup.c.id == bindparam("this_id"), lookup.c.status == RUNNING)
    .values(status=LookupStatus.WAITING.value, due_at=bindparam("due"), delivery=None)
)
_END = update(lookup).where(_IDS).values(status=LookupStatus.ENDED.value, active=None, delivery=None, due_at=None)


async def active_of(connection: Connection, hashes: Iterable[str]) -> dict[str, ActiveLookup]:
    """The active look-ups of these hashes, locked for the rest of the transaction."""
    found: dict[str, ActiveLookup] = {}
    for some in in_chunks(sorted(hashes)):
        for row in await connection.execute(_ACTIVE_OF, {"hashes": some}):
            found[row.hash] = ActiveLookup(
                id=row.id,
                hash=row.hash,
                hash_v2=row.hash_v2,
                prio=row.prio,
                person_id=row.person_id,
                rank=row.rank,
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
            "prio": one.prio,
            "person_id": one.person_id,
            "rank": one.rank,
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
    """Write the state, place, second hash and sources of look-ups that somebody joined; none waits for a later time."""
    if changed:
        await connection.execute(
            _CHANGE,
            [
                {
                    "this_id": one.id,
                    "new_status": one.status.value,
                    "new_prio": one.prio,
                    "new_person": one.person_id,
                    "new_rank": one.rank,
                    "new_hash_v2": one.hash_v2,
                    "new_sources": one.sources.as_text(),
                }
                for one in changed
            ],
        )


async def ask_anew(connection: Connection, wanted: Mapping[int, Wants]) -> None:
    """These look-ups ask from now on what is wanted of them, and stand at no earlier place than that."""
    if not wanted:
        return
    await connection.execute(
        _ASK_ANEW,
        [
            {
                "this_id": one,
                "new_sources": wants.sources.as_text(),
                "new_hash_v2": wants.hash_v2,
                "new_prio": wants.prio,
                "new_person": wants.person_id,
                "new_rank": wants.rank,
            }
            for one, wants in wanted.items()
        ],
    )


async def last_ranks(
    connection: Connection, lanes: Iterable[tuple[int, int]]
) -> tuple[dict[tuple[int, int], int], dict[int, int]]:
    """The last rank in each of these lanes (priority, person), and the rank last taken in each priority."""
    last: dict[tuple[int, int], int] = {}
    for some in in_chunks(lanes):
        prios, persons = (list(dict.fromkeys(column)) for column in zip(*some, strict=True))
        rows = await connection.execute(_LAST_RANKS, {"prios": prios, "persons": persons})
        last |= {(row.prio, row.person_id): row.last for row in rows}
    taken = await connection.execute(_TAKEN_RANKS)
    return last, {row.prio: row.v for row in taken}


async def write_ranks(connection: Connection, last: Mapping[tuple[int, int], int]) -> None:
    """Remember the last rank of lanes."""
    await upsert(
        connection,
        lane,
        [{"prio": prio, "person_id": person, "last": rank} for (prio, person), rank in last.items()],
    )


async def take(connection: Connection, shares: Mapping[int, int], delivery: str) -> Sequence[Lookup]:
    """Take what is next, at most `shares[prio]` in each priority, and mark it as running.

    Input:  `delivery` is a fresh text; with the id of each look-up it makes the fresh ids of the deliveries.
    Output: the highest priority (the smallest number) first, by rank in each.
    """
    taken: list[Lookup] = []
    for prio, share in sorted(shares.items()):
        if share > 0:
            taken += await _take(connection, prio, share, delivery)
    return taken


async def _take(connection: Connection, prio: int, share: int, delivery: str) -> Sequence[Lookup]:
    wanted = {"of_prio": prio, "share": share, "by_delivery": delivery}
    rows = (await connection.execute(_TAKE, wanted)).all()
    if rows:
        await _advance(connection, prio, max(row.rank for row in rows))
    return [
        Lookup(
            delivery=f"{delivery}.{row.id}",
            lookup_id=row.id,
            magnet=_magnet(row),
            prio=prio,
            rank=row.rank,
            created_at=row.created_at,
        )
        for row in sorted(rows, key=lambda row: (row.rank, row.id))
    ]


async def _advance(connection: Connection, prio: int, rank: int) -> None:
    """Ranks only rise: one that had been taken before and came back does not turn them back."""
    before = (await connection.execute(_TAKEN_RANK, {"of_prio": prio})).scalar_one_or_none()
    if before is None or before < rank:
        await upsert(connection, virtual, [{"prio": prio, "v": rank}])


def _magnet(row: Any) -> Magnet:
    return Sources.of_text(row.sources).magnet(row.hash, row.hash_v2)


async def give_back(connection: Connection, ids: Iterable[int] | None = None) -> int:
    """Running look-ups wait for their turn again, all of them or these; a delivery under way counts no more."""
    change = update(lookup).where(lookup.c.status == RUNNING).values(status=LookupStatus.PENDING.value, delivery=None)
    if ids is None:
        return (await connection.execute(change)).rowcount
    count = 0
    for some in in_chunks(ids):
        count += (await connection.execute(change.where(lookup.c.id.in_(some)))).rowcount
    return count


async def wake(connection: Connection, *, at: float, longest_delay_s: float) -> int:
    """Look-ups that are due for another try take their turn; how many."""
    values = due_values(at, longest_delay_s)
    return sum([(await connection.execute(statement, values)).rowcount for statement in _WAKE])


async def put_off(connection: Connection, due: Mapping[int, float]) -> None:
    """Running look-ups wait until they are due for another try."""
    if due:
        await connection.execute(_PUT_OFF, [{"this_id": one, "due": at} for one, at in due.items()])


async def current_of(connection: Connection, deliveries: Collection[tuple[int, str]]) -> dict[int, str]:
    """Those of these deliveries, given with the ids of their look-ups, that are under way, locked for the transaction.

    Several of one look-up may be asked for: a late one and the one that counts may be told of in the same moment.
    """
    current: dict[int, str] = {}
    for some in in_chunks(sorted({lookup_id for lookup_id, _ in deliveries})):
        for row in await connection.execute(_RUNNING_OF, {"ids": some}):
            delivery = f"{row.delivery}.{row.id}"
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
