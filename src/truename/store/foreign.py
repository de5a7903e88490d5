"""A SQLite file of unknown origin: data, and never code.

It is opened so that nothing in it can run (read-only, its schema not trusted, limits on what it may claim, an
authorizer that lets rows of its tables be read and nothing else), and believed only as far as it looks like what our
own migrations make. What comes out are rows whose every value was looked at.
Source: https://www.sqlite.org/security.html (1: untrusted files)
"""

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import column, func, select, table

from truename.store.database import DatabaseError
from truename.store.files import SCHEMA, revision_of, schema_of, sql, told_as
from truename.store.migrations import KNOWN, NEWEST
from truename.store.schema import Row, differences
from truename.store.values import Check, check_of

_HEADER = b"SQLite format 3\0"
_WITH_LOG = b"\x02\x02"
# A note has at most 21: `note_texts.MAX_CHARS`, and two bytes more for a third of what was saved.
_MAX_VALUE_BYTES = 32 * 1024 * 1024
_MAX_OBJECTS = 1_000
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: _MAX_VALUE_BYTES,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 20,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 2,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_PRAGMAS = ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON", "mmap_size = 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A table as our migrations make it: its columns, and what to ask of each value."""

    table: str
    names: tuple[str, ...]
    checks: tuple[Check, ...] = field(repr=False)

    @classmethod
    def of(cls, ours: sqlite3.Connection, name: str) -> "Columns":
        """Read them from a database of our own."""
        rows = ours.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (name,)).fetchall()
        counted = name in numbered(ours)
        checks = tuple(
            check_of(name, each, declared, nullable=not (notnull or pk), key=bool(pk), counted=counted)
            for each, declared, notnull, pk in rows
        )
        return cls(table=name, names=tuple(row[0] for row in rows), checks=checks)


class ForeignFile:
    """An open file of unknown origin. Each method reads; what it finds wrong is a `DatabaseError` that says so."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def revision(self) -> str:
        """The revision of its schema, which this version knows.

        Errors: `DatabaseError` for something that can act, for the file of another program or of a newer version.
        """
        with self._read():
            rows = self._schema()
            for kind, name, _, statement in rows:
                if kind not in ("table", "index") or str(statement).lower().startswith("create virtual"):
                    raise self._refused("restore_object", name=_short(name))
            revision = revision_of(self._connection)
        if revision is None:
            raise self._refused("restore_not_ours")
        if revision not in KNOWN:
            newer = revision.isascii() and revision.isdigit() and int(revision[:9]) > int(NEWEST)
            raise self._refused("restore_newer" if newer else "restore_not_ours")
        return revision

    def check(self, ours: sqlite3.Connection) -> None:
        """That it is made as a database of our own, and sound. Errors: `DatabaseError`."""
        with self._read():
            for each in differences(self._schema(), schema_of(ours)):
                word = "restore_missing" if each.kind == "missing" else "restore_object"
                raise self._refused(word, name=_short(each.name))
            found = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise self._refused("restore_damaged", why=_short(found))

    def count(self, name: str) -> int:
        """How many rows a table has."""
        with self._read():
            return int(self._connection.execute(sql(select(func.count()).select_from(table(name)))).fetchone()[0])

    def rows(self, columns: Columns) -> Iterator[Sequence[Any]]:
        """The rows of a table, every value looked at. Errors: `DatabaseError` for a value that cannot be."""
        statement = sql(select(*map(column, columns.names)).select_from(table(columns.table)))
        checked = tuple(zip(columns.checks, columns.names, strict=True))
        with self._read(table=columns.table):
            for row in self._connection.execute(statement):
                for value, (check, name) in zip(row, checked, strict=True):
                    if not check(value):
                        raise self._refused("restore_value", table=columns.table, column=name)
                yield row

    def sequences(self, ours: sqlite3.Connection) -> list[tuple[str, int]]:
        """The last number that each numbered table has given."""
        with self._read(table="sqlite_sequence"):
            found = self._connection.execute("SELECT name, seq FROM sqlite_sequence").fetchmany(_MAX_OBJECTS)
        usable = check_of("", "seq", "INTEGER", nullable=False, key=False, counted=True)
        names = [name for name, _ in found]
        if len(set(names)) < len(names) or not numbered(ours) >= set(names) or not all(usable(seq) for _, seq in found):
            raise self._refused("restore_value", table="sqlite_sequence", column="seq")
        return found

    def is_plain_copy(self) -> bool:
        """Whether it is a database as one works on it, of which the newest may have stood in another file beside it.

        Source: https://www.sqlite.org/fileformat2.html#file_format_version_numbers
        """
        with told_as("restore_unreadable", self.path), self.path.open("rb") as file:
            return file.read(len(_HEADER) + 4)[-2:] == _WITH_LOG

    def _schema(self) -> list[Row]:
        rows = self._connection.execute(SCHEMA).fetchmany(_MAX_OBJECTS)
        if len(rows) == _MAX_OBJECTS:
            raise self._refused("restore_not_ours")
        return rows

    @contextmanager
    def _read(self, **about: str) -> Iterator[None]:
        try:
            with told_as("restore_damaged", self.path):
                yield
        except UnicodeDecodeError as error:
            raise self._refused("restore_value", column="", **{"table": "", **about}) from error

    def _refused(self, word: str, **fields: str) -> DatabaseError:
        return DatabaseError(word, what=str(self.path), **fields)


