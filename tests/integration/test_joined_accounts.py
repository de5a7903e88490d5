"""Two people ask for one hash, and what each is told is of whom their own magnet names."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import empty_database
from tests.loopback import Tracker, refusing_port
from truename.app import Engine, open_engine
from truename.demo.tracker import compact
from truename.magnet import Magnet
from truename.settings import Settings
from truename.store import people
from truename.store.database import FILE_NAME
from truename.store.people import Newcomer
from truename.texts import Language
from truename.timeline import told, unpack
from truename.ways import open_chain

DEAD = "ab" * 20
PATIENCE_S = 60.0


@contextlib.asynccontextmanager
async def two_people(folder: Path, **more: Any) -> AsyncIterator[tuple[Engine, int, int]]:
    """An engine without the DHT, and two who may ask it."""
    (folder / FILE_NAME).write_bytes(empty_database())
    settings = Settings.model_validate(
        {
            "data_dir": folder,
            "dht": False,
            "listen_interfaces": ("127.0.0.1:0",),
            "allow_private_network": True,
            "lookup_timeout_s": 3,
        }
        | more
    )
    async with asyncio.timeout(PATIENCE_S), open_chain(settings) as chain, open_engine(settings, chain) as engine:
        ids = []
        for name in ("ann", "bob"):
            newcomer = Newcomer(username=name, password_hash="-", admin=False, at=1.0)
            person = await engine.writer.write(people.create_all, newcomer)
            assert person is not None
            ids.append(person.id)
        yield engine, *ids


async def ask(engine: Engine, person: int, *trackers: Tracker) -> str:
    """The id of the task; the trackers have been asked."""
    magnet = Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}" + "".join(f"&tr={tracker.url}" for tracker in trackers))
    task_id = (await engine.calibrations.submit_one(person, magnet)).task_id
    for tracker in trackers:
        await tracker.wait_for(lambda tracker=tracker: bool(tracker.asked))  # type: ignore[misc]
    return task_id


async def end_of(engine: Engine, person: int, task_id: str) -> tuple[str | None, str]:
    """Its code, and what is told of it."""
    await engine.calibrations.wait(person, [task_id], timeout_s=PATIENCE_S)
    view = await engine.calibrations.status(person, task_id)
    assert view is not None
    return view.row.code, told(unpack(view.row.detail), Language.ENGLISH)


def test_who_joins_is_told_of_their_own_tracker_and_of_nobody_elses(tmp_path: Path) -> None:
    async def test() -> None:
        nobody: dict[str, bytes] = {DEAD: b""}
        async with (
            Tracker(nobody).serving() as hers,
            Tracker(nobody).serving() as his,
            two_people(tmp_path, resolvers=("swarm",)) as (engine, ann, bob),
        ):
            asked = [(ann, await ask(engine, ann, hers)), (bob, await ask(engine, bob, his))]
            for person, task_id in asked:
                code, detail = await end_of(engine, person, task_id)
                assert code == "no_peers"
                assert "asked 1 tracker: 0 peers" in detail

    asyncio.run(test())


@pytest.mark.parametrize("resolvers", [("swarm",), ("direct",), ("swarm", "direct")])
def test_who_joins_without_naming_anybody_is_told_what_they_would_be_alone(
    tmp_path: Path, resolvers: tuple[str, ...]
) -> None:
    async def test() -> None:
        with refusing_port() as port:
            async with (
                Tracker({DEAD: compact("127.0.0.1", port)}).serving() as hers,
                two_people(tmp_path, resolvers=resolvers, max_attempts=1) as (engine, ann, bob),
            ):
                annas = await ask(engine, ann, hers)
                bobs = await ask(engine, bob)
                code, detail = await end_of(engine, ann, annas)
                assert code == "no_metadata"
                assert "1 peer" in detail
                code, detail = await end_of(engine, bob, bobs)
                assert code == "resolver_unavailable"
                assert "peer" not in detail
                assert "tracker" not in detail

    asyncio.run(test())
