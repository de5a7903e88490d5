"""`truename settings` and `truename doctor`; their work is in `terminal`."""

import typer

from truename.commands.loaded import loaded_settings, tell_what_is_left_alone
from truename.commands.process import DONE, LANGUAGE, NOT_ALL, run
from truename.terminal import doctor as doctors
from truename.terminal import settings as settings_shown
from truename.terminal.screen import Screen
from truename.ways import open_chain


def settings() -> None:
    """Show the settings."""
    settings_shown.show_settings(loaded_settings(), LANGUAGE)


def doctor() -> None:
    """Look at everything."""
    loaded = loaded_settings(warn=False)
    tell_what_is_left_alone(loaded)
    screen = Screen(LANGUAGE)

    async def work() -> bool:
        async with open_chain(loaded.settings) as chain:
            return await doctors.doctor(chain, loaded, screen)

    raise typer.Exit(DONE if run(work()) else NOT_ALL)
