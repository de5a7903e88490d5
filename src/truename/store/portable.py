"""The few things in which SQLite and PostgreSQL differ, and the limits of one statement."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Insert, Table, text
from sqlalchemy.dialects import postgresql, sqlite

from truename.store.database import Connection

Item = TypeVar("Item")

CHUNK = 500
"""Values in one `IN (...)`: below every limit of variables, and few enough to be planned quickly."""


def in_chunks(items: Iterable[Item]) -> Iterator[Sequence[Item]]:
    """The items, each once and in order, in portions for one statement."""
    every = list(dict.fromkeys(items))
    for start in range(0, len(every), CHUNK):
        yield every[start : start + CHUNK]


def by_hash(keys: Iterable[tuple[int, str]]) -> Iterator[tuple[set[tuple[int, str]], list[str]]]:
    """(Person, hash) in portions for statements that search by hash: the keys wanted, and their hashes.

    SQLite reads the whole table for `(a, b) IN (...)`, whatever indexes there are; so one column is searched, and the
    rows of others are left out afterwards.
    """
    for some in in_chunks(keys):
        yield set(some), list(dict.fromkeys(info_hash for _, info_hash in some))


async def data_versions(connection: Connection, asked: Sequence[None]) -> Sequence[int]:
    """The writer's work: a number that is another one when another process has changed the database; 0 if unknown.

    Source: https://www.sqlite.org/pragma.html#pragma_data_version
    """
    if connection.dialect.name != "sqlite":
        return [0] * len(asked)
    version = int((await connection.execute(text("PRAGMA data_version"))).scalar_one())
    return [version] * len(asked)


async def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, or, where the primary key is there already, make the row what it is here."""
    if not rows:
        return
    await connection.execute(_upsert(connection.dialect.name, table, tuple(rows[0])), list(rows))


@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...]) -> Insert:
    keys = [column.name for column in table.primary_key.columns]
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    changes = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)
