"""The example as a program: what it starts and when, its one setting, and how it ends."""

import os
import select
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.integration.drop_in_support import EXAMPLE, PATIENCE_S, Gates, importable, serving

HASH = "c9e15763f722f23e98a29decdfae341b98d53056"
PASS_PHRASE = "a pass phrase for the example"


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=EXAMPLE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture
def gates(tmp_path):
    gates = Gates(tmp_path)
    yield gates
    gates.release_all()


class Browser:
    """Somebody logged in at the running example."""

    def __init__(self, address: str, name: str = "admin") -> None:
        self._address = address
        self._session = requests.Session()
        self.post("login", data={"username": name, "password": PASS_PHRASE})

    def get(self, path: str):
        return self._session.get(self._address + path, timeout=PATIENCE_S)

    def post(self, path: str, **body):
        return self._session.post(self._address + path, timeout=PATIENCE_S, **body)


def test_importing_the_program_starts_no_thread_no_manager_and_no_job():
    look = "import threading, main, truename.manager as m; print(threading.active_count(), m._manager, main._scheduler)"
    assert python("-c", look).stdout == "1 None None\n"


def test_the_cleanup_runs_every_hour_and_only_once_however_often_it_is_started():
    with importable():
        import main

        cleaned = threading.Event()
        scheduler = main.start_cleanup(cleaned.set)
        try:
            assert main.start_cleanup(lambda: None) is scheduler
            (job,) = scheduler.get_jobs()
            assert job.trigger.interval == timedelta(hours=1)
            assert not cleaned.is_set()
            job.modify(next_run_time=datetime.now(UTC))
            assert cleaned.wait(PATIENCE_S)
        finally:
            scheduler.shutdown()


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_one_setting_changes_the_way_and_not_the_name(mode, gates):
    (gates.script.parent / "gates" / HASH).touch()
    environment = {"CALIBRATION_MODE": mode, "APP_PASSWORD": PASS_PHRASE, "SCRIPT_PATH": str(gates.script)}
    with serving(environment) as (_, address):
        browser = Browser(address)
        assert browser.get("api/config").json()["calibration_mode"] == mode
        assert browser.post("api/calibrate", json={"info_hash": HASH}).json()["result"] == f"name of {HASH}"
        assert browser.post("api/calibrate/async", json={"info_hash": HASH}).ok is (mode == "async")


def test_told_to_end_it_ends_and_so_does_the_script_it_runs(gates):
    gates.close(HASH)
    environment = {"APP_PASSWORD": PASS_PHRASE, "SCRIPT_PATH": str(gates.script)}
    with serving(environment) as (process, address):
        assert Browser(address).post("api/calibrate/async", json={"info_hash": HASH}).ok
        gate = gates.wait_for(HASH)
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        watched = select.poll()
        watched.register(gate, 0)  # an error is told unasked: nobody reads any more
        assert watched.poll(PATIENCE_S * 1000) == [(gate, select.POLLERR)]


def test_without_a_password_one_is_made_up_and_shown(monkeypatch, capsys):
    with importable():
        import main
        from bot.services.modes import Mode

        monkeypatch.delenv("APP_PASSWORD", raising=False)
        for _ in range(2):
            main.build(Mode.OFF)
        first, second = capsys.readouterr().err.splitlines()
        assert first.startswith("APP_PASSWORD is not set; until the next start it is ")
        assert first != second
        monkeypatch.setenv("APP_PASSWORD", PASS_PHRASE)
        main.build(Mode.OFF)
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CALIBRATION_MODE": "fast"}, "CALIBRATION_MODE is async, sync or off, not 'fast'\n"),
        ({"PORT": "http"}, "PORT is a number up to 65535, not 'http'\n"),
        ({"PORT": "65536"}, "PORT is a number up to 65535, not '65536'\n"),
    ],
)
def test_a_wrong_setting_is_said_and_nothing_starts(environment, said):
    ended = python("main.py", **environment)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", said)


def test_a_port_in_use_is_said_and_nothing_starts():
    with serving({"APP_PASSWORD": PASS_PHRASE}) as (_, address):
        ended = python("main.py", PORT=address.rstrip("/").rpartition(":")[2], APP_PASSWORD=PASS_PHRASE)
    assert ended.returncode == 1
    assert "in use" in ended.stderr
    assert "Traceback" not in ended.stderr
