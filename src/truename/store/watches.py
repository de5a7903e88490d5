"""The watch over hashes in notes that did not answer: one row for each person and hash."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import bindparam, delete, select, update

from truename.store.database import Connection
from truename.store.due import due_values, has_come, is_too_far_off
from truename.store.portable import by_hash, in_chunks, upsert
from truename.store.tables import ONE, task, watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How a hash is watched. `next_at` is None when the person said stop, or it was asked for long enough."""

    person_id: int
    hash: str
    since: float
    asked: int
    asked_at: float
    code: str
    next_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A hash did not answer. `by_watch`: the watch had asked, not the person.

    `begins`: whoever is not watched, or not any more, is from now on, unless it was the watch that had asked.
    """

    code: str
    at: float
    by_watch: bool
    begins: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A (person, hash) to be asked for, as its watch says."""

    person_id: int
    hash: str
    next_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """What was due is asked for, and next at another time."""

    due: Due
    next_at: float


class NextAsk(Protocol):
    """When to ask again."""

    def __call__(self, *, asked: int, since: float, at: float) -> float | None:
        """None: not any more."""


_OF = select(watch).where(watch.c.hash.in_(bindparam("hashes", expanding=True)))
_FORGET = delete(watch).where(watch.c.person_id == bindparam("of_person"), watch.c.hash == bindparam("this_hash"))
_FORGET_HASHES = delete(watch).where(watch.c.hash.in_(bindparam("hashes", expanding=True)))
_ANSWERED = (
    update(watch)
    .where(watch.c.hash.in_(bindparam("hashes", expanding=True)), watch.c.next_at.is_not(None))
    .values(next_at=bindparam("now"))
)


async def of(connection: Connection, asked: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Watched]:
    """The watches of these (person, hash)."""
    found: dict[tuple[int, str], Watched] = {}
    for keys, hashes in by_hash(asked):
        for row in await connection.execute(_OF, {"hashes": hashes}):
            if (row.person_id, row.hash) in keys:
                found[row.person_id, row.hash] = Watched(**row._asdict())
    return found


async def failed(connection: Connection, failures: Mapping[tuple[int, str], Failure], *, next_ask: NextAsk) -> None:
    """Keep that these (person, hash) did not answer, and when they are asked again."""
    if not failures:
        return
    before = await of(connection, failures)
    rows = [row for key, failure in failures.items() if (row := after(before.get(key), key, failure, next_ask))]
    await upsert(connection, watch, [{name: getattr(row, name) for name in Watched.__slots__} for row in rows])


def after(before: Watched | None, key: tuple[int, str], failure: Failure, next_ask: NextAsk) -> Watched | None:
    """The watch after a failure, or None when there is none. Who asks again after it has stopped begins a new one."""
    since, asked, stopped = failure.at, 0, False
    if not (failure.begins and (before is None or (before.next_at is None and not failure.by_watch))):
        if before is None:
            return None
        since, asked, stopped = before.since, before.asked + 1, before.next_at is None
    return Watched(
        person_id=key[0],
        hash=key[1],
        since=since,
        asked=asked,
        asked_at=failure.at,
        code=failure.code,
        next_at=None if stopped else next_ask(asked=asked, since=since, at=failure.at),
    )


async def not_asked(connection: Connection, keys: Iterable[tuple[int, str]], *, at: float, next_ask: NextAsk) -> None:
    """What the watch had asked for was cancelled before there was an answer: it goes on at its rate."""
    rows = [
        {name: getattr(one, name) for name in Watched.__slots__}
        | {"next_at": next_ask(asked=one.asked, since=one.since, at=at)}
        for one in (await of(connection, keys)).values()
        if one.next_at is not None
    ]
    await upsert(connection, watch, rows)


async def answered(connection: Connection, hashes: Iterable[str], *, at: float) -> None:
    """These hashes have verified names now: whoever watches them is due, and finds the name at once."""
    for some in in_chunks(hashes):
        await connection.execute(_ANSWERED, {"hashes": some, "now": at})


async def forget(connection: Connection, over: Iterable[tuple[int, str]]) -> None:
    """Nothing is left to watch for these (person, hash)."""
    rows = [{"of_person": person_id, "this_hash": info_hash} for person_id, info_hash in over]
    if rows:
        await connection.execute(_FORGET, rows)


async def forget_hashes(connection: Connection, hashes: Iterable[str]) -> None:
    """These hashes are proven to have no name: whoever watches them, there is nothing left to watch."""
    for some in in_chunks(hashes):
        await connection.execute(_FORGET_HASHES, {"hashes": some})


async def due(connection: Connection, *, at: float, longest_delay_s: float, limit: int) -> Sequence[Due]:
    """What is to be asked for now, the longest due first."""
    statement = select(*(getattr(watch.c, name) for name in Due.__slots__)).order_by(watch.c.next_at).limit(limit)
    values = due_values(at, longest_delay_s)
    found: list[Due] = []
    for which in (has_come, is_too_far_off):
        rows = await connection.execute(statement.where(which(watch.c.next_at)), values)
        found += [Due(**row._asdict()) for row in rows]
    return found[:limit]


async def forget_all(connection: Connection, over: Sequence[tuple[int, str]]) -> Sequence[None]:
    """The writer's work: the same."""
    await forget(connection, over)
    return [None] * len(over)


async def hurry_all(connection: Connection, hurried: Sequence[tuple[int, str, float]]) -> Sequence[bool]:
    """The writer's work: ask for these (person, hash) next at this time. Whether each was watched."""
    return [await _move(connection, *one) for one in hurried]


async def stop_all(connection: Connection, stopped: Sequence[tuple[int, str]]) -> Sequence[bool]:
    """The writer's work: ask for these (person, hash) no more. Whether each was watched.

    What the person is asking for at the moment begins no new watch when it ends, as what the watch asks for does not.
    """
    results: list[bool] = []
    for person_id, info_hash in stopped:
        results.append(await _move(connection, person_id, info_hash, None))
        if results[-1]:
            under_way = (task.c.person_id == person_id, task.c.hash == info_hash, task.c.active == ONE)
            await connection.execute(update(task).where(*under_way).values(watched=True))
    return results


async def _move(connection: Connection, person_id: int, info_hash: str, next_at: float | None) -> bool:
    change = update(watch).where(watch.c.person_id == person_id, watch.c.hash == info_hash)
    return (await connection.execute(change.values(next_at=next_at))).rowcount > 0


async def postpone_all(connection: Connection, late: Sequence[Postponed]) -> Sequence[bool]:
    """The writer's work: ask for these at a later time. Whether each was still due: the person may have said stop."""
    results: list[bool] = []
    for one in late:
        seen = {name: getattr(watch.c, name) == getattr(one.due, name) for name in Due.__slots__}
        change = update(watch).where(*seen.values()).values(next_at=one.next_at)
        results.append((await connection.execute(change)).rowcount > 0)
    return results
