"""How fast names come through the swarm resolver, against a bare libtorrent session in the same run.

    .venv/bin/python bench/resolve.py [--names 1000] [--rounds 7]

A local swarm serves the torrents. Both take turns, each with a new session; what is compared is the time from the
first magnet to the last name. Goals: with 1,000 names at once the resolver gives at least 0.7 of what the bare session
does; with one name whose peer is known it takes less than 30 ms more.
"""

import argparse
import asyncio
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

import libtorrent as lt
from bare_session import BareSession

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import magnet_link
from truename.magnet import Magnet
from truename.resolvers.session import SwarmConfig
from truename.resolvers.swarm import SwarmResolver

GIVE_UP_S = 60.0
GOAL_RATIO = 0.7
GOAL_MORE_MS = 30.0
CONFIG = SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True)


def by_bare_session(magnets: Sequence[str]) -> float:
    """Seconds that a bare session takes."""
    return BareSession().seconds_to_resolve(magnets, give_up_s=GIVE_UP_S)


def by_resolver(magnets: Sequence[str]) -> float:
    """Seconds that the resolver takes, from text to checked name."""

    async def resolve() -> float:
        resolver = SwarmResolver(CONFIG)
        await resolver.health()
        began = time.perf_counter()
        found = await asyncio.gather(
            *(resolver.resolve(Magnet.parse(magnet), deadline_s=GIVE_UP_S) for magnet in magnets),
            return_exceptions=True,
        )
        took = time.perf_counter() - began
        await resolver.aclose()
        return float("inf") if any(isinstance(each, BaseException) for each in found) else took

    return asyncio.run(resolve())


def wait_for_ports(connections: int) -> None:
    """Wait until these connections will find free ports at once.

    Each one of a round leaves its port in TIME_WAIT for a minute, and with a third of all ports taken the search for
    a free one costs more than everything that is to be measured.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range") as limits:
        first, last = map(int, limits.read().split())
    while True:
        with open("/proc/net/tcp") as table:
            taken = sum(1 for _ in table)
        if 3 * (taken + connections) < last - first:
            return
        time.sleep(1)


def alternating(magnets: Sequence[str], rounds: int) -> tuple[list[float], list[float]]:
    """The seconds of both, round by round; each begins every other round, and a first round does not count."""
    ways: list[tuple[Callable[[Sequence[str]], float], list[float]]] = [(by_bare_session, []), (by_resolver, [])]
    for turn in range(rounds + 1):
        for way, seconds in ways if turn % 2 else reversed(ways):
            wait_for_ports(len(magnets))
            took = way(magnets)
            if turn:
                seconds.append(took)
    return ways[0][1], ways[1][1]


def main() -> int:
    """Measure both. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    print(
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}, libtorrent {lt.__version__}, loopback"
    )
    with LocalSwarm(SwarmPlan(real=False, invented=asked.names)) as swarm:
        bare, ours = alternating(swarm.magnets, asked.rounds)
        one = [magnet_link(swarm.torrents[0].info_hash, peer=swarm.addresses.peer)]
        bare_one, ours_one = alternating(one, 3 * asked.rounds)
    ratio = median(bare) / median(ours)
    more_ms = 1000 * (median(ours_one) - median(bare_one))
    print(f"\n{asked.names} names at once, HTTP tracker      median s   names/s   fastest   slowest")
    for name, seconds in (("bare session", bare), ("resolver", ours)):
        middle = median(seconds)
        print(f"{name:36}{middle:9.3f}{asked.names / middle:10.0f}{min(seconds):10.3f}{max(seconds):10.3f}")
    print(f"ratio of the medians: {ratio:.2f} (goal {GOAL_RATIO})")
    print("\none name, its peer known             median ms   fastest   slowest")
    for name, seconds in (("bare session", bare_one), ("resolver", ours_one)):
        in_ms = [1000 * each for each in seconds]
        print(f"{name:36}{median(in_ms):10.2f}{min(in_ms):10.2f}{max(in_ms):10.2f}")
    print(f"more: {more_ms:.2f} ms (goal under {GOAL_MORE_MS:.0f})")
    return 0 if ratio >= GOAL_RATIO and more_ms < GOAL_MORE_MS else 1


if __name__ == "__main__":
    sys.exit(main())
