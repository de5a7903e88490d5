"""A model of the engine in a hundred lines, and the small world of torrents and texts in which it is asked for."""

from collections.abc import Collection
from dataclasses import dataclass, field

from truename.calibration import Answer, Refused, Rules, Submitted
from truename.magnet import InfoHash, Magnet
from truename.model import TaskStatus

RULES = Rules(
    max_attempts=3, retry_delays_s=(5.0, 30.0), max_queued=9, max_queued_per_user=5, watch_delays_s=(60.0, 600.0)
)

A, B, D = (InfoHash(letter * 40) for letter in "abd")
C = InfoHash("c" * 64)
CUT = InfoHash("c" * 40)  # as the DHT cuts the hash of a v2 torrent
FIRST, HYBRID, LAST = (A,), (B, C, CUT), (D,)
TORRENTS = (FIRST, HYBRID, LAST)
TORRENT_OF = {one: torrent for torrent in TORRENTS for one in torrent}
NAME_OF = {FIRST: "first.mkv", HYBRID: "hybrid.mkv", LAST: "last.mkv"}
MAGNETS = {
    "first": Magnet(info_hash=A),
    "hybrid by v1": Magnet(info_hash=B),
    "hybrid": Magnet(info_hash=B, info_hash_v2=C, trackers=("http://t.example/announce",)),
    "hybrid by v2": Magnet(info_hash=C),
    "hybrid cut": Magnet(info_hash=CUT),
    "last": Magnet(info_hash=D),
    "a lie": Magnet(info_hash=D, info_hash_v2=C),  # these are two torrents
}
ACTIVE = ("pending", "running")
Line = tuple[tuple[str, ...], str]
LINES: dict[str, tuple[tuple[str, ...], ...]] = {
    "first": ((A,),),
    "hybrid by v1, last": ((B,), (D,)),
    "hybrid": ((B, C),),
    "hybrid by v2": ((C,),),
    "first, hybrid": ((A,), (B, C)),
}


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


@dataclass
class Note:
    """A note of the model: its lines as (hashes, name), and what each of its versions was.

    Hashes are not renamed that are `typed`, nor those that are `undone` until their person asks for them.
    """

    person: int
    lines: list[Line]
    title: str = "saved"
    typed: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    before: list[tuple[str, list[Line]]] = field(default_factory=list)

    @property
    def own(self) -> set[str]:
        """Not to be renamed."""
        return self.typed | self.undone

    def versions(self) -> list[tuple[str, list[Line]]]:
        """Why each version came, and what it said."""
        causes = ["saved", *(cause for cause, _ in self.before)]
        return list(zip(causes, [*(lines for _, lines in self.before), self.lines], strict=True))

    def lift(self, info_hash: str) -> None:
        """Who asks for a hash takes back what they had undone."""
        for hashes, _ in self.lines:
            if info_hash in hashes:
                self.undone -= set(hashes)

    def edit(self, version: int, place: int, dn: str, title: str) -> bool:
        """A person has changed one line of what the note said in a version; whether that is taken."""
        if any(cause == "edited" for cause, _ in self.before[version - 1 :]):
            return False
        base = [*(lines for _, lines in self.before), self.lines][version - 1]
        if base[place][1] != dn:
            theirs = [lines for cause, lines in self.versions()[:version] if cause != "renamed"]
            hashes = set(base[place][0])
            if not hashes & self.typed and dn in (theirs[0][place][1], theirs[-1][place][1]):
                self.undone |= hashes
            else:
                self.typed, self.undone = self.typed | hashes, self.undone - hashes
        lines = [
            (one, dn if index == place and base[place][1] != dn else now) for index, (one, now) in enumerate(self.lines)
        ]
        self.before.append(("edited", self.lines))
        self.lines, self.title = lines, title
        return True


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
            return Refused()
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
        for info_hash in torrent:
            self.names[info_hash] = NAME_OF[TORRENT_OF[InfoHash(info_hash)]]
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
        """Write a name into the notes of who asked for it."""
        for key, note in self.notes.items():
            if note.person == who and info_hash not in note.own:
                lines = [(one, self.names[info_hash] if info_hash in one else dn) for one, dn in note.lines]
                if lines != note.lines and key not in self.renamed:
                    note.before.append(("renamed", note.lines))
                    self.renamed.add(key)
                note.lines = lines


def text_of(note: Note) -> str:
    """A note as its person wrote it."""
    links = [
        "&".join(f"xt=urn:btih:{one}" if len(one) == 40 else f"xt=urn:btmh:1220{one}" for one in hashes)
        for hashes, _ in note.lines
    ]
    return "\n".join(
        (note.title, *(f"magnet:?{link}&dn={dn}" for link, (_, dn) in zip(links, note.lines, strict=True)))
    )
