"""Looks at how resolvers are doing, each in its own time: one that does not say holds up nobody's word but its own."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from truename.resolvers.base import NamedHealth, Resolver, ResolverHealth

log = logging.getLogger(__name__)

_COMES_UP_WITHIN_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.1


async def when_up(resolver: Resolver) -> ResolverHealth:
    """How a resolver is doing once it has had its time to come up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _COMES_UP_WITHIN_S
    while (state := await resolver.health()).coming_up and loop.time() < end:
        await asyncio.sleep(_LOOK_AGAIN_S)
    return state


class Looks:
    """Short looks at the same resolvers again and again. Belongs to one event loop.

    A look goes on when nobody waits for it any more, and there is one at a time for each resolver. Where a look
    takes longer, as at a server that hangs, the last answer is told again, if that one was slow too or told of trouble.
    """

    def __init__(self, resolvers: Sequence[Resolver]) -> None:
        self._resolvers = resolvers
        self._running: dict[Resolver, asyncio.Task[ResolverHealth]] = {}
        self._last: dict[Resolver, ResolverHealth] = {}

    async def at_once(self, patience_s: float) -> list[NamedHealth]:
        """How each is doing, in their order, after at most so many seconds."""
        looks = [self._look(each) for each in self._resolvers]
        if looks:
            await asyncio.wait(looks, timeout=patience_s)
        return [(each.name, self._state(each, look)) for each, look in zip(self._resolvers, looks, strict=True)]

    async def aclose(self) -> None:
        """Look no more. Idempotent."""
        running = list(self._running.values())
        for look in running:
            look.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _look(self, resolver: Resolver) -> asyncio.Task[ResolverHealth]:
        look = self._running.get(resolver)
        if look is None:
            look = self._running[resolver] = asyncio.get_running_loop().create_task(resolver.health())
            look.add_done_callback(lambda ended: self._ended(resolver, ended))
        return look

    def _state(self, resolver: Resolver, look: asyncio.Task[ResolverHealth]) -> ResolverHealth | None:
        if not look.done() or look.cancelled() or look.exception() is not None:
            return self._last.get(resolver)
        state = look.result()
        if state.able:
            self._last.pop(resolver, None)
        return state

    def _ended(self, resolver: Resolver, look: asyncio.Task[ResolverHealth]) -> None:
        del self._running[resolver]
        self._last.pop(resolver, None)
        if look.cancelled():
            return
        if (error := look.exception()) is not None:
            log.error("a resolver cannot say how it is", extra={"resolver": resolver.name}, exc_info=error)
            return
        self._last[resolver] = look.result()
