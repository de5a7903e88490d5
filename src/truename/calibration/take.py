"""Look-ups go out to the workers, and come back unfinished."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from truename.calibration.changes import Changes
from truename.calibration.words import TURNS, Joined, Priority, Running, Wanted
from truename.model import Lookup
from truename.store import lookups, progress, tasks
from truename.store.database import Connection


async def take_all(connection: Connection, wanted: Sequence[Wanted]) -> Sequence[Sequence[Lookup]]:
    """Take what is next. Each priority has its share; what one does not use is given to the others, highest first."""
    longest_delay_s = max(one.longest_delay_s for one in wanted)
    await lookups.wake(connection, at=max(one.at for one in wanted), longest_delay_s=longest_delay_s)
    return [await _take(connection, one) for one in wanted]


async def still_out(connection: Connection, out: Sequence[Mapping[int, str]]) -> Sequence[set[int]]:
    """Which of these deliveries, given by look-up, are still waited for: another process may have cancelled some."""
    return [set(await lookups.current_of(connection, one.items())) for one in out]


async def joined_all(connection: Connection, asked: Sequence[Running]) -> Sequence[Joined]:
    """For each group of deliveries that run: what those who wait for them want."""
    return [await _joined(connection, one) for one in asked]


async def _joined(connection: Connection, running: Running) -> Joined:
    current = await lookups.current_of(connection, running.deliveries.items())
    magnets = await lookups.magnets_of(connection, current)
    waited_for = await progress.waits_for(connection, current, at=running.at, longest_delay_s=running.longest_delay_s)
    return Joined(
        magnets=magnets,
        waited_for={
            lookup_id: replace(magnets[lookup_id], trackers=named.trackers, peers=named.peers)
            for lookup_id, named in waited_for.items()
        },
    )


async def give_back_all(connection: Connection, given: Sequence[tuple[Lookup, float]]) -> Sequence[bool]:
    """Workers stopped before the end: these look-ups wait again, and the try does not count."""
    current = await lookups.current_of(connection, {(one.lookup_id, one.delivery) for one, _ in given})
    await _wait_once_more(connection, current)
    changes = Changes(at=max(when for _, when in given))
    changes.changed(await progress.give_back(connection, current))
    await changes.write(connection)
    return [current.get(one.lookup_id) == one.delivery for one, _ in given]


async def recover(connection: Connection, at: Sequence[float]) -> Sequence[int]:
    """At the start of the only server: whatever was running waits again. Output: how many look-ups those were."""
    running = await lookups.running(connection)
    await _wait_once_more(connection, running)
    changes = Changes(at=at[0])
    changes.changed(await progress.give_back(connection))
    await changes.write(connection)
    return [len(running)] * len(at)


async def _wait_once_more(connection: Connection, ids: Collection[int]) -> None:
    """These are to be taken again, and may never have been asked: whoever has joined them takes nobody's turn."""
    await lookups.give_back(connection, ids)
    await lookups.ask_anew(connection, await tasks.wanted_by_those_who_wait(connection, ids))


async def _take(connection: Connection, wanted: Wanted) -> Sequence[Lookup]:
    if wanted.only_high:
        return await lookups.take(connection, Priority.HIGH, wanted.count, wanted.delivery)
    shares = shares_of(wanted.count, wanted.turn)
    taken: list[Lookup] = []
    with_more = []
    for priority in Priority:
        some = await lookups.take(connection, priority, shares[priority], wanted.delivery)
        taken += some
        if len(some) == shares[priority]:  # otherwise it has none left
            with_more.append(priority)
    for priority in with_more:
        taken += await lookups.take(connection, priority, wanted.count - len(taken), wanted.delivery)
    return taken


def shares_of(count: int, turn: int = 0) -> Counter[int]:
    """How many of the next `count` places each priority has, when there have been `turn` before."""
    rounds, rest = divmod(count, len(TURNS))
    start = turn % len(TURNS)
    last = Counter((TURNS + TURNS)[start : start + rest])
    return Counter({priority: rounds * TURNS.count(priority) + last[priority] for priority in Priority})
