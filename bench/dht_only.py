"""Hashes alone, without tracker or peer: names by way of a DHT of our own on loopback.

    .venv/bin/python bench/dht_only.py [--names 100] [--nodes 20] [--rounds 5]

Each round has a new DHT and a new chain (swarm, in its child process, and `direct`), which first finds its way in.
Goal: 60 names a second, from the first question to the last name. Then a second chain asks the same DHT, where the
first one is now a node that never answers: what that costs is told, and has no goal.
"""

import argparse
import asyncio
import datetime
import os
import platform
import sys
from statistics import median

import libtorrent as lt
from chains import Asked, ask_all

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm

GOAL_A_SECOND = 60.0


def one_round(names: int, nodes: int) -> tuple[Asked, Asked]:
    """All names in a new DHT, by one chain after the other."""
    with LocalSwarm(SwarmPlan(real=False, invented=names, dht_nodes=nodes)) as swarm:
        hashes = [str(torrent.info_hash) for torrent in swarm.torrents]
        first, second = (
            asyncio.run(
                ask_all(
                    hashes,
                    dht=True,
                    dht_bootstrap=(swarm.addresses.dht_node,),
                    listen_interfaces=(f"127.0.2.{turn}:0",),
                )
            )
            for turn in (1, 2)
        )
    return first, second


def told(asked: Asked) -> str:
    """A few words about it."""
    return " ".join((f"{asked.named} in {asked.seconds:.2f} s", *sorted(asked.codes)))


def main() -> int:
    """Measure. Status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=100)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}, libtorrent {lt.__version__}, "
        f"loopback, {asked.nodes} DHT nodes"
    )
    fresh, once_more, all_named = [], [], True
    for turn in range(asked.rounds):
        first, second = one_round(asked.names, asked.nodes)
        fresh.append(first.named / first.seconds)
        once_more.append(second.named / second.seconds)
        all_named &= first.named == asked.names
        print(f"round {turn + 1}: {told(first)}; with one node gone {told(second)}", flush=True)
    print(f"{median(fresh):.0f} names/s without a tracker (goal {GOAL_A_SECOND:.0f}), all named: {all_named}")
    print(f"{median(once_more):.0f} names/s when a node of the DHT has gone away")
    return 0 if median(fresh) >= GOAL_A_SECOND and all_named else 1


if __name__ == "__main__":
    sys.exit(main())
