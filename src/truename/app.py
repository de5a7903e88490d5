"""The composition root: settings become objects. The only place that chooses engines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from truename.resolvers.base import Resolver
from truename.settings import Settings

_GOODBYE_S = 0.25


@asynccontextmanager
async def open_resolver(settings: Settings) -> AsyncIterator[Resolver]:
    """The resolvers that the settings name, ended when the block is left.

    Trackers may take seconds to hear a goodbye. Who leaves the block waits only a moment for that.
    """
    from truename.resolvers.session import SwarmConfig
    from truename.resolvers.swarm import SwarmResolver

    resolver = SwarmResolver(
        SwarmConfig(
            listen_interfaces=",".join(settings.listen_interfaces),
            trackers=settings.trackers,
            magnet_trackers=settings.magnet_trackers == "public",
            dht=settings.dht,
            dht_bootstrap=settings.dht_bootstrap,
            allow_private=settings.allow_private_network,
        )
    )
    try:
        yield resolver
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await resolver.aclose()
