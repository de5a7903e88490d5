"""The whole engine against a model of a hundred lines: whatever comes in whatever order, the database says the same.

Everything goes through the real writer into a real SQLite file, which is read after each step. A crash is a copy of the
file and its log at that moment, opened as after a loss of power.
Source: https://hypothesis.readthedocs.io/en/latest/stateful.html
"""

import asyncio
import atexit
import inspect
import shutil
import sqlite3
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import insert

from tests.integration.engine_model import ACTIVE, Model, Task
from tests.integration.engine_world import HYBRID, LINES, MAGNETS, NAME_OF, RULES, TORRENT_OF, TORRENTS, C
from tests.integration.heart_support import told_to_nobody
from tests.integration.note_model import Note, text_of
from tests.invariants import Chronicle, broken, opened
from tests.soak import size
from truename import calibration
from truename.batching import Batches
from truename.calibration import Answer, Census, Heard, NoRoom, OfTask, Priority, Submission, Submitted, Wanted
from truename.cleaner import Cleaner
from truename.feeder import Feeder
from truename.hub import Hub
from truename.magnet import InfoHash, Magnet
from truename.model import Lookup, Outcome, TaskStatus
from truename.note_edits import Stale
from truename.notes import Notes
from truename.queue.base import Report
from truename.queue.local import LocalQueue
from truename.service import Calibrations, Desk, StillActive, TooMany
from truename.store.database import FILE_NAME, Database, sqlite_url
from truename.store.migrate import migrate
from truename.store.sources import Sources
from truename.store.tables import person
from truename.store.writer import Writer
from truename.watch import Watch

Result = TypeVar("Result")

TTL_S = 1000.0
WATCH_SLOTS = 2
LONGEST_SLEEP_S = 3600.0  # longer than the rules of the model: the watch asks again then, whatever has become of it
PEOPLE = (1, 2)

_TEMPLATE: list[Path] = []


def template() -> Path:
    """An empty database with two people, made once."""
    if not _TEMPLATE:
        folder = Path(tempfile.mkdtemp(prefix="truename-model-"))
        atexit.register(shutil.rmtree, folder)
        migrate(sqlite_url(folder / FILE_NAME))
        asyncio.run(_people(folder))
        _TEMPLATE.append(folder)
    return _TEMPLATE[0]


async def _people(folder: Path) -> None:
    database = Database.at(folder)
    async with database.writing() as connection:
        for number in PEOPLE:
            values = {"username": f"p{number}", "username_folded": f"p{number}", "password_hash": "", "admin": False}
            await connection.execute(insert(person).values(id=number, created_at=0.0, **values))
    await database.aclose()


class Died(Exception):  # noqa: N818 - named after what it is
    """The process is gone in the middle of a transaction."""


class Engine:
    """The heart on one file, as `app.py` puts it together, without the loops: the test is worker, feeder and clock."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self.database = Database.at(folder)
        self.writer = Writer(self.database)
        hub, queue = Hub(), LocalQueue(slots=3)
        self.feeder = Feeder(self.writer, queue, now, resting=lambda: False)
        census = Census()
        desk = Desk(
            database=self.database,
            writer=self.writer,
            hub=hub,
            feeder=self.feeder,
            clock=now,
            rules=RULES,
            census=census,
            task_ttl_s=TTL_S,
        )
        self.calibrations, self.batches = Calibrations(desk), Batches(desk)
        self.notes = Notes(self.database, self.writer, hub, clock=now, task_ttl_s=TTL_S)
        self.cleaner = Cleaner(self.writer, now, task_ttl_s=TTL_S, interval_s=1)
        self.apply_all = partial(calibration.apply_all, rules=RULES)
        self.watch = Watch(
            self.database,
            self.writer,
            hub,
            clock=now,
            submit=partial(calibration.submit_all, rules=RULES, census=census),
            slots=WATCH_SLOTS,
            resting=lambda: False,
            asked=told_to_nobody,
            longest_delay_s=LONGEST_SLEEP_S,
        )


people = st.sampled_from(PEOPLE)
magnets = st.lists(st.sampled_from(sorted(MAGNETS)), min_size=1, max_size=4)
priorities = st.sampled_from(Priority)
picks = st.integers(min_value=0, max_value=30)
ENDS = ("named", "timeout", "transient", "bad_name", "another torrent's")
DUE_WATCHES = "SELECT person_id, hash FROM watch WHERE next_at <= :now OR next_at > :never"
ASKED_WATCHES = "SELECT person_id, hash FROM watch WHERE next_at = :until"
OLD_BATCHES = "SELECT id FROM batch WHERE ended_at <= :over"
OLD_TASKS = """
SELECT id FROM task WHERE completed_at <= :over AND NOT EXISTS (
    SELECT 1 FROM batch_task m JOIN batch b ON b.id = m.batch_id
    WHERE m.task_id = task.id AND (b.ended_at IS NULL OR b.ended_at > :over))
