"""The open database: one connection that writes, a few that only read, each set up as SQLite needs it.

A query is a coroutine function of a `Connection`; `read` and `write` run a whole one in a thread of the database, at
the price of one change of threads however many statements it has (docs/adr/0005). There every `execute` is done when it
returns, so a query that awaits anything but SQL is refused: no transaction can wait for the world outside.

`BEGIN IMMEDIATE` for the writer is not a matter of taste: with a deferred begin, concurrent changes fail with "database
is locked" in spite of the busy time-out, and with the driver's own begin some are lost (docs/adr/0004).
Source: https://www.sqlite.org/lang_transaction.html, https://www.sqlite.org/pragma.html
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar

import sqlalchemy
from sqlalchemy import (
    URL,
    CursorResult,
    Delete,
    Dialect,
    Engine,
    Executable,
    Insert,
    Update,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.compiler import SQLCompiler

from truename.errors import TruenameError

FILE_NAME = "truename.db"
_READERS = 4
_BUSY_TIMEOUT_MS = 5_000
_CHECKPOINT_PAGES = 2_000  # 8 MiB of log: more would hold up the commit that copies it back
_CACHE_KIB = 32_768  # a batch touches its rows several times; SQLite's own 2 MiB would read them anew each time

Given = ParamSpec("Given")
Result = TypeVar("Result")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class DatabaseError(TruenameError):
    """The database cannot be used. `word` is a sentence of `truename.texts`, `fields` what stands in it."""

    def __init__(self, word: str, **fields: str) -> None:
        super().__init__(word, *fields.values())
        self.word = word
        self.fields = fields


class StoreUnavailable(TruenameError):  # noqa: N818 - named after what it is
    """The database cannot do this now (disk, lock, too much waiting, stopping). Nothing was half written.

    Its text says why and holds nothing that a person wrote. `is_held`: another program has kept the database locked
    for longer than we wait. `is_for_good`: this is what it does not take, so to try it again is in vain.
    """

    def __init__(self, reason: str = "", *, is_held: bool = False, is_for_good: bool = False) -> None:
        super().__init__(reason)
        self.is_held = is_held
        self.is_for_good = is_for_good


class Connection(Protocol):
    """What a query needs of a database."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""

    async def execute(self, statement: Executable, parameters: Parameters | None = None, /) -> CursorResult[Any]:
        """Run a statement, once or, for a list of parameters, once for each."""


Query = Callable[Concatenate[Connection, Given], Coroutine[Any, Any, Result]]


class Database:
    """The database of a data directory. `write` belongs to the writer alone; everybody else reads.

    Errors: `StoreUnavailable` in the place of every error of SQLite, of a server or of the way to it.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self._write = _engine(url, connections=1, begin="BEGIN IMMEDIATE", read_only=False)
        self._read = _engine(url, connections=_READERS, begin="BEGIN", read_only=True)
        self._writing = ThreadPoolExecutor(1, "writing")
        self._reading = ThreadPoolExecutor(_READERS, "reading")

    @classmethod
    def at(cls, data_dir: Path) -> "Database":
        """The SQLite file of a data directory."""
        return cls(sqlite_url(data_dir / FILE_NAME))

    async def write(self, query: Query[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """Run a query as one transaction, committed when this returns. A caller that is cancelled cannot stop it."""
        work = partial(_transaction, self._write, query, *given, **named)
        return await asyncio.get_running_loop().run_in_executor(self._writing, work)

    async def read(self, query: Query[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """Run a query that only reads, all of it on one state of the database."""
        work = partial(_transaction, self._read, query, *given, **named)
        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A transaction for a command that has nothing else to do: its statements keep the loop waiting."""
        with _trouble_is_told(), self._write.begin() as connection:
            yield _Prompt(connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """The same for reading. A connection that is kept longer holds back the write-ahead log."""
        with _trouble_is_told(), self._read.begin() as connection:
            yield _Prompt(connection)

    async def aclose(self) -> None:
        """Close all connections, after what is under way. Idempotent."""
        self._reading.shutdown()
        self._writing.shutdown()
        self._read.dispose()
        self._write.dispose()


class _Prompt:
    """A connection whose statements are done when `execute` returns."""

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    async def execute(self, statement: Executable, parameters: Parameters | None = None, /) -> CursorResult[Any]:
        many = isinstance(parameters, list) and parameters
        if many and (prepared := _prepared(statement, self.dialect, frozenset(many[0]))):
            return self._connection.exec_driver_sql(prepared.sql, list(map(prepared.values, many)))
        return self._connection.execute(statement, parameters)


class _Prepared(NamedTuple):
    """A statement as the driver takes it; `values` makes out of a row what goes with it."""

    sql: str
    values: Callable[[Mapping[str, Any]], tuple[Any, ...]]


@lru_cache(maxsize=256)
def _prepared(statement: Executable, dialect: Dialect, keys: frozenset[str]) -> _Prepared | None:
    """A statement that is to be run once for each of many rows, in which only the values change.

    SQLAlchemy's own way costs as much for a row as SQLite does. None: the statement needs that way nevertheless.
    """
    if not isinstance(statement, Delete | Insert | Update):
        return None
    compiled = statement.compile(dialect=dialect, column_keys=sorted(keys))
    if not isinstance(compiled, SQLCompiler) or compiled.positiontup is None:
        return None
    names, given = compiled.positiontup, compiled.params
    is_filled_in_later = compiled.insert_prefetch or compiled.update_prefetch or "POSTCOMPILE" in compiled.string
    if is_filled_in_later or compiled.effective_returning or not keys <= set(names):
        return None
    constants = {name: given[name] for name in names if name not in keys}
    if constants:
        every = [(name, name in constants) for name in names]
        return _Prepared(
            compiled.string,
            lambda row: tuple([constants[name] if is_constant else row[name] for name, is_constant in every]),
        )
    pick = itemgetter(*names)
    return _Prepared(compiled.string, pick if len(names) > 1 else lambda row: (pick(row),))


def _transaction(engine: Engine, query: Callable[..., Coroutine[Any, Any, Any]], *given: Any, **named: Any) -> Any:
    with _trouble_is_told(), engine.begin() as connection:
        return _finished(query(_Prompt(connection), *given, **named))


@contextmanager
def _trouble_is_told() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        # SQLite's own words hold nothing that anybody wrote; those of Python's driver and of a server may.
        is_of_sqlite = hasattr(cause, "sqlite_errorcode")
        reason = str(cause) if is_of_sqlite else type(error).__name__
        is_held = getattr(cause, "sqlite_errorname", "").startswith("SQLITE_BUSY")
        is_for_good = isinstance(error, IntegrityError | DataError)
        raise StoreUnavailable(reason, is_held=is_held, is_for_good=is_for_good) from error


def _finished(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that never really waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    coroutine.close()
    raise RuntimeError("only SQL may be awaited inside a transaction")


def sqlite_url(path: Path) -> URL:
    """The address of a SQLite file, whatever characters its path has."""
    return make_url("sqlite+pysqlite://").set(database=str(path))


def _engine(url: URL, *, connections: int, begin: str, read_only: bool) -> Engine:
    # What a person wrote or is called has no place in an error or a log: no parameters there.
    engine = create_engine(url, pool_size=connections, max_overflow=0, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA trusted_schema = OFF")
        cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
