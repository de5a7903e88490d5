"""The journal behind `database=`: what it keeps, what it refuses, and what happens when the disk is full."""

import logging
import math
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from truename import AsyncCalibrationManager, CalibrationTask, TaskStatus, crew, journal
from truename.errors import TruenameError
from truename.journal import INTERRUPTED, Journal, JournalError


def task(number=1, status=TaskStatus.COMPLETED, **fields) -> CalibrationTask:
    now = time.time()
    ended = {"completed_at": now, "result": "name"} if status is TaskStatus.COMPLETED else {}
    return CalibrationTask(f"id {number}", "label", status, **{"created_at": now, **ended, **fields})


def named():
    return "name", None


@pytest.fixture
def path(tmp_path) -> str:
    return str(tmp_path / "tasks.db")


def reopened(path: str, *, ttl_s: float = 3600) -> list[CalibrationTask]:
    journal = Journal(path)
    try:
        return journal.load(ttl_s=ttl_s)
    finally:
        journal.close()


def raw(path, *statements: str) -> list:
    connection = sqlite3.connect(path)
    try:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
        connection.commit()
        return rows
    finally:
        connection.close()


# What it keeps


def test_ended_tasks_come_back_as_they_were(path) -> None:
    ended = [
        task(1),
        task(2, TaskStatus.FAILED, error="no peers", code="function_failed", completed_at=time.time() + 1),
        task(3, TaskStatus.TIMEOUT, error="late", code="deadline", completed_at=time.time() + 2),
        task(4, TaskStatus.CANCELLED, error="", code="cancelled", completed_at=time.time() + 3),
    ]
    journal = Journal(path)
    journal.end(ended)
    journal.close()
    assert reopened(path) == ended


def test_what_had_not_ended_was_interrupted(path) -> None:
    journal = Journal(path)
    journal.begin(task(1, TaskStatus.PENDING))
    journal.begin(task(2, TaskStatus.PENDING))
    journal.end([task(2)])
    journal.close()
    first, second = sorted(reopened(path), key=lambda it: it.task_id)
    assert (first.status, first.code, first.error) == (TaskStatus.FAILED, "interrupted", INTERRUPTED)
    assert second.status is TaskStatus.COMPLETED


def test_an_interrupted_task_does_not_end_before_it_was_made(path) -> None:
    journal = Journal(path)
    journal.begin(task(1, TaskStatus.PENDING, created_at=time.time() + 1e6))
    journal.close()
    (found,) = reopened(path)
    assert found.completed_at == found.created_at


@pytest.mark.parametrize(
    "text",
    ["雨后的城市", "a\0b", "\udc80 lone \ud800", "'; DROP TABLE task; --", "x" * 1_000_000, "\x1b[31m\r\n", "😀"],
)
def test_any_text_comes_back_unchanged(path, text) -> None:
    kept = task(1, info_hash_text := TaskStatus.FAILED, error=text, result=text, completed_at=time.time())
    kept = CalibrationTask(kept.task_id, text, info_hash_text, text, text, 1.0, time.time(), "function_failed")
    journal = Journal(path)
    journal.end([kept])
    journal.close()
    assert reopened(path) == [kept]


def test_forgotten_tasks_are_gone(path) -> None:
    journal = Journal(path)
    journal.end([task(1), task(2)])
    journal.forget(["id 1", "unknown"])
    journal.close()
    assert [it.task_id for it in reopened(path)] == ["id 2"]


def test_what_ended_too_long_ago_is_forgotten_at_opening(path) -> None:
    journal = Journal(path)
    journal.end([task(1, completed_at=time.time() - 100), task(2)])
    journal.close()
    assert [it.task_id for it in reopened(path, ttl_s=50)] == ["id 2"]
    assert [it.task_id for it in reopened(path, ttl_s=math.inf)] == ["id 2"]


def test_the_file_is_sound_and_bears_its_mark(path) -> None:
    journal = Journal(path)
    journal.end([task(n) for n in range(100)])
    journal.close()
    assert raw(path, "PRAGMA integrity_check") == [("ok",)]
    assert raw(path, "PRAGMA application_id") == [(0x7472756E,)]
    assert sorted(Path(path).parent.iterdir()) == [Path(path)]


