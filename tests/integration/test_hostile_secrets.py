"""Secrets that go through a server stand in no log and no error, and in its files only as digests."""

import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert

from tests.integration.live_support import PATIENCE_S, Live, listening, with_live
from truename.store.database import FILE_NAME, Connection, StoreUnavailable
from truename.store.tables import person
from truename.terminal.log import line_of

PASSWORD = "canary, the password"
WRONG = "canary, a wrong password"
TOKEN = "canary-the-token-0123456789abcdefghijklmnop"
NOTE = "canary, the note"
HASH = "722fe65b2aa26d14f35b4ad627d20236e481d924"
MAGNET = f"magnet:?xt=urn:btih:{HASH}&tr=http%3A%2F%2F127.0.0.1%3A1%2Fcanary-the-passkey%2Fannounce"


@pytest.fixture
def said() -> Iterator[list[str]]:
    """All that any part of the server says at any level, as it is told to the administrator.

    Of SQLAlchemy the statements; that it can also be made to print rows is for programmers alone.
    """
    lines: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith(("httpx", "httpcore")):  # the client of this test
                lines.append(line_of(record))

    root, handler = logging.getLogger(), Listening()
    levels = {name: logging.getLogger(name).level for name in (None, "sqlalchemy", "uvicorn", "asyncio", "truename")}
    root.addHandler(handler)
    for name in levels:
        logging.getLogger(name).setLevel(logging.INFO if name == "sqlalchemy" else logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


async def use_everything(site: Live, client: httpx.AsyncClient) -> list[str]:
    """All that a person can do with secrets; those that were made on the way."""
    code = site.doors.setup_code
    form = {"username": "alice", "password": PASSWORD}
    assert (await client.post("/setup", data={**form, "code": "canary"})).status_code == 403
    assert (await client.post("/setup", data={**form, "code": code})).status_code == 303
    cookie = next(iter(client.cookies.values()))
    assert (await client.post("/login", data={"username": "alice", "password": WRONG})).status_code == 401
    link = site.doors.links.make(1, site.clock.epoch)
    assert (await site.browser().get("/login", params={"once": link})).status_code == 200
    assert (await client.post("/login", data={"once": link})).status_code == 303
    second = next(iter(client.cookies.values()))
    assert (await client.get("/api/notes", headers={"Authorization": f"Bearer {WRONG}"})).status_code == 401
    note = (await client.post("/api/notes", json={"text": f"{NOTE} {MAGNET}"})).json()
    changed = {"text": f"{NOTE} again {MAGNET}", "version": 1}
    assert (await client.patch(f"/api/notes/{note['id']}", json=changed)).status_code == 200
    task = (await client.post("/api/calibrate/async", json={"info_hash": MAGNET})).json()
    await site.ended(client, task["task_id"])
    assert (await client.post("/api/notes", content=b'{"text": "canary')).status_code == 400
    assert (await client.get(f"/api/broken?canary={TOKEN}")).status_code == 500
    assert (await client.post("/logout")).status_code == 303
    return [code, cookie, link, second]


def test_secrets_stand_in_no_log_and_in_the_files_only_as_digests(tmp_path: Path, said: list[str]) -> None:
    secrets = [PASSWORD, WRONG, TOKEN]

    async def scenario(site: Live) -> None:
        @site.application.get("/api/broken")
        async def broken() -> None:
            raise RuntimeError(f"canary {TOKEN} {PASSWORD} {MAGNET}")

        async with (
            listening(site) as address,
            httpx.AsyncClient(base_url=address, timeout=PATIENCE_S, trust_env=False) as client,
        ):
            secrets.extend(await use_everything(site, client))
            signed = {"Authorization": f"Bearer {TOKEN}"}
            await site.writer.write(give_token, TOKEN)
            assert (await client.get("/api/notes", headers=signed)).status_code == 200

    with_live(tmp_path, scenario)
    assert any("a request failed" in line and "RuntimeError" in line for line in said)
    assert len(said) > 10  # something was listened to
    whole = "\n".join(said)
    assert [secret for secret in (*secrets, "canary") if secret in whole] == []
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.name.startswith(FILE_NAME))
    assert NOTE.encode() in kept
    assert [secret for secret in secrets if secret.encode() in kept] == []


async def give_token(connection: Connection, tokens: Sequence[str]) -> Sequence[None]:
    from truename.store import people

    return await people.set_token_all(connection, [(1, people.digest_of(token), 1.0) for token in tokens])


def test_a_text_that_cannot_be_read_is_not_told_by_the_error(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        alice = await site.person()
        note = await site.work.notes.save(alice.id, "as it was")
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file, file:
            file.execute("UPDATE note SET text = CAST('canary ' || x'ff' AS TEXT)")
        with pytest.raises(StoreUnavailable) as trouble:
            await site.work.notes.get(alice.id, note.note.id)
        assert str(trouble.value) == "OperationalError"

    with_live(tmp_path, scenario)


def test_an_error_of_the_database_says_nothing_of_what_was_to_be_written(tmp_path: Path) -> None:
    async def twice(connection: Connection, names: Sequence[str]) -> Sequence[None]:
        row = {"password_hash": PASSWORD, "admin": False, "created_at": 1.0}
        for name in names:
            await connection.execute(
                insert(person), [{**row, "username": name, "username_folded": name} for _ in range(2)]
            )
        return [None] * len(names)

    async def scenario(site: Live) -> None:
        with pytest.raises(Exception) as trouble:  # noqa: PT011 - whatever it is, its words count
            await site.writer.write(twice, "canary of a name")
        error: BaseException | None = trouble.value
        words = []
        while error is not None:
            words.append(json.dumps([str(error), repr(error)]))
            error = error.__cause__ or error.__context__
        assert "canary" not in "".join(words)
        with pytest.raises(StoreUnavailable) as raw:
            await site.database.write(twice, ["canary of a name"])
        assert "canary" not in str(raw.value)

    with_live(tmp_path, scenario)
