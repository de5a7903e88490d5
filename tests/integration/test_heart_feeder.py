"""The feeder between database and queue: no more than there is room for, by shares, and nothing that was cancelled."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.heart_support import (
    ALICE,
    BOB,
    CAROL,
    HASHES,
    Heart,
    dead,
    magnet,
    named,
    told_to_nobody,
    trouble,
    with_heart,
)
from tests.works import in_tasks
from truename import calibration
from truename.applier import Applier
from truename.calibration import Granted, Heard, OfTask, Priority, Rules, Submission
from truename.feeder import Feeder
from truename.hub import Hub
from truename.model import Lookup, Outcome, TaskStatus
from truename.outlook import Outlook
from truename.queue.local import LocalQueue
from truename.store import tasks
from truename.store.database import Database, StoreUnavailable
from truename.store.tasks import TaskRow
from truename.store.writer import Writer

RULES = Rules()
HIGH, NORMAL, LOW = Priority
FIRST, SECOND = "http://first.example/announce", "http://second.example/announce"


class Measured(LocalQueue):
    """A local queue that notes whether it was given more than it had asked for."""

    def __init__(self, *, slots: int) -> None:
        super().__init__(slots=slots)
        self.too_many: list[tuple[int, int]] = []
        self.given = 0

    async def put(self, lookups: Sequence[Lookup]) -> None:
        room = self.room() or self.room_for_high()
        if len(lookups) > room:
            self.too_many.append((len(lookups), room))
        self.given += len(lookups)
        await super().put(lookups)


class Works:
    """The loops of an engine, with a worker that the test holds."""

    def __init__(self, heart: Heart, *, slots: int) -> None:
        self.heart = heart
        self.database = heart.database
        self.writer = Writer(heart.database)
        self.queue = Measured(slots=slots)
        self.rests = False
        self.feeder = Feeder(self.writer, self.queue, lambda: heart.now, resting=lambda: self.rests)
        shared: dict[str, Any] = {"clock": lambda: heart.now, "rules": RULES, "luck": lambda: 0.5}
        self.applier = Applier(self.writer, self.queue, self.feeder, Hub(), **shared)
        self.now = heart.now
        self.worked: list[Lookup] = []
        self.held: set[int] = set()  # priorities that never end
        self.unnamed = asyncio.Event()  # lets the first strand of one that is held end without a name
        self.ends: Callable[[Lookup], Outcome] = dead
        self.ends_otherwise: Callable[[Lookup], Outcome] = named

    async def work(self, lookup: Lookup) -> Outcome:
        self.worked.append(lookup)
        if lookup.prio in self.held:
            await (self.unnamed if lookup.strand == 0 else asyncio.Event()).wait()
            return self.ends(lookup)
        return self.ends_otherwise(lookup)

    async def row(self, task_id: str, who: int) -> TaskRow:
        return (await self.database.read(tasks.of_ids, [task_id], person_id=who, ended_after=0))[task_id]

    async def until_task(self, task_id: str, who: int, *, status: TaskStatus, attempt: int = 1) -> None:
        async with asyncio.timeout(60):
            while ((row := await self.row(task_id, who)).status, row.attempt) != (status, attempt):
                await asyncio.sleep(0)

    async def cancel(self, task_id: str, who: int) -> None:
        wanted = OfTask(person_id=who, task_id=task_id, at=self.now)
        await self.feeder.drop(await self.writer.write(partial(calibration.cancel_all, rules=RULES), wanted))

    async def submit(self, numbers: Iterable[int], priority: Priority, *, who: int = ALICE, **fields: Any) -> list[str]:
        asked = [
            Submission(
                task_id=str(uuid.uuid4()),
                person_id=who,
                magnet=magnet(number, **fields),
                priority=priority,
                at=self.now,
            )
            for number in numbers
        ]
        submit = partial(calibration.submit_all, rules=RULES)
        answers = await asyncio.gather(*(self.writer.begin(submit, one) for one in asked))
        await self.feeder.asked(calibration.granted((one.magnet for one in asked), answers), priority)
        return [one.task_id for one in asked]

    def in_the_queue(self) -> int:
        """How many deliveries wait there for a slot."""
        return len(self.feeder.out.waiting)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0)

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(one)
                for one in (self.feeder.run(), self.applier.run(), self.queue.serve(in_tasks(self.work)))
            ]
            try:
                yield
            finally:
                for one in loops:
                    one.cancel()


def with_works(tmp_path: Path, scene: Callable[[Works], Awaitable[None]], *, slots: int) -> None:
    async def scenario(heart: Heart) -> None:
        works = Works(heart, slots=slots)
        async with asyncio.TaskGroup() as group:
            group.create_task(works.writer.run())
            try:
                await scene(works)
            finally:
                works.writer.stop()

    with_heart(tmp_path, scenario, rules=RULES)


def test_what_another_process_cancels_is_dropped_though_the_database_was_away_when_it_was_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(works: Works) -> None:
        works.held = set(Priority)
        outlook = Outlook(works.writer, works.feeder, Hub())
        async with works.going():
            (task_id,) = await works.submit([0], Priority.NORMAL)
            await works.until_task(task_id, ALICE, status=TaskStatus.RUNNING)
            other = Database(works.database.url)
            wanted = OfTask(person_id=ALICE, task_id=task_id, at=works.now)
            await other.write(partial(calibration.cancel_all, rules=RULES), [wanted])
            await other.aclose()
            with monkeypatch.context() as away:
                away.setattr(works.feeder, "drop_unwanted", refused)
                with pytest.raises(StoreUnavailable):
                    await outlook.look()
            assert works.feeder.out
            await outlook.look()
            await works.until(lambda: not works.feeder.out)

    async def refused(_: object) -> None:
        raise StoreUnavailable

    with_works(tmp_path, scene, slots=1)


@pytest.mark.parametrize("slots", [1, 3, 40])
def test_it_never_gives_more_than_there_is_room_for_and_everything_is_run_once(tmp_path: Path, slots: int) -> None:
    async def scene(works: Works) -> None:
        async with works.going():
            for priority in Priority:
                await works.submit(range(40 * priority, 40 * priority + 40), priority)
            await works.until(lambda: len(works.worked) == 120 and not works.feeder.out)
        assert works.queue.too_many == []
        assert Counter(one.magnet.info_hash for one in works.worked) == dict.fromkeys(HASHES[:120], 1)

    with_works(tmp_path, scene, slots=slots)


@pytest.mark.parametrize("slots", [1, 2, 7])
def test_when_all_slots_are_busy_the_priorities_still_have_their_shares(tmp_path: Path, slots: int) -> None:
    async def scene(works: Works) -> None:
        for priority, waiting in ((HIGH, 200), (NORMAL, 60), (LOW, 40)):  # more than the share of each
            await works.submit(range(200 * priority, 200 * priority + waiting), priority)
        async with works.going():
            await works.until(lambda: len(works.worked) >= 200)
        counts = Counter(one.prio for one in works.worked[:200])
        assert counts[HIGH] == pytest.approx(160, abs=8)
        assert counts[NORMAL] == pytest.approx(30, abs=8)
        assert counts[LOW] == pytest.approx(10, abs=8)

    with_works(tmp_path, scene, slots=slots)


@pytest.mark.parametrize("slots", [1, 10])
def test_look_ups_that_end_one_by_one_leave_the_others_their_shares_too(tmp_path: Path, slots: int) -> None:
    async def scene(works: Works) -> None:
        running: list[asyncio.Event] = []

        async def work(lookup: Lookup) -> Outcome:
            works.worked.append(lookup)
            running.append(asyncio.Event())
            await running[-1].wait()
            return named(lookup)

        works.work = work  # type: ignore[method-assign]
        for priority, waiting in ((NORMAL, 60), (LOW, 40), (HIGH, 250)):
            await works.submit(range(300 * priority, 300 * priority + waiting), priority)
        async with works.going():
            for ended in range(200):
                await works.until(lambda before=ended: len(running) == before + slots + 1)  # the tenth is taken
                running[ended].set()
            counts = Counter(one.prio for one in works.worked[slots + 1 :])
            for each in running:
                each.set()
        assert counts[NORMAL] >= 200 * 0.15 * slots / (slots + 1) - 8
        assert counts[LOW] >= 200 * 0.05 * slots / (slots + 1) - 4

    with_works(tmp_path, scene, slots=slots)


def test_what_is_asked_for_in_haste_finds_the_slot_that_is_kept_for_it(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.held = {LOW}
        await works.submit(range(100), LOW)
        async with works.going():
            await works.until(lambda: len(works.worked) == 5)
            await works.submit([200, 201, 202], HIGH)
            await works.until(lambda: len(works.worked) == 8)
        assert Counter(one.prio for one in works.worked) == {LOW: 5, HIGH: 3}

    with_works(tmp_path, scene, slots=5)


def test_what_is_cancelled_in_the_moment_of_its_taking_is_not_put_at_all(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        ids = await works.submit([0, 1, 2], NORMAL)
        write = works.writer.write
        cancel = partial(calibration.cancel_all, rules=RULES)

        async def then_cancelled(work: Any, item: Any) -> Any:
            done = await write(work, item)
            works.writer.write = write  # type: ignore[method-assign]
            wanted = OfTask(person_id=ALICE, task_id=ids[1], at=works.now)
            await works.feeder.drop(await write(cancel, wanted))
            return done

        works.writer.write = then_cancelled  # type: ignore[method-assign]
        async with works.going():
            await works.until(lambda: len(works.worked) == 2 and not works.feeder.out)
        assert [one.magnet.info_hash for one in works.worked] == [HASHES[0], HASHES[2]]
        assert works.queue.given == 2

    with_works(tmp_path, scene, slots=5)


def test_what_is_switched_off_in_the_moment_of_its_taking_is_not_put_and_waits(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        await works.submit([0, 1, 2], NORMAL)
        write = works.writer.write

        async def then_off(work: Any, item: Any) -> Any:
            done = await write(work, item)
            works.writer.write = write  # type: ignore[method-assign]
            works.rests = True
            await works.feeder.settle()
            return done

        works.writer.write = then_off  # type: ignore[method-assign]
        async with works.going():
            await works.until(lambda: works.rests and not works.feeder.out)
            assert (works.queue.given, works.worked) == (0, [])
            works.rests = False
            await works.feeder.settle()
            await works.until(lambda: len(works.worked) == 3 and not works.feeder.out)

    with_works(tmp_path, scene, slots=5)


def test_what_lies_in_the_queue_already_and_is_asked_for_again_in_haste_has_what_is_kept_for_that(
    tmp_path: Path,
) -> None:
    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        async with works.going():
            await works.submit(range(6), NORMAL)
            await works.until(lambda: len(works.worked) == 2 and works.in_the_queue() == 2)
            in_the_queue, in_the_database = HASHES[2], HASHES[4]
            await works.submit([2, 4], HIGH)
            await works.until(lambda: len(works.worked) == 4)
        begun = {(one.magnet.info_hash, one.prio) for one in works.worked[2:]}
        assert begun == {(in_the_queue, HIGH), (in_the_database, HIGH)}

    with_works(tmp_path, scene, slots=2)


class Slow(LocalQueue):
    """A queue far away: whatever is asked of it takes a moment."""

    def __init__(self, *, slots: int) -> None:
        super().__init__(slots=slots)
        self.aborted: list[str] = []
        self.meanwhile: Callable[[], Awaitable[None]] = told_to_nobody

    async def put(self, lookups: Sequence[Lookup]) -> None:
        await asyncio.sleep(0)
        await self.meanwhile()
        await asyncio.sleep(0)
        await super().put(lookups)

    async def abort(self, deliveries: Sequence[str]) -> None:
        self.aborted += deliveries
        await asyncio.sleep(0)
        await self.meanwhile()
        await asyncio.sleep(0)
        await super().abort(deliveries)


def test_what_is_given_back_to_the_database_was_taken_out_of_a_queue_far_away(tmp_path: Path) -> None:
    """While one is taken out, another one is asked for in haste."""

    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        queue = works.queue = works.feeder._queue = works.applier._queue = Slow(slots=2)  # type: ignore[assignment]
        async with works.going():
            await works.submit(range(4), NORMAL)
            await works.until(lambda: len(works.worked) == 2 and works.in_the_queue() == 2)
            queue.meanwhile = lambda: works.feeder.asked([Granted(magnet(3), is_new=False)], HIGH)
            await works.submit([2], HIGH)
            await works.until(lambda: len(works.worked) >= 3 and not works.feeder._owed)
            queue.meanwhile = told_to_nobody
            await works.submit([3], HIGH)
            await works.until(lambda: len([one for one in works.worked if one.prio == HIGH]) == 2)
        assert Counter(one.magnet.info_hash for one in works.worked) == dict.fromkeys(HASHES[:4], 1)
        assert len(queue.aborted) == len(set(queue.aborted)) == 2

    with_works(tmp_path, scene, slots=2)


@pytest.mark.parametrize("early", [False, True], ids=["while it runs", "in the moment in which it begins"])
def test_who_joins_what_runs_runs_at_once_in_a_strand_of_their_own(tmp_path: Path, *, early: bool) -> None:
    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        theirs: list[str] = []
        have_begun = works.feeder.have_begun

        async def join() -> None:
            theirs.extend(await works.submit([0], NORMAL, who=BOB))

        async def joined_just_then(deliveries: Sequence[str]) -> None:
            if early and not theirs:
                await join()
            await have_begun(deliveries)

        works.feeder.have_begun = joined_just_then  # type: ignore[method-assign]
        async with works.going():
            await works.submit([0], NORMAL)
            await works.until(lambda: len(works.feeder.out.running) == 1)
            if not early:
                await join()
            await works.until(lambda: len(works.worked) == 2)
            await works.until_task(theirs[0], BOB, status=TaskStatus.RUNNING)
            await works.submit([0], NORMAL, who=BOB)
            assert [one.strand > 0 for one in works.worked] == [False, True], "asking again is no new task"

    with_works(tmp_path, scene, slots=1)


def test_whoever_has_left_is_not_asked_for_in_a_later_strand(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        async with works.going():
            (hers,) = await works.submit([0], NORMAL, trackers=(FIRST,))
            await works.until(lambda: len(works.feeder.out.running) == 1)
            (his,) = await works.submit([0], NORMAL, who=BOB, trackers=(SECOND,))
            await works.until_task(his, BOB, status=TaskStatus.RUNNING)
            await works.cancel(hers, ALICE)
            await works.submit([0], NORMAL, who=CAROL)
            await works.until(lambda: len(works.worked) == 3)
            assert [set(one.magnet.trackers) for one in works.worked] == [{FIRST}, {SECOND}, set()]

    with_works(tmp_path, scene, slots=1)


def test_whom_somebody_names_besides_is_asked_though_somebody_else_joins_in_that_moment(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        async with works.going():
            await works.submit([0], NORMAL)
            await works.until(lambda: len(works.feeder.out.running) == 1)
            await asyncio.gather(
                works.submit([0], NORMAL, trackers=(FIRST,)), works.submit([0], NORMAL, who=BOB, trackers=(SECOND,))
            )
            await works.until(lambda: {FIRST, SECOND} <= {one for each in works.worked for one in each.magnet.trackers})

    with_works(tmp_path, scene, slots=1)


def test_asking_the_same_again_after_others_have_joined_begins_nothing(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        async with works.going():
            await works.submit([0], NORMAL, trackers=(FIRST,))
            await works.until(lambda: len(works.feeder.out.running) == 1)
            (his,) = await works.submit([0], NORMAL, who=BOB, trackers=(SECOND,))
            await works.until_task(his, BOB, status=TaskStatus.RUNNING)
            await works.submit([0], NORMAL, trackers=(FIRST,))
            (theirs,) = await works.submit([0], NORMAL, who=CAROL, trackers=(SECOND,))
            await works.until_task(theirs, CAROL, status=TaskStatus.RUNNING)
            assert [set(one.magnet.trackers) for one in works.worked] == [{FIRST}, {SECOND}, {SECOND}]

    with_works(tmp_path, scene, slots=1)


def test_whose_next_try_is_due_has_it_though_somebody_elses_strand_runs(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.held, works.ends = {NORMAL}, trouble
        async with works.going():
            (hers,) = await works.submit([0], NORMAL)
            await works.until(lambda: len(works.feeder.out.running) == 1)
            (his,) = await works.submit([0], NORMAL, who=BOB)
            await works.until_task(his, BOB, status=TaskStatus.RUNNING)
            works.unnamed.set()
            await works.until_task(hers, ALICE, status=TaskStatus.PENDING)
            works.heart.now += 60
            works.feeder.wake()
            await works.until_task(hers, ALICE, status=TaskStatus.RUNNING, attempt=2)
            assert (await works.row(his, BOB)).attempt == 1

    with_works(tmp_path, scene, slots=1)


def test_whose_next_try_is_due_has_it_though_somebody_else_has_made_the_look_up_run_before(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.held, works.ends = {NORMAL}, trouble
        async with works.going():
            (hers,) = await works.submit([0], NORMAL)
            await works.until(lambda: len(works.feeder.out.running) == 1)
            works.unnamed.set()
            await works.until_task(hers, ALICE, status=TaskStatus.PENDING)
            works.unnamed.clear()
            (his,) = await works.submit([0], NORMAL, who=BOB)
            await works.until_task(his, BOB, status=TaskStatus.RUNNING)
            assert (await works.row(hers, ALICE)).status is TaskStatus.PENDING
            works.heart.now += 60
            works.feeder.wake()
            await works.until_task(hers, ALICE, status=TaskStatus.RUNNING, attempt=2)
            assert (await works.row(his, BOB)).attempt == 1

    with_works(tmp_path, scene, slots=1)


def test_what_is_said_of_a_strand_is_kept_in_its_order_though_the_database_refuses_some(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        begin, said = works.writer.begin, list[tuple[int, bool]]()

        def refusing(work: Any, item: Any, **more: Any) -> asyncio.Future[Any]:
            if not isinstance(item, Heard) or not item.report.lookup.strand:
                return begin(work, item, **more)
            said.append((item.report.lookup.strand, item.report.outcome is not None))
            if len(said) > 1:
                return begin(work, item, **more)
            refused = asyncio.get_running_loop().create_future()
            refused.set_exception(StoreUnavailable("the disk is full"))
            return refused

        works.writer.begin = refusing  # type: ignore[method-assign]
        async with works.going():
            await works.submit([0], NORMAL)
            await works.until(lambda: len(works.feeder.out.running) == 1)
            works.held, works.ends_otherwise = set(), dead
            (his,) = await works.submit([0], NORMAL, who=BOB)
            await works.until_task(his, BOB, status=TaskStatus.TIMEOUT)
        assert [ended for _, ended in said] == [False, False, True]

    with_works(tmp_path, scene, slots=1)


def test_the_name_of_another_torrent_is_an_end_of_what_has_begun(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.ends_otherwise = lambda lookup: replace(named(lookup), info_hash=HASHES[9])
        async with works.going():
            (hers,) = await works.submit([0], NORMAL)
            await works.until_task(hers, ALICE, status=TaskStatus.TIMEOUT)
            assert len(works.worked) == 1

    with_works(tmp_path, scene, slots=1)


def test_who_joins_is_not_forgotten_when_the_database_is_away_or_nothing_may_start(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        write, refused = works.writer.write, list[object]()

        async def refusing(work: Any, item: Any, **more: Any) -> Any:
            if work is calibration.joined_all and not refused:
                refused.append(item)
                raise StoreUnavailable("the disk is full")
            return await write(work, item)

        works.writer.write = refusing  # type: ignore[method-assign]
        async with works.going():
            await works.submit([0], NORMAL)
            await works.until(lambda: len(works.feeder.out.running) == 1)
            (his,) = await works.submit([0], NORMAL, who=BOB)
            await works.until_task(his, BOB, status=TaskStatus.RUNNING)
            assert len(refused) == 1
            works.rests = True
            (hers,) = await works.submit([0], NORMAL, who=CAROL)
            await works.feeder.settle()
            assert len(works.worked) == 2
            works.rests = False
            await works.feeder.settle()
            await works.until_task(hers, CAROL, status=TaskStatus.RUNNING)

    with_works(tmp_path, scene, slots=1)


def test_a_strand_ends_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        async with works.going():
            await works.submit([0], NORMAL)
            await works.until(lambda: len(works.feeder.out.running) == 1)
            await works.submit([0], NORMAL, trackers=(SECOND,))
            await works.until(lambda: len(works.worked) == 2)
            works.unnamed.set()  # the first strand ends, and with it the only task
            await works.until(lambda: not works.feeder.out and works.queue.room() == 2)

    with_works(tmp_path, scene, slots=1)


def test_whom_a_later_request_names_is_asked_by_what_is_out_already(tmp_path: Path) -> None:
    """Be it running, in the queue, or on its way from the database in this very moment."""

    async def scene(works: Works) -> None:
        works.held = {NORMAL}
        async with works.going():
            await works.submit(range(2), NORMAL, trackers=(FIRST,))
            await works.until(lambda: len(works.worked) == 1 and works.in_the_queue() == 1)
            await works.submit(range(2), NORMAL, trackers=(SECOND,))
            await works.submit(range(2), NORMAL, trackers=(SECOND,))
            await works.until(lambda: len(works.worked) == 2)
            assert (works.worked[1].magnet.info_hash, works.worked[1].magnet.trackers) == (HASHES[0], (FIRST, SECOND))
            await works.queue.abort([works.worked[0].delivery])
            await works.until(lambda: len(works.worked) == 3)
            assert works.worked[2].magnet.trackers == (FIRST, SECOND)

    with_works(tmp_path, scene, slots=1)


def test_whom_a_request_names_while_its_look_up_is_being_taken_is_asked(tmp_path: Path) -> None:
    async def scene(works: Works) -> None:
        writing = works.writer.write

        async def meanwhile(*given: Any) -> Any:
            taken = await writing(*given)
            if taken:
                works.writer.write = writing  # type: ignore[method-assign]
                await works.submit([0], NORMAL, trackers=(SECOND,))
            return taken

        works.held = {NORMAL}
        works.writer.write = meanwhile  # type: ignore[method-assign, assignment]
        async with works.going():
            await works.submit([0], NORMAL, trackers=(FIRST,))
            await works.until(lambda: bool(works.worked))
        assert works.worked[0].magnet.trackers == (FIRST, SECOND)

    with_works(tmp_path, scene, slots=1)
