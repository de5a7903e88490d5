"""kill -9 at random moments, again and again, over a changing load: nothing accepted is lost, nothing applied twice.

After each death the database is asked what must be so (`tests/invariants.py`) and compared with the death before: what
was final then is the same now, and nothing was told of it since. In the end everything comes to its end.
"""

import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import PROGRAM, Program, until
from tests.acceptance.test_serve import PATIENCE_S, Lines, serving
from tests.invariants import FINAL, Chronicle, broken_in, opened
from tests.soak import size
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.store.database import FILE_NAME

KILLS = size(test=3, soak=200)
CLIENTS = 3
SETTINGS = {
    "TRUENAME_PORT": "0",
    "TRUENAME_SLOTS": "30",
    "TRUENAME_LOOKUP_TIMEOUT_S": "3",
    "TRUENAME_RETRY_DELAYS_S": "0.2",
    "TRUENAME_TASK_TTL_S": "86400",
    "TRUENAME_WATCH_DELAYS_S": "0.5,2",
}


@dataclass
class Promises:
    """What the server has said yes to, as its clients have read it."""

    tasks: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    named: dict[str, str] = field(default_factory=dict)
    batches: list[str] = field(default_factory=list)
    notes: list[int] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: dict[str, Any]) -> None:
        """Remember the tasks of an answer."""
        with self.lock:
            for one in (body, *body.get("items", ()), *body.get("tasks", ())):
                if "task_id" in one:
                    self.tasks.add(one["task_id"])
                    if one["status"] == "cancelled":
                        self.cancelled.add(one["task_id"])
                    if one.get("result"):
                        self.named[one["task_id"]] = one["result"]
            if "batch_id" in body and body["batch_id"] not in self.batches:
                self.batches.append(body["batch_id"])


class Client(threading.Thread):
    """One who asks for this and that until the server is gone."""

    def __init__(self, address: str, token: str, promises: Promises, hashes: list[str], seed: int) -> None:
        super().__init__(daemon=True)
        self._http = httpx.Client(
            base_url=address, headers={"authorization": f"Bearer {token}"}, timeout=PATIENCE_S, trust_env=False
        )
        self._promises = promises
        self._hashes = hashes
        self._chance = random.Random(seed)  # noqa: S311 - chance, no secret
        self.trouble: BaseException | None = None

    def run(self) -> None:
        """Until the connection breaks."""
        try:
            with self._http:
                while True:
                    self._chance.choice(
                        (self._one, self._one, self._batch, self._note, self._cancel, self._cancel_batch, self._retry)
                    )()
        except httpx.TransportError:
            return
        except BaseException as error:
            self.trouble = error

    def _one(self) -> None:
        priority = self._chance.choice(("high", "normal", "low"))
        self._post("async", {"info_hash": self._chance.choice(self._hashes), "priority": priority})

    def _batch(self) -> None:
        hashes = self._chance.choices(self._hashes, k=self._chance.randint(1, 12))
        self._post("batch", {"info_hashes": [*hashes, "no hash"], "priority": "low"})

    def _note(self) -> None:
        links = [f"magnet:?xt=urn:btih:{one}" for one in self._chance.sample(self._hashes, k=3)]
        answer = self._http.post("/api/notes", json={"text": "\n".join(links)})
        assert answer.status_code == 201, answer.text
        with self._promises.lock:
            self._promises.notes.append(answer.json()["id"])
        self._post("batch", {"note_ids": [answer.json()["id"]]})

    def _cancel(self) -> None:
        if self._promises.tasks:
            with self._promises.lock:
                task_id = self._chance.choice(sorted(self._promises.tasks))
            self._post(f"cancel/{task_id}", {})

    def _cancel_batch(self) -> None:
        if self._promises.batches:
            self._post(f"batch/{self._chance.choice(self._promises.batches)}/cancel", {})

    def _retry(self) -> None:
        if self._promises.batches:
            self._post(f"batch/{self._chance.choice(self._promises.batches)}/retry", {})

    def _post(self, where: str, body: dict[str, Any]) -> None:
        answer = self._http.post(f"/api/calibrate/{where}", json=body)
        with self._promises.lock:
            self._promises.answers[answer.status_code] += 1
        assert answer.status_code in (200, 409), answer.text
        if answer.status_code == 200:
            self._promises.take(answer.json())


def said(lines: Lines) -> str:
    """Everything that a program has said which is dead now."""
    while (line := lines._new.get(timeout=PATIENCE_S)) is not None:
        lines.all.append(line)
    return "".join(lines.all)


