"""The drop-in class and time: deadlines, expiry, the two clocks, the end of a manager."""

import errno
import gc
import io
import logging
import sys
import threading
import time
import weakref

import pytest

from truename import AsyncCalibrationManager, TaskStatus, crew, get_async_calibration_manager, journal


def named():
    return "name", None


class Stuck:
    """A calibration function that returns when it is let."""

    def __init__(self) -> None:
        self.begun, self.let = threading.Event(), threading.Event()
        self.thread = None

    def __call__(self):
        self.thread = threading.current_thread()
        self.begun.set()
        self.let.wait(120)
        return "late name", None


# Expiry


def test_a_task_is_forgotten_strictly_later_than_its_time(clock, until) -> None:
    manager = AsyncCalibrationManager(task_ttl=60)
    task_id = manager.submit_task("label", named)
    until.ended(manager, task_id)
    clock.mono += 60
    assert manager.cleanup_old_tasks() == 0
    assert manager.get_task_status(task_id) is not None
    clock.mono += 0.001
    assert manager.cleanup_old_tasks() == 1
    assert manager.get_task_status(task_id) is None
    assert manager.cleanup_old_tasks() == 0
    manager.shutdown()


def test_a_task_whose_time_is_over_is_not_seen_although_nobody_has_swept(clock, until) -> None:
    manager = AsyncCalibrationManager(task_ttl=60)
    old = manager.submit_task("old", named)
    until.ended(manager, old)
    clock.mono += 60
    assert manager.get_task_status(old) is manager.tasks[old]
    stuck = Stuck()
    kept = [manager.submit_task("running", stuck)]
    kept.append(manager.submit_task("new", named))
    until.ended(manager, kept[1])
    assert list(manager.tasks) == [old, *kept]
    clock.mono += 0.001
    table = manager.tasks
    assert manager.get_task_status(old) is None
    assert (old in table, table.get(old), len(table)) == (False, None, 2)
    assert list(table) == list(table.keys()) == [task.task_id for task in table.values()] == kept
    assert [task_id for task_id, _ in table.items()] == kept
    assert old not in repr(table)
    with pytest.raises(KeyError):
        table[old]
    assert manager.cancel_task(old) is False
    assert manager.cleanup_old_tasks() == 1
    assert list(manager.tasks) == kept
    stuck.let.set()
    manager.shutdown()


@pytest.mark.parametrize("step_s", [-10 * 86400, 10 * 86400])
def test_a_step_of_the_wall_clock_neither_expires_nor_keeps_a_task(clock, until, step_s) -> None:
    manager = AsyncCalibrationManager(task_ttl=60)
    task_id = manager.submit_task("label", named)
    until.ended(manager, task_id)
    clock.wall += step_s
    assert manager.cleanup_old_tasks() == 0
    assert manager.get_task_status(task_id) is not None
    clock.mono += 61
    assert manager.cleanup_old_tasks() == 1
    manager.shutdown()


def test_a_task_does_not_end_before_it_was_made_when_the_clock_is_set_back(clock, until) -> None:
    manager = AsyncCalibrationManager()
    stuck = Stuck()
    task_id = manager.submit_task("label", stuck)
    clock.wall -= 3600
    stuck.let.set()
    task = until.ended(manager, task_id)
    assert task.completed_at == task.created_at
    manager.shutdown()


def test_unfinished_tasks_never_expire(clock) -> None:
    manager = AsyncCalibrationManager(max_workers=1, task_ttl=0)
    stuck = Stuck()
    ids = [manager.submit_task("running", stuck), manager.submit_task("pending", named)]
    assert stuck.begun.wait(60)
    clock.mono += 1e9
    assert manager.cleanup_old_tasks() == 0
    assert list(manager.tasks) == ids
    stuck.let.set()
    manager.shutdown()


def test_the_time_a_task_is_kept_can_be_read_and_changed(clock, until) -> None:
    manager = AsyncCalibrationManager()
    assert manager.task_ttl == 3600
    until.ended(manager, manager.submit_task("label", named))
    manager.task_ttl = 5
    clock.mono += 6
    assert manager.cleanup_old_tasks() == 1
    for wrong, error in ((-1, ValueError), ("x", TypeError), (True, TypeError)):
        with pytest.raises(error):
            manager.task_ttl = wrong
    assert manager.task_ttl == 5
    manager.shutdown()


