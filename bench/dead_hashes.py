"""What thousands of hashes that nobody has cost a server while they wait: memory, and a processor with nothing to do.

    .venv/bin/python bench/dead_hashes.py [--hashes 10000] [--seconds 10]

`truename serve` runs as its users run it, with a slot for each of them and one more; a tracker on loopback has answered
that it knows nobody. Between them live ones are asked for over HTTP, one after the other, to see whether they notice.
Goals for both processes of the server together: under 300 MB resident, under 5 % of one core; a live one in 50 ms.
"""

import argparse
import asyncio
import datetime
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from statistics import median

import libtorrent as lt
from processes import busy_percent, family, resident_mb
from service import Connection, Server, connected

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes, magnet_link

GOAL_MB, GOAL_PERCENT, GOAL_MS = 300.0, 5.0, 50.0
FOR_EVER_S = 86_400
LIVE = 20
QUIET_PERCENT = 4.0
QUIET_FOR_S = 8
"""After five seconds without an answer the next resolver begins to ask."""

QUIET_WITHIN_S = 120


async def measure(swarm: LocalSwarm, hashes: int, seconds: float) -> bool:
    """Let the hashes wait, and print what that costs. Output: whether every goal is met."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, slots=hashes + 1, lookup_timeout_s=FOR_EVER_S)
        try:
            return await _measure(server, swarm, hashes, seconds)
        finally:
            server.end()


async def _measure(server: Server, swarm: LocalSwarm, hashes: int, seconds: float) -> bool:
    first, *dead = [magnet_link(each, tracker=swarm.addresses.tracker) for each in dead_hashes(hashes, seed=2)]
    await ask(server, "POST", "/api/calibrate/async", {"info_hash": first})
    await quiet(server)
    await line("one dead one waiting", server, 2)
    began = time.perf_counter()
    batch = await ask(server, "POST", "/api/calibrate/batch", {"info_hashes": dead})
    taken_s = time.perf_counter() - began
    print(f"{f'{hashes} asked for, all answered':36}{taken_s + await quiet(server):8.1f} s at most")
    megabytes, percent = await line(f"{hashes} dead ones waiting", server, seconds)
    async with connected(server, 1) as (connection,):
        live_ms = await live_ones(connection, swarm.magnets)
    print(f"{'a live one among them':36}{median(live_ms):8.1f} ms, slowest of {len(live_ms)}: {max(live_ms):.1f} ms")
    counts = (await ask(server, "GET", f"/api/calibrate/batch/{batch['batch_id']}?limit=1"))["counts"]
    assert isinstance(counts, dict)
    if counts.get("running") != len(dead):
        raise RuntimeError(f"not all of them are being asked for: {counts}")
    return megabytes < GOAL_MB and percent < GOAL_PERCENT and median(live_ms) < GOAL_MS


async def ask(server: Server, method: str, path: str, body: object = None) -> dict[str, object]:
    """One request on a connection of its own: the server closes those that are idle for long."""
    async with connected(server, 1) as (connection,):
        return await connection.ask(method, path, body)


async def line(what: str, server: Server, seconds: float) -> tuple[float, float]:
    """Print what the processes of the server hold and use. Output: of all together, MB and percent."""
    pids = family(server.pid)
    percent = await busy_percent(pids, seconds)
    each = " + ".join(f"{resident_mb([pid]):.1f}" for pid in pids)
    print(f"{what:36}{resident_mb(pids):8.1f} MB ({each}){percent:8.2f} %")
    return resident_mb(pids), percent


async def quiet(server: Server) -> float:
    """Wait until the last announce has been answered, and nothing follows. Output: how many seconds it took."""
    began, calm = time.perf_counter(), 0
    while calm < QUIET_FOR_S and time.perf_counter() - began < QUIET_WITHIN_S:
        calm = calm + 1 if await busy_percent(family(server.pid), 1) <= QUIET_PERCENT else 0
    return time.perf_counter() - began - calm


async def live_ones(connection: Connection, magnets: Sequence[str]) -> list[float]:
    """Milliseconds of each, one after the other, over the route that waits."""
    took = []
    for magnet in magnets:
        began = time.perf_counter()
        answer = await connection.ask("POST", "/api/calibrate", {"info_hash": magnet})
        took.append(1000 * (time.perf_counter() - began))
        assert answer["status"] == "completed", answer
    return took


def main() -> int:
    """Measure. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hashes", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    print(
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}, libtorrent {lt.__version__}, loopback\n"
    )
    with LocalSwarm(SwarmPlan(real=False, invented=LIVE)) as swarm:
        met = asyncio.run(measure(swarm, asked.hashes, asked.seconds))
    print(f"goals: under {GOAL_MB:.0f} MB for all processes, under {GOAL_PERCENT:.0f} % of one core, {GOAL_MS:.0f} ms")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
