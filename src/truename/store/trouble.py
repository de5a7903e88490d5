"""What to tell of a database that could not be used."""

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from truename.store.database import DatabaseError
from truename.store.disk import free_bytes

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_TOO_LITTLE_BYTES = 64 << 10
"""Where there is no room for the files beside its own, SQLite speaks of trouble with the disk."""

_PRIMARY = 0xFF
"""An extended code of SQLite has its primary one in the lowest byte."""


def unusable(what: str, error: Exception) -> DatabaseError:
    """The error for `what`; trouble that a person ends, and not by looking at the file, has words of its own."""
    causes = list(_causes(error))
    codes = {cause.sqlite_errorcode & _PRIMARY for cause in causes if hasattr(cause, "sqlite_errorcode")}
    is_full = sqlite3.SQLITE_FULL in codes or any(isinstance(each, OSError) and each.errno in _FULL for each in causes)
    if is_full or (sqlite3.SQLITE_IOERR in codes and free_bytes(Path(what).parent) < _TOO_LITTLE_BYTES):
        return DatabaseError("database_full", what=what)
    if sqlite3.SQLITE_BUSY in codes:
        return DatabaseError("database_held", what=what)
    return DatabaseError("database_unusable", what=what, why=_reason_of(error))


def _reason_of(error: Exception) -> str:
    """In the words of SQLite or the system."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause) or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, DBAPIError) and error.orig is not None:
            yield error.orig
        error = error.__cause__
