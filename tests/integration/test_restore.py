"""A backup that comes back: what does, what does not, and what is refused with nothing changed."""

import asyncio
import json
import os
import resource
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from tests.integration.backup_support import GONE, empty, everything, execute, filled, left_behind
from truename.store import restore
from truename.store.backup import back_up
from truename.store.database import FILE_NAME, Database, DatabaseError, sqlite_url
from truename.store.foreign import foreign_file
from truename.store.migrations import KNOWN, NEWEST
from truename.store.migrations.run import known_revisions
from truename.store.restore import LEFT_OUT, look_at, rebuilt, replace, wait_again
from truename.store.tables import metadata


@pytest.fixture(autouse=True)
def _each_revision_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the migrations make of an empty file is always the same; the steps from one revision to another are run."""
    really = restore._upgrade

    def upgrade(path: Path, revision: str) -> None:
        if path.stat().st_size:
            really(path, revision)
        else:
            path.write_bytes(empty(revision))

    monkeypatch.setattr(restore, "_upgrade", upgrade)


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup with a row in every table."""
    return back_up_of(tmp_path_factory.mktemp("backup") / "source").read_bytes()


@pytest.fixture
def file(backup: bytes, tmp_path: Path) -> Path:
    """That backup, for one test alone."""
    file = tmp_path / "source.db"
    file.write_bytes(backup)
    file.chmod(0o600)
    return file


def back_up_of(folder: Path, **more: Any) -> Path:
    file = folder.with_suffix(".db")
    back_up(filled(folder, **more), file)
    return file


def restored(file: Path, folder: Path) -> Path:
    """The database of a data directory after the backup came back."""
    folder.mkdir(exist_ok=True)
    database = folder / FILE_NAME
    with rebuilt(file, folder) as new:
        replace(database, new.path, folder / "backups" / "kept.db")
    assert left_behind(folder) == []
    return database


def test_everything_comes_back_except_what_lets_somebody_in(file: Path, tmp_path: Path) -> None:
    before, after = everything(file), everything(restored(file, tmp_path / "data"))
    assert set(LEFT_OUT) == {name for name, rows in before.items() if rows and not after[name]}
    assert {name: rows for name, rows in after.items() if name not in LEFT_OUT} == {
        name: rows for name, rows in before.items() if name not in LEFT_OUT
    }
    assert all(before[table.name] for table in metadata.sorted_tables)


def test_every_table_that_keeps_the_digest_of_a_secret_is_left_out() -> None:
    assert {table.name for table in metadata.sorted_tables if "digest" in table.c} == set(LEFT_OUT)


def test_the_revisions_that_are_known_are_those_of_the_migrations() -> None:
    assert set(KNOWN) == known_revisions()


@pytest.mark.parametrize("revision", KNOWN)
def test_a_backup_of_any_revision_there_was_comes_back_at_the_newest(tmp_path: Path, revision: str) -> None:
    file = back_up_of(tmp_path / "source", revision=revision)
    with rebuilt(file, tmp_path) as new:
        assert (new.summary.revision, new.summary.notes) == (revision, 1)
    database = restored(file, tmp_path / "data")
    engine = create_engine(sqlite_url(database))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    rows = everything(database)
    assert rows["alembic_version"] == [(("version_num", NEWEST),)]
    assert ("text", dict(everything(file)["note"][0])["text"]) in rows["note"][0]


def test_a_number_that_was_given_is_not_given_again(file: Path, tmp_path: Path) -> None:
    database = restored(file, tmp_path / "data")
    execute(database, "INSERT INTO event (person_id, kind, at) VALUES (1, 'note', 1.0)")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT max(seq) FROM event").fetchone() == (GONE + 1,)


