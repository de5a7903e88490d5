"""A backup on a real database: what it holds, what becomes of it when something goes wrong, what is kept."""

import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.backup_support import everything, execute, filled, left_behind
from truename.store import backup as backups
from truename.store.backup import back_up, newest_schema
from truename.store.database import FILE_NAME, DatabaseError
from truename.store.files import Stopped, new_copy, schema_of
from truename.store.schema import differences
from truename.store.shelf import RECORD_NAME, Failed, Record, Shelf
from truename.store.whole import PREFIX, workshop

NOW = 1_790_000_000.5


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return filled(tmp_path / "data")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "copy.db"


def shelf_of(database: Path, *, keep: int = 3) -> Shelf:
    return Shelf(data_dir=database.parent, folder=database.parent / "backups", keep=keep)


def refused(work: Callable[[], object]) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        work()
    return caught.value


def test_a_backup_holds_what_the_database_holds(database: Path, target: Path) -> None:
    summary = back_up(database, target)
    assert everything(target) == everything(database)
    assert (summary.people, summary.notes, summary.names) == (1, 1, 1)
    assert summary.newest == 1_700_000_000.25


def test_a_backup_is_one_file_that_needs_no_other(database: Path, target: Path) -> None:
    execute(database, "PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(database)) as busy:
        busy.execute("UPDATE note SET version = 7")
        busy.commit()  # stands in the write-ahead log alone
        back_up(database, target)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    with closing(sqlite3.connect(f"{target.as_uri()}?mode=ro", uri=True)) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert copy.execute("SELECT version FROM note").fetchone() == (7,)


def test_it_is_the_database_as_it_was_when_others_write_meanwhile(database: Path, target: Path) -> None:
    execute(database, "PRAGMA journal_mode = WAL")
    before = everything(database)
    writes = 0

    def write() -> bool:
        nonlocal writes
        execute(database, f"INSERT INTO chosen_setting VALUES ('n{writes}', 'x')")  # noqa: S608
        writes += 1
        return False

    back_up(database, target, stopped=write)
    assert writes > 0
    assert everything(target) == before
    assert len(everything(database)["chosen_setting"]) == 1 + writes


def test_nobody_else_can_read_it_at_any_moment(database: Path, target: Path) -> None:
    modes: set[tuple[str, int]] = set()

    def look() -> bool:
        for path in target.parent.rglob("*"):
            modes.add(("folder" if path.is_dir() else "file", stat.S_IMODE(path.stat().st_mode)))
        return False

    before = os.umask(0)
    try:
        back_up(database, target, stopped=look)
    finally:
        os.umask(before)
    assert modes == {("folder", 0o700), ("file", 0o600)}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "fault",
    ["UPDATE note SET text = text || 'x'", "UPDATE note SET text = upper(text)"],
    ids=["longer", "as long"],
)
def test_a_copy_that_is_not_what_the_database_was_is_thrown_away(
    database: Path, target: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    back_up(database, target)
    good = target.read_bytes()

    def faulty(source: sqlite3.Connection, path: Path, **more: Callable[[], bool]) -> None:
        new_copy(source, path, **more)
        execute(path, fault)

    monkeypatch.setattr(backups, "new_copy", faulty)
    assert refused(lambda: back_up(database, target)).word == "backup_differs"
    assert target.read_bytes() == good
    assert left_behind(target.parent) == []


def test_a_damaged_copy_is_thrown_away(database: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(source: sqlite3.Connection, path: Path, **more: Callable[[], bool]) -> None:
        new_copy(source, path, **more)
        with path.open("r+b") as file:  # in an index, where no count and no text shows it
            content = bytearray(file.read())
            at = content.rindex(b"ab" * 20)
            content[at : at + 4] = b"zzzz"
            file.seek(0)
            file.write(content)

    monkeypatch.setattr(backups, "new_copy", faulty)
    assert refused(lambda: back_up(database, target)).word == "backup_damaged"
    assert not target.exists()


def test_rows_that_refer_to_nothing_are_noticed(database: Path, target: Path) -> None:
    execute(database, "PRAGMA foreign_keys = OFF", "UPDATE note SET person_id = 77")
    trouble = refused(lambda: back_up(database, target))
    assert (trouble.word, "note" in trouble.fields["why"]) == ("backup_damaged", True)


def other_program(path: Path) -> Path:
    execute(path, "CREATE TABLE moz_places (id INTEGER)")
    return path


@pytest.mark.parametrize(
    "made",
    [
        lambda target, _: target.write_text("a shopping list") and target,
        lambda target, _: target.mkdir() or target,
        lambda target, _: other_program(target),
        lambda _, database: database,
        lambda target, database: target.hardlink_to(database) or target,
        lambda _, database: database.with_name(f"{FILE_NAME}-wal"),
    ],
    ids=["a text", "a folder", "of another program", "the database", "a hard link to it", "its log"],
)
def test_what_is_no_backup_is_not_replaced_by_one(
    database: Path, target: Path, made: Callable[[Path, Path], Path]
) -> None:
    there = made(target, database)
    before = there.read_bytes() if there.is_file() else None
    assert refused(lambda: back_up(database, there)).word == "backup_over"
    assert (there.read_bytes() if there.is_file() else None) == before


def test_a_link_is_replaced_and_not_what_it_leads_to(database: Path, target: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("a shopping list")
    target.symlink_to(precious)
    back_up(database, target)
    assert not target.is_symlink()
    assert precious.read_text() == "a shopping list"


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "database_newer"),
        ("DROP TABLE alembic_version", "database_of_another_program"),
    ],
)
def test_what_could_not_be_restored_is_not_backed_up(database: Path, target: Path, statement: str, word: str) -> None:
    execute(database, statement)
    assert refused(lambda: back_up(database, target)).word == word
    assert not target.exists()


