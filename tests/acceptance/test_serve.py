"""`truename serve` and `truename demo` as programs: the first run, two at once, kill -9, SIGTERM, what cannot be."""

import json
import queue
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.acceptance.conftest import PROGRAM, Program, until
from tests.acceptance.test_resolve import REAL_NAMES
from tests.soak import size
from truename.demo.swarm import LocalSwarm

PATIENCE_S = 60
PASSWORD = "correct horse battery"
SILENT = {"TRUENAME_PORT": "0", "TRUENAME_LOOKUP_TIMEOUT_S": "600"}


@dataclass
class Server:
    """A running program and what it has said on its two streams."""

    run: subprocess.Popen[str]
    address: str
    out: "Lines"
    err: "Lines"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=PATIENCE_S, trust_env=False)

    @contextmanager
    def first_person(self) -> Iterator[httpx.Client]:
        """Set up as a person does, with the code from the terminal."""
        code = self.err.find(r"\b([0-9a-f]{32})\b")
        with self.client() as client:
            answer = client.post("/setup", data={"code": code, "username": "alice", "password": PASSWORD})
            assert (answer.status_code, answer.headers.get("location")) == (303, "/notes"), answer.text
            yield client

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        with self.client() as client:
            assert client.post("/login", data={"username": "alice", "password": PASSWORD}).status_code == 303
            yield client

    def stop(self, how: signal.Signals) -> tuple[int, float]:
        began = time.monotonic()
        self.run.send_signal(how)
        return self.run.wait(PATIENCE_S), time.monotonic() - began


class Lines:
    """Reads a stream as it comes, so that the program never waits for its reader."""

    def __init__(self, stream: Iterator[str]) -> None:
        self.all: list[str] = []
        self._new: queue.Queue[str | None] = queue.Queue()
        self._seen = 0
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: Iterator[str]) -> None:
        for line in stream:
            self._new.put(line)
        self._new.put(None)

    def find(self, pattern: str) -> str:
        """What a pattern finds in what was said or will be."""
        while True:
            found = re.search(pattern, "".join(self.all))
            if found is not None:
                return found[1]
            line = self._new.get(timeout=PATIENCE_S)
            assert line is not None, f"{pattern} was never said: {self.all}"
            self.all.append(line)


@contextmanager
def serving(truename: Program, *command: str, **settings: str) -> Iterator[Server]:
    """The program, up; killed when the block is left, if it still runs."""
    environment = truename.environment(SILENT | settings)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(
        [PROGRAM, *(command or ("serve",))], env=environment, cwd=truename.home, text=True, **pipes
    ) as run:
        try:
            assert run.stdout is not None
            assert run.stderr is not None
            out, err = Lines(run.stdout), Lines(run.stderr)
            yield Server(run, err.find(r"(http://[\d.]+:\d+)"), out, err)
        finally:
            run.kill()


@pytest.fixture
def truename(truename: Program) -> Program:
    return truename.has_run_before()


@pytest.fixture
def silent() -> Iterator[str]:
    """A tracker that takes every question and answers none."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/announce"


def saved(client: httpx.Client, text: str) -> int:
    note_id: int = client.post("/api/notes", json={"text": text}).json()["id"]
    return note_id


def asked(client: httpx.Client, magnet: str) -> str:
    task_id: str = client.post("/api/calibrate/async", json={"info_hash": magnet}).json()["task_id"]
    return task_id


def status_of(client: httpx.Client, task_id: str) -> dict[str, Any]:
    body: dict[str, Any] = client.get(f"/api/calibrate/status/{task_id}").json()
    return body


def counts_of(client: httpx.Client, batch: str) -> dict[str, int]:
    """How many tasks of a batch are in which state, without the states that none is in."""
    counts: dict[str, int] = client.get(f"/api/calibrate/batch/{batch}").json()["counts"]
    return {state: count for state, count in counts.items() if count}


def add_bob(truename: Program, client: httpx.Client) -> None:
    """A second person, signed in."""
    added = truename("user", "add", "bob", "--password-stdin", stdin=f"{PASSWORD}\n".encode())
    assert added.status == 0, added.err
    assert client.post("/login", data={"username": "bob", "password": PASSWORD}).status_code == 303


def test_the_tracker_of_whoever_joins_a_running_look_up_is_asked_at_once(
    truename: Program, swarm: LocalSwarm, silent: str
) -> None:
    """Their own one, or somebody else's, which would go on for ten minutes."""
    with serving(truename, TRUENAME_DHT="off") as server, server.first_person() as alice, server.client() as bob:
        add_bob(truename, bob)
        for joins, torrent, magnet in zip((alice, bob), swarm.torrents[:2], swarm.magnets[:2], strict=True):
            who = "alice" if joins is alice else "bob"
            first = asked(alice, f"magnet:?xt=urn:btih:{torrent.info_hash}&tr={silent}")
            assert until(lambda one=first: status_of(alice, one)["status"] == "running"), who
            second = asked(joins, magnet)
            assert (second == first) is (joins is alice), who
            assert until(lambda one=first: status_of(alice, one)["status"] == "completed"), who
            assert status_of(alice, first)["result"] == REAL_NAMES[torrent.info_hash], who


