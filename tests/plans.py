"""How SQLite carries out the statements of the program: which of them go through a whole table.

There are no statistics in the database, so a plan is the same whether a table has three rows or three million.
Source: https://www.sqlite.org/eqp.html
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import event

_GROWS = frozenset(
    (
        *("task", "lookup", "batch", "batch_task", "event", "watch", "last_failure"),
        *("note", "note_revision", "note_magnet", "torrent", "torrent_hash"),
    )
)
_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
_OF_THE_ACTIVE = frozenset(("uq_task_active", "uq_lookup_active", "ix_task_lane", "ix_lookup_running"))
"""Partial indexes, in which what has ended does not stand."""


@contextmanager
def whole_tables() -> Iterator[dict[str, str]]:
    """Meanwhile collects the statements that go through a whole table which grows, each with that step of its plan."""
    found: dict[str, str] = {}
    seen: set[str] = set()

    def before(
        connection: sqlalchemy.Connection,
        _: Any,
        statement: str,
        parameters: Any,
        __: Any,
        executemany: bool,
    ) -> None:
        if statement in seen or not re.match(r"SELECT|INSERT|UPDATE|DELETE", statement):
            return
        seen.add(statement)
        driver = connection.connection.driver_connection
        assert driver is not None
        given = parameters[0] if executemany else parameters
        for *_, step in driver.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", given):
            scan = _SCAN.match(step)
            if scan is not None and scan[1] in _GROWS and scan[2] not in _OF_THE_ACTIVE:
                found[" ".join(statement.split())] = step

    event.listen(sqlalchemy.Engine, "before_cursor_execute", before)
    try:
        yield found
    finally:
        event.remove(sqlalchemy.Engine, "before_cursor_execute", before)
    assert seen, "nothing was asked of the database"
