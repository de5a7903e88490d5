"""Runs the migrations, on a connection that somebody else owns."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from truename.store.migrations import NEWEST


def upgrade(connection: Connection, revision: str | None = None) -> None:
    """Bring the schema to a revision, the newest one unless another is named."""
    command.upgrade(config(connection), revision or NEWEST)


def current_revision(connection: Connection) -> str | None:
    """What the database says of itself; None when it says nothing."""
    return MigrationContext.configure(connection).get_current_revision()


def known_revisions() -> set[str]:
    """All that this version knows."""
    return {script.revision for script in _scripts().walk_revisions()}


def head() -> str | None:
    """The newest one."""
    return _scripts().get_current_head()


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, for this package's own migrations."""
    made = Config()
    made.set_main_option("script_location", "truename.store:migrations")
    made.set_main_option("path_separator", "os")
    if connection is not None:
        made.attributes["connection"] = connection
    return made


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(config())
