"""Cancel against completion, ten thousand times through the real writer: exactly one wins, and the note knows which."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.integration.heart_support import ALICE, ONE_TRY, Heart, with_heart
from tests.soak import size
from truename import calibration
from truename.calibration import Heard, OfTask, Submission, Wanted
from truename.magnet import InfoHash, Magnet
from truename.model import Lookup, Outcome, TaskStatus
from truename.note_edits import NewNote, save_all
from truename.queue.base import Report
from truename.store.tables import event, note, task
from truename.store.writer import Writer

RACES = 10_000
IN_A_NOTE = 10
HASHES = [InfoHash(f"{number:040x}") for number in range(1, RACES + 1)]


def link(info_hash: str, dn: str = "") -> str:
    return f"magnet:?xt=urn:btih:{info_hash}" + (f"&dn={dn}" if dn else "")


def name_of(info_hash: str) -> str:
    return f"Name-{int(info_hash, 16)}.mkv"


def found(lookup: Lookup, at: float) -> Heard:
    info_hash = lookup.magnet.info_hash
    outcome = Outcome(
        info_hash=info_hash, status=TaskStatus.COMPLETED, name=name_of(info_hash), source="swarm", verified=True
    )
    return Heard(report=Report(lookup=lookup, outcome=outcome), at=at)


class Racetrack:
    """Ten thousand look-ups that run, of tasks whose magnets stand in notes."""

    def __init__(self, heart: Heart, writer: Writer) -> None:
        self.writer = writer
        self.now = heart.now
        self.apply = partial(calibration.apply_all, rules=ONE_TRY)
        self.cancel = partial(calibration.cancel_all, rules=ONE_TRY)
        self.submit = partial(calibration.submit_all, rules=ONE_TRY)
        self.task_of = {one: str(uuid.uuid4()) for one in HASHES}

    async def write_all(self, work: Any, items: Sequence[Any]) -> list[Any]:
        return await asyncio.gather(*(self.writer.begin(work, one) for one in items))

    async def start(self) -> list[Lookup]:
        texts = ["\n".join(map(link, HASHES[start : start + IN_A_NOTE])) for start in range(0, RACES, IN_A_NOTE)]
        await self.write_all(save_all, [NewNote(person_id=ALICE, text=text, at=self.now) for text in texts])
        asked = [
            Submission(task_id=task_id, person_id=ALICE, magnet=Magnet(info_hash=one), at=self.now)
            for one, task_id in self.task_of.items()
        ]
        await self.write_all(self.submit, asked)
        wanted = Wanted(count=RACES, delivery=str(uuid.uuid4()), at=self.now)
        taken: list[Lookup] = (await self.write_all(calibration.take_all, [wanted]))[0]
        await self.write_all(self.apply, [Heard(report=Report(lookup=one), at=self.now) for one in taken])
        return taken

    async def run(self, taken: Sequence[Lookup], chance: random.Random) -> dict[str, bool]:
        """Both at once for each of them, in any order; whether the completion counted, for each hash."""
        begun: dict[str, asyncio.Future[Any]] = {}
        cancelled: list[asyncio.Future[Any]] = []
        entries = [(one, cancels) for one in taken for cancels in (True, False)]
        chance.shuffle(entries)
        for number, (lookup, cancels) in enumerate(entries):
            info_hash = lookup.magnet.info_hash
            if cancels:
                wanted = OfTask(person_id=ALICE, task_id=self.task_of[info_hash], at=self.now)
                cancelled.append(self.writer.begin(self.cancel, wanted))
            else:
                begun[info_hash] = self.writer.begin(self.apply, found(lookup, self.now))
            if number % chance.randint(1, 400) == 0:
                await asyncio.sleep(0)  # so that groups are of every size
        await asyncio.gather(*cancelled)
        return {info_hash: await counted for info_hash, counted in begun.items()}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(size(test=1, soak=20)))
def test_of_cancel_and_completion_exactly_one_wins_and_the_note_changes_only_if_that_was_completion(
    tmp_path: Path, seed: int
) -> None:
    async def scenario(heart: Heart) -> None:
        writer = Writer(heart.database)
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.run())
            track = Racetrack(heart, writer)
            taken = await track.start()
            assert len(taken) == RACES
            async with heart.database.reading() as connection:
                before = (await connection.execute(select(func.max(event.c.seq)))).scalar_one()
            counted = await track.run(taken, random.Random(seed))  # noqa: S311 - chance, no secret
            writer.stop()
        async with heart.database.reading() as connection:
            tasks = (await connection.execute(select(task.c.id, task.c.hash, task.c.status, task.c.name))).all()
            texts = (await connection.execute(select(note.c.text).order_by(note.c.id))).scalars().all()
            told = select(event.c.task_id).where(event.c.seq > before, event.c.task_id.is_not(None))
            ends = Counter((await connection.execute(told)).scalars())
        wins = Counter(one.status for one in tasks)
        assert wins["completed"] + wins["cancelled"] == RACES
        assert min(wins.values()) > RACES // 20  # both have really won
        assert {one.hash: one.status == "completed" for one in tasks} == counted
        assert ends == Counter(track.task_of.values())
        names = {one.hash: one.name for one in tasks if one.status == "completed"}
        assert names == {one: name_of(one) for one in names}
        expected = [link(one, names.get(one, "")) for one in HASHES]
        assert "\n".join(texts).split("\n") == expected
        print(f"{RACES} races, won by {dict(wins)}")

    with_heart(tmp_path, scenario)
