"""What `resolve` and `fix` have found is written, or it is told that it was not."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from truename.infohash import InfoHash
from truename.model import Outcome, TaskStatus
from truename.store.database import FILE_NAME, Database, StoreUnavailable
from truename.terminal.catalogue import open_catalogue


def found(digit: str, name: str) -> Outcome:
    return Outcome(
        info_hash=InfoHash(digit * 40), status=TaskStatus.COMPLETED, name=name, source="swarm", verified=True
    )


def names_in(data_dir: Path) -> set[str]:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as database:
        return {name for (name,) in database.execute("SELECT name FROM torrent")}


def test_a_write_that_fails_while_the_command_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_fail = asyncio.Event(), asyncio.Event()

    async def refused(*_: Any) -> None:
        begun.set()
        await may_fail.wait()
        raise StoreUnavailable("database is locked")

    async def test() -> str:
        async with open_catalogue(tmp_path) as (catalogue, trouble):
            assert trouble is None
            monkeypatch.setattr(Database, "write", refused)
            catalogue.keep(found("a", "first"))
            await asyncio.wait_for(begun.wait(), 60)
            asyncio.get_running_loop().call_later(0.05, may_fail.set)
        return catalogue.lost

    assert asyncio.run(test()) == "database is locked"


def test_while_another_program_holds_the_database_what_is_found_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, times, tried = Database.write, [], asyncio.Event()

    async def held(*given: Any, **named: Any) -> Any:
        times.append(1)
        if len(times) == 1:
            tried.set()
            raise StoreUnavailable("database is locked", is_held=True)
        return await write(*given, **named)

    async def test() -> str:
        async with open_catalogue(tmp_path) as (catalogue, _):
            monkeypatch.setattr(Database, "write", held)
            catalogue.keep(found("a", "first"))
            await asyncio.wait_for(tried.wait(), 60)
            catalogue.keep(found("b", "second"))
        return catalogue.lost

    assert asyncio.run(test()) == ""
    assert names_in(tmp_path) == {"first", "second"}


def test_a_hybrid_goes_by_its_v1_hash_whichever_of_the_two_is_asked_for(tmp_path: Path) -> None:
    v1, v2 = InfoHash("a" * 40), InfoHash("b" * 64)

    async def test() -> dict[str, Outcome]:
        async with open_catalogue(tmp_path) as (catalogue, _):
            catalogue.keep(replace(found("a", "both"), info_hash_v2=v2))
        async with open_catalogue(tmp_path) as (catalogue, _):
            return await catalogue.known([v1, v2])

    known = asyncio.run(test())
    assert {asked: (outcome.info_hash, outcome.name) for asked, outcome in known.items()} == {
        v1: (v1, "both"),
        v2: (v1, "both"),
    }


def test_what_is_found_last_is_written_though_a_write_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, begun, may_go_on = Database.write, asyncio.Event(), asyncio.Event()

    async def slow(*given: Any, **named: Any) -> Any:
        begun.set()
        await may_go_on.wait()
        return await write(*given, **named)

    async def test() -> str:
        async with open_catalogue(tmp_path) as (catalogue, _):
            monkeypatch.setattr(Database, "write", slow)
            catalogue.keep(found("a", "first"))
            await asyncio.wait_for(begun.wait(), 60)
            catalogue.keep(found("b", "second"))
            asyncio.get_running_loop().call_later(0.05, may_go_on.set)
        return catalogue.lost

    assert asyncio.run(test()) == ""
    assert names_in(tmp_path) == {"first", "second"}


def test_one_name_that_cannot_be_written_keeps_no_other_out(tmp_path: Path) -> None:
    async def test() -> str:
        async with open_catalogue(tmp_path) as (catalogue, _):
            for digit, name in (("a", "first"), ("b", "half \ud83d"), ("c", "third")):
                catalogue.keep(found(digit, name))
        return catalogue.lost

    assert asyncio.run(test()) == "UnicodeEncodeError"
    assert names_in(tmp_path) == {"first", "third"}
