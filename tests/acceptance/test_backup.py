"""`truename backup` and `restore` as programs: beside a server, after its death, without a terminal."""

import json
import signal
import sqlite3
from contextlib import closing

from tests.acceptance.conftest import Program, until
from tests.acceptance.test_serve import Server, saved, serving

OFF = {"TRUENAME_CALIBRATION_MODE": "off"}


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


def test_a_server_makes_backups_by_itself_and_the_doctor_tells(truename: Program) -> None:
    record = truename.data_dir / "backup.json"
    with serving(truename, TRUENAME_BACKUP_INTERVAL_S="0.5", TRUENAME_BACKUP_KEEP="2") as server:
        with server.first_person() as client:
            saved(client, "a note")
        assert until(lambda: record.exists() and json.loads(record.read_text())["made"]["summary"]["notes"] == 1)
        assert server.stop(signal.SIGTERM)[0] == 0
    assert 1 <= len(list((truename.data_dir / "backups").glob("truename-*.db"))) <= 2
    told = truename("doctor")
    assert told.status == 0
    assert "checked; notes: 1" in told.out.decode()


def test_a_folder_that_cannot_be_used_does_not_end_the_server(truename: Program) -> None:
    truename.data_dir.mkdir()
    (truename.data_dir / "backups").write_text("a file in the folder's place")
    record = truename.data_dir / "backup.json"
    with serving(truename, TRUENAME_BACKUP_INTERVAL_S="0.5") as server:
        assert until(record.exists)
        server.err.find("(no backup was made)")
        with server.client() as client:
            assert client.get("/readyz").status_code == 200
        assert server.stop(signal.SIGTERM)[0] == 0


def test_a_file_that_is_no_backup_is_said_and_nothing_is_made(truename: Program) -> None:
    file = truename.home / "list.txt"
    file.write_text("a shopping list " * 1000)
    refused = truename("restore", "--yes", str(file), environment={"LANG": "zh_CN.UTF-8"})
    assert (refused.status, refused.out) == (2, b"")
    assert refused.err == f"truename: {file}：不是备份：它不是 SQLite 数据库。\n"
    assert not (truename.data_dir / "truename.db").exists()
