"""The few things in which SQLite and PostgreSQL differ, and the limits of one statement."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Item = TypeVar("Item")

CHUNK = 500
"""Values in one `IN (...)`: below every limit of variables, and few enough to be planned quickly."""


def in_chunks(items: Iterable[Item]) -> Iterator[Sequence[Item]]:
    """The items, each once and in order, in portions for one statement."""
    every = list(dict.fromkeys(items))
    for start in range(0, len(every), CHUNK):
        yield every[start : start + CHUNK]


async def upsert(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, or, where the primary key is there already, make the row what it is here."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key.columns]
    values = [name for name in rows[0] if name not in keys]
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = make(table)
    changes = {name: statement.excluded[name] for name in values}
    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))
