"""The database itself: migrations, settings of the connections, the writer."""

import asyncio
import os
import re
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Delete, Select, Update, create_engine, insert, select, text, update
from sqlalchemy.dialects import sqlite

from truename.own_names import OwnNames
from truename.store import batches, events, lookups, names, notes, progress, tasks, watches
from truename.store.database import FILE_NAME, Connection, Database, DatabaseError, StoreUnavailable, sqlite_url
from truename.store.migrate import migrate
from truename.store.migrations import NEWEST
from truename.store.migrations.run import head
from truename.store.tables import chosen_setting, metadata, virtual
from truename.store.writer import Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / FILE_NAME
    migrate(sqlite_url(file))
    return file


def test_migrations_give_exactly_the_schema_of_the_tables(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_new_database_is_its_owners_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_migrating_again_changes_nothing_and_copies_nothing(path: Path) -> None:
    before = path.read_bytes()
    migrate(sqlite_url(path))
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["migrate.lock", FILE_NAME]


def test_the_log_is_there_before_anybody_else_opens_the_file(path: Path) -> None:
    """Two programs that switch to it at once: SQLite refuses one of them without waiting."""
    for before in ("wal", "delete"):  # as it is made, and as a backup brings it back
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute(f"PRAGMA journal_mode = {before}").fetchone() == (before,)
        migrate(sqlite_url(path))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_newest_revision_is_the_head_of_the_migrations() -> None:
    assert head() == NEWEST


def test_many_programs_at_once_make_one_database(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / FILE_NAME)
    with ThreadPoolExecutor(4) as pool:
        for made in [pool.submit(migrate, url) for _ in range(4)]:
            made.result(60)
    assert [file.name for file in tmp_path.iterdir() if "before" in file.name] == []


def test_a_task_of_an_older_file_still_knows_whom_its_own_magnet_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / FILE_NAME
    with monkeypatch.context() as past:
        past.setattr("truename.store.migrations.run.NEWEST", "0004")
        migrate(sqlite_url(file))
    mine, ours = '[["http://mine.example/"], []]', '[["http://his.example/", "http://hers.example/"], []]'
    with closing(sqlite3.connect(file)) as connection:
        for number in (1, 2):
            connection.execute(
                "INSERT INTO person (id, username, username_folded, password_hash, admin, created_at)"
                " VALUES (?, ?, ?, '', 0, 0.0)",
                (number, f"p{number}", f"p{number}"),
            )
        for number, sources in ((1, mine), (2, ours), (3, "[[], []]")):
            row = (number, f"{number:040x}", sources)
            connection.execute(
                "INSERT INTO lookup (id, hash, sources, status, active, prio, person_id, rank, attempt, created_at)"
                " VALUES (?, ?, ?, 'ended', NULL, 1, 1, 1, 1, 0.0)",
                row,
            )
        tasks = ((1, 1), (1, 1), (2, 1), (2, 2), (3, 1), (4, 1), (None, 1))  # by look-up and person; 4 is forgotten
        for number, (lookup_id, person_id) in enumerate(tasks):
            connection.execute(
                "INSERT INTO task (id, person_id, hash, status, prio, lookup_id, attempt, watched, created_at)"
                " VALUES (?, ?, ?, 'timeout', 1, ?, 1, 0, 0.0)",
                (str(number), person_id, f"{lookup_id or 9:040x}", lookup_id),
            )
        connection.commit()
    migrate(sqlite_url(file))
    with closing(sqlite3.connect(file)) as connection:
        kept = [row[0] for row in connection.execute("SELECT sources FROM task ORDER BY id")]
    assert kept == [mine, mine, *(["[[], []]"] * 5)]


def test_the_names_of_ones_own_in_an_older_file_stay_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / FILE_NAME
    with monkeypatch.context() as past:
        past.setattr("truename.store.migrations.run.NEWEST", "0005")
        migrate(sqlite_url(file))
    one, two, third = (letter * 40 for letter in "123")
    links = [f"magnet:?xt=urn:btih:{info_hash}" for info_hash in (one, two, third)]
    second = "4" * 64
    hybrid = f"{links[0]}&xt=urn:btmh:1220{second}&dn=hers"
    text = f"{links[0]}&dn=mine {links[1]}&dn=theirs {links[0]} {links[2]} {hybrid} {'x' * 1000}"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO person VALUES (1, 'p', 'p', '', 0, 0, 'auto', NULL, 0.0)")
        connection.execute("INSERT INTO note VALUES (1, 1, 1, ?, 0.0, 0.0)", (text,))
        for info_hash, own in ((one, 1), (two, 0), (third, 1), (second, 0)):
            connection.execute("INSERT INTO note_magnet (note_id, hash, own) VALUES (1, ?, ?)", (info_hash, own))
        connection.commit()
    migrate(sqlite_url(file))

    async def names() -> OwnNames:
        database = Database(sqlite_url(file))
        try:
            return await database.read(notes.own_names, 1)
        finally:
            await database.aclose()

    assert asyncio.run(names()) == OwnNames(
        typed=frozenset({(one, "mine"), (one, None), (one, "hers"), (second, "hers"), (third, None)})
    )


def test_what_belongs_to_the_notes_of_an_older_file_stays_and_no_number_is_given_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / FILE_NAME
    with monkeypatch.context() as past:
        past.setattr("truename.store.migrations.run.NEWEST", "0007")
        migrate(sqlite_url(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO person VALUES (1, 'p', 'p', '', 0, 0, 'auto', NULL, 0.0)")
        for number in (3, 7):
            connection.execute("INSERT INTO note VALUES (?, 1, 1, 'a text', 1.0, 2.0)", (number,))
            connection.execute("INSERT INTO note_revision VALUES (?, 1, 'a text', 'saved', 1.0)", (number,))
            connection.execute("INSERT INTO note_magnet (note_id, hash, own) VALUES (?, 'aa', 0)", (number,))
        connection.commit()
    migrate(sqlite_url(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("SELECT * FROM note").fetchall() == [
            (3, 1, 1, "a text", 1.0, 2.0),
            (7, 1, 1, "a text", 1.0, 2.0),
        ]
        connection.execute("DELETE FROM note WHERE id = 7")
        for belongs in ("note_revision", "note_magnet"):
            assert connection.execute(f"SELECT note_id FROM {belongs}").fetchall() == [(3,)]  # noqa: S608
        new = "INSERT INTO note (person_id, version, text, created_at, updated_at) VALUES (1, 1, 'new', 3.0, 3.0)"
        assert connection.execute(new).lastrowid == 8


def test_an_older_file_is_copied_aside_before_it_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / FILE_NAME
    with monkeypatch.context() as past:
        past.setattr("truename.store.migrations.run.NEWEST", "0001")
        migrate(sqlite_url(file))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO chosen_setting VALUES ('slots', '7')")
        connection.commit()
    migrate(sqlite_url(file))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT * FROM chosen_setting").fetchall() == [("slots", "7")]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]
    with closing(sqlite3.connect(tmp_path / f"{FILE_NAME}.before-0001")) as copy:
        assert copy.execute("SELECT * FROM chosen_setting").fetchall() == [("slots", "7")]
    assert (tmp_path / f"{FILE_NAME}.before-0001").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("statements", "word"),
    [
        (["UPDATE alembic_version SET version_num = '9999'"], "database_newer"),
        (["DROP TABLE alembic_version"], "database_of_another_program"),
        (["INSERT INTO alembic_version VALUES ('another')"], "database_of_another_program"),
        (["DELETE FROM alembic_version"], "database_of_another_program"),
        (["ALTER TABLE alembic_version RENAME COLUMN version_num TO v"], "database_unusable"),
    ],
)
def test_a_database_that_is_not_ours_is_refused_and_left(path: Path, statements: list[str], word: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(DatabaseError) as refused:
        migrate(sqlite_url(path))
    assert refused.value.word == word
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"a shopping list, long enough to be looked at " * 50,
        b"hello",
        b"\n",
        b"\0",
        b"\0" * 4096,
        b"SQLite format 3",
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\0" * 200,
    ],
)
def test_a_file_that_is_no_database_is_refused_and_left(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes(content)
    with pytest.raises(DatabaseError) as refused:
        migrate(sqlite_url(file))
    assert refused.value.word == "database_unusable"
    assert file.read_bytes() == content


def test_a_file_of_no_bytes_becomes_a_database(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.touch()
    migrate(sqlite_url(file))
    assert file.read_bytes().startswith(b"SQLite format 3\0")


def test_what_is_no_file_at_all_is_refused(tmp_path: Path) -> None:
    for number, make in enumerate((Path.mkdir, os.mkfifo, lambda file: file.symlink_to("/dev/zero"))):
        (tmp_path / str(number)).mkdir()
        file = tmp_path / str(number) / FILE_NAME
        make(file)
        with pytest.raises(DatabaseError) as refused:
            migrate(sqlite_url(file))
        assert refused.value.word == "database_unusable"


def test_connections_are_set_up_as_they_must_be(path: Path) -> None:
    async def scenario() -> None:
        database = Database(sqlite_url(path))
        async with database.writing() as connection:
            for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
                assert (await connection.execute(text(f"PRAGMA {pragma}"))).scalar_one() == value
        async with database.reading() as connection:
            assert (await connection.execute(text("PRAGMA query_only"))).scalar_one() == 1
        await database.aclose()

    asyncio.run(scenario())


def test_concurrent_changes_from_two_programs_lose_nothing(path: Path) -> None:
    """Two databases on one file, as of a server and a command beside it; each reads, then writes what it read."""

    async def increase(database: Database) -> None:
        async with database.writing() as connection:
            before = (await connection.execute(select(virtual.c.v))).scalar_one()
            await connection.execute(update(virtual).values(v=before + 1))

    async def scenario() -> int:
        databases = [Database(sqlite_url(path)) for _ in range(2)]
        async with databases[0].writing() as connection:
            await connection.execute(insert(virtual).values(prio=0, v=0))
        await asyncio.gather(*(increase(database) for _ in range(40) for database in databases))
        async with databases[1].reading() as connection:
            count: int = (await connection.execute(select(virtual.c.v))).scalar_one()
        for database in databases:
            await database.aclose()
        return count

    assert asyncio.run(scenario()) == 80


async def put(connection: Connection, items: Sequence[tuple[str, str]]) -> Sequence[int]:
    """Work for the tests: keep these pairs; the answer is how many there were in this statement."""
    await connection.execute(insert(chosen_setting), [{"name": name, "value": value} for name, value in items])
    return [len(items)] * len(items)


class Kept:
    """A writer at work on a file, and what is on disk."""

    def __init__(self, path: Path) -> None:
        self.database = Database(sqlite_url(path))
        self.writer = Writer(self.database)
        self.running = asyncio.ensure_future(self.writer.run())

    async def end(self) -> dict[str, str]:
        self.writer.stop()
        await self.running
        async with self.database.reading() as connection:
            rows = (await connection.execute(select(chosen_setting.c.name, chosen_setting.c.value))).all()
        await self.database.aclose()
        return {row.name: row.value for row in rows}


def test_what_waits_together_is_one_transaction(path: Path) -> None:
    async def scenario() -> None:
        kept = Kept(path)
        sizes = await asyncio.gather(*(kept.writer.write(put, (f"key {n}", "x")) for n in range(100)))
        assert sizes == [100] * 100
        assert len(await kept.end()) == 100

    asyncio.run(scenario())


def test_what_is_large_is_written_alone_and_small_requests_come_between(path: Path) -> None:
    async def scenario() -> None:
        kept = Kept(path)
        order: list[str] = []

        async def write(name: str, *, is_large: bool) -> int:
            size = await kept.writer.write(put, (name, "x"), is_large=is_large)
            order.append(name)
            return size

        large = [asyncio.ensure_future(write(f"large {n}", is_large=True)) for n in range(3)]
        small = [asyncio.ensure_future(write(f"small {n}", is_large=False)) for n in range(9)]
        assert await asyncio.gather(*large) == [1, 1, 1]
        assert await asyncio.gather(*small) == [9] * 9
        assert order.index("small 8") < order.index("large 1")
        assert len(await kept.end()) == 12

    asyncio.run(scenario())


def test_what_is_large_and_was_accepted_before_the_stop_is_written(path: Path) -> None:
    async def scenario() -> None:
        kept = Kept(path)
        accepted = [asyncio.ensure_future(kept.writer.write(put, (f"{n}", "x"), is_large=True)) for n in range(3)]
        await asyncio.sleep(0)
        kept.writer.stop()
        assert await asyncio.gather(*accepted) == [1, 1, 1]
        assert len(await kept.end()) == 3

    asyncio.run(scenario())


def test_a_bad_request_fails_alone(path: Path) -> None:
    async def scenario() -> None:
        kept = Kept(path)
        items = [("a", "1"), ("b", "2"), ("a", "again"), ("c", "3")]
        results = await asyncio.gather(*(kept.writer.write(put, item) for item in items), return_exceptions=True)
        assert [isinstance(result, StoreUnavailable) for result in results] == [False, False, True, False]
        assert await kept.end() == {"a": "1", "b": "2", "c": "3"}

    asyncio.run(scenario())


def test_an_answer_comes_after_the_commit(path: Path) -> None:
    async def scenario() -> None:
        kept = Kept(path)
        await kept.writer.write(put, ("a", "1"))
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT value FROM chosen_setting").fetchall() == [("1",)]
        await kept.end()

    asyncio.run(scenario())


def test_what_was_accepted_before_the_stop_is_written_and_nothing_after(path: Path) -> None:
    async def scenario() -> None:
        kept = Kept(path)
        accepted = [asyncio.ensure_future(kept.writer.write(put, (f"{n}", "x"))) for n in range(10)]
        await asyncio.sleep(0)
        kept.writer.stop()
        with pytest.raises(StoreUnavailable):
            await kept.writer.write(put, ("late", "x"))
        await asyncio.gather(*accepted)
        assert len(await kept.end()) == 10

    asyncio.run(scenario())


def test_the_death_of_the_writer_leaves_nobody_waiting(path: Path) -> None:
    async def scenario() -> None:
        kept = Kept(path)
        waiting = [asyncio.ensure_future(kept.writer.write(put, (f"{n}", "x"))) for n in range(3)]
        await asyncio.sleep(0)
        kept.running.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, StoreUnavailable | int) for result in results)
        await kept.database.aclose()

    asyncio.run(scenario())


def test_a_full_disk_refuses_and_writes_nothing_by_half(path: Path) -> None:
    async def scenario() -> None:
        kept = Kept(path)
        async with kept.database.writing() as connection:
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
            await connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
        with pytest.raises(StoreUnavailable):
            await kept.writer.write(put, ("large", "x" * 100_000))
        await kept.writer.write(put, ("small", "y"))
        assert await kept.end() == {"small": "y"}

    asyncio.run(scenario())


RARE = ("_COUNT_BY_PERSON", "_GIVE_BACK")  # when a limit is near; at the start of a server


@pytest.mark.parametrize("table", ["task", "note", "note_magnet", "watch", "lookup", "torrent", "event", "batch_task"])
def test_no_statement_of_the_busy_paths_reads_a_whole_table(path: Path, table: str) -> None:
    """Each must find its rows by an index, however many there are of others."""
    reading = [
        f"{module.__name__}.{name}: {step}"
        for module in (batches, events, lookups, names, notes, progress, tasks, watches)
        for name, value in vars(module).items()
        for statement in (value if isinstance(value, tuple) else (value,))
        if isinstance(statement, Select | Update | Delete)
        and name not in ("_COUNT_BY_PERSON", "_GIVE_BACK")  # now and then; at the start
        for step in plan_of(path, statement)
        if re.fullmatch(rf"SCAN {table}( USING .*)?", step)
    ]
    assert reading == []


def plan_of(path: Path, statement: Select[Any] | Update | Delete) -> list[str]:
    """What SQLite would do, with two values in each list."""
    sql = re.sub(r"__\[POSTCOMPILE_\w+\]", "?, ?", str(statement.compile(dialect=sqlite.dialect())))
    with closing(sqlite3.connect(path)) as database:
        return [step[3] for step in database.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))]