@contextmanager
def foreign_file(path: Path) -> Iterator[ForeignFile]:
    """Open a file of unknown origin. Errors: `DatabaseError` when it is no finished SQLite file."""
    _check_file(path)
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with told_as("restore_damaged", path):
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    with closing(connection):
        with told_as("restore_damaged", path):
            _harden(connection)
        yield ForeignFile(path, connection)


def numbered(ours: sqlite3.Connection) -> set[str]:
    """The tables whose rows get a number that was never given before."""
    rows = ours.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'")
    return {name for (name,) in rows}


def _check_file(path: Path) -> None:
    """A regular file that begins as SQLite's do, and needs no other beside it."""
    with told_as("restore_unreadable", path):
        if not stat.S_ISREG(path.stat().st_mode):  # a device is not even opened
            raise DatabaseError("restore_no_file", what=str(path))
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DatabaseError("restore_no_file", what=str(path))
            if os.read(descriptor, len(_HEADER)) != _HEADER:
                raise DatabaseError("restore_not_sqlite", what=str(path))
        finally:
            os.close(descriptor)
        for ending in ("-wal", "-journal"):
            beside = path.with_name(path.name + ending)
            if beside.exists() and beside.stat().st_size:
                raise DatabaseError("restore_unfinished", what=str(path), beside=beside.name)


def _harden(connection: sqlite3.Connection) -> None:
    for limit, value in _LIMITS.items():
        connection.setlimit(limit, value)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    if hasattr(connection, "setconfig"):  # Python 3.12
        for name in ("DEFENSIVE", "DQS_DML", "DQS_DDL", "ENABLE_VIEW", "ENABLE_TRIGGER"):
            with suppress(AttributeError):  # not known to every SQLite
                connection.setconfig(getattr(sqlite3, f"SQLITE_DBCONFIG_{name}"), name == "DEFENSIVE")
    connection.text_factory = _decoded
    connection.set_authorizer(_only_reading)


def _decoded(raw: bytes) -> str:
    """SQLite's own error would hold the text."""
    return raw.decode("utf-8")


def _only_reading(action: int, first: str | None, second: str | None, _database: str | None, inside: str | None) -> int:
    """Rows of tables, by a statement of ours. `inside` is the view or trigger that asks."""
    allowed = inside is None and (
        action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
        or (action == sqlite3.SQLITE_FUNCTION and second == "count")
        or (action == sqlite3.SQLITE_PRAGMA and first == "integrity_check")
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _short(text: object) -> str:
    return str(text)[:80]
