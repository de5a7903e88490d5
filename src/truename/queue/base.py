"""The port: look-ups in, reports out. The engine delivers, the database is the truth.

Executed at least once: a look-up may run twice, after a crash say. Who applies the reports makes it count once.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from truename.model import Lookup, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker says of one delivery: it has begun (`outcome` is None), or this came of it.

    For one delivery the beginning is always reported before the outcome.
    """

    lookup: Lookup
    outcome: Outcome | None = None


Work = Callable[[Lookup], Awaitable[Outcome]]


class JobQueue(Protocol):
    """Brings look-ups to workers, here or on other machines."""

    async def put(self, lookups: Sequence[Lookup]) -> None:
        """Deliver them, each priority in this order, the smaller number first."""

    async def abort(self, deliveries: Sequence[str]) -> None:
        """These are not wanted any more: what waits never starts, what runs is cancelled. Unknown ones do no harm."""

    def room(self) -> int:
        """How many more look-ups may be put now: twice the free slots, less what waits already."""

    def room_for_high(self) -> int:
        """The same for the highest priority alone, when there is no room for all: what is kept for it."""

    def reports(self) -> AsyncIterator[Sequence[Report]]:
        """What the workers say, in batches, for ever. Only one reader at a time."""

    async def serve(self, work: Work) -> None:
        """Be a worker: run look-ups in the slots until cancelled; what was running then is reported by nobody."""
