"""What a note said before: whole where a person wrote it, and of a rename only what it replaced."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from tests.integration.heart_support import ALICE, HASHES, Heart, with_heart
from truename.own_names import OwnNames
from truename.store import notes, renames, revisions
from truename.store.backup import back_up
from truename.store.contradictions import contradiction_in
from truename.store.database import FILE_NAME, Database, sqlite_url
from truename.store.files import contents_of
from truename.store.restore import rebuilt
from truename.store.revisions import EDITED, WHOLE_EACH

NAMES = [f"Fjord \U0001f409 {number}" for number in range(len(HASHES))]


def long_text(magnets: int) -> str:
    return "".join(f"\u4eca\u665a {one[:6]} magnet:?xt=urn:btih:{one}&tr=udp%3A%2F%2Ft\r\n" for one in HASHES[:magnets])


async def rename(heart: Heart, number: int) -> None:
    async with heart.database.writing() as connection:
        await renames.write_names(connection, {ALICE: {HASHES[number]: NAMES[number]}}, at=heart.now)


async def edit(heart: Heart, row: notes.NoteRow, text: str) -> None:
    async with heart.database.writing() as connection:
        now = await notes.get(connection, row.id, person_id=ALICE)
        assert now is not None
        await notes.write(connection, now, text, cause=EDITED, own=OwnNames(), at=heart.now)


def kept(folder: Path) -> list[tuple[str, bool, int]]:
    """Of each revision: its cause, whether it is whole, how much it takes."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return connection.execute(
            "SELECT cause, changes IS NULL, length(text) + length(coalesce(changes, '')) FROM note_revision"
            " ORDER BY version"
        ).fetchall()


def test_every_version_of_a_note_can_be_read(tmp_path: Path) -> None:
    said: list[str] = []

    async def scenario(heart: Heart) -> None:
        row = await heart.note(long_text(60))
        said.append(row.text)
        for number in range(60):
            if number == 30:
                await edit(heart, row, (await heart.text_of(row)) + "more\n")
                said.append(await heart.text_of(row))
            await rename(heart, number)
            said.append(await heart.text_of(row))
        async with heart.database.reading() as connection:
            for version, text in enumerate(said, start=1):
                assert await revisions.text_at(connection, row.id, version) == text
            assert await revisions.text_at(connection, row.id, 0) is None
            assert await revisions.text_at(connection, row.id, len(said) + 1) is None

    with_heart(tmp_path, scenario)
    assert len(set(said)) == 62
    assert [whole for cause, whole, _ in kept(tmp_path)] == [True] + [False] * 30 + [True] + [False] * 30


def test_a_long_note_is_not_copied_for_each_of_its_names(tmp_path: Path) -> None:
    magnets = 2 * WHOLE_EACH

    async def scenario(heart: Heart) -> None:
        row = await heart.note(long_text(magnets))
        for number in range(magnets):
            await rename(heart, number)
        after = await heart.text_of(row)
        async with heart.database.reading() as connection:
            assert await revisions.text_at(connection, row.id, magnets + 1) == after

    with_heart(tmp_path, scenario)
    long = len(long_text(magnets))
    wholes = [number for number, (_, whole, _) in enumerate(kept(tmp_path), start=1) if whole]
    assert wholes == [1, WHOLE_EACH, 2 * WHOLE_EACH]
    assert sum(chars for *_, chars in kept(tmp_path)) < 5 * long


def test_a_backup_brings_every_version_back(tmp_path: Path) -> None:
    said: list[str | None] = []
    (tmp_path / "data").mkdir()
    copy = tmp_path / "copy.db"

    async def scenario(heart: Heart) -> None:
        row = await heart.note(long_text(5))
        for number in range(5):
            await rename(heart, number)
        async with heart.database.reading() as connection:
            said.extend([await revisions.text_at(connection, row.id, version) for version in range(1, 7)])

    async def restored(path: Path) -> list[str | None]:
        database = Database(sqlite_url(path))
        try:
            async with database.reading() as connection:
                return [await revisions.text_at(connection, 1, version) for version in range(1, 7)]
        finally:
            await database.aclose()

    with_heart(tmp_path / "data", scenario)
    with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("UPDATE person SET password_hash = ?", [PasswordHasher(1, 8, 1).hash("x")])
    back_up(tmp_path / "data" / FILE_NAME, copy)
    with rebuilt(copy, tmp_path) as new:
        assert asyncio.run(restored(new.path)) == said
    assert None not in said


def test_what_a_rename_replaced_is_a_part_of_what_a_backup_is_compared_by(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.note(long_text(2))
        await rename(heart, 1)

    with_heart(tmp_path, scenario)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        before = contents_of(connection)
        assert contents_of(connection) == before
        connection.execute("UPDATE note_revision SET changes = replace(changes, 'Fjord', 'Fjard')")
        assert contents_of(connection).texts != before.texts


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE note_revision SET changes = replace(changes, 'Fjord', 'Forged') WHERE version = 2",
        "UPDATE note_revision SET changes = '[[0,3,\"x\"]]' WHERE version = 3",
        "UPDATE note_revision SET changes = '[[90000,90001,\"x\"]]' WHERE version = 3",
        "UPDATE note_revision SET text = 'forged' WHERE version = 1",
        "DELETE FROM note_revision WHERE version = 2",
        "DELETE FROM note_revision WHERE version = 1",
        "DELETE FROM note_revision WHERE version = 3",
    ],
)
def test_a_history_that_does_not_lead_to_the_note_contradicts_it(tmp_path: Path, forged: str) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.note(long_text(5))
        await rename(heart, 1)
        await rename(heart, 2)

    with_heart(tmp_path, scenario)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert contradiction_in(connection) is None
        connection.execute(forged)
        assert contradiction_in(connection) == "a note says what its newest revision says: 1"
