"""Migrates a database again and again, killed a statement later each time, and migrates what is left undisturbed.

A program of its own, with one thread, so that it can fork. Arguments: `migrate`, or `upgrade` for migrations without a
transaction around them, as earlier versions ran them; a folder with what is to be migrated (`old`) and room to work;
how many statements later each time.
Prints a line of JSON for each attempt: how it ended, what was found then, what was there after the next migration.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import create_engine

from truename.store.database import FILE_NAME, sqlite_url
from truename.store.migrate import migrate
from truename.store.migrations import run

_MOST = 1_000
_WATCHED = ("execute", "executemany", "commit", "backup")


def upgrade(path: Path) -> None:
    engine = create_engine(sqlite_url(path))
    with engine.begin() as connection:
        run.upgrade(connection)


WAYS: dict[str, Callable[[Path], None]] = {"migrate": lambda path: migrate(sqlite_url(path)), "upgrade": upgrade}


def attempt(way: Callable[[Path], None], path: Path, *, statements: int) -> None:
    """Migrate, and die before one of the statements."""
    left = statements

    def count(_frame: FrameType, event: str, what: Any) -> None:
        nonlocal left
        of_sqlite = event == "c_call" and isinstance(what.__self__, sqlite3.Connection | sqlite3.Cursor)
        if of_sqlite and what.__name__ in _WATCHED:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    way(path)
    sys.setprofile(None)


def content(folder: Path) -> str:
    """The database in words; a copy is opened, since SQLite would repair it."""
    look = folder.with_name("look")
    shutil.rmtree(look, ignore_errors=True)
    shutil.copytree(folder, look)
    with closing(sqlite3.connect(look / FILE_NAME)) as connection:
        return "\n".join([*connection.iterdump(), *connection.execute("PRAGMA integrity_check").fetchone()])


def main(way: str, folder: Path, step: int) -> None:
    data = folder / "data"

    def begin() -> None:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(folder / "old", data)

    begin()
    names = {content(data): "old"}
    WAYS["migrate"](data / FILE_NAME)
    names[content(data)] = "new"
    for statements in range(0, _MOST, step):
        begin()
        child = os.fork()
        if child == 0:
            attempt(WAYS[way], data / FILE_NAME, statements=statements)
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found = names.get(content(data), "by half")
        WAYS["migrate"](data / FILE_NAME)
        files = sorted(path.name for path in data.iterdir())
        print(json.dumps({"ended": ended, "found": found, "next": names.get(content(data), "by half"), "files": files}))
        if ended != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
