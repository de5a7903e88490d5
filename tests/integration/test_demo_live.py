"""What `truename demo` shows: nothing before somebody can be watching, and each name as soon as it is there."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.live_support import PATIENCE_S, Live, with_live
from truename.demo.live import Stage, show
from truename.demo.once import DEAD
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes
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


def with_show(
    folder: Path, swarm: LocalSwarm, scenario: Callable[[Live, Heard], Awaitable[None]], *, open_s: float
) -> None:
    async def run(site: Live) -> None:
        alice = await site.person()
        stage = Stage(
            address="http://127.0.0.1:1",
            link=f"/login?once={site.doors.links.make(alice.id, site.clock.epoch)}",
            entered=site.doors.entered,
            open_s=open_s,
            pause_s=0,
            person_id=alice.id,
            calibrations=site.engine.calibrations,
            notes=site.engine.notes,
        )
        screen = Heard()
        async with asyncio.TaskGroup() as group:
            showing = group.create_task(show(stage, swarm, screen))
            await scenario(site, screen)
            showing.cancel()

    with_live(folder, run)


@pytest.fixture(scope="module")
def swarm() -> LocalSwarm:
    """The real torrents of a swarm that is not started: who is asked here is the oracle."""
    return LocalSwarm(SwarmPlan())


def hashes_of_first_note(swarm: LocalSwarm) -> list[str]:
    return [torrent.info_hash for torrent in swarm.torrents[:2]]


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
        assert sum(len(note["magnets"]) for note in notes) == len(swarm.torrents) + DEAD
        assert (await screen.next_name())[:40] in hashes_of_first_note(swarm)

    with_show(tmp_path, swarm, scenario, open_s=LONG_S)


def test_the_names_come_also_when_nobody_does(swarm: LocalSwarm, tmp_path: Path) -> None:
    async def scenario(site: Live, screen: Heard) -> None:
        assert (await screen.next_name())[:40] in hashes_of_first_note(swarm)

    with_show(tmp_path, swarm, scenario, open_s=0)


def test_a_name_does_not_wait_for_the_dead_magnets_of_its_note(swarm: LocalSwarm, tmp_path: Path) -> None:
    async def scenario(site: Live, screen: Heard) -> None:
        site.oracle.held = {str(one) for one in dead_hashes(DEAD)}
        named = {(await screen.next_name()).split("  ")[0] for _ in swarm.torrents}
        assert named == {torrent.info_hash for torrent in swarm.torrents}
        await site.oracle.let_go()

    with_show(tmp_path, swarm, scenario, open_s=0)
