"""`truename tasks`, on a real database: what it lists, what it cancels, what it never shows."""

import asyncio
import json
import uuid
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.databases import empty_database
from tests.integration.heart_support import HASHES, Heart, dead, magnet, with_heart
from truename.calibration import BatchOrder, Priority, Rules, Submission, submit_batches
from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.store import batches, people, tables
from truename.store.database import FILE_NAME, Database, sqlite_url
from truename.store.people import Newcomer
from truename.terminal import tasks
from truename.terminal.screen import Screen
from truename.terminal.tasks import Wish
from truename.texts import Language

HASH, OTHER, DEAD = "1a" * 20, "2b" * 20, "dead" * 10
NOBODYS = "00000000-0000-4000-8000-000000000000"
HOSTILE = "a\x1b]52;c;eA==\x07\u202eb\n\u200bc"


class Desk:
    """The owner of the machine at a command line."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self.path.write_bytes(empty_database())
        self.screen = Screen(Language.ENGLISH, progress=False)

    def on_database(self, work: Any) -> Any:
        async def whole() -> Any:
            database = Database(sqlite_url(self.path))
            try:
                return await work(database)
            finally:
                await database.aclose()

        coroutine: Coroutine[Any, Any, Any] = whole()
        return asyncio.run(coroutine)

    def person(self, name: str) -> None:
        async def work(database: Database) -> None:
            newcomer = Newcomer(username=name, password_hash="-", admin=False, at=1.0)
            async with database.writing() as connection:
                await people.create_all(connection, [newcomer])

        self.on_database(work)

    def ask(self, person_id: int, *hashes: str, at: float = 1000.0, batch_id: str = "") -> list[str]:
        """A batch; the ids of its tasks."""
        submissions = tuple(
            Submission(
                task_id=str(uuid.uuid4()), person_id=person_id, magnet=Magnet.parse(one), priority=Priority.LOW, at=at
            )
            for one in hashes
        )
        order = BatchOrder(
            batch_id=batch_id or str(uuid.uuid4()),
            person_id=person_id,
            submissions=submissions,
            total=len(hashes),
            at=at,
        )

        async def work(database: Database) -> None:
            async with database.writing() as connection:
                await submit_batches(connection, [order], rules=Rules())

        self.on_database(work)
        return [one.task_id for one in submissions]

    def change(self, task_id: str, **values: Any) -> None:
        async def work(database: Database) -> None:
            async with database.writing() as connection:
                await connection.execute(update(tables.task).where(tables.task.c.id == task_id).values(**values))

        self.on_database(work)

    def named(self, task_id: str, name: str) -> None:
        self.change(
            task_id, status="completed", active=None, name=name, source="swarm", verified=True, completed_at=1001.0
        )

    def list(self, *, at: float = 2000.0, task_ttl_s: float = 2000.0, **wish: Any) -> bool:
        done: bool = self.on_database(
            partial(tasks.list_tasks, screen=self.screen, wish=Wish(**wish), at=at, task_ttl_s=task_ttl_s)
        )
        return done

    def cancel(self, *ids: str, **rules: Any) -> bool:
        done: bool = self.on_database(
            partial(tasks.cancel, screen=self.screen, ids=ids, rules=Rules(**rules), at=2000.0)
        )
        return done


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Desk:
    desk = Desk(tmp_path)
    desk.person("alice")
    return desk


def test_a_line_has_the_state_the_task_the_hash_and_what_there_is_to_say(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    named, waiting, dead, tried = desk.ask(1, HASH, OTHER, DEAD, "3c" * 20)
    desk.named(named, "Name.mkv")
    desk.change(dead, status="timeout", active=None, code="no_peers", reason="no_peers", completed_at=1001.0)
    desk.change(tried, next_attempt_at=3000.0, attempt=2)
    assert desk.list()
    assert capfd.readouterr().out.splitlines() == [
        f"pending    {tried}  {'3c' * 20}  tries: 2",
        f"timeout    {dead}  {DEAD}  Nobody has this torrent at the moment; try again another day.",
        f"pending    {waiting}  {OTHER}  place 1 in the queue",
        f"completed  {named}  {HASH}  Name.mkv",
    ]


def test_nothing_can_hide_in_what_is_listed(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    (task_id,) = desk.ask(1, HASH)
    desk.named(task_id, HOSTILE)
    assert desk.list()
    assert capfd.readouterr().out == f"completed  {task_id}  {HASH}  a␛]52;c;eA==␇⟨U+202E⟩b␊⟨U+200B⟩c\n"
    assert desk.list(as_json=True)
    out = capfd.readouterr().out
    assert not [char for char in out[:-1] if char < " " or char in "\u202e\u200b"]
    body = json.loads(out)
    assert (body["result"], body["username"], body["task_id"]) == (HOSTILE, "alice", task_id)
    assert not desk.cancel(HOSTILE)
    assert "\x1b" not in capfd.readouterr().err


def test_a_list_is_of_one_person_one_state_and_so_many(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    desk.person("bob")
    (mine,) = desk.ask(1, HASH)
    theirs = desk.ask(2, DEAD, OTHER, at=1001.0)
    desk.named(theirs[0], "n (alice)")

    def listed(**wish: Any) -> list[str]:
        assert desk.list(**wish)
        return capfd.readouterr().out.splitlines()

    assert [line.split()[1] for line in listed()] == [*reversed(theirs), mine]
    assert listed(status=TaskStatus.COMPLETED) == [f"completed  {theirs[0]}  {DEAD}  (bob)  n (alice)"]
    assert [line.split()[1] for line in listed(username=" ALICE ")] == [mine]
    assert "(" not in listed(username="alice")[0]
    assert listed(username="bob", status=TaskStatus.FAILED) == []
    assert desk.list(limit=2)
    said = capfd.readouterr()
    assert len(said.out.splitlines()) == 2
    assert "more than 2" in said.err
    assert not desk.list(username="mallory")
    assert "nobody of that name" in capfd.readouterr().err


def test_what_is_forgotten_is_not_listed(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    (task_id,) = desk.ask(1, HASH)
    assert desk.cancel(task_id)
    capfd.readouterr()
    assert desk.list(at=1999.0, task_ttl_s=0.0)
    assert task_id in capfd.readouterr().out
    assert desk.list(at=2000.0, task_ttl_s=0.0)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "No tasks here.\n")


def test_cancelling_tells_of_each_and_fails_when_one_cannot_be(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    desk.person("bob")
    mine, named = desk.ask(1, HASH, OTHER)
    (theirs,) = desk.ask(2, HASH)
    desk.named(named, "n")
    assert not desk.cancel(mine, named, NOBODYS, theirs)
    said = capfd.readouterr()
    assert said.out == f"cancelled  {mine}\ncancelled  {theirs}\n"
    assert said.err == f"{named} has ended already: completed\nThere is no such task: {NOBODYS}\n"
    assert desk.cancel(mine, mine)  # twice is once
    assert capfd.readouterr().out == f"cancelled  {mine}\n"
    assert desk.list(status=TaskStatus.COMPLETED)
    assert named in capfd.readouterr().out


@pytest.mark.parametrize("tells", [False, True])
def test_a_batch_ends_with_the_last_of_many(desk: Desk, capfd: pytest.CaptureFixture[str], *, tells: bool) -> None:
    """More than fit into one statement; and a webhook is told of the end if there is one."""
    ids = desk.ask(1, *(f"{number:040x}" for number in range(1, 1201)), batch_id="b" * 36)
    assert desk.cancel(*ids, tells_batches=tells)
    assert len(capfd.readouterr().out.splitlines()) == 1200

    async def work(database: Database) -> Any:
        async with database.reading() as connection:
            row = await batches.get(connection, "b" * 36, person_id=1, ended_after=0)
            return row, await batches.to_tell(connection, at=2000.0, longest_delay_s=3600.0, limit=10)

    row, to_tell = desk.on_database(work)
    assert (row.counts, row.ended_at) == ({"cancelled": 1200}, 2000.0)
    assert len(to_tell) == tells


def test_what_the_watch_asked_for_is_asked_again_when_the_owner_has_chosen(tmp_path: Path) -> None:
    rules = Rules(max_attempts=1, watch_delays_s=(7 * 86400.0,), watch_days=60)

    async def scenario(heart: Heart) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        (lookup,) = await heart.take()
        await heart.start(lookup)
        await heart.apply((lookup, dead(lookup)))
        (asked,) = await heart.write(heart.submit_all, [replace(heart.submission(magnet(0)), watched=True)])
        screen = Screen(Language.ENGLISH, progress=False)
        await tasks.cancel(heart.database, screen, [asked.task_id], rules=rules, at=heart.now)
        async with heart.database.reading() as connection:
            (row,) = await connection.execute(select(tables.watch))
        assert row.next_at == heart.now + 7 * 86400

    with_heart(tmp_path, scenario, rules=rules)
