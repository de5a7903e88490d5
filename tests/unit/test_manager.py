"""The drop-in class, one call at a time: arguments, reading, cancelling, working, the log."""

import gc
import math
import pickle
import threading
import uuid
import weakref
from pathlib import Path

import pytest

from truename import AsyncCalibrationManager, CalibrationTask, TaskStatus


@pytest.fixture
def manager():
    manager = AsyncCalibrationManager(max_workers=2)
    yield manager
    manager.shutdown(wait=False)


def told(*args, **kwargs):
    """A calibration function that answers with its arguments."""
    return repr((args, kwargs)), None


def run(function, *args, **kwargs) -> CalibrationTask:
    """The task of one call, ended."""
    manager = AsyncCalibrationManager(max_workers=1)
    task_id = manager.submit_task("label", function, *args, **kwargs)
    manager.shutdown()
    return manager.get_task_status(task_id)


class Text(str):
    """A `str` that says something else when asked."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Argument:
    """Something whose end can be watched."""


# What reaches the function


def test_positional_and_keyword_arguments_reach_the_function() -> None:
    assert run(told, 1, "two", three=3).result == "((1, 'two'), {'three': 3})"


def test_info_hash_as_keyword_reaches_the_function_when_the_label_is_positional() -> None:
    assert run(told, info_hash="ABC").result == "((), {'info_hash': 'ABC'})"


def test_every_keyword_reaches_the_function_when_the_first_two_are_positional() -> None:
    words = {"calibration_func": 1, "self": 2, "timeout": 3, "args": 4, "kwargs": 5, "task_id": 6, "database": 7}
    assert run(told, **words).result == repr(((), words))


def test_label_and_function_as_keywords_are_taken_out(manager, until) -> None:
    task_id = manager.submit_task(info_hash="ABC", calibration_func=told, script_path="x.py", timeout=30)
    task = until.ended(manager, task_id)
    assert task.info_hash == "ABC"
    assert task.result == "((), {'script_path': 'x.py', 'timeout': 30})"


def test_a_positional_label_with_the_function_as_keyword_leaves_info_hash_to_the_function(manager, until) -> None:
    task_id = manager.submit_task("label", calibration_func=told, info_hash="ABC")
    task = until.ended(manager, task_id)
    assert (task.info_hash, task.result) == ("label", "((), {'info_hash': 'ABC'})")


def test_the_callers_own_dictionary_is_not_changed(manager) -> None:
    words = {"info_hash": "ABC", "calibration_func": told}
    manager.submit_task(**words)
    assert words == {"info_hash": "ABC", "calibration_func": told}


# What submit_task refuses, and leaves no task of


@pytest.mark.parametrize("label", [None, 5, b"ABC", ["ABC"], True, ("A",)])
def test_a_label_that_is_not_a_string_is_refused(manager, label) -> None:
    with pytest.raises(TypeError, match="info_hash must be a str"):
        manager.submit_task(label, told)
    assert not manager.tasks


def test_an_empty_label_is_refused(manager) -> None:
    with pytest.raises(ValueError, match="info_hash must not be empty"):
        manager.submit_task("", told)
    assert not manager.tasks


@pytest.mark.parametrize("function", [None, "calibrate", 5, ("name", None)])
def test_what_cannot_be_called_is_refused(manager, function) -> None:
    with pytest.raises(TypeError, match="calibration_func must be callable"):
        manager.submit_task("label", function)
    assert not manager.tasks


@pytest.mark.parametrize(
    ("args", "kwargs", "missing"),
    [
        ((), {}, "info_hash"),
        ((), {"calibration_func": told}, "info_hash"),
        ((), {"info_hash": "a"}, "calibration_func"),
        (("a",), {"info_hash": "a"}, "calibration_func"),
    ],
)
def test_a_missing_argument_is_named(manager, args, kwargs, missing) -> None:
    with pytest.raises(TypeError, match=missing):
        manager.submit_task(*args, **kwargs)
    assert not manager.tasks


@pytest.mark.parametrize("label", ["--help", "5", " ", "\0", "x\ny", "名前", "\udc80", "a" * 1_000_000])
def test_a_label_is_any_string_and_kept_as_it_is(manager, label) -> None:
    assert manager.get_task_status(manager.submit_task(label, told)).info_hash == label


def test_the_same_label_twice_is_two_tasks(manager) -> None:
    assert manager.submit_task("same", told) != manager.submit_task("same", told)
    assert len(manager.tasks) == 2


def test_a_label_of_a_subclass_is_kept_as_its_plain_text(manager) -> None:
    label = manager.get_task_status(manager.submit_task(Text("ABC"), told)).info_hash
    assert (type(label), label) == (str, "ABC")


def test_the_id_is_a_random_uuid(manager) -> None:
    ids = [manager.submit_task("label", told) for _ in range(600)]
    assert len(set(ids)) == 600
    assert all(str(uuid.UUID(task_id)) == task_id and uuid.UUID(task_id).version == 4 for task_id in ids)


# What the constructor refuses


@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_worker_is_refused(count) -> None:
    with pytest.raises(ValueError, match="max_workers must be at least 1"):
        AsyncCalibrationManager(max_workers=count)


@pytest.mark.parametrize("count", ["x", "5", 2.0, None, True])
def test_a_number_of_workers_that_is_no_integer_is_refused(count) -> None:
    with pytest.raises(TypeError, match="max_workers must be an int"):
        AsyncCalibrationManager(max_workers=count)


@pytest.mark.parametrize("value", [-1, -0.001, math.nan, -math.inf])
def test_negative_seconds_are_refused(value) -> None:
    with pytest.raises(ValueError, match="task_ttl must not be negative"):
        AsyncCalibrationManager(task_ttl=value)
    with pytest.raises(ValueError, match="timeout must not be negative"):
        AsyncCalibrationManager(timeout=value)


@pytest.mark.parametrize("value", ["x", "5", True, [1]])
def test_seconds_that_are_no_number_are_refused(value) -> None:
    with pytest.raises(TypeError, match="task_ttl must be a number"):
        AsyncCalibrationManager(task_ttl=value)
    with pytest.raises(TypeError, match="timeout must be a number"):
        AsyncCalibrationManager(timeout=value)


def test_no_time_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="None means no limit"):
        AsyncCalibrationManager(timeout=0)


def test_an_integer_too_large_for_a_time_is_refused() -> None:
    with pytest.raises(ValueError, match="task_ttl is too large"):
        AsyncCalibrationManager(task_ttl=10**400)


@pytest.mark.parametrize("seconds", [10**300, math.inf])
def test_times_beyond_all_bounds_mean_never(seconds, until) -> None:
    manager = AsyncCalibrationManager(task_ttl=seconds, timeout=seconds)
    assert until.ended(manager, manager.submit_task("label", told)).status is TaskStatus.COMPLETED
    assert manager.cleanup_old_tasks() == 0
    manager.shutdown()


def test_the_first_two_settings_may_be_positional_and_the_rest_may_not() -> None:
    assert AsyncCalibrationManager(2, 60).task_ttl == 60
    with pytest.raises(TypeError):
        AsyncCalibrationManager(2, 60, 30)


def test_a_manager_without_work_has_no_thread_and_no_file(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    threads = threading.active_count()
    manager = AsyncCalibrationManager()
    assert threading.active_count() == threads
    manager.submit_task("label", told)
    manager.shutdown()
    assert list(tmp_path.iterdir()) == []


# Reading


def test_an_unknown_task_is_none(manager) -> None:
    assert manager.get_task_status("no such task") is None
    assert manager.get_task_status(None) is None


def test_what_callers_get_is_a_snapshot(manager, until) -> None:
    go_on = threading.Event()
    task_id = manager.submit_task("label", lambda: ("name", None) if go_on.wait(60) else None)
    before = manager.get_task_status(task_id)
    go_on.set()
    after = until.ended(manager, task_id)
    assert before.status in (TaskStatus.PENDING, TaskStatus.RUNNING)
    assert before.result is None
    assert after.created_at == before.created_at
    with pytest.raises(AttributeError):
        after.status = TaskStatus.PENDING


def test_a_running_task_says_so(manager, until) -> None:
    begun, go_on = threading.Event(), threading.Event()
    task_id = manager.submit_task("label", lambda: (begun.set(), go_on.wait(60), ("name", None))[2])
    assert begun.wait(60)
    assert manager.get_task_status(task_id).status is TaskStatus.RUNNING
    go_on.set()
    assert until.ended(manager, task_id).status is TaskStatus.COMPLETED


def test_tasks_can_be_compared_and_pickled(manager, until) -> None:
    task = until.ended(manager, manager.submit_task("label", told))
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - our own
    assert task != CalibrationTask(task.task_id, "label", TaskStatus.FAILED)
    assert hash(task) == hash(manager.get_task_status(task.task_id))


def test_a_task_can_be_made_by_position_or_keyword() -> None:
    by_position = CalibrationTask("id", "hash", TaskStatus.TIMEOUT, None, "late", 1.0, 2.0, "deadline")
    by_keyword = CalibrationTask(
        task_id="id",
        info_hash="hash",
        status=TaskStatus.TIMEOUT,
        result=None,
        error="late",
        created_at=1.0,
        completed_at=2.0,
        code="deadline",
    )
    assert by_position == by_keyword
    assert CalibrationTask("id", "hash", TaskStatus.PENDING).created_at > 1_700_000_000


def test_the_table_reads_like_a_dictionary(manager, until) -> None:
    ids = [manager.submit_task(f"label {n}", told) for n in range(3)]
    for task_id in ids:
        until.ended(manager, task_id)
    table = manager.tasks
    assert list(table) == list(table.keys()) == [task_id for task_id, _ in table.items()] == ids
    assert [task.info_hash for task in table.values()] == ["label 0", "label 1", "label 2"]
    assert len(table) == 3
    assert table[ids[0]] is manager.get_task_status(ids[0]) is table.get(ids[0])
    assert ids[0] in table
    assert "other" not in table
    assert table == dict(table)
    assert ids[0] in repr(table)


def test_the_table_cannot_be_changed(manager) -> None:
    task_id = manager.submit_task("label", told)
    with pytest.raises(TypeError):
        manager.tasks["other"] = manager.tasks[task_id]
    with pytest.raises(TypeError):
        del manager.tasks[task_id]
    with pytest.raises(AttributeError):
        manager.tasks = {}
    manager.tasks.items()
    assert not hasattr(manager.tasks, "pop")


def test_the_table_shows_what_happens_later(manager) -> None:
    table = manager.tasks
    task_id = manager.submit_task("label", told)
    assert task_id in table


@pytest.mark.parametrize(
    "walk", [iter, lambda table: table.keys(), lambda table: table.values(), lambda table: table.items()]
)
def test_a_walk_sees_the_tasks_of_one_moment_whatever_comes_meanwhile(manager, walk) -> None:
    for _ in range(3):
        manager.submit_task("label", told)
    seen = [manager.submit_task("another", told) for _ in walk(manager.tasks)]
    assert len(seen) == 3
    assert len(manager.tasks) == 6


# Cancelling


def test_a_cancelled_pending_task_never_runs() -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    go_on, ran = threading.Event(), []
    manager.submit_task("first", lambda: ("name", None) if go_on.wait(60) else None)
    second = manager.submit_task("second", lambda: (ran.append("second"), None))
    third = manager.submit_task("third", lambda: (ran.append("third"), None))
    assert manager.cancel_task(second) is True
    task = manager.get_task_status(second)
    assert (task.status, task.code, task.error) == (TaskStatus.CANCELLED, "cancelled", "The task was cancelled.")
    assert task.completed_at is not None
    go_on.set()
    manager.shutdown()
    assert ran == ["third"]
    assert manager.get_task_status(third).status is TaskStatus.FAILED
    assert manager.get_task_status(second) is task


@pytest.mark.parametrize(
    "cancel", [lambda manager, task_id: manager.cancel_task(task_id), lambda manager, _: manager.shutdown(wait=False)]
)
def test_a_cancelled_pending_task_keeps_no_argument_alive_though_all_workers_are_stuck(cancel) -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    begun, go_on = threading.Event(), threading.Event()
    manager.submit_task("stuck", lambda: (begun.set(), go_on.wait(60), ("name", None))[2])
    assert begun.wait(60)
    argument = Argument()
    alive = weakref.ref(argument)
    task_id = manager.submit_task("label", told, argument)
    del argument
    cancel(manager, task_id)
    gc.collect()
    assert alive() is None
    go_on.set()
    manager.shutdown()


def test_a_cancelled_running_task_is_cancelled_now_and_its_result_is_dropped(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    begun, go_on = threading.Event(), threading.Event()
    task_id = manager.submit_task("label", lambda: (begun.set(), go_on.wait(60), ("name", None))[2])
    assert begun.wait(60)
    assert manager.cancel_task(task_id) is True
    cancelled = manager.get_task_status(task_id)
    assert cancelled.status is TaskStatus.CANCELLED
    go_on.set()
    # The one worker has come back when it takes the next.
    assert until.ended(manager, manager.submit_task("next", told)).status is TaskStatus.COMPLETED
    assert manager.get_task_status(task_id) is cancelled
    manager.shutdown()


def test_a_cancelled_function_keeps_its_worker_until_it_returns(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    begun, go_on, order = threading.Event(), threading.Event(), []
    first = manager.submit_task(
        "first", lambda: (begun.set(), go_on.wait(60), order.append("first"), ("name", None))[3]
    )
    assert begun.wait(60)
    manager.cancel_task(first)
    second = manager.submit_task("second", lambda: (order.append("second"), None))
    go_on.set()
    until.ended(manager, second)
    assert order == ["first", "second"]
    manager.shutdown()


def test_cancelling_twice_or_too_late_or_nothing_is_false(manager, until) -> None:
    task = until.ended(manager, manager.submit_task("label", told))
    assert manager.cancel_task(task.task_id) is False
    assert manager.get_task_status(task.task_id) is task
    assert manager.cancel_task("no such task") is False
    go_on = threading.Event()
    running = manager.submit_task("label", lambda: ("name", None) if go_on.wait(60) else None)
    assert [manager.cancel_task(running) for _ in range(2)] == [True, False]
    go_on.set()


# Working


def test_a_function_may_submit_to_its_own_manager() -> None:
    manager = AsyncCalibrationManager(max_workers=1)

    def outer():
        return manager.submit_task("inner", told), None

    task_id = manager.submit_task("outer", outer)
    manager.shutdown()
    inner = manager.get_task_status(task_id).result
    assert inner is None or manager.get_task_status(inner).status is TaskStatus.COMPLETED


def test_a_chain_of_functions_that_submit_the_next_one_reaches_its_end(manager) -> None:
    reached = threading.Event()

    def link(left):
        if left:
            manager.submit_task("next", link, left - 1)
        else:
            reached.set()
        return "name", None

    manager.submit_task("first", link, 100)
    assert reached.wait(60)


def test_as_many_functions_run_at_once_as_there_are_workers(until) -> None:
    manager = AsyncCalibrationManager(max_workers=3)
    together = threading.Barrier(3, timeout=60)
    ids = [manager.submit_task("label", lambda: (str(together.wait() + 1), None)) for _ in range(6)]
    assert all(until.ended(manager, task_id).status is TaskStatus.COMPLETED for task_id in ids)
    manager.shutdown()


def test_never_more_functions_run_at_once_than_there_are_workers() -> None:
    manager = AsyncCalibrationManager(max_workers=2)
    lock, inside, most = threading.Lock(), [], []

    def function():
        with lock:
            inside.append(1)
            most.append(len(inside))
        with lock:
            inside.pop()
        return "name", None

    for _ in range(500):
        manager.submit_task("label", function)
    manager.shutdown()
    assert max(most) <= 2


def test_tasks_begin_in_the_order_of_their_submission() -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    order = []
    for n in range(100):
        manager.submit_task("label", lambda n=n: (order.append(n), None))
    manager.shutdown()
    assert order == list(range(100))


def test_a_worker_that_waits_keeps_no_argument_alive() -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    argument, freed = Argument(), threading.Event()
    watch = weakref.ref(argument, lambda _: freed.set())
    manager.submit_task("label", lambda it: ("name", None), argument)
    del argument
    assert freed.wait(60), watch
    manager.shutdown()


# The log


def test_no_text_of_a_stranger_can_forge_a_line_of_the_log(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    forged = "x\r\nERROR forged\x1b[2K\u2028\u202e\x85"

    def raises():
        raise type(forged, (Exception,), {})(forged)

    ids = [manager.submit_task(forged, function) for function in (told, raises, lambda: (None, forged))]
    ids.append(manager.submit_task(forged * 1000, told))
    for task_id in ids:
        until.ended(manager, task_id)
    manager.shutdown()
    until(lambda: len(until.lines) >= 9)
    assert all(line.isprintable() and len(line) < 1000 for line in until.lines), until.lines


def test_the_log_has_a_line_for_each_beginning_and_each_end(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    begun, go_on = threading.Event(), threading.Event()
    running = manager.submit_task("first", lambda: (begun.set(), go_on.wait(60), (None, "no peers"))[2])
    assert begun.wait(60)
    cancelled, dropped = manager.submit_task("second", told), manager.submit_task("third", told)
    manager.cancel_task(cancelled)
    manager.shutdown(wait=False)
    go_on.set()
    until.ended(manager, running)
    until(lambda: len(until.lines) >= 6)
    assert until.lines == [
        f"task {running} for 'first': pending",
        f"task {cancelled} for 'second': pending",
        f"task {dropped} for 'third': pending",
        f"task {cancelled}: cancelled (cancelled)",
        f"task {dropped}: cancelled (cancelled)",
        f"task {running}: failed (function_failed)",
    ]


def test_the_log_says_what_was_raised_and_where(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)

    def raises():
        raise LookupError("token=secret")

    until.ended(manager, manager.submit_task("label", raises))
    until(lambda: any("LookupError at " in line for line in until.lines))
    assert any(f"{Path(__file__).name}:" in line for line in until.lines)
    assert not any("secret" in line for line in until.lines)
    manager.shutdown()
