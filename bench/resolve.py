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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import libtorrent as lt
from bare_session import BareSession

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import magnet_link
from truename.magnet import Magnet
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig

GIVE_UP_S = 60.0
GOAL_RATIO = 0.7
GOAL_MORE_MS = 30.0
CLOSED_NETWORK = {
    "TRUENAME_DHT": "off",
    "TRUENAME_LISTEN_INTERFACES": "127.0.0.1:0",
    "TRUENAME_ALLOW_PRIVATE_NETWORK": "on",
    "TRUENAME_TRACKERS": "",
}
INFO_BYTES = 20_000
"""How long each info dictionary is unless told: as that of a film in a thousand pieces, so two blocks of metadata."""
Way = Callable[[Sequence[str]], float]
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


def add_info_bytes(parser: argparse.ArgumentParser) -> None:
    """The option that all comparisons of speed have."""
    parser.add_argument("--info-bytes", type=int, default=INFO_BYTES, help="length of each info dictionary")


def conditions(info_bytes: int) -> str:
    """What stands above the figures."""
    return (
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}, libtorrent {lt.__version__}, loopback, "
        f"info dictionaries of {info_bytes} bytes"
    )


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


def by_command(magnets: Sequence[str]) -> float:
    """Seconds that `truename resolve -` takes on a pipe that is open, from the first line in to the last line out.

    One magnet goes ahead, so that the start of Python and of the session is over when the clock starts.
    """
    first, *rest = magnets
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | CLOSED_NETWORK | {"TRUENAME_DATA_DIR": folder}
        program = Path(sys.executable).with_name("truename")
        with subprocess.Popen(
            [program, "resolve", "-"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            run.stdin.write(first.encode() + b"\n")
            run.stdin.flush()
            run.stdout.readline()
            began = time.perf_counter()
            run.stdin.write("\n".join(rest).encode() + b"\n")
            run.stdin.close()
            named = sum(1 for _ in run.stdout)
            took = time.perf_counter() - began
    return took if named == len(rest) else float("inf")


def alternating(magnets: Sequence[str], rounds: int, *ways: Way) -> list[list[float]]:
    """The seconds of each way, round by round; who begins changes, and a first round does not count."""
    seconds: dict[Way, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        for way in ways if turn % 2 else reversed(ways):
            wait_for_ports(len(magnets))
            took = way(magnets)
            if turn:
                seconds[way].append(took)
    return list(seconds.values())


def main() -> int:
    """Measure both. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    add_info_bytes(parser)
    asked = parser.parse_args()
    print(conditions(asked.info_bytes))
    with LocalSwarm(SwarmPlan(real=False, invented=asked.names, info_bytes=asked.info_bytes)) as swarm:
        bare, ours, command = alternating(swarm.magnets, asked.rounds, by_bare_session, by_resolver, by_command)
        one = [magnet_link(swarm.torrents[0].info_hash, peer=swarm.addresses.peer)]
        bare_one, ours_one = alternating(one, 3 * asked.rounds, by_bare_session, by_resolver)
    ratio, command_ratio = median(bare) / median(ours), median(bare) / median(command)
    more_ms = 1000 * (median(ours_one) - median(bare_one))
    print(f"\n{asked.names} names at once, HTTP tracker      median s   names/s   fastest   slowest")
    for name, seconds in (("bare session", bare), ("resolver", ours), ("truename resolve -", command)):
        middle = median(seconds)
        print(f"{name:36}{middle:9.3f}{asked.names / middle:10.0f}{min(seconds):10.3f}{max(seconds):10.3f}")
    print(f"ratios of the medians: resolver {ratio:.2f}, command {command_ratio:.2f} (goal {GOAL_RATIO})")
    print("\none name, its peer known             median ms   fastest   slowest")
    for name, seconds in (("bare session", bare_one), ("resolver", ours_one)):
        in_ms = [1000 * each for each in seconds]
        print(f"{name:36}{median(in_ms):10.2f}{min(in_ms):10.2f}{max(in_ms):10.2f}")
    print(f"more: {more_ms:.2f} ms (goal under {GOAL_MORE_MS:.0f})")
    return 0 if min(ratio, command_ratio) >= GOAL_RATIO and more_ms < GOAL_MORE_MS else 1


if __name__ == "__main__":
    sys.exit(main())
