"""What a person can do: ask for names and follow their tasks. The edges (web, bot) speak to this and to `notes.py`.

Reading goes past the writer; whatever changes goes through it. Knows the person by number, and no protocol.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from truename import calibration
from truename.calibration import Priority, Submission, Submitted
from truename.feeder import Clock
from truename.hub import Hub
from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.store import tasks
from truename.store.database import Connection, Database
from truename.store.tasks import TaskRow
from truename.store.writer import Writer

_LOOK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task as its owner sees it. `queue_position` counts from 1 while it waits, and is there as long as it does."""

    row: TaskRow
    queue_position: int | None = None


class Calibrations:
    """Tasks of people, on one database. `wake` tells whoever takes look-ups that there are new ones."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        hub: Hub,
        *,
        clock: Clock,
        task_ttl_s: float,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._writer = writer
        self._hub = hub
        self._clock = clock
        self._task_ttl_s = task_ttl_s
        self._wake = wake

    async def submit(
        self, person_id: int, magnets: Sequence[Magnet], *, priority: Priority = Priority.NORMAL
    ) -> Sequence[Submitted]:
        """Ask for the names of magnets; an answer for each, in order, as soon as they are stored.

        Errors: `StoreUnavailable`, and then it is not known which of them were stored; asking again does no harm.
        """
        now = self._clock()
        asked = [
            Submission(task_id=str(uuid.uuid4()), person_id=person_id, magnet=magnet, priority=priority, at=now)
            for magnet in magnets
        ]
        answers = await asyncio.gather(*(self._writer.begin(calibration.submit_all, one) for one in asked))
        self._wake()
        self._hub.publish()
        return answers

    async def status(self, person_id: int, task_id: str) -> TaskView | None:
        """A person's task, or None when there is none: also when it is somebody else's, or its time is over."""
        remembered_from = self._clock() - self._task_ttl_s
        return await self._database.read(_status, task_id, person_id=person_id, ended_after=remembered_from)

    async def wait(
        self,
        person_id: int,
        task_ids: Sequence[str],
        *,
        timeout_s: float,
        enough: Callable[[], bool] = lambda: False,
    ) -> dict[str, TaskRow]:
        """Wait until these tasks have ended, at most so long; all of them as they are then.

        Input: `enough` is asked every second, and at every change, whether to stop waiting now.
        """
        end = time.monotonic() + timeout_s
        rows: dict[str, TaskRow] = {}
        waiting = list(task_ids)
        while True:
            seen = self._hub.count
            remembered_from = self._clock() - self._task_ttl_s
            rows |= await self._database.read(tasks.of_ids, waiting, person_id=person_id, ended_after=remembered_from)
            waiting = [one for one in waiting if one in rows and not rows[one].status.is_final]
            left_s = end - time.monotonic()
            if left_s <= 0 or not waiting or enough():
                return rows
            await self._hub.wait(seen, timeout_s=min(left_s, _LOOK_AGAIN_S))


async def _status(connection: Connection, task_id: str, *, person_id: int, ended_after: float) -> TaskView | None:
    found = await tasks.of_ids(connection, [task_id], person_id=person_id, ended_after=ended_after)
    row = found.get(task_id)
    if row is None:
        return None
    position = None
    if row.status is TaskStatus.PENDING:
        position = await tasks.queue_position(connection, row)
    return TaskView(row=row, queue_position=position)
