"""The whole engine in one process: submits, a resolver that the test holds, names in notes, a stop and a start."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from truename.app import Engine, open_engine
from truename.errors import NotYet
from truename.magnet import InfoHash, Magnet
from truename.metainfo import Metainfo
from truename.model import TaskStatus
from truename.note_edits import Stale
from truename.note_texts import magnets_of
from truename.resolvers.base import ResolverHealth, Trail
from truename.resolvers.chain import Chain
from truename.settings import Settings

ALICE, BOB = 1, 2
HASHES = tuple(InfoHash(f"{number:040x}") for number in range(1, 3000))


class Oracle:
    """A resolver that knows every name at once, except those that are `held` back or `dead`."""

    name = "swarm"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hold = asyncio.Event()
        self.held: set[str] = set()
        self.dead: set[str] = set()
        self.holding = asyncio.Semaphore(0)

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        self.asked.append(magnet.info_hash)
        if magnet.info_hash in self.held:
            self.holding.release()
            await self.hold.wait()
        if magnet.info_hash in self.dead:
            raise NotYet(peers_seen=0)
        name = f"Name of {int(magnet.info_hash, 16)}.mkv"
        return Metainfo(
            info_hash=magnet.info_hash,
            info_hash_v2=None,
            name=name,
            raw_name=name.encode(),
            name_guessed=False,
            size_bytes=1,
            file_count=1,
            files=(),
        )

    async def health(self) -> ResolverHealth:
        return ResolverHealth(able=True)

    async def aclose(self) -> None:
        return


def with_engine(
    folder: Path,
    oracle: Callable[[], Any],
    scenario: Callable[[Engine, Any], Awaitable[None]],
    **settings: object,
) -> None:
    async def run() -> None:
        given = oracle()
        chosen = Settings.model_validate({"data_dir": folder, **settings})
        async with open_engine(chosen, Chain([given])) as engine:
            await people(engine)
            await scenario(engine, given)

    asyncio.run(run())


async def people(engine: Engine) -> None:
    from sqlalchemy import insert

    from truename.store.tables import person

    async with engine.database.reading() as connection:
        if (await connection.execute(person.select())).first() is not None:
            return
    async with engine.database.writing() as connection:
        for number, name in ((ALICE, "alice"), (BOB, "bob")):
            values = {"id": number, "username": name, "username_folded": name, "password_hash": "", "admin": False}
            await connection.execute(insert(person).values(**values, created_at=0.0))


async def ended(engine: Engine, *task_ids: str, who: int = ALICE) -> list[TaskStatus]:
    rows = await engine.calibrations.wait(who, task_ids, timeout_s=30)
    return [rows[task_id].status for task_id in task_ids]


def magnet(number: int) -> Magnet:
    return Magnet(info_hash=HASHES[number])


def link(number: int, dn: str = "") -> str:
    return f"magnet:?xt=urn:btih:{HASHES[number]}" + (f"&dn={dn}" if dn else "")


def test_a_name_comes_into_the_note_whether_or_not_anybody_looks(tmp_path: Path) -> None:
    async def scenario(engine: Engine, _: Oracle) -> None:
        saved = await engine.notes.save(ALICE, f"see {link(0, 'lie')} and {link(1)}")
        answers = await engine.calibrations.submit(ALICE, magnets_of(saved.note.text))
        assert await ended(engine, *(one.task_id for one in answers)) == [TaskStatus.COMPLETED] * 2
        found = await engine.notes.get(ALICE, saved.note.id)
        assert found is not None
        assert found.note.text == f"see {link(0, 'Name%20of%201.mkv')} and {link(1, 'Name%20of%202.mkv')}"
        assert [one.name for one in found.magnets] == ["Name of 1.mkv", "Name of 2.mkv"]
        assert found.magnets[0].task is not None

    with_engine(tmp_path, Oracle, scenario)


class Boasting(Oracle):
    """Knows more peers of one hash than any database can count."""

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        if magnet.info_hash == HASHES[0] and trail is not None:
            trail.note({"tried": 2**63})
        return await super().resolve(magnet, deadline_s=deadline_s, trail=trail)


def test_an_outcome_that_cannot_be_kept_ends_its_own_look_up(tmp_path: Path) -> None:
    async def scenario(engine: Engine, _: Oracle) -> None:
        answers = await engine.calibrations.submit(ALICE, [magnet(number) for number in range(5)])
        statuses = await ended(engine, *(one.task_id for one in answers))
        assert statuses == [TaskStatus.FAILED] + [TaskStatus.COMPLETED] * 4
        (again,) = await engine.calibrations.submit(BOB, [magnet(9)])
        assert await ended(engine, again.task_id, who=BOB) == [TaskStatus.COMPLETED]

    with_engine(tmp_path, Boasting, scenario)


def test_two_thousand_are_all_named_with_few_slots(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Oracle) -> None:
        answers = await engine.calibrations.submit(ALICE, [magnet(number) for number in range(2000)])
        statuses = await ended(engine, *(one.task_id for one in answers))
        assert set(statuses) == {TaskStatus.COMPLETED}
        assert len(oracle.asked) == len(set(oracle.asked)) == 2000

    with_engine(tmp_path, Oracle, scenario, slots=50)


def test_what_ran_at_the_stop_waits_and_runs_again_after_the_start(tmp_path: Path) -> None:
    ids: list[str] = []

    async def before(engine: Engine, oracle: Oracle) -> None:
        oracle.held = set(HASHES)
        ids.extend(one.task_id for one in await engine.calibrations.submit(ALICE, [magnet(0), magnet(1), magnet(2)]))
        await oracle.holding.acquire()
        await oracle.holding.acquire()

    async def after(engine: Engine, oracle: Oracle) -> None:
        assert await ended(engine, *ids) == [TaskStatus.COMPLETED] * 3
        rows = await engine.calibrations.wait(ALICE, ids, timeout_s=0)
        assert {row.attempt for row in rows.values()} == {1}

    with_engine(tmp_path, Oracle, before, slots=2)
    with_engine(tmp_path, Oracle, after, slots=2)


def test_a_dead_hash_ends_and_another_persons_task_goes_on(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Oracle) -> None:
        oracle.dead = {HASHES[0]}
        oracle.held = {HASHES[1]}
        (dead,) = await engine.calibrations.submit(ALICE, [magnet(0)])
        (held,) = await engine.calibrations.submit(BOB, [magnet(1)])
        assert await ended(engine, dead.task_id) == [TaskStatus.TIMEOUT]
        status = TaskStatus.PENDING
        while status is not TaskStatus.RUNNING:
            seen = engine.hub.count
            view = await engine.calibrations.status(BOB, held.task_id)
            assert view is not None
            status = view.row.status
            assert not status.is_final
            await engine.hub.wait(seen, timeout_s=0 if status is TaskStatus.RUNNING else 1)
        assert await engine.calibrations.status(ALICE, held.task_id) is None
        oracle.hold.set()
        assert await ended(engine, held.task_id, who=BOB) == [TaskStatus.COMPLETED]

    with_engine(tmp_path, Oracle, scenario)


def test_an_edit_from_before_a_rename_is_taken_and_keeps_the_name(tmp_path: Path) -> None:
    async def scenario(engine: Engine, _: Oracle) -> None:
        saved = await engine.notes.save(ALICE, f"a {link(0)}")
        (answer,) = await engine.calibrations.submit(ALICE, [magnet(0)])
        await ended(engine, answer.task_id)
        edited = await engine.notes.edit(ALICE, saved.note.id, version=1, text=f"b {link(0)} c")
        assert edited is not None
        assert edited.note.text == f"b {link(0, 'Name%20of%201.mkv')} c"
        assert edited.note.version == 3
        with pytest.raises(Stale) as stale:
            await engine.notes.edit(ALICE, saved.note.id, version=1, text="too late")
        assert stale.value.now.version == 3

    with_engine(tmp_path, Oracle, scenario)


def test_a_name_that_a_person_chose_is_never_overwritten(tmp_path: Path) -> None:
    async def scenario(engine: Engine, _: Oracle) -> None:
        saved = await engine.notes.save(ALICE, f"{link(0, 'lie')} {link(1, 'lie')}")
        mine = f"{link(0, 'my+own')} {link(1, 'lie')}"
        await engine.notes.edit(ALICE, saved.note.id, version=1, text=mine)
        answers = await engine.calibrations.submit(ALICE, magnets_of(mine))
        await ended(engine, *(one.task_id for one in answers))
        found = await engine.notes.get(ALICE, saved.note.id)
        assert found is not None
        assert found.note.text == f"{link(0, 'my+own')} {link(1, 'Name%20of%202.mkv')}"

    with_engine(tmp_path, Oracle, scenario)


def test_notes_are_their_owners(tmp_path: Path) -> None:
    async def scenario(engine: Engine, _: Oracle) -> None:
        saved = await engine.notes.save(ALICE, "mine")
        assert await engine.notes.get(BOB, saved.note.id) is None
        assert await engine.notes.edit(BOB, saved.note.id, version=1, text="stolen") is None
        assert await engine.notes.remove(BOB, saved.note.id) is False
        assert await engine.notes.newest(BOB, limit=10) == ([], False)
        assert [view.note.text for view in (await engine.notes.newest(ALICE, limit=10))[0]] == ["mine"]
        assert await engine.notes.remove(ALICE, saved.note.id) is True
        assert await engine.notes.get(ALICE, saved.note.id) is None

    with_engine(tmp_path, Oracle, scenario)


def test_ended_tasks_are_forgotten_in_their_time_and_the_name_stays(tmp_path: Path) -> None:
    async def scenario(engine: Engine, oracle: Oracle) -> None:
        (answer,) = await engine.calibrations.submit(ALICE, [magnet(0)])
        seen = engine.hub.count
        while await engine.calibrations.status(ALICE, answer.task_id) is not None:
            seen = await engine.hub.wait(seen, timeout_s=0.05)
        (again,) = await engine.calibrations.submit(ALICE, [magnet(0)])
        assert again.status is TaskStatus.COMPLETED
        assert oracle.asked == [HASHES[0]]

    with_engine(tmp_path, Oracle, scenario, task_ttl_s=0.2, cleanup_interval_s=0.1)