def test_what_was_running_waits_again(file: Path, tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        database = Database(sqlite_url(path))
        await database.write(wait_again)
        await database.aclose()

    database = restored(file, tmp_path / "data")
    execute(database, "UPDATE lookup SET rank_high = NULL, rank_normal = NULL, rank_low = 7")
    asyncio.run(scenario(database))
    with closing(sqlite3.connect(database)) as connection:
        (stands,) = connection.execute("SELECT rank_high, rank_normal, rank_low FROM lookup").fetchall()
        ((prio, rank),) = connection.execute("SELECT prio, rank FROM task").fetchall()
        assert stands == tuple(rank if one == prio else None for one in range(3))
        assert connection.execute("SELECT status, attempt, active FROM task").fetchall() == [("pending", 0, 1)]
        assert connection.execute("SELECT status, delivery, active FROM lookup").fetchall() == [("pending", None, 1)]


def test_what_was_there_is_kept_aside(file: Path, tmp_path: Path) -> None:
    present = filled(tmp_path / "data", text="the present text")
    before = everything(present)
    restored(file, tmp_path / "data")
    kept = tmp_path / "data" / "backups" / "kept.db"
    assert everything(kept) == before
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert everything(restored(kept, tmp_path / "data"))["note"] == before["note"]


def test_the_log_of_the_old_database_is_not_applied_to_the_new_one(file: Path, tmp_path: Path) -> None:
    """A server was killed: its last changes stand in the write-ahead log alone."""
    database = killed_in_the_middle(tmp_path / "data")
    assert database.with_name(FILE_NAME + "-wal").stat().st_size
    restored(file, tmp_path / "data")
    assert everything(database)["note"] == everything(file)["note"]
    assert dict(everything(tmp_path / "data" / "backups" / "kept.db")["note"][0])["text"] == "unsaved"


def killed_in_the_middle(folder: Path) -> Path:
    """A database with its log, as a killed program leaves them."""
    origin = filled(folder.with_name("origin"))
    with closing(sqlite3.connect(origin)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE note SET text = 'unsaved'")
        connection.commit()
        folder.mkdir()
        for ending in ("", "-wal", "-shm"):
            name = FILE_NAME + ending
            (folder / name).write_bytes(origin.with_name(name).read_bytes())
    return folder / FILE_NAME


def test_whoever_has_the_database_open_meanwhile_sees_the_new_one_next(file: Path, tmp_path: Path) -> None:
    database = filled(tmp_path / "data", text="old")
    execute(database, "PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT text FROM note").fetchone() == ("old",)
        restored(file, tmp_path / "data")
        assert other.execute("SELECT text FROM note").fetchone() == ("old",)
        other.execute("COMMIT")
        other.execute("INSERT INTO chosen_setting VALUES ('other', 'x')")
    rows = everything(database)
    assert len(rows["chosen_setting"]) == 2
    assert rows["note"] == everything(file)["note"]


def test_a_database_that_somebody_writes_to_all_the_time_is_left_as_it_is(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truename.store.files._PAUSE_S", 0.001)
    monkeypatch.setattr("truename.store.files._BUSY_TIMEOUT_S", 0.01)
    database = filled(tmp_path / "data", text="old")
    execute(database, "PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert refused(lambda: restored(file, tmp_path / "data")).word == "restore_failed"
    assert dict(everything(database)["note"][0])["text"] == "old"


def test_a_database_with_pages_of_another_size_is_replaced_too(file: Path, tmp_path: Path) -> None:
    database = filled(tmp_path / "data")
    execute(database, "PRAGMA page_size = 1024", "VACUUM", "PRAGMA journal_mode = WAL")
    restored(file, tmp_path / "data")
    assert everything(database)["note"] == everything(file)["note"]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("content", [b"a shopping list " * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_database_is_kept_byte_for_byte_and_replaced(file: Path, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "data"
    log = killed_in_the_middle(folder).with_name(FILE_NAME + "-wal").read_bytes()
    (folder / FILE_NAME).write_bytes(content)
    assert look_at(folder / FILE_NAME).trouble
    restored(file, folder)
    assert everything(folder / FILE_NAME)["note"] == everything(file)["note"]
    assert (folder / "backups" / "kept.db").read_bytes() == content
    assert (folder / "backups" / "kept.db-wal").read_bytes() == log


def test_where_there_is_no_database_an_old_log_is_not_applied(file: Path, tmp_path: Path) -> None:
    killed_in_the_middle(tmp_path / "data").unlink()
    database = restored(file, tmp_path / "data")
    assert everything(database)["note"] == everything(file)["note"]
    assert sorted(path.name for path in database.parent.iterdir()) == ["backups", "migrate.lock", FILE_NAME]


@pytest.mark.parametrize("state", ["newer", "empty"])
def test_a_newer_or_empty_database_is_replaced(file: Path, tmp_path: Path, state: str) -> None:
    database = filled(tmp_path / "data")
    if state == "newer":
        execute(database, "UPDATE alembic_version SET version_num = '9999'", "DROP TABLE note")
    else:
        database.write_bytes(b"")
    look_at(database)
    restored(file, tmp_path / "data")
    assert everything(database)["note"] == everything(file)["note"]


def test_the_database_of_another_program_is_not_replaced(tmp_path: Path) -> None:
    database = filled(tmp_path / "data")
    execute(database, "DROP TABLE alembic_version")
    assert refused(lambda: look_at(database)).word == "database_of_another_program"


def test_a_link_to_a_backup_is_followed(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "latest.db"
    link.symlink_to(file)
    assert everything(restored(link, tmp_path / "data"))["note"] == everything(file)["note"]


def test_what_sqlite_keeps_for_its_planner_is_not_held_against_a_backup(tmp_path: Path) -> None:
    source = filled(tmp_path / "source")
    execute(source, "ANALYZE")
    file = tmp_path / "analyzed.db"
    back_up(source, file)
    assert "sqlite_stat1" not in everything(restored(file, tmp_path / "data"))


def test_reading_leaves_no_trace_beside_the_file(file: Path, tmp_path: Path) -> None:
    execute(file, "PRAGMA journal_mode = WAL")
    (tmp_path / "shut").mkdir()
    moved = file.rename(tmp_path / "shut" / "file.db")
    before = moved.read_bytes()
    restored(moved, tmp_path / "data")
    assert [path.name for path in moved.parent.iterdir()] == ["file.db"]
    assert moved.read_bytes() == before


# What is refused.


def refused(work: Callable[[], object]) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        work()
    return caught.value


def assert_refused(file: Path, tmp_path: Path, word: str, about: str = "") -> None:
    """Nothing has changed, and nothing is left of the attempt."""
    database = filled(tmp_path / "data", text="precious")
    before = database.read_bytes()
    trouble = refused(lambda: restored(file, tmp_path / "data"))
    assert trouble.word == word, trouble
    assert about in str(trouble)
    assert database.read_bytes() == before
    assert sorted(path.name for path in database.parent.iterdir()) == [FILE_NAME]


def write_text(path: Path) -> None:
    path.write_text("a shopping list, long enough to be looked at " * 500)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_to_a_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def scramble(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + os.urandom(len(content) - 4096))


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link_to(target: str) -> Callable[[Path], None]:
    def link(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return link


def lay_beside(ending: str) -> Callable[[Path], None]:
    return lambda path: path.with_name(path.name + ending).write_bytes(b"x" * 100) and None


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (write_text, "restore_not_sqlite"),
        (lambda path: path.write_bytes(b""), "restore_not_sqlite"),
        (lambda path: path.write_bytes(b"SQLite format 3\0"), "restore_damaged"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 10_000), "restore_damaged"),
        (cut, "restore_damaged"),
        (cut_to_a_header, "restore_damaged"),
        (scramble, "restore_damaged"),
        (make_folder, "restore_no_file"),
        (make_pipe, "restore_no_file"),
        (link_to("/dev/zero"), "restore_no_file"),
        (link_to("/"), "restore_no_file"),
        (link_to("nowhere"), "restore_unreadable"),
        (Path.unlink, "restore_unreadable"),
        (lay_beside("-wal"), "restore_unfinished"),
        (lay_beside("-journal"), "restore_unfinished"),
    ],
)
def test_what_is_no_sound_file_is_refused(
    file: Path, tmp_path: Path, spoil: Callable[[Path], object], word: str
) -> None:
    spoil(file)
    assert_refused(file, tmp_path, word)


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    execute(tmp_path / "other.db", "CREATE TABLE moz_places (id INTEGER)")
    assert_refused(tmp_path / "other.db", tmp_path, "restore_not_ours")


REWRITE = "UPDATE sqlite_master SET sql = replace(sql, '{}', '{}') WHERE name = '{}'"


def rewritten(old: str, new: str, name: str) -> tuple[str, ...]:
    """Change what the file says it is made of, behind the back of SQLite."""
    return "PRAGMA writable_schema = ON", REWRITE.format(old, new, name), "PRAGMA writable_schema = RESET"


@pytest.mark.parametrize(
    ("statements", "word", "about"),
    [
        (["UPDATE alembic_version SET version_num = '9999'"], "restore_newer", ""),
        (["UPDATE alembic_version SET version_num = 'f00d'"], "restore_not_ours", ""),
        (["UPDATE alembic_version SET version_num = x'30303033'"], "restore_not_ours", ""),
        (["DELETE FROM alembic_version"], "restore_not_ours", ""),
        (["INSERT INTO alembic_version VALUES ('0001')"], "restore_not_ours", ""),
        (["DROP TABLE alembic_version"], "restore_not_ours", ""),
        (["CREATE TRIGGER evil AFTER INSERT ON note BEGIN DELETE FROM note; END"], "restore_object", "evil"),
        (["CREATE VIEW evil AS SELECT * FROM note"], "restore_object", "evil"),
        (["CREATE VIEW v1 AS SELECT load_extension('x')"], "restore_object", "v1"),
        (
            ["DROP TABLE alembic_version", "CREATE VIEW alembic_version AS SELECT '0005' version_num"],
            "restore_object",
            "alembic_version",
        ),
        (["CREATE VIRTUAL TABLE evil USING fts5(a)"], "restore_object", "evil"),
        (["CREATE TABLE evil (a)"], "restore_object", "evil"),
        (["CREATE INDEX evil ON note (version)"], "restore_object", "evil"),
        (["CREATE INDEX evil ON note (length(text))"], "restore_object", "evil"),
        (["DROP INDEX ix_note_person_id_id"], "restore_missing", "ix_note_person_id_id"),
        (["DROP TABLE note_revision"], "restore_missing", "note_revision"),
        (
            ["DROP INDEX uq_task_active", "CREATE INDEX uq_task_active ON task (person_id, hash) WHERE active = 1"],
            "restore_object",
            "uq_task_active",
        ),
        (["ALTER TABLE note ADD COLUMN evil GENERATED ALWAYS AS (length(text))"], "restore_object", "note"),
        (["ALTER TABLE note ADD COLUMN evil"], "restore_object", "note"),
        (["ALTER TABLE torrent DROP COLUMN size_bytes"], "restore_object", "torrent"),
        (["ALTER TABLE note RENAME TO evil"], "restore_object", ""),
        (
            ["DROP TABLE virtual", "CREATE TABLE virtual (prio INTEGER PRIMARY KEY, v BIGINT CHECK (v > random()))"],
            "restore_object",
            "virtual",
        ),
        (rewritten("TEXT NOT NULL", "TEXT", "note"), "restore_object", "note"),
    ],
)
def test_a_file_with_anything_in_it_that_we_do_not_make_is_refused(
    file: Path, tmp_path: Path, statements: list[str], word: str, about: str
) -> None:
    execute(file, "PRAGMA legacy_alter_table = ON", *statements)
    assert_refused(file, tmp_path, word, about)


@pytest.mark.parametrize(
    ("statement", "word", "about"),
    [
        ("UPDATE note SET version = 'many'", "restore_value", "version"),
        ("UPDATE note SET version = 1.5", "restore_value", "version"),
        ("UPDATE note SET text = x'616263'", "restore_value", "text"),
        ("UPDATE note SET text = CAST(x'ff' AS TEXT)", "restore_value", "note"),
        ("UPDATE note SET updated_at = 'yesterday'", "restore_value", "updated_at"),
        ("UPDATE note SET updated_at = 9e999", "restore_value", "updated_at"),
        ("UPDATE person SET admin = 2", "restore_value", "admin"),
        ("UPDATE person SET username = char(27) || '[2J'", "restore_value", "username"),
        ("UPDATE person SET password_hash = replace(password_hash, 't=1', 't=99')", "restore_value", "password_hash"),
        ("UPDATE torrent SET raw_name = 'text'", "restore_value", "raw_name"),
        ("UPDATE torrent SET name = ''", "restore_value", "name"),
        ("UPDATE torrent SET name = ' \t '", "restore_value", "name"),
        (
            "UPDATE task SET status = 'completed', active = NULL, name = '..', completed_at = 1.0",
            "restore_value",
            "name",
        ),
        ("UPDATE task SET status = 'waiting'", "restore_value", "status"),
        ("UPDATE lookup SET status = 'x'", "restore_value", "status"),
        ("UPDATE lookup SET sources = '[['", "restore_value", "sources"),
        ("UPDATE task SET prio = 7", "restore_value", "prio"),
        ("UPDATE task SET reason = '<b>'", "restore_value", "reason"),
        ("UPDATE watch SET code = 'No peers.'", "restore_value", "code"),
        ("UPDATE lookup SET hash = 'not a hash'", "restore_value", "hash"),
        ("UPDATE torrent SET id = 9223372036854775807", "restore_value", "id"),
        ("UPDATE event SET seq = 9223372036854775807", "restore_value", "seq"),
        ("UPDATE sqlite_sequence SET seq = 9223372036854775807", "restore_value", "seq"),
        ("UPDATE sqlite_sequence SET seq = 'x'", "restore_value", "seq"),
        ("UPDATE sqlite_sequence SET name = 'evil'", "restore_value", "seq"),
        ("INSERT INTO sqlite_sequence SELECT * FROM sqlite_sequence", "restore_value", "seq"),
        ("UPDATE note SET person_id = 77", "restore_contradiction", "note"),
        ("DELETE FROM person", "restore_contradiction", ""),
        ("UPDATE note SET text = zeroblob(40000000)", "restore_damaged", "too big"),
    ],
)
def test_a_row_that_cannot_be_is_refused(file: Path, tmp_path: Path, statement: str, word: str, about: str) -> None:
    execute(file, "PRAGMA foreign_keys = OFF", statement)
    assert_refused(file, tmp_path, word, about)


@pytest.mark.parametrize(
    ("statement", "about"),
    [
        ("UPDATE lookup SET status = 'ended', active = NULL, delivery = NULL", "active look-up"),
        ("UPDATE task SET lookup_id = NULL", "active look-up"),
        ("UPDATE task SET status = 'completed', name = 'x', completed_at = 1.0", "active until"),
        (
            "UPDATE task SET status = 'completed', active = NULL, completed_at = 1.0; UPDATE batch SET active = 0",
            "its name",
        ),
        ("UPDATE task SET completed_at = 1.0", "its end"),
        ("UPDATE lookup SET status = 'pending', delivery = NULL", "running look-up"),
        ("UPDATE lookup SET delivery = NULL", "delivery"),
        ("UPDATE batch SET active = 2", "counts"),
        ("UPDATE batch SET ended_at = 1.0", "has ended"),
        ("UPDATE person SET username = 'CAROL'", "name they bear"),
        ("UPDATE note SET version = 7", "newest revision"),
        ("UPDATE note SET text = text || '!'", "newest revision"),
    ],
)
def test_rows_that_contradict_one_another_are_refused(file: Path, tmp_path: Path, statement: str, about: str) -> None:
    execute(file, *statement.split(";"))
    assert_refused(file, tmp_path, "restore_contradiction", about)


def test_a_person_whose_name_has_a_letter_of_a_newer_unicode_is_brought_back(file: Path, tmp_path: Path) -> None:
    newer = "UPDATE person SET username = char({}) || 'anna', username_folded = char({}) || 'anna' WHERE id = 1"
    execute(file, newer.format(0x10D50, 0x10D70))  # Garay of Unicode 16, which Python 3.11 cannot fold
    database = restored(file, tmp_path / "data")
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT count(*) FROM person WHERE username LIKE '%anna'").fetchone() == (1,)


def test_nothing_where_something_must_be_is_refused(file: Path, tmp_path: Path) -> None:
    execute(file, *rewritten("TEXT NOT NULL", "TEXT", "note"), "UPDATE note SET text = NULL")
    execute(file, *rewritten("text TEXT", "text TEXT NOT NULL", "note"))
    assert_refused(file, tmp_path, "restore_damaged", "NULL")


def test_two_rows_where_one_may_be_are_refused(file: Path, tmp_path: Path) -> None:
    """Two active tasks of one person for one hash, hidden from the index that forbids them."""
    columns = ", ".join(column.name for column in metadata.tables["task"].c if column.name != "id")
    execute(
        file,
        *rewritten("WHERE active = 1", "WHERE active = 9", "uq_task_active"),
        "REINDEX",
        f"INSERT INTO task (id, {columns}) SELECT 'second', {columns} FROM task",  # noqa: S608
    )
    execute(file, *rewritten("WHERE active = 9", "WHERE active = 1", "uq_task_active"))
    assert_refused(file, tmp_path, "restore_damaged")


def test_a_claim_of_a_huge_text_is_refused(file: Path, tmp_path: Path) -> None:
    """The header of a row says 134 MB; five are there."""
    size = 5 * 1024 * 1024
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE note SET text = ?", ["x" * size])
        connection.commit()
    content = file.read_bytes()
    assert content.count(serial_type(size)) == 1
    file.write_bytes(content.replace(serial_type(size), serial_type(2**27 - 8)))
    assert_refused(file, tmp_path, "restore_damaged")


def serial_type(size: int) -> bytes:
    """How the header of a row says that a text has so many bytes. Source: the file format, 2.1."""
    number, groups = 2 * size + 13, []
    while number:
        groups.append(number & 0x7F | (0x80 if groups else 0))
        number >>= 7
    return bytes(reversed(groups))


def test_the_text_of_a_note_is_not_told_when_it_is_refused(file: Path, tmp_path: Path) -> None:
    execute(file, "UPDATE note SET text = 'secret' || CAST(x'ff' AS TEXT)")
    filled(tmp_path / "data")
    trouble = refused(lambda: restored(file, tmp_path / "data"))
    assert "secret" not in json.dumps([str(trouble), trouble.fields, str(trouble.__cause__)])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT load_extension('x')",
        "SELECT lower(text) FROM note",
        "SELECT (SELECT max(id) FROM note)",
        "ATTACH 'other.db' AS other",
        "CREATE TEMP TABLE t (a)",
        "UPDATE note SET text = ''",
        "DELETE FROM note",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n LIMIT 5",
    ],
)
def test_a_foreign_file_lets_itself_be_read_and_nothing_else(file: Path, statement: str) -> None:
    before = file.read_bytes()
    with foreign_file(file) as opened:
        opened.revision()
        with pytest.raises(sqlite3.DatabaseError):
            opened._connection.execute(statement).fetchall()
    assert file.read_bytes() == before


def test_a_disk_that_takes_no_more_leaves_everything_as_it_is(file: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    database = filled(tmp_path / "data", text="precious")
    before = database.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(empty()) // 2, hard))
    try:
        assert refused(lambda: restored(file, tmp_path / "data")).word == "restore_failed"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert database.read_bytes() == before
    assert left_behind(tmp_path) == []


def test_a_disk_that_is_full_in_the_middle_of_the_swap_leaves_the_old_database(file: Path, tmp_path: Path) -> None:
    """The copy aside and the new database still had room; the log, which is a little larger than both, has not."""
    database = filled(tmp_path / "data", text="precious")
    execute(database, "PRAGMA journal_mode = WAL")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(empty()), hard))
    try:
        assert refused(lambda: restored(file, tmp_path / "data")).word == "restore_failed"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "data" / "backups" / "kept.db").exists()
    assert dict(everything(database)["note"][0])["text"] == "precious"
    assert left_behind(tmp_path) == []
