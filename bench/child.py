"""What the child process costs: the swarm resolver in this process beside the same one in a child, in one run.

    .venv/bin/python bench/child.py [--names 1000] [--rounds 7]

A local swarm serves the torrents; both take turns, each with a new session that has begun. Compared are the time from
the first magnet to the last name, the processor time of this process, which is the one that a server needs for its
pages, and one name after the other. Goal: a tenth of the throughput at most. Then the way to the child and back alone.
"""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles

from resolve import GIVE_UP_S, add_info_bytes, conditions, wait_for_ports

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import magnet_link
from truename.errors import ResolverDown
from truename.magnet import Magnet
from truename.resolvers.base import Resolver
from truename.resolvers.child.messages import begin
from truename.resolvers.child.process import COMMAND, Child, Pulse
from truename.resolvers.child.resolver import SwarmProcess
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig

GOAL_RATIO = 0.9
WAYS: dict[str, Callable[[], Resolver]] = {
    "in this process": lambda: SwarmResolver(
        SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True)
    ),
    "in a child": lambda: SwarmProcess(SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True)),
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


async def unanswered(make: Callable[[], Resolver], count: int) -> tuple[float, float]:
    """Questions that end without asking anybody: ms of one (p50), and how many a second when all come at once."""
    nobody = Magnet.parse("dead" * 10)

    async def ask() -> float:
        began = time.perf_counter()
        with contextlib.suppress(ResolverDown):
            await resolver.resolve(nobody, deadline_s=GIVE_UP_S)
        return 1000 * (time.perf_counter() - began)

    resolver = make()
    await resolver.health()
    singly = [await ask() for _ in range(count)]
    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(count)))
    at_once = count / (time.perf_counter() - began)
    await resolver.aclose()
    return median(singly), at_once


async def round_trip(count: int) -> list[float]:
    """Milliseconds until the child has answered a ping: the way there and back, and no more."""
    loop = asyncio.get_running_loop()
    is_up, took = asyncio.Event(), []
    child = Child(COMMAND, Pulse(), up=is_up.set, take=print, ended=lambda: None)
    child.post(begin(SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False)))
    await is_up.wait()
    for _ in range(count):
        answered = loop.create_future()
        began = time.perf_counter()
        child.when_it_has_read(partial(answered.set_result, None))
        await answered
        took.append(1000 * (time.perf_counter() - began))
    await child.close(1)
    return took


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
    add_info_bytes(parser)
    asked = parser.parse_args()
    print(conditions(asked.info_bytes))
    measured = {way: Measured() for way in WAYS}
    with LocalSwarm(SwarmPlan(real=False, invented=asked.names, info_bytes=asked.info_bytes)) as swarm:
        alone = [magnet_link(each.info_hash, peer=swarm.addresses.peer) for each in swarm.torrents[:50]]
        for turn in range(asked.rounds + 1):
            for way, make in WAYS.items() if turn % 2 else reversed(WAYS.items()):
                wait_for_ports(asked.names)
                asyncio.run(measure(make, swarm.magnets, alone, measured[way] if turn else Measured()))
    good = report(asked.names, measured)
    print(f"\n{'a question that asks nobody':32}one: p50 ms   a second, all at once")
    for way, make in WAYS.items():
        one, at_once = asyncio.run(unanswered(make, 3000))
        print(f"{way:32}{one:11.2f}{at_once:24.0f}")
    trips = asyncio.run(round_trip(3000))
    print(f"there and back: p50 {median(trips):.2f} ms, p99 {quantiles(trips, n=100)[98]:.2f} ms")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