# What it refuses


def test_a_journal_has_one_owner(path) -> None:
    first = Journal(path)
    first.begin(task(1, TaskStatus.PENDING))
    with pytest.raises(JournalError, match="in use by another manager or process"):
        Journal(path)
    first.end([task(1)])
    first.close()
    assert [it.status for it in reopened(path)] == [TaskStatus.COMPLETED]


def make_text(path: Path) -> None:
    path.write_text("magnet:?xt=urn:btih:0123456789012345678901234567890123456789\n" * 100)


def make_short_text(path: Path) -> None:
    path.write_text("a note")


def make_damaged(path: Path) -> None:
    Journal(str(path)).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:50] + b"\xff" * (len(whole) - 50))


def make_other_program(path: Path) -> None:
    raw(path, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", "INSERT INTO notes VALUES (1, 'kept')")


def make_other_marked_program(path: Path) -> None:
    raw(path, "PRAGMA application_id = 7")


def make_other_version(path: Path) -> None:
    Journal(str(path)).close()
    raw(path, "PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_text, "is not a journal, or is damaged"),
        (make_short_text, "is not a journal, or is damaged"),
        (make_damaged, "is not a journal, or is damaged"),
        (make_other_program, "is the database of another program"),
        (make_other_marked_program, "is the database of another program"),
        (make_other_version, "was written by another version"),
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_stays_as_it_was(tmp_path, make, reason) -> None:
    path = tmp_path / "tasks.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=reason):
        AsyncCalibrationManager(database=path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_file_becomes_a_journal(tmp_path) -> None:
    path = tmp_path / "tasks.db"
    path.touch()
    AsyncCalibrationManager(database=path).shutdown()
    assert reopened(str(path)) == []


def test_a_folder_is_refused(tmp_path) -> None:
    with pytest.raises(JournalError, match="it must be a file"):
        AsyncCalibrationManager(database=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["missing/tasks.db", "file/tasks.db"])
def test_a_folder_that_is_missing_or_none_is_refused(tmp_path, place) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="in a folder that exists and can be written"):
        AsyncCalibrationManager(database=tmp_path / place)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("place", ["/proc/truename-tasks.db", "/sys/truename-tasks.db", "/dev/full", "/proc/version"])
def test_a_place_that_nobody_can_write_is_refused(place) -> None:
    with pytest.raises(JournalError, match=place):
        AsyncCalibrationManager(database=place)


@pytest.mark.parametrize(("name", "error"), [("", ValueError), ("a\0b", ValueError), (5, TypeError), (b"", ValueError)])
def test_what_names_no_file_is_refused(name, error) -> None:
    with pytest.raises(error):
        AsyncCalibrationManager(database=name)


def test_a_name_that_sqlite_would_take_for_memory_is_a_file(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    manager = AsyncCalibrationManager(database=":memory:")
    manager.submit_task("label", named)
    manager.shutdown()
    assert [it.result for it in reopened(str(tmp_path / ":memory:"))] == ["name"]


def test_a_refusal_is_one_of_our_errors_and_leaves_nothing_open(tmp_path) -> None:
    path = tmp_path / "tasks.db"
    make_other_version(path)
    with pytest.raises(TruenameError):
        AsyncCalibrationManager(database=path)
    raw(path, "PRAGMA user_version = 1")
    AsyncCalibrationManager(database=path).shutdown()


# The manager with a journal


def test_tasks_are_there_again_after_a_restart(path) -> None:
    manager = AsyncCalibrationManager(database=path)
    labels = ["label", "\udc80", "雨"]
    ids = [manager.submit_task(label, lambda label=label: (label, None)) for label in labels]
    manager.shutdown()
    before = dict(manager.tasks)
    again = AsyncCalibrationManager(database=path)
    assert dict(again.tasks) == before
    assert [again.get_task_status(task_id).result for task_id in ids] == labels
    again.shutdown()


def test_the_age_of_a_task_goes_on_over_a_restart(path) -> None:
    manager = AsyncCalibrationManager(database=path)
    manager.submit_task("label", named)
    manager.shutdown()
    raw(path, "UPDATE task SET completed_at = completed_at - 100")
    assert len(AsyncCalibrationManager(task_ttl=1000, database=path).tasks) == 1
    manager = AsyncCalibrationManager(task_ttl=1000, database=path)
    manager.task_ttl = 50
    assert manager.cleanup_old_tasks() == 1
    manager.shutdown()
    assert reopened(path) == []


def test_a_task_from_the_future_expires_its_time_after_the_opening(path) -> None:
    manager = AsyncCalibrationManager(database=path)
    manager.submit_task("label", named)
    manager.shutdown()
    raw(path, "UPDATE task SET completed_at = completed_at + 1e6")
    manager = AsyncCalibrationManager(task_ttl=1000, database=path)
    assert manager.cleanup_old_tasks() == 0
    manager.task_ttl = 0
    assert manager.cleanup_old_tasks() == 1
    manager.shutdown()


def test_forgotten_tasks_do_not_come_back(path) -> None:
    manager = AsyncCalibrationManager(database=path)
    kept = manager.submit_task("label", named)
    manager.shutdown()
    manager = AsyncCalibrationManager(task_ttl=3600, database=path)
    manager.task_ttl = 0
    manager.cleanup_old_tasks()
    manager.shutdown()
    manager = AsyncCalibrationManager(database=path)
    assert manager.get_task_status(kept) is None
    manager.shutdown()


def test_shutdown_gives_the_file_free(path) -> None:
    for wait in (True, False):
        manager = AsyncCalibrationManager(database=path)
        manager.shutdown(wait)
        manager.shutdown(wait)
    reopened(path)


def test_shutdown_without_waiting_keeps_the_file_until_the_last_function_returned(path, until) -> None:
    manager = AsyncCalibrationManager(database=path)
    begun, go_on = threading.Event(), threading.Event()
    running = manager.submit_task("label", lambda: (begun.set(), go_on.wait(60), ("late name", None))[2])
    assert begun.wait(60)
    manager.shutdown(wait=False)
    with pytest.raises(JournalError, match="in use"):
        AsyncCalibrationManager(database=path)
    go_on.set()
    until.ended(manager, running)
    assert [it.result for it in reopened(path)] == ["late name"]


def test_a_manager_nobody_refers_to_gives_the_file_free(path, until, monkeypatch) -> None:
    AsyncCalibrationManager(database=path)
    reopened(path)
    monkeypatch.setattr(crew, "KEEPER_NAP_S", 3600)  # it is woken
    manager = AsyncCalibrationManager(database=path)
    until.ended(manager, manager.submit_task("label", named))
    keeper = manager._crew._keeper
    del manager
    keeper.join(60)
    assert [it.result for it in reopened(path)] == ["name"]


def test_reading_and_expiry_go_on_after_shutdown(path) -> None:
    manager = AsyncCalibrationManager(database=path)
    task_id = manager.submit_task("label", named)
    manager.shutdown()
    assert manager.get_task_status(task_id).result == "name"
    manager.task_ttl = 0
    manager.cleanup_old_tasks()
    assert not manager.tasks
    assert manager.cancel_task(task_id) is False


# A full disk


@pytest.fixture
def full(path):
    """A manager whose file may not grow, and the switch to let it grow again."""
    manager = AsyncCalibrationManager(max_workers=1, database=path)
    connection = manager._crew._journal._connection

    def limit(pages: int) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    yield manager, limit
    manager.shutdown(wait=False)


def test_a_full_disk_refuses_a_task_clearly_and_leaves_none(full, path) -> None:
    manager, limit = full
    kept = manager.submit_task("label", named)
    limit(1)
    with pytest.raises(JournalError, match="the disk is full"):
        manager.submit_task("x" * 100_000, named)
    assert list(manager.tasks) == [kept]
    limit(1_000_000)
    manager.submit_task("x" * 100_000, named)
    manager.shutdown()
    assert len(reopened(path)) == 2
    assert raw(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_full_disk_loses_no_end_it_is_kept_in_memory_and_written_later(full, path, until, caplog) -> None:
    manager, limit = full
    go_on = threading.Event()
    long_name = "name " * 20_000
    task_id = manager.submit_task("label", lambda: (long_name, None) if go_on.wait(60) else None)
    limit(1)
    with caplog.at_level(logging.ERROR, "truename.journal"):
        go_on.set()
        assert until.ended(manager, task_id).result == long_name
    assert "the disk is full" in caplog.text
    assert "kept in memory and tried again" in caplog.text
    limit(1_000_000)
    manager.shutdown()
    assert [it.result for it in reopened(path)] == [long_name]


def test_the_keeper_writes_what_a_full_disk_did_not_take(path, until, monkeypatch) -> None:
    monkeypatch.setattr(crew, "KEEPER_NAP_S", 0.01)
    manager = AsyncCalibrationManager(max_workers=1, database=path)
    journal = manager._crew._journal
    retried = threading.Event()
    retry = journal.retry

    def told() -> None:
        retry()
        if not journal._unsaved:
            retried.set()

    go_on = threading.Event()
    task_id = manager.submit_task("label", lambda: ("name " * 20_000, None) if go_on.wait(60) else None)
    with manager._crew.lock:
        journal._connection.execute("PRAGMA max_page_count = 1")
    go_on.set()
    until.ended(manager, task_id)
    with manager._crew.lock:
        assert len(journal._unsaved) == 1
        journal.retry = told
        journal._connection.execute("PRAGMA max_page_count = 1000000")
    assert retried.wait(60)
    assert raw_while_open(journal) == [("completed",)]
    manager.shutdown()


def raw_while_open(journal: Journal) -> list:
    return journal._connection.execute("SELECT status FROM task").fetchall()


def test_an_end_a_full_disk_never_took_reads_as_interrupted(full, path, until) -> None:
    manager, limit = full
    go_on = threading.Event()
    task_id = manager.submit_task("label", lambda: ("name " * 20_000, None) if go_on.wait(60) else None)
    limit(1)
    go_on.set()
    until.ended(manager, task_id)
    manager.shutdown()
    assert manager.get_task_status(task_id).status is TaskStatus.COMPLETED
    assert [it.code for it in reopened(path)] == ["interrupted"]
    assert raw(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_text_larger_than_sqlite_takes_is_refused_as_any_other(path, monkeypatch) -> None:
    manager = AsyncCalibrationManager(database=path)
    manager._crew._journal._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    with pytest.raises(JournalError, match="too big"):
        manager.submit_task("x" * 2000, named)
    assert not manager.tasks
    manager.shutdown()


def test_a_name_larger_than_sqlite_takes_is_cut_and_keeps_no_other_end_out(path, monkeypatch, until) -> None:
    monkeypatch.setattr(journal, "_CUT_CHARS", 100)
    manager = AsyncCalibrationManager(database=path)
    manager._crew._journal._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    endless = until.ended(manager, manager.submit_task("endless", lambda: ("x" * 2000, None)))
    until.ended(manager, manager.submit_task("short", named))
    assert endless.result == "x" * 2000
    manager.shutdown()
    assert {(one.info_hash, one.status, one.result) for one in reopened(path)} == {
        ("endless", TaskStatus.COMPLETED, "x" * 100),
        ("short", TaskStatus.COMPLETED, "name"),
    }


def test_beside_a_text_that_is_cut_others_stay_whole(path, monkeypatch) -> None:
    monkeypatch.setattr(journal, "_CUT_CHARS", 100)
    opened = Journal(path)
    opened._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    opened.end([task(1, result="x" * 2000), task(2, result="y" * 500)])
    opened.close()
    assert sorted(one.result for one in reopened(path)) == ["x" * 100, "y" * 500]


def test_a_copy_of_the_file_after_shutdown_is_a_whole_journal(path, tmp_path) -> None:
    manager = AsyncCalibrationManager(database=path)
    manager.submit_task("label", named)
    manager.shutdown()
    copy = str(tmp_path / "copy.db")
    shutil.copy(path, copy)
    assert [it.result for it in reopened(copy)] == ["name"]
