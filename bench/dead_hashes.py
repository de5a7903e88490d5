"""What thousands of hashes that nobody has cost while they wait: memory, and a processor that has nothing to do.

    .venv/bin/python bench/dead_hashes.py [--hashes 5000] [--seconds 10]

A tracker on loopback has answered each of them that it knows nobody. Goals for 5,000 in one session: under 150 MB
resident, under 5 % of one core. Between them a live hash is asked for, to see that it does not notice.
"""

import argparse
import asyncio
import datetime
import os
import platform
import sys
import time
from statistics import median

import libtorrent as lt

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes, magnet_link
from truename.magnet import Magnet
from truename.resolvers.session import SwarmConfig
from truename.resolvers.swarm import SwarmResolver

GOAL_MB = 150.0
GOAL_PERCENT = 5.0
FOR_EVER_S = 10.0**6
QUIET_PERCENT = 1.0


def resident_mb() -> float:
    """The memory that this process holds now."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


async def busy_percent(seconds: float) -> float:
    """How much of one core this process uses in so many seconds from now."""
    began, used = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    return 100 * (time.process_time() - used) / (time.perf_counter() - began)


async def measure(swarm: LocalSwarm, hashes: int, seconds: float) -> tuple[float, float]:
    """Let the hashes wait, and print what that costs. Output: MB and percent."""
    resolver = SwarmResolver(SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True))
    await resolver.health()
    print(f"{'before':36}{resident_mb():8.1f} MB{await busy_percent(2):8.2f} %")
    asking = [
        asyncio.create_task(resolver.resolve(Magnet.parse(magnet), deadline_s=FOR_EVER_S))
        for magnet in (magnet_link(dead, tracker=swarm.addresses.tracker) for dead in dead_hashes(hashes))
    ]
    began = time.perf_counter()
    while await busy_percent(1) > QUIET_PERCENT and time.perf_counter() - began < 60:
        pass  # until the last announce has been answered
    percent, megabytes = await busy_percent(seconds), resident_mb()
    print(f"{f'{hashes} dead ones waiting':36}{megabytes:8.1f} MB{percent:8.2f} %")
    live_ms = []
    for magnet in swarm.magnets:
        before = time.perf_counter()
        await resolver.resolve(Magnet.parse(magnet), deadline_s=60)
        live_ms.append(1000 * (time.perf_counter() - before))
    print(f"{'a live one among them':36}{median(live_ms):8.1f} ms, slowest of {len(live_ms)}: {max(live_ms):.1f} ms")
    ended = [task for task in asking if task.done()]
    before = time.perf_counter()
    await resolver.aclose()
    print(f"{'closing':36}{1000 * (time.perf_counter() - before):8.1f} ms")
    await asyncio.gather(*asking, return_exceptions=True)
    if ended:
        raise RuntimeError(f"{len(ended)} did not wait")
    return megabytes, percent


def main() -> int:
    """Measure. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hashes", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    print(
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}, libtorrent {lt.__version__}, loopback\n"
    )
    with LocalSwarm(SwarmPlan(real=False, invented=20)) as swarm:
        megabytes, percent = asyncio.run(measure(swarm, asked.hashes, asked.seconds))
    print(f"goals: under {GOAL_MB:.0f} MB, under {GOAL_PERCENT:.0f} % of one core")
    return 0 if megabytes < GOAL_MB and percent < GOAL_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
