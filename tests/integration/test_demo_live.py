"""What `truename demo` shows: nothing before somebody can be watching, and each name as soon as it is there."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.live_support import PATIENCE_S, Live, Oracle, with_live
from truename.demo.live import Curtain, Stage, show
from truename.demo.once import DEAD
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes
from truename.magnet import Magnet
from truename.metainfo import Metainfo
from truename.resolvers.base import Trail
from truename.terminal.screen import Screen
from truename.texts import Language

LONG_S = 3600.0


class Heard(Screen):
    """A screen that hands on what it is told to write."""

    def __init__(self) -> None:
        super().__init__(Language.ENGLISH, progress=False)
        self.names: asyncio.Queue[str] = asyncio.Queue()
        self.notes: asyncio.Queue[str] = asyncio.Queue()

    def answer(self, line: str) -> None:
        self.names.put_nowait(line)

    def note(self, line: str) -> None:
        self.notes.put_nowait(line)

    async def next_name(self) -> str:
        return await asyncio.wait_for(self.names.get(), PATIENCE_S)


class BehindCurtain(Oracle):
    """Knows every name as soon as the curtain has risen for its hash."""

    def __init__(self, curtain: Curtain) -> None:
        super().__init__()
        self._curtain = curtain

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        await self._curtain.risen(magnet)
        return await super().resolve(magnet, deadline_s=deadline_s, trail=trail)


def with_show(
    folder: Path,
    swarm: LocalSwarm,
    scenario: Callable[[Live, Heard], Awaitable[None]],
    *,
    open_s: float,
    pause_s: float = 0.0,
) -> None:
    curtain = Curtain()

    async def run(site: Live) -> None:
        alice = await site.person()
        stage = Stage(
            address="http://127.0.0.1:1",
            link=f"/login?once={site.doors.links.make(alice.id, site.clock.epoch)}",
            entered=site.doors.entered,
            curtain=curtain,
            open_s=open_s,
            pause_s=pause_s,
            person_id=alice.id,
            calibrations=site.engine.calibrations,
            notes=site.engine.notes,
        )
        screen = Heard()
        async with asyncio.TaskGroup() as group:
            showing = group.create_task(show(stage, swarm, screen))
            await scenario(site, screen)
            showing.cancel()

    with_live(folder, run, oracle=lambda: BehindCurtain(curtain))


@pytest.fixture(scope="module")
def swarm() -> LocalSwarm:
    """The real torrents of a swarm that is not started: who is asked here is the oracle."""
    return LocalSwarm(SwarmPlan())


def hashes_of_last_note(swarm: LocalSwarm) -> list[str]:
    """It stands above the others on the page."""
    return [*(torrent.info_hash for torrent in swarm.torrents[5:]), *map(str, dead_hashes(DEAD))]


def test_the_names_wait_for_who_opens_the_link(swarm: LocalSwarm, tmp_path: Path) -> None:
    async def scenario(site: Live, screen: Heard) -> None:
        said = [await asyncio.wait_for(screen.notes.get(), PATIENCE_S) for _ in range(3)]
        assert said[2] == "The names come once somebody has signed in with it, or in 3600 s."
        secret = said[1].partition("once=")[2]
        browser = site.browser()
        for _ in range(5):  # whoever only looks at the link is not there yet
            assert (await browser.get("/login", params={"once": secret})).status_code == 200
        assert site.oracle.asked == []
        assert (await browser.post("/login", data={"once": secret})).status_code == 303
        notes = (await browser.get("/api/notes")).json()["notes"]
        states = [magnet["status"] for note in notes for magnet in note["magnets"]]
        assert len(states) == len(swarm.torrents) + DEAD
        assert {"pending", "running"} >= set(states[3:]), "else a page that is opened now would not follow them"
        assert (await screen.next_name())[:40] in hashes_of_last_note(swarm)

    with_show(tmp_path, swarm, scenario, open_s=LONG_S, pause_s=1.0)


def test_the_names_come_also_when_nobody_does(swarm: LocalSwarm, tmp_path: Path) -> None:
    async def scenario(site: Live, screen: Heard) -> None:
        named = {(await screen.next_name())[:40] for _ in range(len(swarm.torrents) + DEAD)}
        assert named >= {torrent.info_hash for torrent in swarm.torrents}

    with_show(tmp_path, swarm, scenario, open_s=0)


def test_a_name_does_not_wait_for_the_dead_magnets_of_its_note(swarm: LocalSwarm, tmp_path: Path) -> None:
    async def scenario(site: Live, screen: Heard) -> None:
        site.oracle.held = {str(one) for one in dead_hashes(DEAD)}
        named = {(await screen.next_name()).split("  ")[0] for _ in swarm.torrents}
        assert named == {torrent.info_hash for torrent in swarm.torrents}
        await site.oracle.let_go()

    with_show(tmp_path, swarm, scenario, open_s=0)
