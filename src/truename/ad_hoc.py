"""Calling a stranger's calibration function: whatever it does, an end comes out of it.

Knows nothing of threads or tables. The function's own texts are passed on as they are.
"""

import sys
from collections.abc import Callable
from types import CoroutineType
from typing import Any, NamedTuple

from truename.codes import Code
from truename.model import TaskEvent


class Job(NamedTuple):
    """One call to make."""

    function: Callable[..., object]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class End(NamedTuple):
    """What happened to a task in the end. `raised` is for the log: which exception, and where."""

    event: TaskEvent
    result: str | None = None
    error: str | None = None
    code: str | None = None
    raised: str | None = None


def call(job: Job) -> End:
    """Call the function and read its answer."""
    try:
        return read_answer(job.function(*job.args, **job.kwargs))
    except BaseException as exc:  # SystemExit and KeyboardInterrupt too: they are the function's, not the process's
        if _is_timeout(exc):
            return End(TaskEvent.TIME_OUT, error=_text_of(exc), code=Code.DEADLINE)
        return _failure(_text_of(exc), raised=_place_of(exc))


def read_answer(answer: object) -> End:
    """What the function's return value means; only a tuple `(result, error)` means something good."""
    if isinstance(answer, tuple) and len(answer) == 2:
        return _read_pair(*answer)
    if isinstance(answer, CoroutineType):
        answer.close()  # otherwise Python warns that nobody awaited it
        return _failure("The function is a coroutine function; it must be an ordinary one, returning (result, error).")
    return _failure(f"The function must return a tuple (result, error), not {_shape_of(answer)}.")


def _read_pair(result: object, error: object) -> End:
    if not result:
        return _failure(_text_of(error) if error else "Unknown error")
    if not isinstance(result, str):
        return _failure(f"The function's result must be a str, not an object of type {type(result).__name__}.")
    return End(TaskEvent.COMPLETE, result=str.__str__(result))  # of a subclass: the plain text


def _failure(error: str, *, raised: str | None = None) -> End:
    return End(TaskEvent.FAIL, error=error, code=Code.FUNCTION_FAILED, raised=raised)


def _shape_of(answer: object) -> str:
    if isinstance(answer, tuple):
        return f"a tuple of {len(answer)}"
    return "None" if answer is None else f"an object of type {type(answer).__name__}"


def _is_timeout(exc: BaseException) -> bool:
    # Not imported here: it would be a fifth of the cost of `import truename`, and whoever raises this has imported it.
    of_subprocess = getattr(sys.modules.get("subprocess"), "TimeoutExpired", ())
    return isinstance(exc, (TimeoutError, of_subprocess))


def _text_of(thing: object) -> str:
    try:
        text = str.__str__(str(thing))
    except BaseException:  # a stranger's __str__
        text = ""
    return text or type(thing).__name__


def _place_of(exc: BaseException) -> str:
    """Class, file and line: enough to find it, and no text of the exception that could forge a line of the log."""
    step = exc.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    place = "" if step is None else f" at {step.tb_frame.f_code.co_filename}:{step.tb_lineno}"
    return f"{type(exc).__name__}{place}"
