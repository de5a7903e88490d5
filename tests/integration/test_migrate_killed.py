"""kill -9 before statements of a migration: the old or the new schema is there, and the next program is well.

In `make soak` before each of them.
"""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.integration.backup_support import empty, execute, filled
from tests.soak import size
from truename.store.database import FILE_NAME, DatabaseError, sqlite_url
from truename.store.migrate import LOCK_NAME, migrate
from truename.store.migrations import KNOWN, NEWEST

KILLER = Path(__file__).with_name("migration_killer.py")

pytestmark = pytest.mark.timeout(size(test=120, soak=1_000))


def attempts(way: str, folder: Path, *, step: int) -> list[dict[str, Any]]:
    command = [sys.executable, KILLER, way, folder, str(size(test=step, soak=1))]
    ended = subprocess.run(command, stdout=subprocess.PIPE, timeout=size(test=110, soak=900), check=True)
    every = [json.loads(line) for line in ended.stdout.splitlines()]
    assert every[-1]["ended"] == 0
    assert every[-1]["found"] == "new"
    return every


def is_old_and_from_then_on_new(found: list[str]) -> bool:
    """Later kills come after the change, when only the write-ahead log is missing."""
    return found == sorted(found, key=["old", "new"].index) and found[0] == "old" and found[-1] == "new"


@pytest.mark.soak
def test_a_kill_while_a_database_is_made_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    every = attempts("migrate", tmp_path, step=9)
    assert len(every) > 4
    assert is_old_and_from_then_on_new([one["found"] for one in every])
    assert {one["next"] for one in every} == {"new"}
    assert all(one["files"] == [LOCK_NAME, FILE_NAME] for one in every)


@pytest.mark.soak
@pytest.mark.parametrize("revision", [KNOWN[0], KNOWN[-2]])
def test_a_kill_while_an_older_database_is_changed_leaves_the_old_or_the_new_one(tmp_path: Path, revision: str) -> None:
    filled(tmp_path / "old", revision=revision)
    every = attempts("migrate", tmp_path, step=7)
    assert len(every) > 2
    assert is_old_and_from_then_on_new([one["found"] for one in every])
    assert {one["next"] for one in every} == {"new"}
    assert all(one["files"] == [LOCK_NAME, FILE_NAME, f"{FILE_NAME}.before-{revision}"] for one in every)


@pytest.mark.soak
def test_what_earlier_versions_left_when_they_were_killed_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    every = attempts("upgrade", tmp_path, step=9)
    assert [one["found"] for one in every].count("by half") > 3
    assert {one["next"] for one in every} == {"new"}


def begun(folder: Path, *statements: str) -> Path:
    """All tables of the first revision, and no revision; then something is done to it."""
    path = folder / FILE_NAME
    path.write_bytes(empty(KNOWN[0]))
    execute(path, "DELETE FROM alembic_version", *statements)
    return path


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE note_revision", "DROP INDEX ix_torrent_hash_torrent_id", "PRAGMA journal_mode = WAL", "ANALYZE"],
)
def test_a_database_without_rows_and_revision_is_made_anew(tmp_path: Path, statement: str) -> None:
    path = begun(tmp_path, statement)
    migrate(sqlite_url(path))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO chosen_setting VALUES ('slots', '7')",
        "INSERT INTO virtual VALUES (1, 2)",
        "CREATE TABLE recipe (id INTEGER)",
        "CREATE VIEW names AS SELECT name FROM torrent",
        "CREATE TRIGGER keep BEFORE DELETE ON note BEGIN SELECT RAISE(ABORT, 'no'); END",
        "CREATE INDEX mine ON note (text)",
        "ALTER TABLE note ADD COLUMN colour TEXT",
        "DROP TABLE alembic_version",
    ],
)
def test_one_that_holds_anything_of_anybodys_is_refused_and_left(tmp_path: Path, statement: str) -> None:
    path = begun(tmp_path, statement)
    before = path.read_bytes()
    with pytest.raises(DatabaseError) as refused:
        migrate(sqlite_url(path))
    assert refused.value.word == "database_of_another_program"
    assert path.read_bytes() == before
