"""Where the backups of a data directory stand: their names, how many are kept, what became of the last one.

The last result is a small file in the data directory, so that `truename doctor` can tell it, and a server that was
restarted knows when the next one is due.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from truename.store.backup import back_up
from truename.store.database import FILE_NAME, DatabaseError
from truename.store.files import Summary, never, told_as
from truename.store.whole import new_file, put_in_place, workshop

RECORD_NAME = "backup.json"
_NAME = re.compile(r"truename-\d{8}T\d{9}Z\.db")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that was made and proven: when, its file, what is in it."""

    at: float
    file: str
    summary: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """One that could not be made: when, and the sentence that says why, with what stands in it."""

    at: float
    word: str
    what: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The last good backup, and what went wrong since."""

    made: Made | None = None
    failed: Failed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The backups of one data directory. `folder` is made when it is needed; the newest `keep` stay in it."""

    data_dir: Path
    folder: Path
    keep: int

    @property
    def database(self) -> Path:
        """What the backups are of."""
        return self.data_dir / FILE_NAME

    def make(self, at: float, stopped: Callable[[], bool] = never) -> Made:
        """Make a backup now (`at`), prove it, and let go of the oldest. Blocks; call it in a thread.

        Errors: `DatabaseError`, which is remembered; all earlier backups are still there. `Stopped`.
        """
        if not self.database.exists():
            raise DatabaseError("backup_nothing", what=str(self.database))
        target = self.folder.absolute() / f"truename-{stamp(at)}.db"
        try:
            with told_as("backup_failed", self.folder):
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = Made(at=at, file=str(target), summary=back_up(self.database, target, stopped=stopped))
        except DatabaseError as error:
            self.remember(Record(made=self.record().made, failed=Failed(at=at, word=error.word, **error.fields)))
            raise
        self._let_go(made)
        self.remember(Record(made=made))
        return made

    def record(self) -> Record:
        """What became of the last one; of nothing, when that cannot be read."""
        try:
            kept = json.loads((self.data_dir / RECORD_NAME).read_text("utf-8"))
            return Record(made=_made(kept["made"]), failed=_failed(kept["failed"]))
        except (OSError, ValueError, TypeError, KeyError):
            return Record()

    def remember(self, record: Record) -> None:
        """Keep what became of the last one. Where that fails nothing is lost but the telling of it."""
        with suppress(OSError), workshop(self.data_dir) as bench:
            new_file(bench / RECORD_NAME)
            (bench / RECORD_NAME).write_text(json.dumps(asdict(record)), "utf-8")
            put_in_place(bench / RECORD_NAME, self.data_dir / RECORD_NAME)

    def _let_go(self, made: Made) -> None:
        """Delete the oldest, never the one just made; first those that seem newer, since a clock was wrong."""
        newest = Path(made.file).name
        with suppress(OSError):
            found = (each for each in self.folder.iterdir() if _NAME.fullmatch(each.name))
            others = sorted(
                (each for each in found if each.name != newest), key=lambda each: (each.name < newest, each.name)
            )
            for old in others[: max(0, len(others) + 1 - self.keep)]:
                old.unlink()


def stamp(at: float) -> str:
    """A moment as part of a file's name; in the order of time."""
    when = datetime.fromtimestamp(at, UTC)
    return f"{when:%Y%m%dT%H%M%S}{when.microsecond // 1000:03}Z"


def _made(kept: Any) -> Made | None:
    if kept is None:
        return None
    at, file, summary = float(kept["at"]), str(kept["file"]), kept["summary"]
    counts = {name: int(summary[name]) for name in ("people", "notes", "names")}
    newest = None if summary["newest"] is None else float(summary["newest"])
    unusual = None if summary["unusual"] is None else str(summary["unusual"])
    found = Summary(revision=str(summary["revision"]), newest=newest, unusual=unusual, **counts)
    return Made(at=at, file=file, summary=found)


def _failed(kept: Any) -> Failed | None:
    if kept is None:
        return None
    return Failed(at=float(kept["at"]), word=str(kept["word"]), what=str(kept["what"]), why=str(kept["why"]))
