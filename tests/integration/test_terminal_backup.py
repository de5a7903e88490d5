"""What `truename backup`, `restore` and `doctor` say of backups, and what they ask."""

import asyncio
import io
import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.backup_support import everything, execute, filled
from truename.backups import backup_states
from truename.settings import Settings
from truename.store.backup import back_up
from truename.store.database import FILE_NAME, DatabaseError
from truename.store.shelf import RECORD_NAME
from truename.terminal.backup import backup, restore
from truename.terminal.screen import Screen
from truename.texts import Language


class Terminal(io.StringIO):
    """Standard input with a person behind it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    filled(tmp_path / "data")
    return Settings.model_validate({"data_dir": tmp_path / "data", "backup_dir": Path("kept")})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    back_up(filled(tmp_path / "other", text="from the backup"), tmp_path / "file.db")
    os.utime(tmp_path / "file.db", (1_700_000_000, 1_700_000_000))
    return tmp_path / "file.db"


@pytest.fixture
def screen(capfd: pytest.CaptureFixture[str]) -> Screen:
    return Screen(Language.ENGLISH, progress=False)


def bring_back(settings: Settings, screen: Screen, file: Path, *, dry_run: bool = False, yes: bool = False) -> bool:
    return asyncio.run(restore(settings, screen, file, dry_run=dry_run, yes=yes))


def text_in(settings: Settings) -> str:
    text = dict(everything(settings.data_dir / FILE_NAME)["note"][0])["text"]
    return str(text)


def states(settings: Settings) -> list[tuple[bool, str]]:
    return list(backup_states(settings, Language.ENGLISH))


def test_a_backup_says_where_it_is_and_what_is_in_it(
    settings: Settings, screen: Screen, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    backup(settings, screen, None)
    said = capfd.readouterr()
    (made,) = (tmp_path / "data" / "kept").iterdir()
    assert said.out == f"{made}\n"
    assert "notes: 1" in said.err
    backup(settings, screen, tmp_path / "named.db")
    assert capfd.readouterr().out == f"{tmp_path / 'named.db'}\n"


def test_a_dry_run_shows_both_and_changes_nothing(
    settings: Settings, screen: Screen, capfd: pytest.CaptureFixture[str], file: Path
) -> None:
    before = sorted(path.name for path in settings.data_dir.iterdir())
    assert bring_back(settings, screen, file, dry_run=True)
    said = capfd.readouterr()
    assert str(file) in said.out
    assert "2023-11-1" in said.out  # its date
    assert said.out.count("notes: 1") == 2
    assert "2 sessions and tokens" in said.out
    assert "nothing was changed" in said.err
    assert sorted(path.name for path in settings.data_dir.iterdir()) == before
    assert text_in(settings) != "from the backup"


@pytest.mark.parametrize("copied", [False, True])
def test_of_a_copy_of_a_database_it_says_that_the_newest_may_be_missing(
    settings: Settings, screen: Screen, capfd: pytest.CaptureFixture[str], file: Path, *, copied: bool
) -> None:
    if copied:
        with closing(sqlite3.connect(file.parent / "other" / FILE_NAME)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        shutil.copy(file.parent / "other" / FILE_NAME, file)
    assert bring_back(settings, screen, file, dry_run=True)
    assert ("may be missing" in capfd.readouterr().out) is copied


def test_a_dry_run_makes_no_data_folder(screen: Screen, file: Path, tmp_path: Path) -> None:
    elsewhere = Settings.model_validate({"data_dir": tmp_path / "new"})
    assert bring_back(elsewhere, screen, file, dry_run=True)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("typed", ["yes\n", "是\n", "no\n", "\n", ""])
def test_a_person_is_asked(
    settings: Settings, screen: Screen, file: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    agreed = typed in ("yes\n", "是\n")
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert bring_back(settings, screen, file) is agreed
    assert (text_in(settings) == "from the backup") is agreed
    assert (settings.data_dir / "kept").exists() is agreed


def test_without_a_terminal_and_without_yes_nothing_is_replaced(
    settings: Settings, screen: Screen, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with pytest.raises(DatabaseError, match="restore_needs_yes"):
        bring_back(settings, screen, file)
    assert text_in(settings) != "from the backup"
    assert bring_back(settings, screen, file, yes=True)
    assert text_in(settings) == "from the backup"


def test_a_restored_database_has_nobody_signed_in_and_nothing_running(
    settings: Settings, screen: Screen, capfd: pytest.CaptureFixture[str], file: Path
) -> None:
    assert bring_back(settings, screen, file, yes=True)
    rows = everything(settings.data_dir / FILE_NAME)
    assert (rows["session"], rows["token"]) == ([], [])
    assert [dict(row)["status"] for row in rows["task"] + rows["lookup"]] == ["pending", "pending"]
    (kept,) = (settings.data_dir / "kept").iterdir()
    assert str(kept) in capfd.readouterr().err


def test_a_database_with_pages_of_another_size_is_replaced_too(settings: Settings, screen: Screen, file: Path) -> None:
    database = settings.data_dir / FILE_NAME
    execute(database, "PRAGMA journal_mode = DELETE", "PRAGMA page_size = 8192", "VACUUM", "PRAGMA journal_mode = WAL")
    assert bring_back(settings, screen, file, yes=True)
    assert "from the backup" in text_in(settings)


def test_the_database_itself_is_no_backup_of_it(settings: Settings, screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(settings.data_dir / FILE_NAME)
    for path in (settings.data_dir / FILE_NAME, tmp_path / "link.db"):
        with pytest.raises(DatabaseError, match="restore_itself"):
            bring_back(settings, screen, path, dry_run=True)


def test_what_cannot_be_read_is_shown_as_such_and_can_be_replaced(
    settings: Settings, screen: Screen, capfd: pytest.CaptureFixture[str], file: Path
) -> None:
    (settings.data_dir / FILE_NAME).write_bytes(b"broken " * 1000)
    assert bring_back(settings, screen, file, yes=True)
    assert "cannot be read" in capfd.readouterr().out
    assert text_in(settings) == "from the backup"


def test_a_hostile_name_in_a_file_does_not_reach_the_terminal(
    settings: Settings, screen: Screen, capfd: pytest.CaptureFixture[str], file: Path
) -> None:
    execute(file, 'CREATE TABLE "\x1b[2J" (a)')
    with pytest.raises(DatabaseError) as refused:
        bring_back(settings, screen, file)
    screen.say(refused.value.word, **refused.value.fields)
    assert "\x1b" not in capfd.readouterr().err


def test_the_doctor_tells_of_the_last_backup(settings: Settings, screen: Screen) -> None:
    ((well, line),) = states(settings)
    assert well
    assert "none in TRUENAME_BACKUP_DIR yet" in line
    backup(settings, screen, settings.data_dir / "elsewhere.db")
    assert states(settings) == [(well, line)]  # a copy that a person keeps is none of those that are kept by themselves
    backup(settings, screen, None)
    ((well, line),) = states(settings)
    (made,) = (settings.data_dir / "kept").iterdir()
    assert well
    assert str(made) in line
    assert "notes: 1" in line
    made.unlink()
    ((well, line),) = states(settings)
    assert not well
    assert "not there any more" in line


def test_the_doctor_tells_what_went_wrong_and_of_the_one_before(settings: Settings, screen: Screen) -> None:
    backup(settings, screen, None)
    execute(settings.data_dir / FILE_NAME, "PRAGMA foreign_keys = OFF", "UPDATE note SET person_id = 77")
    with pytest.raises(DatabaseError):
        backup(settings, screen, None)
    (bad, why), (good, _) = states(settings)
    assert (bad, good) == (False, True)
    assert "does not pass the check" in why


def test_the_doctor_tells_what_a_restore_would_refuse(
    settings: Settings, screen: Screen, capfd: pytest.CaptureFixture[str]
) -> None:
    execute(settings.data_dir / FILE_NAME, "CREATE INDEX mine ON note (version)")
    backup(settings, screen, None)
    assert "At mine" in capfd.readouterr().err
    (good, _), (bad, why) = states(settings)
    assert (good, bad) == (True, False)
    assert "At mine" in why


def test_the_doctor_knows_that_none_is_wanted(settings: Settings) -> None:
    ((well, line),) = states(settings.model_copy(update={"backup_interval_s": 0}))
    assert well
    assert "TRUENAME_BACKUP_INTERVAL_S is 0" in line


@pytest.mark.parametrize("word", ["no such word", "backup_failed", "serve_link"])
@pytest.mark.parametrize("at", [1e300, -1e300, 1.0])
def test_the_doctor_survives_a_record_that_somebody_wrote(settings: Settings, word: str, at: float) -> None:
    failed = {"at": at, "word": word, "what": "\x1b[2J", "why": "{0}"}
    (settings.data_dir / RECORD_NAME).write_text(json.dumps({"made": None, "failed": failed}))
    ((well, line), *_) = states(settings)
    assert not well
    assert "\x1b" not in line
