"""Runs the migrations, on a connection that somebody else owns."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, inspect, literal, select, table

from truename.store.files import SCHEMA
from truename.store.migrations import KNOWN, NEWEST
from truename.store.schema import Row, differences


def upgrade(connection: Connection, revision: str | None = None) -> None:
    """Bring the schema to a revision, the newest one unless another is named."""
    command.upgrade(config(connection), revision or NEWEST)


def current_revision(connection: Connection) -> str | None:
    """What the database says of itself; None when it says nothing."""
    return MigrationContext.configure(connection).get_current_revision()


def is_begun(connection: Connection) -> bool:
    """Whether this is a SQLite database whose maker was killed before it had a revision, as earlier versions left it.

    It is a part of what the first migration makes, with the table of the revision, and there is no row in it.
    """
    if connection.dialect.name != "sqlite":
        return False
    names = inspect(connection).get_table_names()
    return (
        "alembic_version" in names
        and all(each.kind == "missing" for each in differences(_schema(connection), _first_schema()))
        and not any(connection.execute(select(literal(1)).select_from(table(name)).limit(1)).all() for name in names)
    )


def remove_begun(connection: Connection) -> None:
    """Remove the tables of such a database. One without tables stays as it is."""
    begun = MetaData()
    begun.reflect(connection)
    begun.drop_all(connection, checkfirst=False)


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


def _first_schema() -> list[Row]:
    """What the first migration makes."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            upgrade(connection, KNOWN[0])
            return _schema(connection)
    finally:
        engine.dispose()


def _schema(connection: Connection) -> list[Row]:
    return [(kind, name, of, sql) for kind, name, of, sql in connection.exec_driver_sql(SCHEMA)]
