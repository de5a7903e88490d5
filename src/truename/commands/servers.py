"""`truename serve`, and how any command runs a server; the server itself is `truename.serving`."""

import logging
import sys
from collections.abc import Coroutine
from typing import Any

import typer

from truename.commands.loaded import loaded_settings, tell_what_is_left_alone
from truename.commands.process import LANGUAGE, NOT_ALL, complain, refuse, run
from truename.open_files import FEW, take_files
from truename.serving import CannotServe, serving, until_told_to_stop
from truename.store.database import DatabaseError
from truename.terminal.log import telling
from truename.terminal.screen import Screen
from truename.texts import say
from truename.ways import open_chain

log = logging.getLogger(__name__)

_PASSES = frozenset(("database_full", "database_held"))
"""What another start may find mended, so whoever looks after the server may try again: no wrong usage (status 2)."""


def serve() -> None:
    """Run the server until it is told to stop."""
    loaded = loaded_settings()
    tell_what_is_left_alone(loaded)
    screen = Screen(LANGUAGE, progress=False)

    async def work() -> None:
        async with (
            open_chain(loaded.settings) as chain,
            serving(loaded.settings, chain, LANGUAGE) as served,
        ):
            screen.say("serve_up", address=served.address)
            if served.notice is not None:
                screen.note(served.notice)
            await until_told_to_stop()

    run_server(work())


def run_server(work: Coroutine[Any, Any, None]) -> None:
    """Run a server to its end. What ended it, if it was not told to, is an error of the whole."""
    if (files := take_files()) < FEW:
        complain(say("few_files", LANGUAGE, files=files))
    with telling(sys.stderr):
        try:
            run(work)
        except (CannotServe, DatabaseError) as error:
            if error.word in _PASSES:
                complain(say(error.word, LANGUAGE, **error.fields))
                raise typer.Exit(NOT_ALL) from None
            refuse(error.word, **error.fields)
        except ExceptionGroup as group:
            log.critical("the server has ended", exc_info=group)
            raise typer.Exit(NOT_ALL) from None
