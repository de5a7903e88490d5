"""The whole engine: cancelling, batches, tries that come later, limits, and the watch over what sleeps."""

import asyncio
import math
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_engine import ALICE, BOB, HASHES, Oracle, ended, link, magnet, with_engine
from truename import calibration, cleaner
from truename.app import Engine
from truename.calibration import NoRoom, OfTask, Priority, Rules, Submitted
from truename.errors import ResolverDown
from truename.magnet import Magnet, rename
from truename.metainfo import Metainfo
from truename.model import TaskStatus
from truename.resolvers.base import Trail
from truename.service import StillActive, TooMany
from truename.store import batches, tasks, watches
from truename.store.database import FILE_NAME, Database

COMPLETED, FAILED, TIMEOUT = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.TIMEOUT
PENDING, RUNNING, CANCELLED = TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.CANCELLED


class Watched(Oracle):
    """An oracle that tells how many it is asked at once, and whose questions were cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled: list[str] = []
        self.at_once = self.most_at_once = 0
        self.down = 0

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.down:
                self.down -= 1
                raise ResolverDown("nobody_to_ask")
            return await super().resolve(magnet, deadline_s=deadline_s)
        except asyncio.CancelledError:
            self.cancelled.append(magnet.info_hash)
            raise
        finally:
            self.at_once -= 1


async def until(engine: Engine, task_id: str, status: TaskStatus, who: int = ALICE) -> None:
    async with asyncio.timeout(30):
        while True:
            seen = engine.hub.count
            view = await engine.calibrations.status(who, task_id)
            assert view is not None
            if view.row.status is status:
                return
            await engine.hub.wait(seen, timeout_s=0.2)


async def one(engine: Engine, number: int, who: int = ALICE) -> Submitted:
    return await engine.calibrations.submit_one(who, magnet(number))


def test_a_cancelled_task_stops_and_others_who_wait_for_the_same_go_on(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.held = set(HASHES)
        both, alone = [await one(engine, 0), await one(engine, 0, BOB)], await one(engine, 1)
        for task, who in ((both[0], ALICE), (alone, ALICE)):
            await until(engine, task.task_id, RUNNING, who)
        for task in (both[0], alone):
            for _ in range(2):
                view = await engine.calibrations.cancel(ALICE, task.task_id)
                assert view is not None
                assert (view.row.status, view.row.code) == (CANCELLED, "cancelled")
        assert oracle.cancelled == [HASHES[1]]
        oracle.hold.set()
        assert await ended(engine, both[1].task_id, who=BOB) == [COMPLETED]
        assert await ended(engine, both[0].task_id, alone.task_id) == [CANCELLED] * 2
        assert await engine.calibrations.cancel(BOB, alone.task_id) is None
        assert (await one(engine, 0)).status is COMPLETED

    with_engine(tmp_path, Watched, scenario)


def test_what_waits_and_is_cancelled_never_runs_and_leaves_no_ghost(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.held = {HASHES[0]}
        first = await one(engine, 0)
        await until(engine, first.task_id, RUNNING)
        waiting = [await one(engine, number) for number in range(1, 50)]
        before = await engine.database.read(_last_ranks)
        for task in waiting:
            await engine.calibrations.cancel(ALICE, task.task_id)
        assert await engine.database.read(_last_ranks) < before
        oracle.hold.set()
        assert await ended(engine, first.task_id) == [COMPLETED]
        assert set(await ended(engine, *(task.task_id for task in waiting))) == {CANCELLED}
        assert oracle.asked == [HASHES[0]]
        view = await engine.calibrations.cancel(ALICE, first.task_id)
        assert view is not None
        assert view.row.status is COMPLETED

    with_engine(tmp_path, Watched, scenario, slots=1)


async def _last_ranks(connection) -> int:
    return sum((await tasks.last_ranks(connection, [(Priority.NORMAL, ALICE)])).values())


def test_another_process_cancels_what_runs_here(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.held = set(HASHES)
        task = await one(engine, 0)
        await until(engine, task.task_id, RUNNING)
        beside = Database(engine.database.url)
        wanted = [OfTask(person_id=ALICE, task_id=task.task_id, at=time.time())]
        await beside.write(partial(calibration.cancel_all, rules=Rules()), wanted)
        await beside.aclose()
        async with asyncio.timeout(30):
            while not oracle.cancelled:
                await engine.hub.wait(engine.hub.count, timeout_s=0.2)
        assert not engine.feeder.out

    with_engine(tmp_path, Watched, scenario)


def test_a_batch_is_followed_cancelled_and_tried_again(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.dead, oracle.held = {HASHES[1], HASHES[2]}, {HASHES[3]}
        mine = await one(engine, 4)
        await ended(engine, mine.task_id)
        joined = await one(engine, 3)
        submitted = await engine.batches.submit(ALICE, [magnet(number) for number in (0, 1, 2, 3, 4)], total=6)
        answers = [answer for answer in submitted.answers if isinstance(answer, Submitted)]
        assert [answer.deduplicated for answer in answers] == [False, False, False, True, False]
        assert [answer.status for answer in answers][4] is COMPLETED
        await ended(engine, *(answer.task_id for answer in answers[:3]))
        found = await engine.batches.get(ALICE, submitted.batch_id, limit=100)
        assert found is not None
        counts = {name: count for name, count in found.batch.counts.items() if count}
        assert (found.batch.total, found.batch.ended_at) == (6, None)
        assert (counts["completed"], counts["timeout"]) == (2, 2)
        oracle.dead = {HASHES[2]}
        assert len((await engine.batches.retry(ALICE, submitted.batch_id)).asked) == 2
        found = await engine.batches.get(ALICE, submitted.batch_id, limit=100)
        assert found is not None
        assert len(found.tasks) == 5
        await ended(engine, *(view.row.id for _, view in found.tasks if view.row.id != joined.task_id))
        await engine.batches.cancel(ALICE, submitted.batch_id)
        assert (await engine.calibrations.status(ALICE, joined.task_id)).row.status is RUNNING
        oracle.hold.set()
        await ended(engine, joined.task_id)
        found = await engine.batches.get(ALICE, submitted.batch_id, limit=2)
        assert found is not None
        assert dict(found.batch.counts) == {"completed": 4, "timeout": 1}
        assert found.batch.ended_at is not None
        assert [place for place, _ in found.tasks] == [0, 1]
        assert await engine.batches.get(BOB, submitted.batch_id, limit=2) is None
        assert (await engine.batches.retry(BOB, submitted.batch_id)).asked == ()

    with_engine(tmp_path, Watched, scenario)


def test_a_batch_that_is_tried_again_waits_behind_nobody_who_has_less_haste(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.dead = {HASHES[0]}
        mine = await engine.batches.submit(ALICE, [magnet(0)], total=1, priority=Priority.HIGH)
        assert await ended(engine, *(answer.task_id for answer in mine.answers)) == [TIMEOUT]
        oracle.dead, oracle.held = set(), {HASHES[1]}
        theirs = await engine.calibrations.submit(BOB, [magnet(1), magnet(0)], priority=Priority.LOW)
        async with asyncio.timeout(30):
            await oracle.holding.acquire()
        assert len(engine.feeder.out) == 2  # the one has the slot, the other one lies in the queue behind it
        await engine.batches.retry(ALICE, mine.batch_id)
        assert await ended(engine, theirs[1].task_id, who=BOB) == [COMPLETED]

    with_engine(tmp_path, Watched, scenario, slots=1)


def test_cancelling_a_batch_ends_what_it_created(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.held = set(HASHES)
        theirs = await one(engine, 0, BOB)
        submitted = await engine.batches.submit(ALICE, [magnet(number) for number in range(200)], total=200)
        await engine.batches.cancel(BOB, submitted.batch_id)
        found = await engine.batches.get(ALICE, submitted.batch_id, limit=1)
        assert found is not None
        assert found.batch.ended_at is None
        await engine.batches.cancel(ALICE, submitted.batch_id)
        found = await engine.batches.get(ALICE, submitted.batch_id, limit=1)
        assert found is not None
        assert dict(found.batch.counts) == {"cancelled": 200}
        assert found.batch.ended_at is not None
        assert HASHES[0] not in oracle.cancelled
        oracle.hold.set()
        assert await ended(engine, theirs.task_id, who=BOB) == [COMPLETED]

    with_engine(tmp_path, Watched, scenario, slots=20)


def test_trouble_that_passes_costs_tries_and_no_new_state(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.down = 2
        task = await one(engine, 0)
        seen: set[TaskStatus] = set()
        waits = False
        async with asyncio.timeout(30):
            while True:
                count = engine.hub.count
                view = await engine.calibrations.status(ALICE, task.task_id)
                assert view is not None
                seen.add(view.row.status)
                if view.row.next_attempt_at is not None:
                    assert (view.row.status, view.queue_position) == (PENDING, None)
                    waits = True
                if view.row.status.is_final:
                    break
                await engine.hub.wait(count, timeout_s=0.2)
        assert (view.row.status, view.row.attempt, waits) == (COMPLETED, 3, True)
        assert seen <= {PENDING, RUNNING, COMPLETED}
        oracle.down = 3
        down = await one(engine, 1)
        assert await ended(engine, down.task_id) == [FAILED]
        view = await engine.calibrations.status(ALICE, down.task_id)
        assert view is not None
        assert (view.row.code, view.row.reason, view.row.attempt) == ("resolver_unavailable", "nobody_to_ask", 3)

    with_engine(tmp_path, Watched, scenario, retry_delays_s=(0.5, 0.5))


def test_tries_that_failed_together_come_again_at_moments_of_their_own(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.down = 20
        tasks = [(await one(engine, number)).task_id for number in range(20)]
        due: set[float] = set()
        async with asyncio.timeout(30):
            while len(due) < 20:
                views = [await engine.calibrations.status(ALICE, task) for task in tasks]
                due = {view.row.next_attempt_at for view in views if view and view.row.next_attempt_at is not None}
        assert max(due) - min(due) > 100

    with_engine(tmp_path, Watched, scenario, retry_delays_s=(3_000.0,))


def test_who_asks_again_does_not_wait_for_the_next_try_of_others(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.down = 1
        first = await one(engine, 0)
        async with asyncio.timeout(30):
            while (view := await engine.calibrations.status(ALICE, first.task_id)) and not view.row.next_attempt_at:
                await engine.hub.wait(engine.hub.count, timeout_s=0.05)
        oracle.down = 1
        second = await one(engine, 0, BOB)
        async with asyncio.timeout(30):
            while (his := await engine.calibrations.status(BOB, second.task_id)) and not his.row.next_attempt_at:
                await engine.hub.wait(engine.hub.count, timeout_s=0.05)
        hers = await engine.calibrations.status(ALICE, first.task_id)
        assert hers == view  # nothing of it tells her that somebody else has asked
        again = await one(engine, 0, BOB)
        assert again.deduplicated
        assert await ended(engine, again.task_id, who=BOB) == [COMPLETED]
        assert await ended(engine, first.task_id) == [COMPLETED]

    with_engine(tmp_path, Watched, scenario, retry_delays_s=(3600.0,))


def test_asking_again_asks_whom_ones_own_magnet_names_and_nobody_elses(tmp_path: Path) -> None:
    mine, his = "http://mine.example/announce", "http://his.example/announce"

    class Listening(Watched):
        trackers: list[tuple[str, ...]]

        async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
            self.trackers.append(magnet.trackers)
            return await super().resolve(magnet, deadline_s=deadline_s, trail=trail)

    async def scenario(engine: Engine, oracle: Listening) -> None:
        oracle.trackers = []
        oracle.held = {HASHES[1]}
        oracle.dead = {HASHES[0]}
        occupied = await one(engine, 1)
        await until(engine, occupied.task_id, RUNNING)
        bobs = await engine.calibrations.submit_one(BOB, Magnet(info_hash=HASHES[0], trackers=(his,)))
        batch = await engine.batches.submit(ALICE, [Magnet(info_hash=HASHES[0], trackers=(mine,))], total=1)
        (answer,) = batch.answers
        assert isinstance(answer, Submitted)
        oracle.hold.set()
        assert await ended(engine, answer.task_id) == [TIMEOUT]
        assert await ended(engine, bobs.task_id, who=BOB) == [TIMEOUT]
        assert len((await engine.batches.retry(ALICE, batch.batch_id)).asked) == 1
        view = await engine.batches.get(ALICE, batch.batch_id, limit=1)
        assert view is not None
        assert await ended(engine, view.tasks[0][1].row.id) == [TIMEOUT]
        again = await engine.calibrations.retry(ALICE, view.tasks[0][1].row.id)
        assert again is not None
        assert await ended(engine, again.task_id) == [TIMEOUT]
        assert oracle.trackers == [(), (his, mine), (mine,), (mine,)]

    with_engine(tmp_path, Listening, scenario, slots=1)


def test_more_than_may_wait_is_refused_and_known_names_are_not(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        known = await one(engine, 9)
        await ended(engine, known.task_id)
        oracle.held = set(HASHES)
        for number in range(3):
            await one(engine, number)
        with pytest.raises(TooMany):
            await one(engine, 3)
        assert (await one(engine, 0)).deduplicated
        assert (await one(engine, 9)).status is COMPLETED
        await one(engine, 3, BOB)
        submitted = await engine.batches.submit(BOB, [magnet(number) for number in range(4, 8)], total=4)
        assert [isinstance(answer, NoRoom) for answer in submitted.answers] == [False, True, True, True]
        oracle.hold.set()
        async with asyncio.timeout(30):
            while True:
                try:
                    await one(engine, 20)
                    break
                except TooMany:
                    await engine.hub.wait(engine.hub.count, timeout_s=0.1)

    with_engine(tmp_path, Watched, scenario, max_queued=5, max_queued_per_user=3)


def test_a_task_is_tried_again_only_when_it_has_ended(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.dead, oracle.held = {HASHES[0]}, {HASHES[1]}
        dead, held = await one(engine, 0), await one(engine, 1)
        assert await ended(engine, dead.task_id) == [TIMEOUT]
        oracle.dead.clear()
        again = await engine.calibrations.retry(ALICE, dead.task_id)
        assert again is not None
        assert again.task_id != dead.task_id
        assert await ended(engine, again.task_id) == [COMPLETED]
        assert await ended(engine, dead.task_id) == [TIMEOUT]
        with pytest.raises(StillActive):
            await engine.calibrations.retry(ALICE, held.task_id)
        assert await engine.calibrations.retry(BOB, dead.task_id) is None

    with_engine(tmp_path, Watched, scenario)


def test_every_change_is_published_and_only_when_it_is_in_the_database(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        publish, seen = engine.hub.publish, [0]

        def newest() -> int:
            with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file:
                seq: int = file.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
            return seq

        def published(*, foreign: bool = False) -> None:
            seen[0] = newest()
            publish(foreign=foreign)

        async def all_is_told() -> None:
            async with asyncio.timeout(30):
                while seen[0] != newest():
                    await asyncio.sleep(0.01)

        while not engine.hub.foreign:  # the first look at what others have done counts as news
            await asyncio.sleep(0.01)
        engine.hub.publish = published  # type: ignore[method-assign]
        oracle.held = {HASHES[1], HASHES[2]}
        await ended(engine, (await one(engine, 0)).task_id)
        await all_is_told()
        held = (await one(engine, 1)).task_id
        await until(engine, held, RUNNING)
        await all_is_told()
        await engine.calibrations.cancel(ALICE, held)
        await all_is_told()
        await engine.calibrations.retry(ALICE, held)
        batch = await engine.batches.submit(ALICE, [magnet(1), magnet(2), magnet(3)], total=3)
        await all_is_told()
        await engine.batches.cancel(ALICE, batch.batch_id)
        await all_is_told()

    with_engine(tmp_path, Watched, scenario)


def test_one_cleaning_forgets_all_that_is_over_in_however_many_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaner, "_FORGET_AT_ONCE", 2)

    async def scenario(engine: Engine, oracle: Watched) -> None:
        tasks = [(await one(engine, number)).task_id for number in range(5)]
        await ended(engine, *tasks)
        for first in (5, 6, 7):
            batch = await engine.batches.submit(ALICE, [magnet(first)], total=1)
            await ended(engine, *(each.task_id for each in batch.answers if isinstance(each, Submitted)))
        later = cleaner.Cleaner(engine.writer, lambda: time.time() + 10_000, task_ttl_s=1, interval_s=1)
        assert await later.clean() == 11
        assert await later.clean() == 0

    with_engine(tmp_path, Watched, scenario)


def test_batches_are_forgotten_in_portions_by_what_they_hold_and_a_large_one_alone(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        submitted = []
        for first, count in ((0, 2), (2, 2), (4, 5), (9, 1)):
            magnets = [magnet(number) for number in range(first, first + count)]
            submitted.append(await engine.batches.submit(ALICE, magnets, total=count))
            await ended(engine, *(one.task_id for one in submitted[-1].answers if isinstance(one, Submitted)))

        async def forget() -> list[str]:
            for_ever: dict[str, Any] = {"ended_before": math.inf, "untold_before": math.inf}
            return [each for each, _ in await engine.database.write(batches.forget, **for_ever, most=4)]

        first, second, third, fourth = (one.batch_id for one in submitted)
        assert [set(await forget()) for _ in range(4)] == [{first, second}, {third}, {fourth}, set()]

    with_engine(tmp_path, Watched, scenario)


def test_the_tasks_of_a_batch_are_remembered_as_long_as_the_batch(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        oracle.held = {HASHES[1]}
        submitted = await engine.batches.submit(ALICE, [magnet(0), magnet(1)], total=2)
        first, second = (answer.task_id for answer in submitted.answers if isinstance(answer, Submitted))
        alone = await one(engine, 2)
        async with asyncio.timeout(30):
            while await engine.calibrations.status(ALICE, alone.task_id) is not None:
                await engine.hub.wait(engine.hub.count, timeout_s=0.05)
        view = await engine.calibrations.status(ALICE, first)
        assert view is not None
        assert view.row.status is COMPLETED
        assert await engine.batches.get(ALICE, submitted.batch_id, limit=9) is not None
        oracle.hold.set()
        await ended(engine, second)
        async with asyncio.timeout(30):
            while await engine.batches.get(ALICE, submitted.batch_id, limit=9) is not None:
                await engine.hub.wait(engine.hub.count, timeout_s=0.05)
        assert await engine.calibrations.status(ALICE, first) is None

    with_engine(tmp_path, Watched, scenario, task_ttl_s=0.3, cleanup_interval_s=0.1)


def test_a_sleeping_hash_of_a_note_is_asked_for_again_until_its_name_comes(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        text = f"{link(0, 'lie')}\n{link(1)}"
        saved = await engine.notes.save(ALICE, text)
        oracle.dead = {HASHES[0], HASHES[5]}
        tasks = [await one(engine, number) for number in (0, 1, 5)]
        assert await ended(engine, *(task.task_id for task in tasks)) == [TIMEOUT, COMPLETED, TIMEOUT]
        watched = await engine.database.read(watches.of, [(ALICE, HASHES[0]), (ALICE, HASHES[1]), (ALICE, HASHES[5])])
        assert list(watched) == [(ALICE, HASHES[0])]  # the other dead one stands in no note
        async with asyncio.timeout(30):
            while oracle.asked.count(HASHES[0]) < 3:
                await engine.hub.wait(engine.hub.count, timeout_s=0.1)
        oracle.dead.clear()
        async with asyncio.timeout(30):
            while True:
                found = await engine.notes.get(ALICE, saved.note.id)
                assert found is not None
                if found.magnets[0].name is not None:
                    break
                await engine.hub.wait(engine.hub.count, timeout_s=0.1)
        assert found.note.text == rename(text, {HASHES[0]: "Name of 1.mkv", HASHES[1]: "Name of 2.mkv"})
        assert await engine.database.read(watches.of, [(ALICE, HASHES[0])]) == {}

    with_engine(tmp_path, Watched, scenario, watch_delays_s=(0.01,))


def test_the_watch_never_asks_for_more_than_its_slots_at_once(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        hashes = range(30)
        await engine.notes.save(ALICE, "\n".join(link(number) for number in hashes))
        oracle.dead = set(HASHES)
        await ended(engine, *[(await one(engine, number)).task_id for number in hashes])
        oracle.most_at_once, oracle.held = 0, set(HASHES)
        async with asyncio.timeout(30):
            while oracle.at_once < 3:
                await engine.hub.wait(engine.hub.count, timeout_s=0.1)
        for _ in range(3):
            await engine.watch.ask()
        assert oracle.most_at_once == 3
        oracle.hold.set()

    with_engine(tmp_path, Watched, scenario, watch_delays_s=(0.01,), watch_slots=3)


def test_a_person_says_ask_now_or_stop(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        await engine.notes.save(ALICE, link(0))
        oracle.dead = {HASHES[0]}
        await ended(engine, (await one(engine, 0)).task_id)
        assert not await engine.watch.now(BOB, HASHES[0])
        assert not await engine.watch.stop(ALICE, HASHES[1])
        assert await engine.watch.stop(ALICE, HASHES[0])
        assert (await engine.database.read(watches.of, [(ALICE, HASHES[0])]))[ALICE, HASHES[0]].next_at is None
        assert await engine.watch.now(ALICE, HASHES[0])
        async with asyncio.timeout(30):
            while oracle.asked.count(HASHES[0]) < 2:
                await engine.hub.wait(engine.hub.count, timeout_s=0.1)

    with_engine(tmp_path, Watched, scenario)


def test_a_note_that_is_gone_is_watched_no_more(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Watched) -> None:
        saved = await engine.notes.save(ALICE, link(0))
        oracle.dead = {HASHES[0]}
        await ended(engine, (await one(engine, 0)).task_id)
        await engine.notes.remove(ALICE, saved.note.id)
        assert await engine.watch.now(ALICE, HASHES[0])
        async with asyncio.timeout(30):
            while await engine.database.read(watches.of, [(ALICE, HASHES[0])]):
                await engine.hub.wait(engine.hub.count, timeout_s=0.1)
        assert oracle.asked == [HASHES[0]]

    with_engine(tmp_path, Watched, scenario)


def test_everything_unnamed_is_found_with_what_is_left(tmp_path: Path) -> None:
    async def scenario(engine: Engine, _: Watched) -> None:
        await ended(engine, (await one(engine, 0)).task_id)
        tracker = "&tr=udp%3A%2F%2Ftracker.example%3A1"
        await engine.notes.save(ALICE, f"{link(0)}&dn=Name%20of%201.mkv {link(1)}{tracker} {link(2)}")
        await engine.notes.save(ALICE, f"{link(2)} {link(3)} {link(4)}")
        await engine.notes.save(BOB, link(5))
        found, remaining = await engine.notes.unnamed(ALICE, most=3)
        assert ([one.info_hash for one in found], remaining) == ([*HASHES[1:4]], 1)
        assert found[0].trackers == ("udp://tracker.example:1",)
        assert await engine.notes.unnamed(ALICE, most=100) == ([*found, magnet(4)], 0)

    with_engine(tmp_path, Watched, scenario)
