"""Backups that come by themselves: when they are due, and that nothing which goes wrong ends the server."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.backup_support import filled, left_behind
from tests.integration.live_support import with_live
from truename.store.files import Stopped, Summary, never
from truename.store.keeper import Keeper
from truename.store.shelf import Made, Record, Shelf

DAY_S = 86_400.0
BEGUN = 1_790_000_000.0
SUMMARY = Summary(revision="0001", people=1, notes=1, names=1, newest=None)


class Over(Exception):  # noqa: N818 - the end of a test
    """Time is over."""


@dataclass
class Time:
    """A clock that moves while somebody sleeps, up to the end of the test."""

    now: float = BEGUN
    end: float = BEGUN + 3 * DAY_S
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.now > self.end:
            raise Over

    def run(self, shelf: Shelf, *, interval_s: float = DAY_S) -> None:
        with pytest.raises(Over):
            asyncio.run(Keeper(shelf, self.clock, interval_s=interval_s, sleep=self.sleep).run())


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    filled(tmp_path / "data")
    return Shelf(data_dir=tmp_path / "data", folder=tmp_path / "backups", keep=7)


def made_at(at: float) -> Record:
    return Record(made=Made(at=at, file="x.db", summary=SUMMARY))


@dataclass(frozen=True)
class Telling:
    """A shelf that does what it is told, and tells when that was."""

    time: Time
    does: Callable[[Callable[[], bool]], None] = lambda stopped: None
    at: list[float] = field(default_factory=list)
    last: list[Record] = field(default_factory=list)

    def make(self, at: float, stopped: Callable[[], bool] = never) -> Made:
        self.at.append(at - BEGUN)
        self.does(stopped)
        made = Made(at=at, file="x.db", summary=SUMMARY)
        self.last.append(Record(made=made))
        return made

    def record(self) -> Record:
        return self.last[-1] if self.last else Record()


def fail(error: Exception) -> Callable[[Callable[[], bool]], None]:
    def does(_stopped: Callable[[], bool]) -> None:
        raise error

    return does


def test_the_first_comes_a_minute_after_the_start_and_then_one_each_interval(shelf: Shelf) -> None:
    Time().run(shelf)
    names = sorted(path.name for path in shelf.folder.iterdir())
    assert len(names) == 3
    made = shelf.record().made
    assert made is not None
    assert made.at == BEGUN + 60 + 2 * DAY_S


@pytest.mark.parametrize(
    ("last", "wait_s"),
    [
        (Record(), 60.0),
        (made_at(BEGUN - 10 * DAY_S), 60.0),
        (made_at(BEGUN - 100), DAY_S - 100),
        (made_at(BEGUN - DAY_S + 30), 60.0),
        (made_at(BEGUN + 10 * DAY_S), 60.0),  # the clock was wrong then
    ],
)
def test_what_is_due_is_counted_from_the_last_one_over_a_restart(shelf: Shelf, last: Record, wait_s: float) -> None:
    assert Keeper(shelf, lambda: BEGUN, interval_s=DAY_S).due_in_s(last) == wait_s


def test_a_clock_that_was_put_back_does_not_hold_up_the_next_one(shelf: Shelf) -> None:
    time = Time()
    keeper = Keeper(shelf, time.clock, interval_s=DAY_S)
    time.now -= 365 * DAY_S
    assert keeper.due_in_s(made_at(BEGUN)) <= DAY_S


def test_nobody_sleeps_so_long_that_a_changed_clock_is_not_seen(shelf: Shelf) -> None:
    time = Time()
    time.run(shelf)
    assert max(time.slept) <= 60


def test_an_interval_of_nothing_is_never(shelf: Shelf) -> None:
    asyncio.run(asyncio.wait_for(Keeper(shelf, lambda: BEGUN, interval_s=0).run(), 60))
    assert not shelf.folder.exists()


def test_what_fails_is_tried_again_within_the_hour_and_told(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    shelf.folder.write_text("a file in the folder's place")
    time = Time(end=BEGUN + 3 * 3600)
    time.run(shelf)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 3
    assert all("no backup was made" in record.getMessage() for record in warnings)
    assert shelf.record().failed is not None
    shelf.folder.unlink()
    time.end += DAY_S
    time.run(shelf)
    assert shelf.record().made is not None


@pytest.mark.parametrize("error", [ValueError("a mistake of ours"), MemoryError(), Stopped("x")])
def test_no_failure_ends_the_loop(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    time = Time(end=BEGUN + 3 * 3600)
    shelf = Telling(time, fail(error))
    time.run(shelf)  # type: ignore[arg-type]
    assert shelf.at == [60, 3660, 7260]
    assert [record for record in caplog.records if "no backup was made" in record.getMessage()]


def test_a_short_interval_is_the_time_to_the_next_try_too() -> None:
    time = Time(end=BEGUN + 35)
    shelf = Telling(time, fail(ValueError()))
    time.run(shelf, interval_s=10)  # type: ignore[arg-type]
    assert shelf.at == [10, 20, 30]


def test_who_is_cancelled_tells_the_thread_to_stop_and_lets_it_tidy_up() -> None:
    begun, tidy = threading.Event(), threading.Event()

    def work(stopped: Callable[[], bool]) -> None:
        begun.set()
        while not stopped():
            time.sleep(0.001)
        time.sleep(0.2)
        tidy.set()
        raise Stopped("x")

    async def scenario() -> None:
        making = asyncio.ensure_future(Keeper(Telling(Time(), work), lambda: BEGUN, interval_s=DAY_S).make())  # type: ignore[arg-type]
        await asyncio.to_thread(begun.wait, 60)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        assert tidy.is_set()

    asyncio.run(scenario())


class Told(logging.Handler):
    """Sets an event when something is said."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word, self.event, self.loop = word, asyncio.Event(), asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        if self.word in record.getMessage():
            self.loop.call_soon_threadsafe(self.event.set)


@pytest.fixture
def keeper_log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("truename.store.keeper")
    logger.setLevel(logging.INFO)
    yield logger
    logger.setLevel(logging.NOTSET)
    logger.handlers.clear()


def test_a_running_engine_makes_them(tmp_path: Path, keeper_log: logging.Logger) -> None:
    told: list[Told] = []

    async def scenario(_site: object) -> None:
        told.append(Told("a backup was made"))
        keeper_log.addHandler(told[0])
        async with asyncio.timeout(60):
            await told[0].event.wait()

    with_live(tmp_path, scenario, backup_interval_s=0.05, backup_keep=2, backup_dir=tmp_path / "elsewhere")
    made = list((tmp_path / "elsewhere").glob("truename-*.db"))
    assert 1 <= len(made) <= 2
    assert left_behind(tmp_path) == []
