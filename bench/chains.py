"""The chain of resolvers as the program itself opens it, for measurements that need no server."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resolve import GIVE_UP_S

from truename.magnet import Magnet
from truename.settings import Settings
from truename.ways import open_chain

ON_LOOPBACK: dict[str, Any] = {
    "resolvers": ("swarm", "direct"),
    "allow_private_network": True,
    "dht": False,
    "listen_interfaces": ("127.0.0.1:0",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of some magnets that were asked for all at once."""

    seconds: float
    named: int
    codes: frozenset[str]
    sources: dict[str, int]


async def ask_all(magnets: Sequence[str], **changes: Any) -> Asked:
    """Open a chain, wait until it is up, and ask for all of them."""
    async with open_chain(Settings.model_validate(ON_LOOPBACK | changes)) as chain:
        await chain.health()
        began = time.perf_counter()
        outcomes = await asyncio.gather(
            *(chain.look_up(Magnet.parse(magnet), timeout_s=GIVE_UP_S) for magnet in magnets)
        )
        took = time.perf_counter() - began
    sources = [outcome.source for outcome in outcomes if outcome.name]
    return Asked(
        seconds=took,
        named=len(sources),
        codes=frozenset(str(outcome.code) for outcome in outcomes if not outcome.name),
        sources={str(source): sources.count(source) for source in sorted(set(sources), key=str)},
    )


def by_chain(magnets: Sequence[str]) -> float:
    """Seconds that the chain takes to name all of them; infinity when it does not."""
    asked = asyncio.run(ask_all(magnets))
    return asked.seconds if asked.named == len(magnets) else float("inf")
