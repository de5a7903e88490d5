"""The loop that feeds: look-ups from the database into the queue's window.

What waits, waits in the database, where a raise or a cancel is one statement; the queue only holds what its slots will
take next. Like the other loops (`applier`, `outlook`, `cleaner`) it ends only with the program: the death of one is the
death of all (one TaskGroup in `app.py`).
"""

import asyncio
import logging
import math
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from truename import calibration
from truename.calibration import Granted, Wanted
from truename.clock import Clock
from truename.codes import Code
from truename.deliveries import Deliveries
from truename.joining import Joiners
from truename.magnet import Magnet
from truename.model import Lookup
from truename.queue.base import JobQueue, Report
from truename.store.database import StoreUnavailable
from truename.store.writer import Writer

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 1.0


class Feeder:
    """Keeps the queue's window full. `wake` tells that there may be something new, `resting` that nothing may start.

    What `room_for_high` gives is taken when there is no room for all. `longest_delay_s` see `Rules`.
    """

    def __init__(
        self,
        writer: Writer,
        queue: JobQueue,
        clock: Clock,
        *,
        resting: Callable[[], bool],
        longest_delay_s: float = math.inf,
    ) -> None:
        self._writer = writer
        self._queue = queue
        self._clock = clock
        self._resting = resting
        self._longest_delay_s = longest_delay_s
        self._something = asyncio.Event()
        self._turn = 0
        self.out = Deliveries()
        self._at_the_queue = asyncio.Lock()  # what is put in and what is taken out do not cross
        self._unwanted: set[str] = set()
        self._taking = False
        self._asked_meanwhile: list[tuple[Magnet, int]] = []
        self._joiners = Joiners(writer, queue, self.out, longest_delay_s=longest_delay_s)
        self._owed: set[str] = set()  # those that are not in the queue any more, and not yet in the database again

    def wake(self) -> None:
        """Look at the database soon."""
        self._something.set()

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            self._something.clear()
            if self._resting() or self._owed:
                await self._take_back()
            if self._resting():
                await self._wait()
                continue
            await self._begin_for_joiners(self._joiners.to_look_at_again())
            room = self._queue.room()
            high = 0 if room else self._queue.room_for_high()
            if not (room or high) or not await self._feed(room or high, only_high=not room):
                await self._wait()

    async def settle(self) -> None:
        """Whether it rests may have changed. When this returns, nothing begins any more while it does."""
        await self._withdraw()
        self.wake()

    async def asked(self, granted: Iterable[Granted], prio: int) -> None:
        """These have just been asked for in this priority, and it stands in the database.

        What waits in the queue takes a new turn when it was asked for in a slower one, or when it is to ask more. What
        runs is begun once more for a new task, which has its own time, and to ask whom these magnets name as well.
        """
        joined: dict[str, None] = {}
        for magnet, is_new in granted:
            if self._taking:
                self._asked_meanwhile.append((magnet, prio))
            lookup = self.out.of(magnet)
            if lookup is None:
                continue
            is_hurried = prio < lookup.prio
            names_more = self.out.join(magnet)
            if is_new or names_more:
                self._joiners.came(lookup.delivery, names_more=names_more, is_new=is_new)
            else:
                self._joiners.asked_again(lookup.delivery)
            if lookup.delivery in self.out.running:
                joined[lookup.delivery] = None
            elif is_hurried or names_more:
                self._owed.add(lookup.delivery)
        await self._begin_for_joiners(joined)
        self.wake()

    async def have_begun(self, deliveries: Sequence[str]) -> None:
        """These are running. Whoever joined one of them just then, too late to begin with it, is not forgotten."""
        self.out.have_begun(deliveries)
        self._joiners.have_begun(deliveries)
        await self._begin_for_joiners(deliveries)

    async def strands_ended(self, reports: Sequence[Report]) -> None:
        """Strands have ended whose deliveries go on: perhaps for nobody, or for somebody who waits for the next try."""
        for one in reports:
            if one.outcome is not None and one.outcome.code == Code.RESOLVER_UNAVAILABLE:
                self._joiners.waits_for_a_try(one.lookup.delivery)
        try:
            await self.drop_unwanted({one.lookup.lookup_id: one.lookup.delivery for one in reports})
        except StoreUnavailable as trouble:
            log.warning("a look-up may go on for nobody", extra={"reason": str(trouble)})
        await self._begin_for_joiners([one.lookup.delivery for one in reports])

    async def _begin_for_joiners(self, deliveries: Collection[str]) -> None:
        if not deliveries or self._resting():
            return
        async with self._at_the_queue:
            try:
                await self._joiners.begin(deliveries, self._clock())
            except StoreUnavailable as trouble:
                log.warning("who joins waits", extra={"reason": str(trouble)})

    async def drop_unwanted(self, out: Mapping[int, str]) -> None:
        """Drop those of these deliveries, given by look-up, that nobody waits for any more."""
        if out:
            current = await self._writer.write(calibration.still_out, out)
            await self.drop([delivery for lookup_id, delivery in out.items() if lookup_id not in current])

    def ended(self, delivery: str) -> None:
        """A delivery is over."""
        self.out.end(delivery)
        self._joiners.ended(delivery)
        self._owed.discard(delivery)

    async def drop(self, deliveries: Sequence[str]) -> None:
        """Nobody waits for these any more. One that was taken in this very moment is not put into the queue at all."""
        self._unwanted |= {one for one in deliveries if one not in self.out}
        async with self._at_the_queue:
            await self._queue.abort(deliveries)
            for delivery in deliveries:
                self.ended(delivery)
        self.wake()

    async def _take_back(self) -> None:
        """What lies in the queue and has not begun waits in the database again, as soon as the database takes it."""
        idle = await self._withdraw()
        try:
            await asyncio.gather(*(self._writer.begin(calibration.give_back_all, (one, self._clock())) for one in idle))
        except StoreUnavailable as trouble:
            log.warning("nothing could be taken back", extra={"reason": str(trouble)})
            return
        for lookup in idle:
            self.ended(lookup.delivery)

    async def _withdraw(self) -> list[Lookup]:
        """Take out of the queue what is owed to the database: all that has not begun, while nothing may. Which."""
        async with self._at_the_queue:
            if self._resting():
                self._owed |= self.out.waiting
            self._owed -= self.out.running  # it was begun before it could be taken out
            owed = [self.out[delivery] for delivery in self._owed]
            await self._queue.abort([lookup.delivery for lookup in owed])
            return [lookup for lookup in owed if lookup.delivery in self._owed]

    async def _feed(self, room: int, *, only_high: bool) -> int:
        delivery = str(uuid.uuid4())
        wanted = Wanted(
            count=room,
            delivery=delivery,
            at=self._clock(),
            only_high=only_high,
            turn=self._turn,
            longest_delay_s=self._longest_delay_s,
        )
        self._turn += 0 if only_high else room
        self._taking = True
        try:
            return await self._take(wanted)
        except StoreUnavailable as trouble:
            log.warning("nothing could be taken", extra={"reason": str(trouble)})
            return 0
        finally:
            self._taking = False
            self._asked_meanwhile.clear()

    async def _take(self, wanted: Wanted) -> int:
        taken = await self._writer.write(calibration.take_all, wanted)
        async with self._at_the_queue:
            wanted_still = [lookup for lookup in taken if lookup.delivery not in self._unwanted]
            self._unwanted.clear()  # what was dropped before this came back is behind us
            self.out.add(wanted_still)
            for one in wanted_still:
                if one.has_put_off:
                    self._joiners.waits_for_a_try(one.delivery)
            for magnet, prio in self._asked_meanwhile:
                self.out.join(magnet)
                lookup = self.out.of(magnet)
                if lookup is not None and prio < lookup.prio and lookup.delivery not in self.out.running:
                    self._owed.add(lookup.delivery)
            if not self._resting():  # otherwise it is taken back in the next round
                await self._queue.put([self.out[lookup.delivery] for lookup in wanted_still])
        return len(taken)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_AGAIN_S):
                await self._something.wait()
        except TimeoutError:
            pass
