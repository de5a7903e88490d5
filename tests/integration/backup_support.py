"""Databases with a row in every table there is, at every revision there was, and what they are compared by."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, create_engine

from truename.store.database import FILE_NAME, sqlite_url
from truename.store.migrations import NEWEST
from truename.store.migrations.run import upgrade
from truename.store.tables import metadata

HASH = "ab" * 20
# Made with the cheapest cost; of "correct horse battery".
PASSWORD_HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$J0f8vHhbE4eF5vZqYkq0bQ"
SPECIAL: dict[str, Any] = {
    "username": "alice",
    "username_folded": "alice",
    "password_hash": PASSWORD_HASH,
    "status": "running",
    "sources": '[["udp://tracker.example:80"], []]',
    "hash": HASH,
    "hash_v2": "cd" * 32,
    "text": f"今晚 magnet:?xt=urn:btih:{HASH}&dn=a%20name \u202e",
    "attempt": 1,
    "active": 1,
    "code": "no_peers",
    "reason": "no_peers",
    "source": "swarm",
    "detail": '[{"resolver":"swarm","ended":"no_peers"}]',
    "files": '[["a name", 1]]',
    "typed": '["mine", null]',
    "undone": "[null]",
    "cause": "saved",
    "kind": "note",
    "rewrite": "auto",
}
# Numbers given to rows that are gone again; the next ones must be higher.
GONE = 1000


@cache
def empty(revision: str = NEWEST) -> bytes:
    """A file as the migrations make it, up to a revision."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        engine = create_engine(sqlite_url(path))
        with engine.begin() as connection:
            upgrade(connection, revision)
        engine.dispose()
        return path.read_bytes()


WAS_THERE = (("lookup", "prio"), ("lookup", "person_id"), ("lookup", "rank"))
"""What had to have a value before migration 0012."""

NOT_YET = frozenset(
    (
        ("task", "name"),
        ("task", "completed_at"),
        ("task", "next_attempt_at"),
        ("lookup", "due_at"),
        ("batch", "ended_at"),
        ("note_revision", "changes"),
    )
)


def filled(folder: Path, *, revision: str = NEWEST, **changed: Any) -> Path:
    """A database with one row in every table; `changed` are other values for columns of some name."""
    folder.mkdir(exist_ok=True)
    path = folder / FILE_NAME
    path.write_bytes(empty(revision))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for table in metadata.sorted_tables:
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")}
            row = {one.name: changed.get(one.name, value_of(one)) for one in table.columns if one.name in there}
            row |= {column: 1 for of, column in WAS_THERE if of == table.name and column in there}
            if row:
                marks = ", ".join("?" * len(row))
                statement = f"INSERT INTO {table.name} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608
                connection.execute(statement, list(row.values()))
        connection.execute("UPDATE sqlite_sequence SET seq = ?", [GONE])
        connection.commit()
    return path


def value_of(column: Column[Any]) -> Any:
    """Something that may stand there. The only task is running, so nothing has ended or waits for a time."""
    if (column.table.name, column.name) in NOT_YET:
        return None
    if column.foreign_keys:
        (key,) = column.foreign_keys
        return value_of(key.column)
    by_type = {Boolean: 1, Integer: 1, Float: 1_700_000_000.25, LargeBinary: b"\xff\x00 raw"}
    usual = next((value for kind, value in by_type.items() if isinstance(column.type, kind)), f"{column.name} 1")
    return SPECIAL.get(column.name, usual)


def everything(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, by the names of their columns."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, list[tuple[Any, ...]]] = {}
        for name in names:
            cursor = connection.execute(f"SELECT * FROM {name}")  # noqa: S608
            columns = [one[0] for one in cursor.description]
            found[name] = sorted((tuple(sorted(zip(columns, row, strict=True))) for row in cursor), key=repr)
        return found


def execute(path: Path, *statements: str) -> None:
    """Do something to a database that its own program would not do."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for statement in statements:
            connection.execute(statement)


def left_behind(folder: Path) -> list[str]:
    """Files and folders that somebody did not finish."""
    return sorted(path.name for path in folder.rglob("*") if path.name.startswith(".truename-"))
