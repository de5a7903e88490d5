"""The database fails at the n-th statement, for every n: nothing is half done, who asked is told, the next try works.

The errors come from the driver (`faults.py`). What is left in the end is compared with a run in which nothing failed.
"""

import asyncio
import itertools
import random
import shutil
import sqlite3
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from tests.integration.faults import MESSAGES, Faults
from tests.integration.heart_support import ALICE, BOB, HASHES, add_people, dead, magnet, named, trouble
from tests.integration.live_support import Oracle
from tests.invariants import Chronicle, broken, broken_in, opened
from tests.soak import size
from tests.works import in_tasks
from truename import app, applier, calibration, cleaner
from truename.applier import Applier
from truename.calibration import BatchOrder, Heard, OfBatch, OfTask, Rules, Submission, Submitted, Wanted
from truename.errors import ResolverDown
from truename.feeder import Feeder
from truename.magnet import Magnet
from truename.metainfo import Metainfo
from truename.model import Lookup, Outcome, TaskStatus
from truename.note_edits import Edit, NewNote, edit_all, save_all
from truename.outlook import Outlook
from truename.queue.base import Report
from truename.queue.local import LocalQueue
from truename.resolvers.base import Trail
from truename.resolvers.chain import Chain
from truename.settings import Settings
from truename.store import watches
from truename.store.database import FILE_NAME, Connection, Database, StoreUnavailable, sqlite_url
from truename.store.keeper import Keeper
from truename.store.migrate import migrate
from truename.store.writer import Writer
from truename.watch import Watch

Result = TypeVar("Result")
RULES = Rules(max_attempts=2, retry_delays_s=(5.0,), tells_batches=True)
ALL_THAT_COUNTS = """
SELECT 'task', person_id, hash, status, attempt, code, name, prio, completed_at, next_attempt_at FROM task;
SELECT 'lookup', hash, status, rank_high, rank_normal, rank_low, due_at FROM lookup;
SELECT 'virtual', prio, v FROM virtual;
SELECT 'batch', id, total, active, ended_at, tell_at FROM batch;
SELECT 'place', m.batch_id, m.place, m.created, t.hash, t.status
FROM batch_task m JOIN task t ON t.id = m.task_id;
SELECT 'note', n.id, n.text, n.version FROM note n;
SELECT 'own', note_id, hash, own, typed, undone FROM note_magnet;
SELECT 'watch', person_id, hash, asked, code, next_at FROM watch;
SELECT 'name', h.hash, t.name FROM torrent_hash h JOIN torrent t ON t.id = h.torrent_id;
SELECT 'failure', hash, code, at FROM last_failure;
SELECT 'event', seq, kind, person_id, note_id FROM event
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with its people."""
    folder = tmp_path_factory.mktemp("template")
    migrate(sqlite_url(folder / FILE_NAME))
    asyncio.run(add_people(folder))
    return folder


