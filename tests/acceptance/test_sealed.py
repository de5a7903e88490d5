"""PROXY and OFFLINE, seen by the network: not one packet of the real program leaves the machine some other way.

The program runs with its own defaults in a network whose only way out is a tunnel that `tests/sealed.py` reads.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.qbittorrent import program
from tests.sealed import DEAD_PEER, NODE, PEER, TRACKER
from tests.socks import ASSOCIATE, CONNECT

ROOT = Path(__file__).parents[2]
DATAGRAM = 0
NAMED = "  Sealed.mkv\n"


def unshare() -> list[str]:
    """How to get a network of one's own. Where that is not allowed, it fails in CI and skips elsewhere."""
    program("ip")
    command = [program("unshare"), *(["--map-root-user"] if os.geteuid() else []), "--net", "--mount"]
    make_one = "import os; os.close(os.open('/dev/net/tun', os.O_RDWR))"
    if subprocess.run([*command, sys.executable, "-c", make_one], capture_output=True, check=False).returncode:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no right to make a network of one's own")
    return command


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """How each run ended, what left, and what the proxy was asked."""
    with TemporaryDirectory() as folder:
        run = [*unshare(), sys.executable, "-m", "tests.sealed", folder]
        ended = subprocess.run(run, cwd=ROOT, capture_output=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    runs: dict[str, Any] = json.loads(ended.stdout)
    return runs


def test_without_them_packets_leave_and_are_seen(told: dict[str, Any]) -> None:
    left = told["open"]["left"]
    assert f"6 {TRACKER} 80" in left
    assert f"17 {TRACKER} 6969" in left
    assert f"6 {DEAD_PEER} 6881" in left
    assert "17 192.0.2.53 53" in left


@pytest.mark.parametrize("run", ["proxied", "direct alone"])
def test_through_a_proxy_there_is_a_name_and_nothing_leaves_beside_it(told: dict[str, Any], run: str) -> None:
    assert told[run]["out"].endswith(NAMED)
    assert told[run]["left"] == []
    asked = [(command, host) for command, host, _ in told[run]["proxy"]]
    assert {(CONNECT, "tracker.example"), (CONNECT, TRACKER), (CONNECT, PEER), (CONNECT, DEAD_PEER)} <= set(asked)
    assert ((ASSOCIATE, "0.0.0.0") in asked) == (run != "direct alone")
    assert (DATAGRAM, NODE) not in asked


def test_through_a_proxy_the_swarm_asks_nodes_and_peers_and_nothing_leaves_beside_it(told: dict[str, Any]) -> None:
    assert told["swarm alone"]["left"] == []
    asked = {(command, host) for command, host, _ in told["swarm alone"]["proxy"]}
    assert {(CONNECT, DEAD_PEER), (ASSOCIATE, "0.0.0.0"), (DATAGRAM, NODE)} <= asked
    assert not asked & {(CONNECT, "tracker.example"), (CONNECT, TRACKER)}  # those are for `direct`


def test_when_the_proxy_is_down_nothing_leaves(told: dict[str, Any]) -> None:
    assert (told["down"]["status"], told["down"]["left"]) == (1, [])
    assert "The proxy of TRUENAME_PROXY does not answer" in told["down"]["err"]


def test_offline_nothing_leaves(told: dict[str, Any]) -> None:
    assert (told["offline"]["status"], told["offline"]["left"], told["offline"]["out"]) == (1, [], "")
