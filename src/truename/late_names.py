"""The loop that writes names into notes which had to wait for them: see `store.renames`."""

import asyncio
import logging
from collections.abc import Sequence

from truename.clock import Clock
from truename.hub import Hub
from truename.store import events, renames
from truename.store.database import Connection, Database, StoreUnavailable
from truename.store.writer import Writer

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 1.0


class LateNames:
    """Pays what is owed, a portion at a time, so that others can write in between."""

    def __init__(self, database: Database, writer: Writer, hub: Hub, *, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._hub = hub
        self._clock = clock

    async def run(self) -> None:
        """Look at every second whether there is something, until cancelled."""
        while True:
            try:
                await self.pay()
            except StoreUnavailable as trouble:
                log.warning("names come into notes later", extra={"reason": str(trouble)})
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def pay(self) -> None:
        """Write all names that are owed. Errors: `StoreUnavailable`."""
        while await self._database.read(renames.is_owed):
            await self._writer.write(_pay_all, self._clock())
            self._hub.publish()


async def _pay_all(connection: Connection, wanted: Sequence[float]) -> Sequence[int]:
    """The writer's work, each at a time. Output: how many notes have changed."""
    counts: list[int] = []
    for at in wanted:
        changed = await renames.pay(connection, at=at)
        await events.append(connection, at=at, notes=changed)
        counts.append(len(changed))
    return counts