class Cycle:
    """What may happen to tasks, one transaction after the other, each tried until nothing in it fails any more."""

    def __init__(self, writer: Writer, folder: Path, faults: Faults | None) -> None:
        self.now = 1000.0
        self._faults = faults
        self._writer = writer
        self._file = opened(folder / FILE_NAME)
        self._chronicle = Chronicle()
        self._ids = (str(uuid.UUID(int=number)) for number in range(1, 1000))

    async def run(self) -> None:
        """Save, submit, join, take, begin, end in every way, cancel, try again, watch, forget."""
        with closing(self._file):
            text = "\n".join(f"magnet:?xt=urn:btih:{one}&dn=was" for one in HASHES[:6])
            note = await self._do(save_all, NewNote(person_id=ALICE, text=text, at=self.now))
            single = self._submission(magnet(0))
            await self._do(partial(calibration.submit_all, rules=RULES), single)
            await self._do(partial(calibration.submit_all, rules=RULES), self._submission(magnet(1), BOB))
            order = BatchOrder(
                batch_id=next(self._ids),
                person_id=ALICE,
                submissions=tuple(self._submission(magnet(number)) for number in range(9)),
                total=9,
                at=self.now,
            )
            await self._do(partial(calibration.submit_batches, rules=RULES), order)
            taken = await self._take()
            await self._tell([(one, None) for one in taken])
            ends = [named, dead, trouble, named, dead, trouble]
            await self._tell([(one, end(one)) for one, end in zip(taken, ends, strict=False)])
            mine = text.replace("dn=was", "dn=mine", 1)
            edit = Edit(person_id=ALICE, note_id=note.id, version=1, base=text, text=mine, at=self.now)
            await self._do(edit_all, edit)
            cancelled = OfTask(person_id=ALICE, task_id=order.submissions[6].task_id, at=self.now)
            await self._do(partial(calibration.cancel_all, rules=RULES), cancelled)
            await self._do(calibration.give_back_all, (taken[7], self.now))
            self.now += 10
            of_batch = OfBatch(person_id=ALICE, batch_id=order.batch_id, at=self.now)
            await self._do(partial(calibration.retry_batches, rules=RULES), of_batch)
            await self._do(calibration.recover, self.now)
            taken = await self._take()
            await self._tell([(one, end) for one in taken for end in (None, trouble(one))])
            await self._do(partial(calibration.cancel_batches, rules=RULES), of_batch)
            await self._do(watches.hurry_all, (ALICE, HASHES[1], self.now))
            for work in (cleaner._forget_batches, cleaner._forget_tasks):
                await self._do(work, self.now - 5)

    async def _take(self) -> list[Lookup]:
        wanted = Wanted(count=100, delivery=next(self._ids), at=self.now)
        return list(await self._do(calibration.take_all, wanted))

    async def _tell(self, reports: Sequence[tuple[Lookup, Outcome | None]]) -> None:
        told = [Heard(report=Report(lookup=one, outcome=outcome), at=self.now) for one, outcome in reports]
        await self._do(self._apply_together, told)

    @staticmethod
    async def _apply_together(connection: Any, told: Sequence[Sequence[Heard]]) -> Sequence[Sequence[bool]]:
        return [await calibration.apply_all(connection, one, rules=RULES) for one in told]

    def _submission(self, wanted: Magnet, who: int = ALICE) -> Submission:
        return Submission(task_id=next(self._ids), person_id=who, magnet=wanted, at=self.now)

    async def _do(self, work: Callable[[Any, Any], Awaitable[Sequence[Any]]], item: Any) -> Any:
        if self._faults is None:
            return await self._writer.write(work, item)
        before = rows_of(self._file)
        for number in itertools.count(1):
            kind = self._faults.done
            message = list(MESSAGES)[kind % 3]
            self._faults.at(number, message, gives_up=kind % 2 == 0, sticks=kind % 5 == 0)
            try:
                result = await self._writer.write(work, item)
            except StoreUnavailable:
                assert self._faults.done == kind + 1
                assert rows_of(self._file) == before
            else:
                assert self._faults.done == kind  # all of its statements have failed once
                break
        assert number > 3
        assert broken(self._file) == []
        assert self._chronicle.look(self._file) == []
        return result


async def cycle(folder: Path, template: Path, faults: Faults | None) -> list[tuple[Any, ...]]:
    """Run one on a new database; what is there in the end."""
    shutil.copytree(template, folder)
    database = Database.at(folder)
    writer = Writer(faults.install(database) if faults else database)
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        try:
            await Cycle(writer, folder, faults).run()
        finally:
            writer.stop()
    await database.aclose()
    with closing(opened(folder / FILE_NAME)) as file:
        return rows_of(file)


def rows_of(file: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """All rows that tell what has become of what was asked, whatever ids they have."""
    rows = [tuple(row) for question in ALL_THAT_COUNTS.split(";") for row in file.execute(question)]
    return sorted(rows, key=str)


@pytest.mark.soak
@pytest.mark.parametrize("start", range(size(test=1, soak=30)))
def test_a_failure_at_any_statement_leaves_nothing_half_done_and_the_next_try_succeeds(
    tmp_path: Path, template: Path, start: int
) -> None:
    faults = Faults()
    faults.done = start  # so that another kind of failure comes first
    expected = asyncio.run(cycle(tmp_path / "untroubled", template, None))
    assert {row[3] for row in expected if row[0] == "task"} >= {"completed", "failed", "cancelled"}
    assert asyncio.run(cycle(tmp_path / "troubled", template, faults)) == expected
    print(f"{faults.done - start} statements, each has failed once")


class Desk:
    """A writer on a new database that can fail, and a look at its file from outside."""

    def __init__(self, folder: Path, template: Path) -> None:
        shutil.copytree(template, folder)
        self.file = folder / FILE_NAME
        self.faults = Faults()
        self.database = self.faults.install(Database.at(folder))
        self.writer = Writer(self.database)

    def run(self, scene: Callable[[], Awaitable[None]]) -> None:
        """Play a scene while the writer writes; the database must be in order afterwards."""

        async def with_writer() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.writer.run())
                try:
                    await scene()
                finally:
                    self.writer.stop()
            await self.database.aclose()

        asyncio.run(with_writer())
        assert broken_in(self.file) == []

    async def submit(self, numbers: Iterable[int]) -> Counter[type]:
        """Ask for these hashes in one go; how often which kind of answer came."""
        asked = [
            Submission(task_id=str(uuid.uuid4()), person_id=ALICE, magnet=magnet(number), at=1.0) for number in numbers
        ]
        begun = [self.writer.begin(_SUBMIT, one) for one in asked]
        return Counter(map(type, await asyncio.gather(*begun, return_exceptions=True)))

    def count(self) -> int:
        """How many tasks the file has."""
        with closing(opened(self.file)) as file:
            return int(file.execute("SELECT count(*) FROM task").fetchone()[0])


