"""The way calibrations are asked for: `async`, `sync` or `off`; the setting, unless an administrator chose another.

What was chosen is kept in the database and wins over environment and file until it is taken back.
"""

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import delete, select

from truename.store.database import Connection, Database
from truename.store.portable import upsert
from truename.store.tables import chosen_setting
from truename.store.writer import Writer

MODES = ("async", "sync", "off")
_NAME = "calibration_mode"


class Mode:
    """The mode in force. `settle` is waited for when another one has been chosen: whoever goes by it does so then."""

    def __init__(
        self, database: Database, writer: Writer, default: str, *, settle: Callable[[], Awaitable[None]]
    ) -> None:
        self._database = database
        self._writer = writer
        self._default = default
        self._settle = settle
        self._chosen: str | None = None

    @property
    def value(self) -> str:
        """One of `MODES`."""
        return self._chosen or self._default

    async def load(self) -> None:
        """Read what was chosen before."""
        chosen = await self._database.read(_chosen)
        self._chosen = chosen if chosen in MODES else None

    async def choose(self, value: str | None) -> None:
        """From now on this mode; None: what the settings say. Errors: `StoreUnavailable`, and nothing has changed."""
        await self._writer.write(_choose_all, value)
        self._chosen = value
        await self._settle()


async def _chosen(connection: Connection) -> str | None:
    found = await connection.execute(select(chosen_setting.c.value).where(chosen_setting.c.name == _NAME))
    return found.scalar_one_or_none()


async def _choose_all(connection: Connection, values: Sequence[str | None]) -> Sequence[None]:
    if values[-1] is None:
        await connection.execute(delete(chosen_setting).where(chosen_setting.c.name == _NAME))
    else:
        await upsert(connection, chosen_setting, [{"name": _NAME, "value": values[-1]}])
    return [None] * len(values)
