"""Two people ask for one hash, each with a tracker of their own: what each is told is of their own."""

import asyncio
from pathlib import Path

from tests.databases import empty_database
from tests.loopback import Tracker
from truename.app import open_engine
from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.settings import Settings
from truename.store import people
from truename.store.database import FILE_NAME
from truename.store.people import Newcomer
from truename.texts import Language
from truename.timeline import told, unpack
from truename.ways import open_chain

DEAD = "ab" * 20
PATIENCE_S = 60.0


def test_who_joins_is_told_of_their_own_tracker_and_of_nobody_elses(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(empty_database())
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path,
            "dht": False,
            "listen_interfaces": ("127.0.0.1:0",),
            "allow_private_network": True,
            "resolvers": ("swarm",),
            "lookup_timeout_s": 3,
        }
    )

    async def test() -> None:
        nobody: dict[str, bytes] = {DEAD: b""}
        async with (
            asyncio.timeout(PATIENCE_S),
            Tracker(nobody).serving() as hers,
            Tracker(nobody).serving() as his,
            open_chain(settings) as chain,
            open_engine(settings, chain) as engine,
        ):
            persons = []
            for name in ("ann", "bob"):
                newcomer = Newcomer(username=name, password_hash="-", admin=False, at=1.0)
                person = await engine.writer.write(people.create_all, newcomer)
                assert person is not None
                persons.append(person.id)
            tasks = []
            for person, tracker in zip(persons, (hers, his), strict=True):
                magnet = Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&tr={tracker.url}")
                tasks.append((await engine.calibrations.submit_one(person, magnet)).task_id)
                await tracker.wait_for(lambda tracker=tracker: bool(tracker.asked))  # type: ignore[misc]
            for person, task_id in zip(persons, tasks, strict=True):
                await engine.calibrations.wait(person, [task_id], timeout_s=PATIENCE_S)
                view = await engine.calibrations.status(person, task_id)
                assert view is not None
                assert view.row.status is TaskStatus.TIMEOUT
                assert "asked 1 tracker: 0 peers" in told(unpack(view.row.detail), Language.ENGLISH)

    asyncio.run(test())
