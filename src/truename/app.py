"""The composition root of the server: settings become the running service."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truename import calibration
from truename.applier import Applier
from truename.asked import Asked, Ended
from truename.batching import Batches
from truename.calibration import Census, Rules
from truename.cleaner import Cleaner
from truename.feeder import Feeder
from truename.hub import Hub
from truename.late_names import LateNames
from truename.mode import Mode
from truename.model import Lookup, Outcome
from truename.notes import Notes
from truename.outlook import Outlook
from truename.queue.base import JobQueue
from truename.queue.local import LocalQueue
from truename.resolvers.chain import Chain
from truename.service import Calibrations, Desk
from truename.settings import Settings
from truename.store.database import FILE_NAME, Database, StoreUnavailable, sqlite_url
from truename.store.keeper import Keeper
from truename.store.migrate import migrate
from truename.store.shelf import Shelf
from truename.store.trouble import unusable
from truename.store.writer import Writer
from truename.watch import Watch
from truename.ways import gateway_of

if TYPE_CHECKING:
    from truename.web.webhook import Webhook

_STOP_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The running service: what the edges use. Its loops live in the block of `open_engine`."""

    database: Database
    writer: Writer
    hub: Hub
    feeder: Feeder
    calibrations: Calibrations
    batches: Batches
    watch: Watch
    notes: Notes
    mode: Mode


@asynccontextmanager
async def open_engine(settings: Settings, chain: Chain) -> AsyncIterator[Engine]:
    """The heart and its loops on the database of the data directory.

    Whatever ran when the last server died waits again, and so does, when the block is left, what runs then.
    Errors: `DatabaseError` when the database cannot be used. The death of a loop ends the block with its error.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = sqlite_url(settings.data_dir / FILE_NAME)
    await asyncio.to_thread(migrate, url)
    queue = LocalQueue(slots=settings.slots)
    engine = _engine(settings, Database(url), queue)
    try:
        await _recover(engine.database, settings.data_dir / FILE_NAME)
        async with asyncio.TaskGroup() as writing:
            written = writing.create_task(engine.writer.run())
            await engine.mode.load()
            async with asyncio.TaskGroup() as group:
                loops = [group.create_task(loop) for loop in _loops(settings, engine, queue, chain)]
                try:
                    yield engine
                finally:
                    for loop in loops:
                        loop.cancel()
            await _give_back(engine.writer, engine.feeder)
            engine.writer.stop()
            await written
    finally:
        await engine.database.aclose()


def _engine(settings: Settings, database: Database, queue: JobQueue) -> Engine:
    """The objects, none of them running yet."""
    writer, hub, rules, census = Writer(database), Hub(), rules_of(settings), Census()

    def resting() -> bool:
        return mode.value == "off"

    def watch_resting() -> bool:
        return settings.offline or resting()

    feeder = Feeder(writer, queue, time.time, resting=resting, longest_delay_s=rules.longest_delay_s)
    mode = Mode(database, writer, settings.calibration_mode, settle=feeder.settle)
    desk = Desk(
        database=database,
        writer=writer,
        hub=hub,
        feeder=feeder,
        clock=time.time,
        rules=rules,
        census=census,
        task_ttl_s=settings.task_ttl_s,
    )
    watch = Watch(
        database,
        writer,
        hub,
        clock=time.time,
        submit=partial(calibration.submit_all, rules=rules, census=census),
        slots=settings.watch_slots or max(1, settings.slots // 10),
        resting=watch_resting,
        asked=feeder.asked,
        longest_delay_s=max(rules.watch_delays_s),
    )
    return Engine(
        database=database,
        writer=writer,
        hub=hub,
        feeder=feeder,
        calibrations=Calibrations(desk),
        batches=Batches(desk),
        watch=watch,
        notes=Notes(database, writer, hub, clock=time.time, task_ttl_s=settings.task_ttl_s),
        mode=mode,
    )


def _loops(settings: Settings, engine: Engine, queue: JobQueue, chain: Chain) -> Iterator[Coroutine[Any, Any, None]]:
    """What runs as long as the engine does. The death of one is the death of all."""

    def work(lookup: Lookup, ended: Ended[Outcome]) -> Asked[Outcome]:
        is_beside = lookup.strand > 0
        return chain.begin(lookup.magnet, ended, timeout_s=settings.lookup_timeout_s, beside=is_beside)

    writer, feeder, rules = engine.writer, engine.feeder, rules_of(settings)
    shelf = Shelf(data_dir=settings.data_dir, folder=settings.backup_folder, keep=settings.backup_keep)
    yield feeder.run()
    yield Applier(writer, queue, feeder, engine.hub, clock=time.time, rules=rules, luck=random.random).run()
    yield Outlook(writer, feeder, engine.hub).run()
    yield LateNames(engine.database, writer, engine.hub, clock=time.time).run()
    yield engine.watch.run()
    yield queue.serve(work)
    yield Cleaner(writer, time.time, task_ttl_s=settings.task_ttl_s, interval_s=settings.cleanup_interval_s).run()
    yield Keeper(shelf, time.time, interval_s=settings.backup_interval_s).run()
    if settings.tells_batches:
        yield _webhook(settings, engine).run()


def _webhook(settings: Settings, engine: Engine) -> "Webhook":
    from truename.web.webhook import Target, Webhook

    target = Target(
        url=settings.webhook_url,
        secret=settings.webhook_secret,
        allow_private=settings.allow_private_network,
        gateway=gateway_of(settings),
    )
    return Webhook(target, engine.database, engine.writer, engine.batches, clock=time.time)


def rules_of(settings: Settings) -> Rules:
    """What the owner chose, for the server and for commands beside it."""
    return Rules(
        max_attempts=1 if settings.offline else settings.max_attempts,  # what is chosen is no trouble that passes
        retry_delays_s=settings.retry_delays_s,
        max_queued=settings.max_queued,
        max_queued_per_user=settings.max_queued_per_user,
        watch_delays_s=settings.watch_delays_s,
        watch_days=settings.watch_days,
        tells_batches=settings.tells_batches,
    )


async def _recover(database: Database, file: Path) -> None:
    """Whatever was running waits again. Errors: `DatabaseError`, when the disk is full, say."""
    try:
        await database.write(calibration.recover, [time.time()])
    except StoreUnavailable as error:
        raise unusable(str(file), error) from error


async def _give_back(writer: Writer, feeder: Feeder) -> None:
    """What is out and unfinished waits again, its try not counted. If that fails, the next start does it."""
    out = list(feeder.out.every)
    with suppress(StoreUnavailable, TimeoutError):
        async with asyncio.timeout(_STOP_S):
            await asyncio.gather(*(writer.begin(calibration.give_back_all, (one, time.time())) for one in out))