_SUBMIT = partial(calibration.submit_all, rules=RULES)


@pytest.mark.parametrize("message", ["disk I/O error", "database or disk is full"])
def test_a_group_that_fails_once_is_written_one_by_one(tmp_path: Path, template: Path, message: str) -> None:
    desk = Desk(tmp_path / "data", template)

    async def scene() -> None:
        desk.faults.at(7, message)
        assert await desk.submit(range(50)) == {Submitted: 50}
        assert (desk.faults.done, desk.count()) == (1, 50)

    desk.run(scene)


def test_a_disk_that_is_really_full_refuses_and_takes_again_when_there_is_room(tmp_path: Path, template: Path) -> None:
    desk = Desk(tmp_path / "data", template)

    async def pages(connection: Connection, most: int) -> int:
        await connection.execute(text(f"PRAGMA max_page_count = {most}"))
        return int((await connection.execute(text("PRAGMA page_count"))).scalar_one())

    async def scene() -> None:
        before = await desk.database.write(pages, 1_000_000)
        await desk.database.write(pages, before)
        answers = await desk.submit(range(1000))
        assert answers[StoreUnavailable] > 0
        assert answers.total() == 1000
        assert desk.count() == answers[Submitted]
        await desk.database.write(pages, 1_000_000)
        assert await desk.submit(range(1000)) == {Submitted: 1000}
        assert desk.count() == 1000

    desk.run(scene)


