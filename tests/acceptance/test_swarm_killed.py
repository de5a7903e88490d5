"""The swarm's process is killed under a running server: nobody notices, and every name comes."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.acceptance.conftest import PATIENCE_S, Program, until
from tests.acceptance.test_serve import saved, serving, states_of
from truename.demo.swarm import LocalSwarm


@pytest.fixture
def truename(tmp_path: Path) -> Program:
    return Program(tmp_path).has_run_before()


class Gate:
    """A tracker that answers nobody before it is opened; then it passes everything on to a real one."""

    def __init__(self, tracker: str) -> None:
        host, port = tracker.removeprefix("http://").removesuffix("/announce").split(":")
        self._behind = host, int(port)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/announce"
        self.opened = threading.Event()
        self.came = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.came += 1
            threading.Thread(target=self._pass_on, args=(connection,), daemon=True).start()

    def _pass_on(self, connection: socket.socket) -> None:
        with connection:
            self.opened.wait(PATIENCE_S)
            try:
                request = connection.recv(65536)
                with socket.create_connection(self._behind, PATIENCE_S) as behind:
                    behind.sendall(request)
                    while data := behind.recv(65536):
                        connection.sendall(data)
            except OSError:
                return  # who asked is dead

    def close(self) -> None:
        self.opened.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@contextmanager
def gate_before(tracker: str) -> Iterator[Gate]:
    gate = Gate(tracker)
    try:
        yield gate
    finally:
        gate.close()


def swarm_of(pid: int) -> int:
    """The process of the swarm that a server has."""
    while True:  # a thread may end meanwhile, and its children become another one's
        with suppress(FileNotFoundError, ProcessLookupError):
            tasks = Path(f"/proc/{pid}/task").iterdir()
            (child,) = [int(child) for task in tasks for child in (task / "children").read_text().split()]
            return child
        os.kill(pid, 0)


def test_a_server_loses_no_look_up_when_its_swarm_dies(truename: Program, swarm: LocalSwarm) -> None:
    bare = [f"magnet:?xt=urn:btih:{torrent.info_hash}" for torrent in swarm.torrents]
    with (
        gate_before(swarm.addresses.tracker) as gate,
        serving(truename, TRUENAME_TRACKERS=gate.url, TRUENAME_RESOLVERS="swarm") as server,
        server.first_person() as client,
    ):
        note_id = saved(client, "\n".join(bare))
        client.post("/notes", data={"calibrate": str(note_id)})
        assert until(lambda: gate.came >= 10)
        first = swarm_of(server.run.pid)
        os.kill(first, signal.SIGSEGV)
        assert until(lambda: not Path(f"/proc/{first}").exists())
        assert client.get("/readyz").status_code == 200
        gate.opened.set()
        assert until(lambda: set(states_of(client, note_id)) == {"completed"}, seconds=PATIENCE_S)
        tasks = [
            client.get(f"/api/calibrate/status/{magnet['task_id']}").json()
            for magnet in client.get(f"/api/notes/{note_id}").json()["magnets"]
        ]
        assert {task["attempt"] for task in tasks} == {1}
        assert swarm_of(server.run.pid) != first
        server.err.find(f"(swarm's process has ended.*how=signal {signal.SIGSEGV.value})")
        second = swarm_of(server.run.pid)
        assert server.stop(signal.SIGTERM)[0] == 0
    assert until(lambda: not Path(f"/proc/{second}").exists())


def test_a_server_that_is_killed_leaves_no_swarm(truename: Program, swarm: LocalSwarm) -> None:
    with serving(truename, TRUENAME_TRACKERS=swarm.addresses.tracker) as server, server.first_person() as client:
        note_id = saved(client, swarm.magnets[0])
        client.post("/notes", data={"calibrate": str(note_id)})
        assert until(lambda: states_of(client, note_id) == ["completed"])
        child = swarm_of(server.run.pid)
        assert "libtorrent" not in Path(f"/proc/{server.run.pid}/maps").read_text()
        server.stop(signal.SIGKILL)
    assert until(lambda: not Path(f"/proc/{child}").exists())
