"""The bodies of the API as they are described to programs. Nothing is read or written by these; a test holds real
answers against them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Seconds = Annotated[float, Field(description="Epoch seconds.")]
Hash = Annotated[str, Field(description="Lower-case hex: 40 digits for v1, 64 for v2.")]
Given = Annotated[str, Field(description="40 or 64 hex digits, 32 of base32, or a whole magnet.")]
Status = Literal["pending", "running", "completed", "failed", "timeout", "cancelled"]
Priority = Literal["high", "normal", "low"]
Mode = Literal["async", "sync", "off"]
Cursor = Annotated[str | None, Field(description="For `after`, to go on; null at the end.")]


class Error(BaseModel):
    """Every error."""

    error: str = Field(description="A sentence for a person, in the language of `Accept-Language`.")
    code: str = Field(description="A word for programs.")


class Stale(Error):  # noqa: N818 - a body, and no exception
    """Somebody else changed the note meanwhile."""

    version: int
    text: str


class Ask(BaseModel):
    """One hash to be named."""

    info_hash: Given
    priority: Priority = "normal"


class Submitted(BaseModel):
    """The task that answers a request."""

    task_id: str
    status: Status
    deduplicated: bool = Field(default=False, description="The same person's active task for the hash.")


class File(BaseModel):
    """One file of a torrent."""

    path: str
    size_bytes: int | None = None


class Task(BaseModel):
    """How a task is doing. What does not apply is absent."""

    task_id: str
    status: Status
    info_hash: Hash
    info_hash_v2: Hash | None = None
    attempt: int = Field(description="Tries begun, 0 before the first.")
    created_at: Seconds
    queue_position: int | None = Field(default=None, description="From 1, while it waits for its turn.")
    next_attempt_at: Seconds | None = None
    completed_at: Seconds | None = None
    result: str | None = Field(default=None, description="The true name, unchanged and hostile.")
    source: str | None = Field(default=None, description="The resolver that gave the name.")
    verified: bool | None = Field(default=None, description="Whether the name is proven by its digest.")
    name_guessed: bool | None = Field(default=None, description="Its bytes are not UTF-8.")
    error: str | None = None
    code: str | None = None
    detail: str | None = Field(default=None, description="What was done, and what to do next.")
    found_at: Seconds | None = None
    peers_seen: int | None = None
    size_bytes: int | None = None
    file_count: int | None = None
    files: list[File] | None = None


class Tasks(BaseModel):
    """Some tasks, the newest first."""

    tasks: list[Task]
    next: Cursor


class NoteResult(BaseModel):
    """What came of one magnet of a note."""

    info_hash: Hash | None
    old_magnet: str
    success: bool
    filename: str | None = None
    error: str | None = None
    code: str | None = None


class NoteResults(BaseModel):
    """What came of a note, a result for each magnet in the order of the text."""

    success: bool
    total: int
    success_count: int
    fail_count: int
    results: list[NoteResult]


class BatchOrder(BaseModel):
    """Many at once: one of the first three."""

    info_hashes: list[Given] | None = None
    note_ids: list[int] | None = None
    unnamed: Literal[True] | None = None
    priority: Priority = "normal"


class BatchItem(BaseModel):
    """One item of a batch: its task, or why there is none."""

    info_hash: str | None
    task_id: str | None = None
    status: Status | None = None
    error: str | None = None
    code: str | None = None


class BatchSubmitted(BaseModel):
    """A batch that was taken."""

    batch_id: str
    total: int
    created: int
    deduplicated: int
    completed: int
    invalid: int
    items: list[BatchItem]
    remaining: int | None = Field(default=None, description="Of everything unnamed, what is left for another batch.")


class Batch(BaseModel):
    """How a batch is doing, and some of its tasks."""

    batch_id: str
    total: int
    counts: dict[Status, int]
    tasks: list[Task]
    next: Cursor


class Watched(BaseModel):
    """Whether a hash is asked for again and again."""

    info_hash: Hash
    watched: bool


class Config(BaseModel):
    """How pages ask."""

    calibration_mode: Mode
    poll_interval_ms: int
    poll_timeout_ms: int
    websocket: bool


class ConfigChange(BaseModel):
    """The mode; null gives back what the settings say."""

    calibration_mode: Mode | None


class NoteText(BaseModel):
    """A text to be kept."""

    text: str


class NoteChange(NoteText):
    """A text for the place of that in `version`."""

    version: int


class NoteMagnet(BaseModel):
    """One magnet of a note; the offsets count code points."""

    start: int
    end: int
    info_hash: Hash | None
    dn: str | None
    name: str | None
    status: Status | None
    task_id: str | None


class Note(BaseModel):
    """A note and its magnets."""

    id: int
    version: int
    text: str
    created_at: Seconds
    updated_at: Seconds
    magnets: list[NoteMagnet]


class Notes(BaseModel):
    """Some notes, the newest first."""

    notes: list[Note]
    next: Cursor


class Well(BaseModel):
    """All is well."""

    status: Literal["ok"]
