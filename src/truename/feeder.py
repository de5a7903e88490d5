"""The engine's loops: look-ups from the database into the queue's window, reports back into the database, cleaning up.

What waits, waits in the database, where a raise or a cancel is one statement; the queue only holds what its slots will
take next. Each loop ends only with the program: its death is the death of all (one TaskGroup in `app.py`).
"""

import asyncio
import logging
import math
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from truename import calibration
from truename.calibration import Granted, Rules, Told, Wanted
from truename.clock import Clock
from truename.hub import Hub
from truename.joining import Joiners
from truename.magnet import Magnet
from truename.model import Lookup
from truename.queue.base import JobQueue, Report
from truename.store import batches, events, lookups, tasks
from truename.store.database import Connection
from truename.store.lookups import Place
from truename.store.portable import data_versions
from truename.store.writer import StoreUnavailable, Writer

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 1.0
_RETRY_S = 0.5
_FORGET_AT_ONCE = 1_000
_KEEP_EVENTS_S = 24 * 3600.0
KEEP_UNTOLD_S = 24 * 3600.0
"""How much longer than others a batch is kept of whose end the webhook is still to be told."""

Luck = Callable[[], float]


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
        self.out: dict[str, Lookup] = {}  # deliveries that nobody has reported the end of
        self._of_hash: dict[str, str] = {}
        self._at_the_queue = asyncio.Lock()  # what is put in and what is taken out do not cross
        self._unwanted: set[str] = set()
        self._taking = False
        self._asked_meanwhile: list[Magnet] = []
        self.begun: set[str] = set()  # those of them that are running
        self._joiners = Joiners(writer, queue, self.out)
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
                self._asked_meanwhile.append(magnet)
            lookup = self._out_of(magnet)
            if lookup is None:
                continue
            is_hurried = prio < lookup.prio
            names_more = self._join(lookup, magnet)
            if is_new or names_more:
                self._joiners.came(lookup.delivery, names_more=names_more)
            else:
                self._joiners.asked_again(lookup.delivery)
            if lookup.delivery in self.begun:
                joined[lookup.delivery] = None
            elif is_hurried or names_more:
                self._owed.add(lookup.delivery)
        await self._begin_for_joiners(joined)
        self.wake()

    async def have_begun(self, deliveries: Sequence[str]) -> None:
        """These are running. Whoever joined one of them just then, too late to begin with it, is not forgotten."""
        self.begun.update(self.out.keys() & set(deliveries))
        self._joiners.have_begun(deliveries)
        await self._begin_for_joiners(deliveries)

    async def strands_ended(self, reports: Sequence[Report]) -> None:
        """Strands have ended whose deliveries go on: perhaps for nobody, or for somebody who waits for the next try."""
        for one in reports:
            if one.outcome is not None and one.outcome.code == calibration.TRANSIENT:
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
                await self._joiners.begin(deliveries, self.begun, self._clock())
            except StoreUnavailable as trouble:
                log.warning("who joins waits", extra={"reason": str(trouble)})

    async def drop_unwanted(self, out: Mapping[int, str]) -> None:
        """Drop those of these deliveries, given by look-up, that nobody waits for any more."""
        if out:
            current = await self._writer.write(calibration.still_out, out)
            await self.drop([delivery for lookup_id, delivery in out.items() if lookup_id not in current])

    def _out_of(self, magnet: Magnet) -> Lookup | None:
        return self.out.get(self._of_hash.get(magnet.info_hash, ""))

    def _join(self, lookup: Lookup, magnet: Magnet) -> bool:
        """What is out names whom a magnet of its hash names; whether that is anybody new."""
        both = lookup.magnet.joined_by(magnet)
        second = lookup.magnet.info_hash_v2
        if second is not None and lookup.delivery not in self.begun:  # nobody has been asked by that one yet
            both = replace(both, info_hash_v2=second)
        if both != lookup.magnet:
            self.out[lookup.delivery] = replace(lookup, magnet=both)
        return both != lookup.magnet

    def ended(self, delivery: str) -> None:
        """A delivery is over."""
        lookup = self.out.pop(delivery, None)
        if lookup is not None and self._of_hash.get(lookup.magnet.info_hash) == delivery:
            del self._of_hash[lookup.magnet.info_hash]
        self.begun.discard(delivery)
        self._joiners.ended(delivery)
        self._owed.discard(delivery)

    def idle(self) -> list[Place]:
        """The places of what was taken and has not begun. May be called from any thread."""
        begun = self.begun
        return [
            Place(lookup.prio, lookup.rank, lookup.created_at, lookup.lookup_id)
            for delivery, lookup in list(self.out.items())
            if delivery not in begun
        ]

    async def drop(self, deliveries: Sequence[str]) -> None:
        """Nobody waits for these any more. One that was taken in this very moment is not put into the queue at all."""
        self._unwanted |= set(deliveries) - self.out.keys()
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
                self._owed |= self.out.keys() - self.begun
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
            self.out |= {lookup.delivery: lookup for lookup in wanted_still}
            self._of_hash |= {lookup.magnet.info_hash: lookup.delivery for lookup in wanted_still}
            for magnet in self._asked_meanwhile:
                if (lookup := self._out_of(magnet)) is not None:
                    self._join(lookup, magnet)
            if not self._resting():  # otherwise it is taken back in the next round
                await self._queue.put([self.out[lookup.delivery] for lookup in wanted_still])
        return len(taken)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_AGAIN_S):
                await self._something.wait()
        except TimeoutError:
            pass


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
            told = [Told(report=one, at=self._clock(), chance=self._luck()) for one in _without_needless(reports)]
            while told:
                told = await self._apply(told)
            self._hub.publish()
            self._feeder.wake()

    async def _apply(self, told: Sequence[Told]) -> list[Told]:
        """Apply the first report of each delivery: what is said of one is kept in the order in which it was said.

        Output: the rest, with those that the database did not take at its head; nothing else has their names.
        """
        now, later = _first_of_each_delivery(told)
        results = await asyncio.gather(
            *(self._writer.begin(self._apply_all, one) for one in now), return_exceptions=True
        )
        refused: list[Told] = []
        taken: list[Report] = []
        for one, result in zip(now, results, strict=True):
            if isinstance(result, StoreUnavailable):
                refused.append(one)
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


