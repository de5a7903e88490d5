"""A backup that proves itself: a copy of the running database, opened again, checked, and compared with what it is of.

It is in its place only when all of that went well; else nothing is, and what was in that place stays.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from sqlalchemy.schema import CreateIndex, CreateTable

from truename.store.database import DatabaseError
from truename.store.files import (
    Summary,
    contents_of,
    fault_of,
    never,
    new_copy,
    opened,
    revision_of,
    schema_of,
    sql,
    summary_of,
    tables_of,
    told_as,
)
from truename.store.foreign import foreign_file
from truename.store.migrations import KNOWN, NEWEST
from truename.store.schema import Row, differences
from truename.store.tables import metadata
from truename.store.whole import put_in_place, workshop

_VERSION = """CREATE TABLE alembic_version
(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"""


def back_up(database: Path, target: Path, *, stopped: Callable[[], bool] = never) -> Summary:
    """Copy a database that others may be writing to, and prove the copy. Blocks; call it in a thread.

    Input:  `target` in a folder that is there; an earlier backup of that name is replaced.
    Output: what is in the copy.
    Errors: `DatabaseError`; `Stopped` soon after `stopped` says so.
    """
    if not database.exists():
        raise DatabaseError("backup_nothing", what=str(database))
    _check_replaceable(target, database)
    with told_as("backup_failed", target), workshop(target.parent) as bench:
        copy = bench / target.name
        with opened(database, stopped=stopped) as source:
            source.execute("BEGIN")  # from here on it stands still for us
            _check_ours(revision_of(source), bool(tables_of(source)), database)
            original = contents_of(source)
            new_copy(source, copy, stopped=stopped)
        with opened(copy, stopped=stopped) as proof:
            fault = fault_of(proof)
            if fault is not None:
                raise DatabaseError("backup_damaged", what=str(database), why=fault)
            if contents_of(proof) != original:
                raise DatabaseError("backup_differs", what=str(target))
            summary = replace(summary_of(proof), unusual=_unusual_in(proof))
        put_in_place(copy, target)
    return summary


def newest_schema() -> Sequence[Row]:
    """What a database of this version is made of, without running the migrations; a test holds the two together."""
    with closing(sqlite3.connect(":memory:")) as ours:
        for table in metadata.sorted_tables:
            ours.execute(sql(CreateTable(table)))
            for index in table.indexes:
                ours.execute(sql(CreateIndex(index)))
        ours.execute(_VERSION)
        return schema_of(ours)


def _unusual_in(proof: sqlite3.Connection) -> str | None:
    """The name of something that a restore would refuse; an older schema is not looked at."""
    if revision_of(proof) != NEWEST:
        return None
    return next((each.name for each in differences(schema_of(proof), newest_schema())), None)


def _check_ours(revision: str | None, has_tables: bool, what: Path) -> None:  # noqa: FBT001
    if revision is None:
        word = "database_of_another_program" if has_tables else "backup_nothing"
        raise DatabaseError(word, what=str(what))
    if revision not in KNOWN:
        raise DatabaseError("database_newer", what=str(what))


def _check_replaceable(target: Path, database: Path) -> None:
    """Only an earlier backup is replaced by one; least of all the database itself, or what lies beside it."""
    with told_as("backup_failed", target):
        beside = target.name.startswith(f"{database.name}-") and target.parent.samefile(database.parent)
        is_link = target.is_symlink()
        if beside or (not is_link and target.exists() and target.samefile(database)):
            raise DatabaseError("backup_over", what=str(target))
        if is_link or not target.exists():
            return  # a link is replaced, and not what it leads to
    try:
        with foreign_file(target) as earlier:
            earlier.revision()
    except DatabaseError as error:
        raise DatabaseError("backup_over", what=str(target)) from error
