"""The states of a task, and tasks and outcomes as values."""

import dataclasses
import itertools
import time

import pytest

from truename.infohash import InfoHash
from truename.model import TRANSITIONS, Account, CalibrationTask, Outcome, TaskEvent, TaskStatus, transition

V1 = InfoHash("cfe1119f124881ca70f7306f32e292194c88c195")
V2 = InfoHash("caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e")
FINAL = {TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.TIMEOUT, TaskStatus.CANCELLED}


def test_the_words_are_those_of_the_contract() -> None:
    assert [status.value for status in TaskStatus] == [
        "pending",
        "running",
        "completed",
        "failed",
        "timeout",
        "cancelled",
    ]


@pytest.mark.parametrize("status", TaskStatus)
def test_the_last_four_are_final(status: TaskStatus) -> None:
    assert status.is_final == (status in FINAL)


@pytest.mark.parametrize(("status", "event"), list(itertools.product(sorted(FINAL, key=str), TaskEvent)))
def test_a_final_state_never_changes(status: TaskStatus, event: TaskEvent) -> None:
    assert transition(status, event) is None


@pytest.mark.parametrize(
    ("status", "event", "after"),
    [
        (TaskStatus.PENDING, TaskEvent.START, TaskStatus.RUNNING),
        (TaskStatus.PENDING, TaskEvent.COMPLETE, TaskStatus.COMPLETED),
        (TaskStatus.PENDING, TaskEvent.FAIL, TaskStatus.FAILED),
        (TaskStatus.PENDING, TaskEvent.CANCEL, TaskStatus.CANCELLED),
        (TaskStatus.PENDING, TaskEvent.TIME_OUT, None),  # waiting for a turn does not count
        (TaskStatus.PENDING, TaskEvent.GIVE_BACK, None),
        (TaskStatus.RUNNING, TaskEvent.START, None),
        (TaskStatus.RUNNING, TaskEvent.COMPLETE, TaskStatus.COMPLETED),
        (TaskStatus.RUNNING, TaskEvent.FAIL, TaskStatus.FAILED),
        (TaskStatus.RUNNING, TaskEvent.TIME_OUT, TaskStatus.TIMEOUT),
        (TaskStatus.RUNNING, TaskEvent.CANCEL, TaskStatus.CANCELLED),
        (TaskStatus.RUNNING, TaskEvent.GIVE_BACK, TaskStatus.PENDING),
    ],
)
def test_what_happens_to_an_active_task(status: TaskStatus, event: TaskEvent, after: TaskStatus | None) -> None:
    assert transition(status, event) == after


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[(TaskStatus.COMPLETED, TaskEvent.START)] = TaskStatus.RUNNING  # type: ignore[index]


def test_a_task_takes_its_fields_by_position_in_the_order_of_the_contract() -> None:
    task = CalibrationTask("id", V1, TaskStatus.FAILED, "name", "why not", 1.5, 2.5, "bad_name")
    assert dataclasses.asdict(task) == {
        "task_id": "id",
        "info_hash": V1,
        "status": TaskStatus.FAILED,
        "result": "name",
        "error": "why not",
        "created_at": 1.5,
        "completed_at": 2.5,
        "code": "bad_name",
    }


def test_a_task_takes_its_fields_by_keyword_and_is_created_now() -> None:
    before = time.time()
    task = CalibrationTask(task_id="id", info_hash="any label", status=TaskStatus.PENDING)
    assert task.created_at is not None
    assert before <= task.created_at <= time.time()
    assert (task.result, task.error, task.completed_at, task.code) == (None, None, None, None)


def test_a_time_of_zero_is_a_time() -> None:
    assert CalibrationTask("id", "label", TaskStatus.PENDING, created_at=0.0).created_at == 0.0


def test_a_task_is_a_snapshot() -> None:
    task = CalibrationTask("id", "label", TaskStatus.PENDING)
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.status = TaskStatus.RUNNING  # type: ignore[misc]


@pytest.mark.parametrize(
    ("info_hash", "info_hash_v2", "proven"),
    [(V1, None, (V1,)), (V2, None, (V2, V2[:40])), (V1, V2, (V1, V2, V2[:40]))],
)
def test_an_outcome_proves_its_name_for_all_forms_of_its_hashes(
    info_hash: InfoHash, info_hash_v2: InfoHash | None, proven: tuple[str, ...]
) -> None:
    named = {"status": TaskStatus.COMPLETED, "name": "A name", "verified": True}
    outcome = Outcome(info_hash=info_hash, info_hash_v2=info_hash_v2, **named)
    assert outcome.hashes == proven
    assert dataclasses.replace(outcome, verified=False).hashes == (info_hash,)


def test_of_peers_nothing_is_said_when_no_resolver_knows_of_any() -> None:
    silent = Account(resolver="script", ended="claimed")
    swarm = Account(resolver="swarm", ended="no_peers", counts={"trackers": 1})
    outcome = Outcome(info_hash=V1, status=TaskStatus.COMPLETED, accounts=(silent,))
    assert outcome.peers_seen is None
    assert dataclasses.replace(outcome, accounts=(silent, swarm)).peers_seen == 0
