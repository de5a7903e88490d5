"""What the routes about names and notes work with."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from truename.batching import Batches
from truename.magnet import Magnet
from truename.mode import Mode
from truename.notes import Notes
from truename.resolvers.base import NamedHealth
from truename.service import Calibrations
from truename.watch import Watch
from truename.web.errors import Refusal
from truename.web.once import Once

Health = Callable[[], Awaitable[Sequence[NamedHealth]]]

Sending = Callable[[Magnet, str], Awaitable[bool]]
"""Gives a magnet, by its true name, to a program of the owner's.

Output: whether it did not have it yet. Errors: `ResolverDown`.
"""

SYNC_AT_ONCE = 20
SYNC_WAIT_S = 60.0


async def _nothing_known() -> Sequence[NamedHealth]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The heart as the web sees it.

    `health` asks each resolver how it is doing, and answers in a moment; `send` is there when there is a qBittorrent;
    `waiting` counts the synchronous requests of each person under way; `once` knows the forms that were sent last.

    Units: `sync_wait_s` is how long one of those waits at most.
    """

    calibrations: Calibrations
    batches: Batches
    watch: Watch
    notes: Notes
    mode: Mode
    health: Health = _nothing_known
    send: Sending | None = None
    max_batch: int = 10_000
    sync_wait_s: float = SYNC_WAIT_S
    waiting: Counter[int] = field(default_factory=Counter)
    once: Once = field(default_factory=Once)

    def refuse_when_off(self) -> None:
        """Errors: `Refusal` 503 while nothing new may be asked."""
        if self.mode.value == "off":
            raise Refusal("web_off", status=503, code="off")

    @contextmanager
    def one_more_waiting(self, person_id: int) -> Iterator[None]:
        """A synchronous request, from its beginning to its end. Errors: `Refusal` 429 when the person has too many."""
        if self.waiting[person_id] >= SYNC_AT_ONCE:
            raise Refusal("web_too_many", status=429, code="too_many", headers={"Retry-After": "5"})
        self.waiting[person_id] += 1
        try:
            yield
        finally:
            self.waiting[person_id] -= 1
            if not self.waiting[person_id]:
                del self.waiting[person_id]
