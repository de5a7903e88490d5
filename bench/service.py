"""The whole path of the service: submits over HTTP, names in the store; beside a bare libtorrent session in one run.

    .venv/bin/python bench/service.py [--names 1000] [--connections 32] [--rounds 3]

A local swarm serves the torrents. `truename serve` runs as its users run it; the client is this process. Goals: the
whole path at least 0.5 of the bare session; single durable submits at least 800 a second.
"""

import argparse
import asyncio
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from statistics import median

from bare_session import BareSession
from resolve import CLOSED_NETWORK, GIVE_UP_S, add_info_bytes, conditions, wait_for_ports

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes

GOAL_RATIO = 0.5
GOAL_SUBMITS = 800
PROGRAM = Path(sys.executable).with_name("truename")


class Server:
    """A `truename serve` of its own, with one person who has a token."""

    def __init__(self, folder: str, *, slots: int, lookup_timeout_s: int = 30, max_queued: int = 100_000) -> None:
        settings = {"TRUENAME_DATA_DIR": folder, "TRUENAME_PORT": "0", "TRUENAME_SLOTS": str(slots), "LANG": "C.UTF-8"}
        settings["TRUENAME_LOOKUP_TIMEOUT_S"] = str(lookup_timeout_s)
        settings["TRUENAME_MAX_QUEUED"] = settings["TRUENAME_MAX_QUEUED_PER_USER"] = str(max_queued)
        self._environment = environment = os.environ | CLOSED_NETWORK | settings
        subprocess.run(
            [PROGRAM, "user", "add", "bench", "--password-stdin"],
            env=environment,
            input=secrets.token_hex(16).encode(),
            stderr=subprocess.DEVNULL,
            check=True,
        )
        made = subprocess.run([PROGRAM, "user", "token", "bench"], env=environment, capture_output=True, check=True)
        self.token = made.stdout.decode().strip()
        self.start()

    def start(self) -> None:
        """Start it, and wait until it says where it is."""
        self._run = subprocess.Popen([PROGRAM, "serve"], env=self._environment, stderr=subprocess.PIPE, text=True)
        assert self._run.stderr is not None
        self.address = self._run.stderr.readline().split()[-1]
        self.pid = self._run.pid

    def kill(self) -> None:
        """Kill it without a warning."""
        self._run.kill()
        self._run.wait()

    def end(self) -> None:
        """Stop it."""
        self._run.terminate()
        self._run.wait(20)
        assert self._run.stderr is not None
        self._run.stderr.close()


class Connection:
    """One connection that is kept open: the plainest client there is, so that the server is what is measured."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._head = f"Host: {server.address.partition('://')[2]}\r\nAuthorization: Bearer {server.token}\r\n"
        self._reader = reader
        self._writer = writer

    async def ask(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """One request, and the JSON of its answer."""
        found: dict[str, object] = json.loads(await self.read(method, path, body))
        return found

    async def read(self, method: str, path: str, body: object = None) -> bytes:
        """One request, and its answer, which must be a good one."""
        data = b"" if body is None else json.dumps(body).encode()
        kind = "Content-Type: application/json\r\n" if data else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{kind}Content-Length: {len(data)}\r\n\r\n"
        self._writer.write(head.encode() + data)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in answer.lower().split("\r\n") if line.startswith("content-length:"))
        found = await self._reader.readexactly(length)
        assert answer.startswith(("HTTP/1.1 200", "HTTP/1.1 201")), (answer, found)
        return found

    def close(self) -> None:
        """Close it."""
        self._writer.close()


@asynccontextmanager
async def connected(server: Server, count: int) -> AsyncIterator[list[Connection]]:
    """So many connections to a server."""
    host, _, port = server.address.partition("://")[2].partition(":")
    connections = [Connection(server, *await asyncio.open_connection(host, int(port))) for _ in range(count)]
    yield connections
    for connection in connections:
        connection.close()


async def submit_all(connections: Sequence[Connection], wanted: Sequence[str]) -> list[str]:
    """One request for each; the ids of the tasks."""
    waiting = iter(wanted)
    ids: list[str] = []

    async def submit(connection: Connection) -> None:
        for one in waiting:
            answer = await connection.ask("POST", "/api/calibrate/async", {"info_hash": one})
            ids.append(str(answer["task_id"]))

    await asyncio.gather(*map(submit, connections))
    return ids


async def whole_path(magnets: Sequence[str], count: int) -> float:
    """Seconds from the first submit until the last task is completed and stored."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, slots=1000)
        try:
            async with connected(server, count) as connections:
                await submit_all(connections[:1], dead_hashes(1))  # the session starts with the first question
                began = time.perf_counter()
                for task_id in reversed(await submit_all(connections, magnets)):
                    while (await connections[0].ask("GET", f"/api/calibrate/status/{task_id}"))[
                        "status"
                    ] != "completed":
                        await asyncio.sleep(0.005)
                        if time.perf_counter() - began > GIVE_UP_S:
                            return float("inf")
                    if not await unfinished(Path(folder)):
                        break
                return time.perf_counter() - began
        finally:
            server.end()


async def unfinished(folder: Path) -> int:
    """How many of the tasks in the store have no name, the dead one left out."""
    with closing(sqlite3.connect(folder / "truename.db")) as database:
        count: int = database.execute("SELECT count(*) FROM task WHERE status != 'completed'").fetchone()[0]
    return count - 1


async def submits_a_second(wanted: int, count: int) -> float:
    """Single submits, each durable when it is answered; nothing of it is named."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, slots=1)
        try:
            async with connected(server, count) as connections:
                hashes = dead_hashes(wanted, seed=3)
                began = time.perf_counter()
                await submit_all(connections, hashes)
                return wanted / (time.perf_counter() - began)
        finally:
            server.end()


def main() -> int:
    """Measure. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one-core", action="store_true", help="everything, the peers as well, on one core")
    add_info_bytes(parser)
    asked = parser.parse_args()
    if asked.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # whatever is started from here inherits it
    print(conditions(asked.info_bytes) + (", all on one core" if asked.one_core else ""))
    bare, whole = [], []
    with LocalSwarm(SwarmPlan(real=False, invented=asked.names, info_bytes=asked.info_bytes)) as swarm:
        for turn in range(asked.rounds):
            wait_for_ports(asked.names)
            bare.append(BareSession().seconds_to_resolve(swarm.magnets, give_up_s=GIVE_UP_S))
            wait_for_ports(asked.names)
            whole.append(asyncio.run(whole_path(swarm.magnets, asked.connections)))
            print(f"round {turn + 1}: bare session {bare[-1]:.2f} s, whole path {whole[-1]:.2f} s", flush=True)
    ratio = median(bare) / median(whole)
    submits = asyncio.run(submits_a_second(asked.names, asked.connections))
    print(f"{asked.names / median(whole):.0f} names/s over the whole path, {ratio:.2f} of the bare session (goal 0.5)")
    print(f"{submits:.0f} durable single submits/s (goal {GOAL_SUBMITS}), the client on the same cores")
    return 0 if ratio >= GOAL_RATIO and submits >= GOAL_SUBMITS else 1


if __name__ == "__main__":
    sys.exit(main())