"""
CODES = {"timeout": "no_peers", "transient": "resolver_unavailable", "bad_name": "bad_name"}


def _magnets(names: Sequence[str]) -> list[Magnet]:
    return [MAGNETS[one] for one in names]


class EngineMachine(RuleBasedStateMachine):
    """Does to the engine and to the model the same."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 10_000.0
        self.model = Model()
        self.chronicle = Chronicle()
        self.out: list[Lookup] = []  # every delivery there has been
        self.folder = Path(tempfile.mkdtemp(prefix="truename-model-"))
        self.loop = asyncio.Runner()
        self.writing: asyncio.Task[None] | None = None

    @initialize()
    def start(self) -> None:
        """An empty database."""
        shutil.copytree(template(), self.folder / "0")
        self._open(self.folder / "0")

    # What people do

    @rule(who=people, asked=magnets, other=people, others=magnets, priority=priorities)
    def submit(self, who: int, asked: list[str], other: int, others: list[str], priority: Priority) -> None:
        """Two people ask in the same moment."""

        async def both() -> tuple[Sequence[Answer], ...]:
            submit = self.engine.calibrations.submit
            return await asyncio.gather(
                submit(who, _magnets(asked), priority=priority), submit(other, _magnets(others))
            )

        for person_id, given, answers in zip((who, other), (asked, others), self._do(both()), strict=True):
            self._expect(person_id, given, answers)

    @rule(who=people, asked=magnets, priority=priorities)
    def submit_batch(self, who: int, asked: list[str], priority: Priority) -> None:
        """Somebody asks for many at once."""
        before = set(self.model.tasks)
        done = self._do(self.engine.batches.submit(who, _magnets(asked), total=len(asked) + 1, priority=priority))
        self._expect(who, asked, done.answers)
        members: dict[int, tuple[str, bool]] = {}
        for place, answer in enumerate(done.answers):
            if isinstance(answer, Submitted) and answer.task_id not in {one for one, _ in members.values()}:
                members[place] = (answer.task_id, answer.task_id not in before)
        self.model.batches[done.batch_id] = members

    @precondition(lambda self: self.model.active())
    @rule(who=people, pick=picks)
    def cancel(self, who: int, pick: int) -> None:
        """Somebody cancels a task, their own or not."""
        task_id = self._pick(list(self.model.tasks), pick)
        view = self._do(self.engine.calibrations.cancel(who, task_id))
        self.model.cancel(who, task_id)
        task = self.model.tasks[task_id]
        if view is not None:  # otherwise it is somebody else's, or its time is over
            assert (task.person, task.status) == (who, view.row.status.value)

    @precondition(lambda self: self.model.batches)
    @rule(who=people, pick=picks)
    def cancel_batch(self, who: int, pick: int) -> None:
        """Somebody cancels a batch, their own or not."""
        batch_id = self._pick(list(self.model.batches), pick)
        self._do(self.engine.batches.cancel(who, batch_id))
        for task_id, created in self.model.batches[batch_id].values():
            if created:
                self.model.cancel(who, task_id)

    @precondition(lambda self: self.model.tasks)
    @rule(who=people, pick=picks)
    def retry(self, who: int, pick: int) -> None:
        """Somebody asks again for what a task asked for."""
        task_id = self._pick(list(self.model.tasks), pick)
        task = self.model.tasks[task_id]
        try:
            answer = self._do(self.engine.calibrations.retry(who, task_id))
        except StillActive:
            assert task.status in ACTIVE
        except TooMany:
            assert self.model.submit(who, task.hash, "refused") == NoRoom()
        else:
            if answer is not None:
                assert task.person == who
                assert self.model.submit(who, task.hash, answer.task_id, task.trackers) == answer

    @precondition(lambda self: self.model.active())
    @rule(who=people, pick=picks)
    def hurry(self, who: int, pick: int) -> None:
        """Somebody wants a task first, their own or not, waiting or not."""
        task_id = self._pick(list(self.model.tasks), pick)
        task = self.model.tasks[task_id]
        self._do(self.engine.calibrations.hurry(who, task_id))
        if (task.person, task.status) == (who, "pending"):
            self.model.submit(who, task.hash, task_id, task.trackers)

    @precondition(lambda self: self._unnamed())
    @rule(pick=picks)
    def retry_batch(self, pick: int) -> None:
        """An owner asks again for what failed in a batch."""
        batch_id, again = self._pick(list(self._unnamed().items()), pick)
        members = self.model.batches[batch_id]
        who = next(iter(again.values())).person
        retried = self._do(self.engine.batches.retry(who, batch_id))
        asked: list[str] = []
        refused = 0
        now = {
            row["place"]: row["task_id"]
            for row in self.file.execute("SELECT * FROM batch_task WHERE batch_id = ?", (batch_id,))
        }
        for place, task in sorted(again.items()):
            old_id, new_id = members[place][0], now[place]
            fresh = new_id not in self.model.tasks
            answer = self.model.submit(who, task.hash, new_id, task.trackers)
            if isinstance(answer, NoRoom):
                assert new_id == old_id
                refused += 1
                continue
            asked.append(task.hash)
            assert answer.task_id == new_id
            members[place] = (new_id, fresh)
        assert ([one.magnet.info_hash for one, _ in retried.asked], retried.refused) == (asked, refused)

    @rule(who=people, text=st.sampled_from(sorted(LINES)), asks=st.booleans())
    def save_note(self, who: int, text: str, asks: bool) -> None:
        """Somebody saves a text with magnets, and perhaps asks for their names."""
        note = Note(who, [(one, "was") for one in LINES[text]])
        self.model.notes[self._do(self.engine.notes.save(who, text_of(note))).note.id] = note
        if asks:
            asked = text.split(", ")
            self._expect(who, asked, self._do(self.engine.calibrations.submit(who, _magnets(asked))))

    @precondition(lambda self: self.model.notes)
    @rule(who=people, pick=picks, back=st.integers(0, 2), place=picks, dn=st.sampled_from(["mine", "was", None]))
    def edit_note(self, who: int, pick: int, back: int, place: int, dn: str | None) -> None:
        """Somebody edits a note, perhaps from an older version, and perhaps changes a name in it."""
        note_id = self._pick(list(self.model.notes), pick)
        note = self.model.notes[note_id]
        version = max(1, len(note.before) + 1 - back)
        base = [*(lines for _, lines in note.before), note.lines][version - 1]
        place %= len(base)
        chosen = base[place][1] if dn is None else dn
        title = f"edit {len(note.before)}"
        mine = replace(
            note, title=title, lines=[(one, chosen if index == place else was) for index, (one, was) in enumerate(base)]
        )
        try:
            view = self._do(self.engine.notes.edit(who, note_id, version=version, text=text_of(mine)))
        except Stale:
            assert note.person == who
            assert not note.edit(version, place, chosen, title)
        else:
            assert (view is not None) == (note.person == who)
            if view is not None:
                assert note.edit(version, place, chosen, title)

    @rule(who=people, name=st.sampled_from(sorted(MAGNETS)), stop=st.booleans())
    def watch_by_hand(self, who: int, name: str, stop: bool) -> None:
        """Somebody wants a sleeping hash to be asked for now, or not any more."""
        watch, magnet = self.engine.watch, MAGNETS[name]
        done = self._do((watch.stop if stop else watch.now)(who, magnet.info_hash))
        rows = self.file.execute(
            "SELECT next_at FROM watch WHERE person_id = ? AND hash = ?", (who, magnet.info_hash)
        ).fetchall()
        assert [row[0] for row in rows] == ([None if stop else self.now] if done else [])

    # What the engine and its workers do

    @rule(count=st.integers(1, 6), only_high=st.booleans(), begins=st.booleans())
    def take(self, count: int, only_high: bool, begins: bool) -> None:
        """The feeder takes what is next, and perhaps it begins at once."""
        taken = self._take(count, only_high=only_high)
        assert len(taken) <= count
        if begins:
            self._tell([(one, "begin") for one in taken])

    @precondition(lambda self: self.out)
    @rule(told=st.lists(st.tuples(picks, st.sampled_from(("begin", *ENDS))), min_size=1, max_size=4))
    def tell(self, told: list[tuple[int, str]]) -> None:
        """Reports come in one group: early, late, doubled, of the same look-up in two deliveries."""
        self._tell([(self._pick(self.out, pick), what) for pick, what in told])

    @precondition(lambda self: self.model.active())
    @rule(count=st.integers(1, 3), end=st.sampled_from(ENDS))
    def answer(self, count: int, end: str) -> None:
        """Look-ups are taken and go as look-ups usually do."""
        taken = self._take(count)
        self._tell([(one, "begin") for one in taken])
        if taken:
            self._tell([(one, end) for one in taken])

    @precondition(lambda self: self.out)
    @rule(given=st.lists(picks, min_size=1, max_size=3))
    def give_back(self, given: list[int]) -> None:
        """Workers stop: look-ups come back, also such as nobody waits for."""
        lookups = [self._pick(self.out, pick) for pick in given]
        self._do(self._write(calibration.give_back_all, [(one, self.now) for one in lookups]))
        for one in lookups:
            self.model.give_back(one.magnet.info_hash, one.delivery)

    @precondition(lambda self: self._count("SELECT count(*) FROM watch"))
    @rule(in_time=st.booleans())
    def watch(self, in_time: bool) -> None:
        """The watch asks for what is due, which something may be just then."""
        if in_time:
            self.now = max(self.now, self._count("SELECT coalesce(max(next_at), 0) + 1 FROM watch"))
        active = self._count("SELECT count(*) FROM task WHERE watched AND active = 1")
        due = {
            tuple(row) for row in self.file.execute(DUE_WATCHES, {"now": self.now, "never": self.now + LONGEST_SLEEP_S})
        }
        self._do(self.engine.watch.ask())
        assert self._count("SELECT count(*) FROM task WHERE watched AND active = 1") <= max(active, WATCH_SLOTS)
        for row in self.file.execute("SELECT id, person_id, hash FROM task WHERE watched").fetchall():
            if row["id"] not in self.model.tasks:
                assert (row["person_id"], row["hash"]) in due
                assert any(
                    row["hash"] in one and row["hash"] not in note.own
                    for note in self.model.notes.values()
                    for one, _ in note.lines
                    if note.person == row["person_id"]
                )
                assert isinstance(self.model.submit(row["person_id"], row["hash"], row["id"], by_watch=True), Submitted)
        asked = {tuple(row) for row in self.file.execute(ASKED_WATCHES, {"until": self.now + LONGEST_SLEEP_S})}
        for who, info_hash in due & asked:
            if own := self.model.active(info_hash, who):  # put off until its next try, perhaps: not any more
                self.model.submit(who, info_hash, own[0], by_watch=True)

    @rule(by_s=st.sampled_from([0.5, 6.0, 40.0, 700.0, 1500.0, -3.0, -5000.0]))
    def clock(self, by_s: float) -> None:
        """Time goes by, or somebody sets the clock."""
        self.now += by_s

    @precondition(lambda self: self.model.tasks)
    @rule(later_s=st.sampled_from([0.0, 400.0, TTL_S]))
    def clean_up(self, later_s: float) -> None:
        """What is over is forgotten, and nothing else."""
        self.now += later_s
        over = {"over": self.now - TTL_S}
        for row in self.file.execute(OLD_TASKS, over).fetchall():
            del self.model.tasks[row["id"]]
        for row in self.file.execute(OLD_BATCHES, over).fetchall():
            del self.model.batches[row["id"]]
        self._do(self.engine.cleaner.clean())

    @rule(during=st.sampled_from(["nothing", "a submit", "a name", "a cancel"]), pick=picks, who=people)
    def crash(self, during: str, pick: int, who: int) -> None:
        """The power is gone, perhaps in the middle of a transaction; then the next start."""
        folder = self.folder / str(uuid.uuid4())
        if during == "a submit":
            submission = Submission(
                task_id=str(uuid.uuid4()),
                person_id=who,
                magnet=list(MAGNETS.values())[pick % len(MAGNETS)],
                at=self.now,
            )
            self._die(partial(calibration.submit_all, rules=RULES, census=Census()), [submission], folder)
        elif during == "a name" and self.out:
            lookup = self._pick(self.out, pick)
            self._die(self.engine.apply_all, [self._told(lookup, "named")], folder)
        elif during == "a cancel" and self.model.tasks:
            task_id = list(self.model.tasks)[pick % len(self.model.tasks)]
            wanted = OfTask(person_id=self.model.tasks[task_id].person, task_id=task_id, at=self.now)
            self._die(partial(calibration.cancel_all, rules=RULES), [wanted], folder)
        else:
            self._copy(folder)
        self._close()
        self._open(folder)
        for info_hash, delivery in list(self.model.current.items()):
            self.model.give_back(info_hash, delivery)

    # What must be so

    @invariant()
    def the_database_keeps_its_rules(self) -> None:
        """Whatever has happened."""
        if self.writing is not None:
            assert broken(self.file) == []

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        """Tasks, names, texts and batches."""
        if self.writing is None:
            return
        tasks = self.file.execute(
            "SELECT id, person_id, hash, status, attempt, name, next_attempt_at, sources FROM task"
        )
        read = {row[0]: Task(*tuple(row)[1:7], trackers=set(Sources.of_text(row["sources"]).trackers)) for row in tasks}
        assert read == self.model.tasks
        known = self.file.execute("SELECT h.hash, t.name FROM torrent_hash h JOIN torrent t ON t.id = h.torrent_id")
        assert {row["hash"]: row["name"] for row in known} == self.model.names
        texts = self.file.execute("SELECT id, text FROM note")
        assert dict(map(tuple, texts)) == {key: text_of(note) for key, note in self.model.notes.items()}
        batches: dict[str, dict[int, tuple[str, bool]]] = {
            row[0]: {} for row in self.file.execute("SELECT id FROM batch")
        }
        for row in self.file.execute("SELECT * FROM batch_task"):
            batches[row["batch_id"]][row["place"]] = (row["task_id"], bool(row["created"]))
        assert batches == self.model.batches
        running = self.file.execute("SELECT hash, delivery || '.' || id FROM lookup WHERE status = 'running'")
        assert dict(map(tuple, running)) == self.model.current

    def teardown(self) -> None:
        """Nothing that was accepted is forgotten: all of it comes to an end."""
        try:
            if self.writing is not None and sys.exc_info()[0] is None:  # otherwise it is what came before that is told
                self._drain()
                self.the_database_keeps_its_rules()
                self.the_database_says_what_the_model_says()
        finally:
            if self.writing is not None:
                self._close()
            self.loop.close()
            shutil.rmtree(self.folder)

    def _drain(self) -> None:
        for turn in range(100):
            self._take(100)
            under_way = [one for one in self.out if one.delivery in self.model.current.values()]
            if not under_way and not self._count("SELECT count(*) FROM lookup WHERE active = 1"):
                break
            self._tell([(one, "begin") for one in under_way])
            self._tell([(one, ENDS[(turn + one.lookup_id) % len(ENDS)]) for one in under_way])
            self.now += RULES.longest_delay_s  # enough, however far the clock was set back
        assert self.model.active() == []
        assert self._count("SELECT count(*) FROM batch WHERE ended_at IS NULL") == 0

    # How it is done

    def _open(self, folder: Path) -> None:
        self.engine = Engine(folder, lambda: self.now)
        self.file: sqlite3.Connection = opened(folder / FILE_NAME)

        async def begin() -> None:
            self.writing = asyncio.create_task(self.engine.writer.run())
            await self.engine.writer.write(calibration.recover, self.now)

        self.loop.run(begin())

    def _close(self) -> None:
        async def end() -> None:
            self.engine.writer.stop()
            if self.writing is not None:
                await self.writing
            await self.engine.database.aclose()

        self.file.close()
        self.loop.run(end())
        self.writing = None

    def _do(self, what: Coroutine[Any, Any, Result]) -> Result:
        """Each of these is a transaction, and has events of its own."""
        self.model.renamed.clear()
        result = self.loop.run(what)
        assert self.chronicle.look(self.file) == []
        return result

    async def _write(self, work: Callable[..., Awaitable[Sequence[Any]]], items: Sequence[Any]) -> Sequence[Any]:
        return await asyncio.gather(*(self.engine.writer.begin(work, one) for one in items))

    def _take(self, count: int, *, only_high: bool = False) -> list[Lookup]:
        wanted = Wanted(
            count=count,
            delivery=str(uuid.uuid4()),
            at=self.now,
            only_high=only_high,
            longest_delay_s=RULES.longest_delay_s,
        )
        taken: list[Lookup] = self._do(self._write(calibration.take_all, [wanted]))[0]
        for one in taken:
            assert self.model.active(one.magnet.info_hash)
            assert one.magnet.info_hash not in self.model.current
            self.model.current[one.magnet.info_hash] = one.delivery
        if len(taken) < count and not only_high:
            assert self._count("SELECT count(*) FROM lookup WHERE status = 'pending'") == 0
        self.out += taken
        return taken

    def _tell(self, told: Sequence[tuple[Lookup, str]]) -> None:
        """In one transaction what has begun goes first, then names, then failures."""
        self._do(self._write(self.engine.apply_all, [self._told(*one) for one in told]))
        for lookup, what in told:
            if what == "begin":
                self.model.begin(lookup.magnet.info_hash, lookup.delivery, self.now)
        for lookup, what in told:
            if what in ("named", "another torrent's"):
                self.model.named(self._answer(lookup, what))
        for lookup, what in told:
            status = {"transient": "transient", "bad_name": "failed"}.get(what, "timeout")
            if what != "begin":
                self.model.failed(lookup.magnet.info_hash, lookup.delivery, status, self.now)

    def _answer(self, lookup: Lookup, what: str) -> tuple[InfoHash, ...]:
        asked_for = TORRENT_OF[lookup.magnet.info_hash]
        return asked_for if what == "named" else TORRENTS[TORRENTS.index(asked_for) - 1]

    def _told(self, lookup: Lookup, what: str) -> Heard:
        if what == "begin":
            return Heard(report=Report(lookup=lookup), at=self.now)
        if what in CODES:
            status = TaskStatus.TIMEOUT if what == "timeout" else TaskStatus.FAILED
            outcome = Outcome(info_hash=lookup.magnet.info_hash, status=status, code=CODES[what], reason=CODES[what])
        else:
            torrent = self._answer(lookup, what)
            outcome = Outcome(
                info_hash=InfoHash(torrent[0]),
                info_hash_v2=C if torrent is HYBRID else None,
                status=TaskStatus.COMPLETED,
                name=NAME_OF[torrent],
                source="swarm",
                verified=True,
            )
        return Heard(report=Report(lookup=lookup, outcome=outcome), at=self.now)

    def _expect(self, who: int, asked: Sequence[str], answers: Sequence[Answer]) -> None:
        for magnet, answer in zip(_magnets(asked), answers, strict=True):
            new_id = answer.task_id if isinstance(answer, Submitted) else "refused"
            assert self.model.submit(who, magnet.info_hash, new_id, magnet.trackers) == answer

    def _die(self, work: Callable[..., Awaitable[Sequence[Any]]], items: Sequence[Any], folder: Path) -> None:
        async def dying(connection: Any) -> None:
            await work(connection, items)
            self._copy(folder)
            raise Died

        with suppress(Died):
            self._do(self.engine.database.write(dying))

    def _copy(self, folder: Path) -> None:
        folder.mkdir()
        for name in (FILE_NAME, f"{FILE_NAME}-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(Path(self.engine.database.url.database or "").with_name(name), folder / name)

    def _count(self, question: str) -> int:
        return int(self.file.execute(question).fetchone()[0])

    def _unnamed(self) -> dict[str, dict[int, Task]]:
        """The batches with failed tasks, by their places."""
        tasks = self.model.tasks
        batches = {
            key: {
                place: tasks[one] for place, (one, _) in members.items() if tasks[one].status in ("failed", "timeout")
            }
            for key, members in self.model.batches.items()
        }
        return {key: again for key, again in batches.items() if again}

    @staticmethod
    def _pick(from_these: Sequence[Any], pick: int) -> Any:
        return from_these[-1 - pick % len(from_these)]


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(
    max_examples=size(test=30, soak=1500),
    stateful_step_count=size(test=40, soak=60),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
# A failure is made small before it is shown.
pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(test=900, soak=4 * 3600))]


def test_the_model_can_be_read_at_a_glance() -> None:
    assert sum(len(inspect.getsource(one).splitlines()) for one in (Task, Model)) <= 100
