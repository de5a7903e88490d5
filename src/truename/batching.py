"""Batches of a person: many hashes asked for in one transaction, followed, cancelled and tried again together."""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from truename import calibration
from truename.calibration import Answer, BatchOrder, OfBatch, Priority, Retried, Submission
from truename.magnet import Magnet
from truename.portions import in_portions
from truename.service import Desk, TaskView, views
from truename.store import batches, tasks
from truename.store.batches import BatchLine, BatchRow
from truename.store.database import Connection
from truename.store.ids import new_task_id
from truename.store.writer import GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubmitted:
    """A batch that was taken, with an answer for each magnet, in order."""

    batch_id: str
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch as its owner sees it: some of its tasks, each with its place."""

    batch: BatchRow
    tasks: Sequence[tuple[int, TaskView]]


class Batches:
    """The batches of people, on one database."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._submit = partial(calibration.submit_batches, rules=desk.rules, census=desk.census)
        self._retry = partial(calibration.retry_batches, rules=desk.rules, census=desk.census)
        self._cancel = partial(calibration.cancel_batches, rules=desk.rules)

    async def submit(
        self, person_id: int, magnets: Sequence[Magnet], *, total: int, priority: Priority = Priority.NORMAL
    ) -> BatchSubmitted:
        """Ask for many in one transaction. `total`: how many items the person gave, those that are no magnets too.

        Errors: `StoreUnavailable`, and then all of it was stored or nothing.
        """
        now, batch_id = self._desk.clock(), str(uuid.uuid4())

        def submission(magnet: Magnet) -> Submission:
            return Submission(task_id=new_task_id(), person_id=person_id, magnet=magnet, priority=priority, at=now)

        submissions = tuple(await in_portions(submission, magnets))
        order = BatchOrder(batch_id=batch_id, person_id=person_id, submissions=submissions, total=total, at=now)
        answers = await self._desk.writer.write(self._submit, order, is_large=len(magnets) > GROUP)
        await self._desk.feeder.asked(calibration.granted(magnets, answers), priority)
        self._desk.hub.publish()
        return BatchSubmitted(batch_id=batch_id, answers=answers)

    async def get(self, person_id: int, batch_id: str, *, after_place: int = -1, limit: int) -> BatchView | None:
        """A person's batch with some of its tasks, or None: also when it is somebody else's, or its time is over."""
        remembered_from = self._desk.clock() - self._desk.task_ttl_s
        return await self._get(person_id, batch_id, after_place=after_place, limit=limit, ended_after=remembered_from)

    async def to_be_told(self, person_id: int, batch_id: str, *, limit: int) -> BatchView | None:
        """The same for the webhook, which may come late: a batch that is over for everybody else is still there."""
        return await self._get(person_id, batch_id, after_place=-1, limit=limit, ended_after=-math.inf)

    async def newest(self, person_id: int, *, limit: int) -> Sequence[BatchLine]:
        """A person's batches, newest first, as long as they are remembered."""
        remembered_from = self._desk.clock() - self._desk.task_ttl_s
        return await self._desk.database.read(batches.newest, person_id, limit=limit, ended_after=remembered_from)

    async def cancel(self, person_id: int, batch_id: str) -> None:
        """End what the batch has created and has not ended. Errors: `StoreUnavailable`."""
        wanted = OfBatch(person_id=person_id, batch_id=batch_id, at=self._desk.clock())
        await self._desk.feeder.drop(await self._desk.writer.write(self._cancel, wanted))
        self._desk.hub.publish()

    async def retry(self, person_id: int, batch_id: str) -> Retried:
        """Ask again for what failed or timed out, each in the priority it had. Errors: `StoreUnavailable`."""
        wanted = OfBatch(person_id=person_id, batch_id=batch_id, at=self._desk.clock())
        retried = await self._desk.writer.write(self._retry, wanted)
        for priority in Priority:
            await self._desk.feeder.asked((one for one, its in retried.asked if its is priority), priority)
        self._desk.hub.publish()
        return retried

    async def _get(
        self, person_id: int, batch_id: str, *, after_place: int, limit: int, ended_after: float
    ) -> BatchView | None:
        asked = {"after_place": after_place, "limit": limit, "ended_after": ended_after}
        now = self._desk.clock()
        return await self._desk.database.read(_get, person_id, batch_id, asked, at=now)


async def _get(
    connection: Connection, person_id: int, batch_id: str, asked: Mapping[str, Any], *, at: float
) -> BatchView | None:
    row = await batches.get(connection, batch_id, person_id=person_id, ended_after=asked["ended_after"])
    if row is None:
        return None
    found = await tasks.of_batch(connection, batch_id, after_place=asked["after_place"], limit=asked["limit"])
    seen = await views(connection, [one for _, one in found], at=at)
    return BatchView(batch=row, tasks=[(place, one) for (place, _), one in zip(found, seen, strict=True)])
