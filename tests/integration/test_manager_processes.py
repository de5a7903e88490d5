"""The drop-in class and processes: fork, the end of a process, kill -9, several managers on one file."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from truename import AsyncCalibrationManager, TaskStatus
from truename.journal import INTERRUPTED, JournalError

PATIENCE_S = 90

BEGINNING = """
import os, signal, sys, threading
from truename import AsyncCalibrationManager, TaskStatus, get_async_calibration_manager

signal.alarm(80)  # a process that hangs dies of it

def named():
    return "name", None

def stuck():
    begun.set()
    threading.Event().wait()

begun = threading.Event()
"""


def program(body: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that runs `body`; it is told to end when this one forgets it."""
    return subprocess.Popen(
        [sys.executable, "-c", BEGINNING + textwrap.dedent(body), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output_of(body: str, *arguments: str) -> str:
    """What the program prints, after it ended well and without a word of complaint."""
    with program(body, *arguments) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    return out


# Fork

FORK_UNDER_LOAD = """
    manager = get_async_calibration_manager()
    manager.task_ttl = 0  # so that the load is the same to the end
    others = [AsyncCalibrationManager(max_workers=2, task_ttl=0) for _ in range(2)]
    stop = threading.Event()

    def load(it):
        while not stop.is_set():
            task_id = it.submit_task("parent", named)
            it.get_task_status(task_id)
            it.cancel_task(task_id)
            it.cleanup_old_tasks()

    threads = [threading.Thread(target=load, args=(it,)) for it in (manager, *others) for _ in range(2)]
    for thread in threads:
        thread.start()
    good = 0
    for _ in range(25):
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            empty = not manager.tasks and not others[0].tasks
            new = get_async_calibration_manager()
            manager.task_ttl = others[0].task_ttl = 3600
            ids = [it.submit_task("child", named) for it in (manager, others[0], new)]
            ended = []
            for it in (manager, others[0], new):
                it.shutdown()
                ended += [task.status for task in it.tasks.values()]
            os._exit(0 if empty and new is not manager and ended == [TaskStatus.COMPLETED] * 3 else 1)
        good += os.waitpid(child, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    manager.task_ttl = 3600
    assert get_async_calibration_manager() is manager
    last = manager.submit_task("parent", named)
    for it in (manager, *others):
        it.shutdown()
    print(good, manager.get_task_status(last).status.value)
"""


def test_a_child_forked_under_load_starts_empty_and_works_and_so_does_the_parent() -> None:
    assert output_of(FORK_UNDER_LOAD).split() == ["25", "completed"]


def test_the_ids_of_a_child_are_not_those_of_its_parent() -> None:
    out = output_of("""
        manager = AsyncCalibrationManager()
        manager.submit_task("label", named)  # random bytes are drawn for several ids at once
        child = os.fork()
        ids = [manager.submit_task("label", named) for _ in range(100)]
        sys.stdout.write("\\n".join(ids) + "\\n")
        sys.stdout.flush()
        if child:
            os.waitpid(child, 0)
    """)
    assert len(set(out.split())) == 200


def test_a_function_that_forks_comes_back_once_in_each_process() -> None:
    out = output_of("""
        manager = AsyncCalibrationManager(max_workers=1)

        def forks():
            child = os.fork()
            if child == 0:
                return "child", None  # its thread is the child's only one, and ends
            os.waitpid(child, 0)
            return "parent", None

        task_id = manager.submit_task("label", forks)
        manager.shutdown()
        print(manager.get_task_status(task_id).result)
    """)
    assert out.split() == ["parent"]


def test_a_manager_shut_down_before_the_fork_stays_so_in_the_child() -> None:
    out = output_of("""
        manager = get_async_calibration_manager()
        manager.shutdown()
        child = os.fork()
        if child == 0:
            try:
                manager.submit_task("label", named)
            except RuntimeError:
                os._exit(get_async_calibration_manager() is manager)
            os._exit(2)
        print(os.waitpid(child, 0)[1])
    """)
    assert out.split() == ["0"]


def test_a_child_leaves_the_journal_to_its_parent(tmp_path) -> None:
    path = tmp_path / "tasks.db"
    out = output_of(
        """
        manager = AsyncCalibrationManager(database=sys.argv[1])
        first = manager.submit_task("first", named)
        go_on = threading.Event()
        second = manager.submit_task("second", lambda: (go_on.wait(), named())[1])
        child = os.fork()
        if child == 0:
            manager.submit_task("child", named)
            manager.shutdown()
            sys.exit()  # the interpreter tidies up, connections included
        assert os.waitpid(child, 0)[1] == 0
        go_on.set()
        third = manager.submit_task("third", named)
        print(first, second, third, sep="\\n", flush=True)
        while not all(task.status.is_final for task in manager.tasks.values()):
            os.sched_yield()
        os._exit(0)  # no shutdown: what is on the disk must do
        """,
        str(path),
    )
    manager = AsyncCalibrationManager(database=path)
    assert set(manager.tasks) == set(out.split())
    assert {task.status for task in manager.tasks.values()} == {TaskStatus.COMPLETED}
    manager.shutdown()


# The end of a process


@pytest.mark.parametrize(
    "ending", ["", "manager.shutdown(wait=False)", "del manager", "manager.cancel_task(task_id)", "sys.exit()"]
)
def test_a_stuck_function_does_not_hold_up_the_end_of_the_process(ending) -> None:
    output_of(f"""
        manager = AsyncCalibrationManager(max_workers=1)
        task_id = manager.submit_task("stuck", stuck)
        manager.submit_task("pending", stuck)
        assert begun.wait(60)
        {ending}
    """)


def test_ctrl_c_ends_a_process_that_waits_for_a_stuck_function() -> None:
    with program("""
        manager = AsyncCalibrationManager(max_workers=1)
        manager.submit_task("stuck", stuck)
        assert begun.wait(60)
        print("waiting", flush=True)
        manager.shutdown()
    """) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in err


def test_a_shutdown_that_waits_from_a_signal_handler_does_not_hang() -> None:
    out = output_of("""
        manager = AsyncCalibrationManager(max_workers=2)
        handled = []

        def handle(number, frame):
            manager.shutdown(wait=False)
            handled.append(number)

        signal.signal(signal.SIGUSR1, handle)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        try:
            while True:
                manager.submit_task("label", named)
        except RuntimeError:
            manager.shutdown()
        print(all(task.status.is_final for task in manager.tasks.values()), len(handled))
    """)
    assert out.split() == ["True", "1"]


# The journal across processes

KILLED = """
    manager = AsyncCalibrationManager(max_workers=1, database=sys.argv[1])
    done = manager.submit_task("done", named)
    failed = manager.submit_task("failed", lambda: (None, "no peers"))
    running = manager.submit_task("running", stuck)
    pending = manager.submit_task("pending", named)
    cancelled = manager.submit_task("cancelled", named)
    manager.cancel_task(cancelled)
    assert begun.wait(60)
    print(done, failed, running, pending, cancelled, flush=True)
    threading.Event().wait()
"""


def test_after_kill_9_what_had_not_ended_is_interrupted_and_the_rest_is_as_it_was(tmp_path) -> None:
    path = tmp_path / "tasks.db"
    with program(KILLED, str(path)) as process:
        ids = process.stdout.readline().split()
        process.kill()
    for _ in range(2):  # the second opening finds the same
        manager = AsyncCalibrationManager(database=path)
        done, failed, running, pending, cancelled = map(manager.get_task_status, ids)
        assert (done.status, done.result, done.info_hash) == (TaskStatus.COMPLETED, "name", "done")
        assert (failed.status, failed.error, failed.code) == (TaskStatus.FAILED, "no peers", "function_failed")
        assert (cancelled.status, cancelled.code) == (TaskStatus.CANCELLED, "cancelled")
        for task in (running, pending):
            assert (task.status, task.code, task.error) == (TaskStatus.FAILED, "interrupted", INTERRUPTED)
            assert task.completed_at >= task.created_at
        assert len(manager.tasks) == 5
        manager.shutdown()


def test_killed_at_any_moment_the_journal_opens_and_every_task_has_ended(tmp_path) -> None:
    for moment in range(8):
        path = tmp_path / f"tasks{moment}.db"
        with program(
            """
            manager = AsyncCalibrationManager(max_workers=2, database=sys.argv[1])
            while True:
                task_id = manager.submit_task("label", named)
                os.write(1, task_id.encode() + b"\\n")
            """,
            str(path),
        ) as process:
            told = [process.stdout.readline().strip() for _ in range(1 + 40 * moment)]
            process.kill()
        manager = AsyncCalibrationManager(database=path)
        assert set(told) <= set(manager.tasks), "an id that was returned is on the disk"
        for task in manager.tasks.values():
            assert task.status is TaskStatus.COMPLETED or task.code == "interrupted"
        manager.shutdown()


def test_a_process_that_owns_the_journal_keeps_others_out_until_it_dies(tmp_path) -> None:
    path = tmp_path / "tasks.db"
    with program(KILLED, str(path)) as process:
        ids = process.stdout.readline().split()
        with pytest.raises(JournalError, match="in use by another manager or process"):
            AsyncCalibrationManager(database=path)
        process.kill()
    manager = AsyncCalibrationManager(database=path)
    assert set(manager.tasks) == set(ids), "the attempt changed nothing"
    assert manager.get_task_status(ids[2]).code == "interrupted"
    manager.shutdown()


def test_of_two_processes_that_open_a_file_at_once_one_gets_it(tmp_path) -> None:
    body = """
        sys.stdin.readline()
        try:
            manager = AsyncCalibrationManager(database=sys.argv[1])
        except Exception as exc:
            print(type(exc).__name__, flush=True)
        else:
            print("mine", flush=True)
        sys.stdin.readline()
    """
    for _ in range(3):  # a new file, then one that is there
        processes = [program(body, str(tmp_path / "tasks.db")) for _ in range(2)]
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        assert sorted(process.stdout.readline().strip() for process in processes) == ["JournalError", "mine"]
        for process in processes:
            process.communicate("\n", timeout=PATIENCE_S)


def test_a_relative_database_stays_where_it_was_named(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    manager = AsyncCalibrationManager(database="tasks.db")
    os.chdir("/")
    manager.submit_task("label", lambda: ("name", None))
    manager.shutdown()
    assert (tmp_path / "tasks.db").exists()
