"""Many look-ups in a fixed number of slots, for the commands; inputs are taken one by one, so a list may be endless."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from truename.magnet import Magnet
from truename.model import Outcome
from truename.resolvers.chain import Chain

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Resolvers, how many look-ups they make at once, and the time of each."""

    chain: Chain
    slots: int
    timeout_s: float

    async def look_up_all(
        self, requests: AsyncIterable[tuple[Key, Magnet]], *, done: Callable[[Key, Outcome], Awaitable[None]]
    ) -> None:
        """Look every magnet up, at most `slots` at once, and await `done` with each outcome as it comes.

        An outcome keeps its slot until `done` is over, so that no more than `slots` of them ever wait.
        Errors: what `requests` or `done` raise first ends all of it, as does cancellation.
        """
        free = asyncio.Semaphore(self.slots)

        async def run(key: Key, magnet: Magnet) -> None:
            try:
                await done(key, await self.chain.look_up(magnet, timeout_s=self.timeout_s))
            finally:
                free.release()

        try:
            async with asyncio.TaskGroup() as group:
                async for key, magnet in requests:
                    await free.acquire()
                    group.create_task(run(key, magnet))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
