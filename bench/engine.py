"""The engine alone: a resolver that answers at once, so that only the store, the queue and the heart are measured.

    .venv/bin/python bench/engine.py [--tasks 10000] [--queued 1000000]

Goals: 10,000 hashes accepted by one batch in under 0.6 s, durably; 5,000 tasks a second from the batch's submit to
completed and stored; 2,000 look-ups of 1 s in 1,000 slots within 2.3 s (2.0 is the limit); cancelling 100,000 that wait
in under 1 s; taking 100 of 1,000,000 at most twice as slow as taking 100 of 1,000.
"""

import argparse
import asyncio
import datetime
import os
import platform
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

from truename.app import Engine, open_engine
from truename.calibration import Wanted, take_all
from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.metainfo import Metainfo
from truename.resolvers.base import ResolverHealth, Trail
from truename.resolvers.chain import Chain
from truename.serving import settle_heap
from truename.settings import Settings
from truename.store import people
from truename.store.people import Newcomer

ACCEPT_S, A_SECOND, SLOTS_S, CANCEL_S, TAKE_RATIO = 0.6, 5_000, 2.3, 1.0, 2.0
OF_A_BATCH = 10_000


class Oracle:
    """A resolver that knows every name, after a while."""

    name = "swarm"

    def __init__(self, after_s: float | None) -> None:
        self._after_s = after_s

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        """See `Resolver.resolve`; `after_s` None: never."""
        if self._after_s is None:
            await asyncio.Event().wait()
        elif self._after_s:
            await asyncio.sleep(self._after_s)
        return Metainfo(
            info_hash=magnet.info_hash,
            info_hash_v2=None,
            name=f"{magnet.info_hash}.mkv",
            raw_name=b"",
            name_guessed=False,
            size_bytes=1,
            file_count=1,
            files=(),
        )

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`."""
        return ResolverHealth(able=True)

    async def aclose(self) -> None:
        """See `Resolver.aclose`."""


@asynccontextmanager
async def engine(after_s: float | None, *, slots: int = 1000, mode: str = "async") -> AsyncIterator[tuple[Engine, int]]:
    """An engine on a new database, and the number of its only person."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate(
            {
                "data_dir": Path(folder),
                "slots": slots,
                "calibration_mode": mode,
                "max_queued": 10_000_000,
                "max_queued_per_user": 10_000_000,
            }
        )
        async with open_engine(settings, Chain([Oracle(after_s)])) as opened:
            newcomer = Newcomer(username="bench", password_hash="", admin=True, at=time.time())
            person = await opened.writer.write(people.create_all, newcomer)
            assert person is not None
            yield opened, person.id


def magnets(count: int, start: int = 0) -> list[Magnet]:
    """So many hashes, each another."""
    return [Magnet(info_hash=InfoHash(f"{number:040x}")) for number in range(start + 1, start + count + 1)]


async def seconds(act: Awaitable[object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    await act
    return time.perf_counter() - began


async def ended(opened: Engine, person_id: int) -> None:
    """Wait for the end of the newest batch: one row tells it, so that waiting does not slow down what is measured."""
    while (await opened.batches.newest(person_id, limit=1))[0].active:
        await opened.hub.wait(opened.hub.count, timeout_s=0.05)


async def accept_and_complete(count: int) -> tuple[float, float]:
    """Seconds until a batch is accepted, and until its last task is completed and stored."""
    async with engine(0) as (opened, person_id):
        began = time.perf_counter()
        await opened.batches.submit(person_id, magnets(count), total=count)
        accepted = time.perf_counter() - began
        await ended(opened, person_id)
        return accepted, time.perf_counter() - began


async def slots_full() -> float:
    """Seconds for 2,000 look-ups of a second in 1,000 slots."""
    async with engine(1.0) as (opened, person_id):

        async def work() -> None:
            await opened.batches.submit(person_id, magnets(2000), total=2000)
            await ended(opened, person_id)

        return await seconds(work())


async def fill(opened: Engine, person_id: int, count: int, start: int = 0) -> list[str]:
    """Let so many wait; the batches they are in."""
    ids = []
    for first in range(start, start + count, OF_A_BATCH):
        some = magnets(min(OF_A_BATCH, start + count - first), first)
        ids.append((await opened.batches.submit(person_id, some, total=len(some))).batch_id)
    return ids


async def cancel(count: int) -> float:
    """Seconds to cancel so many that wait, batch after batch."""
    async with engine(None, mode="off") as (opened, person_id):
        ids = await fill(opened, person_id, count)

        async def work() -> None:
            for batch_id in ids:
                await opened.batches.cancel(person_id, batch_id)

        return await seconds(work())


async def take(counts: Sequence[int]) -> list[float]:
    """Median seconds to take 100 look-ups with so many waiting."""
    found: list[float] = []
    async with engine(None, mode="off") as (opened, person_id):
        there = 0
        for count in counts:
            await fill(opened, person_id, count - there, there)
            there = count
            times = [
                await seconds(opened.writer.write(take_all, Wanted(count=100, delivery=f"take {there} {turn}")))
                for turn in range(5)
            ]
            found.append(median(times))
    return found


def report(what: str, value: float, unit: str, goal: float, *, more: bool = False) -> bool:
    """Print a figure beside its goal; whether it is met."""
    met = value >= goal if more else value <= goal
    print(
        f"{what:52} {value:9.2f} {unit:8} goal {'at least' if more else 'at most'} {goal:g}{'' if met else ', MISSED'}",
        flush=True,
    )
    return met


async def measure(count: int, queued: int, rounds: int) -> bool:
    """Measure everything; whether every goal is met."""
    both = [await accept_and_complete(count) for _ in range(rounds)]
    accepted, ended = (median(each) for each in zip(*both, strict=True))
    met = [report(f"{count} hashes accepted by one batch", accepted, "s", ACCEPT_S)]
    met.append(report("from the batch to completed and stored", count / ended, "tasks/s", A_SECOND, more=True))
    slots_s = median([await slots_full() for _ in range(rounds)])
    met.append(report("2,000 look-ups of 1 s in 1,000 slots", slots_s, "s", SLOTS_S))
    met.append(report("cancelling 100,000 that wait", await cancel(100_000), "s", CANCEL_S))
    few, many = await take([1_000, queued])
    print(f"taking 100: {1000 * few:.2f} ms of 1,000, {1000 * many:.2f} ms of {queued}")
    met.append(report("how much slower taking 100 gets", many / few, "times", TAKE_RATIO))
    return all(met)


def main() -> int:
    """Measure. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--queued", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    settle_heap()  # as the server does
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}")
    return 0 if asyncio.run(measure(asked.tasks, asked.queued, asked.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())
