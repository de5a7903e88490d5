"""The tasks of one manager and the threads that work on them: the inside of `manager.py`.

Owns the table, the queue, the workers and the keeper, all guarded by one lock; calibration functions and ordinary
logging run outside of it. Does not know its manager, so that its threads keep only the crew alive.

A worker is one that waits or runs a function. One whose function is over its time is written off: it is no worker any
more, the thread sees that when the function returns, and leaves.
"""

import logging
import math
import os
import threading
import time
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, takewhile
from typing import TYPE_CHECKING, NamedTuple

from truename.ad_hoc import End, Job, call
from truename.codes import Code
from truename.model import CalibrationTask, TaskEvent, TaskStatus, transition
from truename.telling import tell

if TYPE_CHECKING:
    from truename.journal import Journal

logger = logging.getLogger("truename.manager")

KEEPER_NAP_S = 20.0  # the keeper looks around at least so often: expiry is noticed well within a minute
SWEEP_BATCH = 2_000  # forgotten in one go, a few milliseconds, while submits wait
_SIGNAL_S = 0.5  # a Ctrl-C just before an endless wait would be noticed only after it: CPython's locks miss it
_TRIES = 20  # to find the lock free; after these it is held for long

_CANCELLED = End(TaskEvent.CANCEL, error="The task was cancelled.", code=Code.CANCELLED)
_NOT_BEGUN = End(TaskEvent.CANCEL, error="The manager was shut down before the task's turn came.", code=Code.CANCELLED)
_WORKER_DIED = End(TaskEvent.FAIL, error="The worker thread ended unexpectedly.", code=Code.FUNCTION_FAILED)

_Turn = tuple[str, Job]  # a task's id, and what to do


class _Run(NamedTuple):
    """A function that has not returned yet; its task may have been cancelled meanwhile."""

    worker: threading.Thread
    deadline: float  # monotonic


