"""A backup comes back: its rows, in a database that our own migrations make, put in the place of the present one.

Not brought back: sessions and tokens, since one that was ended after the backup would be alive again.
The swap is one transaction of the present database, done by SQLite: whoever is killed meanwhile leaves the old one or
the new one whole, and no write-ahead log can meet a database that it is not of. Only where there is no database that
SQLite can open is a file put there, and what lay beside the old one is removed before.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import column, create_engine, insert, table
from sqlalchemy.exc import SQLAlchemyError

from truename.store import lookups, progress, tasks
from truename.store.contradictions import contradiction_in
from truename.store.database import FILE_NAME, Connection, DatabaseError, sqlite_url
from truename.store.files import (
    Summary,
    copy_pages,
    fault_of,
    new_copy,
    opened,
    reason_of,
    revision_of,
    sql,
    summary_of,
    tables_of,
    told_as,
)
from truename.store.foreign import Columns, ForeignFile, foreign_file, numbered
from truename.store.migrate import alone
from truename.store.migrations import NEWEST
from truename.store.tables import session, token
from truename.store.whole import new_file, put_in_place, workshop

LEFT_OUT = (session.name, token.name)
"""Tables that let somebody in without a password."""

_PARTS = ("", "-wal", "-shm", "-journal")
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A new database with the rows of a backup: where it is, what is in it, how many rows of `LEFT_OUT` are not.

    `perhaps_old`: the file is no backup that truename made, but a copy of a database, perhaps of one in use.
    """

    path: Path
    summary: Summary
    left_out: int
    perhaps_old: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a backup would replace. `summary` is None where there is nothing, or nothing that can be read: `trouble`."""

    summary: Summary | None = None
    trouble: str | None = None


@contextmanager
def rebuilt(file: Path, folder: Path) -> Iterator[Rebuilt]:
    """A new database from a backup, in a workshop inside `folder` and gone when the block is left.

    Errors: `DatabaseError` when the file is anything but a sound backup, or when there is no room.
    """
    with foreign_file(file) as source, told_as("restore_failed", folder), workshop(folder) as bench:
        revision = source.revision()
        path = bench / FILE_NAME
        new_file(path)
        _upgrade(path, revision)
        with opened(path) as ours:
            source.check(ours)
            _copy_rows(source, ours)
            fault = fault_of(ours)
        if fault is not None:
            raise DatabaseError("restore_contradiction", what=str(file), why=fault)
        left_out = sum(source.count(name) for name in LEFT_OUT)
        if revision != NEWEST:
            _upgrade(path, NEWEST)
        with opened(path) as ours:
            if (why := contradiction_in(ours)) is not None:
                raise DatabaseError("restore_contradiction", what=str(file), why=why)
            found = summary_of(ours)
        summary = Summary(
            revision=revision, people=found.people, notes=found.notes, names=found.names, newest=found.newest
        )
        yield Rebuilt(path=path, summary=summary, left_out=left_out, perhaps_old=source.is_plain_copy())


async def wait_again(connection: Connection) -> None:
    """Whatever was running when the backup was made waits for its turn, and everything where its tasks do."""
    running = await lookups.running(connection)
    await lookups.give_back(connection, running)
    await lookups.ask_anew(connection, await tasks.wanted_by_those_who_wait(connection, running))
    await progress.give_back(connection)
    await lookups.stand_all(connection)


def look_at(database: Path) -> Present:
    """What a backup would replace. Errors: `DatabaseError` when that is the database of another program."""
    if not database.exists():
        return Present()
    try:
        with opened(database) as connection:
            if revision_of(connection) is None and tables_of(connection):
                raise DatabaseError("database_of_another_program", what=str(database))
            return Present(summary=summary_of(connection) if tables_of(connection) else None)
    except sqlite3.Error as error:
        return Present(trouble=reason_of(error))


def replace(database: Path, new: Path, kept: Path) -> bool:
    """Put a new database in the place of the present one, which is copied to `kept` first. Blocks.

    Only the holder of the data directory may call this. Other commands may use the database meanwhile: each sees the
    old one or the new one.
    Output: whether there was anything to keep.
    Errors: `DatabaseError`; then the present one is as it was.
    """
    place = database.resolve()
    with told_as("restore_failed", database), alone(sqlite_url(database)):
        if _can_be_opened(place):
            _keep(place, kept)
            _overwrite(place, new)
            return True
        parts = [part for ending in _PARTS if (part := place.with_name(place.name + ending)).exists()]
        _keep_bytes(place, parts, kept)
        for beside in (part for part in parts if part != place):
            beside.unlink()
        put_in_place(new, place)
        return bool(parts)


def _upgrade(path: Path, revision: str) -> None:
    from truename.store.migrations.run import upgrade

    engine = create_engine(sqlite_url(path))
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA synchronous = OFF")  # who puts it in its place flushes it
            upgrade(connection, revision)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None)
        raise (cause if isinstance(cause, sqlite3.Error) else error) from error
    finally:
        engine.dispose()


def _copy_rows(source: ForeignFile, ours: sqlite3.Connection) -> None:
    """Bring all rows over, in one transaction. References are checked when all of them are there."""
    ours.execute("PRAGMA foreign_keys = OFF")
    ours.execute("PRAGMA synchronous = OFF")
    ours.execute("BEGIN")
    for name in tables_of(ours):
        if name == "alembic_version" or name in LEFT_OUT:
            continue
        columns = Columns.of(ours, name)
        into = sql(insert(table(name, *map(column, columns.names))))
        try:
            ours.executemany(into, source.rows(columns))
        except sqlite3.IntegrityError as error:
            raise DatabaseError("restore_contradiction", what=str(source.path), why=reason_of(error)) from error
    if numbered(ours):
        ours.execute("DELETE FROM sqlite_sequence")
        ours.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", source.sequences(ours))
    ours.execute("COMMIT")


def _can_be_opened(place: Path) -> bool:
    """Whether SQLite reads it as a database. Errors: sqlite3's, when it cannot be told (a lock, a disk)."""
    if not place.exists():
        return False
    try:
        with opened(place) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in _BROKEN:
            return False
        raise
    return True


def _keep(place: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with workshop(kept.parent) as bench, opened(place) as source:
        source.execute("BEGIN")
        new_copy(source, bench / kept.name)
        put_in_place(bench / kept.name, kept)


def _keep_bytes(place: Path, parts: Sequence[Path], kept: Path) -> None:
    """Copy what SQLite cannot read, with what lies beside it, byte for byte."""
    if not parts:
        return
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with workshop(kept.parent) as bench:
        for part in parts:
            copy = bench / (kept.name + part.name.removeprefix(place.name))
            new_file(copy)
            shutil.copyfile(part, copy)
            put_in_place(copy, kept.with_name(copy.name))


def _overwrite(place: Path, new: Path) -> None:
    """Make the present database what the new one is, in one transaction."""
    with opened(place) as present, opened(new) as source:
        present.execute("PRAGMA journal_mode = WAL")
        present.execute("PRAGMA synchronous = FULL")
        (size,) = present.execute("PRAGMA page_size").fetchone()
        if source.execute("PRAGMA page_size").fetchone() != (size,):
            source.execute("PRAGMA journal_mode = DELETE")  # with a write-ahead log the size stays as it is
            source.execute(f"PRAGMA page_size = {int(size)}")
            source.execute("VACUUM")
        copy_pages(source, present)
        present.execute("PRAGMA wal_checkpoint")
