"""People, sessions and tokens on a real SQLite file."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.databases import empty_database
from truename.store import people
from truename.store.database import FILE_NAME, Database, sqlite_url
from truename.store.people import ABSOLUTE_S, IDLE_S, Newcomer, Person, SignIn, clean_username, digest_of, folded
from truename.store.tables import session, token
from truename.store.writer import Writer

NOW = 1_700_000_000.0


def newcomer(name: str, *, admin: bool = False) -> Newcomer:
    return Newcomer(username=name, password_hash="no hash", admin=admin, at=NOW)


def with_writer(tmp_path: Path, scenario: Callable[[Database, Writer], Awaitable[None]]) -> None:
    async def run() -> None:
        (tmp_path / FILE_NAME).write_bytes(empty_database())
        database = Database(sqlite_url(tmp_path / FILE_NAME))
        writer = Writer(database)
        running = asyncio.ensure_future(writer.run())
        try:
            await scenario(database, writer)
        finally:
            writer.stop()
            await running
            await database.aclose()

    asyncio.run(run())


async def made(writer: Writer, name: str) -> Person:
    person = await writer.write(people.create_all, newcomer(name))
    assert person is not None
    return person


async def signed_in(writer: Writer, who: Person, secret: str, *, at: float = NOW, instead_of: str | None = None) -> str:
    digest = digest_of(secret)
    await writer.write(people.sign_in_all, SignIn(digest=digest, person_id=who.id, at=at, instead_of=instead_of))
    return digest


async def who_is(database: Database, digest: str, now: float = NOW) -> str | None:
    async with database.reading() as connection:
        found = await people.of_session(connection, digest, now=now)
    return None if found is None else found[0].username


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("alice", "alice"),
        ("  alice\n", "alice"),
        ("Ren\u0065\u0301", "René"),
        ("小明", "小明"),
        ("two words", "two words"),
        ("x" * 100, "x" * 100),
        ("x" * 101, None),
        ("x" * 1_000_000, None),
        ("", None),
        ("   ", None),
        ("a\x00b", None),
        ("a\nb", None),
        ("a\u202eb", None),
        ("a\u200bb", None),
        ("a\ufeffb", None),
        ("a\x1b[2Jb", None),
        ("a\ud800b", None),
        ("a\u3164b", None),
        ("ﬃ" * 100, None),  # folds to three times its length
    ],
)
def test_usernames_are_trimmed_and_hide_nothing(written: str, kept: str | None) -> None:
    assert clean_username(written) == kept


@pytest.mark.parametrize(("one", "other"), [("Alice", "aLICE"), ("STRASSE", "straße"), ("ÉVA", "éva")])
def test_names_that_differ_in_case_are_the_same(one: str, other: str) -> None:
    assert folded(one) == folded(other)


def test_a_name_is_taken_however_it_is_cased(tmp_path: Path) -> None:
    async def scenario(database: Database, writer: Writer) -> None:
        results = await asyncio.gather(
            *(writer.write(people.create_all, newcomer(name)) for name in ("Alice", "ALICE", "bob"))
        )
        assert [one is not None for one in results] == [True, False, True]
        assert await writer.write(people.create_all, newcomer("alicE")) is None
        async with database.reading() as connection:
            assert [one.username for one in await people.everybody(connection)] == ["Alice", "bob"]
            found = await people.find(connection, "aLiCe")
            assert found is not None
            assert found.username == "Alice"
            assert (found.admin, found.auto_calibrate, found.rewrite, found.language) == (False, False, "auto", None)
            assert await people.find(connection, "carol") is None
            assert await people.count(connection) == 2

    with_writer(tmp_path, scenario)


def test_of_two_first_people_exactly_one_is_made(tmp_path: Path) -> None:
    async def scenario(database: Database, writer: Writer) -> None:
        results = await asyncio.gather(
            *(writer.write(people.create_first_all, newcomer(f"person {n}", admin=True)) for n in range(8))
        )
        assert [one is not None for one in results] == [True] + [False] * 7
        assert await writer.write(people.create_first_all, newcomer("late", admin=True)) is None
        async with database.reading() as connection:
            assert await people.count(connection) == 1

    with_writer(tmp_path, scenario)


def test_only_digests_are_kept(tmp_path: Path) -> None:
    async def scenario(database: Database, writer: Writer) -> None:
        alice = await made(writer, "alice")
        await signed_in(writer, alice, "the session")
        await writer.write(people.set_token_all, (alice.id, digest_of("the token"), NOW))
        async with database.reading() as connection:
            kept = [str(row) for table in (session, token) for row in await connection.execute(select(table))]
        assert len(kept) == 2
        assert not any("the session" in row or "the token" in row for row in kept)

    with_writer(tmp_path, scenario)


def test_a_session_ends_when_it_is_idle_and_when_it_is_old(tmp_path: Path) -> None:
    async def scenario(database: Database, writer: Writer) -> None:
        alice = await made(writer, "alice")
        digest = await signed_in(writer, alice, "one")
        assert await who_is(database, digest, NOW + IDLE_S - 1) == "alice"
        assert await who_is(database, digest, NOW + IDLE_S) is None
        for day in range(1, 30):
            await writer.write(people.touch_all, (digest, NOW + day * 86_400))
        assert await who_is(database, digest, NOW + ABSOLUTE_S - 1) == "alice"
        assert await who_is(database, digest, NOW + ABSOLUTE_S) is None

    with_writer(tmp_path, scenario)


def test_a_sign_in_takes_the_place_of_the_old_session_and_sweeps_dead_ones(tmp_path: Path) -> None:
    async def scenario(database: Database, writer: Writer) -> None:
        alice = await made(writer, "alice")
        old = await signed_in(writer, alice, "old")
        other = await signed_in(writer, alice, "other place")
        new = await signed_in(writer, alice, "new", at=NOW + 1, instead_of=old)
        assert [await who_is(database, one, NOW + 1) for one in (old, other, new)] == [None, "alice", "alice"]
        await signed_in(writer, alice, "much later", at=NOW + 2 * IDLE_S)
        async with database.reading() as connection:
            assert len((await connection.execute(select(session))).all()) == 1

    with_writer(tmp_path, scenario)


def test_sessions_are_ended_one_by_one_and_with_the_password(tmp_path: Path) -> None:
    async def scenario(database: Database, writer: Writer) -> None:
        alice, bob = await made(writer, "alice"), await made(writer, "bob")
        first = await signed_in(writer, alice, "1")
        second = await signed_in(writer, alice, "2")
        third = await signed_in(writer, bob, "3")
        assert await writer.write(people.end_all, first) is True
        assert await writer.write(people.end_all, first) is False
        assert [await who_is(database, one) for one in (first, second, third)] == [None, "alice", "bob"]
        assert await writer.write(people.change_password_all, (alice.id, "another hash")) == [second]
        assert [await who_is(database, one) for one in (second, third)] == [None, "bob"]
        async with database.reading() as connection:
            assert await people.credentials(connection, "ALICE") == (alice, "another hash")
            assert await people.credentials(connection, "bob") == (bob, "no hash")
            assert await people.credentials(connection, "carol") is None

    with_writer(tmp_path, scenario)


def test_a_password_changed_during_the_sign_in_keeps_the_door_shut(tmp_path: Path) -> None:
    async def scenario(database: Database, writer: Writer) -> None:
        alice = await made(writer, "alice")
        await writer.write(people.change_password_all, (alice.id, "another hash"))
        old = SignIn(digest=digest_of("1"), person_id=alice.id, at=NOW, proof="no hash")
        gone = SignIn(digest=digest_of("2"), person_id=99, at=NOW)
        assert await writer.write(people.sign_in_all, old) is False
        assert await writer.write(people.sign_in_all, gone) is False
        assert [await who_is(database, one.digest) for one in (old, gone)] == [None, None]

    with_writer(tmp_path, scenario)


def test_a_person_has_one_token_until_it_is_revoked(tmp_path: Path) -> None:
    async def scenario(database: Database, writer: Writer) -> None:
        alice = await made(writer, "alice")

        async def owner(text: str) -> str | None:
            async with database.reading() as connection:
                found = await people.of_token(connection, digest_of(text))
            return None if found is None else found.username

        await writer.write(people.set_token_all, (alice.id, digest_of("first"), NOW))
        assert await owner("first") == "alice"
        await writer.write(people.set_token_all, (alice.id, digest_of("second"), NOW))
        assert [await owner("first"), await owner("second")] == [None, "alice"]
        assert await writer.write(people.revoke_token_all, alice.id) is True
        assert await writer.write(people.revoke_token_all, alice.id) is False
        assert await owner("second") is None

    with_writer(tmp_path, scenario)