def test_expired_tasks_go_on_their_own_though_nobody_calls(monkeypatch, until) -> None:
    monkeypatch.setattr(crew, "KEEPER_NAP_S", 0.01)
    manager = AsyncCalibrationManager(task_ttl=0)
    manager.submit_task("label", named)
    until(lambda: any("1 expired tasks forgotten" in line for line in until.lines))
    assert not manager.tasks
    manager.shutdown()


def test_they_go_after_shutdown_too_and_then_the_last_thread_ends(monkeypatch, until) -> None:
    monkeypatch.setattr(crew, "KEEPER_NAP_S", 0.01)
    manager = AsyncCalibrationManager(task_ttl=0)
    stuck = Stuck()
    manager.submit_task("label", stuck)
    keeper = manager._crew._keeper
    manager.shutdown(wait=False)
    stuck.let.set()
    until(lambda: not manager.tasks)
    keeper.join(60)
    assert not keeper.is_alive()


def test_the_keeper_looks_more_than_once_a_minute() -> None:
    assert crew.KEEPER_NAP_S <= 30


def test_many_expired_tasks_go_in_several_goes(monkeypatch, clock, until) -> None:
    monkeypatch.setattr(crew, "SWEEP_BATCH", 10)
    manager = AsyncCalibrationManager(task_ttl=1)
    ids = [manager.submit_task("label", named) for _ in range(35)]
    for task_id in ids:
        until.ended(manager, task_id)
    clock.mono += 2
    assert manager.cleanup_old_tasks() == 35
    assert not manager.tasks
    manager.shutdown()


# Deadlines


def test_a_function_over_its_time_is_a_timeout(until) -> None:
    manager = AsyncCalibrationManager(timeout=0.02)
    stuck = Stuck()
    task = until.ended(manager, manager.submit_task("stuck", stuck))
    assert (task.status, task.code, task.result) == (TaskStatus.TIMEOUT, "deadline", None)
    assert task.error == "The function ran longer than 0.02 s."
    stuck.let.set()
    manager.shutdown()


def test_a_deadline_comes_although_the_keeper_naps_for_longer(until, monkeypatch) -> None:
    monkeypatch.setattr(crew, "KEEPER_NAP_S", 3600)
    manager = AsyncCalibrationManager(timeout=0.02)
    until.ended(manager, manager.submit_task("label", named))
    stuck = Stuck()
    assert until.ended(manager, manager.submit_task("stuck", stuck)).status is TaskStatus.TIMEOUT
    stuck.let.set()
    manager.shutdown()


def test_the_worker_of_a_function_over_its_time_counts_as_free(clock, until) -> None:
    manager = AsyncCalibrationManager(max_workers=1, timeout=10)
    stuck = Stuck()
    first, second = manager.submit_task("stuck", stuck), manager.submit_task("next", named)
    assert stuck.begun.wait(60)
    clock.move(manager, 10.1)
    assert until.ended(manager, second).status is TaskStatus.COMPLETED
    task = manager.get_task_status(first)
    assert task.status is TaskStatus.TIMEOUT
    stuck.let.set()
    stuck.thread.join(60)
    assert not stuck.thread.is_alive(), "a worker that was written off leaves when its function returns"
    assert manager.get_task_status(first) is task
    manager.shutdown()


def test_all_workers_stuck_for_good_are_replaced_by_as_many(clock, until) -> None:
    manager = AsyncCalibrationManager(max_workers=3, timeout=10)
    stuck = [Stuck() for _ in range(3)]
    late = [manager.submit_task("stuck", function) for function in stuck]
    assert all(function.begun.wait(60) for function in stuck)
    together = threading.Barrier(3, timeout=60)
    ids = [manager.submit_task("label", lambda: (together.wait(), named())[1]) for _ in range(6)]
    clock.move(manager, 10.1)
    assert all(until.ended(manager, task_id).status is TaskStatus.COMPLETED for task_id in ids)
    assert all(manager.get_task_status(task_id).status is TaskStatus.TIMEOUT for task_id in late)
    assert len(manager._crew._workers) == 3
    for function in stuck:
        function.let.set()
    manager.shutdown()


