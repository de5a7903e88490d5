"""No statement of the running engine goes through a whole table: what is quick with three rows is so with a million."""

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path

from tests.databases import empty_database
from tests.integration.live_support import Oracle
from tests.plans import whole_tables
from truename.app import Engine, open_engine
from truename.calibration import Priority, Submitted
from truename.cleaner import Cleaner
from truename.magnet import InfoHash, Magnet
from truename.model import TaskStatus
from truename.resolvers.chain import Chain
from truename.settings import Settings
from truename.store import people
from truename.store.database import FILE_NAME
from truename.store.people import Newcomer

STOPS_EARLY = (r"^DELETE FROM event WHERE .* event\.seq < coalesce\(\(SELECT event\.seq FROM event .* LIMIT",)
"""They read in the order of the table itself, and no further than they must."""

WHOLE_ON_PURPOSE = (
    r"^UPDATE task SET .* WHERE task\.status = \? RETURNING",  # once, at the start
)


def magnets(last_digit: str, start: int = 0) -> list[Magnet]:
    """Three hashes of a kind."""
    return [Magnet(info_hash=InfoHash(f"{start + number:039x}{last_digit}")) for number in range(1, 4)]


async def until_state(engine: Engine, person_id: int, asked: Sequence[Submitted], state: TaskStatus) -> None:
    """Wait until all of these tasks are in a state."""
    while True:
        seen = engine.hub.count
        views = await engine.calibrations.these(person_id, [one.task_id for one in asked])
        if all(view.row.status is state for view in views):
            return
        await engine.hub.wait(seen, timeout_s=30)


def test_no_statement_goes_through_a_whole_table(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "max_queued_per_user": 8})
    (tmp_path / FILE_NAME).write_bytes(empty_database())

    async def live() -> None:
        oracle = Oracle()
        oracle.dead |= {one.info_hash for one in magnets("a")}
        oracle.held |= {one.info_hash for start in (0, 10, 20) for one in magnets("b", start)}
        async with open_engine(settings, Chain([oracle])) as engine:
            newcomer = Newcomer(username="alice", password_hash="", admin=True, at=time.time())
            alice = await engine.writer.write(people.create_all, newcomer)
            assert alice is not None
            await use(engine, alice.id)

    with whole_tables() as found:
        asyncio.run(live())
    expected = re.compile("|".join((*STOPS_EARLY, *WHOLE_ON_PURPOSE)))
    assert {statement: step for statement, step in found.items() if not expected.search(statement)} == {}


async def use(engine: Engine, alice: int) -> None:
    """Whatever a person does, and what the engine does by itself."""
    text = "\n".join(f"magnet:?xt=urn:btih:{one.info_hash}&dn=x" for kind in "0ab" for one in magnets(kind))
    note = (await engine.notes.save(alice, text)).note
    named = await engine.batches.submit(alice, magnets("0"), total=3)
    await until_state(engine, alice, answered(named.answers), TaskStatus.COMPLETED)
    dead = await engine.calibrations.submit(alice, magnets("a"))
    await until_state(engine, alice, answered(dead), TaskStatus.TIMEOUT)
    assert await engine.watch.now(alice, magnets("a")[0].info_hash)
    assert await engine.watch.ask() == 1
    running = await engine.batches.submit(alice, [*magnets("b"), *magnets("b", 10)], total=6, priority=Priority.LOW)
    await until_state(engine, alice, answered(running.answers), TaskStatus.RUNNING)
    more = await engine.calibrations.submit(alice, magnets("b", 20))
    assert len(answered(more)) < 3  # there is not room for all of them
    await engine.calibrations.submit(alice, magnets("b"), priority=Priority.HIGH)
    await engine.calibrations.cancel(alice, answered(running.answers)[0].task_id)
    await engine.batches.cancel(alice, running.batch_id)
    await engine.calibrations.cancel_waiting(alice)
    await engine.batches.get(alice, named.batch_id, limit=10)
    await engine.batches.newest(alice, limit=10)
    await engine.calibrations.retry(alice, answered(dead)[0].task_id)
    await engine.notes.edit(alice, note.id, version=2, text=text)
    await engine.notes.get(alice, note.id)
    await engine.notes.newest(alice, limit=10)
    await engine.notes.unnamed(alice, most=10)
    views = await engine.calibrations.newest(alice, limit=10)
    await engine.calibrations.newer_than(alice, views)
    await engine.calibrations.status(alice, views[0].row.id)
    cleaner = Cleaner(engine.writer, lambda: time.time() + 1_000_000, task_ttl_s=1, interval_s=1)
    assert await cleaner.clean() > len(views)
    await engine.notes.remove(alice, note.id)


def answered(answers: Sequence[object]) -> list[Submitted]:
    """Those that were not refused."""
    return [one for one in answers if isinstance(one, Submitted)]