class Storm:
    """A server that is killed and started again, its clients, and what is found after each death."""

    def __init__(self, truename: Program, swarm: LocalSwarm, seed: int) -> None:
        self.promises = Promises()
        self.deaths: Counter[str] = Counter()
        self._truename = truename
        self._settings = SETTINGS | {"TRUENAME_TRACKERS": swarm.addresses.tracker}
        self._chance = random.Random(seed)  # noqa: S311 - chance, no secret
        self._alive = [str(torrent.info_hash) for torrent in swarm.torrents]
        self._dead = [f"{number:040x}" for number in range(1, 41)]
        self._chronicle = Chronicle()
        self._token = ""

    @property
    def file(self) -> Path:
        return self._truename.data_dir / FILE_NAME

    def begin(self) -> None:
        """The first person, and a token for their programs."""
        with serving(self._truename, **self._settings) as server, server.first_person():
            assert server.stop(signal.SIGTERM)[0] == 0
        (self._token,) = self._truename("user", "token", "alice").lines

    def live(self, number: int) -> None:
        """One life: killed in the midst of work, or, rarely, before it is up."""
        with self._started() as (run, err):
            if self._chance.random() < 0.15:
                self._die_within(run, 1.0, "killed before it was up")
            else:
                address = err.find(r"(http://[\d.]+:\d+)")
                hashes = self._chance.sample(self._alive, k=60) + self._chance.sample(self._dead, k=15)
                clients = [
                    Client(address, self._token, self.promises, hashes, number * CLIENTS + each)
                    for each in range(CLIENTS)
                ]
                for client in clients:
                    client.start()
                self._die_within(run, 1.2, "killed at work")
                for client in clients:
                    client.join(PATIENCE_S)
                    assert client.trouble is None, client.trouble
            assert "Traceback" not in said(err)
        self.look()

    def end(self) -> None:
        """A life in which everything comes to its end."""
        with serving(self._truename, **self._settings) as server, closing(opened(self.file)) as file:
            left = "SELECT count(*) FROM task WHERE active = 1 AND NOT watched"  # the watch never ends
            assert until(lambda: file.execute(left).fetchone()[0] == 0, seconds=100)
            assert server.stop(signal.SIGTERM)[0] == 0
        self.look()

    def look(self) -> None:
        """Ask the dead server's database."""
        if self.file.exists():
            assert broken_in(self.file) == []
            with closing(opened(self.file)) as file:
                assert self._chronicle.look(file) == []
                there = {row["id"]: row for row in file.execute("SELECT id, status, name FROM task")}
            assert self.promises.tasks <= there.keys()
            assert {there[one]["status"] for one in self.promises.cancelled} <= {"cancelled"}
            assert {one: there[one]["name"] for one in self.promises.named} == self.promises.named

    def _die_within(self, run: subprocess.Popen[str], most_s: float, how: str) -> None:
        try:
            run.wait(self._chance.uniform(0.0, most_s))
        except subprocess.TimeoutExpired:
            run.kill()
        assert run.wait(PATIENCE_S) == -signal.SIGKILL
        self.deaths[how] += 1

    @contextmanager
    def _started(self) -> Iterator[tuple[subprocess.Popen[str], Lines]]:
        environment = self._truename.environment(self._settings)
        pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        command = [PROGRAM, "serve"]
        with subprocess.Popen(command, env=environment, cwd=self._truename.home, text=True, **pipes) as run:
            try:
                assert run.stderr is not None
                yield run, Lines(run.stderr)
            finally:
                run.kill()


@pytest.mark.soak
@pytest.mark.timeout(size(test=300, soak=2 * 3600))
def test_a_storm_of_kills_loses_nothing_and_applies_nothing_twice(truename: Program) -> None:
    with LocalSwarm(SwarmPlan(invented=size(test=200, soak=3000))) as swarm:
        storm = Storm(truename.has_run_before(), swarm, seed=random.randrange(2**32))  # noqa: S311 - chance, no secret
        storm.begin()
        for number in range(KILLS):
            storm.live(number)
        storm.end()
    with closing(opened(storm.file)) as file:
        statuses = Counter(row[0] for row in file.execute("SELECT status FROM task WHERE NOT watched"))
        tries = {row[0] for row in file.execute("SELECT attempt FROM task")}
        renames = file.execute("SELECT count(*) FROM note_revision WHERE cause = 'renamed'").fetchone()[0]
        twice = file.execute(
            "SELECT note_id FROM note_revision WHERE cause = 'renamed' GROUP BY note_id HAVING count(*) > 3"
        ).fetchall()
    assert statuses.keys() <= set(FINAL)
    assert statuses["completed"] > 0
    assert tries <= {0, 1}  # what a kill cut off does not count
    assert twice == []
    print(f"{dict(storm.deaths)}, {len(storm.promises.tasks)} tasks promised, {dict(statuses)}, {renames} renames:")
    print("0 lost, 0 applied twice")
