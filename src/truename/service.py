"""What a person can do: ask for names and follow their tasks. The edges (web, bot) speak to this and to `notes.py`.

Reading goes past the writer; whatever changes goes through it. Knows the person by number, and no protocol.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from truename import calibration
from truename.calibration import Answer, Census, NoRoom, OfPerson, OfTask, Priority, Rules, Submission, Submitted
from truename.clock import Clock
from truename.errors import TruenameError
from truename.feeder import Feeder
from truename.hub import Hub
from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.store import names, tasks
from truename.store.database import Connection, Database
from truename.store.ids import new_task_id
from truename.store.names import KnownName, Provenance
from truename.store.tasks import TaskRow
from truename.store.writer import GROUP, Writer

_LOOK_AGAIN_S = 1.0
_LOOKED_AT = 500
_CANCELLED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task as its owner sees it. `queue_position` counts from 1 while it waits, and is there as long as it does.

    `about`: what the catalogue knows besides, where that was asked for and the name is the one it has.
    `info_hash_v1`: of a hybrid that was asked for by another of its hashes, once a proof has told it.
    """

    row: TaskRow
    info_hash_v1: str | None = None
    queue_position: int | None = None
    about: Provenance | None = None


class TooMany(TruenameError):  # noqa: N818 - named after what it is
    """So much waits already that nothing more is taken. Nothing of the request was kept."""


class StillActive(TruenameError):  # noqa: N818 - named after what it is
    """The task has not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What everything a person can do with tasks stands on. `feeder` takes what is asked for, and drops what is not."""

    database: Database
    writer: Writer
    hub: Hub
    feeder: Feeder
    clock: Clock
    rules: Rules
    census: Census
    task_ttl_s: float


class Calibrations:
    """Tasks of people, on one database."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._submit_all = partial(calibration.submit_all, rules=desk.rules, census=desk.census)
        self._hurry_all = partial(calibration.hurry_all, rules=desk.rules, census=desk.census)
        self._cancel_all = partial(calibration.cancel_all, rules=desk.rules)
        self._cancel_waiting = partial(calibration.cancel_waiting, rules=desk.rules)

    async def submit(
        self, person_id: int, magnets: Sequence[Magnet], *, priority: Priority = Priority.NORMAL
    ) -> Sequence[Answer]:
        """Ask for the names of magnets; an answer for each, in order, as soon as they are stored.

        They are written in portions, so that however many there are, others can write in between.
        Errors: `StoreUnavailable`, and then it is not known which of them were stored; asking again does no harm.
        """
        now = self._desk.clock()
        answers: list[Answer] = []
        if len(magnets) > GROUP:
            every = [(person_id, one.info_hash) for one in magnets]
            await self._desk.writer.write(calibration.lift_all, every, is_large=True)
        for start in range(0, len(magnets), GROUP):
            asked = [
                Submission(task_id=new_task_id(), person_id=person_id, magnet=magnet, priority=priority, at=now)
                for magnet in magnets[start : start + GROUP]
            ]
            answered = await asyncio.gather(*(self._desk.writer.begin(self._submit_all, one) for one in asked))
            await self._desk.feeder.asked(calibration.granted(magnets[start : start + GROUP], answered), priority)
            answers += answered
            self._desk.hub.publish()
        return answers

    async def submit_one(self, person_id: int, magnet: Magnet, *, priority: Priority = Priority.NORMAL) -> Submitted:
        """The same for one magnet. Errors: `TooMany` besides."""
        (answer,) = await self.submit(person_id, [magnet], priority=priority)
        if isinstance(answer, NoRoom):
            raise TooMany
        return answer

    async def cancel(self, person_id: int, task_id: str) -> TaskView | None:
        """A person does not want a task any more; the task as it is then: cancelled, unless it had ended already.

        Output: None when the person has no such task. Errors: `StoreUnavailable`.
        """
        wanted = OfTask(person_id=person_id, task_id=task_id, at=self._desk.clock())
        deliveries = await self._desk.writer.write(self._cancel_all, wanted)
        await self._desk.feeder.drop(deliveries)
        self._desk.hub.publish()
        return await self.status(person_id, task_id)

    async def cancel_waiting(self, person_id: int) -> None:
        """A person does not want any more what waits of their tasks, by portions. Errors: `StoreUnavailable`."""
        wanted = OfPerson(person_id=person_id, most=_CANCELLED_AT_ONCE, at=self._desk.clock())
        count = _CANCELLED_AT_ONCE
        while count == _CANCELLED_AT_ONCE:
            deliveries, count = await self._desk.writer.write(self._cancel_waiting, wanted)
            await self._desk.feeder.drop(deliveries)
            self._desk.hub.publish()

    async def retry(self, person_id: int, task_id: str, *, priority: Priority | None = None) -> Submitted | None:
        """Ask again for what a task asked for, in its priority or another one; None when the person has no such task.

        Errors: `StillActive`; `TooMany`; `StoreUnavailable`.
        """
        view = await self.status(person_id, task_id)
        if view is None:
            return None
        if not view.row.status.is_final:
            raise StillActive
        if priority is None:
            priority = Priority(view.row.prio)
        return await self.submit_one(person_id, calibration.magnet_of(view.row), priority=priority)

    async def hurry(self, person_id: int, task_id: str) -> TaskView | None:
        """What still waits is wanted first. What has ended meanwhile stays so, and nothing new is asked for.

        Output: the task as it is then; None when the person has no such task. Errors: `StoreUnavailable`.
        """
        wanted = OfTask(person_id=person_id, task_id=task_id, at=self._desk.clock())
        asked = await self._desk.writer.write(self._hurry_all, wanted)
        if asked is not None:
            await self._desk.feeder.asked([asked], Priority.HIGH)
            self._desk.hub.publish()
        return await self.status(person_id, task_id)

    async def newest(
        self,
        person_id: int,
        *,
        status: TaskStatus | None = None,
        before: tuple[float, int, str] | None = None,
        limit: int,
    ) -> Sequence[TaskView]:
        """A person's tasks, newest first, from the one after `before` (its time, rank and id) on."""
        now = self._desk.clock()
        asked = {"status": status, "before": before, "limit": limit, "ended_after": now - self._desk.task_ttl_s}
        return await self._desk.database.read(_newest, person_id, asked, at=now)

    async def these(self, person_id: int, task_ids: Sequence[str]) -> Sequence[TaskView]:
        """Those of these tasks that the person has, as long as they are remembered."""
        now = self._desk.clock()
        remembered_from = now - self._desk.task_ttl_s
        return await self._desk.database.read(
            _these, task_ids, person_id=person_id, ended_after=remembered_from, at=now
        )

    async def counts(self, person_id: int) -> Mapping[TaskStatus, int]:
        """How many tasks a person has in each state."""
        remembered_from = self._desk.clock() - self._desk.task_ttl_s
        return await self._desk.database.read(tasks.count_by_status, person_id, ended_after=remembered_from)

    async def newer_than(self, person_id: int, views: Sequence[TaskView]) -> Mapping[str, TaskRow]:
        """For those of a person's tasks whose hash was asked for again since: the newest task, by the old one's id."""
        asked = [(person_id, view.row.hash) for view in views]
        remembered_from = self._desk.clock() - self._desk.task_ttl_s
        latest = await self._desk.database.read(tasks.latest_of, asked, ended_after=remembered_from)
        found = {view.row.id: latest.get((person_id, view.row.hash)) for view in views}
        return {old: new for old, new in found.items() if new is not None and new.id != old}

    async def status(self, person_id: int, task_id: str) -> TaskView | None:
        """A person's task, or None when there is none: also when it is somebody else's, or its time is over."""
        now = self._desk.clock()
        remembered_from = now - self._desk.task_ttl_s
        return await self._desk.database.read(
            _status, task_id, person_id=person_id, ended_after=remembered_from, at=now
        )

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
            seen = self._desk.hub.count
            left_s = end - time.monotonic()
            over = left_s <= 0 or enough()
            looked_at = waiting if over else waiting[:_LOOKED_AT]  # until these have ended the others need no look
            rows |= await self._of_ids(person_id, looked_at)
            active = [one for one in looked_at if one in rows and not rows[one].status.is_final]
            waiting = active + waiting[len(looked_at) :]
            if over or not waiting:
                return rows
            if active:
                await self._desk.hub.wait(seen, timeout_s=min(left_s, _LOOK_AGAIN_S))

    async def _of_ids(self, person_id: int, task_ids: Sequence[str]) -> dict[str, TaskRow]:
        remembered_from = self._desk.clock() - self._desk.task_ttl_s
        return await self._desk.database.read(tasks.of_ids, task_ids, person_id=person_id, ended_after=remembered_from)


