"""How many tasks wait, remembered so that not every request has to count them."""

from collections import Counter
from collections.abc import Iterable

from truename.calibration.words import Rules, Submission
from truename.store import tasks
from truename.store.database import Connection


class Census:
    """Counts of active tasks by person, never too low: what is added is added, what ends is noticed when it matters.

    That holds as long as one process adds tasks, which the lock of the data directory sees to.
    """

    def __init__(self) -> None:
        self._known: Counter[int] | None = None

    async def of(self, connection: Connection, submissions: Iterable[Submission], rules: Rules) -> Counter[int]:
        """The counts, exact where these submissions could come near a limit."""
        more = Counter(one.person_id for one in submissions)
        if self._known is None or self._could_be_full(self._known + more, rules):
            self._known = await tasks.count_by_person(connection)
        return self._known.copy()

    def added(self, person_ids: Iterable[int]) -> None:
        """These people have so many more."""
        if self._known is not None:
            self._known.update(person_ids)

    @staticmethod
    def _could_be_full(counts: Counter[int], rules: Rules) -> bool:
        return counts.total() > rules.max_queued or max(counts.values()) > rules.max_queued_per_user
