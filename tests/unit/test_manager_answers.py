"""The drop-in class: what the answer of a calibration function means, and what its exceptions mean."""

import enum
import subprocess
import threading
import typing
from pathlib import Path

import pytest

from truename import AsyncCalibrationManager, CalibrationTask, TaskStatus


def run(function, *args, **kwargs) -> CalibrationTask:
    """The task of one call, ended."""
    manager = AsyncCalibrationManager(max_workers=1)
    task_id = manager.submit_task("label", function, *args, **kwargs)
    manager.shutdown()
    return manager.get_task_status(task_id)


def run_returning(answer) -> CalibrationTask:
    return run(lambda: answer)


def run_raising(exception) -> CalibrationTask:
    def function():
        raise exception

    return run(function)


class Text(str):
    """A `str` that says something else when asked."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


# What the function's answer means


def test_a_name_completes_the_task() -> None:
    task = run_returning(("Harbour Lights", None))
    assert (task.status, task.result, task.error, task.code) == (TaskStatus.COMPLETED, "Harbour Lights", None, None)
    assert task.completed_at >= task.created_at


def test_a_name_counts_even_with_an_error_beside_it() -> None:
    task = run_returning(("Harbour Lights", "a warning"))
    assert (task.status, task.result, task.error) == (TaskStatus.COMPLETED, "Harbour Lights", None)


@pytest.mark.parametrize("nothing", [None, "", 0, False, b"", ()])
def test_nothing_and_an_error_fails_with_that_error(nothing) -> None:
    task = run_returning((nothing, "no peers"))
    assert (task.status, task.result, task.error, task.code) == (
        TaskStatus.FAILED,
        None,
        "no peers",
        "function_failed",
    )


@pytest.mark.parametrize("nothing", [None, "", 0])
def test_nothing_at_all_is_an_unknown_error(nothing) -> None:
    assert run_returning((None, nothing)).error == "Unknown error"


def test_an_error_that_is_no_string_is_told_as_its_text() -> None:
    assert run_returning((None, ValueError("bad hash"))).error == "bad hash"
    assert run_returning((None, ValueError())).error == "ValueError"


@pytest.mark.parametrize("result", [5, b"name", Path("name"), ["name"], object()])
def test_a_result_that_is_no_string_fails_and_names_its_type(result) -> None:
    task = run_returning((result, None))
    assert task.status is TaskStatus.FAILED
    assert task.error == f"The function's result must be a str, not an object of type {type(result).__name__}."
    assert task.code == "function_failed"


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        (None, "None"),
        ("ab", "an object of type str"),
        (5, "an object of type int"),
        ({"result": "x", "error": None}, "an object of type dict"),
        (["Harbour Lights", None], "an object of type list"),
        (("Harbour Lights",), "a tuple of 1"),
        (("Harbour Lights", None, 3), "a tuple of 3"),
        ((), "a tuple of 0"),
    ],
)
def test_any_other_answer_fails_and_says_what_it_was(answer, shape) -> None:
    task = run_returning(answer)
    assert task.status is TaskStatus.FAILED
    assert task.error == f"The function must return a tuple (result, error), not {shape}."


def test_a_named_tuple_of_two_is_a_tuple_of_two() -> None:
    class Pair(typing.NamedTuple):
        result: str | None
        error: str | None

    assert run_returning(Pair("Harbour Lights", None)).result == "Harbour Lights"
    assert run_returning(Pair(None, "no peers")).error == "no peers"


def test_a_result_of_a_subclass_of_str_is_its_plain_text() -> None:
    class Names(enum.StrEnum):
        HARBOUR = "Harbour Lights"

    for result in (Text("Harbour Lights"), Names.HARBOUR):
        task = run_returning((result, None))
        assert (type(task.result), task.result) == (str, "Harbour Lights")


def test_a_coroutine_function_fails_and_leaves_no_warning() -> None:
    async def calibrate():
        return "name", None

    task = run(calibrate)
    assert task.status is TaskStatus.FAILED
    assert task.error.startswith("The function is a coroutine function")


def test_a_generator_function_fails() -> None:
    def calibrate():
        yield "name", None

    assert run(calibrate).error.endswith("not an object of type generator.")


def test_an_answer_whose_truth_cannot_be_asked_fails() -> None:
    class Undecided:
        def __bool__(self):
            raise ValueError("neither true nor false")

    assert run_returning((Undecided(), None)).error == "neither true nor false"


# What an exception means


def test_an_exceptions_text_is_passed_on_verbatim() -> None:
    text = "line one\nline two /srv/secret \x1b[31m"
    task = run_raising(ValueError(text))
    assert (task.status, task.error, task.code) == (TaskStatus.FAILED, text, "function_failed")


def test_an_exception_without_text_is_told_by_its_class() -> None:
    assert run_raising(LookupError()).error == "LookupError"


def test_an_exception_whose_text_raises_is_told_by_its_class() -> None:
    class BrokenError(Exception):
        def __str__(self):
            raise SystemExit("from __str__")

    assert run_raising(BrokenError()).error == "BrokenError"


def test_wrong_arguments_for_the_function_fail_the_task() -> None:
    task = run(lambda: ("name", None), "one too many")
    assert task.status is TaskStatus.FAILED
    assert "positional argument" in task.error


@pytest.mark.parametrize(
    "exception", [TimeoutError("too slow"), subprocess.TimeoutExpired(["script"], 30), ConnectionAbortedError(110, "x")]
)
def test_only_time_outs_are_time_outs(exception) -> None:
    task = run_raising(exception)
    expected = TaskStatus.FAILED if isinstance(exception, ConnectionAbortedError) else TaskStatus.TIMEOUT
    assert (task.status, task.error) == (expected, str(exception))
    assert task.code == ("function_failed" if expected is TaskStatus.FAILED else "deadline")


def test_a_time_out_of_a_real_child_process_is_a_time_out() -> None:
    task = run(lambda: (subprocess.run(["sleep", "60"], timeout=0.01, check=True), None))
    assert (task.status, task.code) == (TaskStatus.TIMEOUT, "deadline")


@pytest.mark.parametrize("exception", [SystemExit(3), KeyboardInterrupt("stop"), GeneratorExit(), BaseException("odd")])
def test_what_would_end_a_program_ends_only_the_task(exception) -> None:
    task = run_raising(exception)
    assert task.status is TaskStatus.FAILED
    assert task.error == (str(exception) or type(exception).__name__)
    assert task.completed_at is not None


def test_a_worker_survives_what_would_end_a_program(until) -> None:
    manager = AsyncCalibrationManager(max_workers=1)
    threads = []

    def exits():
        threads.append(threading.current_thread())
        raise SystemExit

    def works():
        threads.append(threading.current_thread())
        return "name", None

    manager.submit_task("label", exits)
    assert until.ended(manager, manager.submit_task("label", works)).result == "name"
    assert threads[0] is threads[1]
    manager.shutdown()
