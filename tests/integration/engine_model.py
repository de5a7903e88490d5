"""A model of the engine in a hundred lines: what it promises of tasks, look-ups and names."""

from collections.abc import Collection
from dataclasses import dataclass, field

from tests.integration.engine_world import NAME_OF, RULES, TORRENT_OF
from tests.integration.note_model import Note
from truename.calibration import Answer, NoRoom, Submitted
from truename.magnet import InfoHash
from truename.model import TaskStatus

ACTIVE = ("pending", "running")


@dataclass
class Task:
    """A task of the model."""

    person: int
    hash: str
    status: str = "pending"
    attempt: int = 0
    name: str | None = None
    due: float | None = None  # for its next try
    trackers: set[str] = field(default_factory=set)


class Model:
    """What the engine promises. `current` has the one delivery of a hash whose failure counts."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.tasks: dict[str, Task] = {}
        self.current: dict[str, str] = {}
        self.notes: dict[int, Note] = {}
        self.batches: dict[str, dict[int, tuple[str, bool]]] = {}
        self.renamed: set[int] = set()  # notes that this transaction has renamed already

    def active(self, info_hash: str | None = None, who: int | None = None) -> list[str]:
        """The tasks that have not ended."""
        found = [key for key, task in self.tasks.items() if task.status in ACTIVE]
        found = [key for key in found if info_hash is None or self.tasks[key].hash == info_hash]
        return [key for key in found if who is None or self.tasks[key].person == who]

    def submit(
        self, who: int, info_hash: str, new_id: str, trackers: Collection[str] = (), *, by_watch: bool = False
    ) -> Answer:
        """A request; a new task has the id that is given."""
        mine = self.active(info_hash, who)
        if info_hash in self.names:
            for note in self.notes.values():
                if note.person == who and not by_watch:
                    note.lift(info_hash)
            self.tasks[new_id] = Task(who, info_hash, "completed", 0, self.names[info_hash], None, set(trackers))
            self.rename(who, info_hash)
            return Submitted(task_id=new_id, status=TaskStatus.COMPLETED)
        if mine:
            task = self.tasks[mine[0]]
            task.due = None
            task.trackers |= set(trackers)
            return Submitted(task_id=mine[0], status=TaskStatus(task.status), deduplicated=True)
        if len(self.active()) >= RULES.max_queued or len(self.active(who=who)) >= RULES.max_queued_per_user:
            return NoRoom()
        self.tasks[new_id] = Task(who, info_hash, trackers=set(trackers))
        return Submitted(task_id=new_id, status=TaskStatus.PENDING)

    def begin(self, info_hash: str, delivery: str, now: float) -> None:
        """A delivery has begun, also for those whose next try is further off than any is ever put off."""
        for task in (self.tasks[key] for key in self.active(info_hash)):
            due = task.due is None or task.due <= now or task.due > now + RULES.longest_delay_s
            if self.current.get(info_hash) == delivery and task.status == "pending" and due:
                task.status, task.attempt, task.due = "running", task.attempt + 1, None

    def named(self, torrent: tuple[str, ...]) -> None:
        """A name has come, from whatever delivery."""
        self.names |= {one: NAME_OF[TORRENT_OF[InfoHash(one)]] for one in torrent}
        for info_hash in torrent:
            self.current.pop(info_hash, None)
            for task in (self.tasks[key] for key in self.active(info_hash)):
                task.attempt += task.status == "pending"
                task.status, task.name, task.due = "completed", self.names[info_hash], None
                self.rename(task.person, info_hash)

    def failed(self, info_hash: str, delivery: str, status: str, now: float) -> None:
        """A failure, which counts from the current delivery alone; "transient" is tried again."""
        if self.current.get(info_hash) == delivery:
            del self.current[info_hash]
            for task in (self.tasks[key] for key in self.active(info_hash)):
                if task.status == "running":
                    again = status == "transient" and task.attempt < RULES.max_attempts
                    task.status = "pending" if again else status.replace("transient", "failed")
                    task.due = now + RULES.retry_delay_s(task.attempt, 0.5) if again else None

    def give_back(self, info_hash: str, delivery: str) -> None:
        """A delivery was not carried out; so are all of them after a crash."""
        if self.current.get(info_hash) == delivery:
            del self.current[info_hash]
            for task in (self.tasks[key] for key in self.active(info_hash)):
                if task.status == "running":
                    task.status, task.attempt = "pending", task.attempt - 1

    def cancel(self, who: int, task_id: str) -> None:
        """A person does not want a task any more."""
        task = self.tasks[task_id]
        if task.person == who and task.status in ACTIVE:
            task.status, task.due = "cancelled", None
            if not self.active(task.hash):
                self.current.pop(task.hash, None)

    def rename(self, who: int, info_hash: str) -> None:
        """Write a name into the notes of who asked for it, wherever a hash of its torrent stands there."""
        for one in TORRENT_OF[InfoHash(info_hash)]:
            for key, note in self.notes.items():
                if note.person == who and note.rename(one, self.names[one], again=key in self.renamed):
                    self.renamed.add(key)
