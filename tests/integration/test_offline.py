"""OFFLINE: names come from the catalogue, nobody is asked, and what cannot be answered says so at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.integration.test_engine import ALICE, HASHES, Oracle, ended, link, magnet, people, with_engine
from tests.integration.test_webhook import receiver
from truename import watch
from truename.app import Engine, open_engine
from truename.cleaner import Cleaner
from truename.health import resolver_states
from truename.model import TaskStatus
from truename.note_texts import magnets_of
from truename.settings import Settings
from truename.store import batches
from truename.store.database import Connection
from truename.store.tables import batch
from truename.store.tables import watch as watch_table
from truename.texts import Language, say
from truename.ways import open_chain, open_sending
from truename.web import webhook

SLEEPER = 7


def offline(
    folder: Path,
    scenario: Callable[[Engine], Awaitable[None]],
    *,
    webhook_url: str = "",
    **settings: object,
) -> None:
    async def run() -> None:
        given = {"data_dir": folder, "offline": True, "webhook_url": webhook_url, **settings}
        chosen = Settings.model_validate(given)
        async with open_chain(chosen) as chain, open_engine(chosen, chain) as engine:
            await people(engine)
            await scenario(engine)

    asyncio.run(run())


async def a_name_and_a_sleeper(engine: Engine, oracle: Oracle) -> None:
    """Before the switch is set: one name is learnt, and one hash of a note does not answer."""
    oracle.dead.add(HASHES[SLEEPER])
    note = await engine.notes.save(ALICE, f"{link(1)} {link(SLEEPER)}")
    answers = await engine.calibrations.submit(ALICE, magnets_of(note.note.text))
    assert await ended(engine, *(one.task_id for one in answers)) == [TaskStatus.COMPLETED, TaskStatus.TIMEOUT]


async def times_watched(connection: Connection) -> list[int]:
    return list((await connection.execute(select(watch_table.c.asked))).scalars())


async def ended_batch(engine: Engine) -> str:
    """A batch that nobody has a name for, and that has ended."""
    made = await engine.batches.submit(ALICE, [magnet(1)], total=1)
    assert await ended(engine, *(one.task_id for one in made.answers)) == [TaskStatus.FAILED]
    return made.batch_id


async def to_be_told(connection: Connection) -> int:
    return len(await batches.to_tell(connection, at=10.0**12, longest_delay_s=3600.0, limit=9))


def test_a_known_name_is_answered_and_an_unknown_one_ends_at_once(tmp_path: Path) -> None:
    async def scenario(engine: Engine) -> None:
        known, unknown = await engine.calibrations.submit(ALICE, [magnet(1), magnet(2)])
        assert await ended(engine, known.task_id, unknown.task_id) == [TaskStatus.COMPLETED, TaskStatus.FAILED]
        rows = await engine.calibrations.wait(ALICE, [unknown.task_id], timeout_s=30)
        assert (rows[unknown.task_id].code, rows[unknown.task_id].reason) == ("resolver_unavailable", "offline")

    with_engine(tmp_path, Oracle, a_name_and_a_sleeper)
    # A second try would come in a day: what has ended was tried once.
    offline(tmp_path, scenario, retry_delays_s=(86_400.0,), max_attempts=3)


def test_the_watch_asks_for_nothing_and_forgets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LOOK_AGAIN_S", 0.0)

    async def scenario(engine: Engine) -> None:
        assert await engine.watch.now(ALICE, HASHES[SLEEPER])
        for number in range(20, 40):  # meanwhile it would have looked hundreds of times
            (one,) = await engine.calibrations.submit(ALICE, [magnet(number)])
            assert await ended(engine, one.task_id) == [TaskStatus.FAILED]
        assert await engine.database.read(times_watched) == [0]

    async def asks_again(engine: Engine, oracle: Oracle) -> None:
        async with asyncio.timeout(30):
            while HASHES[SLEEPER] not in oracle.asked:
                await engine.hub.wait(engine.hub.count, timeout_s=0.2)

    with_engine(tmp_path, Oracle, a_name_and_a_sleeper)
    offline(tmp_path, scenario)
    with_engine(tmp_path, Oracle, asks_again)


def test_the_webhook_is_not_called_and_what_it_was_to_be_told_before_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_LOOK_AGAIN_S", 0.0)

    async def run() -> None:
        async with receiver() as found:
            given = {"data_dir": tmp_path, "webhook_url": found.url, "allow_private_network": True}
            chosen = Settings.model_validate({**given, "offline": True})
            async with open_chain(chosen) as chain, open_engine(chosen, chain) as engine:
                await people(engine)
                await ended_batch(engine)
                async with engine.database.writing() as connection:  # as if it had ended before the switch was set
                    await connection.execute(update(batch).values(tell_at=0.0))
                for number in range(20, 40):
                    (one,) = await engine.calibrations.submit(ALICE, [magnet(number)])
                    await ended(engine, one.task_id)
                assert await engine.database.read(to_be_told) == 1
                assert found.connections == 0

    asyncio.run(run())


def test_a_batch_that_ends_meanwhile_is_not_kept_for_the_webhook(tmp_path: Path) -> None:
    async def scenario(engine: Engine) -> None:
        batch_id = await ended_batch(engine)
        assert await engine.database.read(to_be_told) == 0
        await Cleaner(engine.writer, lambda: time.time() + 120.0, task_ttl_s=60.0, interval_s=1).clean()
        assert await engine.batches.to_be_told(ALICE, batch_id, limit=1) is None

    offline(tmp_path, scenario, webhook_url="http://127.0.0.1:1/")


def test_no_resolver_is_made_and_nothing_goes_to_a_torrent_client(tmp_path: Path) -> None:
    async def run() -> None:
        chosen = Settings.model_validate({"data_dir": tmp_path, "offline": True, "qbt_url": "http://127.0.0.1:1"})
        async with open_chain(chosen) as chain:
            assert [one.name for one in chain.resolvers] == ["offline"]
            ((name, health),) = await chain.health()
        assert list(resolver_states(name, health, Language.ENGLISH)) == [
            (True, say("doctor_offline", Language.ENGLISH))
        ]
        with open_sending(chosen) as send:
            assert send is None

    asyncio.run(run())