class Crew:
    """Takes jobs and sees each to its end. All methods may be called from any thread at any time."""

    def __init__(self, *, max_workers: int, ttl_s: float, timeout_s: float = math.inf) -> None:
        self.ttl_s = ttl_s
        self.closed = False
        self.tasks: dict[str, CalibrationTask] = {}  # read without the lock, changed with it
        self._max_workers = max_workers
        self._timeout_s = timeout_s
        self._journal: Journal | None = None
        self._abandoned = False
        self._pending: OrderedDict[str, Job] = OrderedDict()
        self._running: dict[str, _Run] = {}
        self._ended: dict[str, float] = {}  # monotonic time of the end, oldest first; read without the lock, too
        self._workers: set[threading.Thread] = set()
        self._random: list[bytes] = []  # of the ids to come
        self._keeper: threading.Thread | None = None
        self._keeper_wakes_at = 0.0
        self._make_lock()
        with _forking:
            _crews.add(self)

    def _make_lock(self) -> None:
        # Reentrant, since a signal handler that shuts down may interrupt the main thread while that holds it.
        self.lock = threading.RLock()
        self._work_to_do = threading.Condition(self.lock)
        self._keeper_called = threading.Condition(self.lock)
        self._idle = threading.Condition(self.lock)

    def open_journal(self, path: str) -> None:
        """Take over what an earlier process left, and write down what happens from now on. Errors: `JournalError`."""
        from truename.journal import Journal

        journal = Journal(path)
        try:
            found = journal.load(ttl_s=self.ttl_s)
        except BaseException:
            journal.close()
            raise
        now, wall_now = time.monotonic(), time.time()
        with self.lock:
            self._journal = journal
            for task in found:
                age_s = max(0.0, wall_now - (task.completed_at or wall_now))
                self.tasks[task.task_id] = task
                self._ended[task.task_id] = now - age_s

    def submit(self, info_hash: str, job: Job) -> str:
        """Take a job; its task's id. Errors: `RuntimeError`, `JournalError`, and then nothing of it is left behind."""
        self._give_way()
        with self.lock:
            self._check_open()
            self._staff(len(self._pending) + 1)
            if not self._workers:
                raise RuntimeError("no thread can be started for this task; it was not taken")
            task = CalibrationTask(self._new_id(), info_hash, TaskStatus.PENDING)
            if self._journal is not None:
                self._journal.begin(task)
            self._pending[task.task_id] = job
            self.tasks[task.task_id] = task
            try:
                self._check_open()  # a handler of a signal may have closed it in the midst of this
            except RuntimeError:
                del self._pending[task.task_id], self.tasks[task.task_id]
                raise
            self._work_to_do.notify()
        return task.task_id

    def cancel(self, task_id: str) -> bool:
        """End a task that has not ended; whether this call did it."""
        with self.lock:
            self._pending.pop(task_id, None)
            ended = self._end((task_id,), _CANCELLED)
        _log_ends(ended)
        return bool(ended)

    def task(self, task_id: str) -> CalibrationTask | None:
        """A task that is remembered. One whose time is over is not, also when no sweep has come by yet."""
        ended = self._ended.get(task_id)
        if ended is not None and time.monotonic() - ended > self.ttl_s:
            return None
        return self.tasks.get(task_id)

    def remembered(self) -> dict[str, CalibrationTask]:
        """All such tasks, at one moment."""
        over = list(self._over(self._ended.copy()))
        tasks = self.tasks.copy()
        for task_id in over:
            tasks.pop(task_id, None)
        return tasks

    def _over(self, ended: Mapping[str, float]) -> Iterator[str]:
        """Whose time is over, oldest first."""
        now = time.monotonic()
        return (task_id for task_id, _ in takewhile(lambda one: now - one[1] > self.ttl_s, ended.items()))

    def sweep(self) -> int:
        """Forget what ended more than `ttl_s` ago; how many."""
        forgotten = 0
        while batch := self._sweep_some():
            forgotten += batch
            if batch == SWEEP_BATCH:
                time.sleep(0.001)  # a lock let go and taken again at once never comes to those who wait for it
        if forgotten:
            tell(logger, logging.INFO, "%d expired tasks forgotten", forgotten)
        return forgotten

    def _sweep_some(self) -> int:
        with self.lock:
            gone = list(islice(self._over(self._ended), SWEEP_BATCH))
            for task_id in gone:  # in this order, or who reads meanwhile would find an old task and no end of it
                self.tasks.pop(task_id, None)
                del self._ended[task_id]
            if gone and self._journal is not None:
                self._journal.forget(gone)
        return len(gone)

    def close(self, *, cancel_pending: bool) -> None:
        """Take no more jobs."""
        with self.lock:
            self.closed = True
            not_begun = list(self._pending) if cancel_pending else []
            if cancel_pending:
                self._pending.clear()
            ended = self._end(not_begun, _NOT_BEGUN)
            self._work_to_do.notify_all()
            self._keeper_called.notify()
            self._settle()
        _log_ends(ended)

    def wait_until_idle(self) -> None:
        """Return when nothing is pending or running."""
        with self.lock:
            while self._is_busy():
                self._idle.wait(_SIGNAL_S)

    def is_worker(self, thread: threading.Thread) -> bool:
        """Whether this thread is one of those that `wait_until_idle` would wait for."""
        with self.lock:
            return thread in self._workers

    def abandon(self) -> None:
        """Nobody can ask any more: end the threads when all has ended.

        A finalizer, so it may run in the middle of any other method: it waits for no lock, and the keeper does the
        rest, at once if the lock is free.
        """
        self.closed = self._abandoned = True
        if self.lock.acquire(blocking=False):
            self._keeper_called.notify()
            self.lock.release()
        if self._keeper is None and self._journal is not None:
            self._journal.close()

    def start_anew_in_child(self) -> None:
        """After a fork: none of the threads is here, the tasks are the parent's, and so is the journal."""
        self._make_lock()
        if self._journal is not None:
            self._journal.leave_to_parent()
            self._journal = None
        for things in (self.tasks, self._pending, self._running, self._ended, self._workers, self._random):
            things.clear()
        self._keeper = None

    def _give_way(self) -> None:
        """Before taking the lock on a busy path: let the thread that is inside run on, rather than queue behind it.

        A thread woken with the lock in its hand still waits for the interpreter's, and holds up everybody meanwhile:
        with a dozen threads each call became a change of threads, and the manager half as fast (`bench/manager.py`).
        """
        if self._journal is not None:
            return  # whoever is inside waits for the disk, not for the interpreter
        if threading.current_thread() is threading.main_thread():
            return  # a signal's exception could come between the two calls below, and the lock stay taken for ever
        for _ in range(_TRIES):
            if self.lock.acquire(blocking=False):
                self.lock.release()
                return
            time.sleep(0)

    # Below, up to the threads: with the lock held.

    def _check_open(self) -> None:
        if self.closed:
            raise RuntimeError("the manager is shut down and takes no more tasks")

    def _new_id(self) -> str:
        if not self._random:
            pool = os.urandom(256 * 16)  # each call is a change of threads, so not one for each task
            self._random = [pool[at : at + 16] for at in range(0, len(pool), 16)]
        return str(uuid.UUID(bytes=self._random.pop(), version=4))

    def _is_busy(self) -> bool:
        running = (self.tasks.get(task_id) for task_id in self._running)
        return bool(self._pending) or any(task is not None and not task.status.is_final for task in running)

    def _settle(self) -> None:
        """When all is over: give the journal free, tell those who wait."""
        if self.closed and not self._is_busy():
            if self._journal is not None:
                self._journal.close()
                self._journal = None
            self._idle.notify_all()

    def _end(self, task_ids: Iterable[str], end: End) -> list[CalibrationTask]:
        """End those that have not ended yet; which. In the journal first: what was once seen stays true."""
        ended = []
        for task_id in task_ids:
            task = self.tasks.get(task_id)
            status = None if task is None else transition(task.status, end.event)
            if task is not None and status is not None:
                ended.append(_ended_task(task, status, end))
        if ended and self._journal is not None:
            self._journal.end(ended)
        now = time.monotonic()
        for task in ended:
            self.tasks[task.task_id] = task
            self._ended[task.task_id] = now
        if ended:
            self._settle()
        return ended

    def _staff(self, jobs: int) -> None:
        """Start the threads that `jobs` waiting jobs need, as far as the system has them; the keeper tries again."""
        if self._keeper is None or not self._keeper.is_alive():
            self._keeper = _start(self._keep)
        free = len(self._workers) - len(self._running)
        for _ in range(min(jobs - free, self._max_workers - len(self._workers))):
            try:
                self._workers.add(_start(self._work))
            except RuntimeError:
                break

    def _take(self, me: threading.Thread) -> _Turn | None:
        while self._pending:
            task_id, job = self._pending.popitem(last=False)
            task = self.tasks.get(task_id)
            status = None if task is None else transition(task.status, TaskEvent.START)
            if task is not None and status is not None:
                self._running[task_id] = run = _Run(me, time.monotonic() + self._timeout_s)
                self.tasks[task_id] = CalibrationTask(task_id, task.info_hash, status, created_at=task.created_at)
                if run.deadline < self._keeper_wakes_at:
                    self._keeper_called.notify()
                return task_id, job
        return None

    def _drop_overdue(self) -> list[str]:
        """Write off the workers of the functions whose time is over; whose tasks these are."""
        now = time.monotonic()
        overdue = [task_id for task_id, run in self._running.items() if run.deadline < now]
        for task_id in overdue:
            self._workers.discard(self._running.pop(task_id).worker)
        return overdue

    def _too_long(self) -> End:
        return End(TaskEvent.TIME_OUT, error=f"The function ran longer than {self._timeout_s:g} s.", code=Code.DEADLINE)

    # The threads.

    def _work(self) -> None:
        me = threading.current_thread()
        try:
            turn = self._wait_for_turn(me)
            while turn is not None:
                task_id, job = turn
                end = call(job)
                ended, turn = self._finish(task_id, end, me)
                _log_ends(ended, raised=end.raised)
                del job, end, ended  # a worker that waits keeps nothing of the user's alive
                turn = turn or self._wait_for_turn(me)
        finally:
            self._leave(me)

    def _wait_for_turn(self, me: threading.Thread) -> _Turn | None:
        """The next job; None when this one is no worker any more, or the last job is taken, or in a forked child."""
        with self.lock:
            while me in self._workers:
                turn = self._take(me)
                if turn is not None or self.closed:
                    return turn
                self._work_to_do.wait()
        return None

    def _finish(self, task_id: str, end: End, me: threading.Thread) -> tuple[list[CalibrationTask], _Turn | None]:
        """Tell how a job ended, and take the next one if there is one: in one go, since all wait for the one lock."""
        self._give_way()
        with self.lock:
            run = self._running.pop(task_id, None)
            if run is None:  # its time was over long ago
                return [], None
            ended = self._end((task_id,), end if time.monotonic() <= run.deadline else self._too_long())
            return ended, self._take(me)

    def _leave(self, me: threading.Thread) -> None:
        """This thread ends; if by an exception, no task may stay running for that."""
        with self.lock:
            self._workers.discard(me)
            left = [task_id for task_id, run in self._running.items() if run.worker is me]
            for task_id in left:
                del self._running[task_id]
            self._end(left, _WORKER_DIED)

    def _keep(self) -> None:
        """The keeper: deadlines, expiry, what a full disk did not take. It stays as long as it has a use."""
        while (ended := self._keep_once()) is not None:
            _log_ends(ended)
            self.sweep()

    def _keep_once(self) -> list[CalibrationTask] | None:
        """Wait until there is something to do, and do it. Output: whose time was over; None: there is no use left."""
        with self.lock:
            if self.closed:
                self._settle()
                self._work_to_do.notify_all()
                if not self._is_busy() and (self._abandoned or not self.tasks):
                    self._keeper = None
                    return None
            first_deadline = min((run.deadline for run in self._running.values()), default=math.inf)
            self._keeper_wakes_at = min(time.monotonic() + KEEPER_NAP_S, first_deadline)
            self._keeper_called.wait(max(0.0, self._keeper_wakes_at - time.monotonic()))
            ended = self._end(self._drop_overdue(), self._too_long())
            if self._journal is not None:
                self._journal.retry()
            self._staff(len(self._pending))
        return ended


