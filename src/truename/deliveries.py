"""The deliveries that are out: look-ups on their way to a worker, or with one, until somebody reports their end. Pure.

Nobody else keeps what is out in mind: the feeder adds and ends them, those who join look at them and say whom they ask.
"""

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from truename.magnet import Magnet
from truename.model import Lookup


class Deliveries:
    """Invariant: of each hash the one that came last is found, and whatever runs is out."""

    def __init__(self) -> None:
        self._lookups: dict[str, Lookup] = {}
        self._of_hash: dict[str, str] = {}
        self._running: set[str] = set()

    def __len__(self) -> int:
        return len(self._lookups)

    def __contains__(self, delivery: str) -> bool:
        return delivery in self._lookups

    def __getitem__(self, delivery: str) -> Lookup:
        return self._lookups[delivery]

    @property
    def every(self) -> Collection[Lookup]:
        """All of them."""
        return self._lookups.values()

    @property
    def by_lookup(self) -> dict[int, str]:
        """All of them, by the look-up."""
        return {one.lookup_id: one.delivery for one in self._lookups.values()}

    @property
    def running(self) -> AbstractSet[str]:
        """Those that a worker has begun."""
        return self._running

    @property
    def waiting(self) -> AbstractSet[str]:
        """Those that wait in the queue."""
        return self._lookups.keys() - self._running

    def of(self, magnet: Magnet) -> Lookup | None:
        """The one of a hash."""
        return self._lookups.get(self._of_hash.get(magnet.info_hash, ""))

    def add(self, lookups: Iterable[Lookup]) -> None:
        """These are on their way."""
        for lookup in lookups:
            self._lookups[lookup.delivery] = lookup
            self._of_hash[lookup.magnet.info_hash] = lookup.delivery

    def have_begun(self, deliveries: Iterable[str]) -> None:
        """Those of these that are out run."""
        self._running.update(self._lookups.keys() & set(deliveries))

    def join(self, magnet: Magnet) -> bool:
        """The one of this hash names whom the magnet names, too; whether that is anybody new."""
        lookup = self.of(magnet)
        if lookup is None:
            return False
        both = lookup.magnet.joined_by(magnet, is_asked=lookup.delivery in self._running)
        if both == lookup.magnet:
            return False
        self.asks(lookup.delivery, both)
        return True

    def asks(self, delivery: str, magnet: Magnet) -> None:
        """By this one it is known from now on who names somebody new."""
        self._lookups[delivery] = replace(self._lookups[delivery], magnet=magnet)

    def end(self, delivery: str) -> None:
        """It is over."""
        lookup = self._lookups.pop(delivery, None)
        if lookup is not None and self._of_hash.get(lookup.magnet.info_hash) == delivery:
            del self._of_hash[lookup.magnet.info_hash]
        self._running.discard(delivery)
