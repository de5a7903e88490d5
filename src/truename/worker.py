"""Look-up in, outcome out: asks resolvers and turns whatever they answer into an `Outcome`. No database, no person.

Many look-ups run in a fixed number of slots; inputs are taken one by one, so an endless list costs no memory.
"""

import asyncio
import time
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from typing import TypeVar

from truename.errors import BadMetadata, BadName, NotYet, ResolverDown
from truename.magnet import Magnet
from truename.metainfo import Metainfo
from truename.model import Outcome, TaskStatus
from truename.resolvers.base import Resolver

Key = TypeVar("Key")


async def look_up(resolver: Resolver, magnet: Magnet, *, timeout_s: float) -> Outcome:
    """Ask a resolver for the name of a magnet.

    Output: an outcome that is final in every case.
    Units:  `timeout_s` counts from the first question sent for the hash.
    Errors: none of its own; cancellation closes the conversation, then propagates.
    """
    started = time.monotonic()
    answer = await _answer(resolver, magnet, timeout_s)
    elapsed_s = time.monotonic() - started
    match answer:
        case Metainfo():
            return Outcome(
                info_hash=answer.info_hash,
                info_hash_v2=answer.info_hash_v2,
                status=TaskStatus.COMPLETED,
                name=answer.name,
                source=resolver.name,
                verified=True,
                elapsed_s=elapsed_s,
            )
        case NotYet():
            return _unnamed(magnet, TaskStatus.TIMEOUT, answer.code, elapsed_s=elapsed_s)
        case BadName() | BadMetadata():  # the torrent is there, and asking longer would not give it a name
            return _unnamed(magnet, TaskStatus.FAILED, "bad_name", elapsed_s=elapsed_s)
        case ResolverDown():
            return _unnamed(
                magnet, TaskStatus.FAILED, "resolver_unavailable", reason=answer.reason, elapsed_s=elapsed_s
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A resolver, how many look-ups it makes at once, and the time of each."""

    resolver: Resolver
    slots: int
    timeout_s: float

    async def look_up_all(
        self, requests: AsyncIterable[tuple[Key, Magnet]], *, done: Callable[[Key, Outcome], None]
    ) -> None:
        """Look every magnet up, at most `slots` at once, and call `done` with each outcome as it comes.

        Errors: what `requests` or `done` raise first ends all of it, as does cancellation.
        """
        free = asyncio.Semaphore(self.slots)

        async def run(key: Key, magnet: Magnet) -> None:
            try:
                done(key, await look_up(self.resolver, magnet, timeout_s=self.timeout_s))
            finally:
                free.release()

        try:
            async with asyncio.TaskGroup() as group:
                async for key, magnet in requests:
                    await free.acquire()
                    group.create_task(run(key, magnet))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None


async def _answer(
    resolver: Resolver, magnet: Magnet, timeout_s: float
) -> Metainfo | NotYet | BadName | ResolverDown | BadMetadata:
    try:
        return await resolver.resolve(magnet, deadline_s=timeout_s)
    except (NotYet, BadName, ResolverDown, BadMetadata) as error:
        return error


def _unnamed(magnet: Magnet, status: TaskStatus, code: str, *, reason: str = "", elapsed_s: float) -> Outcome:
    return Outcome(
        info_hash=magnet.info_hash,
        info_hash_v2=magnet.info_hash_v2,
        status=status,
        code=code,
        reason=reason or code,
        elapsed_s=elapsed_s,
    )
