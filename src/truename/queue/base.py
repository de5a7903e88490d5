"""The port: look-ups in, reports out. The engine delivers, the database is the truth.

Executed at least once: a look-up may run twice, after a crash say. Who applies the reports makes it count once.
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from truename.asked import Asked, Ended
from truename.codes import Code
from truename.model import Lookup, Outcome, TaskStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker says of one strand of a delivery: it has begun (`outcome` is None), or this came of it.

    For one strand the beginning is always reported before the outcome. `goes_on`: other strands of the delivery run.
    """

    lookup: Lookup
    outcome: Outcome | None = None
    goes_on: bool = False

    @property
    def is_answer(self) -> bool:
        """Whether the hash that was asked for has a name now, and not only the second hash of its magnet."""
        outcome, asked = self.outcome, self.lookup.magnet.info_hash
        if outcome is None or outcome.name is None:
            return False
        return outcome.info_hash == asked or asked in outcome.hashes  # the first is nearly always so, and costs nothing


Work = Callable[[Lookup, Ended[Outcome]], Asked[Outcome]]
"""Begins a look-up, which ends with a call of what it is given, or is stopped by what it returns."""

MOST_STRANDS = 32
"""Of one delivery at a time; who joins when there are so many waits until one has ended."""


class JobQueue(Protocol):
    """Brings look-ups to workers, here or on other machines."""

    async def put(self, lookups: Sequence[Lookup]) -> None:
        """Deliver them, each priority in this order, the smaller number first.

        One that waits or runs here already is left as it is.
        """

    async def join(self, lookups: Sequence[Lookup]) -> Collection[str]:
        """More people wait for these deliveries: the magnet of each names now whom they want asked.

        What waits begins with it. What runs is begun once more with it, in a strand with a number and a time of its
        own, unless there are `MOST_STRANDS`; one that is not here (any more) is left alone.
        Output: the deliveries that are begun once more; the beginning of that strand will be reported.
        """

    async def abort(self, deliveries: Sequence[str]) -> None:
        """These are not wanted any more: what waits never starts, what runs is cancelled and reported by nobody.

        Unknown ones do no harm, nor does one that is put later.
        """

    def room(self) -> int:
        """How many more look-ups may be put now: twice the free slots, less what waits already."""

    def room_for_high(self) -> int:
        """The same for the highest priority alone, when there is no room for all: what is kept for it."""

    def reports(self) -> AsyncIterator[Sequence[Report]]:
        """What the workers say, in batches, for ever. Only one reader at a time."""

    async def serve(self, work: Work) -> None:
        """Be a worker: run look-ups in the slots until cancelled; what was running then is reported by nobody.

        A tenth of the slots, rounded up, is there besides for the highest priority alone, which goes there when the
        others are taken; what runs there takes nothing from them. Reports the `outcome_of` the work.
        All strands of a delivery are in one slot; an answer in one of them ends the others, which nobody reports.
        """


def outcome_of(lookup: Lookup, answer: Outcome | Exception) -> Outcome:
    """What comes of a look-up, also when the work has a defect: that ends one look-up and not the worker."""
    if isinstance(answer, Outcome):
        return answer
    log.error("a look-up broke off", exc_info=answer)
    return Outcome(
        info_hash=lookup.magnet.info_hash,
        info_hash_v2=lookup.magnet.info_hash_v2,
        status=TaskStatus.FAILED,
        code=Code.RESOLVER_FAILED,
        reason=Code.RESOLVER_FAILED,
    )
