"""The heart on a real SQLite file, its hands tied to one transaction a call: what its tests share."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from tests.databases import empty_database
from tests.invariants import broken_in
from truename import calibration
from truename.calibration import Census, Heard, OfTask, Priority, Rules, Submission, Submitted, Wanted
from truename.magnet import InfoHash, Magnet
from truename.model import Lookup, Outcome, TaskStatus
from truename.queue.base import Report
from truename.store import lookups, notes, tasks
from truename.store.database import FILE_NAME, Database
from truename.store.tables import person
from truename.store.tasks import TaskRow

ALICE, BOB, CAROL = 1, 2, 3
HASHES = tuple(InfoHash(f"{number:040x}") for number in range(1, 2000))
V2 = InfoHash("ab" * 32)


ONE_TRY = Rules(max_attempts=1)


class Heart:
    """The heart with its hands tied to one transaction a call, and a clock that the test moves."""

    def __init__(self, database: Database, rules: Rules = ONE_TRY) -> None:
        self.database = database
        self.now = 1000.0
        census = Census()
        self.submit_all = partial(calibration.submit_all, rules=rules, census=census)
        self.submit_batches = partial(calibration.submit_batches, rules=rules, census=census)
        self.apply_all = partial(calibration.apply_all, rules=rules)
        self.cancel_all = partial(calibration.cancel_all, rules=rules)

    async def write(self, work: Callable[..., Awaitable[Sequence[Any]]], items: Sequence[Any]) -> Sequence[Any]:
        async with self.database.writing() as connection:
            return await work(connection, items)

    def submission(self, magnet: Magnet, who: int = ALICE, priority: Priority = Priority.NORMAL) -> Submission:
        return Submission(task_id=str(uuid.uuid4()), person_id=who, magnet=magnet, priority=priority, at=self.now)

    async def submit(self, *magnets: Magnet, who: int = ALICE, priority: Priority = Priority.NORMAL) -> list[Submitted]:
        asked = [self.submission(magnet, who, priority) for magnet in magnets]
        return list(await self.write(self.submit_all, asked))

    async def take(self, shares: dict[int, int] | None = None) -> list[Lookup]:
        async with self.database.writing() as connection:
            delivery = str(uuid.uuid4())
            counts = shares or dict.fromkeys(Priority, 100)
            return [
                one for prio in sorted(counts) for one in await lookups.take(connection, prio, counts[prio], delivery)
            ]

    async def start(self, *taken: Lookup) -> list[bool]:
        told = [Heard(report=Report(lookup=one), at=self.now) for one in taken]
        return list(await self.write(self.apply_all, told))

    async def apply(self, *reports: tuple[Lookup, Outcome]) -> list[bool]:
        told = [Heard(report=Report(lookup=lookup, outcome=outcome), at=self.now) for lookup, outcome in reports]
        return list(await self.write(self.apply_all, told))

    async def report(self, *reports: Report) -> list[bool]:
        return list(await self.write(self.apply_all, [Heard(report=one, at=self.now) for one in reports]))

    async def cancel(self, *submitted: Submitted, who: int = ALICE) -> list[Sequence[str]]:
        wanted = [OfTask(person_id=who, task_id=one.task_id, at=self.now) for one in submitted]
        return list(await self.write(self.cancel_all, wanted))

    async def take_some(self, count: int, **fields: Any) -> list[Lookup]:
        """By their shares, as the feeder does."""
        wanted = Wanted(count=count, delivery=str(uuid.uuid4()), at=self.now, **fields)
        return list((await self.write(calibration.take_all, [wanted]))[0])

    async def position(self, submitted: Submitted, who: int = ALICE, *, most: int = 100) -> int:
        row = await self.task(submitted, who)
        return (await self.database.read(tasks.queue_positions, [row], at=self.now, most=most))[row.id]

    async def task(self, submitted: Submitted, who: int = ALICE) -> TaskRow:
        async with self.database.reading() as connection:
            return (await tasks.of_ids(connection, [submitted.task_id], person_id=who, ended_after=0))[
                submitted.task_id
            ]

    async def note(self, text: str, who: int = ALICE) -> notes.NoteRow:
        async with self.database.writing() as connection:
            return await notes.save(connection, person_id=who, text=text, at=self.now)

    async def text_of(self, row: notes.NoteRow) -> str:
        async with self.database.reading() as connection:
            found = await notes.get(connection, row.id, person_id=row.person_id)
            assert found is not None
            return found.text


async def add_people(folder: Path) -> None:
    """The people of these tests, in a new database."""
    rows = [
        {
            "id": number,
            "username": name,
            "username_folded": name,
            "password_hash": "",
            "admin": False,
            "created_at": 0.0,
        }
        for number, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"))
    ]
    database = Database.at(folder)
    async with database.writing() as connection:
        await connection.execute(insert(person), rows)
    await database.aclose()


def with_heart(tmp_path: Path, scenario: Callable[[Heart], Awaitable[None]], *, rules: Rules = ONE_TRY) -> None:
    """Run a scenario on a new database with three people; at its end the database must keep its rules."""

    async def run() -> None:
        await add_people(tmp_path)
        database = Database.at(tmp_path)
        try:
            await scenario(Heart(database, rules))
        finally:
            await database.aclose()

    (tmp_path / FILE_NAME).write_bytes(empty_database())
    asyncio.run(run())
    assert broken_in(tmp_path / FILE_NAME) == []


async def told_to_nobody(*_: object) -> None:
    """In the place of a feeder."""


def magnet(number: int, **fields: Any) -> Magnet:
    return Magnet(info_hash=HASHES[number], **fields)


def named(lookup: Lookup, name: str = "Tide Tables.mkv", **fields: Any) -> Outcome:
    return Outcome(
        info_hash=lookup.magnet.info_hash,
        status=TaskStatus.COMPLETED,
        name=name,
        source="swarm",
        verified=True,
        **fields,
    )


def dead(lookup: Lookup) -> Outcome:
    return Outcome(
        info_hash=lookup.magnet.info_hash, status=TaskStatus.TIMEOUT, code="no_peers", reason="no_peers", elapsed_s=30
    )


def trouble(lookup: Lookup) -> Outcome:
    """Nobody could be asked; later that may be otherwise."""
    return Outcome(
        info_hash=lookup.magnet.info_hash,
        status=TaskStatus.FAILED,
        code="resolver_unavailable",
        reason="nobody_to_ask",
    )
