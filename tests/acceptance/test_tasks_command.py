"""`truename tasks` as a program: beside a running server, whose look-ups it ends, and without one."""

import json
import signal
from pathlib import Path

import pytest

from tests.acceptance.conftest import Program, until
from tests.acceptance.test_serve import serving, silent

DEAD, OTHER = "dead" * 10, "ab" * 20

__all__ = ["silent"]


@pytest.fixture
def truename(tmp_path: Path) -> Program:
    return Program(tmp_path).has_run_before()


def test_to_look_makes_no_data_folder(tmp_path: Path) -> None:
    nobody = Program(tmp_path)
    listed = nobody("tasks")
    assert (listed.status, listed.lines) == (0, [])
    assert "No tasks" in listed.err
    assert not list(tmp_path.rglob("truename.db"))


def test_a_running_look_up_is_cancelled_beside_the_server(truename: Program, silent: str) -> None:
    with serving(truename, TRUENAME_SLOTS="1", TRUENAME_TRACKERS=silent) as server, server.first_person() as client:

        def submitted(info_hash: str) -> str:
            task_id: str = client.post("/api/calibrate/async", json={"info_hash": info_hash}).json()["task_id"]
            return task_id

        def status(task_id: str) -> str:
            word: str = client.get(f"/api/calibrate/status/{task_id}").json()["status"]
            return word

        dead = submitted(DEAD)
        assert until(lambda: status(dead) == "running")
        other = submitted(OTHER)
        listed = truename("tasks")
        assert [line.split()[:3] for line in listed.lines] == [["pending", other, OTHER], ["running", dead, DEAD]]
        ended = truename("tasks", "cancel", dead)
        assert (ended.status, ended.lines, ended.err) == (0, [f"cancelled  {dead}"], "")
        assert status(dead) == "cancelled"
        assert until(lambda: status(other) == "running")  # the only slot is free again
        assert server.stop(signal.SIGTERM)[0] == 0
    left = truename("tasks", "--json", "--status", "pending", "--user", "alice")  # and now without a server
    assert [json.loads(line)["task_id"] for line in left.lines] == [other]
    cancelled = truename("tasks", "cancel", other, "x")
    assert (cancelled.status, cancelled.lines) == (1, [f"cancelled  {other}"])
    assert "no such task" in cancelled.err
    assert truename("tasks", "--status", "pending").lines == []
