"""The journal behind `AsyncCalibrationManager(database=...)`: a SQLite file with one row for each task.

Owns the file alone, for as long as it is open (`locking_mode=EXCLUSIVE`): two managers that journal into one file would
each take the other's live tasks for interrupted ones. A row says `pending` until its task ended; what still says so at
opening was interrupted. What is written survives the end of the process at any moment, SIGKILL included; a power cut
may take the last moments with it, but leaves a sound file (`synchronous=NORMAL`: a submit never waits for the disk to
turn). Knows nothing of threads: the caller holds its lock around every call, also around a fork.

Source: https://www.sqlite.org/pragma.html, https://www.sqlite.org/howtocorrupt.html (2.6: never across a fork).
"""

import ctypes
import logging
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from truename.codes import Code
from truename.errors import TruenameError
from truename.model import CalibrationTask, TaskStatus
from truename.telling import tell

INTERRUPTED = "The program stopped before this task had ended; submit it again."

logger = logging.getLogger("truename.journal")

_APPLICATION_ID = 0x7472756E  # "trun", in the header of the file
_SCHEMA_VERSION = 1
_IN_USE_AFTER_S = 2.0  # an old process that is just ending may still hold the file
_BUSY_TIMEOUT_S = 0.1
_CUT_CHARS = 1_000_000  # of a text that is longer than SQLite takes
_SCHEMA = """
CREATE TABLE task (
    task_id TEXT PRIMARY KEY, info_hash TEXT NOT NULL, status TEXT NOT NULL, result TEXT, error TEXT,
    created_at REAL NOT NULL, completed_at REAL, code TEXT
) WITHOUT ROWID
"""


class JournalError(TruenameError):
    """The journal cannot be opened or written; the text says which file, and why."""


