"""The queue inside the process does what every queue does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.contract.queue_contract import PATIENCE_S, MakeQueue, QueueContract, answer, job
from tests.works import in_tasks
from truename.asked import Asked, Ended, InATask
from truename.model import Lookup, Outcome
from truename.queue.base import Report
from truename.queue.local import LocalQueue


class TestLocalQueue(QueueContract):
    """`queue_contract.py` with the queue in memory."""

    @pytest.fixture
    def make_queue(self) -> MakeQueue:
        """Nothing to start and nothing to end."""

        @asynccontextmanager
        async def make(slots: int) -> AsyncIterator[LocalQueue]:
            yield LocalQueue(slots=slots)

        return make


def test_work_that_broke_and_is_aborted_before_that_is_told_is_told_of_by_nobody() -> None:
    async def scene() -> None:
        queue, said, troubles = LocalQueue(slots=1), list[Report](), list[object]()
        asyncio.get_running_loop().set_exception_handler(lambda _, what: troubles.append(what))

        def work(lookup: Lookup, ended: Ended[Outcome]) -> Asked[Outcome]:
            broke.set()
            raise ZeroDivisionError

        async def read() -> None:
            async for batch in queue.reports():
                said.extend(batch)

        broke = asyncio.Event()
        loops = [asyncio.create_task(one) for one in (queue.serve(work), read())]
        one = job()
        await queue.put([one])
        while not broke.is_set():
            await asyncio.sleep(0)
        await queue.abort([one.delivery])
        for _ in range(5):
            await asyncio.sleep(0)
        assert [each.outcome for each in said] == [None]
        assert (queue.room(), troubles) == (2, [])
        for each in loops:
            each.cancel()
        await asyncio.wait(loops)

    asyncio.run(scene())


def test_a_worker_that_is_stopped_twice_lets_what_runs_put_its_things_away() -> None:
    async def scene() -> None:
        queue, begun, may_go, tidy = LocalQueue(slots=1), asyncio.Event(), asyncio.Event(), list[str]()

        async def work(lookup: Lookup) -> Outcome:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await may_go.wait()
                tidy.append(lookup.delivery)
            raise AssertionError

        serving = asyncio.create_task(queue.serve(in_tasks(work)))
        one = job()
        await queue.put([one])
        await begun.wait()
        for _ in range(2):
            serving.cancel()
            for _ in range(5):
                await asyncio.sleep(0)
        with suppress(asyncio.CancelledError):
            await serving
        may_go.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert tidy == [one.delivery]
        assert queue.room() == 2

    asyncio.run(scene())


def test_no_strand_is_begun_of_what_is_answered_while_others_put_their_things_away() -> None:
    async def scene() -> None:
        queue, lookup = LocalQueue(slots=1), job()
        begun: list[InATask[Outcome]] = []
        away = asyncio.Event()

        def work(lookup: Lookup, ended: Ended[Outcome]) -> InATask[Outcome]:
            async def until_stopped() -> Outcome:
                try:
                    await asyncio.Event().wait()
                finally:
                    await away.wait()
                return answer(lookup)

            begun.append(InATask(until_stopped, ended))
            return begun[-1]

        serving = asyncio.create_task(queue.serve(work))
        await queue.put([lookup])
        while not begun:
            await asyncio.sleep(0)
        assert await queue.join([lookup])
        await asyncio.sleep(0)
        begun[0].settle(answer(lookup))
        async for said in queue.reports():
            if any(one.outcome is not None for one in said):
                break
        assert not await queue.join([lookup])
        away.set()
        while not queue.room():
            await asyncio.sleep(0)
        assert len(begun) == 2
        serving.cancel()
        await asyncio.wait([serving])

    asyncio.run(asyncio.wait_for(scene(), PATIENCE_S))
