"""The open database: one connection that writes, a few that only read, each set up as SQLite needs it.

`BEGIN IMMEDIATE` for the writer is not a matter of taste: with a deferred begin, concurrent changes fail with "database
is locked" in spite of the busy time-out, and with the driver's own begin some are lost (docs/adr/0004).
Source: https://www.sqlite.org/lang_transaction.html, https://www.sqlite.org/pragma.html
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from truename.errors import TruenameError

FILE_NAME = "truename.db"
_READERS = 4
_BUSY_TIMEOUT_MS = 5_000


class DatabaseError(TruenameError):
    """The database cannot be used. `word` is a sentence of `truename.texts`, `fields` what stands in it."""

    def __init__(self, word: str, **fields: str) -> None:
        super().__init__(word, *fields.values())
        self.word = word
        self.fields = fields


class Database:
    """Engines for one database. `write` belongs to the writer alone; everybody else reads."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self._write = create_async_engine(url, pool_size=1, max_overflow=0)
        self._read = create_async_engine(url, pool_size=_READERS, max_overflow=0)
        if url.get_backend_name() == "sqlite":
            _set_up(self._write, begin="BEGIN IMMEDIATE", read_only=False)
            _set_up(self._read, begin="BEGIN", read_only=True)

    @classmethod
    def at(cls, data_dir: Path) -> "Database":
        """The SQLite file of a data directory."""
        return cls(sqlite_url(data_dir / FILE_NAME))

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end of the block. Nothing but SQL may be awaited inside."""
        async with self._write.begin() as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for a query or two; one that is kept longer holds back the write-ahead log."""
        async with self._read.connect() as connection:
            yield connection

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._read.dispose()
        await self._write.dispose()


def sqlite_url(path: Path) -> URL:
    """The address of a SQLite file, whatever characters its path has."""
    return make_url("sqlite+aiosqlite://").set(database=str(path))


def sync_url(url: URL) -> URL:
    """The same database for the migrations, which block."""
    return url.set(drivername="sqlite" if url.get_backend_name() == "sqlite" else "postgresql")


def _set_up(engine: AsyncEngine, *, begin: str, read_only: bool) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA trusted_schema = OFF")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)
