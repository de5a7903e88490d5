"""How a command begins and ends: language, settings, streams, signals, exit status. Knows no command.

Exit status: 0 done, 1 something was not named or not well, 2 wrong usage or unreadable input, 130 interrupted.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import typer
from sqlalchemy.exc import DBAPIError

from truename import partings
from truename.names import make_visible
from truename.settings import Loaded, SettingsError, load
from truename.store.database import FILE_NAME, Database, DatabaseError
from truename.terminal import doctor as doctors
from truename.terminal.catalogue import open_database
from truename.terminal.screen import Screen
from truename.terminal.textfile import Unusable, reason
from truename.texts import language_of, say

LANGUAGE = language_of(os.environ)
DONE, NOT_ALL, UNUSABLE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
_SIGNALS: dict[int, int] = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
_CLEAR_PROGRESS = "\r\x1b[K\x1b[?25h"


def help_of(word: str) -> str:
    """What the help says of a command or an option."""
    return say(f"help_{word}", LANGUAGE)


def loaded_settings(*, warn: bool = True) -> Loaded:
    """The settings, after complaints about unknown ones; a value that cannot be used ends the command."""
    try:
        loaded = load()
    except SettingsError as error:
        refuse_text(error.text(LANGUAGE))
    for name in loaded.unknown if warn else ():
        complain(doctors.unknown_setting(name, LANGUAGE))
    return loaded


def tell_what_is_left_alone(loaded: Loaded) -> None:
    """What a person may miss where a qBittorrent is of use; elsewhere it may be another program's."""
    for name in loaded.left_alone:
        complain(say("left_alone", LANGUAGE, name=name))


def on_database(act: Callable[[Database, Screen], Coroutine[Any, Any, bool]]) -> None:
    """Do something to the database of the data directory, beside a server or without one, and end with its success."""
    loaded = loaded_settings()
    screen = Screen(LANGUAGE, progress=False)

    async def work() -> bool:
        async with open_database(loaded.settings.data_dir) as database:
            return await act(database, screen)

    try:
        done = run(work())
    except DatabaseError as error:
        refuse(error.word, **error.fields)
    except DBAPIError as error:  # locked, full: SQLite's own words
        refuse("database_unusable", what=str(loaded.settings.data_dir / FILE_NAME), why=str(error.orig))
    raise typer.Exit(DONE if done else NOT_ALL)


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
    except asyncio.CancelledError:
        if not told:
            raise
        raise SystemExit(told[0]) from None
    except BrokenPipeError:  # the reader has seen enough
        raise typer.Exit(NOT_ALL) from None
    except Unusable as error:
        refuse(error.word, **error.fields)


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
