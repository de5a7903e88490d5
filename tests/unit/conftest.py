"""Signals for the tests of the drop-in class: the manager logs each change of a task after it can be seen."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from truename import crew

PATIENCE_S = 60


class Signals(logging.Handler):
    """Waits until something holds, looking again at each line that the manager logs; keeps the lines."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        with self.changed:
            self.lines.append(self.format(record))
            self.changed.notify_all()

    def __call__(self, holds: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(holds, PATIENCE_S)

    def ended(self, manager, task_id):
        """The task, once it has ended."""
        self(lambda: manager.get_task_status(task_id).status.is_final)
        return manager.get_task_status(task_id)


@pytest.fixture
def until() -> Iterator[Signals]:
    signals = Signals()
    logger = logging.getLogger("truename.manager")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(signals)
    yield signals
    logger.removeHandler(signals)
    logger.setLevel(level)


class Clock:
    """Stands in for the module `time` in the crew of a manager: only what the tests set moves it."""

    def __init__(self) -> None:
        self.mono = 1000.0
        self.wall = 1_700_000_000.0

    def monotonic(self) -> float:
        return self.mono

    def time(self) -> float:
        return self.wall

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def move(self, manager, seconds: float) -> None:
        """Let time pass, and the keeper see it."""
        self.mono += seconds
        with manager._crew.lock:
            manager._crew._keeper_called.notify()


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(crew, "time", clock)
    monkeypatch.setattr(crew, "KEEPER_NAP_S", 3600)  # the keeper sees what `move` shows it
    return clock
