"""Makes a backup whenever one is due, inside the server. What goes wrong is told and tried again; it ends nothing."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable

from truename.clock import Clock
from truename.store.database import DatabaseError
from truename.store.files import Stopped
from truename.store.shelf import Record, Shelf

log = logging.getLogger(__name__)

_SETTLE_S = 60.0
_LOOK_AGAIN_S = 60.0
_TRY_AGAIN_S = 3600.0
_TIDY_S = 4.0
"""What is being made may take so long to stop and to be thrown away; a server has ten seconds for its end."""


class Keeper:
    """Keeps the backups of a running server coming. `interval_s` counts from the last good one; 0 is never."""

    def __init__(
        self,
        shelf: Shelf,
        clock: Clock,
        *,
        interval_s: float,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._shelf = shelf
        self._clock = clock
        self._interval_s = interval_s
        self._sleep = sleep
        self._not_before = clock() + min(interval_s, _SETTLE_S)  # a server that has just begun has other things to do

    async def run(self) -> None:
        """Make one whenever it is due, until cancelled."""
        while self._interval_s > 0:
            due_in_s = self.due_in_s(await asyncio.to_thread(self._shelf.record))
            if due_in_s <= 0:
                await self.make()
            else:
                await self._sleep(min(due_in_s, _LOOK_AGAIN_S))

    def due_in_s(self, record: Record) -> float:
        """How long from now. A last one in the future tells of a wrong clock, and of nothing else."""
        now = self._clock()
        made = record.made
        due = made.at + self._interval_s if made is not None and made.at <= now else now
        return max(due, min(self._not_before, now + self._interval_s)) - now

    async def make(self) -> bool:
        """Make one now, in a thread. Output: whether it is there. Cancelled, it leaves nothing half made."""
        at = self._clock()
        self._not_before = at + min(self._interval_s, _TRY_AGAIN_S)
        stop = threading.Event()
        making = asyncio.ensure_future(asyncio.to_thread(self._shelf.make, at, stop.is_set))
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            stop.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TIDY_S):
                    await asyncio.gather(making, return_exceptions=True)
            raise
        except DatabaseError as error:
            log.warning("no backup was made: %s", error.word, extra={"reason": error.fields.get("why", "")})
        except Stopped:
            log.warning("no backup was made: stopped")
        except Exception:
            log.exception("no backup was made")
        else:
            log.info("a backup was made")
            return True
        return False
