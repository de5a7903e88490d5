"""A SQLite file as a whole: opened beside whoever else uses it, looked at, copied page by page, checked.

Plain sqlite3: nothing here belongs to a transaction of the program. Never open such a file with `open`: closing it
would take away the locks that SQLite holds in this process.
Source: https://www.sqlite.org/backup.html, https://www.sqlite.org/howtocorrupt.html (2.2)
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnClause, LargeBinary, cast, column, func, select, table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement

from truename.errors import TruenameError
from truename.store.database import DatabaseError
from truename.store.schema import Row
from truename.store.tables import metadata, note, person, torrent
from truename.store.whole import new_file

SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master"

_BUSY_TIMEOUT_S = 5.0
_PAGES_AT_ONCE = 1_000
_PAUSE_S = 0.1
_LOOK_EVERY = 100_000  # operations of SQLite's machine, some milliseconds
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DIALECT = sqlite.dialect()


class Stopped(TruenameError):  # noqa: N818 - named after what it is
    """The work was told to stop; nothing of it is left."""


def never() -> bool:
    """Nobody tells this work to stop."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """By what two copies are compared: the schema's revision, the rows of each table, a digest of all note texts."""

    revision: str
    counts: Mapping[str, int]
    texts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a person recognises a database by. `newest`: when its newest note or name came.

    `unusual`: something in it that this program does not make, so that a restore would refuse it.
    """

    revision: str
    people: int
    notes: int
    names: int
    newest: float | None
    unusual: str | None = None


@contextmanager
def opened(path: Path, *, stopped: Callable[[], bool] = never) -> Iterator[sqlite3.Connection]:
    """One of our own databases, which must be there. Its statements are interrupted when `stopped` says so."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT_S
    )
    with closing(connection):
        connection.execute("PRAGMA trusted_schema = OFF")
        if stopped is not never:  # inside a handler the signal that ends a command would be lost
            connection.set_progress_handler(stopped, _LOOK_EVERY)
        yield connection


@contextmanager
def told_as(word: str, what: Path | str) -> Iterator[None]:
    """Trouble with a file or a disk becomes a sentence: `DatabaseError` with `what` and `why`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise Stopped("interrupted") from error
        raise DatabaseError(word, what=str(what), why=reason_of(error)) from error


def reason_of(error: sqlite3.Error | OSError) -> str:
    """Why, in the words of the system or of SQLite."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def sql(statement: ClauseElement) -> str:
    """A statement as SQLite reads it."""
    return str(statement.compile(dialect=_DIALECT))


def schema_of(connection: sqlite3.Connection) -> list[Row]:
    """What a database is made of."""
    return connection.execute(SCHEMA).fetchall()


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """The names of the tables, without SQLite's own."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in rows if not name.startswith("sqlite_")]


def revision_of(connection: sqlite3.Connection) -> str | None:
    """What the database says of its schema; None when it says nothing that one of ours says."""
    if "alembic_version" not in tables_of(connection):
        return None
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchmany(2)
    return rows[0][0] if len(rows) == 1 and isinstance(rows[0][0], str) else None


def contents_of(connection: sqlite3.Connection) -> Contents:
    """What stands in a database, inside one transaction if the caller has begun one."""
    names = tables_of(connection)
    return Contents(
        revision=revision_of(connection) or "",
        counts={name: _count(connection, name) for name in names},
        texts=_digest_of_texts(connection, names),
    )


def summary_of(connection: sqlite3.Connection) -> Summary:
    """What a person recognises a database by."""
    changes = [
        connection.execute(sql(select(func.max(each)))).fetchone()[0]
        for each in (note.c.updated_at, torrent.c.found_at)
    ]
    return Summary(
        revision=revision_of(connection) or "",
        people=_count(connection, person.name),
        notes=_count(connection, note.name),
        names=_count(connection, torrent.name),
        newest=max((each for each in changes if isinstance(each, float)), default=None),
    )


def fault_of(connection: sqlite3.Connection) -> str | None:
    """What SQLite's own checks find: broken pages and indexes, rows that refer to nothing. None: all is well."""
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        return str(found)
    orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    return None if orphan is None else f"{orphan[0]}: a row refers to nothing"


def copy_pages(
    source: sqlite3.Connection, target: sqlite3.Connection, *, stopped: Callable[[], bool] = never, patience: int = 50
) -> None:
    """Make `target` what `source` is, in one transaction of it.

    Output: all of it, in the state that a transaction of `source` sees if one has begun; or, on any error, nothing.
    Errors: `Stopped`; sqlite3's; "database is locked" when others hold the target for so many tenths of a second.
    """
    waited = 0

    def look(status: int, _left: int, _all: int) -> None:
        nonlocal waited
        waited = waited + 1 if status in _BUSY else 0
        if stopped():
            raise Stopped("told to stop")
        if waited > patience:
            raise sqlite3.OperationalError("database is locked")

    source.backup(target, pages=_PAGES_AT_ONCE, progress=look, sleep=_PAUSE_S)


def new_copy(source: sqlite3.Connection, path: Path, *, stopped: Callable[[], bool] = never) -> None:
    """A copy in a new file: one file, that needs no other beside it and that only its owner can read."""
    new_file(path)
    with opened(path) as target:
        target.execute("PRAGMA synchronous = OFF")  # who puts it in its place flushes it
        target.execute("PRAGMA journal_mode = OFF")
        copy_pages(source, target, stopped=stopped)
    with opened(path) as target:
        target.execute("PRAGMA journal_mode = DELETE")


def _count(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(sql(select(func.count()).select_from(table(name)))).fetchone()[0])


def _digest_of_texts(connection: sqlite3.Connection, names: list[str]) -> str:
    """One digest over every text of every table that has texts, with the keys of their rows."""
    digest = hashlib.sha256()
    for each in metadata.sorted_tables:
        if "text" not in each.c or each.name not in names:
            continue
        there = {row[1] for row in connection.execute(f"PRAGMA table_info({each.name})")}
        keys: list[ColumnClause[Any]] = [column(key.name) for key in each.primary_key.columns]
        texts = [cast(column(text), LargeBinary) for text in ("text", "changes") if text in there]
        statement = select(*keys, *texts).select_from(table(each.name)).order_by(*keys)
        for row in connection.execute(sql(statement)):
            key, found = row[: len(keys)], [b"" if text is None else text for text in row[len(keys) :]]
            digest.update(f"{each.name}{key}{[len(text) for text in found]}:".encode())
            digest.update(b"".join(found))
    return digest.hexdigest()