def test_the_schema_of_this_version_is_known_without_running_the_migrations(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert list(differences(schema_of(connection), newest_schema())) == []


def test_what_a_restore_would_refuse_is_backed_up_and_told(database: Path, target: Path) -> None:
    assert back_up(database, target).unusual is None
    execute(database, "CREATE INDEX mine ON note (version)")
    assert back_up(database, target).unusual == "mine"
    shelf = shelf_of(database)
    assert shelf.make(NOW) == shelf.record().made


def test_a_disk_that_takes_no_more_leaves_nothing_behind(database: Path, target: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        trouble = refused(lambda: back_up(database, target))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert trouble.word == "backup_failed"
    assert list(target.parent.iterdir()) == []


def test_who_is_told_to_stop_leaves_nothing_behind(database: Path, target: Path) -> None:
    with pytest.raises(Stopped):
        back_up(database, target, stopped=lambda: True)
    assert list(target.parent.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from truename.store.backup import back_up, newest_schema

def die():
    os.kill(os.getpid(), signal.SIGKILL)

back_up(Path(sys.argv[1]), Path(sys.argv[2]), stopped=die)
"""


def test_a_kill_leaves_the_earlier_backup_and_the_next_one_clears_up(database: Path, target: Path) -> None:
    back_up(database, target)
    good = target.read_bytes()
    execute(database, "UPDATE note SET version = 9")
    ended = subprocess.run([sys.executable, "-c", KILLED, database, target], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert target.read_bytes() == good
    (left,) = [path for path in target.parent.iterdir() if path.name.startswith(PREFIX)]
    back_up(database, target)
    assert left.exists()  # somebody may just have begun there
    os.utime(left, (time.time() - 3600,) * 2)
    back_up(database, target)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_workshop_that_is_in_use_is_not_cleared_away(tmp_path: Path) -> None:
    with workshop(tmp_path) as busy:
        os.utime(busy, (time.time() - 3600,) * 2)
        with workshop(tmp_path):
            assert busy.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_only_has_the_name_of_a_workshop_is_not_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "list").write_text("x")
    (tmp_path / f"{PREFIX}link").symlink_to("precious")
    (tmp_path / f"{PREFIX}file").write_text("x")
    for path in tmp_path.iterdir():
        os.utime(path, (time.time() - 3600,) * 2, follow_symlinks=False)
    with workshop(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{PREFIX}file", f"{PREFIX}link", "precious"]
    assert (tmp_path / "precious" / "list").exists()


def test_the_newest_are_kept_and_nothing_else_is_touched(database: Path) -> None:
    shelf = shelf_of(database, keep=3)
    shelf.folder.mkdir()
    others = ["before-restore-20200101T000000000Z.db", "truename-old.db", "notes.txt"]
    for name in others:
        (shelf.folder / name).write_text("x")
    made = [Path(shelf.make(NOW + n / 1000).file).name for n in range(5)]
    assert sorted(path.name for path in shelf.folder.iterdir()) == sorted(others + made[2:])


def test_a_data_folder_may_be_given_by_a_relative_path(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(database.parent.parent)
    shelf = Shelf(data_dir=Path("data"), folder=Path("data/backups"), keep=2)
    for n in range(4):
        assert Path(shelf.make(NOW + n).file).is_absolute()
    assert len(list(shelf.folder.iterdir())) == 2


@pytest.mark.parametrize("keep", [1, 4])
def test_the_one_just_made_stays_though_the_clock_was_put_back(database: Path, keep: int) -> None:
    shelf = shelf_of(database, keep=keep)
    later = [shelf.make(NOW + n).file for n in range(4)]
    made = shelf.make(NOW - 1000)
    assert {str(path) for path in shelf.folder.iterdir()} == {made.file, *later[5 - keep :]}


def test_what_a_clock_that_was_ahead_has_named_is_the_first_to_go(database: Path) -> None:
    shelf = shelf_of(database, keep=3)
    for n in range(3):
        shelf.make(NOW + 10**9 + n)
    made = [shelf.make(NOW + n).file for n in range(3)]
    assert {str(path) for path in shelf.folder.iterdir()} == set(made)


def test_what_became_of_the_last_one_is_remembered(database: Path) -> None:
    shelf = shelf_of(database)
    assert shelf.record() == Record()
    made = shelf.make(NOW)
    assert shelf.record() == Record(made=made)
    shelf.folder.rename(database.parent / "away")
    shelf.folder.write_text("a file in the folder's place")
    trouble = refused(lambda: shelf.make(NOW + 1))
    failed = Failed(at=NOW + 1, word="backup_failed", **trouble.fields)
    assert shelf.record() == Record(made=made, failed=failed)
    shelf.folder.unlink()
    assert shelf.record().made == made
    assert shelf.make(NOW + 2) == shelf.record().made
    assert shelf.record().failed is None


def test_earlier_backups_stay_when_one_fails(database: Path) -> None:
    shelf = shelf_of(database, keep=1)
    good = Path(shelf.make(NOW).file)
    execute(database, "PRAGMA foreign_keys = OFF", "UPDATE note SET person_id = 77")
    refused(lambda: shelf.make(NOW + 1))
    assert [path.name for path in shelf.folder.iterdir()] == [good.name]


@pytest.mark.parametrize("content", ["", "[]", '{"made": 7}', '{"made": {"at": "x"}, "failed": null}', "\udcff{"])
def test_a_record_that_cannot_be_read_is_none(database: Path, content: str) -> None:
    (database.parent / RECORD_NAME).write_text(content, "utf-8", errors="surrogateescape")
    assert shelf_of(database).record() == Record()


def test_without_a_database_nothing_is_made(tmp_path: Path) -> None:
    shelf = Shelf(data_dir=tmp_path / "data", folder=tmp_path / "data" / "backups", keep=1)
    assert refused(lambda: shelf.make(NOW)).word == "backup_nothing"
    assert refused(lambda: back_up(tmp_path / FILE_NAME, tmp_path / "x.db")).word == "backup_nothing"
    assert list(tmp_path.iterdir()) == []
