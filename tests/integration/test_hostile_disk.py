"""A database that others hold, remove or replace while it is used."""

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.databases import empty_database
from tests.integration.live_support import Oracle
from truename.app import open_engine
from truename.resolvers.chain import Chain
from truename.serving import CannotServe, serving, stay_with
from truename.settings import Settings
from truename.store import database as module
from truename.store.database import FILE_NAME, Connection, Database, DatabaseError, StoreUnavailable
from truename.store.writer import Writer
from truename.texts import Language
from truename.web.doors import Doors

PATIENCE_S = 60


def test_a_server_that_cannot_write_when_it_starts_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BUSY_TIMEOUT_MS", 50)
    (tmp_path / FILE_NAME).write_bytes(empty_database())

    async def scenario() -> None:
        async with open_engine(Settings(data_dir=tmp_path), Chain([])):
            pass

    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError) as refused:
            asyncio.run(scenario())
    assert refused.value.word == "database_held"


def test_while_another_program_holds_the_database_nobody_waits_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_BUSY_TIMEOUT_MS", 50)
    (tmp_path / FILE_NAME).write_bytes(empty_database())
    tries: list[int] = []
    write = Database.write

    async def counted(self: Database, *given: Any, **named: Any) -> Any:
        tries.append(1)
        return await write(self, *given, **named)

    monkeypatch.setattr(Database, "write", counted)

    async def nothing(_: Connection, items: Sequence[int]) -> Sequence[int]:
        return items

    async def scenario() -> None:
        database = Database.at(tmp_path)
        writer = Writer(database)
        running = asyncio.ensure_future(writer.run())
        with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answers = await asyncio.gather(*(writer.write(nothing, n) for n in range(40)), return_exceptions=True)
            assert {type(answer) for answer in answers} == {StoreUnavailable}
            assert len(tries) <= 2
            other.execute("ROLLBACK")
        assert await asyncio.gather(*(writer.write(nothing, n) for n in range(3))) == [0, 1, 2]
        writer.stop()
        await running
        await database.aclose()

    asyncio.run(scenario())
    assert "database is locked" in {getattr(record, "reason", "") for record in caplog.records}


def test_a_database_that_stays_is_stayed_with(tmp_path: Path) -> None:
    async def scenario() -> None:
        file = tmp_path / FILE_NAME
        staying = asyncio.ensure_future(stay_with(file, every_s=0))
        for name in (FILE_NAME, f"{FILE_NAME}-wal"):  # they may come later
            (tmp_path / name).write_bytes(b"1")
            for _ in range(10):
                await asyncio.sleep(0)
            (tmp_path / name).write_bytes(b"another content of the same file")
            for _ in range(10):
                await asyncio.sleep(0)
        assert not staying.done()
        os.replace(tmp_path / f"{FILE_NAME}-wal", tmp_path / "elsewhere")
        with pytest.raises(CannotServe) as gone:
            await asyncio.wait_for(staying, PATIENCE_S)
        assert gone.value.fields["what"] == str(tmp_path / f"{FILE_NAME}-wal")

    asyncio.run(scenario())


@pytest.mark.parametrize("name", [FILE_NAME, f"{FILE_NAME}-wal"])
def test_a_server_ends_by_itself_when_its_database_is_gone_and_leaves_no_thread(tmp_path: Path, name: str) -> None:
    doors: list[Doors] = []

    async def lose_it() -> None:
        async with serving(Settings(data_dir=tmp_path, port=0), Chain([Oracle()]), Language.ENGLISH) as served:
            doors.append(served.doors)
            (tmp_path / name).unlink()
            await asyncio.wait_for(asyncio.Event().wait(), PATIENCE_S)

    async def scenario() -> None:
        with pytest.raises(CannotServe) as gone:
            await lose_it()
        assert gone.value.word == "serve_database_gone"
        with pytest.raises(RuntimeError):
            await doors[0].passwords.hash("a password after the end")

    asyncio.run(scenario())
