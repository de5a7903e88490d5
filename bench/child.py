"""What the child process costs: the swarm resolver in this process beside the same one in a child, in one run.

    .venv/bin/python bench/child.py [--names 1000] [--rounds 7]

A local swarm serves the torrents; both take turns, each with a new session that has begun. Compared are the time from
the first magnet to the last name, the processor time of this process, which is the one that a server needs for its
pages, and one name after the other. Goal: a tenth of the throughput at most. Then the socket alone: a question that
the child answers without asking anybody.
"""

import argparse
import asyncio
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

import libtorrent as lt
from resolve import GIVE_UP_S, wait_for_ports

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import magnet_link
from truename.errors import ResolverDown
from truename.magnet import Magnet
from truename.resolvers.base import Resolver
from truename.resolvers.child.proxy import SwarmProcess
from truename.resolvers.session import SwarmConfig
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig as ConfigOfChild

GOAL_RATIO = 0.9
WAYS: dict[str, Callable[[], Resolver]] = {
    "in this process": lambda: SwarmResolver(
        SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True)
    ),
    "in a child": lambda: SwarmProcess(ConfigOfChild(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True)),
}


@dataclass(slots=True)
class Measured:
    """Of one way, a value for each round; `single_ms` one for each look-up."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    single_ms: list[float] = field(default_factory=list)


async def measure(make: Callable[[], Resolver], magnets: Sequence[str], alone: Sequence[str], into: Measured) -> None:
    """One round: all at once, and then some that are alone."""
    resolver = make()
    await resolver.health()
    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(resolver.resolve(Magnet.parse(text), deadline_s=GIVE_UP_S) for text in magnets))
    into.seconds.append(time.perf_counter() - began)
    into.processor.append(time.process_time() - used)
    for text in alone:
        began = time.perf_counter()
        await resolver.resolve(Magnet.parse(text), deadline_s=GIVE_UP_S)
        into.single_ms.append(1000 * (time.perf_counter() - began))
    await resolver.aclose()


async def round_trips(count: int) -> tuple[list[float], float]:
    """Milliseconds of questions one by one that end without asking anybody, and how many a second all at once."""
    nobody = Magnet.parse("dead" * 10)

    async def ask(resolver: Resolver) -> None:
        try:
            await resolver.resolve(nobody, deadline_s=GIVE_UP_S)
        except ResolverDown:
            return

    resolver = WAYS["in a child"]()
    await resolver.health()
    singly = []
    for _ in range(count):
        began = time.perf_counter()
        await ask(resolver)
        singly.append(1000 * (time.perf_counter() - began))
    began = time.perf_counter()
    await asyncio.gather(*(ask(resolver) for _ in range(count)))
    at_once = count / (time.perf_counter() - began)
    await resolver.aclose()
    return singly, at_once


def report(names: int, measured: dict[str, Measured]) -> bool:
    """Print both. Output: whether the child costs little enough."""
    print(f"\n{names} names at once, HTTP tracker    median s  names/s  own CPU s   one alone: p50 ms      p99 ms")
    for name, each in measured.items():
        middle = median(each.seconds)
        percentiles = quantiles(each.single_ms, n=100)
        print(
            f"{name:32}{middle:13.3f}{names / middle:9.0f}{median(each.processor):11.3f}"
            f"{median(each.single_ms):19.2f}{percentiles[98]:12.2f}"
        )
    here, there = (measured[way] for way in WAYS)
    rounds = [a / b for a, b in zip(here.seconds, there.seconds, strict=True)]
    ratio = median(here.seconds) / median(there.seconds)
    print(f"rounds: {' '.join(f'{each:.2f}' for each in rounds)}")
    print(f"throughput in a child: {ratio:.2f} of that in this process (goal {GOAL_RATIO})")
    print(f"one alone: {median(there.single_ms) - median(here.single_ms):+.2f} ms")
    return ratio >= GOAL_RATIO


def main() -> int:
    """Measure both. Status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    print(
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}, libtorrent {lt.__version__}, loopback"
    )
    measured = {way: Measured() for way in WAYS}
    with LocalSwarm(SwarmPlan(real=False, invented=asked.names)) as swarm:
        alone = [magnet_link(each.info_hash, peer=swarm.addresses.peer) for each in swarm.torrents[:50]]
        for turn in range(asked.rounds + 1):
            for way, make in WAYS.items() if turn % 2 else reversed(WAYS.items()):
                wait_for_ports(asked.names)
                asyncio.run(measure(make, swarm.magnets, alone, measured[way] if turn else Measured()))
    good = report(asked.names, measured)
    singly, at_once = asyncio.run(round_trips(5000))
    print(
        f"\nthe socket alone: p50 {median(singly):.2f} ms, p99 {quantiles(singly, n=100)[98]:.2f} ms; "
        f"{at_once:.0f} questions/s at once"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
