"""Peers as they are: of twelve for each hash six are black holes, four refuse, one is silent and one is good.

    .venv/bin/python bench/peers_as_they_are.py [--names 1000] [--rounds 5]

The chain of the defaults, swarm (in its child process) and `direct`, takes turns with libtorrent alone, a bare session.
Goals: every name, and at least 0.8 of what libtorrent does alone.
"""

import argparse
import sys
from statistics import median

from chains import by_chain
from direct import bad_peers
from resolve import add_info_bytes, alternating, by_bare_session, conditions

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import magnet_link

GOAL_RATIO = 0.8


def main() -> int:
    """Measure both. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    add_info_bytes(parser)
    asked = parser.parse_args()
    print(conditions(asked.info_bytes))
    with (
        LocalSwarm(SwarmPlan(real=False, invented=asked.names, info_bytes=asked.info_bytes)) as swarm,
        bad_peers() as bad,
    ):
        peers = "".join(f"&x.pe={peer}" for peer in (*bad, swarm.addresses.peer))
        mixed = [magnet_link(each.info_hash) + peers for each in swarm.torrents]
        bare, ours = alternating(mixed, asked.rounds, by_bare_session, by_chain)
    print(f"\n{asked.names} names, 1 good peer of 12        median s   names/s   fastest   slowest")
    for name, seconds in (("libtorrent alone", bare), ("swarm, direct", ours)):
        middle = median(seconds)
        print(f"{name:36}{middle:9.3f}{asked.names / middle:10.0f}{min(seconds):10.3f}{max(seconds):10.3f}")
    ratio = median(bare) / median(ours)
    all_named = max(ours) < float("inf")
    print(f"ratio of the medians: {ratio:.2f} (goal {GOAL_RATIO}); {'all named' if all_named else 'NOT all named'}")
    return 0 if ratio >= GOAL_RATIO and all_named else 1


if __name__ == "__main__":
    sys.exit(main())
