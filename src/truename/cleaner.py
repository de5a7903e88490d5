"""The loop that cleans up what is over."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from truename.clock import Clock
from truename.store import batches, events, lookups, tasks
from truename.store.database import Connection, StoreUnavailable
from truename.store.writer import Writer

log = logging.getLogger(__name__)

_FORGET_AT_ONCE = 1_000
_KEEP_EVENTS_S = 24 * 3600.0
KEEP_UNTOLD_S = 24 * 3600.0
"""How much longer than others a batch is kept of whose end the webhook is still to be told."""


class Cleaner:
    """Forgets what is over: tasks some time after their end, look-ups nobody refers to, old events. Names never."""

    def __init__(self, writer: Writer, clock: Clock, *, task_ttl_s: float, interval_s: float) -> None:
        self._writer = writer
        self._clock = clock
        self._task_ttl_s = task_ttl_s
        self._interval_s = interval_s

    async def run(self) -> None:
        """Clean up at every interval until cancelled."""
        while True:
            await self.clean()
            await asyncio.sleep(self._interval_s)

    async def clean(self) -> int:
        """Clean up once, in small portions, so that others can write in between. Output: how much is gone."""
        now = self._clock()
        gone = 0
        works: Sequence[tuple[Callable[[Connection, Sequence[float]], Awaitable[Sequence[int]]], float]] = (
            (_forget_batches, now - self._task_ttl_s),
            (_forget_tasks, now - self._task_ttl_s),
            (_forget_events, now - _KEEP_EVENTS_S),
        )
        for work, before in works:
            try:
                while portion := await self._writer.write(work, before):
                    gone += portion
            except StoreUnavailable as trouble:
                log.warning("not cleaned up", extra={"reason": str(trouble)})
        return gone


async def _forget_batches(connection: Connection, before: Sequence[float]) -> Sequence[int]:
    counts: list[int] = []
    for one in before:
        gone = await batches.forget(
            connection, ended_before=one, untold_before=one - KEEP_UNTOLD_S, most=_FORGET_AT_ONCE
        )
        for batch_id, untold in gone:
            if untold:
                log.warning("the webhook is not told any more", extra={"batch": batch_id})
        counts.append(len(gone))
    return counts


async def _forget_tasks(connection: Connection, before: Sequence[float]) -> Sequence[int]:
    """With the look-ups that nobody refers to any more."""
    counts: list[int] = []
    for one in before:
        gone = await tasks.forget(connection, ended_before=one, most=_FORGET_AT_ONCE)
        await lookups.forget(connection, [each for each in gone if each is not None])
        counts.append(len(gone))
    return counts


async def _forget_events(connection: Connection, before: Sequence[float]) -> Sequence[int]:
    return [
        await events.forget(connection, before=one, latest=one + 2 * _KEEP_EVENTS_S, most=_FORGET_AT_ONCE)
        for one in before
    ]
