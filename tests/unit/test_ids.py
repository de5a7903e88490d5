"""Ids of tasks."""

import itertools
import time
import uuid

from truename.store.ids import new_task_id


def test_they_are_uuids_and_rise() -> None:
    ids = [new_task_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert all(str(uuid.UUID(one)) == one and uuid.UUID(one).version == 4 for one in ids)
    assert all(uuid.UUID(one).variant == uuid.RFC_4122 for one in ids)


def test_what_cannot_be_guessed_differs_from_one_to_the_next() -> None:
    luck = [one[19:] for one in (new_task_id() for _ in range(10_000))]
    assert len(set(luck)) == len(luck)
    differing = [sum(a != b for a, b in zip(one, other, strict=True)) for one, other in itertools.pairwise(luck)]
    assert min(differing) > 3


def test_those_of_a_later_start_are_greater() -> None:
    at = int(new_task_id().replace("-", "")[:12], 16)
    assert 0 <= (time.time_ns() >> 22) % 2**48 - at < 2**28  # twelve bits less of the same clock
