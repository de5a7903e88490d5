"""docs/state_machine.md says of look-ups what happens to them on a real database, row by row."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.databases import empty_database
from tests.unit.test_state_machine import OF_LOOKUPS, ROW
from truename.calibration import (
    Heard,
    OfTask,
    Rules,
    Submission,
    Wanted,
    apply_all,
    cancel_all,
    recover,
    submit_all,
    take_all,
)
from truename.magnet import InfoHash, Magnet
from truename.model import Lookup, LookupStatus, Outcome, TaskStatus
from truename.queue.base import Report
from truename.store import people, tables
from truename.store.database import FILE_NAME, Database, sqlite_url
from truename.store.people import Newcomer
from truename.store.writer import Work

RULES = Rules()
HASH = InfoHash("ab" * 20)
ROWS = [(event, before, after) for event, before, after, _ in ROW.findall(OF_LOOKUPS)]


class Stage:
    """One look-up on a new database, and whoever asks, works and cancels."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = 1000.0
        self.asked: list[tuple[int, str]] = []
        self.taken: list[Lookup] = []

    async def do(self, work: Work[Any, Any], item: Any) -> Any:
        async with self.database.writing() as connection:
            (result,) = await work(connection, [item])
        return result

    async def state(self) -> str:
        async with self.database.reading() as connection:
            status: str = (await connection.execute(select(tables.lookup.c.status))).scalar_one()
        return status

    async def ask(self, person_id: int = 1) -> None:
        one = Submission(task_id=str(uuid.uuid4()), person_id=person_id, magnet=Magnet(info_hash=HASH), at=self.now)
        async with self.database.writing() as connection:
            await submit_all(connection, [one], rules=RULES)
        self.asked.append((person_id, one.task_id))

    async def take(self) -> None:
        self.taken += await self.do(take_all, Wanted(count=1, delivery=str(uuid.uuid4()), at=self.now))

    async def report(self, outcome: Outcome | None, lookup: Lookup | None = None) -> None:
        told = Heard(report=Report(lookup=lookup or self.taken[-1], outcome=outcome), at=self.now)
        async with self.database.writing() as connection:
            await apply_all(connection, [told], rules=RULES)

    async def fail(self, code: str, status: TaskStatus = TaskStatus.TIMEOUT) -> None:
        await self.report(Outcome(info_hash=HASH, status=status, code=code, reason=code))

    async def put_off(self) -> None:
        await self.report(None)
        await self.fail("resolver_unavailable", TaskStatus.FAILED)

    async def join_and_fail(self) -> None:
        await self.report(None)
        await self.ask(2)
        await self.fail("no_peers")

    async def name(self) -> None:
        await self.report(
            Outcome(info_hash=HASH, status=TaskStatus.COMPLETED, name="A name", verified=True), self.taken[0]
        )

    async def due(self) -> None:
        self.now += 3600
        await self.do(take_all, Wanted(count=0, delivery="x", at=self.now))

    async def join_and_leave(self) -> None:
        await self.take()
        await self.put_off()
        await self.ask(2)
        await self.cancel(2)

    async def cancel(self, *people: int) -> None:
        async with self.database.writing() as connection:
            theirs = [(who, one) for who, one in self.asked if not people or who in people]
            wanted = [OfTask(person_id=who, task_id=one, at=self.now) for who, one in theirs]
            await cancel_all(connection, wanted, rules=RULES)

    async def recover(self) -> None:
        await self.do(recover, self.now)


BEFORE: dict[str, list[Callable[[Stage], Awaitable[None]]]] = {
    "pending": [Stage.ask, Stage.take, Stage.recover],
    "running": [Stage.ask, Stage.take],
    "waiting": [Stage.ask, Stage.take, Stage.put_off],
}
EVENTS: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "take": Stage.take,
    "give back": Stage.recover,
    "wait again": Stage.join_and_fail,
    "put off": Stage.put_off,
    "due": Stage.due,
    "join": lambda stage: stage.ask(2),
    "left": Stage.join_and_leave,
    "outcome": lambda stage: stage.fail("no_peers"),
    "name": Stage.name,
    "last one cancelled": Stage.cancel,
}


@pytest.mark.parametrize(("event", "before", "after"), ROWS, ids=map(" ".join, ROWS))
def test_a_row_of_the_table_is_what_happens(tmp_path: Path, event: str, before: str, after: str) -> None:
    async def run() -> None:
        (tmp_path / FILE_NAME).write_bytes(empty_database())
        database = Database(sqlite_url(tmp_path / FILE_NAME))
        stage = Stage(database)
        try:
            for username in ("alice", "bob"):
                await stage.do(people.create_all, Newcomer(username=username, password_hash="-", admin=False, at=1.0))
            for step in BEFORE[before]:
                await step(stage)
            if event == "outcome":
                await stage.report(None)
            assert await stage.state() == before
            await EVENTS[event](stage)
            assert await stage.state() == after
        finally:
            await database.aclose()

    asyncio.run(run())


def test_the_table_leaves_nothing_out() -> None:
    assert {event for event, *_ in ROWS} == set(EVENTS)
    assert {state for _, *states in ROWS for state in states} == {state.value for state in LookupStatus}
