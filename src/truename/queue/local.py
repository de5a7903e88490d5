"""The queue inside one process: a list for each priority, and slots that empty them."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from math import ceil

from truename.asked import Asked
from truename.model import Lookup, Outcome
from truename.queue.base import MOST_STRANDS, Report, Work, outcome_of

_HIGH = 0
_RESERVE = 0.1


class LocalQueue:
    """The port `JobQueue` in memory. On top of `slots`, a tenth (rounded up) is kept for the highest priority.

    What runs in that tenth stays there: a slot that gets free belongs to all priorities, whatever else is running.
    """

    def __init__(self, *, slots: int) -> None:
        self._slots = slots
        self._reserve = ceil(slots * _RESERVE)
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, str]] = []
        self._here: dict[str, Lookup] = {}  # the deliveries that wait or run
        self._running: dict[str, tuple[_Strand, ...]] = {}  # the strands of each delivery
        self._in_reserve: set[str] = set()
        self._answered: set[str] = set()  # those of which some strands are still being put away
        self._strands = itertools.count(1)
        self._leaving: set[asyncio.Task[None]] = set()
        self._begin_again: Callable[[Lookup], None] = _nobody_serves
        self._changed = asyncio.Event()
        self._said: list[Report] = []
        self._said_something = asyncio.Event()

    async def put(self, lookups: Sequence[Lookup]) -> None:
        """See `JobQueue.put`."""
        for lookup in lookups:
            if lookup.delivery not in self._here:
                self._here[lookup.delivery] = lookup
                heapq.heappush(self._waiting, (lookup.prio, next(self._order), lookup.delivery))
        self._changed.set()

    async def join(self, lookups: Sequence[Lookup]) -> Collection[str]:
        """See `JobQueue.join`."""
        here = {lookup.delivery: lookup for lookup in lookups if lookup.delivery in self._here}
        self._here |= here
        running = here.keys() & self._running.keys() - self._answered
        again = [one for one in here if one in running and len(self._running[one]) < MOST_STRANDS]
        for delivery in again:
            self._begin_again(replace(here[delivery], strand=next(self._strands)))
        return again

    async def abort(self, deliveries: Sequence[str]) -> None:
        """See `JobQueue.abort`."""
        unwanted = self._here.keys() & set(deliveries)
        running = unwanted & self._running.keys()
        if unwanted - running:
            for delivery in unwanted - running:
                del self._here[delivery]
            self._waiting = [one for one in self._waiting if one[2] not in unwanted]
            heapq.heapify(self._waiting)
        for delivery in running:
            self._stop(self._running[delivery])

    def room(self) -> int:
        """See `JobQueue.room`."""
        return max(0, 2 * self._free() - len(self._waiting))

    def room_for_high(self) -> int:
        """See `JobQueue.room_for_high`."""
        waiting = sum(prio == _HIGH for prio, _, _ in self._waiting)
        return max(0, self._free() + self._free_in_reserve() - waiting)

    async def reports(self) -> AsyncIterator[Sequence[Report]]:
        """See `JobQueue.reports`."""
        while True:
            await self._said_something.wait()
            self._said_something.clear()
            said, self._said = self._said, []
            yield said

    async def serve(self, work: Work) -> None:
        """See `JobQueue.serve`."""
        self._begin_again = partial(self._begin, work)
        try:
            while True:
                while (delivery := self._next()) is not None:
                    self._begin(work, self._here[delivery])
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._begin_again = _nobody_serves
            for strands in list(self._running.values()):
                self._stop(strands)
            if self._leaving:
                await asyncio.wait(self._leaving)  # who is impatient does not break into what is being put away

    def _free(self) -> int:
        return self._slots - len(self._running) + len(self._in_reserve)

    def _free_in_reserve(self) -> int:
        return self._reserve - len(self._in_reserve)

    def _begin(self, work: Work, lookup: Lookup) -> None:
        delivery = lookup.delivery
        if delivery not in self._running and not self._free():
            self._in_reserve.add(delivery)
        strand = _Strand(self, lookup)
        self._running[delivery] = (*self._running.get(delivery, ()), strand)
        self._say(Report(lookup=lookup))
        strand.begin(work)

    def _next(self) -> str | None:
        """The next look-up, if there is a slot for it."""
        if not self._waiting:
            return None
        is_high = self._waiting[0][0] == _HIGH
        if self._free() or (is_high and self._free_in_reserve()):
            return heapq.heappop(self._waiting)[2]
        return None

    def ended(self, strand: "_Strand", outcome: Outcome) -> None:
        """A strand has come to its end by itself."""
        said = Report(lookup=strand.lookup, outcome=outcome)
        others = [one for one in self._running[strand.lookup.delivery] if one is not strand]
        if others and said.is_answer:
            self._answered.add(strand.lookup.delivery)
            self._stop(others)
        elif others:
            said = replace(said, goes_on=True)
        self._say(said)
        self._over(strand)

    def _stop(self, strands: Iterable["_Strand"]) -> None:
        """A strand that puts its things away keeps its place until it has."""
        for strand in strands:
            leaving = strand.stop()
            if leaving is None:
                self._over(strand)
            elif leaving not in self._leaving:
                self._leaving.add(leaving)
                leaving.add_done_callback(partial(self._has_left, strand))

    def _has_left(self, strand: "_Strand", leaving: asyncio.Task[None]) -> None:
        self._leaving.discard(leaving)
        self._over(strand)

    def _over(self, strand: "_Strand") -> None:
        delivery = strand.lookup.delivery
        strands = self._running.get(delivery, ())
        if strand not in strands:  # this has been told before; the delivery may have been put again since
            return
        if len(strands) > 1:
            self._running[delivery] = tuple(one for one in strands if one is not strand)
        else:
            self._running.pop(delivery, None)
            self._in_reserve.discard(delivery)
            self._answered.discard(delivery)
            self._here.pop(delivery, None)
        self._changed.set()

    def _say(self, report: Report) -> None:
        self._said.append(report)
        self._said_something.set()


def _nobody_serves(_: Lookup) -> None:
    """Before a worker is there nothing runs."""


class _Strand:
    """One try at a look-up, from its beginning until it has ended or is stopped."""

    __slots__ = ("_asked", "_is_stopped", "_queue", "lookup")

    def __init__(self, queue: LocalQueue, lookup: Lookup) -> None:
        self.lookup = lookup
        self._queue = queue
        self._asked: Asked[Outcome] | None = None
        self._is_stopped = False

    def begin(self, work: Work) -> None:
        """Let the work begin."""
        try:
            self._asked = work(self.lookup, self._has_ended)
        except Exception as error:  # a defect ends one look-up and not the worker
            asyncio.get_running_loop().call_soon(self._has_ended, error)

    def stop(self) -> asyncio.Task[None] | None:
        """Work no more. Output: what is still being put away."""
        self._is_stopped = True
        if self._asked is None:
            return None
        self._asked.stop()
        return self._asked.leaving

    def _has_ended(self, answer: Outcome | Exception) -> None:
        if not self._is_stopped:
            self._queue.ended(self, outcome_of(self.lookup, answer))
