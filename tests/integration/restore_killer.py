"""Puts a backup in the place of a database again and again, killed one call of the system or of SQLite later each time.

A program of its own, with one thread, so that it can fork. Arguments: a folder with what is to be replaced (`old`), the
new database (`new.db`), and room to work. Prints a line of JSON for each attempt: what was found afterwards.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from truename.store import files
from truename.store.database import FILE_NAME
from truename.store.restore import replace

_MOST = 1_000
_WATCHED = ("posix", "sqlite3", "fcntl")


def attempt(database: Path, new: Path, *, calls: int) -> None:
    """Replace the database, and die at one of its calls."""
    left = calls

    def count(frame: FrameType, event: str, what: Any) -> None:
        nonlocal left
        copying = event == "call" and frame.f_code.co_name == "look"  # between two portions of pages
        if copying or (event == "c_call" and module_of(what) in _WATCHED):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    replace(database, new, database.parent / "backups" / "kept.db")
    sys.setprofile(None)


def module_of(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    return (type(owner).__module__ if isinstance(owner, sqlite3.Connection | sqlite3.Cursor) else None) or str(
        getattr(function, "__module__", "")
    )


def found(path: Path) -> str:
    """What the next program finds there."""
    if not path.exists():
        return "nothing"
    try:
        with closing(sqlite3.connect(path)) as connection:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return "damage"
            texts = connection.execute("SELECT text FROM note").fetchall()
            return f"{len(texts)} x {texts[0][0]}"
    except sqlite3.DatabaseError:
        return "broken, as it was" if path.read_bytes().startswith(b"broken") else "damage"


def main(folder: Path) -> None:
    files._PAGES_AT_ONCE = 10
    database = folder / "data" / FILE_NAME
    for calls in range(_MOST):
        shutil.rmtree(folder / "data", ignore_errors=True)
        shutil.copytree(folder / "old", folder / "data")
        shutil.copyfile(folder / "new.db", folder / "data" / "next.db")
        child = os.fork()
        if child == 0:
            attempt(database, folder / "data" / "next.db", calls=calls)
            os._exit(0)
        killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        kept = folder / "data" / "backups" / "kept.db"
        print(json.dumps({"ended": killed, "database": found(database), "kept": found(kept)}))
        if killed != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
