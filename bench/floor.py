"""The least that this design can cost: a server that keeps what it is asked in SQLite, and a bare session in a child.

    .venv/bin/python bench/floor.py [--names 1000] [--rounds 5] [--one-core]

It has the outline of `truename serve` and nothing inside it: the plainest HTTP, three tables of a few columns, one
writer that commits what waits in one transaction (durable, as ours), libtorrent in a process of its own as
`bare_session.py` has it, raw bytes in between. Nobody signs in, nothing is joined, watched, ordered or cancelled, no
magnet is read, no name is decoded and no note is written. What it takes, beside the bare session in the same run, is
what the whole path could come down to if all of our own code took no time; the goals are those of `whole_path.py` and
`service.py`. The first figure is the child alone, with nothing kept, beside the goal of `child.py`. The last one is
the same server once more, with the libraries that `truename serve` has: its routes in FastAPI, its bodies read by
pydantic, its HTTP spoken by uvicorn, and its statements made by SQLAlchemy. It judges nothing.
"""

import argparse
import asyncio
import functools
import hashlib
import json
import os
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import httptools
import libtorrent as lt
import sqlalchemy
import uvicorn
from bare_session import SETTINGS, BareSession
from fastapi import FastAPI
from pydantic import BaseModel
from resolve import GIVE_UP_S, add_info_bytes, conditions, wait_for_ports
from service import Connection

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm

_CONNECTIONS = 32
_LOOK_AGAIN_S = 0.005
_BEGIN_S = 0.5
_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE task (id TEXT PRIMARY KEY, hash TEXT, status TEXT, created_at REAL, completed_at REAL);
CREATE TABLE lookup (hash TEXT PRIMARY KEY, magnet TEXT);
CREATE TABLE name (hash TEXT PRIMARY KEY, info BLOB);
CREATE INDEX ix_task_hash ON task (hash) WHERE status = 'pending';
"""
_HASH_AT = len("magnet:?xt=urn:btih:")


def child(descriptor: int) -> None:
    """Magnets in, as lines of JSON; info dictionaries out, each behind its length."""
    session, flags = lt.session(SETTINGS), lt.torrent_flags
    line = socket.socket(fileno=descriptor)

    def add() -> None:
        for magnets in line.makefile("rb"):
            for magnet in json.loads(magnets):
                params = lt.parse_magnet_uri(magnet)
                params.save_path = "unused"
                params.flags = flags.upload_mode | flags.default_dont_download | flags.duplicate_is_error
                session.async_add_torrent(params)
        os._exit(0)

    threading.Thread(target=add, daemon=True).start()
    while True:
        session.wait_for_alert(250)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.metadata_received_alert):
                info = alert.handle.torrent_file()
                assert info is not None
                raw = info.info_section()
                session.remove_torrent(alert.handle)
                line.sendall(struct.pack(">I", len(raw)) + raw)


class Store:
    """One writer; what waits when it is free is one transaction."""

    def __init__(self, path: str) -> None:
        self._connection = self._open(path)
        self._asked: list[tuple[list[str], asyncio.Future[list[str]]]] = []
        self._found: list[bytes] = []
        self._wake = asyncio.Event()

    def _open(self, path: str) -> Any:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.executescript(_TABLES)
        return connection

    async def ask(self, magnets: list[str]) -> list[str]:
        """The ids of the tasks, once they are kept."""
        kept: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._asked.append((magnets, kept))
        self._wake.set()
        return await kept

    def found(self, info: bytes) -> None:
        """This has come; its tasks are completed."""
        self._found.append(info)
        self._wake.set()

    async def write(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            asked, self._asked = self._asked, []
            found, self._found = self._found, []
            ids = await asyncio.to_thread(self._write, [magnets for magnets, _ in asked], found)
            for (_, kept), some in zip(asked, ids, strict=True):
                kept.set_result(some)

    def _write(self, asked: list[list[str]], found: list[bytes]) -> list[list[str]]:
        now = time.time()
        ids = [[str(uuid.uuid4()) for _ in magnets] for magnets in asked]
        new = [
            (one, magnet)
            for some, magnets in zip(ids, asked, strict=True)
            for one, magnet in zip(some, magnets, strict=True)
        ]
        hashes = [(hashlib.sha1(info, usedforsecurity=False).hexdigest(), info) for info in found]
        self._run("BEGIN IMMEDIATE")
        self._run(
            "INSERT INTO task VALUES (:id, :hash, 'pending', :now, NULL)",
            [{"id": one, "hash": _hash(magnet), "now": now} for one, magnet in new],
        )
        self._run("INSERT INTO lookup VALUES (:hash, :magnet)", [{"hash": _hash(it), "magnet": it} for _, it in new])
        self._run("INSERT INTO name VALUES (:hash, :info)", [{"hash": one, "info": info[:200]} for one, info in hashes])
        self._run(
            "UPDATE task SET status = 'completed', completed_at = :now WHERE hash = :hash AND status = 'pending'",
            [{"now": now, "hash": one} for one, _ in hashes],
        )
        self._run("DELETE FROM lookup WHERE hash = :hash", [{"hash": one} for one, _ in hashes])
        self._run("COMMIT")
        return ids

    def _run(self, statement: str, rows: list[dict[str, Any]] | None = None) -> None:
        if rows is None:
            self._connection.execute(statement)
        else:
            self._connection.executemany(statement, rows)


class LibraryStore(Store):
    """The same by way of SQLAlchemy."""

    def _open(self, path: str) -> Any:
        super()._open(path).close()
        engine = sqlalchemy.create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")
        return engine.connect()

    def _run(self, statement: str, rows: list[dict[str, Any]] | None = None) -> None:
        if rows is None or rows:
            self._connection.execute(_statement(statement), rows)


@functools.cache
def _statement(text: str) -> sqlalchemy.TextClause:
    return sqlalchemy.text(text)


def _hash(magnet: str) -> str:
    return magnet[_HASH_AT : _HASH_AT + 40]


class Http(asyncio.Protocol):
    """One connection of a client, with one request at a time."""

    def __init__(self, store: Store, child: asyncio.StreamWriter, tasks: set[asyncio.Task[None]]) -> None:
        self._store, self._child, self._tasks = store, child, tasks
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = json.loads(self._body), b""
        magnets = body.get("info_hashes") or [body["info_hash"]]
        task = asyncio.get_running_loop().create_task(self._answer(magnets))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, magnets: list[str]) -> None:
        ids = await self._store.ask(magnets)
        self._child.write(json.dumps(magnets).encode() + b"\n")
        answer = json.dumps({"task_ids": ids}).encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)


class Asked(BaseModel):
    """The body of a request."""

    info_hash: str


async def speak(store: Store, child: asyncio.StreamWriter, opened: socket.socket) -> None:
    """The libraries' HTTP, until cancelled."""
    app = FastAPI()

    @app.post("/")
    async def ask(asked: Asked) -> dict[str, list[str]]:
        ids = await store.ask([asked.info_hash])
        child.write(json.dumps([asked.info_hash]).encode() + b"\n")
        return {"task_ids": ids}

    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_level="error", access_log=False)
    await uvicorn.Server(config).serve(sockets=[opened])


