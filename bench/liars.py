"""A liar first and an honest peer after it: whether every hash is named, how soon, and what it costs the network.

    .venv/bin/python bench/liars.py [--hashes 16] [--alone]

Each hash has two peers, and the honest one waits until the liar has had its say. The chain is that of the defaults,
swarm (in its child process) and then `direct`; `--alone` asks for one hash after the other, which gives a storm of
requests the whole machine. Bytes are counted at the peers, in both directions. Goals: all are named within 8 s each,
with less than 1 MB for each look-up.
"""

import argparse
import asyncio
import datetime
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median

import libtorrent as lt
from lying_peers import KINDS, Case, info_of, serving

from truename.magnet import Magnet
from truename.resolvers.chain import Chain
from truename.resolvers.child.resolver import SwarmProcess
from truename.resolvers.direct.config import DirectConfig
from truename.resolvers.direct.resolver import DirectResolver
from truename.resolvers.swarm_config import SwarmConfig

GOAL_S, GOAL_BYTES = 8.0, 1_000_000
TIMEOUT_S = 30.0
BLOCKS = (1, 3)


async def look_up(chain: Chain, cases: Sequence[Case], *, alone: bool) -> list[tuple[Case, str | None, float]]:
    """Of each case the source of its name, None without one, and how many seconds it took."""

    async def one(case: Case) -> tuple[Case, str | None, float]:
        began = time.perf_counter()
        outcome = await chain.look_up(Magnet.parse(case.magnet), timeout_s=TIMEOUT_S)
        return case, outcome.source if outcome.name == case.name else None, time.perf_counter() - began

    if alone:
        return [await one(case) for case in cases]
    return list(await asyncio.gather(*map(one, cases)))


async def measure(cases: Sequence[Case], *, alone: bool) -> list[tuple[Case, str | None, float]]:
    """One round with a chain of its own."""
    config = SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True)
    chain = Chain([SwarmProcess(config), DirectResolver(DirectConfig(allow_private=True))])
    try:
        await chain.health()
        return await look_up(chain, cases, alone=alone)
    finally:
        await chain.aclose()


def rounds(hashes: int) -> Iterator[tuple[str, int, list[Case]]]:
    """Each kind of liar, with metadata of one block and of several."""
    for kind in KINDS:
        for blocks in BLOCKS:
            names = [f"{kind} {blocks} {number}" for number in range(hashes)]
            yield kind, blocks, [Case(kind, name, info_of(name, blocks)) for name in names]


def main() -> int:
    """Measure all kinds. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hashes", type=int, default=16)
    parser.add_argument("--alone", action="store_true")
    asked = parser.parse_args()
    print(
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}, libtorrent {lt.__version__}, loopback"
    )
    how = "one after the other" if asked.alone else "at once"
    print(f"\n{asked.hashes} hashes of each kind, {how}; goal {GOAL_S:.0f} s and {GOAL_BYTES / 1e6:.0f} MB")
    print(f"{'liar':56}blocks   named    by swarm  median s  slowest   kB each   most kB   requests")
    met = True
    for kind, blocks, cases in rounds(asked.hashes):
        with serving(cases):
            ended = asyncio.run(measure(cases, alone=asked.alone))
        named = [seconds for _, source, seconds in ended if source]
        by_swarm = sum(source == "swarm" for _, source, _ in ended)
        kb = [case.bytes_moved / 1000 for case in cases]
        print(
            f"{kind:56}{blocks:6}{len(named):5}/{len(cases):<5}{by_swarm:7}{median(named or [0]):11.2f}"
            f"{max(named, default=0):9.2f}{median(kb):10.1f}{max(kb):10.1f}{max(case.requests for case in cases):11}",
            flush=True,
        )
        met &= len(named) == len(cases) and max(named) <= GOAL_S and 1000 * max(kb) < GOAL_BYTES
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