def test_a_database_that_another_program_has_locked_refuses_and_takes_again_afterwards(
    tmp_path: Path, template: Path
) -> None:
    desk = Desk(tmp_path / "data", template)
    desk.faults.impatient = True

    async def scene() -> None:
        with closing(sqlite3.connect(desk.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await desk.submit(range(50)) == {StoreUnavailable: 50}
            other.execute("ROLLBACK")
        assert desk.count() == 0
        assert await desk.submit(range(50)) == {Submitted: 50}

    desk.run(scene)


def test_what_could_not_be_given_back_when_nothing_may_start_is_not_forgotten(tmp_path: Path, template: Path) -> None:
    desk = Desk(tmp_path / "data", template)
    queue = LocalQueue(slots=2)
    rests: list[bool] = []
    worked: set[str] = set()

    async def work(lookup: Lookup) -> Outcome:
        worked.add(lookup.magnet.info_hash)
        return named(lookup)

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0)

    async def scene() -> None:
        feeding = Feeder(desk.writer, queue, lambda: 1.0, resting=lambda: bool(rests))
        loop = asyncio.create_task(feeding.run())
        await desk.submit(range(4))
        feeding.wake()
        await until(lambda: queue.room() == 0)
        rests.append(True)
        desk.faults.fails = lambda _: "disk I/O error"
        feeding.wake()
        await until(lambda: desk.faults.done == 5)  # all of them together, then each
        desk.faults.fails = lambda _: None
        rests.clear()
        serving = asyncio.create_task(queue.serve(in_tasks(work)))
        feeding.wake()
        await until(lambda: worked == set(HASHES[:4]))
        for one in (loop, serving):
            one.cancel()

    desk.run(scene)


class Shaky(Oracle):
    """An oracle that cannot ask at all the first time."""

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        if magnet.info_hash not in self.asked:
            self.asked.append(magnet.info_hash)
            raise ResolverDown("nobody_to_ask")
        return await super().resolve(magnet, deadline_s=deadline_s)


async def insist(ask: Callable[[], Awaitable[Result]]) -> Result:
    """As a person does: again, until it is taken."""
    while True:
        try:
            return await ask()
        except StoreUnavailable:
            continue


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(size(test=1, soak=30)))
def test_an_engine_whose_database_fails_again_and_again_brings_everything_to_its_end(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    faults, chance = Faults(), random.Random(seed)  # noqa: S311 - chance, no secret
    shutil.copytree(template, tmp_path / "data")
    monkeypatch.setattr(app, "Database", lambda url: faults.install(Database(url)))
    monkeypatch.setattr(applier, "_RETRY_S", 0.01)
    count = 120
    text_of_note = "\n".join(f"magnet:?xt=urn:btih:{one}&dn=was" for one in HASHES[:20])

    async def run() -> None:
        settings = Settings.model_validate({"data_dir": tmp_path / "data", "slots": 20, "retry_delays_s": "0.01,0.01"})
        async with app.open_engine(settings, Chain([oracle := Shaky()])) as engine:
            oracle.dead, oracle.held = set(HASHES[100:count]), set(HASHES[:30])
            faults.fails = lambda _: chance.choice(list(MESSAGES)) if chance.random() < 0.02 else None
            await insist(lambda: engine.notes.save(ALICE, text_of_note))
            wanted = [magnet(number) for number in range(count)]
            batch = await insist(lambda: engine.batches.submit(ALICE, wanted, total=count))
            theirs = [await insist(partial(engine.calibrations.submit_one, BOB, one)) for one in wanted[:30]]
            for one in theirs[::3]:
                await insist(partial(engine.calibrations.cancel, BOB, one.task_id))
            await oracle.let_go()
            ids = [one.task_id for one in batch.answers if isinstance(one, Submitted)]
            mine = await engine.calibrations.wait(ALICE, ids, timeout_s=100)
            bobs = await engine.calibrations.wait(BOB, [one.task_id for one in theirs], timeout_s=100)
            faults.fails = lambda _: None
            assert [mine[one].status for one in ids] == [TaskStatus.COMPLETED] * 100 + [TaskStatus.TIMEOUT] * 20
            assert {one.status for one in bobs.values()} == {TaskStatus.COMPLETED, TaskStatus.CANCELLED}
            ((note,), _) = await engine.notes.newest(ALICE, limit=10)
            assert note.note.text.count("dn=Name%20of%20") == 20

    asyncio.run(run())
    assert broken_in(tmp_path / "data" / FILE_NAME) == []
    assert faults.done > 5
    print(f"{faults.done} failures of {faults.count} statements")


def test_a_resolver_with_a_defect_fails_one_task_and_the_engine_goes_on(tmp_path: Path, template: Path) -> None:
    class Defective(Oracle):
        async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
            if magnet.info_hash == HASHES[0]:
                raise ZeroDivisionError
            return await super().resolve(magnet, deadline_s=deadline_s)

    shutil.copytree(template, tmp_path / "data")
    asyncio.run(_the_first_fails_and_the_second_is_named(tmp_path / "data", Defective()))


def test_a_name_that_the_database_never_takes_ends_its_own_look_up_and_holds_up_no_other(
    tmp_path: Path, template: Path
) -> None:
    shutil.copytree(template, tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as database:
        database.execute(
            f"""CREATE TRIGGER never BEFORE INSERT ON torrent WHEN NEW.hash = '{HASHES[0]}'
            BEGIN SELECT RAISE(ABORT, 'never'); END"""
        )
    asyncio.run(_the_first_fails_and_the_second_is_named(tmp_path / "data", Oracle()))


async def _the_first_fails_and_the_second_is_named(data_dir: Path, resolver: Oracle) -> None:
    async with app.open_engine(Settings.model_validate({"data_dir": data_dir}), Chain([resolver])) as engine:
        answers = await engine.calibrations.submit(ALICE, [magnet(0), magnet(1)])
        ids = [one.task_id for one in answers if isinstance(one, Submitted)]
        ended = await engine.calibrations.wait(ALICE, ids, timeout_s=100)
        assert [(ended[one].status, ended[one].code) for one in ids] == [
            (TaskStatus.FAILED, "resolver_failed"),
            (TaskStatus.COMPLETED, None),
        ]


@pytest.mark.parametrize(
    ("of", "loop"),
    [
        (Writer, "run"),
        (Feeder, "run"),
        (Applier, "run"),
        (cleaner.Cleaner, "run"),
        (Outlook, "run"),
        (Watch, "run"),
        (Keeper, "run"),
        (LocalQueue, "serve"),
    ],
)
def test_the_death_of_any_loop_ends_the_engine_with_its_error(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch, of: type, loop: str
) -> None:
    going_on, dying = getattr(of, loop), asyncio.Event()

    async def dies(self: Any, *given: Any) -> None:
        going = asyncio.create_task(going_on(self, *given))
        try:
            await dying.wait()
        finally:
            going.cancel()
        raise ZeroDivisionError

    async def run() -> None:
        settings = Settings.model_validate({"data_dir": tmp_path / "data"})
        async with app.open_engine(settings, Chain([Oracle()])) as engine:
            await engine.notes.save(ALICE, "it works")
            dying.set()
            await asyncio.Event().wait()

    shutil.copytree(template, tmp_path / "data")
    monkeypatch.setattr(of, loop, dies)
    with pytest.raises(BaseExceptionGroup) as group:
        asyncio.run(asyncio.wait_for(run(), 100))
    assert group.value.subgroup(ZeroDivisionError) is not None
    assert broken_in(tmp_path / "data" / FILE_NAME) == []