async def serve(path: str, *, libraries: bool) -> None:
    """Until standard input ends."""
    ours, theirs = socket.socketpair()
    run = subprocess.Popen([sys.executable, __file__, "child", str(theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()
    store, tasks = (LibraryStore if libraries else Store)(path), set[asyncio.Task[None]]()
    reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 24)

    async def take() -> None:
        while True:
            (length,) = struct.unpack(">I", await reader.readexactly(4))
            store.found(await reader.readexactly(length))

    loop = asyncio.get_running_loop()
    tasks |= {loop.create_task(take()), loop.create_task(store.write())}
    opened = socket.create_server(("127.0.0.1", 0))
    if libraries:
        tasks.add(loop.create_task(speak(store, writer, opened)))
    else:
        await loop.create_server(lambda: Http(store, writer, tasks), sock=opened)
    print(opened.getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    run.kill()
    os._exit(0)


def seconds_in_a_child(magnets: Sequence[str]) -> float:
    """From the magnets on their way to the child until all info dictionaries are back, and their digests are made."""
    ours, theirs = socket.socketpair()
    with ours, subprocess.Popen([sys.executable, __file__, "child", str(theirs.fileno())], pass_fds=[theirs.fileno()]):
        theirs.close()
        time.sleep(_BEGIN_S)
        began = time.perf_counter()
        ours.sendall(json.dumps(list(magnets)).encode() + b"\n")
        with ours.makefile("rb") as infos:
            for _ in magnets:
                hashlib.sha1(infos.read(int.from_bytes(infos.read(4), "big")), usedforsecurity=False).hexdigest()
        took = time.perf_counter() - began
        ours.shutdown(socket.SHUT_RDWR)
        return took


def seconds(magnets: Sequence[str], *, singly: bool, libraries: bool = False) -> float:
    """From the first request until all tasks are completed in the database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "floor.db"
        run = subprocess.Popen(
            [sys.executable, __file__, "serve", path, *(["libraries"] if libraries else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert run.stdin is not None
        assert run.stdout is not None
        port = int(run.stdout.readline())
        time.sleep(_BEGIN_S)
        try:
            return asyncio.run(_ask(port, path, magnets, singly=singly))
        finally:
            run.stdin.close()
            run.wait()


async def _ask(port: int, path: Path, magnets: Sequence[str], *, singly: bool) -> float:
    server: Any = SimpleNamespace(address=f"http://127.0.0.1:{port}", token="")
    connections = [
        Connection(server, *await asyncio.open_connection("127.0.0.1", port))
        for _ in range(_CONNECTIONS if singly else 1)
    ]
    waiting = iter(magnets)

    async def one_after_the_other(connection: Connection) -> None:
        for magnet in waiting:
            await connection.ask("POST", "/", {"info_hash": magnet})

    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        began = time.perf_counter()
        if singly:
            await asyncio.gather(*map(one_after_the_other, connections))
        else:
            await connections[0].ask("POST", "/", {"info_hashes": list(magnets)})
        statement = "SELECT count(*) FROM task WHERE status = 'completed'"
        while database.execute(statement).fetchone()[0] < len(magnets):
            await asyncio.sleep(_LOOK_AGAIN_S)
            if time.perf_counter() - began > GIVE_UP_S:
                return float("inf")
        took = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return took


_WAYS: Mapping[str, Callable[[Sequence[str]], float]] = {
    "bare session": lambda magnets: BareSession().seconds_to_resolve(magnets, give_up_s=GIVE_UP_S),
    "in a child": seconds_in_a_child,
    "one batch": functools.partial(seconds, singly=False),
    "singles": functools.partial(seconds, singly=True),
    "singles, with the libraries": functools.partial(seconds, singly=True, libraries=True),
}
_GOALS = {"in a child": 0.9, "one batch": 0.8, "singles": 0.5, "singles, with the libraries": 0.5}


def main() -> int:
    """Measure the bare session and all ways in turns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one-core", action="store_true", help="everything, the peers as well, on one core")
    add_info_bytes(parser)
    asked = parser.parse_args()
    if asked.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(conditions(asked.info_bytes) + (", all on one core" if asked.one_core else ""))
    took: dict[str, list[float]] = {way: [] for way in _WAYS}
    with LocalSwarm(SwarmPlan(real=False, invented=asked.names, info_bytes=asked.info_bytes)) as swarm:
        for _ in range(asked.rounds):
            for way, measure in _WAYS.items():
                wait_for_ports(asked.names)
                took[way].append(measure(swarm.magnets))
            print("; ".join(f"{way} {took[way][-1]:.3f} s" for way in _WAYS), flush=True)
    bare = median(took["bare session"])
    for way, goal in _GOALS.items():
        ratio = bare / median(took[way])
        print(f"{way:28}{ratio:.2f} of the bare session (goal with all that we do besides: {goal})")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(int(sys.argv[2]))
    elif sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(sys.argv[2], libraries=sys.argv[3:] == ["libraries"]))
    else:
        sys.exit(main())
