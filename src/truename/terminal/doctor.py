"""`truename doctor`: what works and what does not, each with the next step."""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from truename.backups import backup_states, date_of
from truename.health import resolver_states
from truename.names import make_visible
from truename.open_files import FEW, take_files
from truename.resolvers.chain import Chain
from truename.settings import Loaded, unknown_setting
from truename.store import names
from truename.store.database import FILE_NAME as FILE_NAME_OF_DATABASE
from truename.store.database import DatabaseError, StoreUnavailable
from truename.store.disk import free_bytes, is_read_only
from truename.store.trouble import unusable
from truename.terminal.catalogue import open_database
from truename.terminal.screen import Screen
from truename.texts import Language, say

_GOOD, _BAD = "✓", "✗"
_MIB = 1024 * 1024
_ROOM_BYTES = 16 * _MIB
"""What a database that is written to may need besides, before its log is taken in."""


async def doctor(chain: Chain, loaded: Loaded, screen: Screen) -> bool:
    """Look at everything and print a line for each thing. Output: whether all is well."""
    well = not loaded.unknown
    if well:
        screen.answer(f"{_GOOD} {say('doctor_settings_ok', screen.language)}")
    for name in loaded.unknown:
        screen.answer(f"{_BAD} {unknown_setting(name, screen.language)}")
    for good, line in (
        files_state(screen.language),
        data_dir_state(loaded.settings.data_dir, screen.language),
        *await database_states(loaded.settings.data_dir, screen.language),
        *backup_states(loaded.settings, screen.language),
        *await resolver_lines(chain, loaded.settings.data_dir, screen.language),
    ):
        screen.answer(f"{_GOOD if good else _BAD} {line}")
        well = well and good
    return well


def files_state(language: Language) -> tuple[bool, str]:
    """Whether as many files may be open at once as a server needs."""
    files = take_files()
    return files >= FEW, say("few_files" if files < FEW else "doctor_files_ok", language, files=f"{files:,}")


def data_dir_state(folder: Path, language: Language) -> tuple[bool, str]:
    """Whether the data folder can be used, or made; it is not made here."""
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    where = make_visible(str(folder))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = errno.ENOTDIR if not nearest.is_dir() else errno.EROFS if is_read_only(nearest) else errno.EACCES
        return False, say("doctor_data_dir_bad", language, where=where, why=os.strerror(why))
    if (free := free_bytes(nearest)) < _ROOM_BYTES:
        return False, say("doctor_data_dir_full", language, where=where, free=round(free / _MIB))
    return True, say("doctor_data_dir_ok" if nearest == folder else "doctor_data_dir_new", language, where=where)


async def resolver_lines(chain: Chain, data_dir: Path, language: Language) -> list[tuple[bool, str]]:
    """The lines about each resolver: how it is doing, and when it last found a name."""
    last = await last_names(data_dir)
    lines: list[tuple[bool, str]] = []
    for name, health in await chain.health():
        lines += resolver_states(name, health, language)
        if name in last:
            lines.append((True, say("doctor_last", language, name=name, date=date_of(last[name]))))
    return lines


async def last_names(data_dir: Path) -> Mapping[str, float]:
    """When each resolver last found a name, as far as the catalogue can be read."""
    if not (data_dir / FILE_NAME_OF_DATABASE).exists():
        return {}
    with suppress(DatabaseError, StoreUnavailable):
        async with open_database(data_dir) as database:
            return await database.read(names.last_found)
    return {}


async def database_states(data_dir: Path, language: Language) -> list[tuple[bool, str]]:
    """The line about the database, when there is one: whether it can be read, and how many names it knows."""
    if not (data_dir / FILE_NAME_OF_DATABASE).exists():
        return [(True, say("doctor_database_new", language))]
    try:
        async with open_database(data_dir) as database:
            count = await database.read(names.count)
    except (DatabaseError, StoreUnavailable) as error:
        told = error if isinstance(error, DatabaseError) else unusable(str(data_dir), error)
        fields = {key: make_visible(value) for key, value in told.fields.items()}
        return [(False, say(told.word, language, **fields))]
    return [(True, say("doctor_database_ok", language, names=count))]
