"""Those who join what runs: a strand is begun for them, as soon as their task stands in the database.

One strand of a delivery begins at a time, for all who wait then; who comes meanwhile is looked at when it has begun.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from truename import calibration
from truename.model import Lookup
from truename.queue.base import JobQueue
from truename.store.writer import Writer

_EXTRA_STRANDS = 4
"""Of a delivery, for those who ask again and name more: they have a task already, whose time goes on."""


class Joiners:
    """Whom deliveries are still to be begun for. `out`: the deliveries, as the feeder has them."""

    def __init__(self, writer: Writer, queue: JobQueue, out: dict[str, Lookup]) -> None:
        self._writer = writer
        self._queue = queue
        self._out = out
        self._wanting: dict[str, bool] = {}  # whether somebody with a task that runs names more
        self._beginning: set[str] = set()
        self._extra: Counter[str] = Counter()
        self._put_off: set[str] = set()

    def came(self, delivery: str, *, names_more: bool = False) -> None:
        """Somebody has joined it; `names_more`: it has to ask more, though perhaps there is no new task."""
        self._wanting[delivery] = names_more or self._wanting.get(delivery, False)

    def waits_for_a_try(self, delivery: str) -> None:
        """A strand of it has ended in trouble that may pass, and others go on meanwhile."""
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
        self._extra.pop(delivery, None)
        self._beginning.discard(delivery)
        self._put_off.discard(delivery)

    def to_look_at_again(self) -> Collection[str]:
        """Deliveries whose tasks may be due for another try by now, and those that could not be begun before."""
        for delivery in self._put_off:
            self.came(delivery)
        return tuple(self._wanting)

    async def begin(self, deliveries: Iterable[str], begun: Collection[str], at: float) -> None:
        """Of these, begin those once more that run and that somebody waits for who has not begun.

        Errors: `StoreUnavailable`; then they are to be looked at again.
        """
        wanting = {
            self._out[one].lookup_id: one
            for one in deliveries
            if one in self._wanting and one in begun and one in self._out and one not in self._beginning
        }
        if not wanting:
            return
        joined = await self._writer.write(calibration.joined_all, (wanting, at))
        wanted = {one: self._out[one] for one in self._wanted(wanting, joined.waited_for) if one in self._out}
        strands = [
            replace(lookup, magnet=joined.magnets.get(lookup.lookup_id, lookup.magnet)) for lookup in wanted.values()
        ]
        self._out.update({one.delivery: one for one in strands})
        self._beginning.update(wanted)
        again = await self._queue.join(strands)
        for delivery in wanted.keys() - set(again):  # it is over, or has as many strands as it may have
            self._beginning.discard(delivery)
            self.came(delivery)

    def _wanted(self, wanting: Mapping[int, str], waited_for: Collection[int]) -> Iterable[str]:
        for lookup_id, delivery in wanting.items():
            names_more = self._wanting.pop(delivery, False)
            if lookup_id in waited_for:
                yield delivery
            elif names_more and self._extra[delivery] < _EXTRA_STRANDS:
                self._extra[delivery] += 1
                yield delivery
