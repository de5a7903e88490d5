"""The drop-in class: calibrations in worker threads, for a plain synchronous program.

Owns what callers see: arguments and their errors, the table for reading, the one manager of a process. The threads
are in `crew.py` (daemons, because the end of the process must not wait for a stuck function), the function's answer
is read in `ad_hoc.py`. All three share with the server only the words and rules of `model.py`, and know nothing of
resolvers. Nothing is on disk unless `database=` names a file.
"""

import logging
import math
import os
import sys
import threading
import weakref
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, ParamSpec, overload

from truename.ad_hoc import Job
from truename.crew import Crew
from truename.model import CalibrationTask
from truename.telling import tell

logger = logging.getLogger("truename.manager")

_LOGGED_CHARS = 200

_P = ParamSpec("_P")
_Answer = tuple[str | None, str | None]


class AsyncCalibrationManager:
    """Runs calibration functions in worker threads and remembers how they ended. Thread-safe; needs no server.

    A function returns `(result, error)`: a `str` that is not empty completes the task, anything else fails it. A
    running function cannot be killed: after `cancel_task` it runs on, still in its worker, and its result is dropped.

    Input:  `max_workers` functions run at once, the others wait in the order of their submission;
            `timeout` ends a longer task as `timeout` and counts its worker as free, though the thread runs on: a
            function that never returns costs one thread each time;
            `database` names a file that keeps the tasks over a restart; what had not ended is then `interrupted`.
    Units:  `task_ttl` and `timeout` are seconds. A task is forgotten `task_ttl` after its end.
    Errors: `TypeError`, `ValueError`; `truename.journal.JournalError` when `database` cannot be used.
    Fork:   in the child the manager starts empty, and in memory.
    End:    the process never waits for it. A manager nobody refers to any more ends its threads when its last task
            has ended.
    """

    def __init__(
        self,
        max_workers: int = 5,
        task_ttl: float = 3600,
        *,
        timeout: float | None = None,
        database: str | os.PathLike[str] | None = None,
    ) -> None:
        if isinstance(max_workers, bool) or not isinstance(max_workers, int):
            raise TypeError(f"max_workers must be an int, not {type(max_workers).__name__}")
        if max_workers < 1:
            raise ValueError(f"max_workers must be at least 1, not {max_workers}")
        _check_seconds("task_ttl", task_ttl)
        if timeout is not None:
            _check_seconds("timeout", timeout)
            if timeout == 0:
                raise ValueError("timeout must be more than 0; None means no limit")
        path = None if database is None else _path(database)
        self._crew = Crew(
            max_workers=max_workers, ttl_s=task_ttl, timeout_s=math.inf if timeout is None else float(timeout)
        )
        if path is not None:
            self._crew.open_journal(path)
        self._tasks = _TaskTable(self._crew)
        weakref.finalize(self, self._crew.abandon).atexit = False

    @property
    def tasks(self) -> Mapping[str, CalibrationTask]:
        """All that are remembered, by `task_id`. Read-only; going through it sees one moment, whatever others do."""
        return self._tasks

    @property
    def task_ttl(self) -> float:
        """How many seconds an ended task is remembered."""
        return self._crew.ttl_s

    @task_ttl.setter
    def task_ttl(self, seconds: float) -> None:
        _check_seconds("task_ttl", seconds)
        self._crew.ttl_s = seconds

    @overload
    def submit_task(
        self, info_hash: str, calibration_func: Callable[_P, _Answer], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> str: ...

    @overload
    def submit_task(self, /, info_hash: str, *, calibration_func: Callable[..., _Answer], **kwargs: Any) -> str: ...

    def submit_task(self, /, *args: Any, **kwargs: Any) -> str:
        """`submit_task(info_hash, calibration_func, *args, **kwargs)`: call the function soon; the task's id.

        Input:  `info_hash` is a label, any string that is not empty. When both are given by position every keyword
                goes to the function, `info_hash=` included; given as keywords they are taken out.
        Output: a UUID, at once, also when all workers are stuck.
        Errors: `TypeError`, `ValueError` for what is no label or no function; `RuntimeError` after `shutdown`;
                `truename.journal.JournalError` when `database=` cannot be written. No task is left behind.
        """
        info_hash, function = _label_and_function(args, kwargs)
        task_id = self._crew.submit(info_hash, Job(function, args[2:], kwargs))
        tell(logger, logging.INFO, "task %s for %r: pending", task_id, info_hash[:_LOGGED_CHARS])
        return task_id

    def get_task_status(self, task_id: str) -> CalibrationTask | None:
        """The task as it is now, or None when it is unknown or forgotten."""
        return self._crew.task(task_id)

    def cancel_task(self, task_id: str) -> bool:
        """End a task that has not ended; True when this call did it. A pending one then never runs."""
        return self._crew.cancel(task_id)

    def cleanup_old_tasks(self) -> int:
        """Forget the tasks that ended more than `task_ttl` seconds ago; how many. It also happens on its own."""
        return self._crew.sweep()

    def shutdown(self, wait: bool = True) -> None:  # noqa: FBT001, FBT002 - as in concurrent.futures
        """Take no more tasks. Reading goes on; calling it again does no harm.

        With `wait`, returns when the last pending and running task has ended. Without, cancels what is pending and
        returns at once; what is running ends when it ends, and the process does not wait for it.
        Errors: `RuntimeError` when a function of this manager would wait for its own end.
        """
        if wait and self._crew.is_worker(threading.current_thread()):
            raise RuntimeError("a calibration function cannot wait for its own end; use shutdown(wait=False)")
        self._crew.close(cancel_pending=not wait)
        if wait:
            self._crew.wait_until_idle()


class _TaskTable(Mapping[str, CalibrationTask]):
    """The tasks for reading. `dict.copy` is atomic, so a walk never meets a change."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def __getitem__(self, task_id: str) -> CalibrationTask:
        task = self._crew.task(task_id)
        if task is None:
            raise KeyError(task_id)
        return task

    def __len__(self) -> int:
        return len(self._crew.remembered())

    def __iter__(self) -> Iterator[str]:
        return iter(self._crew.remembered())

    def keys(self) -> KeysView[str]:
        return self._crew.remembered().keys()

    def values(self) -> ValuesView[CalibrationTask]:
        return self._crew.remembered().values()

    def items(self) -> ItemsView[str, CalibrationTask]:
        return self._crew.remembered().items()

    def __repr__(self) -> str:
        return repr(self._crew.remembered())


def _label_and_function(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Callable[..., object]]:
    """The first two arguments of `submit_task`, taken out of `kwargs` where they were not given by position."""
    try:
        info_hash = args[0] if args else kwargs.pop("info_hash")
        function = args[1] if len(args) > 1 else kwargs.pop("calibration_func")
    except KeyError as exc:
        raise TypeError(f"submit_task() misses the argument {exc}") from None
    if not isinstance(info_hash, str):
        raise TypeError(f"info_hash must be a str, not {type(info_hash).__name__}")
    if not info_hash:
        raise ValueError("info_hash must not be empty")
    if not callable(function):
        raise TypeError(f"calibration_func must be callable, not {type(function).__name__}")
    return str.__str__(info_hash), function


def _check_seconds(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not value >= 0:  # refuses NaN, too
        raise ValueError(f"{name} must not be negative, not {value}")
    if isinstance(value, int) and value > sys.float_info.max:
        raise ValueError(f"{name} is too large; math.inf means for ever")


def _path(database: str | os.PathLike[str]) -> str:
    path = os.fsdecode(database)
    if not path or "\0" in path:
        raise ValueError(f"database must name a file, not {path!r}")
    return os.path.abspath(path)


_making_one = threading.RLock()
_manager: AsyncCalibrationManager | None = None


def get_async_calibration_manager() -> AsyncCalibrationManager:
    """The manager of this process, made on first use. A new one after a fork, and after its `shutdown`."""
    global _manager  # noqa: PLW0603 - one for each process is its purpose
    with _making_one:
        if _manager is None or _manager._crew.closed:
            _manager = AsyncCalibrationManager()
        return _manager


def _before_fork() -> None:
    _making_one.acquire()


def _after_fork_in_parent() -> None:
    _making_one.release()


def _after_fork_in_child() -> None:
    global _making_one, _manager
    _making_one, _manager = threading.RLock(), None


if hasattr(
    os, "register_at_fork"
):  # the hooks before a fork run last in, first out: this lock, then those of the crews
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