class Journal:
    """An open journal. Each method is one transaction."""

    def __init__(self, path: str) -> None:
        """Open or make the file, and end what an earlier process left unfinished.

        Errors: `JournalError` when the file is in use, is not a journal, or cannot be read or written. The contents of
                a file that is refused stay as they were.
        """
        self.path = path
        self._unsaved: list[CalibrationTask] = []  # ended, and not yet in the file
        until = time.monotonic() + _IN_USE_AFTER_S
        while not self._opened(last=time.monotonic() > until):
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - only so that two do not keep step

    def load(self, *, ttl_s: float) -> list[CalibrationTask]:
        """The tasks that ended at most `ttl_s` seconds ago, oldest end first; older ones are forgotten for good."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM task WHERE completed_at < ?", (time.time() - ttl_s,))
            rows = connection.execute(
                "SELECT task_id, info_hash, status, result, error, created_at, completed_at, code"
                " FROM task ORDER BY completed_at"
            )
            return [_task(row) for row in rows]

    def begin(self, task: CalibrationTask) -> None:
        """Write down a task that is about to be taken. Errors: `JournalError`, and it is not in the file."""
        self._save([task])

    def end(self, tasks: list[CalibrationTask]) -> None:
        """Write down how these ended. Never fails: what the file does not take now is kept for `retry`."""
        trouble_before = bool(self._unsaved)
        self._unsaved.extend(tasks)
        if not trouble_before:  # otherwise each end would try all of them again
            self.retry()

    def retry(self) -> None:
        """Write what `end` could not write."""
        if not self._unsaved:
            return
        try:
            self._save_or_cut(self._unsaved)
        except JournalError as exc:
            tell(logger, logging.ERROR, "%s %d ended tasks are kept in memory and tried again", exc, len(self._unsaved))
        else:
            self._unsaved.clear()

    def forget(self, task_ids: Iterable[str]) -> None:
        """Delete these tasks. Never fails: what stays is too old for the next `load`."""
        gone = set(task_ids)
        self._unsaved = [task for task in self._unsaved if task.task_id not in gone]
        try:
            with self._transaction() as connection:
                connection.executemany("DELETE FROM task WHERE task_id = ?", ((task_id,) for task_id in gone))
        except JournalError as exc:
            tell(logger, logging.WARNING, "%s %d forgotten tasks are still in it", exc, len(gone))

    def close(self) -> None:
        """Give the file free. What it did not take to the last reads as interrupted at the next opening."""
        self.retry()
        self._connection.close()

    def leave_to_parent(self) -> None:
        """In a forked child: never touch the connection again, not even when the interpreter ends.

        Closing it here would move the parent's write-ahead log into the database and delete it under the parent's
        feet, and an interpreter that ends closes all that it can reach. One reference too many keeps it from that.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))

    def _save(self, tasks: list[CalibrationTask]) -> None:
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_row, tasks))

    def _save_or_cut(self, tasks: list[CalibrationTask]) -> None:
        """No text that is longer than SQLite takes keeps others out: it is cut."""
        try:
            self._save(tasks)
        except JournalError as exc:
            if not _is_too_large(exc.__cause__):
                raise
            if len(tasks) == 1:
                self._save([_cut(tasks[0])])
                return
            for task in tasks:
                self._save_or_cut([task])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._connection as connection:
                yield connection
        except (sqlite3.Error, OverflowError) as exc:  # OverflowError: a text of more than 2 GiB
            raise self._error(exc) from exc

    def _opened(self, *, last: bool) -> bool:
        """Try once. False when somebody has the file, unless this was the `last` try.

        A connection in exclusive mode lets no lock go while it waits, so of two that open the file at once neither may
        get it: whoever did not closes, and tries again.
        """
        try:
            # Python begins the transactions; IMMEDIATE, since each of them writes.
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_TIMEOUT_S, isolation_level="IMMEDIATE", check_same_thread=False
            )
        except sqlite3.Error as exc:
            raise self._error(exc) from exc
        try:
            self._prepare()
        except BaseException as exc:
            self._connection.close()
            if isinstance(exc, JournalError) and _is_busy(exc.__cause__) and not last:
                return False
            raise
        return True

    def _prepare(self) -> None:
        with self._transaction() as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            # Before the first read: of two that have read and then want to write, SQLite refuses one without waiting.
            connection.execute("BEGIN EXCLUSIVE")
            self._make_schema(connection)
            connection.execute(
                "UPDATE task SET status = ?, code = ?, error = ?, completed_at = max(?, created_at)"
                " WHERE completed_at IS NULL",
                (TaskStatus.FAILED.value, Code.INTERRUPTED.value, INTERRUPTED, time.time()),
            )
        with self._transaction() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")

    def _make_schema(self, connection: sqlite3.Connection) -> None:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (things,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if (application_id, version) == (_APPLICATION_ID, _SCHEMA_VERSION):
            return
        if application_id == _APPLICATION_ID:
            raise JournalError(f"{self.path!r} was written by another version of truename; name a new file.")
        if things or application_id or version:
            raise JournalError(f"{self.path!r} is the database of another program; name a new file for the journal.")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        connection.execute(_SCHEMA)

    def _error(self, exc: Exception) -> JournalError:
        match getattr(exc, "sqlite_errorcode", 0) & 0xFF:
            case _ if _is_busy(exc):
                reason = "is in use by another manager or process; a journal has one owner, name a file for each"
            case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
                reason = "is not a journal, or is damaged; name a new file"
            case sqlite3.SQLITE_CANTOPEN:
                reason = "cannot be opened; it must be a file, in a folder that exists and can be written"
            case sqlite3.SQLITE_READONLY:
                reason = "cannot be written; the file and its folder must not be read-only"
            case sqlite3.SQLITE_FULL:
                reason = "cannot be written: the disk is full"
            case _:
                reason = f"cannot be read or written ({exc})"
        return JournalError(f"The journal {self.path!r} {reason}.")


def _is_busy(exc: BaseException | None) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _is_too_large(exc: BaseException | None) -> bool:
    code = getattr(exc, "sqlite_errorcode", 0)
    return isinstance(exc, OverflowError | sqlite3.DataError) or code == sqlite3.SQLITE_TOOBIG


def _cut(task: CalibrationTask) -> CalibrationTask:
    result, error = (text and text[:_CUT_CHARS] for text in (task.result, task.error))
    return replace(task, result=result, error=error)


def _row(task: CalibrationTask) -> tuple[object, ...]:
    return (
        task.task_id,
        _stored(task.info_hash),
        task.status.value,
        _stored(task.result),
        _stored(task.error),
        task.created_at,
        task.completed_at,
        task.code,
    )


def _task(row: tuple[Any, ...]) -> CalibrationTask:
    task_id, info_hash, status, result, error, created_at, completed_at, code = row
    return CalibrationTask(
        task_id,
        _text(info_hash) or "",
        TaskStatus(status),
        _text(result),
        _text(error),
        created_at,
        completed_at,
        code,
    )


def _stored(text: str | None) -> str | bytes | None:
    """Lone surrogates (file names that are not UTF-8 have them) are no TEXT for SQLite; such a text becomes a BLOB."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _text(stored: str | bytes | None) -> str | None:
    return stored.decode("utf-8", "surrogatepass") if isinstance(stored, bytes) else stored
