"""What is told of a database that cannot be used."""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from truename.store import trouble
from truename.store.database import StoreUnavailable
from truename.store.trouble import unusable


def refused_by_sqlite(file: Path) -> sqlite3.Error:
    """What SQLite says of a disk without room."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE t (b BLOB)")
        database.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as refused:
            database.execute("INSERT INTO t VALUES (zeroblob(100000))")
    return refused.value


def held(file: Path) -> sqlite3.Error:
    with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(file, timeout=0)) as other:
        one.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as refused:
            other.execute("CREATE TABLE t (b BLOB)")
    return refused.value


def test_a_full_disk_is_told_as_such_whoever_noticed_it(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    error = refused_by_sqlite(file)
    wrapped = StoreUnavailable("why")
    wrapped.__cause__ = OperationalError("INSERT", None, error)
    for each in (error, wrapped, OperationalError("INSERT", None, error), OSError(errno.ENOSPC, "no space")):
        assert unusable(str(file), each).word == "database_full"


def test_a_database_that_another_program_holds_is_told_as_such(tmp_path: Path) -> None:
    assert unusable("x", held(tmp_path / "x.db")).word == "database_held"


@pytest.mark.parametrize(("free", "word"), [(0.0, "database_full"), (1e9, "database_unusable")])
def test_trouble_with_a_disk_that_has_no_room_is_for_want_of_it(
    free: float, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble, "free_bytes", lambda _: free)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    told = unusable("/data/truename.db", error)
    assert told.word == word
    assert told.fields.get("why", "disk I/O error") == "disk I/O error"


def test_everything_else_is_told_in_the_words_of_who_noticed_it() -> None:
    assert unusable("x", PermissionError(errno.EACCES, "Permission denied")).fields["why"] == "Permission denied"
    assert unusable("x", ValueError()).fields["why"] == "ValueError"
