"""The line in which tasks wait, as their owners see it: what the database holds, and what was taken and has not begun.

Pure. Everybody is told of a place of their own, as if nobody else had asked for the same hash.
"""

from bisect import bisect_left
from collections.abc import Iterable

from truename.store.lookups import Place
from truename.store.tasks import TaskRow


class Window:
    """What was taken from the database and has not begun: it is ahead of all that still waits there."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._places = sorted(places)
        self._of_lookup = {place.id: place for place in self._places}

    def ahead_of(self, row: TaskRow) -> int:
        """How many of these have their turn before a task that waits, without its own look-up."""
        place = (row.prio, row.rank, row.created_at)
        own = self._of_lookup.get(row.lookup_id) if row.lookup_id is not None else None
        own_counts = own is not None and own.prio == row.prio and own < place
        return bisect_left(self._places, place) - bisect_left(self._places, (row.prio,)) - own_counts