def test_a_deadline_counts_from_the_start_of_the_function_not_from_its_submission(clock, until) -> None:
    manager = AsyncCalibrationManager(max_workers=1, timeout=10)
    stuck = Stuck()
    first, second = manager.submit_task("first", stuck), manager.submit_task("second", named)
    assert stuck.begun.wait(60)
    clock.mono += 9
    stuck.let.set()
    assert until.ended(manager, first).status is TaskStatus.COMPLETED
    clock.mono += 9
    assert until.ended(manager, second).status is TaskStatus.COMPLETED
    manager.shutdown()


def test_an_answer_after_the_deadline_is_late_even_when_the_keeper_has_not_looked_yet(clock, until) -> None:
    manager = AsyncCalibrationManager(max_workers=1, timeout=10)
    stuck = Stuck()
    task_id = manager.submit_task("label", stuck)
    assert stuck.begun.wait(60)
    clock.mono += 11
    stuck.let.set()
    assert until.ended(manager, task_id).status is TaskStatus.TIMEOUT
    manager.shutdown()


def test_a_step_of_the_wall_clock_moves_no_deadline(clock, until) -> None:
    manager = AsyncCalibrationManager(max_workers=1, timeout=10)
    stuck = Stuck()
    task_id = manager.submit_task("label", stuck)
    assert stuck.begun.wait(60)
    clock.wall += 86400
    stuck.let.set()
    assert until.ended(manager, task_id).status is TaskStatus.COMPLETED
    manager.shutdown()


def test_a_cancelled_function_that_never_returns_gives_its_worker_back_at_its_deadline(clock, until) -> None:
    manager = AsyncCalibrationManager(max_workers=1, timeout=10)
    stuck = Stuck()
    task_id = manager.submit_task("stuck", stuck)
    assert stuck.begun.wait(60)
    manager.cancel_task(task_id)
    clock.move(manager, 10.1)
    assert until.ended(manager, manager.submit_task("next", named)).status is TaskStatus.COMPLETED
    assert manager.get_task_status(task_id).status is TaskStatus.CANCELLED
    stuck.let.set()
    manager.shutdown()


# The end of a manager


def test_shutdown_waits_for_running_and_pending_tasks() -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    stuck = Stuck()
    ids = [manager.submit_task("label", stuck), *(manager.submit_task("label", named) for _ in range(5))]
    threading.Thread(target=lambda: (stuck.begun.wait(60), stuck.let.set())).start()
    manager.shutdown()
    assert [manager.get_task_status(task_id).status for task_id in ids] == [TaskStatus.COMPLETED] * 6


