"""`truename serve`: the database's lock, the engine, the web server, and an end that takes seconds at most.

One server holds a data directory; all commands work beside it. A server whose database is taken away ends: what it
accepted from then on would be gone with its process.
"""

import asyncio
import fcntl
import gc
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from truename.app import Engine, open_engine
from truename.errors import TruenameError
from truename.resolvers.chain import Chain
from truename.settings import Settings
from truename.store import people
from truename.store.database import FILE_NAME
from truename.store.people import Newcomer
from truename.texts import Language
from truename.ways import open_sending
from truename.web.application import create_application
from truename.web.doors import Doors
from truename.web.entry import setup_notice
from truename.web.services import Services
from truename.web.serving import WebServer, listen
from truename.web.work import Work

_COLLECT_AFTER = (20_000, 20, 50)
LOCK_NAME = "serve.lock"
_LOOK_EVERY_S = 1.0
_END_S = 9.0


class CannotServe(TruenameError):  # noqa: N818 - named after what it is
    """The server cannot start. `word` is a sentence of `truename.texts`, `fields` what stands in it."""

    def __init__(self, word: str, **fields: object) -> None:
        super().__init__(word, *fields.values())
        self.word = word
        self.fields = fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that is up: where it is, what stands at its doors, and what its owner has to be told first."""

    address: str
    doors: Doors
    engine: Engine
    notice: str | None


@asynccontextmanager
async def serving(settings: Settings, chain: Chain, language: Language) -> AsyncIterator[Served]:
    """Serve until the block is left.

    Errors: `CannotServe` for a port in use, a data directory that another server holds, or a database that is taken
    away meanwhile; `DatabaseError`.
    """
    try:
        async with _serving(settings, chain, language) as served:
            yield served
    except BaseExceptionGroup as group:
        alone = _alone_in(group)
        if alone is None:
            raise
        raise alone from None


@asynccontextmanager
async def _serving(settings: Settings, chain: Chain, language: Language) -> AsyncIterator[Served]:
    with _port(settings) as opened, hold(settings.data_dir), open_sending(settings) as send:
        async with open_engine(settings, chain) as engine:
            stopping = asyncio.Event()
            services = Services(
                database=engine.database,
                writer=engine.writer,
                settings=settings,
                ready=lambda: not stopping.is_set(),
                foreign=lambda: engine.hub.foreign,
            )
            work = Work(
                calibrations=engine.calibrations,
                batches=engine.batches,
                watch=engine.watch,
                notes=engine.notes,
                mode=engine.mode,
                health=chain.glance,
                send=send,
                max_batch=settings.max_batch,
            )
            application = create_application(services, work)
            server = WebServer(application)
            doors: Doors = application.state.doors
            with closing(doors.passwords):
                async with asyncio.TaskGroup() as group:
                    group.create_task(server.serve(sockets=[opened]))
                    staying = group.create_task(stay_with(settings.data_dir / FILE_NAME))
                    await server.up.wait()
                    settle_heap()
                    address = _address_of(opened, settings.root_path)
                    try:
                        yield Served(
                            address=address,
                            doors=doors,
                            engine=engine,
                            notice=await setup_notice(
                                services, doors, language, url=f"{_known_address(address, settings)}/setup"
                            ),
                        )
                    finally:
                        staying.cancel()
                        stopping.set()
                        engine.hub.publish()
                        server.should_exit = True


def settle_heap() -> None:
    """Everything made so far stays to the end, so the collector of cycles need not look at it again and again.

    What a request leaves behind is freed without it; it only has to come by now and then.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def sign_in_link(served: Served, username: str) -> tuple[int, str]:
    """A new administrator without a password that anybody knows: their number, and a link that signs them in once."""
    kept = await served.doors.passwords.hash(secrets.token_urlsafe(32))
    newcomer = Newcomer(username=username, password_hash=kept, admin=True, at=time.time())
    person = await served.engine.writer.write(people.create_all, newcomer)
    if person is None:
        raise CannotServe("person_exists", username=username)
    served.doors.somebody = True
    return person.id, f"{served.address}/login?once={served.doors.links.make(person.id, time.time())}"


async def stay_with(file: Path, *, every_s: float = _LOOK_EVERY_S) -> None:
    """Look again and again whether a SQLite file and its write-ahead log are the ones that were there at first.

    Errors: `CannotServe` when they are not. Whoever has them open would go on writing where nobody will read.
    """
    first: dict[Path, tuple[int, int]] = {}
    while True:
        for one in (file, file.with_name(f"{file.name}-wal")):
            try:
                found = os.stat(one)
            except OSError:
                now = None
            else:
                now = found.st_dev, found.st_ino
                first.setdefault(one, now)
            if first.get(one) != now:
                raise CannotServe("serve_database_gone", what=str(one))
        await asyncio.sleep(every_s)


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold the data directory as its only server. The system gives it free when the process ends, however it ends.

    Errors: `CannotServe` when another server holds it, or when it is no folder that can be written to.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        why = error.strerror or str(error)
        raise CannotServe("doctor_data_dir_bad", where=str(data_dir), why=why) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise CannotServe("serve_held", where=str(data_dir)) from error
    finally:
        os.close(descriptor)


async def until_told_to_stop(*, end_s: float = _END_S) -> None:
    """Wait for SIGTERM, SIGINT or the end of the terminal; the second one ends the process at once, and so does the
    clock after `end_s`.

    A disk that does not answer must not keep it: what is not given back by then, the next start gives back.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if told.is_set():
            os._exit(128 + number)
        told.set()
        last = threading.Timer(end_s, os._exit, (128 + number,))
        last.daemon = True
        last.start()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as under `nohup`
            loop.add_signal_handler(number, stop, number)
    await told.wait()


@contextmanager
def _port(settings: Settings) -> Iterator[socket.socket]:
    try:
        opened = listen(settings.host, settings.port)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise CannotServe("serve_port", where=where, why=error.strerror or str(error)) from error
    try:
        yield opened
    finally:
        opened.close()


def _address_of(opened: socket.socket, root_path: str) -> str:
    host, port = opened.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{root_path}"


def _known_address(address: str, settings: Settings) -> str:
    """The address by which the server may be called: behind a proxy its own is perhaps none of those."""
    if not settings.allowed_hosts or urlsplit(address).hostname in settings.allowed_hosts:
        return address
    host = settings.allowed_hosts[0]
    host = f"[{host}]" if ":" in host else host
    if settings.trusted_proxies:
        return f"{host}{settings.root_path}"
    return f"http://{host}:{urlsplit(address).port}{settings.root_path}"


def _alone_in(group: BaseExceptionGroup[BaseException]) -> CannotServe | None:
    """The `CannotServe` that ended everything, if nothing else did."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return inner if isinstance(inner, CannotServe) else None
