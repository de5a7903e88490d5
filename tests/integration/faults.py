"""A database connection that fails when it is told to, below everything the program has written.

The failure comes out of the driver itself, as those of a full disk, a broken disk or a foreign lock do.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from truename.store.database import Database

MESSAGES = {
    "disk I/O error": "SQLITE_IOERR",
    "database or disk is full": "SQLITE_FULL",
    "database is locked": "SQLITE_BUSY",
}


class Faults:
    """Counts what the writing connection is asked to do, and lets one of it fail: statements, begins and commits.

    `gives_up`: SQLite has rolled the transaction back by itself, as it may after an error of the disk. `sticks`: the
    roll-back after it fails too.
    """

    def __init__(self) -> None:
        self.count = 0
        self.done = 0  # how many failures there have been
        self.fails: Callable[[int], str | None] = lambda _: None
        self.gives_up = False
        self.sticks = False
        self.stuck = False
        self.impatient = False  # wait for no lock

    def at(self, number: int, message: str, *, gives_up: bool = False, sticks: bool = False) -> None:
        """Let the n-th from now fail, and only that."""
        end = self.count + number
        self.fails = lambda count: message if count == end else None
        self.gives_up, self.sticks = gives_up, sticks

    def install(self, database: Database) -> Database:
        """Into a database that has not been used yet."""
        event.listen(database._write, "do_connect", self._connect)
        return database

    def _connect(self, _: Any, __: Any, ___: Any, options: dict[str, Any]) -> None:
        options["factory"] = _connection(self)

    def step(self, connection: sqlite3.Connection) -> None:
        """Something is about to be done."""
        self.count += 1
        message = self.fails(self.count)
        if message is not None:
            self.done += 1
            self.stuck = self.sticks
            if self.gives_up:
                sqlite3.Connection.rollback(connection)
            raise trouble(message)


def trouble(message: str) -> sqlite3.OperationalError:
    """The error as the driver raises it."""
    error = sqlite3.OperationalError(message)
    error.sqlite_errorname = MESSAGES[message]
    return error


def _connection(faults: Faults) -> type[sqlite3.Connection]:
    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
            if statement.startswith("PRAGMA busy_timeout") and faults.impatient:
                statement = "PRAGMA busy_timeout = 1"
            elif not statement.startswith("PRAGMA"):
                faults.step(self.connection)
            return super().execute(statement, *parameters)

        def executemany(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
            faults.step(self.connection)
            return super().executemany(statement, *parameters)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def commit(self) -> None:
            faults.step(self)
            super().commit()

        def rollback(self) -> None:
            if faults.stuck:
                faults.stuck = False
                raise trouble("disk I/O error")
            super().rollback()

    return Connection
