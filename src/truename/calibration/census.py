"""How many tasks wait, remembered so that not every request has to count them."""

from collections import Counter
from collections.abc import Iterable

from truename.calibration.words import Rules, Submission
from truename.store import events, tasks
from truename.store.database import Connection


class Census:
    """Counts of active tasks by person, never too low: what is added is added, what ends is noticed when it matters.

    That holds as long as one process adds tasks, which the lock of the data directory sees to.
    """

    def __init__(self) -> None:
        self._known: Counter[int] | None = None
        self._counted_at: int | None = None  # the newest event then: as long as it stays so, nothing has ended since

    async def of(self, connection: Connection, submissions: Iterable[Submission], rules: Rules) -> Counter[int]:
        """The counts, exact where these submissions could come near a limit."""
        more = Counter(one.person_id for one in submissions)
        known = self._known
        if known is None or self._could_be_full(known + more, rules):
            newest = await events.newest(connection)
            if known is None or newest is None or newest != self._counted_at:
                known, self._counted_at = await tasks.count_by_person(connection), newest
        self._known = known
        return known.copy()

    def added(self, person_ids: Iterable[int]) -> None:
        """These people have so many more."""
        if self._known is not None:
            before = self._known.total()
            self._known.update(person_ids)
            if self._known.total() != before:
                self._counted_at = None  # what was added may come to nothing after all

    @staticmethod
    def _could_be_full(counts: Counter[int], rules: Rules) -> bool:
        return counts.total() > rules.max_queued or max(counts.values()) > rules.max_queued_per_user
