"""kill -9 at each call that replaces a database: what is there afterwards is the old one or the new one, whole."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.backup_support import filled
from truename.store.database import FILE_NAME

KILLER = Path(__file__).with_name("restore_killer.py")
NOTES = 150
OLD, NEW, BROKEN, NOTHING = f"{NOTES} x old", f"{NOTES} x new", "broken, as it was", "nothing"


def database_of(folder: Path, text: str) -> Path:
    """Of many pages."""
    path = filled(folder)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM note")
        note = "INSERT INTO note (person_id, version, text, created_at, updated_at) VALUES (1, 1, ?, 1.0, 1.0)"
        connection.executemany(note, [(text,)] * NOTES)
        connection.commit()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    database_of(tmp_path / "source", "new").rename(tmp_path / "new.db")
    (tmp_path / "old").mkdir()
    origin = database_of(tmp_path / "origin", "older")
    with closing(sqlite3.connect(origin)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE note SET text = 'old'")
        connection.commit()  # stands in the log alone, as after a kill
        for ending in ("", "-wal", "-shm"):
            name = FILE_NAME + ending
            (tmp_path / "old" / name).write_bytes(origin.with_name(name).read_bytes())
    return tmp_path


def attempts(folder: Path) -> list[dict[str, object]]:
    ended = subprocess.run([sys.executable, KILLER, folder], stdout=subprocess.PIPE, timeout=110, check=True)
    every = [json.loads(line) for line in ended.stdout.splitlines()]
    assert every[-1]["ended"] == 0
    assert every[-1]["database"] == NEW
    return every


def test_a_kill_at_any_moment_leaves_the_old_database_or_the_new_one(folder: Path) -> None:
    every = attempts(folder)
    states = [one["database"] for one in every]
    assert len(states) > 40
    assert set(states) == {OLD, NEW}
    assert states == sorted(states, key=[OLD, NEW].index)
    assert {one["kept"] for one in every} == {NOTHING, OLD}
    assert all(one["kept"] == OLD for one in every if one["database"] == NEW)


@pytest.mark.parametrize("state", [BROKEN, NOTHING])
def test_where_there_is_no_usable_database_a_kill_leaves_none_or_the_new_one(folder: Path, state: str) -> None:
    """The log that lies there belongs to neither."""
    if state == BROKEN:
        (folder / "old" / FILE_NAME).write_bytes(b"broken " * 1000)
    else:
        (folder / "old" / FILE_NAME).unlink()
    states = [one["database"] for one in attempts(folder)]
    assert set(states) == {state, NEW}
    assert states == sorted(states, key=[state, NEW].index)