def _ended_task(task: CalibrationTask, status: TaskStatus, end: End) -> CalibrationTask:
    now = time.time()
    completed_at = now if task.created_at is None else max(now, task.created_at)  # the clock may have been set back
    return CalibrationTask(
        task.task_id, task.info_hash, status, end.result, end.error, task.created_at, completed_at, end.code
    )


def _log_ends(ended: list[CalibrationTask], *, raised: str | None = None) -> None:
    for task in ended:
        code = f" ({task.code})" if task.code else ""
        tell(logger, logging.INFO, "task %s: %s%s", task.task_id, task.status.value, code)
        if raised is not None:
            tell(logger, logging.WARNING, "task %s: the function raised %r", task.task_id, raised)


def _start(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name="truename-calibration", daemon=True)
    thread.start()
    return thread


_forking = threading.RLock()  # over the two below, and taken before the lock of any crew
_crews: "weakref.WeakSet[Crew]" = weakref.WeakSet()
_held: list[Crew] = []


def _before_fork() -> None:
    """No thread may be half way through a change when the child's copy is made."""
    _forking.acquire()
    _held[:] = _crews
    for crew in _held:
        crew.lock.acquire()


def _after_fork_in_parent() -> None:
    for crew in _held:
        crew.lock.release()
    _held.clear()
    _forking.release()


def _after_fork_in_child() -> None:
    global _forking  # noqa: PLW0603 - the parent's may be in any state
    _forking = threading.RLock()
    for crew in _held:
        crew.start_anew_in_child()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
