"""The whole service in one process: the web application on a running engine, whose resolver the test holds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.databases import empty_database
from tests.integration.web_support import CHEAP, Clock, Site
from truename.app import Engine, open_engine
from truename.errors import NotYet, Refused
from truename.magnet import Magnet
from truename.metainfo import Metainfo
from truename.resolvers.base import Claim, Found, ResolverHealth, Trail
from truename.resolvers.chain import Chain
from truename.settings import Settings
from truename.store.database import FILE_NAME
from truename.web.application import create_application
from truename.web.passwords import Passwords
from truename.web.services import Services
from truename.web.serving import WebServer, listen
from truename.web.work import Work

PATIENCE_S = 60.0
HYBRID_V1, HYBRID_V2 = "a1" * 20, "b2" * 32


class Oracle:
    """A resolver that knows every name at once, except of hashes that are `held` until let go, `dead`, or `refused`."""

    name = "swarm"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.held: set[str] = set()
        self.dead: set[str] = set()
        self.refused: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.claims: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self._changed = asyncio.Condition()

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Found:
        info_hash = str(magnet.info_hash)
        async with self._changed:
            self.asked.append(info_hash)
            self._changed.notify_all()
            await self._changed.wait_for(lambda: info_hash not in self.held)
        if trail is not None and self.counts:
            trail.note(self.counts)
        if info_hash in self.dead:
            raise NotYet(peers_seen=0)
        if info_hash in self.refused:
            raise Refused(self.refused[info_hash])
        if info_hash in self.claims:
            return Claim(self.claims[info_hash])
        return found(magnet, self.names.get(info_hash, f"Name of {info_hash[:4]}.mkv"))

    async def let_go(self, *hashes: str) -> None:
        async with self._changed:
            self.held -= set(hashes or self.held)
            self._changed.notify_all()

    async def until_asked(self, info_hash: str) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: info_hash in self.asked)

    async def health(self) -> ResolverHealth:
        return ResolverHealth(able=True)

    async def aclose(self) -> None:
        return


def found(magnet: Magnet, name: str) -> Metainfo:
    hybrid = magnet.info_hash in (HYBRID_V1, HYBRID_V2)
    return Metainfo(
        info_hash=type(magnet.info_hash)(HYBRID_V1) if hybrid else magnet.info_hash,
        info_hash_v2=type(magnet.info_hash)(HYBRID_V2) if hybrid else None,
        name=name,
        raw_name=name.encode(),
        name_guessed=False,
        size_bytes=1,
        file_count=1,
        files=(),
    )


@dataclass
class Live(Site):
    """A site with its engine and its resolver."""

    engine: Engine = field(kw_only=True)
    oracle: Oracle = field(kw_only=True)
    work: Work = field(kw_only=True)

    async def ended(self, client: httpx.AsyncClient, *task_ids: str) -> list[dict[str, Any]]:
        """Wait until these tasks have ended; what their statuses say then."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                seen = self.engine.hub.count
                bodies = [(await client.get(f"/api/calibrate/status/{one}")).json() for one in task_ids]
                if all(body["status"] not in ("pending", "running") for body in bodies):
                    return bodies
                await self.engine.hub.wait(seen, timeout_s=1)

    async def until(self, client: httpx.AsyncClient, task_id: str, status: str) -> dict[str, Any]:
        """Wait until a task has a status; what it says then."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                seen = self.engine.hub.count
                body: dict[str, Any] = (await client.get(f"/api/calibrate/status/{task_id}")).json()
                if body["status"] == status:
                    return body
                await self.engine.hub.wait(seen, timeout_s=1)


def with_live(
    folder: Path,
    scenario: Callable[[Live], Awaitable[None]],
    *,
    sync_wait_s: float = 60.0,
    oracle: Callable[[], Oracle] = Oracle,
    **settings: Any,
) -> None:
    """Run a scenario on the database of the folder, which is new at the first time."""

    async def run() -> None:
        async with live(folder, oracle(), sync_wait_s=sync_wait_s, **settings) as site:
            await scenario(site)

    asyncio.run(run())


@asynccontextmanager
async def live(folder: Path, oracle: Oracle, *, sync_wait_s: float = 60.0, **settings: Any) -> AsyncIterator[Live]:
    if not (folder / FILE_NAME).exists():
        (folder / FILE_NAME).write_bytes(empty_database())
    chosen = Settings.model_validate({"data_dir": folder, **settings})
    async with open_engine(chosen, Chain([oracle])) as engine:
        ready, clock, passwords = [True], Clock(), Passwords(CHEAP)
        services = Services(
            database=engine.database,
            writer=engine.writer,
            settings=chosen,
            clock=lambda: clock.epoch,
            monotonic=lambda: clock.mono,
            ready=lambda: ready[0],
            foreign=lambda: engine.hub.foreign,
        )
        work = Work(
            calibrations=engine.calibrations,
            batches=engine.batches,
            watch=engine.watch,
            notes=engine.notes,
            mode=engine.mode,
            max_batch=chosen.max_batch,
            sync_wait_s=sync_wait_s,
        )
        application = create_application(services, work, passwords=passwords)
        try:
            yield Live(
                engine.database,
                engine.writer,
                application,
                passwords,
                clock,
                ready,
                engine=engine,
                oracle=oracle,
                work=work,
            )
        finally:
            passwords.close()


@asynccontextmanager
async def listening(site: Site) -> AsyncIterator[str]:
    """A real server under the site; its address."""
    opened = listen("127.0.0.1", 0)
    server = WebServer(site.application)
    running = asyncio.ensure_future(server.serve(sockets=[opened]))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await server.up.wait()
        yield f"http://127.0.0.1:{opened.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        opened.close()
