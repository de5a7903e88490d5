"""The drop-in class under many threads at once, with the interpreter changing threads as often as it can."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable

import pytest

from truename import AsyncCalibrationManager, TaskStatus, get_async_calibration_manager
from truename import manager as manager_module

PATIENCE_S = 90


@pytest.fixture(autouse=True)
def _many_changes_of_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def named():
    return "name", None


class Crowd:
    """Threads that all begin at once; what one of them raises is raised at the end."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.threads: list[threading.Thread] = []
        self.begin = threading.Event()
        self.busy = 0
        self.lock = threading.Lock()

    def add_until_done(self, function: Callable[[], object], times: int = 1) -> None:
        """Threads that the others go on for, until `is_done`."""

        def counted():
            try:
                function()
            finally:
                with self.lock:
                    self.busy -= 1

        self.busy += times
        self.add(counted, times)

    def is_done(self) -> bool:
        return self.busy == 0 or bool(self.errors)

    def add(self, function: Callable[[], object], times: int = 1) -> None:
        def guarded():
            self.begin.wait(PATIENCE_S)
            try:
                function()
            except BaseException as exc:
                self.errors.append(exc)

        self.threads += [threading.Thread(target=guarded) for _ in range(times)]

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        self.begin.set()
        for thread in self.threads:
            thread.join(PATIENCE_S)
        assert not any(thread.is_alive() for thread in self.threads)
        if self.errors:
            raise self.errors[0]


def test_of_cancel_and_completion_exactly_one_wins() -> None:
    manager = AsyncCalibrationManager(max_workers=2)
    seen = {}
    for _ in range(2000):
        together = threading.Barrier(2, timeout=PATIENCE_S)
        task_id = manager.submit_task("label", lambda it=together: (it.wait(), named())[1])
        together.wait()
        won = manager.cancel_task(task_id)
        seen[task_id] = won, manager.get_task_status(task_id)
    manager.shutdown()
    for task_id, (won, at_once) in seen.items():
        task = manager.get_task_status(task_id)
        expected = (TaskStatus.CANCELLED, None) if won else (TaskStatus.COMPLETED, "name")
        assert (task.status, task.result) == expected
        assert task is at_once, "an end is final"


def test_of_many_who_cancel_one_task_exactly_one_did_it() -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    go_on = threading.Event()
    manager.submit_task("label", lambda: ("name", None) if go_on.wait(PATIENCE_S) else None)
    ids = [manager.submit_task("label", named) for _ in range(300)]
    won = []
    crowd = Crowd()
    crowd.add(lambda: won.extend(task_id for task_id in ids if manager.cancel_task(task_id)), times=4)
    crowd.run()
    go_on.set()
    manager.shutdown()
    assert sorted(won) == sorted(ids)


