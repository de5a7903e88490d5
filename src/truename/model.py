"""The words of a calibration as frozen values, and the rules by which a task's state may change. Pure.

Both engines obey the same table: the small one in `manager.py` and, in the server, the durable one.
"""

import time
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the scanner and its tables would be half of the cost of `import truename`
    from collections.abc import Mapping

    from truename.magnet import InfoHash, Magnet
    from truename.metainfo import Metainfo


class TaskStatus(Enum):
    """Where a task stands. The last four are final, for ever."""

    PENDING = "pending"
    """Waiting for its turn, or for another try."""
    RUNNING = "running"
    """Somebody is being asked."""
    COMPLETED = "completed"
    """Its name is known; a completed task always has its result."""
    FAILED = "failed"
    """It ended without a name, and asking longer would not have helped."""
    TIMEOUT = "timeout"
    """Nobody answered in the time given."""
    CANCELLED = "cancelled"
    """A person did not want it any more."""

    @property
    def is_final(self) -> bool:
        """Whether nothing changes this state any more."""
        return self in _FINAL


class LookupStatus(Enum):
    """Where the work for one info-hash stands. The last one is final: who asks again begins another look-up."""

    PENDING = "pending"
    """Waiting for its turn."""
    RUNNING = "running"
    """A delivery of it is under way."""
    WAITING = "waiting"
    """Waiting until it is due for another try; its tasks are pending meanwhile."""
    ENDED = "ended"
    """Nobody waits for it any more."""


class TaskEvent(Enum):
    """What can happen to a task."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    TIME_OUT = "time out"
    CANCEL = "cancel"
    GIVE_BACK = "give back"
    """The worker stopped, or the trouble is transient: the task waits again."""


_FINAL = frozenset((TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.TIMEOUT, TaskStatus.CANCELLED))

TRANSITIONS = MappingProxyType(
    {
        (TaskStatus.PENDING, TaskEvent.START): TaskStatus.RUNNING,
        (TaskStatus.PENDING, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
        (TaskStatus.PENDING, TaskEvent.FAIL): TaskStatus.FAILED,
        (TaskStatus.PENDING, TaskEvent.CANCEL): TaskStatus.CANCELLED,
        (TaskStatus.RUNNING, TaskEvent.COMPLETE): TaskStatus.COMPLETED,
        (TaskStatus.RUNNING, TaskEvent.FAIL): TaskStatus.FAILED,
        (TaskStatus.RUNNING, TaskEvent.TIME_OUT): TaskStatus.TIMEOUT,
        (TaskStatus.RUNNING, TaskEvent.CANCEL): TaskStatus.CANCELLED,
        (TaskStatus.RUNNING, TaskEvent.GIVE_BACK): TaskStatus.PENDING,
    }
)


def transition(status: TaskStatus, event: TaskEvent) -> TaskStatus | None:
    """The state after `event`, or None when the event comes too late or makes no sense and changes nothing."""
    return TRANSITIONS.get((status, event))


@dataclass(frozen=True, slots=True)
class CalibrationTask:
    """One request for a calibration, as it was at one moment.

    Times are epoch seconds. `result` is the name of a completed task; `error` and `code` say why another one ended.
    """

    task_id: str
    info_hash: str
    status: TaskStatus
    result: str | None = None
    error: str | None = None
    created_at: float | None = None  # now, when not given
    completed_at: float | None = None
    code: str | None = None

    def __post_init__(self) -> None:
        if self.created_at is None:
            object.__setattr__(self, "created_at", time.time())


COUNTS = (
    "trackers",  # asked
    "trackers_answered",  # of those: said whom they know, and be it nobody
    "tracker_peers",  # named by trackers
    "left_out",  # of those: at a private address, and so not called
    "dht_nodes",  # known when asked
    "dht_peers",
    "tried",  # peers that were called
    "refused",  # of those: could not be reached
    "silent",  # said nothing of use, if anything
    "lied",  # sent what is not the metadata
    "too_large",  # have more metadata than we take
)
"""What a resolver may count in an `Account`."""

_PEERS_SEEN: Final = ("tracker_peers", "dht_peers", "tried")


def peers_in(counts: "Mapping[str, int]") -> int:
    """How many peers somebody named, by the words of `COUNTS`."""
    return max(counts.get(word, 0) for word in _PEERS_SEEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one resolver did for a look-up, for a person who wants to know why.

    `ended` is `named`, `claimed`, `stopped` (another one was quicker), or a code of the API. `reason` is a word of
    `truename.texts` that says more, `said` the resolver's own words, `tracker_said` those of a tracker that refused
    (hostile, both); `counts` has the keys of `COUNTS`.
    """

    resolver: str
    ended: str
    reason: str = ""
    said: str = ""
    tracker_said: str = ""
    counts: "Mapping[str, int]" = field(default_factory=dict)
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one look-up ended: with a name, or with a `code` that says why not.

    `verified`: the name's digest was checked; `name_guessed`: its bytes are not UTF-8, and it is how they read best.
    `torrent` is what else was learnt with it. `reason` is the word of
    `truename.texts` that tells a person why not: the code itself, or what exactly made the resolvers unavailable.
    `accounts` tell what each resolver did, in the order in which they were asked.
    """

    info_hash: "InfoHash"
    info_hash_v2: "InfoHash | None" = None
    status: TaskStatus
    name: str | None = None
    source: str | None = None
    verified: bool = False
    name_guessed: bool = False
    torrent: "Metainfo | None" = None
    code: str | None = None
    reason: str = ""
    accounts: tuple[Account, ...] = ()
    elapsed_s: float = 0.0

    @property
    def peers_seen(self) -> int | None:
        """How many peers somebody named; None when none of the resolvers has told of peers."""
        return max((peers_in(one.counts) for one in self.accounts if one.counts), default=None)

    @property
    def hashes(self) -> tuple[str, ...]:
        """Every hash for which a verified name is proven; of a SHA-256 also its first 40 digits, as the DHT cuts it.

        What is not proven is said of the hash that was asked for alone. What else stood in the magnet, and what its
        digits make of themselves, is a stranger's word: it must not lend one torrent the name of another.
        """
        if not self.verified:
            return (str(self.info_hash),)
        known = [each for each in (self.info_hash, self.info_hash_v2) if each is not None]
        return (*map(str, known), *(each.hash20 for each in known if each.is_v2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """The work for one info-hash, on its way to a worker.

    `delivery` is fresh each time the look-up is sent out, and tells a late answer from the one that is waited for.
    `magnet` holds the hashes and whom to ask, `prio` is that in which its turn came. `strand` is 0, and another number
    each time that the delivery is begun once more for those who have joined it. `has_put_off`: somebody may wait there
    for a later try of their own.
    """

    delivery: str
    lookup_id: int
    magnet: "Magnet"
    prio: int
    strand: int = 0
    has_put_off: bool = False
