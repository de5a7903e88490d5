"""Publish and subscribe inside one process: that something has changed, and nothing more. What it is, one reads."""

import asyncio


class Hub:
    """Wakes everybody who waits. A change that comes while nobody waits is seen by comparing `count`.

    `foreign`: how many of the changes were those of other processes.
    """

    def __init__(self) -> None:
        self.count = 0
        self.foreign = 0
        self._changed = asyncio.Event()

    def publish(self, *, foreign: bool = False) -> None:
        """Something has been committed."""
        self.count += 1
        self.foreign += foreign
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seen: int, *, timeout_s: float) -> int:
        """Wait for a change after `seen`, at most so long; the count now."""
        if self.count == seen:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return self.count