def test_nobody_ever_reads_completed_without_a_result() -> None:
    manager = AsyncCalibrationManager(max_workers=3)
    ids: list[str] = []
    reads = []
    crowd = Crowd()

    def submit():
        for _ in range(1500):
            ids.append(manager.submit_task("label", named))
            manager.submit_task("label", lambda: (None, "no peers"))

    def check(task):
        assert (task.status is TaskStatus.COMPLETED) == (task.result is not None)
        assert (task.status is TaskStatus.FAILED) == (task.error is not None) == (task.code is not None)
        assert task.status.is_final == (task.completed_at is not None)
        reads.append(task.status)

    def read():
        while not crowd.is_done():
            for task_id in ids[-20:]:
                check(manager.get_task_status(task_id))
            for task in list(manager.tasks.values())[:: len(ids) // 20 + 1]:
                check(task)

    crowd.add_until_done(submit, times=2)
    crowd.add(read, times=3)
    crowd.run()
    manager.shutdown()
    assert len(ids) == 3000
    assert {TaskStatus.PENDING, TaskStatus.COMPLETED, TaskStatus.FAILED} <= set(reads)


def test_submitting_cleaning_and_walking_through_the_table_disturb_nobody() -> None:
    manager = AsyncCalibrationManager(max_workers=2, task_ttl=0)
    forgotten, walked = [], []
    crowd = Crowd()

    def submit():
        for _ in range(1000):
            manager.submit_task("label", named)

    def clean():
        while not crowd.is_done():
            forgotten.append(manager.cleanup_old_tasks())

    def walk():
        while not crowd.is_done():
            for task_id in manager.tasks:
                walked.append(task_id)  # noqa: PERF402 - one by one, so that others come between
            assert all(task_id == task.task_id for task_id, task in manager.tasks.items())
            assert all(task.info_hash == "label" for task in manager.tasks.values())
            assert all(task_id.count("-") == 4 for task_id in manager.tasks.keys())  # noqa: SIM118 - `keys` itself
            dict(manager.tasks.items())
            repr(manager.tasks)

    crowd.add_until_done(submit, times=3)
    crowd.add(clean, times=2)
    crowd.add(walk, times=2)
    crowd.run()
    manager.shutdown()
    manager.cleanup_old_tasks()
    assert sum(forgotten) > 0
    assert walked
    assert not manager._crew._ended
    assert not manager.tasks


def test_eight_threads_get_one_manager() -> None:
    for _ in range(50):
        get_async_calibration_manager().shutdown(wait=False)
        before = manager_module._manager
        got = []
        crowd = Crowd()
        crowd.add(lambda got=got: got.append(get_async_calibration_manager()), times=8)
        crowd.run()
        assert len(got) == 8
        assert len(set(map(id, got))) == 1
        assert got[0] is not before


def test_what_is_submitted_while_others_shut_down_is_refused_or_ends() -> None:
    for wait in (True, False) * 20:
        manager = AsyncCalibrationManager(max_workers=2)
        ids, refused = [], []

        def submit(manager=manager, ids=ids, refused=refused):
            for _ in range(10):
                try:
                    ids.append(manager.submit_task("label", named))
                except RuntimeError:
                    refused.append(1)

        crowd = Crowd()
        crowd.add(submit, times=3)
        crowd.add(lambda manager=manager, wait=wait: manager.shutdown(wait))
        crowd.run()
        manager.shutdown()
        assert len(ids) + len(refused) == 30
        assert set(manager.tasks) == set(ids)
        assert all(task.status.is_final for task in manager.tasks.values())


def test_deadlines_answers_and_cancels_at_the_same_moment_leave_one_end_each() -> None:
    manager = AsyncCalibrationManager(max_workers=4, timeout=0.001)
    ends: dict[str, set] = {}
    crowd = Crowd()

    def brief():
        threading.Event().wait(0.001)
        return named()

    def drive():
        for n in range(100):
            task_id = manager.submit_task("label", brief)
            if n % 3 == 0:
                manager.cancel_task(task_id)
            ends[task_id] = set()

    def watch():
        while not crowd.is_done():
            for task_id in list(ends):
                task = manager.get_task_status(task_id)
                if task.status.is_final:
                    ends[task_id].add(task)

    crowd.add_until_done(drive, times=3)
    crowd.add(watch)
    crowd.run()
    manager.shutdown()
    assert len(ends) == 300
    for task_id, seen in ends.items():
        assert len(seen | {manager.get_task_status(task_id)}) == 1
    assert len(manager._crew._workers) <= 4


def test_a_hundred_thousand_fast_tasks_leave_nothing_but_themselves() -> None:
    sys.setswitchinterval(0.005)  # the number is the point here

    class Argument:
        pass

    manager = AsyncCalibrationManager(max_workers=4)
    argument = Argument()
    alive = weakref.ref(argument)
    for _ in range(100_000):
        manager.submit_task("label", lambda it: ("name", None), argument)
    del argument
    workers = set(manager._crew._workers)
    manager.shutdown()
    for worker in workers:
        worker.join(PATIENCE_S)
    gc.collect()
    assert alive() is None
    assert len(manager.tasks) == 100_000
    inside = manager._crew
    assert (len(inside._pending), len(inside._running), len(inside._workers)) == (0, 0, 0)
    assert len(workers) <= 4
    manager.task_ttl = 0
    manager.cleanup_old_tasks()
    assert (len(manager.tasks), len(inside._ended)) == (0, 0)
