"""The catalogue of names as `resolve` and `fix` use it: read before anything is asked, extended by what was found.

It works beside a server. When the database cannot be opened, the commands go on without it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from truename.codes import Code
from truename.magnet import InfoHash
from truename.model import Outcome, TaskStatus
from truename.store import names
from truename.store.database import FILE_NAME, Database, DatabaseError, StoreUnavailable, sqlite_url
from truename.store.migrate import migrate
from truename.store.names import KnownName
from truename.store.trouble import unusable

_EVERY_S = 0.5


class Catalogue:
    """An open catalogue, or, without a database, one that knows nothing and keeps nothing.

    `lost`: why names that were found may not have been kept; empty while all is well. `tells_batches`: a server that
    there may be beside it tells a webhook of batches that end.
    """

    def __init__(self, database: Database | None, *, tells_batches: bool = False) -> None:
        self._database = database  # None, too, after it could not be used
        self._tells_batches = tells_batches
        self._found: list[Outcome] = []
        self._claims: dict[str, Outcome] = {}
        self.lost = ""

    async def known(self, hashes: Iterable[InfoHash]) -> dict[str, Outcome]:
        """The verified names of these hashes, as outcomes that took no time; those of a hybrid say its v1 hash.

        Claimed ones stop no look-up; they are kept in mind for `or_claimed`.
        """
        if self._database is None:
            return {}
        try:
            found = await self._database.read(names.known_names, hashes)
            v1 = await self._database.read(names.v1_of, found)
        except StoreUnavailable as error:
            self._give_up(error)
            return {}
        outcomes = {one: _outcome(InfoHash(v1.get(one, one)), name) for one, name in found.items()}
        self._claims |= {one: outcome for one, outcome in outcomes.items() if not outcome.verified}
        return {one: outcome for one, outcome in outcomes.items() if outcome.verified}

    def or_claimed(self, outcome: Outcome) -> Outcome:
        """The outcome; of a look-up that found no name, and no proof that there is none, what was claimed once."""
        claim = self._claims.get(outcome.info_hash)
        if claim is None or outcome.name is not None or outcome.code == Code.BAD_NAME:
            return outcome
        return replace(claim, accounts=outcome.accounts, elapsed_s=outcome.elapsed_s)

    def keep(self, outcome: Outcome) -> None:
        """Remember a name that was found; it is written soon, and at the end."""
        if outcome.name is not None:
            self._found.append(outcome)

    async def write_until(self, ended: asyncio.Event) -> None:
        """Write what is found now and then, so that a killed command has not asked in vain, and the last at the end."""
        is_last = False
        while not is_last:
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_S):
                    await ended.wait()
            is_last = ended.is_set()
            await self.write(is_last=is_last)

    async def write(self, *, is_last: bool = True) -> None:
        """Write what has been found. While another program holds the database, that waits for the next time."""
        found, self._found = self._found, []
        try:
            await self._write(found)
        except StoreUnavailable as error:
            if error.is_held and not is_last:
                self._found = found + self._found
            else:
                self._give_up(error)

    async def _write(self, found: Sequence[Outcome]) -> None:
        """All of it, or, where one cannot be written, all the others. Errors: `StoreUnavailable`."""
        from truename.calibration import learn_all  # all of the engine, for which a known name need not wait

        if self._database is None or not found:
            return
        try:
            await self._database.write(partial(learn_all, at=time.time(), tells_batches=self._tells_batches), found)
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(found) == 1:
                self.lost = type(error).__name__
            else:
                for one in found:
                    await self._write([one])

    def _give_up(self, error: StoreUnavailable) -> None:
        self._database, self.lost = None, str(error)


@asynccontextmanager
async def open_catalogue(
    data_dir: Path, *, tells_batches: bool = False
) -> AsyncIterator[tuple[Catalogue, DatabaseError | None]]:
    """The catalogue of a data directory, made when there is none; and why it cannot be opened, if so.

    `tells_batches` see `Catalogue`.
    """
    trouble: DatabaseError | None = None
    async with AsyncExitStack() as stack:
        database: Database | None = None
        try:
            database = await stack.enter_async_context(open_database(data_dir))
        except DatabaseError as error:
            trouble = error
        catalogue = Catalogue(database, tells_batches=tells_batches)
        # No TaskGroup, which would wrap what the block raises; the task has no life beyond the block all the same.
        ended = asyncio.Event()
        writing = asyncio.create_task(catalogue.write_until(ended))
        try:
            yield catalogue, trouble
        finally:
            ended.set()
            await writing


@asynccontextmanager
async def open_database(data_dir: Path) -> AsyncIterator[Database]:
    """The database of a data directory, for a command; made when there is none. Errors: `DatabaseError`."""
    await asyncio.to_thread(_prepare, data_dir)
    database = Database(sqlite_url(data_dir / FILE_NAME))
    try:
        yield database
    finally:
        await database.aclose()


def _prepare(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise unusable(str(data_dir), error) from error
    migrate(sqlite_url(data_dir / FILE_NAME))


def _outcome(info_hash: InfoHash, known: KnownName) -> Outcome:
    return Outcome(
        info_hash=info_hash,
        status=TaskStatus.COMPLETED,
        name=known.name,
        source=known.source,
        verified=known.verified,
        name_guessed=known.guessed,
    )
