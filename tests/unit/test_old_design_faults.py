"""The faults of the sketch that this class replaces, each with a test that the class does not have it.

| fault | what it was | tested |
|---|---|---|
| B1 | the published module did not compile | here: the published call, as far as Python allows it |
| B2 | `info_hash` never reached the function | here |
| B3 | no deadline; a script's time-out was a failure | here |
| B4 | all was forgotten at a restart | here; for several processes it is the server's part |
| B5 | a singleton without a lock | here |
| B6 | a table of futures that leaked | here |
| B7 | completed before the result was there | here |
| B8 | cleaning up while others change the table | here |
| B9 | SystemExit left a task running for ever | here |
| B10 | a submit after shutdown left a ghost | here |
| B11 | the same hash twice was asked twice | no: a label is no key, by contract; the server joins |
| B12 | the function's answer was not checked | here |
| B13 | one person could fill the queue | no: the class knows no persons; the server does |
| B14 | results lived up to twice their time | here |
| B15 | any text reached the child process | here: a label reaches nothing; else the routes' part |
| B16-18 | errors as HTML, the wrong session key, no owner | no: HTTP, so the example's and the server's part |
| B19-21 | the browser's polling | no: the part of `static/js/notes.js` |
| B22 | the time ran while a task waited for a worker | here |
| B23 | a name reached the browser, never the note | no: the class knows no notes; the server's part |
| B24 | nothing that ran could be cancelled | here |
| B25 | paths and tokens in the log | here; what a function says is passed on, by contract |
| B26 | the end of the process waited for stuck functions | here |
| B27 | tests that sleep | only the two of `test_async_calibration_manager.py` |
| B28 | forged log lines; the wall clock as a measure of age | here |
"""

import subprocess
import sys
import threading

import pytest

import truename.manager
from truename import AsyncCalibrationManager, TaskStatus, crew, get_async_calibration_manager


def named(*args, **kwargs):
    return "name", None


def ended(function, *args, **kwargs):
    manager = AsyncCalibrationManager(max_workers=1)
    task_id = manager.submit_task("label", function, *args, **kwargs)
    manager.shutdown()
    return manager.get_task_status(task_id)


def run_script(script_path, info_hash, timeout):
    """What the old application calls: a helper script with a hash."""
    done = subprocess.run(
        [sys.executable, "-c", script_path, info_hash], capture_output=True, text=True, timeout=timeout, check=False
    )
    return (done.stdout.strip(), None) if done.returncode == 0 else (None, done.stderr.strip())


def test_b01_the_published_call_works_with_the_first_two_by_position() -> None:
    task = ended(run_script, script_path="import sys; print('Lights ' + sys.argv[1])", info_hash="ABC", timeout=30)
    assert (task.status, task.result) == (TaskStatus.COMPLETED, "Lights ABC")


def test_b02_info_hash_reaches_the_function() -> None:
    assert ended(lambda info_hash: (f"name of {info_hash}", None), info_hash="ABC").result == "name of ABC"


def test_b03_a_script_over_its_time_is_a_timeout() -> None:
    task = ended(run_script, script_path="import time; time.sleep(60)", info_hash="ABC", timeout=0.05)
    assert (task.status, task.code) == (TaskStatus.TIMEOUT, "deadline")


def test_b03_the_manager_has_a_deadline_of_its_own(until) -> None:
    manager = AsyncCalibrationManager(timeout=0.02)
    go_on = threading.Event()
    task_id = manager.submit_task("label", lambda: (str(go_on.wait(60)), None))
    assert until.ended(manager, task_id).status is TaskStatus.TIMEOUT
    go_on.set()
    manager.shutdown()


def test_b04_with_a_database_a_restart_forgets_nothing(tmp_path) -> None:
    path = tmp_path / "tasks.db"
    manager = AsyncCalibrationManager(database=path)
    task_id = manager.submit_task("label", named)
    manager.shutdown()
    again = AsyncCalibrationManager(database=path)
    assert again.get_task_status(task_id) == manager.get_task_status(task_id)
    again.shutdown()


