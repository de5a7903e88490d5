"""Brings a database to the schema of this version, once, before anything else uses it.

A SQLite file is copied aside before it is changed. A database of a newer version, or of another program, is refused and
left as it is.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from truename.store.database import DatabaseError, sync_url


def migrate(url: URL) -> None:
    """Make or bring up the schema. Blocks; call it in a thread.

    Errors: `DatabaseError` when the database is newer than this program, is another program's, or cannot be used.
    """
    engine = create_engine(sync_url(url))
    what = url.database or ""
    try:
        with engine.connect() as connection:
            current = _state(connection, what)
        if current == _newest():
            return
        if current is not None and url.get_backend_name() == "sqlite":
            _copy_aside(Path(what), current)
        with engine.begin() as connection:
            command.upgrade(_config(connection), "head")
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise DatabaseError("database_unusable", what=what, why=_reason(error)) from error
    finally:
        engine.dispose()


def _state(connection: Connection, what: str) -> str | None:
    """The revision the database is at, or None when it is empty."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None and inspect(connection).get_table_names():
        raise DatabaseError("database_of_another_program", what=what)
    if current is not None and current not in {script.revision for script in _scripts().walk_revisions()}:
        raise DatabaseError("database_newer", what=what)
    return current


def _copy_aside(path: Path, revision: str) -> None:
    """A copy beside the file, by SQLite itself, so that the write-ahead log is in it."""
    target = path.with_name(f"{path.name}.before-{revision}")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    target.chmod(0o600)


def _newest() -> str | None:
    return _scripts().get_current_head()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "truename.store:migrations")
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _reason(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause) or type(error).__name__
