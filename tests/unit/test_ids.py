"""Ids of tasks."""

import itertools
import time
import uuid

import pytest

from truename.store import ids
from truename.store.ids import new_task_id


def test_they_are_uuids_and_rise() -> None:
    made = [new_task_id() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert all(str(uuid.UUID(one)) == one and uuid.UUID(one).version == 4 for one in made)
    assert all(uuid.UUID(one).variant == uuid.RFC_4122 for one in made)


def test_what_cannot_be_guessed_differs_from_one_to_the_next() -> None:
    luck = [one[19:] for one in (new_task_id() for _ in range(10_000))]
    assert len(set(luck)) == len(luck)
    differing = [sum(a != b for a, b in zip(one, other, strict=True)) for one, other in itertools.pairwise(luck)]
    assert min(differing) > 3


def test_they_do_not_tell_how_many_others_were_made_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns() + 10**9
    monkeypatch.setattr(ids, "_last", [0])
    monkeypatch.setattr(time, "time_ns", lambda: now)

    def clock(task_id: str) -> int:
        return int(task_id[:8] + task_id[9:13] + task_id[15:18], 16)

    before = clock(new_task_id())
    for _ in range(37):
        new_task_id()
    now += 10**9
    assert clock(new_task_id()) - before == pytest.approx(10**9 >> 10, abs=1)


def test_those_of_a_later_start_are_greater() -> None:
    at = int(new_task_id().replace("-", "")[:12], 16)
    assert 0 <= (time.time_ns() >> 22) % 2**48 - at < 2**28  # twelve bits less of the same clock
