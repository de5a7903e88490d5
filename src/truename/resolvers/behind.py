"""A resolver that goes out through a proxy: before it asks anybody, the proxy must be there. Else nothing is asked."""

from dataclasses import replace

from truename.errors import NotYet, ResolverDown
from truename.gateway import Gateway
from truename.magnet import Magnet
from truename.resolvers.base import Found, Resolver, ResolverHealth, Trail

_AFTERWARDS_S = 0.3


class Behind:
    """The port `Resolver` around another one, which connects through the same proxy."""

    def __init__(self, inner: Resolver, gateway: Gateway) -> None:
        self._inner = inner
        self._gateway = gateway

    @property
    def name(self) -> str:
        """See `Resolver.name`."""
        return self._inner.name

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Found:
        """See `Resolver.resolve`. That nobody answered says nothing when the proxy has gone meanwhile."""
        await self._gateway.check()
        try:
            return await self._inner.resolve(magnet, deadline_s=deadline_s, trail=trail)
        except (NotYet, ResolverDown):
            await self._gateway.check_again(_AFTERWARDS_S)
            raise

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`. Where we listen is nothing to anybody: it is the proxy that is seen."""
        try:
            await self._gateway.check()
        except ResolverDown as down:
            return ResolverHealth(able=False, reason=down.reason, proxied=True)
        return replace(await self._inner.health(), listening=(), proxied=True)

    async def aclose(self) -> None:
        """See `Resolver.aclose`."""
        await self._inner.aclose()
