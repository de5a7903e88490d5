"""Settings that an administrator changed while the program runs, by name."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from truename.store.database import Connection
from truename.store.portable import upsert
from truename.store.tables import chosen_setting


async def value_of(connection: Connection, name: str) -> str | None:
    """What was chosen; None: nothing."""
    found = await connection.execute(select(chosen_setting.c.value).where(chosen_setting.c.name == name))
    return found.scalar_one_or_none()


async def choose_all(connection: Connection, choices: Sequence[tuple[str, str | None]]) -> Sequence[None]:
    """The writer's work: each (name, value) is chosen from now on; None takes back what was."""
    for name, value in choices:
        if value is None:
            await connection.execute(delete(chosen_setting).where(chosen_setting.c.name == name))
        else:
            await upsert(connection, chosen_setting, [{"name": name, "value": value}])
    return [None] * len(choices)
