"""`truename demo --once`: a list of magnets with wrong, cut and missing names, and a swarm on this machine to ask."""

import time
from collections.abc import AsyncIterator

from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes, magnet_link
from truename.resolvers.chain import Chain
from truename.settings import Settings
from truename.terminal.catalogue import Catalogue
from truename.terminal.requests import Request, of_lines
from truename.terminal.resolve import Style, resolve
from truename.terminal.screen import Screen
from truename.worker import Worker

DEAD = 2
_LOOKUP_TIMEOUT_S = 2.0
# What people find in the `dn` of a magnet: nothing, a name cut off, or a lie.
_CLAIMED = (None, "Leaves+of+Grass+by+Wal", "xXx_free_download_xXx", None, "lots", "新建文件夹", "gone.mkv", None)


async def run_once(chain: Chain, swarm: LocalSwarm, screen: Screen) -> bool:
    """Name the demo's magnets. Output: whether every live one got its name."""
    magnets = demo_magnets(swarm)
    screen.say("demo_asking", count=len(magnets))
    started = screen.last_name_at = time.monotonic()
    with screen:
        worker = Worker(chain=chain, slots=len(magnets), timeout_s=_LOOKUP_TIMEOUT_S)
        await resolve(worker, _each(magnets), catalogue=Catalogue(None), screen=screen, style=Style())
    live = len(swarm.torrents)
    screen.say("demo_done", named=screen.named, live=live, dead=DEAD, seconds=screen.last_name_at - started)
    return screen.named == live


def demo_magnets(swarm: LocalSwarm) -> tuple[str, ...]:
    """The magnets of the demo: one for each torrent of the swarm, and two that nobody has."""
    hashes = (*(torrent.info_hash for torrent in swarm.torrents), *dead_hashes(DEAD))
    return tuple(
        magnet_link(info_hash, tracker=swarm.addresses.tracker, dn=claimed)
        for info_hash, claimed in zip(hashes, _CLAIMED, strict=True)
    )


def demo_settings() -> Settings:
    """Settings for a swarm on loopback: nothing leaves this machine."""
    return Settings(listen_interfaces=("127.0.0.1:0",), dht=False, allow_private_network=True)


async def _each(magnets: tuple[str, ...]) -> AsyncIterator[list[Request]]:
    yield list(of_lines(magnets))
