"""`truename user`, on a real database: what it does, what it says, what it never shows."""

import asyncio
import io
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.databases import empty_database
from tests.integration.web_support import PASSWORD
from truename.store import people as store
from truename.store.database import FILE_NAME, Database, sqlite_url
from truename.store.people import SignIn, digest_of
from truename.terminal import people
from truename.terminal.screen import Screen
from truename.texts import Language


class Stdin(io.StringIO):
    """Standard input, with a terminal behind it or not."""

    def __init__(self, text: str, *, terminal: bool = False) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class Desk:
    """A person at a command line."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / FILE_NAME).write_bytes(empty_database())
        self.path = folder / FILE_NAME
        self.monkeypatch = monkeypatch
        self.screen = Screen(Language.ENGLISH, progress=False)

    def run(self, command: str, *arguments: Any, stdin: str = f"{PASSWORD}\nmore\n", **options: Any) -> bool:
        self.monkeypatch.setattr(sys, "stdin", Stdin(stdin))

        async def work(database: Database) -> bool:
            done: bool = await getattr(people, command)(database, self.screen, *arguments, **options)
            return done

        return self.with_database(work)

    def add(self, name: str, *, admin: bool = False, **options: Any) -> bool:
        return self.run("add", name, admin=admin, password_stdin=True, **options)

    def with_database(self, work: Any) -> Any:
        async def whole() -> Any:
            database = Database(sqlite_url(self.path))
            try:
                return await work(database)
            finally:
                await database.aclose()

        coroutine: Coroutine[Any, Any, Any] = whole()
        return asyncio.run(coroutine)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_people_are_made_and_listed(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    assert desk.run("list_people")
    assert "Nobody" in capfd.readouterr().err
    assert desk.add(" Alice ", admin=True)
    assert desk.add("小明")
    capfd.readouterr()
    assert desk.run("list_people")
    assert capfd.readouterr().out == "Alice  (administrator)\n小明\n"


@pytest.mark.parametrize(
    ("name", "stdin", "says"),
    [
        ("a\u202eb", f"{PASSWORD}\n", "1 to 100"),
        ("", f"{PASSWORD}\n", "1 to 100"),
        ("ALICE", f"{PASSWORD}\n", "taken"),
        ("bob", "short\n", "at least 12"),
        ("bob", "x" * 2000 + "\n", "at most 1024"),
        ("bob", "qwertyuiopas\n", "first that are tried"),
        ("marianne", "marianne1234\n", "first that are tried"),
        ("bob", "a long \udcff sentence of words\n", "not valid UTF-8"),
        ("bob", "", "No password"),
        ("bob", "\nsecond line, long enough\n", "No password"),
    ],
)
def test_a_person_that_cannot_be_is_told_why(
    desk: Desk, capfd: pytest.CaptureFixture[str], name: str, stdin: str, says: str
) -> None:
    assert desk.add("alice")
    capfd.readouterr()
    assert not desk.add(name, stdin=stdin)
    said = capfd.readouterr()
    assert says in said.err
    assert said.out == ""


def test_without_a_terminal_a_password_is_read_only_when_asked_to(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not desk.run("add", "alice", admin=False, password_stdin=False)
    assert "No password" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ([PASSWORD, PASSWORD], None),
        ([PASSWORD, "another one, long"], "not the same"),
        (["short", "short"], "at least 12"),
        ([""], "No password"),
    ],
)
def test_a_password_is_typed_twice(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    typed: list[str],
    word: str | None,
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin("", terminal=True))
    asked: list[str] = []

    def getpass(prompt: str, stream: object = None) -> str:
        asked.append(prompt)
        return typed[len(asked) - 1]

    monkeypatch.setattr("getpass.getpass", getpass)
    assert people.ask_password(desk.screen, "alice", from_stdin=False) == (PASSWORD if word is None else None)
    assert (word or "") in capfd.readouterr().err
    assert len(asked) == len(typed)


def test_a_new_password_ends_the_sessions(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    desk.add("alice")

    async def sign_in(database: Database) -> None:
        async with database.writing() as connection:
            await store.sign_in_all(connection, [SignIn(digest=digest_of("s"), person_id=1, at=1.0)])

    async def look(database: Database) -> tuple[object, str]:
        async with database.reading() as connection:
            found = await store.credentials(connection, "alice")
            assert found is not None
            return await store.of_session(connection, digest_of("s"), now=2.0), found[1]

    desk.with_database(sign_in)
    session, before = desk.with_database(look)
    assert session is not None
    capfd.readouterr()
    assert desk.run("passwd", "Alice", password_stdin=True, stdin="another password\n")
    said = capfd.readouterr().err
    assert "1 session was" in said
    assert "token" not in said
    session, after = desk.with_database(look)
    assert session is None
    assert before != after


def test_a_token_is_shown_once_and_replaced_and_revoked(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    desk.add("alice")
    capfd.readouterr()
    secrets = []
    for _ in range(2):
        assert desk.run("token", "alice", revoke=False)
        secrets.append(capfd.readouterr().out.strip())
    assert len(set(secrets)) == 2
    assert all(len(secret) == 43 for secret in secrets)

    async def owners(database: Database) -> list[bool]:
        async with database.reading() as connection:
            return [await store.of_token(connection, digest_of(secret)) is not None for secret in secrets]

    assert desk.with_database(owners) == [False, True]
    assert desk.run("token", "alice", revoke=True)
    assert not desk.run("token", "alice", revoke=True)
    assert desk.with_database(owners) == [False, False]
    assert secrets[1].encode() not in desk.path.read_bytes()
    assert capfd.readouterr().out == ""


def test_who_changes_a_password_is_told_of_the_token_that_still_opens_the_door(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.add("alice")
    assert desk.run("token", "alice", revoke=False)
    capfd.readouterr()
    assert desk.run("passwd", "Alice", password_stdin=True, stdin="another password\n")
    assert "truename user token alice --revoke" in capfd.readouterr().err


@pytest.mark.parametrize("command", [("passwd", {"password_stdin": True}), ("token", {"revoke": False})])
def test_nobody_is_told_apart_from_somebody_by_name(
    desk: Desk, capfd: pytest.CaptureFixture[str], command: tuple[str, dict[str, bool]]
) -> None:
    assert not desk.run(command[0], "no\x1b[2Jbody", **command[1])
    said = capfd.readouterr().err
    assert "nobody of that name" in said
    assert "\x1b" not in said
