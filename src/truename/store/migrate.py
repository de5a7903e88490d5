"""Brings a database to the schema of this version, once, before anything else uses it.

A SQLite file is copied aside before it is changed, and changed in one transaction: whoever is killed meanwhile leaves
the old schema or the new one. A database of a newer version, or of another program, is refused and left as it is.
Alembic is loaded only when there is something to do, since every command comes by here.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from sqlalchemy import URL, Connection, Engine, create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from truename.store.database import DatabaseError
from truename.store.migrations import NEWEST
from truename.store.trouble import unusable

LOCK_NAME = "migrate.lock"
_SQLITE = b"SQLite format 3\0"


def migrate(url: URL) -> None:
    """Make or bring up the schema. Blocks; call it in a thread.

    Errors: `DatabaseError` when the database is newer than this program, is another program's, or cannot be used.
    """
    if _is_current(url):
        return
    what = url.database or ""
    engine = create_engine(url, hide_parameters=True)
    try:
        with alone(url):
            if url.get_backend_name() == "sqlite":
                _look_at(Path(what))
                _make_private(Path(what))
            with engine.connect() as connection:
                current = _state(connection, what)
            if current != NEWEST:
                if current is not None and url.get_backend_name() == "sqlite":
                    _copy_aside(Path(what), current)
                _bring_up(engine, what)
            if url.get_backend_name() == "sqlite":
                _log_ahead(Path(what))
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise unusable(what, error) from error
    finally:
        engine.dispose()


def _bring_up(engine: Engine, what: str) -> None:
    from truename.store.migrations.run import remove_begun, upgrade

    with _one_transaction(engine) as connection:
        if _state(connection, what) is None:
            remove_begun(connection)
        upgrade(connection)


def _log_ahead(path: Path) -> None:
    """Switch to a write-ahead log, for good: of two connections that do so at once, SQLite refuses one at once."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _one_transaction(engine: Engine) -> Iterator[Connection]:
    """Everything in the block, or nothing.

    The driver of SQLite begins a transaction before a change of rows, but none before a change of the schema.
    Source: https://docs.python.org/3/library/sqlite3.html#sqlite3-controlling-transactions
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def _is_current(url: URL) -> bool:
    """Whether a SQLite file is at the newest revision and has its write-ahead log, which is the common case."""
    path = Path(url.database or "").absolute()
    if url.get_backend_name() != "sqlite" or not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            return revision == [(NEWEST,)] and connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    except sqlite3.Error:
        return False


@contextmanager
def alone(url: URL) -> Iterator[None]:
    """One program at a time: a command beside a server that has just been started would otherwise meet it half way."""
    if url.get_backend_name() != "sqlite":
        yield
        return
    name = Path(url.database or "").with_name(LOCK_NAME)
    with os.fdopen(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _look_at(path: Path) -> None:
    """Refuse what is no database of SQLite, which itself would take a file of one byte for an empty one."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not S_ISREG(mode):
        raise DatabaseError("database_unusable", what=str(path), why="not a regular file")
    with path.open("rb") as opened:
        start = opened.read(len(_SQLITE))
    if start not in (b"", _SQLITE):
        raise DatabaseError("database_unusable", what=str(path), why="file is not a database")


def _state(connection: Connection, what: str) -> str | None:
    """The revision the database is at, or None when it is empty, or was begun and has nothing in it yet."""
    from alembic.util.exc import CommandError

    from truename.store.migrations.run import current_revision, is_begun, known_revisions

    try:
        current = current_revision(connection)
    except CommandError as error:  # it says that it is at several at once, as none of ours is
        raise DatabaseError("database_of_another_program", what=what) from error
    if current is None and inspect(connection).get_table_names() and not is_begun(connection):
        raise DatabaseError("database_of_another_program", what=what)
    if current is not None and current not in known_revisions():
        raise DatabaseError("database_newer", what=what)
    return current


def _make_private(path: Path) -> None:
    """A new file is its owner's alone from the first byte, whatever the folder allows; its log takes after it."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _copy_aside(path: Path, revision: str) -> None:
    """A copy beside the file, by SQLite itself, so that the write-ahead log is in it."""
    target = path.with_name(f"{path.name}.before-{revision}")
    _make_private(target)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    target.chmod(0o600)