def test_who_joins_cannot_tell_that_somebody_else_is_asking(truename: Program, silent: str) -> None:
    """What is joined goes as a hash that nobody else wants, and ends in its own time after whoever was first."""
    ours = {"TRUENAME_DHT": "off", "TRUENAME_TRACKERS": silent, "TRUENAME_LOOKUP_TIMEOUT_S": "3"}
    with serving(truename, **ours) as server, server.first_person() as alice, server.client() as bob:
        add_bob(truename, bob)
        first = asked(alice, "1b" * 20)
        assert until(lambda: status_of(alice, first)["status"] == "running")
        began = status_of(alice, first)["created_at"]
        assert until(lambda: time.time() - began > 1.5)
        both = [asked(bob, "1b" * 20), asked(bob, "2c" * 20)]
        assert until(lambda: all(status_of(bob, one)["status"] == "running" for one in both))
        assert status_of(alice, first)["status"] == "running"
        assert until(lambda: all(status_of(bob, one)["status"] == "timeout" for one in both))
        ends = [status_of(alice, first), *(status_of(bob, one) for one in both)]
        assert [(one["status"], one["code"], one["attempt"]) for one in ends] == [("timeout", "no_peers", 1)] * 3
        assert all(one["completed_at"] - one["created_at"] >= 3 for one in ends)
        assert ends[0]["completed_at"] < ends[1]["completed_at"]
        assert ends[1]["detail"] == ends[2]["detail"]


def refuses_connections(server: Server) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2])), timeout=PATIENCE_S):
            return False
    except ConnectionRefusedError:
        return True


def states_of(client: httpx.Client, note_id: int) -> list[str]:
    return [magnet["status"] for magnet in client.get(f"/api/notes/{note_id}").json()["magnets"]]


def test_the_first_run_says_the_code_and_names_a_note_and_beside_the_next_other_commands_work(
    newcomer: Program, swarm: LocalSwarm
) -> None:
    """The next one says no code any more."""
    with serving(newcomer) as server, server.first_person() as client:
        note_id = saved(client, f"first: {swarm.magnets[0]}")
        body = client.post(f"/api/calibrate/{note_id}").json()
        assert (body["success"], body["results"][0]["filename"]) == (True, "alice.txt")
        assert "dn=alice.txt" in client.get(f"/api/notes/{note_id}").json()["text"]
        assert server.stop(signal.SIGTERM)[0] == 0
    with serving(newcomer) as server, server.signed_in() as client:
        assert "dn=alice.txt" in client.get(f"/api/notes/{note_id}").json()["text"]
        check_what_works_beside(newcomer, swarm, client)
        assert server.stop(signal.SIGINT)[0] in (0, 130)
        assert not re.search(r"\b[0-9a-f]{32}\b", "".join(server.err.all))


def check_what_works_beside(truename: Program, swarm: LocalSwarm, client: httpx.Client) -> None:
    """A second server is refused; other commands work, and what they find is known to the server at once."""
    second = truename("serve", environment=SILENT)
    assert (second.status, second.out) == (2, b"")
    assert "held by another server" in second.err
    assert "Traceback" not in second.err
    wanted = swarm.torrents[1].info_hash
    beside = truename("resolve", swarm.magnets[1])
    assert (beside.status, beside.lines) == (0, [f"{wanted}  {REAL_NAMES[wanted]}"])
    answer = client.post("/api/calibrate/async", json={"info_hash": wanted}).json()
    assert answer["status"] == "completed"
    assert client.get("/readyz").status_code == 200


