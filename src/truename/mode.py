"""The way calibrations are asked for: `async`, `sync` or `off`; the setting, unless an administrator chose another.

What was chosen is kept in the database and wins over environment and file until it is taken back.
"""

from collections.abc import Awaitable, Callable

from truename.store import chosen
from truename.store.database import Database
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
        found = await self._database.read(chosen.value_of, _NAME)
        self._chosen = found if found in MODES else None

    async def choose(self, value: str | None) -> None:
        """From now on this mode; None: what the settings say. Errors: `StoreUnavailable`, and nothing has changed."""
        await self._writer.write(chosen.choose_all, (_NAME, value))
        self._chosen = value
        await self._settle()
