"""Commands that work on the database of the data directory, beside a server or without one."""

from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import typer

from truename.commands.loaded import loaded_settings
from truename.commands.process import DONE, LANGUAGE, NOT_ALL, complain, refuse, run
from truename.store.database import FILE_NAME, Database, DatabaseError, StoreUnavailable
from truename.store.trouble import unusable
from truename.terminal import backup as backups
from truename.terminal.catalogue import open_database
from truename.terminal.screen import Screen
from truename.texts import say


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
    except StoreUnavailable as error:
        told = unusable(str(loaded.settings.data_dir / FILE_NAME), error)
        refuse(told.word, **told.fields)
    raise typer.Exit(DONE if done else NOT_ALL)


def backup(file: Path | None) -> None:
    """Make a backup; its work is `terminal.backup`."""
    if str(file) == "-":  # a person means standard output by it; a database cannot be written there
        refuse("backup_no_stream")
    loaded = loaded_settings()
    screen = Screen(LANGUAGE, progress=False)

    async def work() -> None:
        backups.backup(loaded.settings, screen, file)

    try:
        run(work())
    except DatabaseError as error:
        complain(say(error.word, LANGUAGE, **error.fields))
        raise typer.Exit(NOT_ALL) from None


def restore(file: Path, *, dry_run: bool, yes: bool) -> None:
    """Bring a backup back; its work is `terminal.backup`. Only a dry run goes on beside a server."""
    from truename.serving import CannotServe, hold

    loaded = loaded_settings()
    screen = Screen(LANGUAGE, progress=False)

    async def work() -> bool:
        with nullcontext() if dry_run else hold(loaded.settings.data_dir):
            return await backups.restore(loaded.settings, screen, file, dry_run=dry_run, yes=yes)

    try:
        done = run(work())
    except (CannotServe, DatabaseError) as error:
        refuse(error.word, **error.fields)
    except StoreUnavailable as error:
        told = unusable(str(loaded.settings.data_dir / FILE_NAME), error)
        refuse(told.word, **told.fields)
    raise typer.Exit(DONE if done else NOT_ALL)
