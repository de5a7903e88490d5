"""The ways to a name that the settings name: settings become resolvers. The only place that chooses those."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from typing import TYPE_CHECKING

from truename.magnet import Magnet
from truename.resolvers.base import Resolver
from truename.resolvers.chain import Chain
from truename.resolvers.ourselves import Ourselves
from truename.settings import Settings

if TYPE_CHECKING:
    from truename.gateway import Gateway
    from truename.resolvers.qbittorrent.config import QbittorrentConfig

_PUT_AWAY_S = 0.25
_NEVER_S = 1e6


@asynccontextmanager
async def open_chain(settings: Settings) -> AsyncIterator[Chain]:
    """The resolvers that the settings name, in their order, ended when the block is left; offline none is even made.

    With thousands in conversation, putting a session away takes a while. Who leaves the block waits only a moment.
    """
    chain = Chain(_resolvers(settings))
    try:
        yield chain
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PUT_AWAY_S):
                await chain.aclose()


def _resolvers(settings: Settings) -> list[Resolver]:
    if settings.offline:
        from truename.resolvers.offline import Offline

        return [Offline()]
    ourselves = Ourselves()
    chosen = [_RESOLVERS[name](settings, ourselves) for name in settings.resolvers]
    if (gateway := gateway_of(settings)) is not None:
        from truename.resolvers.behind import Behind

        return [Behind(one, gateway) for one in chosen]
    return chosen


def gateway_of(settings: Settings) -> "Gateway | None":
    """The proxy that everything goes through, if there is one."""
    if not settings.proxy:
        return None
    from truename.gateway import Gateway
    from truename.proxy import Proxy

    return Gateway(Proxy.of(settings.proxy))


def _swarm(settings: Settings, ourselves: Ourselves) -> Resolver:
    from truename.resolvers.child.resolver import SwarmProcess
    from truename.resolvers.swarm_config import GUARD_S, SwarmConfig

    return SwarmProcess(
        SwarmConfig(
            listen_interfaces=",".join(settings.listen_interfaces),
            trackers=settings.trackers,
            magnet_trackers=settings.magnet_trackers == "public",
            dht=settings.dht,
            dht_bootstrap=settings.dht_bootstrap,
            allow_private=settings.allow_private_network,
            proxy=settings.proxy,
            # Where `direct` does not take over what is put out for its slow peers, they have all the time there is.
            guard_s=GUARD_S if "direct" in settings.resolvers else _NEVER_S,
        ),
        ourselves=ourselves,
    )


def _direct(settings: Settings, ourselves: Ourselves) -> Resolver:
    from truename.resolvers.direct.config import DirectConfig
    from truename.resolvers.direct.resolver import DirectResolver

    return DirectResolver(
        DirectConfig(
            trackers=settings.trackers,
            magnet_trackers=settings.magnet_trackers == "public",
            allow_private=settings.allow_private_network,
        ),
        gateway=gateway_of(settings),
        ourselves=ourselves,
    )


def _qbittorrent(settings: Settings, _: Ourselves) -> Resolver:
    from truename.resolvers.qbittorrent.resolver import QbittorrentResolver

    return QbittorrentResolver(_qbittorrent_config(settings))


@contextmanager
def open_sending(settings: Settings) -> Iterator[Callable[[Magnet, str], Awaitable[bool]] | None]:
    """What gives a magnet to the owner's qBittorrent, until the block is left; None when there is none.

    What goes there goes around a proxy.
    """
    if not settings.qbt_url or settings.offline or settings.proxy:
        yield None
        return
    from truename.resolvers.qbittorrent.sending import Sender

    with closing(Sender(_qbittorrent_config(settings))) as sender:
        yield sender.send


def _qbittorrent_config(settings: Settings) -> "QbittorrentConfig":
    from truename.resolvers.qbittorrent.config import QbittorrentConfig

    return QbittorrentConfig(
        url=settings.qbt_url,
        username=settings.qbt_username,
        password=settings.qbt_password,
        trackers=settings.trackers,
        magnet_trackers=settings.magnet_trackers == "public",
        allow_private=settings.allow_private_network,
    )


def _script(settings: Settings, _: Ourselves) -> Resolver:
    from truename.resolvers.script import ScriptConfig, ScriptResolver

    return ScriptResolver(
        ScriptConfig(path=settings.script_file, slots=settings.script_slots, passed=settings.script_env)
    )


_RESOLVERS = {"swarm": _swarm, "direct": _direct, "qbittorrent": _qbittorrent, "script": _script}
"""How each word of the setting becomes a resolver; imported when chosen."""
