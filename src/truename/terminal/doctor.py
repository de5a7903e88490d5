"""`truename doctor`: what works and what does not, each with the next step. And `truename settings`."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from truename.names import make_visible
from truename.resolvers.base import ResolverHealth
from truename.resolvers.chain import Chain
from truename.settings import FILE_NAME, Loaded, Settings, shown_value
from truename.store.database import FILE_NAME as FILE_NAME_OF_DATABASE
from truename.store.database import DatabaseError
from truename.store.tables import torrent
from truename.terminal.backup import backup_states
from truename.terminal.catalogue import open_database
from truename.terminal.screen import Screen
from truename.texts import Language, say

_GOOD, _BAD = "✓", "✗"
_WIDE = 240  # columns, where no terminal says how many there are


async def doctor(chain: Chain, loaded: Loaded, screen: Screen) -> bool:
    """Look at everything and print a line for each thing. Output: whether all is well."""
    well = not loaded.unknown
    if well:
        screen.answer(f"{_GOOD} {say('doctor_settings_ok', screen.language)}")
    for name in loaded.unknown:
        screen.answer(f"{_BAD} {unknown_setting(name, screen.language)}")
    for good, line in (
        data_dir_state(loaded.settings.data_dir, screen.language),
        *await database_states(loaded.settings.data_dir, screen.language),
        *backup_states(loaded.settings, screen.language),
        *(line for name, health in await chain.health() for line in resolver_states(name, health, screen.language)),
    ):
        screen.answer(f"{_GOOD if good else _BAD} {line}")
        well = well and good
    return well


def unknown_setting(name: str, language: Language) -> str:
    """What to say of a setting that has no effect."""
    if name == "data_dir":
        return say("data_dir_in_file", language)
    return say("unknown_setting", language, name=make_visible(name))


def data_dir_state(folder: Path, language: Language) -> tuple[bool, str]:
    """Whether the data folder can be used, or made; it is not made here."""
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    where = make_visible(str(folder))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = os.strerror(13 if nearest.is_dir() else 20)
        return False, say("doctor_data_dir_bad", language, where=where, why=why)
    return True, say("doctor_data_dir_ok" if nearest == folder else "doctor_data_dir_new", language, where=where)


async def database_states(data_dir: Path, language: Language) -> list[tuple[bool, str]]:
    """The line about the database, when there is one: whether it can be read, and how many names it knows."""
    if not (data_dir / FILE_NAME_OF_DATABASE).exists():
        return [(True, say("doctor_database_new", language))]
    try:
        async with open_database(data_dir) as database, database.reading() as connection:
            count = (await connection.execute(select(func.count()).select_from(torrent))).scalar_one()
    except DatabaseError as error:
        fields = {key: make_visible(value) for key, value in error.fields.items()}
        return [(False, say(error.word, language, **fields))]
    except SQLAlchemyError as error:
        why = make_visible(str(getattr(error, "orig", error)))
        return [(False, say("database_unusable", language, what=make_visible(str(data_dir)), why=why))]
    return [(True, say("doctor_database_ok", language, names=count))]


def resolver_states(name: str, health: ResolverHealth, language: Language) -> Iterator[tuple[bool, str]]:
    """The lines about one resolver."""
    if name == "swarm":
        yield from swarm_states(health, language)
    elif health.able:
        yield True, say("doctor_resolver_ok", language, name=name)
    else:
        why = say(health.reason, language)
        yield False, say("doctor_resolver_bad", language, name=name, why=why)


def swarm_states(health: ResolverHealth, language: Language) -> Iterator[tuple[bool, str]]:
    """The lines about the swarm and its DHT."""
    if health.listening:
        yield True, say("doctor_swarm_ok", language, where=", ".join(health.listening))
    if not health.able:
        yield False, say("doctor_swarm_bad", language, why=say(health.reason, language))
        if health.subject:
            yield False, say("doctor_swarm_tried", language, subject=make_visible(health.subject))
    elif not health.dht_enabled:
        yield True, say("doctor_dht_off", language)
    elif health.dht_nodes:
        yield True, say("doctor_dht_ok", language, nodes=health.dht_nodes)
    else:
        yield True, say("doctor_dht_answers", language)


def show_settings(loaded: Loaded, language: Language) -> None:
    """Print the table of settings: values, where each comes from, what it means."""
    file = make_visible(str(loaded.settings.data_dir / FILE_NAME))
    table = Table(title=say("settings_title", language, file=file), title_justify="left", box=None, pad_edge=False)
    for column in ("name", "value", "from", "help"):
        table.add_column(say(f"column_{column}", language), overflow="fold")
    for about in Settings.known().values():
        value = shown_value(about, getattr(loaded.settings, about.name), language)
        origin = say(loaded.origin[about.name], language)
        table.add_row(about.variable, make_visible(value), origin, about.help[language])
    if sys.stdout.isatty():
        Console(highlight=False, markup=False).print(table)
        return
    console = Console(highlight=False, markup=False, width=_WIDE)
    with console.capture() as captured:
        console.print(table)
    sys.stdout.writelines(line.rstrip() + "\n" for line in captured.get().splitlines())
