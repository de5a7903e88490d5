"""The loop that applies: what the workers report, from the queue into the database.

What cannot be applied for a defect (of ours, or brought to light by what a resolver said) ends its own look-up.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from truename import calibration
from truename.calibration import Heard, Rules
from truename.clock import Clock
from truename.feeder import Feeder
from truename.hub import Hub
from truename.queue.base import JobQueue, Report, outcome_of
from truename.store.database import StoreUnavailable
from truename.store.writer import Writer

log = logging.getLogger(__name__)

_RETRY_S = 0.5

Luck = Callable[[], float]


class Applier:
    """Brings what the workers say into the database, and keeps it until it is there."""

    def __init__(
        self, writer: Writer, queue: JobQueue, feeder: Feeder, hub: Hub, *, clock: Clock, rules: Rules, luck: Luck
    ) -> None:
        self._apply_all = partial(calibration.apply_all, rules=rules)
        self._luck = luck
        self._writer = writer
        self._queue = queue
        self._feeder = feeder
        self._hub = hub
        self._clock = clock

    async def run(self) -> None:
        """Apply until cancelled. A batch is applied before the next is read: no beginning comes after its end."""
        async for reports in self._queue.reports():
            told = [Heard(report=one, at=self._clock(), chance=self._luck()) for one in _without_needless(reports)]
            while told:
                told = await self._apply(told)
            self._hub.publish()
            self._feeder.wake()

    async def _apply(self, told: Sequence[Heard]) -> list[Heard]:
        """Apply the first report of each delivery: what is said of one is kept in the order in which it was said.

        Output: the rest, with those that the database did not take at its head; nothing else has their names.
        """
        now, later = _first_of_each_delivery(told)
        results = await asyncio.gather(
            *(self._writer.begin(self._apply_all, one) for one in now), return_exceptions=True
        )
        refused: list[Heard] = []
        taken: list[Report] = []
        for one, result in zip(now, results, strict=True):
            if isinstance(result, StoreUnavailable) and not result.is_for_good:
                refused.append(one)
            elif isinstance(result, Exception) and (plain := _without_what_it_says(one, result)) is not None:
                refused.append(plain)
            elif isinstance(result, StoreUnavailable):  # an end: its tasks are asked for again at the next start
                log.error("a report cannot be kept", extra={"reason": str(result)})
                taken += [one.report] if one.report.outcome is not None else []
            elif isinstance(result, BaseException):
                raise result
            else:
                taken.append(one.report)
        await self._tell_feeder(taken)
        if refused:
            log.warning("outcomes wait for the database", extra={"count": len(refused)})
            await asyncio.sleep(_RETRY_S)
        return refused + later

    async def _tell_feeder(self, reports: Sequence[Report]) -> None:
        for one in reports:
            if one.outcome is not None and not one.goes_on:
                self._feeder.ended(one.lookup.delivery)
        await self._feeder.have_begun([one.lookup.delivery for one in reports if one.outcome is None])
        await self._feeder.strands_ended([one for one in reports if one.goes_on])


def _without_what_it_says(told: Heard, error: Exception) -> Heard | None:
    """The same look-up's end without anything that came with it, or None when there is nothing more to leave out."""
    report = told.report
    if report.outcome is None or (report.outcome.source is None and not report.outcome.accounts):
        return None
    return replace(told, report=replace(report, outcome=outcome_of(report.lookup, error)))


def _first_of_each_delivery(told: Sequence[Heard]) -> tuple[list[Heard], list[Heard]]:
    """And the rest."""
    seen: set[str] = set()
    first: list[Heard] = []
    rest: list[Heard] = []
    for one in told:
        delivery = one.report.lookup.delivery
        (rest if delivery in seen else first).append(one)
        seen.add(delivery)
    return first, rest


def _without_needless(reports: Sequence[Report]) -> list[Report]:
    """The reports but the beginnings of what is named already: to complete a task is to begin it as well."""
    named = {one.lookup.delivery for one in reports if one.is_answer}
    return [one for one in reports if one.outcome is not None or one.lookup.delivery not in named]
