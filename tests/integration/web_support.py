"""A whole web application on a new database, called through ASGI, with a clock of its own and cheap hashes."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from tests.databases import empty_database
from truename.batching import Batches
from truename.calibration import Census, Rules, submit_all
from truename.feeder import Feeder
from truename.hub import Hub
from truename.mode import Mode
from truename.notes import Notes
from truename.queue.local import LocalQueue
from truename.service import Calibrations, Desk
from truename.settings import Settings
from truename.store import people
from truename.store.database import FILE_NAME, Database, sqlite_url
from truename.store.people import Newcomer, Person, digest_of
from truename.store.writer import Writer
from truename.watch import Watch
from truename.web.application import create_application
from truename.web.doors import Doors
from truename.web.passwords import Passwords
from truename.web.services import Services
from truename.web.work import Work

PASSWORD = "correct horse battery"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PAGE = {"Accept": "text/html,*/*"}
ENGLISH = {"Accept-Language": "en"}


@dataclass
class Clock:
    """Stands still until a test moves it."""

    epoch: float = 1_700_000_000.0
    mono: float = 1000.0

    def move(self, seconds: float) -> None:
        self.epoch += seconds
        self.mono += seconds


@dataclass
class Site:
    """The application and what it stands on."""

    database: Database
    writer: Writer
    application: FastAPI
    passwords: Passwords
    clock: Clock
    ready: list[bool] = field(default_factory=lambda: [True])

    @property
    def doors(self) -> Doors:
        doors: Doors = self.application.state.doors
        return doors

    def browser(
        self, *, base: str = "http://127.0.0.1:8484", peer: str = "192.0.2.1", **kwargs: Any
    ) -> httpx.AsyncClient:
        """A client with a cookie jar of its own."""
        transport = httpx.ASGITransport(app=self.application, client=(peer, 4711))
        return httpx.AsyncClient(transport=transport, base_url=base, **kwargs)

    async def person(self, name: str = "alice", *, admin: bool = False) -> Person:
        kept = await self.passwords.hash(PASSWORD)
        newcomer = Newcomer(username=name, password_hash=kept, admin=admin, at=self.clock.epoch)
        made = await self.writer.write(people.create_all, newcomer)
        assert made is not None
        return made

    async def signed_in(self, name: str = "alice", *, admin: bool = False, **kwargs: Any) -> httpx.AsyncClient:
        """A browser in which somebody, made if need be, is signed in."""
        async with self.database.reading() as connection:
            there = await people.find(connection, name)
        if there is None:
            await self.person(name, admin=admin)
        browser = self.browser(**kwargs)
        answer = await sign_in(browser, name)
        assert answer.status_code == 303, answer.text
        return browser

    async def token(self, who: Person, secret: str = "a token for the tests") -> dict[str, str]:  # noqa: S107
        await self.writer.write(people.set_token_all, (who.id, digest_of(secret), self.clock.epoch))
        return {"Authorization": f"Bearer {secret}"}


async def sign_in(
    browser: httpx.AsyncClient, name: str = "alice", password: str = PASSWORD, **more: str
) -> httpx.Response:
    return await browser.post("/login", data={"username": name, "password": password, **more})


def work_on(database: Database, writer: Writer, clock: Clock) -> Work:
    """The heart behind the routes, with nobody who looks anything up."""
    hub = Hub()

    def now() -> float:
        return clock.epoch

    feeder = Feeder(writer, LocalQueue(slots=1), now, resting=lambda: True)
    rules, census = Rules(), Census()
    desk = Desk(
        database=database,
        writer=writer,
        hub=hub,
        feeder=feeder,
        clock=now,
        rules=rules,
        census=census,
        task_ttl_s=3600,
    )
    return Work(
        calibrations=Calibrations(desk),
        batches=Batches(desk),
        watch=Watch(
            database,
            writer,
            hub,
            clock=now,
            submit=partial(submit_all, rules=rules),
            slots=1,
            resting=lambda: True,
            asked=feeder.asked,
        ),
        notes=Notes(database, writer, hub, clock=now, task_ttl_s=3600),
        mode=Mode(database, writer, "async", settle=feeder.settle),
    )


@asynccontextmanager
async def site_in(folder: Path, *, cheap: Passwords | None = None, **settings: Any) -> AsyncIterator[Site]:
    """A site on a new database."""
    (folder / FILE_NAME).write_bytes(empty_database())
    database = Database(sqlite_url(folder / FILE_NAME))
    writer, clock, ready = Writer(database), Clock(), [True]
    running = asyncio.ensure_future(writer.run())
    passwords = cheap or Passwords(CHEAP)
    services = Services(
        database=database,
        writer=writer,
        settings=Settings(data_dir=folder, **settings),
        clock=lambda: clock.epoch,
        monotonic=lambda: clock.mono,
        ready=lambda: ready[0],
    )
    application = create_application(services, work_on(database, writer, clock), passwords=passwords)
    try:
        yield Site(database, writer, application, passwords, clock, ready)
    finally:
        passwords.close()
        writer.stop()
        await running
        await database.aclose()


def with_site(
    tmp_path: Path, scenario: Callable[[Site], Awaitable[None]], *, cheap: Passwords | None = None, **settings: Any
) -> None:
    """Run a scenario on a new database."""

    async def run() -> None:
        async with site_in(tmp_path, cheap=cheap, **settings) as site:
            await scenario(site)

    asyncio.run(run())


def cookie_of(answer: httpx.Response) -> tuple[str, str, set[str]]:
    """Name, value and attributes of the one cookie that is set."""
    (header,) = answer.headers.get_list("set-cookie")
    first, *attributes = (part.strip() for part in header.split(";"))
    name, _, value = first.partition("=")
    return name, value, {attribute.lower() for attribute in attributes}


def message_in(answer: httpx.Response) -> str:
    """What a page says went wrong."""
    found = re.search(r'role="alert">([^<]*)<', answer.text)
    return found[1] if found else ""
