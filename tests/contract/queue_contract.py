"""What every queue of look-ups must do, whatever its engine. Each engine's test file gives it a factory.

The worker is the test's own: a look-up ends when the test says so. That something does not happen is shown by what was
put behind it and has happened. Every wait has an end.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from math import ceil
from typing import Any

import pytest

from tests.works import in_tasks
from truename.magnet import InfoHash, Magnet
from truename.model import Lookup, Outcome, TaskStatus
from truename.queue.base import MOST_STRANDS, JobQueue, Report

PATIENCE_S = 60.0
HIGH, NORMAL, LOW = 0, 1, 2
MANY = 3000

MakeQueue = Callable[[int], AbstractAsyncContextManager[JobQueue]]
"""Makes a queue with so many slots, for as long as the block lasts."""

_numbers = itertools.count(1)


def job(prio: int = NORMAL, *, lookup_id: int | None = None) -> Lookup:
    """A look-up in a fresh delivery."""
    number = next(_numbers)
    magnet = Magnet(
        info_hash=InfoHash(f"{number:040x}"),
        info_hash_v2=InfoHash(f"{number:064x}"),
        trackers=("http://t.example/announce",),
        peers=("192.0.2.1:6881",),
    )
    return Lookup(delivery=f"d{number}", lookup_id=lookup_id or number, magnet=magnet, prio=prio)


def jobs(count: int, prio: int = NORMAL) -> list[Lookup]:
    """So many of them."""
    return [job(prio) for _ in range(count)]


def joined(lookup: Lookup) -> Lookup:
    """The same delivery, in which somebody else wants one more tracker asked."""
    return replace(lookup, magnet=replace(lookup.magnet, trackers=("http://more.example/", *lookup.magnet.trackers)))


def answer(lookup: Lookup) -> Outcome:
    """What comes of a look-up in these tests: every field has a value of its own."""
    return Outcome(
        info_hash=lookup.magnet.info_hash,
        info_hash_v2=lookup.magnet.info_hash_v2,
        status=TaskStatus.COMPLETED,
        name=f"Name \u202e of {lookup.delivery}",
        source="swarm",
        verified=True,
        elapsed_s=0.25,
    )


def no_answer(lookup: Lookup) -> Outcome:
    """Nobody has it."""
    return Outcome(
        info_hash=lookup.magnet.info_hash, status=TaskStatus.TIMEOUT, code="no_peers", reason="no_peers", elapsed_s=0.25
    )


class Stage:
    """A queue, a worker whose look-ups end when they are let go, and a reader of the reports."""

    def __init__(self, queue: JobQueue) -> None:
        self.queue = queue
        self.started: list[Lookup] = []
        self.stopped: list[Lookup] = []
        self.running: set[str] = set()
        self.most_at_once = 0
        self.batches: list[Sequence[Report]] = []
        self.broken: dict[str, BaseException] = {}
        self.unnamed: set[str] = set()
        self._free: set[str] = set()
        self._free_strands: set[int] = set()
        self._all_free = False
        self._changed = asyncio.Event()

    async def work(self, lookup: Lookup) -> Outcome:
        """Run until let go."""
        self.started.append(lookup)
        self.running.add(lookup.delivery)
        self.most_at_once = max(self.most_at_once, len(self.running))
        self._change()
        try:
            await self.until(
                lambda: self._all_free or lookup.delivery in self._free or lookup.strand in self._free_strands
            )
            if lookup.delivery in self.broken:
                raise self.broken[lookup.delivery]
        except asyncio.CancelledError:
            if lookup.delivery not in self.broken:
                self.stopped.append(lookup)
            raise
        finally:
            self.running.discard(lookup.delivery)
            self._change()
        return answer(lookup) if lookup.delivery not in self.unnamed else no_answer(lookup)

    def let_strand_go(self, strand: int) -> None:
        """This strand ends."""
        self._free_strands.add(strand)
        self._change()

    async def read(self) -> None:
        """Keep what is reported."""
        async for batch in self.queue.reports():
            self.batches.append(batch)
            self._change()

    def let_go(self, *lookups: Lookup) -> None:
        """These look-ups end as soon as they run; without any, all do from now on."""
        self._free |= {one.delivery for one in lookups}
        self._all_free = self._all_free or not lookups
        self._change()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await self._changed.wait()

    async def until_running(self, *lookups: Lookup) -> None:
        """Wait until these have been started."""
        wanted = {one.delivery for one in lookups}
        await self.until(lambda: wanted <= {one.delivery for one in self.started})

    async def until_over(self, *lookups: Lookup) -> None:
        """Wait until an outcome is reported for each of these."""
        wanted = {one.delivery for one in lookups}
        await self.until(lambda: wanted <= self.over)

    async def until_stopped(self, *lookups: Lookup) -> None:
        """Wait until these have been cancelled while they ran, and do not hold their slots any more."""
        wanted = {one.delivery for one in lookups}
        await self.until(lambda: wanted <= {one.delivery for one in self.stopped})

    async def until_room(self, count: int) -> None:
        """Wait until the queue says that there is room for just so many."""
        async with asyncio.timeout(PATIENCE_S):
            while self.queue.room() != count:
                await asyncio.sleep(0)

    @property
    def said(self) -> list[Report]:
        """All reports read so far."""
        return [report for batch in self.batches for report in batch]

    @property
    def over(self) -> set[str]:
        """The deliveries whose outcome was read."""
        return {one.lookup.delivery for one in self.said if one.outcome is not None}

    def order(self) -> list[str]:
        """The deliveries in the order in which they were started."""
        return [one.delivery for one in self.started]

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[asyncio.Task[None]]:
        """A worker, cancelled when the block is left."""
        serving = asyncio.create_task(self.queue.serve(in_tasks(self.work)))
        try:
            yield serving
        finally:
            await cancelled(serving)

    @asynccontextmanager
    async def being_read(self) -> AsyncIterator[None]:
        """A reader, cancelled when the block is left."""
        reading = asyncio.create_task(self.read())
        try:
            yield
        finally:
            await cancelled(reading)

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end; what it died of before is raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def deliveries(lookups: Sequence[Lookup]) -> list[str]:
    """What identifies them on their way."""
    return [one.delivery for one in lookups]


class QueueContract:
    """The port `JobQueue`, sentence by sentence. `slots` is 2 where a test does not say otherwise."""

    @pytest.fixture
    def make_queue(self) -> MakeQueue:
        """Given by each engine's test file."""
        raise NotImplementedError

    def play(self, make_queue: MakeQueue, scene: Callable[[Stage], Awaitable[None]], *, slots: int = 2) -> None:
        """A scene with a worker and a reader."""

        async def with_both(stage: Stage) -> None:
            async with stage.being_read(), stage.at_work():
                await scene(stage)

        self.rehearse(make_queue, with_both, slots=slots)

    def rehearse(self, make_queue: MakeQueue, scene: Callable[[Stage], Awaitable[None]], *, slots: int = 2) -> None:
        """A scene that has no worker and no reader but its own."""

        async def run() -> None:
            async with make_queue(slots) as queue:
                await scene(Stage(queue))

        running: Coroutine[Any, Any, None] = run()
        asyncio.run(running)

    # What is put is run, and told of

    def test_a_look_up_is_run_as_it_was_put_and_its_outcome_comes_back_whole(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            lookup = job(LOW)
            stage.let_go()
            await stage.queue.put([lookup])
            await stage.until_over(lookup)
            assert stage.started == [lookup]
            assert stage.said == [Report(lookup=lookup), Report(lookup=lookup, outcome=answer(lookup))]

        self.play(make_queue, scene)

    def test_a_beginning_is_reported_while_the_look_up_runs(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            lookup = job()
            await stage.queue.put([lookup])
            await stage.until(lambda: stage.said == [Report(lookup=lookup)])
            assert stage.running == {lookup.delivery}
            stage.let_go(lookup)
            await stage.until_over(lookup)

        self.play(make_queue, scene)

    def test_a_beginning_is_reported_before_its_outcome_and_each_only_once(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            every = [job(prio) for prio in (HIGH, NORMAL, LOW) for _ in range(30)]
            stage.let_go()
            await stage.queue.put(every)
            await stage.until_over(*every)
            told = {one.delivery: [r.outcome is None for r in stage.said if r.lookup == one] for one in every}
            assert set(map(tuple, told.values())) == {(True, False)}

        self.play(make_queue, scene, slots=7)

    def test_nothing_is_lost_when_the_reports_are_read_late_and_they_come_in_batches(
        self, make_queue: MakeQueue
    ) -> None:
        async def scene(stage: Stage) -> None:
            every = jobs(40)
            stage.let_go()
            async with stage.at_work():
                await stage.queue.put(every)
                await stage.until_running(*every)
                await stage.until_room(8)
            async with stage.being_read():
                await stage.until_over(*every)
            assert len(stage.said) == 80
            assert len(stage.batches) < 40

        self.rehearse(make_queue, scene, slots=4)

    def test_another_reader_goes_on_where_the_first_one_stopped(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            first, second = jobs(2)
            async with stage.at_work():
                async with stage.being_read():
                    await stage.queue.put([first, second])
                    stage.let_go(first)
                    await stage.until_over(first)
                stage.let_go(second)
                async with stage.being_read():
                    await stage.until_over(second)
            assert Counter((one.lookup.delivery, one.outcome is None) for one in stage.said) == {
                (one.delivery, beginning): 1 for one in (first, second) for beginning in (True, False)
            }

        self.rehearse(make_queue, scene)

    def test_thousands_put_at_once_are_each_run_once(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            every = jobs(MANY)
            stage.let_go()
            await stage.queue.put(every)
            await stage.until_over(*every)
            assert stage.order() == deliveries(every)
            assert len(stage.said) == 2 * MANY
            await stage.until_room(100)

        self.play(make_queue, scene, slots=50)

    def test_putting_nothing_and_aborting_nothing_is_allowed(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            await stage.queue.put([])
            await stage.queue.abort([])
            assert stage.queue.room() == 4
            assert stage.started == []

        self.play(make_queue, scene)

    def test_a_delivery_that_is_put_again_is_run_once(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            runs, waits, behind = jobs(3)
            await stage.queue.put([runs, waits, waits])
            await stage.until_running(runs)
            await stage.queue.put([runs, waits, behind])
            stage.let_go()
            await stage.until_over(runs, waits, behind)
            assert stage.order() == deliveries([runs, waits, behind])
            assert len(stage.said) == 6
            await stage.until_room(2)

        self.play(make_queue, scene, slots=1)

    # More people join

    def test_what_waits_begins_with_whom_a_joiner_names(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            runs, waits = jobs(2)
            await stage.queue.put([runs, waits])
            await stage.until_running(runs)
            await stage.queue.join([joined(waits)])
            stage.let_go()
            await stage.until_over(runs, waits)
            assert stage.started == [runs, joined(waits)]

        self.play(make_queue, scene, slots=1)

    def test_what_runs_is_begun_again_for_whoever_joins_in_the_same_slot(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            runs, behind = jobs(2)
            stage.unnamed = {runs.delivery}
            await stage.queue.put([runs, behind])
            await stage.until_running(runs)
            assert list(await stage.queue.join([joined(runs), joined(behind)])) == [runs.delivery]
            await stage.until(lambda: len(stage.started) == 2)
            first, second = stage.started
            assert (first.strand, second.delivery, second.magnet) == (0, runs.delivery, joined(runs).magnet)
            assert second.strand > 0
            stage.let_strand_go(0)
            await stage.until_over(runs)
            assert stage.queue.room() == 0
            assert len(stage.started) == 2
            stage.let_strand_go(second.strand)
            await stage.until_running(behind)
            assert stage.started[2] == joined(behind)
            stage.let_go()
            await stage.until_over(behind)
            told = [(one.lookup.strand, one.outcome is not None, one.goes_on) for one in stage.said]
            assert told[:4] == [
                (0, False, False),
                (second.strand, False, False),
                (0, True, True),
                (second.strand, True, False),
            ]

        self.play(make_queue, scene, slots=1)

    def test_strands_have_a_bound_and_one_is_begun_for_many_who_join_at_once(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            runs = job()
            await stage.queue.put([runs])
            await stage.until_running(runs)
            assert list(await stage.queue.join([joined(runs)] * 100)) == [runs.delivery]
            for _ in range(2, MOST_STRANDS):
                assert list(await stage.queue.join([joined(runs)])) == [runs.delivery]
            assert not await stage.queue.join([joined(runs)])
            await stage.until(lambda: len(stage.started) == MOST_STRANDS)
            stage.let_go()
            await stage.until_over(runs)

        self.play(make_queue, scene, slots=1)

    def test_an_answer_ends_the_other_strands(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            runs = job()
            await stage.queue.put([runs])
            await stage.until_running(runs)
            await stage.queue.join([joined(runs)])
            await stage.until(lambda: len(stage.started) == 2)
            stage.let_strand_go(stage.started[1].strand)
            await stage.until_over(runs)
            await stage.until_room(2)
            assert stage.stopped == [runs]
            assert [(one.lookup.strand, one.goes_on) for one in stage.said if one.outcome is not None] == [
                (stage.started[1].strand, False)
            ]

        self.play(make_queue, scene, slots=1)

    def test_all_strands_of_what_is_not_wanted_are_stopped(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            runs, behind = jobs(2)
            await stage.queue.put([runs, behind])
            await stage.until_running(runs)
            await stage.queue.join([joined(runs)])
            await stage.until(lambda: len(stage.started) == 2)
            await stage.queue.abort([runs.delivery])
            await stage.until_running(behind)
            assert sorted(one.strand > 0 for one in stage.stopped) == [False, True]
            stage.let_go()
            await stage.until_over(behind)
            assert stage.over == {behind.delivery}

        self.play(make_queue, scene, slots=1)

    def test_who_joins_in_the_moment_of_the_beginning_is_not_forgotten(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            lookup = job()
            await stage.queue.put([lookup])
            await stage.queue.join([joined(lookup)])
            stage.let_go()
            await stage.until_over(lookup)
            assert joined(lookup).magnet in [one.magnet for one in stage.started]

        self.play(make_queue, scene)

    def test_joining_what_is_over_or_was_never_here_does_nothing(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            over, behind = jobs(2)
            stage.let_go()
            await stage.queue.put([over])
            await stage.until_over(over)
            assert not await stage.queue.join([joined(over), joined(job())])
            await stage.queue.put([behind])
            await stage.until_over(behind)
            assert stage.started == [over, behind]

        self.play(make_queue, scene)

    # Order and slots

    def test_the_smaller_number_goes_first_and_inside_a_priority_the_order_of_putting(
        self, make_queue: MakeQueue
    ) -> None:
        async def scene(stage: Stage) -> None:
            first, *low = jobs(4, LOW)
            normal, high = jobs(4, NORMAL), jobs(4, HIGH)
            await stage.queue.put([first])
            await stage.until_running(first)
            await stage.queue.put([low[0], normal[0], high[0], normal[1], low[1]])
            await stage.queue.put([low[2], high[1], normal[2]])
            await stage.queue.put([normal[3], high[2], high[3]])
            await stage.until_running(high[0])  # in the slot that is kept for it
            stage.let_go()
            await stage.until_over(first, *low, *normal, *high)
            assert stage.order() == deliveries([first, *high, *normal, *low])

        self.play(make_queue, scene, slots=1)

    def test_no_more_run_at_once_than_there_are_slots(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            every = [*jobs(10, NORMAL), *jobs(10, LOW)]
            await stage.queue.put(every)
            await stage.until_running(*every[:3])
            for done, following in zip(every, [*every[3:], *[None] * 3], strict=True):
                assert len(stage.started) == min(20, every.index(done) + 3)
                stage.let_go(done)
                await (stage.until_running(following) if following else stage.until_over(done))
            assert stage.most_at_once == 3

        self.play(make_queue, scene, slots=3)

    @pytest.mark.parametrize("slots", [1, 2, 10, 11, 25])
    def test_a_tenth_rounded_up_is_kept_for_the_highest_priority(self, make_queue: MakeQueue, slots: int) -> None:
        async def scene(stage: Stage) -> None:
            normal, high = jobs(slots + 1), jobs(ceil(slots / 10) + 1, HIGH)
            await stage.queue.put(normal)
            await stage.until_running(*normal[:-1])
            assert (stage.queue.room(), stage.queue.room_for_high()) == (0, len(high) - 1)
            await stage.queue.put(high)
            await stage.until_running(*high[:-1])
            assert (stage.queue.room(), stage.queue.room_for_high()) == (0, 0)
            assert stage.order() == deliveries([*normal[:-1], *high[:-1]])
            stage.let_go(high[0])
            await stage.until_running(high[-1])  # and not the one that had waited longer
            stage.let_go()
            await stage.until_over(*normal, *high)
            assert stage.order()[-1] == normal[-1].delivery
            assert stage.most_at_once == slots + len(high) - 1

        self.play(make_queue, scene, slots=slots)

    @pytest.mark.parametrize("slots", [1, 2, 10, 25])
    def test_what_runs_in_the_tenth_of_the_highest_takes_no_slot_of_all(
        self, make_queue: MakeQueue, slots: int
    ) -> None:
        async def scene(stage: Stage) -> None:
            normal, high, (low,) = jobs(slots), jobs(ceil(slots / 10), HIGH), jobs(1, LOW)
            await stage.queue.put(normal)
            await stage.until_running(*normal)
            await stage.queue.put(high)
            await stage.until_running(*high)
            stage.let_go(normal[0])
            await stage.until_over(normal[0])
            async with asyncio.timeout(PATIENCE_S / 2):  # before the others lose their patience and end
                await stage.until_room(2)
                await stage.queue.put([low])
                await stage.until_running(low)
            stage.let_go()
            await stage.until_over(*normal, *high, low)
            await stage.until_room(2 * slots)

        self.play(make_queue, scene, slots=slots)

    def test_room_is_twice_the_free_slots_less_what_waits_already(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            every = jobs(9)
            assert stage.queue.room() == 8
            await stage.queue.put(every[:5])
            assert stage.queue.room() == 3
            await stage.queue.put(every[5:])
            assert stage.queue.room() == 0
            async with stage.being_read(), stage.at_work():
                await stage.until_running(*every[:4])
                assert stage.queue.room() == 0
                stage.let_go(*every[:6])
                await stage.until_over(*every[:6])
                await stage.until_running(*every)
                assert stage.queue.room() == 2
                stage.let_go()
                await stage.until_over(*every)
                await stage.until_room(8)

        self.rehearse(make_queue, scene, slots=4)

    def test_what_is_put_again_the_moment_it_has_ended_runs_again(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            lookup, ends = job(), 0
            stage.let_go()
            async with stage.at_work(), asyncio.timeout(PATIENCE_S):
                await stage.queue.put([lookup])
                async for batch in stage.queue.reports():
                    ends += sum(report.outcome is not None for report in batch)
                    if ends == 3:
                        break
                    if batch[-1].outcome is not None:
                        await stage.queue.put([lookup])
            assert stage.order() == [lookup.delivery] * 3

        self.rehearse(make_queue, scene)

    # What is not wanted any more

    def test_what_waits_and_is_aborted_never_starts_and_makes_room(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            every = jobs(4)
            await stage.queue.put(every)
            assert stage.queue.room() == 0
            await stage.queue.abort(deliveries(every[:3]))
            assert stage.queue.room() == 3
            behind = job()
            await stage.queue.put([behind])
            stage.let_go()
            async with stage.being_read(), stage.at_work():
                await stage.until_over(every[3], behind)
            assert stage.order() == deliveries([every[3], behind])
            assert {one.lookup for one in stage.said} == {every[3], behind}

        self.rehearse(make_queue, scene)

    def test_what_waits_behind_full_slots_and_is_aborted_leaves_room_for_the_highest(
        self, make_queue: MakeQueue
    ) -> None:
        async def scene(stage: Stage) -> None:
            normal, high = jobs(2), jobs(2, HIGH)
            await stage.queue.put([normal[0]])
            await stage.until_running(normal[0])
            await stage.queue.put([high[0]])
            await stage.until_running(high[0])
            await stage.queue.put([normal[1], high[1]])
            await stage.queue.abort(deliveries([normal[1], high[1]]))
            stage.let_go(high[0])
            await stage.until_over(high[0])
            assert (stage.queue.room(), stage.queue.room_for_high()) == (0, 1)
            later = job(HIGH)
            await stage.queue.put([later])
            await stage.until_running(later)
            stage.let_go()
            await stage.until_over(later, normal[0])
            assert stage.order() == deliveries([normal[0], high[0], later])

        self.play(make_queue, scene, slots=1)

    def test_what_runs_and_is_aborted_is_cancelled_told_of_by_nobody_and_frees_its_slot(
        self, make_queue: MakeQueue
    ) -> None:
        async def scene(stage: Stage) -> None:
            gone, stays, behind = jobs(3)
            await stage.queue.put([gone, stays, behind])
            await stage.until_running(gone, stays)
            await stage.queue.abort([gone.delivery])
            await stage.until_running(behind)
            assert stage.stopped == [gone]
            stage.let_go()
            await stage.until_over(stays, behind)
            assert stage.over == {stays.delivery, behind.delivery}
            await stage.until_room(4)

        self.play(make_queue, scene)

    @pytest.mark.parametrize("turns", range(8))
    def test_an_abort_in_the_moment_of_the_start_leaves_no_slot_taken(self, make_queue: MakeQueue, turns: int) -> None:
        async def scene(stage: Stage) -> None:
            gone = jobs(2)
            await stage.queue.put(gone)
            for _ in range(turns):
                await asyncio.sleep(0)
            await stage.queue.abort(deliveries(gone))
            await stage.until_room(4)
            stage.let_go()
            behind = jobs(6)
            await stage.queue.put(behind)
            await stage.until_over(*behind)
            assert stage.over == set(deliveries(behind))

        self.play(make_queue, scene)

    def test_aborting_what_is_unknown_over_or_aborted_already_does_no_harm(self, make_queue: MakeQueue) -> None:
        async def scene(stage: Stage) -> None:
            done, gone, behind = jobs(3)
            await stage.queue.put([done])
            stage.let_go(done)
            await stage.until_over(done)
            await stage.queue.put([gone])
            await stage.until_running(gone)
            for _ in range(2):
                await stage.queue.abort(["never heard of", done.delivery, gone.delivery, behind.delivery])
            await stage.until_stopped(gone)
            await stage.queue.put([behind])  # who was aborted before it was put is put all the same
            stage.let_go()
            await stage.until_over(behind)
            assert stage.order() == deliveries([done, gone, behind])
            await stage.until_room(4)

        self.play(make_queue, scene)

    @pytest.mark.parametrize("when", ["waits", "runs", "is over"])
    def test_an_abort_of_an_old_delivery_does_not_touch_a_fresh_one_of_the_same_look_up(
        self, make_queue: MakeQueue, when: str
    ) -> None:
        async def scene(stage: Stage) -> None:
            old, blocker = job(lookup_id=7), job()
            fresh = Lookup(delivery="fresh", lookup_id=7, magnet=old.magnet, prio=old.prio)
            if when == "waits":
                await stage.queue.put([blocker])
                await stage.until_running(blocker)
            await stage.queue.put([old])
            if when != "waits":
                await stage.until_running(old)
            if when == "is over":
                stage.let_go(old)
                await stage.until_over(old)
            await stage.queue.put([fresh])
            await stage.queue.abort([old.delivery])
            stage.let_go()
            await stage.until_over(fresh)
            assert fresh in stage.started
            assert (old in stage.started) == (when != "waits")
            assert (old.delivery in stage.over) == (when == "is over")

        self.play(make_queue, scene, slots=1)

    # The worker

    def test_what_runs_when_a_worker_is_stopped_is_told_of_by_nobody_and_what_waits_goes_on_waiting(
        self, make_queue: MakeQueue
    ) -> None:
        async def scene(stage: Stage) -> None:
            *running, waiting = jobs(3)
            async with stage.being_read():
                await stage.queue.put([*running, waiting])
                async with stage.at_work():
                    await stage.until_running(*running)
                assert set(deliveries(stage.stopped)) == set(deliveries(running))
                assert stage.queue.room() == 3
                stage.let_go()
                async with stage.at_work():
                    await stage.until_over(waiting)
                    await stage.until_room(4)
            assert stage.order() == deliveries([*running, waiting])
            assert stage.over == {waiting.delivery}

        self.rehearse(make_queue, scene)

    @pytest.mark.parametrize("turns", range(8))
    def test_a_worker_stopped_in_the_moment_of_a_start_leaves_no_slot_taken(
        self, make_queue: MakeQueue, turns: int
    ) -> None:
        async def scene(stage: Stage) -> None:
            await stage.queue.put(jobs(1))
            async with stage.at_work():
                for _ in range(turns):
                    await asyncio.sleep(0)
            await stage.queue.abort([one.delivery for one in stage.started])
            stage.let_go()
            behind = jobs(4)
            async with stage.being_read(), stage.at_work():
                await stage.queue.put(behind)
                await stage.until_over(*behind)
                await stage.until_room(4)

        self.rehearse(make_queue, scene)

    @pytest.mark.parametrize("error", [ValueError("a defect"), asyncio.CancelledError()])
    def test_work_that_raises_is_told_as_a_failure_and_the_others_go_on(
        self, make_queue: MakeQueue, error: BaseException
    ) -> None:
        async def scene(stage: Stage) -> None:
            broken, whole, behind = jobs(3)
            stage.broken[broken.delivery] = error
            await stage.queue.put([broken, whole, behind])
            await stage.until_running(broken, whole)
            stage.let_go(broken)
            await stage.until_over(broken)
            await stage.until_running(behind)
            stage.let_go()
            await stage.until_over(whole, behind)
            outcomes = {one.lookup.delivery: one.outcome for one in stage.said if one.outcome is not None}
            failure = outcomes.pop(broken.delivery)
            assert (failure.status, failure.code, failure.name) == (TaskStatus.FAILED, "resolver_failed", None)
            assert failure.info_hash == broken.magnet.info_hash
            assert outcomes == {one.delivery: answer(one) for one in (whole, behind)}
            await stage.until_room(4)

        self.play(make_queue, scene)

    @pytest.mark.parametrize("seed", range(10))
    def test_whatever_happens_each_that_is_wanted_is_run_once_and_no_slot_is_lost(
        self, make_queue: MakeQueue, seed: int
    ) -> None:
        chance = random.Random(seed)  # noqa: S311 - chance, no secret

        async def scene(stage: Stage) -> None:
            every: list[Lookup] = []
            aborted: set[str] = set()
            for _ in range(60):
                match chance.choice(("put", "put", "abort", "let go", "turn")):
                    case "put":
                        new = [job(chance.choice((HIGH, NORMAL, LOW))) for _ in range(chance.randint(1, 4))]
                        every += new
                        await stage.queue.put(new)
                    case "abort" if every:
                        unwanted = chance.choices(deliveries(every), k=3)
                        aborted |= set(unwanted)
                        await stage.queue.abort(unwanted)
                    case "let go" if every:
                        stage.let_go(*chance.choices(every, k=3))
                    case _:
                        for _ in range(chance.randint(1, 4)):
                            await asyncio.sleep(0)
            stage.let_go()
            await stage.until_over(*(one for one in every if one.delivery not in aborted))
            await stage.until_room(6)
            assert max(Counter(stage.order()).values(), default=1) == 1
            assert max(Counter((one.lookup.delivery, one.outcome is None) for one in stage.said).values()) == 1
            assert stage.over.isdisjoint(deliveries(stage.stopped))
            assert stage.most_at_once <= 4

        self.play(make_queue, scene, slots=3)
