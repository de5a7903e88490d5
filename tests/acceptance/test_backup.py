"""`truename backup` and `restore` as programs: beside a server, after its death, without a terminal."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.conftest import Program, until
from tests.acceptance.test_serve import Server, saved, serving

OFF = {"TRUENAME_CALIBRATION_MODE": "off"}


@pytest.fixture
def truename(tmp_path: Path) -> Program:
    return Program(tmp_path).has_run_before()


def texts_of(server: Server) -> list[str]:
    with server.signed_in() as client:
        return [note["text"] for note in client.get("/api/notes").json()["notes"]]


def test_what_was_saved_before_a_backup_is_there_after_the_server_was_killed(truename: Program) -> None:
    """And whoever was signed in is not; and what was saved after it is in the copy that is kept aside."""
    file = truename.home / "elsewhere.db"
    with serving(truename, **OFF) as server:
        with server.first_person() as client:
            saved(client, "before the backup")
            made = truename("backup", str(file))
            assert (made.status, made.lines) == (0, [str(file)])
            saved(client, "after the backup")
            (session,) = client.cookies.values()
        beside = truename("restore", "--yes", str(file))
        assert (beside.status, beside.out) == (2, b"")
        assert "held by another server" in beside.err
        looked = truename("restore", "--dry-run", str(file))
        assert looked.status == 0, looked.err
        assert b"notes: 1" in looked.out
        assert b"notes: 2" in looked.out
        server.stop(signal.SIGKILL)
    brought = truename("restore", "--yes", str(file))
    assert brought.status == 0, brought.err
    with serving(truename, **OFF) as server:
        assert texts_of(server) == ["before the backup"]
        with server.client() as client:
            client.cookies.set(f"truename_{client.base_url.port}", session)
            assert client.get("/api/notes").status_code == 401
    (kept,) = (truename.data_dir / "backups").glob("before-restore-*.db")
    with closing(sqlite3.connect(kept)) as database:
        assert database.execute("SELECT count(*) FROM note").fetchone() == (2,)


def test_a_server_makes_backups_by_itself_as_soon_as_the_folder_can_be_used_and_the_doctor_tells(
    truename: Program,
) -> None:
    folder, record = truename.data_dir / "backups", truename.data_dir / "backup.json"
    folder.write_text("a file in the folder's place")
    with serving(truename, TRUENAME_BACKUP_INTERVAL_S="0.5", TRUENAME_BACKUP_KEEP="2") as server:
        with server.first_person() as client:
            saved(client, "a note")
            server.err.find("(no backup was made)")
            assert until(record.exists)
            assert client.get("/readyz").status_code == 200
        folder.unlink()
        assert until(lambda: notes_in(record) == 1)
        assert server.stop(signal.SIGTERM)[0] == 0
    assert 1 <= len(list(folder.glob("truename-*.db"))) <= 2
    told = truename("doctor")
    assert told.status == 0
    assert "checked; notes: 1" in told.out.decode()


def notes_in(record: Path) -> int | None:
    """How many notes are in the last backup; None when there is none."""
    made = json.loads(record.read_text())["made"]
    return made and int(made["summary"]["notes"])


def test_a_backup_does_not_go_to_standard_output(truename: Program, tmp_path: Path) -> None:
    made = truename("backup", "-")
    assert (made.status, made.out) == (2, b"")
    assert "cannot go to standard output" in made.err
    assert not list(tmp_path.rglob("-"))


def test_a_file_that_is_no_backup_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    truename = Program(tmp_path)
    file = truename.home / "list.txt"
    file.write_text("a shopping list " * 1000)
    refused = truename("restore", "--yes", str(file), environment={"LANG": "zh_CN.UTF-8"})
    assert (refused.status, refused.out) == (2, b"")
    assert refused.err == f"truename: {file}：不是备份：它不是 SQLite 数据库。\n"
    assert not (truename.data_dir / "truename.db").exists()