async def _status(
    connection: Connection, task_id: str, *, person_id: int, ended_after: float, at: float
) -> TaskView | None:
    found = await tasks.of_ids(connection, [task_id], person_id=person_id, ended_after=ended_after)
    if task_id not in found:
        return None
    row = found[task_id]
    (view,) = await views(connection, [row], at=at)
    if row.status is not TaskStatus.COMPLETED:
        return view
    about = (await names.provenance_of(connection, [row.hash])).get(row.hash)
    return replace(view, about=about if about is not None and _is_of(row, about.known) else None)


def _is_of(row: TaskRow, known: KnownName) -> bool:
    """A task keeps the claim with which it ended, though the catalogue may have a proof by now."""
    return (row.name, row.source, row.verified) == (known.name, known.source, known.verified)


async def _these(
    connection: Connection, task_ids: Sequence[str], *, person_id: int, ended_after: float, at: float
) -> Sequence[TaskView]:
    found = await tasks.of_ids(connection, task_ids, person_id=person_id, ended_after=ended_after)
    return await views(connection, [found[one] for one in task_ids if one in found], at=at)


async def _newest(connection: Connection, person_id: int, asked: Mapping[str, Any], *, at: float) -> Sequence[TaskView]:
    return await views(connection, await tasks.newest(connection, person_id, **asked), at=at)


async def views(connection: Connection, rows: Sequence[TaskRow], *, at: float) -> list[TaskView]:
    """Tasks as their owners see them. One that waits for another try stands in no queue until that is due."""
    rows = [replace(row, next_attempt_at=None) if _is_due(row, at) else row for row in rows]
    waiting = [row for row in rows if row.status is TaskStatus.PENDING and row.next_attempt_at is None]
    places = await tasks.queue_positions(connection, waiting, at=at)
    v1_of = await names.v1_of(connection, [row.hash for row in rows if row.verified and _is_asked_by_v2(row)])
    return [
        TaskView(
            row=row,
            info_hash_v1=v1_of.get(row.hash),
            queue_position=places.get(row.id),
        )
        for row in rows
    ]


def _is_asked_by_v2(row: TaskRow) -> bool:
    """By the whole hash or by the first half of it."""
    return InfoHash(row.hash).is_v2 or (row.hash_v2 or "").startswith(row.hash)


def _is_due(row: TaskRow, at: float) -> bool:
    return row.next_attempt_at is not None and row.next_attempt_at <= at
