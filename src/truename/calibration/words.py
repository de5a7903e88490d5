"""The words of the heart: what is asked of it, what it answers, and the rules it keeps. Frozen values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.queue.base import Report

_DAY_S = 86_400.0


class Priority(IntEnum):
    """In which lane a request waits. The smaller number is taken first, each by its share."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


TURNS = tuple({"h": Priority.HIGH, "n": Priority.NORMAL, "l": Priority.LOW}[one] for one in "hhhnhhhhhnhhlhhhnhhh")
"""Of a hundred look-ups taken 80, 15 and 5, while all priorities have some waiting.

An order that goes round: so the shares hold too when one or two are taken at a time.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the owner chose: how often to try, how much may wait, how long to go on asking."""

    max_attempts: int = 3
    retry_delays_s: tuple[float, ...] = (5.0, 30.0)
    max_queued: int = 100_000
    max_queued_per_user: int = 100_000
    watch_delays_s: tuple[float, ...] = (600.0, 3600.0, 14_400.0, 28_800.0, 86_400.0)
    watch_days: float = 30.0
    tells_batches: bool = False

    def retry_delay_s(self, attempt: int, chance: float) -> float:
        """How long to wait after the n-th try; `chance`, from 0 to 1, spreads it by a fifth to either side."""
        delay_s = self.retry_delays_s[min(attempt, len(self.retry_delays_s)) - 1]
        return delay_s * (0.8 + 0.4 * chance)

    @property
    def longest_delay_s(self) -> float:
        """No try is put off for longer; what seems to be was put off by a clock that has been set back since."""
        return 1.25 * max(self.retry_delays_s)

    def next_ask(self, *, asked: int, since: float, at: float) -> float | None:
        """When the watch asks again, having asked so often; None when it has asked for long enough."""
        next_at = at + self.watch_delays_s[min(asked, len(self.watch_delays_s) - 1)]
        return next_at if next_at - since <= self.watch_days * _DAY_S else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One request. The caller makes `task_id`, so that it knows the task whatever happens to the answer.

    `watched`: the watch asks, not the person.
    """

    task_id: str
    person_id: int
    magnet: Magnet
    priority: Priority = Priority.NORMAL
    at: float
    watched: bool = False


class Granted(NamedTuple):
    """What was asked for and not refused. `is_new`: there is a new task, and not only one that was active already."""

    magnet: Magnet
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Deliveries that run, given by look-up, and the time now. `longest_delay_s` see `Rules`."""

    deliveries: Mapping[int, str]
    at: float
    longest_delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Of look-ups that run: whom they ask by now, and which of them a task waits for that has not begun.

    `waited_for`: whom those tasks name, so that they can be told what was done for them, and of nothing else.
    """

    magnets: Mapping[int, Magnet]
    waited_for: Mapping[int, Magnet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The task that answers a request: a new one or, `deduplicated`, the one the person had active already."""

    task_id: str
    status: TaskStatus
    deduplicated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRoom:
    """A request for which there is no room now. Nothing of it was kept."""


Answer = Submitted | NoRoom


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """Requests that belong together. `total`: how many items the person gave, those that are no request included."""

    batch_id: str
    person_id: int
    submissions: tuple[Submission, ...]
    total: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OfTask:
    """Something a person wants of a task."""

    person_id: int
    task_id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OfBatch:
    """Something a person wants of a batch."""

    person_id: int
    batch_id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OfPerson:
    """Something a person wants of what they have, of so much at once."""

    person_id: int
    most: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What was asked for again in a batch, each with its priority. `refused`: for how many there was no room."""

    asked: tuple[tuple[Granted, Priority], ...]
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A worker's report, and when it came. `chance` (0 to 1) is the luck of a next try's moment."""

    report: Report
    at: float
    chance: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Look-ups to be taken: how many in all, and a fresh text that makes their deliveries.

    `turn`: how many were wanted before; `longest_delay_s` see `Rules`.
    """

    count: int
    delivery: str
    at: float = 0.0
    only_high: bool = False
    turn: int = 0
    longest_delay_s: float = math.inf