def test_a_port_in_use_is_said(truename: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = truename("serve", environment={"TRUENAME_PORT": str(taken.getsockname()[1])})
    assert (ended.status, ended.out) == (2, b"")
    assert "in use" in ended.err
    assert "TRUENAME_PORT" in ended.err
    assert "Traceback" not in ended.err


def test_a_database_file_that_is_none_is_said_and_left_alone(truename: Program) -> None:
    content = b"SQLite format 3\0" + b"\xff" * 2000
    file = truename.data_dir / "truename.db"
    file.write_bytes(content)
    ended = truename("serve", environment=SILENT)
    assert (ended.status, ended.out) == (2, b"")
    assert "truename.db" in ended.err
    assert "Traceback" not in ended.err
    assert file.read_bytes() == content


def test_a_data_directory_that_is_a_file_is_said(newcomer: Program) -> None:
    newcomer.data_dir.write_bytes(b"")
    ended = newcomer("serve", environment=SILENT)
    assert ended.status == 2
    assert "Traceback" not in ended.err


def test_whatever_was_asked_before_a_kill_reaches_its_end_after_the_next_start(
    truename: Program, swarm: LocalSwarm, silent: str
) -> None:
    """Killed twice while look-ups run that nobody answers; then there is somebody who does."""
    bare = [f"magnet:?xt=urn:btih:{torrent.info_hash}" for torrent in swarm.torrents]
    with serving(truename, TRUENAME_SLOTS="10", TRUENAME_TRACKERS=silent) as server:
        with server.first_person() as client:
            note_id = saved(client, "\n".join(bare))
            client.post("/notes", data={"calibrate": str(note_id)})
            assert until(lambda: "running" in states_of(client, note_id))
        assert server.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    with serving(truename, TRUENAME_SLOTS="10", TRUENAME_TRACKERS=silent) as server:
        with server.signed_in() as client:
            assert until(lambda: "running" in states_of(client, note_id))
            assert set(states_of(client, note_id)) == {"pending", "running"}
        server.stop(signal.SIGKILL)
    with serving(truename, TRUENAME_TRACKERS=swarm.addresses.tracker) as server, server.signed_in() as client:
        assert until(lambda: set(states_of(client, note_id)) == {"completed"}, seconds=PATIENCE_S)
        note = client.get(f"/api/notes/{note_id}").json()
        assert "dn=alice.txt" in note["text"]
        assert all(magnet["dn"] == magnet["name"] for magnet in note["magnets"])
        tasks = [client.get(f"/api/calibrate/status/{magnet['task_id']}").json() for magnet in note["magnets"]]
        assert {task["attempt"] for task in tasks} == {1}  # what a kill cut off does not count


@contextmanager
def half_sent(address: str, cookies: httpx.Cookies) -> Iterator[socket.socket]:
    """A request whose sender never comes to its end."""
    host, _, port = address.removeprefix("http://").partition(":")
    said = "; ".join(f"{name}={value}" for name, value in cookies.items())
    head = f"POST /api/notes HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {address}\r\nCookie: {said}\r\n"
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as slow:
        slow.sendall(
            f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n".encode()
        )
        assert slow.recv(1000).startswith(b"HTTP/1.1 100")  # it is being read now
        slow.sendall(b'{"text": "')
        yield slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_ten_seconds_while_a_request_waits(
    truename: Program, silent: str, number: signal.Signals
) -> None:
    with serving(truename, TRUENAME_TRACKERS=silent) as server, ThreadPoolExecutor(1) as other:
        with server.first_person() as client:
            note_id = saved(client, f"magnet:?xt=urn:btih:{'dead' * 10}")
            waiting = other.submit(client.post, f"/api/calibrate/{note_id}")
            with server.signed_in() as second:
                assert until(lambda: states_of(second, note_id) == ["running"])
            with half_sent(server.address, client.cookies) as slow:
                status, seconds = server.stop(number)
                assert slow.recv(100).startswith(b"HTTP/1.1 503")
            body = waiting.result(PATIENCE_S).json()
        assert status == 0, server.err.all
        assert seconds < 10
        assert (body["success"], body["results"][0]["code"]) == (False, "waiting")
    with closing(sqlite3.connect(truename.data_dir / "truename.db")) as left:  # before a next start puts it right
        assert left.execute("SELECT status, attempt FROM task").fetchall() == [("pending", 0)]


def test_sigterm_ends_it_in_ten_seconds_while_another_program_holds_the_database(
    truename: Program, silent: str
) -> None:
    """A thousand look-ups are out and none can be given back; the next start does that, and counts no try."""
    hashes = [f"{number:040x}" for number in range(1, 1501)]
    with serving(truename, TRUENAME_TRACKERS=silent, TRUENAME_SLOTS="1000") as server:
        with server.first_person() as client:
            batch = client.post("/api/calibrate/batch", json={"info_hashes": hashes}).json()["batch_id"]
            assert until(lambda: counts_of(client, batch).get("running") == 1000)
        with closing(sqlite3.connect(truename.data_dir / "truename.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            _, seconds = server.stop(signal.SIGTERM)
            other.execute("ROLLBACK")
            assert seconds < 10
    with serving(truename, TRUENAME_CALIBRATION_MODE="off") as server, server.signed_in() as client:
        assert counts_of(client, batch) == {"pending": 1500}
        tasks = client.get(f"/api/calibrate/batch/{batch}").json()["tasks"]
        assert {task["attempt"] for task in tasks} == {0}


def test_a_second_sigterm_ends_it_at_once(truename: Program, silent: str) -> None:
    with serving(truename, TRUENAME_TRACKERS=silent) as server:
        with server.first_person() as client:
            note_id = saved(client, f"magnet:?xt=urn:btih:{'dead' * 10}")
            assert until(lambda: states_of(client, note_id) != [])
        with closing(sqlite3.connect(truename.data_dir / "truename.db", isolation_level=None)) as held:
            held.execute("BEGIN IMMEDIATE")
            with closing(HTTPConnection(server.address.removeprefix("http://"), timeout=PATIENCE_S)) as login:
                form = urlencode({"username": "alice", "password": PASSWORD})
                login.request("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
                with server.client() as client:
                    assert client.get("/healthz").status_code == 200  # by now the other request has been read
                server.run.send_signal(signal.SIGTERM)
                assert until(lambda: refuses_connections(server))
                assert server.stop(signal.SIGTERM)[0] == 128 + signal.SIGTERM
                with pytest.raises((ConnectionError, HTTPException)):
                    login.getresponse()


@pytest.mark.parametrize("loop", ["truename.store.writer:Writer.run", "truename.feeder:Feeder.run"])
def test_the_death_of_a_loop_ends_the_process_with_an_error(truename: Program, loop: str) -> None:
    """A server that looks alive and does nothing is worse than none."""
    module, _, path = loop.partition(":")
    name, _, method = path.partition(".")
    fault = f"""
import asyncio, sys
import {module} as module
from truename import cli

async def dies(self, *_):
    await asyncio.sleep(0)
    raise ZeroDivisionError

module.{name}.{method} = dies
sys.argv = ["truename", "serve"]
cli.main()
"""
    run = subprocess.run(
        [sys.executable, "-c", fault],
        env=truename.environment(SILENT),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert "ZeroDivisionError" in run.stderr


def test_what_does_not_end_is_ended(tmp_path: Path) -> None:
    """The loop stands still after the signal: nothing but the clock can end it."""
    stuck = """
import asyncio, os, signal, threading
from truename.serving import until_told_to_stop

async def main():
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
    await until_told_to_stop(end_s=0.2)
    threading.Event().wait()

asyncio.run(main())
"""
    run = subprocess.run([sys.executable, "-c", stuck], cwd=tmp_path, timeout=PATIENCE_S, check=False)
    assert run.returncode == 128 + signal.SIGTERM


def test_the_demo_serves_notes_that_come_right_and_its_link_works_once(truename: Program) -> None:
    with serving(truename, "demo", TRUENAME_LOOKUP_TIMEOUT_S="5") as server:
        link = server.out.find(r"(/login\?once=\S+)") if server.out.all else server.err.find(r"(/login\?once=\S+)")
        secret = link.partition("once=")[2]
        with server.client() as client, server.client() as late:
            assert client.get(link).status_code == 200
            assert client.get(link).status_code == 200  # a preview of the link uses nothing up
            assert client.post("/login", data={"once": secret}).headers["location"] == "/notes"
            assert late.post("/login", data={"once": secret}).status_code == 401
            assert late.get("/api/notes").status_code == 401
            assert late.get(link).status_code == 401  # and it says so
            assert client.get(link).headers["location"] == "/notes"

            def magnets() -> list[dict[str, str]]:
                notes = client.get("/api/notes").json()["notes"]
                return [magnet for note in notes for magnet in note["magnets"]]

            assert len(magnets()) == 8
            assert until(
                lambda: all(magnet["status"] in ("completed", "timeout") for magnet in magnets()), seconds=PATIENCE_S
            ), json.dumps(magnets())
            named = [magnet for magnet in magnets() if magnet["status"] == "completed"]
            assert len(named) == 6
            assert all(magnet["dn"] == magnet["name"] for magnet in named)
        assert "alice.txt" in server.out.find(r"(\w{40}  alice\.txt)")
        assert server.stop(signal.SIGTERM)[0] == 0


def resident_mb(pid: int) -> float:
    (line,) = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS:"))
    return int(line.split()[1]) / 1000


@pytest.mark.soak
def test_what_waits_waits_in_the_database_and_costs_no_memory(truename: Program, silent: str) -> None:
    portion, warm, most = 10_000, 5, size(test=7, soak=10)  # until then the caches of the database fill
    with (
        serving(truename, TRUENAME_SLOTS="1", TRUENAME_TRACKERS=silent) as server,
        server.first_person() as client,
    ):

        def submit(numbers: range) -> float:
            for number in numbers:
                hashes = [f"{1 + number * portion + each:040x}" for each in range(portion)]
                assert client.post("/api/calibrate/batch", json={"info_hashes": hashes}).json()["created"] == portion
            return resident_mb(server.run.pid)

        before = submit(range(warm))
        assert submit(range(warm, most)) - before < 5
