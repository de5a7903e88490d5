"""Bodies of answers: fields that do not apply are absent, states have words, times are numbers."""

from dataclasses import replace
from itertools import product

import pytest

from truename.model import TaskStatus
from truename.notes import MagnetView
from truename.service import TaskView
from truename.store.tasks import TaskRow
from truename.store.watches import Watched
from truename.texts import TEXTS, Language
from truename.web.views import link_of, note_results, sleeps, state_of, task_body, why_of

HASH = "1a" * 20
ROW = TaskRow(
    id="t", person_id=1, hash=HASH, hash_v2=None, status=TaskStatus.PENDING, prio=1, lookup_id=7, created_at=5.0
)
NAMED = replace(ROW, status=TaskStatus.COMPLETED, attempt=1, name="n", source="swarm", verified=True, completed_at=9.0)
DEAD = replace(ROW, status=TaskStatus.TIMEOUT, attempt=1, code="no_peers", reason="no_peers", completed_at=9.0)
BASE = {"task_id", "status", "info_hash", "attempt", "created_at"}


@pytest.mark.parametrize(
    ("row", "position", "fields"),
    [
        (ROW, 3, {"queue_position"}),
        (replace(ROW, status=TaskStatus.RUNNING, attempt=1, started_at=6.0), None, set()),
        (NAMED, None, {"result", "source", "verified", "completed_at"}),
        (DEAD, None, {"error", "code", "completed_at"}),
        (
            replace(ROW, status=TaskStatus.FAILED, code="bad_name", completed_at=9.0),
            None,
            {"error", "code", "completed_at"},
        ),
        (replace(ROW, hash_v2="4d" * 32), 1, {"queue_position", "info_hash_v2"}),
    ],
)
def test_a_status_has_the_fields_that_apply_and_no_others(row: TaskRow, position: int | None, fields: set[str]) -> None:
    body = task_body(TaskView(row=row, queue_position=position), Language.CHINESE)
    assert set(body) == BASE | fields
    assert isinstance(body["created_at"], float)


def test_a_name_stays_as_it_is_in_json() -> None:
    hostile = "\u202e<b>\x1b\u200b"
    assert task_body(TaskView(row=replace(NAMED, name=hostile)), Language.ENGLISH)["result"] == hostile


def magnet(task: TaskRow | None, name: str | None, dn: str | None) -> MagnetView:
    is_named = name is not None and dn == name
    return MagnetView(start=0, end=1, info_hash=HASH, dn=dn, name=name, task=task, is_named=is_named)


@pytest.mark.parametrize(
    ("task", "name", "dn", "state"),
    [
        (None, None, "x", "none"),
        (ROW, None, None, "pending"),
        (ROW, "n", None, "pending"),
        (NAMED, "n", "n", "completed"),
        (NAMED, "n", "another", "known"),
        (NAMED, None, "the catalogue is another one", "completed"),
        (DEAD, None, None, "timeout"),
        (DEAD, "n", None, "known"),
        (DEAD, "n", "n", "completed"),
        (None, "n", None, "known"),
        (None, "n", "n", "completed"),
    ],
)
def test_the_state_of_a_magnet(task: TaskRow | None, name: str | None, dn: str | None, state: str) -> None:
    assert state_of(magnet(task, name, dn)) == state
    assert (why_of(magnet(task, name, dn), Language.ENGLISH) is not None) == (state == "timeout")


@pytest.mark.parametrize(
    ("code", "task", "name", "state", "asleep"),
    [
        ("no_peers", None, None, "timeout", True),
        ("no_metadata", None, None, "timeout", True),
        ("deadline", None, None, "timeout", True),
        ("resolver_unavailable", None, None, "failed", True),
        ("resolver_failed", None, None, "failed", True),
        ("no_peers", DEAD, None, "timeout", True),
        ("no_peers", replace(DEAD, status=TaskStatus.CANCELLED), None, "cancelled", True),
        ("no_peers", ROW, None, "pending", False),
        ("no_peers", None, "n", "known", False),
    ],
)
def test_what_did_not_answer_sleeps_until_it_is_asked_for_again(
    code: str, task: TaskRow | None, name: str | None, state: str, asleep: bool
) -> None:
    watch = Watched(person_id=1, hash=HASH, since=5.0, asked=1, asked_at=9.0, code=code, next_at=None)
    view = replace(magnet(task, name, None), watch=watch)
    assert (state_of(view), sleeps(view)) == (state, asleep)
    assert (why_of(view, Language.ENGLISH) is not None) == asleep  # also when the task is forgotten


def test_a_link_keeps_its_trackers_and_nothing_can_hide_in_it() -> None:
    link = f"magnet:?xt=urn:btih:{HASH}&dn=a\u202eb&tr=udp%3A%2F%2Ft.example"
    view = MagnetView(start=1, end=1 + len(link), info_hash=HASH, dn=None, name=None, task=None)
    assert link_of(view, f"😀{link} x") == link.replace("\u202e", "%E2%80%AE")


def test_every_state_has_its_word() -> None:
    rows = [None, *(replace(ROW, status=status) for status in TaskStatus)]
    states = {state_of(magnet(row, name, None)) for row, name in product(rows, (None, "n"))}
    assert {f"state_{state}" for state in states} <= set(TEXTS)


def test_long_names_in_thousands_of_magnets_are_told_whole_only_up_to_a_bound() -> None:
    name = "n" * 30_000
    row = replace(ROW, status=TaskStatus.COMPLETED, name=name)
    body = note_results(f"magnet:?xt=urn:btih:{HASH}\n" * 1000, [row], Language.ENGLISH)
    told = [result["filename"] for result in body["results"]]
    assert told[0] == name
    assert told[-1].endswith("n…")
    assert sum(map(len, told)) < 6_000_000
    assert body["success"] is True


def test_a_magnet_that_has_not_ended_is_waiting() -> None:
    body = note_results(f"magnet:?xt=urn:btih:{HASH}", [ROW], Language.ENGLISH)
    assert body["results"][0]["code"] == "waiting"
    assert (body["success"], body["fail_count"]) == (False, 1)
