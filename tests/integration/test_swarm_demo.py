"""The demo swarm: every name crosses the wire, and the child that serves them never outlives its parent."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.resolver_contract import LONG_S, SHORT_S, run
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm, SwarmNotStarted
from truename.demo.torrents import dead_hashes, magnet_link
from truename.errors import NotYet
from truename.magnet import Magnet
from truename.metainfo import read_info
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig

PATIENCE_S = 60


@contextlib.asynccontextmanager
async def resolver() -> AsyncIterator[SwarmResolver]:
    swarm = SwarmResolver(SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True))
    try:
        yield swarm
    finally:
        await swarm.aclose()


async def endings(magnets: list[str], *, deadline_s: float) -> list[str]:
    """The name of each, or the code that says why there is none."""
    async with resolver() as swarm:
        found = await asyncio.gather(
            *(swarm.resolve(Magnet.parse(magnet), deadline_s=deadline_s) for magnet in magnets), return_exceptions=True
        )
    return [each.code if isinstance(each, NotYet) else each.name for each in found]  # type: ignore[union-attr]


def test_all_torrents_get_their_names_and_dead_hashes_do_not(local_swarm: LocalSwarm) -> None:
    async def test() -> None:
        names = [read_info(torrent.info, [torrent.info_hash]).name for torrent in local_swarm.torrents]
        assert await endings(list(local_swarm.magnets), deadline_s=LONG_S) == names
        dead = [magnet_link(each, tracker=local_swarm.addresses.tracker) for each in dead_hashes(2)]
        assert await endings(dead, deadline_s=SHORT_S) == ["no_peers", "no_peers"]

    run(test())


def test_the_seeder_gives_metadata_of_two_blocks_to_who_knows_only_its_address(local_swarm: LocalSwarm) -> None:
    async def test() -> None:
        sintel = local_swarm.torrents[2]
        assert len(sintel.info) > 16 * 1024
        magnet = magnet_link(sintel.info_hash, peer=local_swarm.addresses.peer)
        assert (await endings([magnet], deadline_s=LONG_S))[0].startswith("Sintel")

    run(test())


def test_without_seeders_nothing_is_named_though_the_tracker_says_that_all_are_there() -> None:
    async def test() -> None:
        with LocalSwarm(SwarmPlan(invented=20, seeders=False)) as swarm:
            magnets = [*swarm.magnets, *(magnet_link(t.info_hash, peer=swarm.addresses.peer) for t in swarm.torrents)]
            assert await endings(magnets, deadline_s=SHORT_S) == ["no_metadata"] * len(magnets)

    run(test())


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"GET",
        b"\r\n\r\n",
        b"\x00" * 100_000,
        b"GET /announce?info_hash=" + b"%" * 60_000,
        b"\xff" * 8 + b"\r\n\r\n",
    ],
)
def test_the_tracker_bears_whatever_it_is_sent(local_swarm: LocalSwarm, request_bytes: bytes) -> None:
    async def test() -> None:
        host, port = local_swarm.addresses.tracker.removeprefix("http://").removesuffix("/announce").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_bytes)
        with contextlib.suppress(OSError):
            await writer.drain()
            writer.write_eof()
            await reader.read()
        writer.close()
        assert await endings([local_swarm.magnets[0]], deadline_s=LONG_S) == ["alice.txt"]

    run(test())


def gone(pid: int) -> bool:
    """Wait until a process has ended, whosever child it is."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE_S)[0])
    finally:
        os.close(handle)


def child_of(swarm: LocalSwarm) -> int:
    assert swarm._child is not None
    return swarm._child.pid


def test_the_child_ends_with_the_block_and_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with LocalSwarm(SwarmPlan()) as swarm:
        child = child_of(swarm)
        assert [folder.name.startswith("truename-demo-") for folder in tmp_path.iterdir()] == [True]
    assert gone(child)
    assert list(tmp_path.iterdir()) == []


PARENT = """
import sys, time
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm, SwarmNotStarted

with LocalSwarm(SwarmPlan(dht_nodes=int(sys.argv[1]))) as swarm:
    print(swarm._child.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("dht_nodes", [0, 4])
def test_the_child_does_not_outlive_a_parent_that_is_killed(tmp_path: Path, dht_nodes: int) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(dht_nodes)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    assert gone(child)
    assert list(tmp_path.iterdir()) == []


def test_the_child_ends_cleanly_when_it_is_terminated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with LocalSwarm(SwarmPlan()) as swarm:
        child = child_of(swarm)
        os.kill(child, signal.SIGTERM)
        assert swarm._child is not None
        assert swarm._child.wait(PATIENCE_S) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", ["exit 3", "read plan; exit 0", "read plan; echo no address"])
def test_a_child_that_cannot_start_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    broken = tmp_path / "python"
    broken.write_text(f"#!/bin/sh\n{program}\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(SwarmNotStarted), LocalSwarm(SwarmPlan()):
        pass


def test_a_child_that_says_nothing_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexec sleep 600\n")
    silent.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(silent))
    monkeypatch.setattr("truename.demo.swarm._START_S", 0.2)
    with pytest.raises(SwarmNotStarted), LocalSwarm(SwarmPlan()):
        pass