def _first_of_each_delivery(told: Sequence[Told]) -> tuple[list[Told], list[Told]]:
    """And the rest."""
    seen: set[str] = set()
    first: list[Told] = []
    rest: list[Told] = []
    for one in told:
        delivery = one.report.lookup.delivery
        (rest if delivery in seen else first).append(one)
        seen.add(delivery)
    return first, rest


def _without_needless(reports: Sequence[Report]) -> list[Report]:
    """The reports but the beginnings of what is named already: to complete a task is to begin it as well."""
    named = {one.lookup.delivery for one in reports if one.is_answer}
    return [one for one in reports if one.outcome is not None or one.lookup.delivery not in named]


class Outlook:
    """Notices what another process does to the same database: a command may cancel what runs here."""

    def __init__(self, writer: Writer, feeder: Feeder, hub: Hub) -> None:
        self._writer = writer
        self._feeder = feeder
        self._hub = hub
        self._seen = 0

    async def run(self) -> None:
        """Look at every second until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_AGAIN_S)
            try:
                await self.look()
            except StoreUnavailable as trouble:
                log.warning("not looked out", extra={"reason": str(trouble)})

    async def look(self) -> None:
        """If somebody else has written, drop what nobody waits for any more, and look for what is new."""
        version = await self._writer.write(data_versions, None)
        if version == self._seen:
            return
        await self._feeder.drop_unwanted({one.lookup_id: delivery for delivery, one in self._feeder.out.items()})
        self._seen = version
        self._hub.publish()


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
            portion = _FORGET_AT_ONCE
            while portion >= _FORGET_AT_ONCE:
                try:
                    portion = await self._writer.write(work, before)
                except StoreUnavailable as trouble:
                    log.warning("not cleaned up", extra={"reason": str(trouble)})
                    break
                gone += portion
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
