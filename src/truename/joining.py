"""Those who join what runs: a strand is begun for them, as soon as their task stands in the database.

One strand of a delivery begins at a time, for all who wait then; who comes meanwhile is looked at when it has begun.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from truename import calibration
from truename.calibration import Joined, Running
from truename.deliveries import Deliveries
from truename.magnet import Magnet
from truename.queue.base import JobQueue
from truename.store.writer import Writer

_LOOK_EVERY_S = 1.0
_EXTRA_STRANDS = 4
"""Of a delivery, for those who ask again and name more: they have a task already, whose time goes on."""


@dataclass(frozen=True, slots=True)
class _Strand:
    """What is to begin, and why: `names_more` and `besides` as they were wished; `is_extra`: for nobody who waits."""

    magnet: Magnet
    names_more: bool
    besides: bool
    is_extra: bool


class Joiners:
    """Whom deliveries are still to be begun for.

    Units: `longest_delay_s` see `Rules`.
    """

    def __init__(self, writer: Writer, queue: JobQueue, out: Deliveries, *, longest_delay_s: float) -> None:
        self._writer = writer
        self._queue = queue
        self._out = out
        self._longest_delay_s = longest_delay_s
        self._wanting: dict[str, bool] = {}  # whether somebody names more
        self._besides: set[str] = set()  # where that is somebody with a task that runs already
        self._beginning: set[str] = set()
        self._extra: Counter[str] = Counter()
        self._put_off: set[str] = set()
        self._crowded: dict[str, _Strand] = {}  # what found no room; there may be some when others have ended
        self._look_at_put_off = 0.0

    def came(self, delivery: str, *, names_more: bool = False, is_new: bool = True) -> None:
        """Somebody has joined it, with a new task or not; `names_more`: it has to ask more."""
        self._wanting[delivery] = names_more or self._wanting.get(delivery, False)
        if names_more and not is_new:
            self._besides.add(delivery)

    def waits_for_a_try(self, delivery: str) -> None:
        """Somebody may wait there for a later try, since trouble that may pass has ended an earlier one."""
        self._put_off.add(delivery)

    def asked_again(self, delivery: str) -> None:
        """By somebody who has a task there. It need not wait for its next try any more."""
        if delivery in self._put_off:
            self.came(delivery)

    def have_begun(self, deliveries: Iterable[str]) -> None:
        """A strand of each of these runs."""
        self._beginning.difference_update(deliveries)

    def ended(self, delivery: str) -> None:
        """The whole delivery is over."""
        self._wanting.pop(delivery, None)
        self._besides.discard(delivery)
        self._extra.pop(delivery, None)
        self._beginning.discard(delivery)
        self._put_off.discard(delivery)
        self._crowded.pop(delivery, None)

    def to_look_at_again(self) -> Collection[str]:
        """Deliveries whose tasks may be due for another try by now, and those that could not be begun before."""
        now = asyncio.get_running_loop().time()
        if now >= self._look_at_put_off:  # there may be thousands, and this is asked for with each change
            self._look_at_put_off = now + _LOOK_EVERY_S
            for delivery in self._put_off:
                self.came(delivery)
            for delivery, strand in self._crowded.items():
                self.came(delivery, names_more=strand.names_more, is_new=not strand.besides)
            self._crowded.clear()
        return tuple(self._wanting)

    async def begin(self, deliveries: Iterable[str], at: float) -> None:
        """Of these, begin those once more that run and that somebody waits for who has not begun.

        Errors: `StoreUnavailable`; then they are to be looked at again.
        """
        wanting = {
            self._out[one].lookup_id: one
            for one in deliveries
            if one in self._wanting and one in self._out.running and one not in self._beginning
        }
        if not wanting:
            return
        running = Running(deliveries=wanting, at=at, longest_delay_s=self._longest_delay_s)
        joined = await self._writer.write(calibration.joined_all, running)
        strands = {one: strand for one, strand in self._strands(wanting, joined) if one in self._out}
        lookups = [replace(self._out[one], magnet=strand.magnet) for one, strand in strands.items()]
        for one in strands:
            lookup = self._out[one]
            self._out.asks(one, joined.magnets.get(lookup.lookup_id, lookup.magnet))
        self._beginning.update(strands)
        begun_again = set(await self._queue.join(lookups))
        for delivery, strand in strands.items():
            if delivery in begun_again:
                self._extra[delivery] += strand.is_extra
            else:  # it is over, or has as many strands as it may have
                self._beginning.discard(delivery)
                before = self._crowded.get(delivery, strand)
                self._crowded[delivery] = replace(
                    strand,
                    names_more=strand.names_more or before.names_more,
                    besides=strand.besides or before.besides,
                )

    def _strands(self, wanting: Mapping[int, str], joined: Joined) -> Iterable[tuple[str, _Strand]]:
        """Which of them are to begin once more, and whom that asks.

        That is whom the tasks name that wait for it, and all who are known where others name somebody besides.
        """
        for lookup_id, delivery in wanting.items():
            names_more = self._wanting.pop(delivery, False)
            everybody, own = joined.magnets.get(lookup_id), joined.waited_for.get(lookup_id)
            besides = delivery in self._besides
            self._besides.discard(delivery)
            if own is None and not (names_more and self._extra[delivery] < _EXTRA_STRANDS):
                continue
            magnet = everybody if own is None or besides else own
            if magnet is not None:
                yield delivery, _Strand(magnet, names_more=names_more, besides=besides, is_extra=own is None)
