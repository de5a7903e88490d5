"""How a command begins and ends: language, streams, signals, exit status. Knows no command, and loads little.

Exit status: 0 done, 1 something was not named or not well, 2 wrong usage or unreadable input, 130 interrupted.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import typer

from truename import partings
from truename.names import make_visible
from truename.terminal.textfile import Unusable, reason
from truename.texts import language_of, say

LANGUAGE = language_of(os.environ)
DONE, NOT_ALL, UNUSABLE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
_SIGNALS: dict[int, int] = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
_CLEAR_PROGRESS = "\r\x1b[K\x1b[?25h"


def help_of(word: str) -> str:
    """What the help says of a command or an option."""
    return say(f"help_{word}", LANGUAGE)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a command's work. A signal ends it wherever it is; the loop stays as it is then, for the process ends too."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # work that never began and half a loop would complain
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    told: list[int] = []

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        told.append(_SIGNALS[number])
        # What is raised inside a finalizer is dropped; the cancellation is what ends the command then.
        loop.call_soon_threadsafe(task.cancel)
        raise SystemExit(told[0])

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return loop.run_until_complete(task)
    except BaseException as error:
        if told:  # whatever the signal has become on its way: where it comes inside a lock, that breaks and says so
            raise SystemExit(told[0]) from None
        if isinstance(error, BrokenPipeError):  # the reader has seen enough
            raise typer.Exit(NOT_ALL) from None
        if isinstance(error, Unusable):
            refuse(error.word, **error.fields)
        raise


def prepare_streams() -> None:
    """Standard streams that exist and can write anything, and signals that take down what a command has begun: that
    and the cursor of the terminal come back at SIGTERM, too.

    One that is closed is empty, or takes what is said; but answers must not be lost unseen, so that standard output
    then fails at whatever is written there, as one that is full does.
    """
    for name, mode, access in (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.open(os.devnull, access), mode, encoding="utf-8"))  # noqa: SIM115 - until the end
        elif mode == "w":
            stream.reconfigure(errors="backslashreplace")
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))


def not_written(error: OSError) -> int:
    """Standard output took no more, so that nothing of it is tried again."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
    if not isinstance(error, BrokenPipeError):
        complain(say("output_failed", LANGUAGE, why=reason(error)))
    return NOT_ALL


def refuse(word: str, **fields: object) -> NoReturn:
    """End the command: it cannot be done like this, and why."""
    refuse_text(say(word, LANGUAGE, **fields))


def refuse_text(text: str) -> NoReturn:
    """The same, in words."""
    complain(text)
    raise typer.Exit(UNUSABLE)


def complain(text: str) -> None:
    """Say something on standard error that is wrong."""
    typer.echo(f"truename: {make_visible(text)}", err=True)


def end_process(status: int) -> NoReturn:
    """End at once: a thread may still wait for standard input or for a tracker's goodbye, and nobody waits for it.

    Only what would be left behind with others is taken away first.
    """
    partings.part()
    if status >= INTERRUPTED and sys.stderr.isatty():
        sys.stderr.write(_CLEAR_PROGRESS)
    try:
        if status < INTERRUPTED:  # who interrupts does not want to wait for a reader that has stopped reading
            sys.stdout.flush()
    except OSError as error:
        status = not_written(error)
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(status)