def test_shutdown_without_waiting_cancels_what_is_pending_and_lets_the_rest_run(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    stuck = Stuck()
    running = manager.submit_task("running", stuck)
    assert stuck.begun.wait(60)
    pending = [manager.submit_task("pending", named) for _ in range(3)]
    manager.shutdown(wait=False)
    for task_id in pending:
        task = manager.get_task_status(task_id)
        assert (task.status, task.code) == (TaskStatus.CANCELLED, "cancelled")
        assert "shut down" in task.error
    assert manager.get_task_status(running).status is TaskStatus.RUNNING
    stuck.let.set()
    assert until.ended(manager, running).result == "late name"


def test_shutdown_can_be_called_again_in_any_order() -> None:
    for first in (True, False):
        for second in (True, False):
            manager = AsyncCalibrationManager()
            task_id = manager.submit_task("label", named)
            manager.shutdown(first)
            manager.shutdown(wait=second)
            manager.shutdown()
            assert manager.get_task_status(task_id).status.is_final
    AsyncCalibrationManager().shutdown()


def test_a_second_shutdown_without_waiting_ends_the_waiting_of_the_first(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    stuck = Stuck()
    manager.submit_task("running", stuck)
    pending = manager.submit_task("pending", named)
    waiting = threading.Thread(target=manager.shutdown)
    waiting.start()
    assert stuck.begun.wait(60)
    manager.shutdown(wait=False)
    stuck.let.set()
    waiting.join(60)
    assert not waiting.is_alive()
    assert manager.get_task_status(pending).status.is_final


def test_after_shutdown_submitting_raises_and_leaves_no_task() -> None:
    for wait in (True, False):
        manager = AsyncCalibrationManager()
        kept = manager.submit_task("label", named)
        manager.shutdown(wait)
        with pytest.raises(RuntimeError, match="shut down"):
            manager.submit_task("label", named)
        assert list(manager.tasks) == [kept]


def test_shutdown_ends_all_worker_threads() -> None:
    manager = AsyncCalibrationManager(max_workers=3)
    together = threading.Barrier(3, timeout=60)
    for _ in range(3):
        manager.submit_task("label", lambda: (together.wait(), named())[1])
    workers = set(manager._crew._workers)
    manager.shutdown()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    assert len(workers) == 3


def test_shutdown_waits_only_until_the_deadline_of_a_stuck_function() -> None:
    manager = AsyncCalibrationManager(timeout=0.05)
    stuck = Stuck()
    task_id = manager.submit_task("stuck", stuck)
    manager.shutdown()
    assert manager.get_task_status(task_id).status is TaskStatus.TIMEOUT
    stuck.let.set()


def test_shutdown_does_not_wait_for_a_cancelled_function() -> None:
    manager = AsyncCalibrationManager()
    stuck = Stuck()
    task_id = manager.submit_task("stuck", stuck)
    assert stuck.begun.wait(60)
    manager.cancel_task(task_id)
    manager.shutdown()
    assert stuck.thread.is_alive()
    stuck.let.set()


def test_a_function_that_would_wait_for_its_own_end_is_told_so(until) -> None:
    manager = AsyncCalibrationManager()
    task = until.ended(manager, manager.submit_task("label", lambda: (manager.shutdown(), None)))
    assert task.status is TaskStatus.FAILED
    assert "shutdown(wait=False)" in task.error
    assert until.ended(manager, manager.submit_task("label", named)).status is TaskStatus.COMPLETED
    manager.shutdown()


def test_a_function_may_shut_its_manager_down_without_waiting(until) -> None:
    manager = AsyncCalibrationManager()
    task_id = manager.submit_task("label", lambda: (manager.shutdown(wait=False), named())[1])
    assert until.ended(manager, task_id).status is TaskStatus.COMPLETED
    with pytest.raises(RuntimeError):
        manager.submit_task("label", named)


def test_a_signal_handler_may_shut_down_while_the_main_thread_holds_the_lock() -> None:
    manager = AsyncCalibrationManager()
    task_id = manager.submit_task("label", named)
    with manager._crew.lock:  # where a handler may interrupt
        manager.cancel_task(task_id)
        manager.shutdown(wait=False)
    assert manager.get_task_status(task_id).status.is_final


def test_a_handler_that_shuts_down_in_the_midst_of_a_submit_leaves_no_task(monkeypatch) -> None:
    manager = AsyncCalibrationManager()
    new_id = manager._crew._new_id

    def interrupted() -> str:
        manager.shutdown()
        return new_id()

    monkeypatch.setattr(manager._crew, "_new_id", interrupted)
    with pytest.raises(RuntimeError, match="shut down"):
        manager.submit_task("label", named)
    assert dict(manager.tasks) == {}
    assert not manager._crew._pending


def test_a_manager_nobody_refers_to_is_freed_and_its_threads_end(monkeypatch) -> None:
    monkeypatch.setattr(crew, "KEEPER_NAP_S", 0.01)
    manager = AsyncCalibrationManager(max_workers=2)
    stuck = Stuck()
    manager.submit_task("label", stuck)
    manager.submit_task("label", named)
    threads = {manager._crew._keeper, *manager._crew._workers}
    freed = weakref.ref(manager)
    del manager
    gc.collect()
    assert freed() is None
    stuck.let.set()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_a_manager_nobody_refers_to_still_runs_what_it_took(monkeypatch) -> None:
    ran = threading.Event()
    AsyncCalibrationManager().submit_task("label", lambda: (ran.set(), None))
    gc.collect()
    assert ran.wait(60)


def test_when_no_thread_can_be_started_nothing_is_taken(monkeypatch) -> None:
    def refuse(target):
        raise RuntimeError("can't start new thread")

    manager = AsyncCalibrationManager()
    with monkeypatch.context() as patch:
        patch.setattr(crew, "_start", refuse)
        with pytest.raises(RuntimeError, match="thread"):
            manager.submit_task("label", named)
        assert not manager.tasks
    task_id = manager.submit_task("label", named)
    manager.shutdown()
    assert manager.get_task_status(task_id).status is TaskStatus.COMPLETED


def test_when_only_some_threads_can_be_started_those_do_the_work(monkeypatch) -> None:
    manager = AsyncCalibrationManager(max_workers=5)
    stuck = Stuck()
    manager.submit_task("label", stuck)

    def refuse(target):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(crew, "_start", refuse)
    task_id = manager.submit_task("label", named)
    stuck.let.set()
    manager.shutdown()
    assert manager.get_task_status(task_id).status is TaskStatus.COMPLETED


def test_what_breaks_in_a_thread_costs_it_but_no_task(until, monkeypatch) -> None:
    deaths = []
    monkeypatch.setattr(threading, "excepthook", deaths.append)
    manager = AsyncCalibrationManager(max_workers=1)

    def explode(*_, **__):
        raise ValueError("a defect")

    stuck = Stuck()
    ids = [manager.submit_task("first", stuck), manager.submit_task("second", named)]
    workers = set(manager._crew._workers)
    with monkeypatch.context() as broken:
        broken.setattr(crew, "_log_ends", explode)
        stuck.let.set()
        for worker in workers:
            worker.join(60)
    statuses = [manager.get_task_status(task_id) for task_id in ids]
    assert [task.status for task in statuses] == [TaskStatus.COMPLETED, TaskStatus.FAILED]
    assert statuses[1].error == "The worker thread ended unexpectedly."
    assert until.ended(manager, manager.submit_task("third", named)).status is TaskStatus.COMPLETED
    assert len(deaths) == 1
    manager.shutdown()


class Full(io.StringIO):
    """Standard error on the disk that is full."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("stderr", [io.StringIO, Full])
def test_a_log_that_raises_stops_no_clock_and_costs_nothing(until, monkeypatch, tmp_path, stderr) -> None:
    deaths, exploded = [], threading.Event()
    monkeypatch.setattr(threading, "excepthook", deaths.append)
    monkeypatch.setattr(sys, "stderr", stderr())
    manager = AsyncCalibrationManager(max_workers=2, timeout=0.2, database=str(tmp_path / "tasks.db"))

    def explode(record):
        exploded.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    def full(*_):
        raise journal.JournalError("the disk is full.")

    loggers = [logging.getLogger(f"truename.{name}") for name in ("manager", "journal")]
    for logger in loggers:
        logger.addFilter(explode)
    stuck = [Stuck(), Stuck()]
    with monkeypatch.context() as broken:
        broken.setattr(journal.Journal, "_save_or_cut", full)
        ids = [manager.submit_task("stuck", one) for one in stuck]
        ids.append(manager.submit_task("well", named))
        assert exploded.wait(60)
        deadline = time.monotonic() + 60
        while not all(manager.get_task_status(one).status.is_final for one in ids):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    for logger in loggers:
        logger.removeFilter(explode)
    ends = [TaskStatus.TIMEOUT, TaskStatus.TIMEOUT, TaskStatus.COMPLETED]
    assert [manager.get_task_status(one).status for one in ids] == ends
    assert not deaths
    for one in stuck:
        one.let.set()
    manager.shutdown()
    again = AsyncCalibrationManager(database=str(tmp_path / "tasks.db"))
    assert [again.get_task_status(one).status for one in ids] == ends
    again.shutdown()


# The one of a process


def test_the_manager_of_a_process_is_one() -> None:
    assert get_async_calibration_manager() is get_async_calibration_manager()


def test_after_its_shutdown_there_is_a_new_one() -> None:
    first = get_async_calibration_manager()
    first.shutdown()
    second = get_async_calibration_manager()
    assert second is not first
    assert second.task_ttl == 3600
    second.submit_task("label", named)
    second.shutdown()
