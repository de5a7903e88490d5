"""The loop that looks out for other processes at the same database."""

import asyncio
import logging

from truename.feeder import Feeder
from truename.hub import Hub
from truename.store.database import StoreUnavailable
from truename.store.portable import data_versions
from truename.store.writer import Writer

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 0.25


class Outlook:
    """Notices what another process does to the same database: a command may cancel what runs here, or end a session."""

    def __init__(self, writer: Writer, feeder: Feeder, hub: Hub) -> None:
        self._writer = writer
        self._feeder = feeder
        self._hub = hub
        self._seen = 0

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_AGAIN_S)
            try:
                await self.look()
            except StoreUnavailable as trouble:
                log.warning("not looked out", extra={"reason": str(trouble)})

    async def look(self) -> None:
        """If somebody else has written, have everybody look at what is new, and drop what nobody waits for any more."""
        version = await self._writer.write(data_versions, None)
        if version == self._seen:
            return
        self._hub.publish(foreign=True)
        await self._feeder.drop_unwanted(self._feeder.out.by_lookup)
        self._seen = version
