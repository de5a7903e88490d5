"""`truename serve` on a disk that fails under it, with too few files, and ended in the midst of things."""

import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import PROGRAM, Program, until
from tests.acceptance.test_serve import PASSWORD, PATIENCE_S, SILENT, Lines, Server, serving, status_of
from truename.demo.swarm import LocalSwarm
from truename.demo.tracker import compact
from truename.store.database import FILE_NAME


@pytest.fixture
def truename(tmp_path: Path) -> Program:
    return Program(tmp_path).has_run_before()


class HeldTracker:
    """A tracker on loopback that tells of a question, and answers when it is told to."""

    def __init__(self, peer: str) -> None:
        host, _, port = peer.rpartition(":")
        self.asked, self.go = threading.Event(), threading.Event()
        body = b"d8:intervali60e5:peers6:%se" % compact(host, int(port))
        asked, go = self.asked, self.go

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.set()
                go.wait(PATIENCE_S)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def hold(self) -> None:
        """From now on as in the beginning."""
        self.asked.clear()
        self.go.clear()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/announce"

    @contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.go.set()
            self._server.shutdown()
            self._server.server_close()


@contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """No file of the server can be written to, as when the disk is full."""
    _, most = resource.prlimit(server.run.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.run.pid, resource.RLIMIT_FSIZE, (1, most))
    yield
    with suppress(ProcessLookupError):
        resource.prlimit(server.run.pid, resource.RLIMIT_FSIZE, (most, most))


def submit(client: httpx.Client, info_hash: str) -> httpx.Response:
    return client.post("/api/calibrate/async", json={"info_hash": info_hash})


def check_unavailable(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text


def test_a_full_disk_refuses_what_is_new_and_loses_nothing_that_was_accepted(
    truename: Program, swarm: LocalSwarm
) -> None:
    """Whether there is room again before the next start only, or while the server runs. And it ends when told to."""
    tracker = HeldTracker(swarm.addresses.peer)
    first, second = (torrent.info_hash for torrent in swarm.torrents[:2])
    with tracker.serving():
        with serving(truename, TRUENAME_TRACKERS=tracker.url) as server, server.first_person() as client:
            task_id = submit(client, first).json()["task_id"]
            assert tracker.asked.wait(PATIENCE_S)
            with full_disk(server):
                tracker.go.set()  # the name comes now
                server.err.find("(outcomes wait for the database)")
                status, seconds = server.stop(signal.SIGTERM)
                assert status == 0
                assert seconds < 10
        with serving(truename, TRUENAME_TRACKERS=tracker.url) as server, server.signed_in() as client:
            assert until(lambda: status_of(client, task_id)["status"] == "completed")
            tracker.hold()
            note = client.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{second}"}).json()
            task_id = submit(client, second).json()["task_id"]
            assert tracker.asked.wait(PATIENCE_S)
            with full_disk(server):
                tracker.go.set()
                server.err.find("(outcomes wait for the database)")
                check_unavailable(submit(client, "ab" * 20))
                check_unavailable(client.post("/api/notes", json={"text": "new"}))
                check_unavailable(client.patch(f"/api/notes/{note['id']}", json={"text": "changed", "version": 1}))
                check_unavailable(client.post("/login", data={"username": "alice", "password": PASSWORD}))
                assert client.get(f"/api/notes/{note['id']}").json()["text"] == note["text"]
                assert status_of(client, task_id)["status"] in ("pending", "running")
            assert until(lambda: status_of(client, task_id)["status"] == "completed")
            assert "dn=Leaves" in client.get(f"/api/notes/{note['id']}").json()["text"]
            assert submit(client, "ab" * 20).status_code == 200
            assert len(client.get("/api/notes").json()["notes"]) == 1
            assert server.stop(signal.SIGTERM)[0] == 0
            said = "".join(server.err.all)
            assert "full" in said or "I/O" in said
            assert "Traceback" not in said
    with closing(sqlite3.connect(truename.data_dir / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_server_whose_database_is_replaced_ends_and_says_so(truename: Program) -> None:
    with serving(truename, LANG="en_GB.UTF-8") as server:
        file = truename.data_dir / FILE_NAME
        shutil.copy(file, file.with_name("other"))
        os.replace(file.with_name("other"), file)
        server.err.find("(was removed or replaced)")
        assert server.run.wait(PATIENCE_S) == 2
        assert "Traceback" not in "".join(server.err.all)


def test_clients_without_number_take_neither_the_last_file_nor_the_log(truename: Program) -> None:
    """And the end is not held up by one that does not finish."""
    command = f"ulimit -n 300; exec {PROGRAM} serve"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    environment = truename.environment(SILENT)
    with subprocess.Popen(["sh", "-c", command], env=environment, cwd=truename.home, text=True, **pipes) as run:
        try:
            assert run.stdout is not None
            assert run.stderr is not None
            out, err = Lines(run.stdout), Lines(run.stderr)
            server = Server(run, err.find(r"(http://[\d.]+:\d+)"), out, err)
            host, _, port = server.address.removeprefix("http://").partition(":")
            crowd = [socket.create_connection((host, int(port)), PATIENCE_S) for _ in range(400)]
            with server.first_person() as client:
                assert client.post("/api/notes", json={"text": "there is room"}).status_code == 201
            for one in crowd:
                one.close()
            with socket.create_connection((host, int(port)), PATIENCE_S) as slow:
                slow.sendall(
                    f"POST /login HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 100\r\n"
                    "Content-Type: application/x-www-form-urlencoded\r\n\r\nuser".encode()
                )
                with server.client() as client:
                    assert client.get("/healthz").status_code == 200  # by now the other's request has been read
                assert server.stop(signal.SIGTERM)[0] == 0
            said = "".join(err.all)
            assert len(err.all) < 20
            assert "Traceback" not in said
            assert "ERROR" not in said
        finally:
            run.kill()
