"""Calibrations as the web routes see them: whose task is whose, how many at once, and the way back to the old manner.

The manager runs tasks and knows no people; here each task has its owner, and a person who asks for the same hash again
while it is being looked up gets the same task.
"""

import contextlib
import logging
import subprocess
import threading
from collections.abc import Callable, Iterator

from truename.magnet import InfoHash

from bot.services.async_calibration_manager import AsyncCalibrationManager, CalibrationTask, TaskStatus
from bot.services.modes import Mode
from web.errors import NOT_ASYNC, OFF, STOPPING, TASK_NOT_FOUND, TOO_MANY, ApiError

logger = logging.getLogger(__name__)

MAX_ACTIVE_PER_PERSON = 200
MAX_SYNCHRONOUS = 5  # scripts at once in requests: as many as the manager has workers
RETRY_AFTER_S = 10

Calibrate = Callable[[str], tuple[str | None, str | None]]


class Calibrations:
    """Submits, answers and forgets. `get_manager` is called only with mode `async`."""

    def __init__(self, calibrate: Calibrate, *, mode: Mode, get_manager: Callable[[], AsyncCalibrationManager]) -> None:
        self.mode = mode
        self._calibrate = calibrate
        self._get_manager = get_manager
        self._lock = threading.Lock()
        self._owners: dict[str, str] = {}
        self._latest: dict[str, dict[str, str]] = {}  # person -> info-hash -> the last task for it
        self._synchronous = threading.BoundedSemaphore(MAX_SYNCHRONOUS)

    def submit(self, person: str, info_hash: InfoHash) -> tuple[CalibrationTask, bool]:
        """The person's task for a hash, and whether they had it already. Errors: `ApiError`."""
        if self.mode is not Mode.ASYNC:
            raise ApiError(*(OFF if self.mode is Mode.OFF else NOT_ASYNC))
        manager = self._get_manager()
        with self._lock:
            tasks = {known: self._active(manager, task_id) for known, task_id in self._latest.get(person, {}).items()}
            active = {known: task for known, task in tasks.items() if task is not None}
            if info_hash in active:
                return active[info_hash], True
            if len(active) >= MAX_ACTIVE_PER_PERSON:
                raise ApiError(*TOO_MANY, retry_after_s=RETRY_AFTER_S)
            try:
                task_id = manager.submit_task(info_hash, self._calibrate, info_hash)
            except RuntimeError as exc:
                raise ApiError(*STOPPING, retry_after_s=RETRY_AFTER_S) from exc
            self._owners[task_id] = person
            self._latest.setdefault(person, {})[info_hash] = task_id
        return CalibrationTask(task_id, info_hash, TaskStatus.PENDING), False

    def get(self, person: str, task_id: str) -> CalibrationTask:
        """The person's task. Another person's is as unknown as one that never was. Errors: `ApiError`."""
        owner = self._owners.get(task_id)
        task = self._get_manager().get_task_status(task_id) if owner == person else None
        if task is None:
            raise ApiError(*TASK_NOT_FOUND)
        return task

    def run_now(self, info_hash: InfoHash) -> CalibrationTask:
        """The old manner: the caller waits for the script. The answer was never a task. Errors: `ApiError`."""
        if self.mode is Mode.OFF:
            raise ApiError(*OFF)
        with self._one_more():
            try:
                name, error = self._calibrate(info_hash)
            except (TimeoutError, subprocess.TimeoutExpired) as exc:
                return CalibrationTask("", info_hash, TaskStatus.TIMEOUT, error=str(exc), code="deadline")
        if name:
            return CalibrationTask("", info_hash, TaskStatus.COMPLETED, result=name)
        return CalibrationTask("", info_hash, TaskStatus.FAILED, error=error or "校准失败", code="function_failed")

    def cleanup(self) -> None:
        """Forget what has expired, the tasks and whose they were."""
        if self.mode is not Mode.ASYNC:
            return
        manager = self._get_manager()
        manager.cleanup_old_tasks()
        with self._lock:
            self._owners = {task_id: owner for task_id, owner in self._owners.items() if task_id in manager.tasks}
            for person, latest in list(self._latest.items()):
                kept = {info_hash: task_id for info_hash, task_id in latest.items() if task_id in self._owners}
                self._latest[person] = kept
                if not kept:
                    del self._latest[person]

    @staticmethod
    def _active(manager: AsyncCalibrationManager, task_id: str) -> CalibrationTask | None:
        task = manager.get_task_status(task_id)
        return None if task is None or task.status.is_final else task

    @contextlib.contextmanager
    def _one_more(self) -> Iterator[None]:
        if not self._synchronous.acquire(blocking=False):
            raise ApiError(*TOO_MANY, retry_after_s=RETRY_AFTER_S)
        try:
            yield
        finally:
            self._synchronous.release()
