"""From one HTTP batch to every name stored, beside a bare libtorrent session in one run; and one name by itself.

    .venv/bin/python bench/whole_path.py [--names 1000] [--rounds 7] [--singles 100] [--one-core]

A local swarm serves the torrents. `truename serve` runs as its users run it, new for each round and with its swarm
begun; the client is this process. Both take turns. Goals: the batch at least 0.8 of the bare session; one name, over
the route that waits for it, under 25 ms more than the bare session takes (p50). `--one-core` compares the work alone,
and not how it is spread.
"""

import argparse
import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median, quantiles

from bare_session import BareSession
from resolve import GIVE_UP_S, add_info_bytes, alternating, by_bare_session, conditions
from service import Connection, Server, connected

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.store.database import FILE_NAME

GOAL_RATIO = 0.8
GOAL_MORE_MS = 25.0
LOOK_AGAIN_S = 0.01


@asynccontextmanager
async def begun_server(first: str, *, slots: int = 1000) -> AsyncIterator[tuple[Server, Connection, Path]]:
    """A new server that has already named one magnet, a connection to it, and its database."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, slots=slots)
        try:
            async with connected(server, 1) as (connection,):
                await named(connection, first)
                yield server, connection, Path(folder) / FILE_NAME
        finally:
            server.end()


async def named(connection: Connection, magnet: str) -> float:
    """Milliseconds that the route which waits takes for a live magnet."""
    began = time.perf_counter()
    answer = await connection.ask("POST", "/api/calibrate", {"info_hash": magnet})
    took = 1000 * (time.perf_counter() - began)
    if answer["status"] != "completed":
        raise RuntimeError(f"not named: {answer}")
    return took


async def seconds_of_batch(connection: Connection, file: Path, magnets: Sequence[str], *, live: int) -> float:
    """From the request until so many more tasks are completed in the store.

    It is read from outside: to ask the server a hundred times a second would slow down what is measured.
    """
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:

        def completed() -> int:
            return int(database.execute("SELECT count(*) FROM task WHERE status = 'completed'").fetchone()[0])

        before, began = completed(), time.perf_counter()
        await connection.ask("POST", "/api/calibrate/batch", {"info_hashes": list(magnets)})
        while completed() - before < live:
            await asyncio.sleep(LOOK_AGAIN_S)
            if time.perf_counter() - began > GIVE_UP_S:
                return float("inf")
        return time.perf_counter() - began


def by_batch(first: str, magnets: Sequence[str]) -> float:
    """Seconds from one HTTP batch to every name in the store."""

    async def measure() -> float:
        async with begun_server(first) as (_, connection, file):
            return await seconds_of_batch(connection, file, magnets, live=len(magnets))

    return asyncio.run(measure())


def singly_by_server(first: str, magnets: Sequence[str]) -> list[float]:
    """Milliseconds of each magnet, one after the other."""

    async def measure() -> list[float]:
        async with begun_server(first) as (_, connection, _):
            return [await named(connection, magnet) for magnet in magnets]

    return asyncio.run(measure())


def singly_by_bare_session(first: str, magnets: Sequence[str]) -> list[float]:
    """The same of one bare session."""
    session = BareSession()
    session.seconds_to_resolve([first], give_up_s=GIVE_UP_S)
    return [1000 * session.seconds_to_resolve([magnet], give_up_s=GIVE_UP_S) for magnet in magnets]


def main() -> int:
    """Measure both. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--singles", type=int, default=100)
    parser.add_argument("--one-core", action="store_true", help="everything, the peers as well, on one core")
    add_info_bytes(parser)
    asked = parser.parse_args()
    if asked.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # whatever is started from here inherits it
    print(conditions(asked.info_bytes) + (", all on one core" if asked.one_core else ""))
    with LocalSwarm(
        SwarmPlan(real=False, invented=max(asked.names, asked.singles) + 1, info_bytes=asked.info_bytes)
    ) as swarm:
        first, *magnets = swarm.magnets
        bare, batch = alternating(magnets[: asked.names], asked.rounds, by_bare_session, partial(by_batch, first))
        singles = magnets[: asked.singles]
        alone = [(singly_by_bare_session(first, singles), singly_by_server(first, singles)) for _ in range(2)]
    print(f"\n{asked.names} names, HTTP tracker             median s   names/s   fastest   slowest")
    for name, seconds in (("bare session", bare), ("one HTTP batch, all stored", batch)):
        middle = median(seconds)
        print(f"{name:36}{middle:9.3f}{asked.names / middle:10.0f}{min(seconds):10.3f}{max(seconds):10.3f}")
    ratio = median(bare) / median(batch)
    print(f"ratio of the medians: {ratio:.2f} (goal {GOAL_RATIO})")
    print("\none after the other, HTTP tracker      p50 ms    p90 ms")
    bare_ms, server_ms = (list(chain.from_iterable(each)) for each in zip(*alone, strict=True))
    for name, in_ms in (("bare session", bare_ms), ("server, the route that waits", server_ms)):
        print(f"{name:36}{median(in_ms):9.2f}{quantiles(in_ms, n=10)[8]:10.2f}")
    more_ms = median(server_ms) - median(bare_ms)
    print(f"more: {more_ms:.2f} ms (goal under {GOAL_MORE_MS:.0f})")
    return 0 if ratio >= GOAL_RATIO and more_ms < GOAL_MORE_MS else 1


if __name__ == "__main__":
    sys.exit(main())
