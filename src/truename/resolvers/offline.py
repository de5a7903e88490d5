"""The resolver of a program that stays by itself: it asks nobody, and says so. It stands in the place of all others."""

from typing import Final, NoReturn

from truename.errors import ResolverDown
from truename.magnet import Magnet
from truename.resolvers.base import ResolverHealth, Trail


class Offline:
    """The port `Resolver` with nothing behind it."""

    name: Final = "offline"

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> NoReturn:
        """See `Resolver.resolve`. Errors: always `ResolverDown`, at once."""
        raise ResolverDown("offline")

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`."""
        return ResolverHealth(able=False, reason="offline")

    async def aclose(self) -> None:
        """See `Resolver.aclose`."""
