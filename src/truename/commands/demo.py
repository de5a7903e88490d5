"""`truename demo`, from its arguments on; its work is `demo.once` and `demo.live`."""

import asyncio

import typer

from truename.commands.loaded import loaded_settings
from truename.commands.process import DONE, LANGUAGE, NOT_ALL, complain, run
from truename.commands.servers import run_server
from truename.demo.live import Curtain, Stage, demo_folder, demo_server_settings, show
from truename.demo.once import demo_settings, run_once
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm, SwarmNotStarted
from truename.serving import serving, sign_in_link, until_told_to_stop
from truename.terminal.screen import Screen
from truename.texts import say
from truename.ways import open_chain


def demo(*, once: bool, seeders: bool) -> None:
    """Show all of it on a swarm of its own: a server whose notes come right, or a list, `once`."""
    plan = SwarmPlan(seeders=seeders)
    try:
        with LocalSwarm(plan) as swarm:
            named = _demo_once(swarm) if once else _demo_server(swarm)
    except SwarmNotStarted:
        complain(say("demo_failed", LANGUAGE))
        raise typer.Exit(NOT_ALL) from None
    raise typer.Exit(DONE if named else NOT_ALL)


def _demo_once(swarm: LocalSwarm) -> bool:
    async def work() -> bool:
        async with open_chain(demo_settings()) as chain:
            return await run_once(chain, swarm, Screen(LANGUAGE))

    return bool(run(work()))


def _demo_server(swarm: LocalSwarm) -> bool:
    chosen = loaded_settings(warn=False).settings
    screen = Screen(LANGUAGE, progress=False)

    async def work() -> None:
        with demo_folder() as folder:
            settings = demo_server_settings(folder, host=chosen.host, port=chosen.port)
            curtain = Curtain()
            async with open_chain(settings) as chain, serving(settings, curtain.before(chain), LANGUAGE) as served:
                person_id, link = await sign_in_link(served, "demo")
                stage = Stage(
                    address=served.address,
                    link=link,
                    entered=served.doors.entered,
                    curtain=curtain,
                    person_id=person_id,
                    calibrations=served.engine.calibrations,
                    notes=served.engine.notes,
                )
                async with asyncio.TaskGroup() as group:
                    showing = group.create_task(show(stage, swarm, screen))
                    await until_told_to_stop()
                    showing.cancel()

    run_server(work())
    return True
