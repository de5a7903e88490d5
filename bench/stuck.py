"""A server whose every slot is stuck, with thousands more in the queue: what it costs, and whether anybody notices.

    .venv/bin/python bench/stuck.py [--queued 10000] [--slots 1000] [--seconds 20]

`truename serve` runs as its users run it; a tracker on loopback knows nobody for any hash, so nothing ever ends. First
the page of notes is timed on the idle server, 25 a second; then all of it is submitted; then memory and processor are
read while nobody asks anything; then 50 requests a second come, half of them submits, half that page. Goals: under
350 MB, under 5 % of a core, submits p99 under 100 ms, the page at most a fifth slower than on the idle server.
"""

import argparse
import asyncio
import datetime
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median, quantiles

from service import Connection, Server, connected, submit_all

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes, magnet_link

GOAL_MB, GOAL_PERCENT, GOAL_P99_MS, GOAL_SLOWER = 350.0, 5.0, 100.0, 1.2
NOTES, MAGNETS_IN_NOTE = 30, 5
A_SECOND = 50
FOR_EVER_S = 86_400
TICKS = os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """The memory that a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def used_s(pid: int) -> float:
    """The processor time that a process has used."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


async def busy_percent(pid: int, seconds: float) -> float:
    """How much of one core a process uses in so many seconds from now."""
    began, used = time.perf_counter(), used_s(pid)
    await asyncio.sleep(seconds)
    return 100 * (used_s(pid) - used) / (time.perf_counter() - began)


async def timed_ms(act: Awaitable[object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    await act
    return 1000 * (time.perf_counter() - began)


async def paced(acts: Sequence[Callable[[], Awaitable[object]]], seconds: float) -> list[list[float]]:
    """Begin `A_SECOND` acts a second, in turn, whether the last ones have ended or not; the times of each kind."""
    running: list[list[asyncio.Task[float]]] = [[] for _ in acts]
    began = time.perf_counter()
    for number in range(int(A_SECOND * seconds)):
        await asyncio.sleep(began + number / A_SECOND - time.perf_counter())
        kind = number % len(acts)
        running[kind].append(asyncio.create_task(timed_ms(acts[kind]())))
    return [list(await asyncio.gather(*each)) for each in running]


def line(what: str, times_ms: Sequence[float]) -> float:
    """Print the times; the 99th percentile."""
    p99 = quantiles(times_ms, n=100)[98]
    print(f"{what:44} p50 {median(times_ms):6.1f} ms   p99 {p99:6.1f} ms")
    return p99


async def measure(tracker: str, asked: argparse.Namespace) -> bool:
    """Measure, and print it. Whether every goal is met."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, slots=asked.slots, lookup_timeout_s=FOR_EVER_S)
        try:
            async with connected(server, 32) as connections:
                return await _measure(server, connections, tracker, asked)
        finally:
            server.end()


async def _measure(server: Server, connections: Sequence[Connection], tracker: str, asked: argparse.Namespace) -> bool:
    free = asyncio.Queue[Connection]()
    for connection in connections:
        free.put_nowait(connection)
    fresh = iter(dead_hashes(100_000, seed=7))

    async def with_one(method: str, path: str, body: object = None) -> None:
        connection = await free.get()
        await connection.read(method, path, body)
        free.put_nowait(connection)

    def submit() -> Awaitable[None]:
        return with_one("POST", "/api/calibrate/async", {"info_hash": magnet_link(next(fresh), tracker=tracker)})

    def page() -> Awaitable[None]:
        return with_one("GET", "/notes")

    async def nothing() -> None: ...

    for number in range(NOTES):
        magnets = [magnet_link(one) for one in dead_hashes(MAGNETS_IN_NOTE, seed=100 + number)]
        await with_one("POST", "/api/notes", {"text": "\n".join(magnets)})
    await paced([page, nothing], 2)
    idle, _ = await paced([page, nothing], asked.seconds / 2)
    line("GET /notes, idle", idle)
    wanted = [magnet_link(one, tracker=tracker) for one in dead_hashes(asked.slots + asked.queued, seed=3)]
    began = time.perf_counter()
    await submit_all(connections, wanted)
    print(f"{f'{len(wanted)} submitted one by one':44} {len(wanted) / (time.perf_counter() - began):6.0f} a second")
    while await busy_percent(server.pid, 1) > GOAL_PERCENT and time.perf_counter() - began < 120:
        pass  # until the last announce has been answered
    megabytes, percent = resident_mb(server.pid), await busy_percent(server.pid, asked.seconds / 2)
    print(f"{f'{asked.queued} queued, {asked.slots} in slots':44} {megabytes:6.1f} MB  {percent:5.1f} % of a core")
    submits, pages = await paced([submit, page], asked.seconds)
    p99_ms = line("POST /api/calibrate/async, every slot stuck", submits)
    line("GET /notes, every slot stuck", pages)
    slower = median(pages) / median(idle)
    print(f"GET /notes takes {slower:.2f} of what it takes on the idle server (goal {GOAL_SLOWER})")
    return megabytes < GOAL_MB and percent < GOAL_PERCENT and p99_ms < GOAL_P99_MS and slower < GOAL_SLOWER


def main() -> int:
    """Measure. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--queued", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, loopback")
    with LocalSwarm(SwarmPlan(real=False, invented=0)) as swarm:
        return 0 if asyncio.run(measure(swarm.addresses.tracker, asked)) else 1


if __name__ == "__main__":
    sys.exit(main())