def test_b05_threads_that_come_at_once_get_one_manager() -> None:
    get_async_calibration_manager().shutdown(wait=False)
    together = threading.Barrier(8, timeout=60)
    got = []
    threads = [
        threading.Thread(target=lambda: (together.wait(), got.append(get_async_calibration_manager())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 8
    assert len(set(map(id, got))) == 1
    assert got[0] is truename.manager._manager


def test_b06_fast_tasks_leave_nothing_behind() -> None:
    manager = AsyncCalibrationManager()
    for _ in range(3000):
        manager.submit_task("label", named)
    manager.shutdown()
    assert len(manager._crew._pending) == len(manager._crew._running) == 0


def test_b07_a_completed_task_always_has_its_result() -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(500):
            task_id = manager.submit_task("label", named)
            while not (task := manager.get_task_status(task_id)).status.is_final:
                pass
            assert (task.status, task.result) == (TaskStatus.COMPLETED, "name")
            assert task.completed_at is not None
    finally:
        sys.setswitchinterval(interval)
        manager.shutdown()


def test_b08_cleaning_up_survives_what_others_submit() -> None:
    manager = AsyncCalibrationManager(task_ttl=0)
    errors, busy = [], threading.Event()

    def submit():
        for _ in range(2000):
            manager.submit_task("label", named)
        busy.set()

    def walk():
        try:
            while not busy.is_set():
                manager.cleanup_old_tasks()
                list(manager.tasks.items())
        except RuntimeError as exc:
            errors.append(exc)

    threads = [threading.Thread(target=function) for function in (submit, walk, walk)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    manager.shutdown()
    assert busy.is_set()
    assert errors == []


@pytest.mark.parametrize("exception", [SystemExit, KeyboardInterrupt])
def test_b09_a_function_that_would_end_the_program_ends_its_task(exception) -> None:
    def function():
        raise exception

    task = ended(function)
    assert (task.status, task.code, task.error) == (TaskStatus.FAILED, "function_failed", exception.__name__)


def test_b10_a_submit_after_shutdown_raises_and_leaves_no_ghost() -> None:
    manager = AsyncCalibrationManager()
    manager.shutdown()
    with pytest.raises(RuntimeError):
        manager.submit_task("label", named)
    assert not manager.tasks


@pytest.mark.parametrize("answer", [None, "ab", ("a", "b", "c")])
def test_b12_nonsense_from_the_function_is_a_failure_with_a_clear_text(answer) -> None:
    task = ended(lambda: answer)
    assert (task.status, task.result) == (TaskStatus.FAILED, None)
    assert "must return a tuple (result, error)" in task.error


def test_b14_an_expired_task_goes_within_a_minute_though_nobody_cleans_up(until, monkeypatch) -> None:
    assert crew.KEEPER_NAP_S < 60
    monkeypatch.setattr(crew, "KEEPER_NAP_S", 0.01)
    manager = AsyncCalibrationManager(task_ttl=0)
    task_id = manager.submit_task("label", named)
    until(lambda: manager.get_task_status(task_id) is None)
    manager.shutdown()


@pytest.mark.parametrize("label", ["--help", "5", "x" * 10_000_000])
def test_b15_a_label_is_only_a_label(label) -> None:
    manager = AsyncCalibrationManager()
    seen = []
    task_id = manager.submit_task(label, lambda *args, **kwargs: (seen.append((args, kwargs)), None))
    manager.shutdown()
    assert seen == [((), {})]
    assert manager.get_task_status(task_id).info_hash == label


def test_b22_the_time_a_task_waits_for_a_worker_does_not_count(until, clock) -> None:
    manager = AsyncCalibrationManager(max_workers=1, timeout=10)
    begun, go_on = threading.Event(), threading.Event()
    first = manager.submit_task("first", lambda: (begun.set(), go_on.wait(60), ("name", None))[2])
    second = manager.submit_task("second", named)
    assert begun.wait(60)
    clock.mono += 1000  # the first one is long over its time, the second one still waits
    go_on.set()
    assert until.ended(manager, second).status is TaskStatus.COMPLETED
    assert manager.get_task_status(first).status is TaskStatus.TIMEOUT
    manager.shutdown()


def test_b24_a_running_task_can_be_cancelled(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    begun, go_on = threading.Event(), threading.Event()
    task_id = manager.submit_task("label", lambda: (begun.set(), go_on.wait(60), ("name", None))[2])
    assert begun.wait(60)
    assert manager.cancel_task(task_id)
    assert manager.get_task_status(task_id).status is TaskStatus.CANCELLED
    go_on.set()
    until.ended(manager, manager.submit_task("next", named))
    assert manager.get_task_status(task_id).result is None
    manager.shutdown()


def test_b25_what_a_function_says_is_not_in_the_log(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)

    def raises():
        raise OSError("/srv/app/token=s3cret")

    ids = [manager.submit_task("label", raises), manager.submit_task("label", lambda: (None, "token=s3cret"))]
    assert [until.ended(manager, task_id).error for task_id in ids] == ["/srv/app/token=s3cret", "token=s3cret"]
    manager.shutdown()
    until(lambda: len(until.lines) >= 5)
    assert not any("s3cret" in line for line in until.lines)


def test_b26_the_end_of_the_process_waits_for_no_function() -> None:
    code = """if True:
        import threading, truename
        manager = truename.AsyncCalibrationManager()
        begun = threading.Event()
        manager.submit_task("label", lambda: (begun.set(), threading.Event().wait()))
        begun.wait()
        manager.shutdown(wait=False)
    """
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_b28_a_label_forges_no_line_of_the_log(until) -> None:
    manager = AsyncCalibrationManager()
    manager.submit_task("x\nERROR forged", named)
    manager.shutdown()
    until(lambda: until.lines)
    assert not any("\n" in line for line in until.lines)


def test_b28_a_step_of_the_wall_clock_changes_no_age(clock) -> None:
    manager = AsyncCalibrationManager()
    task_id = manager.submit_task("label", named)
    manager.shutdown()
    clock.wall += 10 * 86400
    assert manager.cleanup_old_tasks() == 0
    assert manager.get_task_status(task_id) is not None
