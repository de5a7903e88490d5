"""How fast names come through `direct`, our own client, beside the swarm resolver and a bare session in the same run.

    .venv/bin/python bench/direct.py [--names 1000] [--rounds 7]

First with good peers, which an HTTP tracker names, with the goal of at least 1.1 times the bare session; then with
peers as they are: of twelve per hash, six are black holes, four refuse, one is silent and one is good. There the goal
is 0.8 of the bare session, and every name.
"""

import argparse
import asyncio
import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from statistics import median

from resolve import GIVE_UP_S, add_info_bytes, alternating, by_bare_session, by_resolver, conditions

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import magnet_link
from truename.magnet import Magnet
from truename.resolvers.direct.config import DirectConfig
from truename.resolvers.direct.resolver import DirectResolver

GOAL_RATIO = 1.1
GOAL_RATIO_AS_THEY_ARE = 0.8
BLACK_HOLES, REFUSING = 6, 4


def by_direct(magnets: Sequence[str]) -> float:
    """Seconds that `direct` takes, from text to checked name."""

    async def resolve() -> float:
        resolver = DirectResolver(DirectConfig(allow_private=True))
        began = time.perf_counter()
        found = await asyncio.gather(
            *(resolver.resolve(Magnet.parse(magnet), deadline_s=GIVE_UP_S) for magnet in magnets),
            return_exceptions=True,
        )
        took = time.perf_counter() - began
        await resolver.aclose()
        return float("inf") if any(isinstance(each, BaseException) for each in found) else took

    return asyncio.run(resolve())


@contextlib.contextmanager
def bad_peers() -> Iterator[list[str]]:
    """Black holes (their queue of connections is full, so the kernel drops what comes), refusers, a silent one."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(BLACK_HOLES + REFUSING)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        for hole in sockets[:BLACK_HOLES]:
            hole.listen(0)
            for _ in range(2):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)  # noqa: FBT003
                filler.connect_ex(hole.getsockname())
        sockets.append(stack.enter_context(_silent_peer()))
        yield [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


@contextlib.contextmanager
def _silent_peer() -> Iterator[socket.socket]:
    """Takes connections in, and hangs up only when the other side does."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(4096):
                pass
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(hold, sock=listening)
        loop.add_reader(ended, stop.set)
        async with server:
            await stop.wait()

    ended, end = socket.socketpair()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield listening
    finally:
        end.close()
        thread.join()
        loop.close()
        ended.close()


def report(title: str, names: int, rounds: dict[str, list[float]], goal: float) -> bool:
    """Print the rounds of each way; whether `direct` is as fast beside the bare session as it should be."""
    print(f"\n{names} names at once, {title}")
    print(f"{'':24} median s   names/s   fastest   slowest")
    for name, seconds in rounds.items():
        middle = median(seconds)
        print(f"{name:24}{middle:9.3f}{names / middle:10.0f}{min(seconds):10.3f}{max(seconds):10.3f}")
    ratio = median(rounds["bare session"]) / median(rounds["direct"])
    print(f"direct beside the bare session: {ratio:.2f} times (goal {goal})", flush=True)
    return ratio >= goal


def main() -> int:
    """Measure both. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    add_info_bytes(parser)
    asked = parser.parse_args()
    print(conditions(asked.info_bytes))
    ways = {"bare session": by_bare_session, "swarm": by_resolver, "direct": by_direct}
    with (
        LocalSwarm(SwarmPlan(real=False, invented=asked.names, info_bytes=asked.info_bytes)) as swarm,
        bad_peers() as bad,
    ):
        good = alternating(swarm.magnets, asked.rounds, *ways.values())
        met = report("good peers, HTTP tracker", asked.names, dict(zip(ways, good, strict=True)), GOAL_RATIO)
        bad_ones = "".join(f"&x.pe={peer}" for peer in bad)
        mixed = [magnet_link(each.info_hash) + f"{bad_ones}&x.pe={swarm.addresses.peer}" for each in swarm.torrents]
        as_they_are = alternating(mixed, asked.rounds, *ways.values())
        rounds = dict(zip(ways, as_they_are, strict=True))
        met &= report("1 good peer of 12, all known", asked.names, rounds, GOAL_RATIO_AS_THEY_ARE)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
