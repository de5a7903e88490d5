"""Signals for the tests of the drop-in class: the manager logs each change of a task after it can be seen."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

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
