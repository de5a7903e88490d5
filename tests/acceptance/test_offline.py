"""The program with OFFLINE on: no child, no connection, and a sentence that says why."""

import socket

import pytest

from tests.acceptance.conftest import Program
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import magnet_link

OFFLINE = {"TRUENAME_OFFLINE": "on"}
NOBODY = "0123456789" * 4


@pytest.fixture
def truename(truename: Program) -> Program:
    return truename.has_run_before()


def test_what_is_known_is_named_and_nothing_else_is_asked(truename: Program, swarm: LocalSwarm) -> None:
    known = swarm.magnets[0]
    first = truename("resolve", known)
    assert first.status == 0
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        where = f"127.0.0.1:{canary.getsockname()[1]}"
        magnet = magnet_link(NOBODY, tracker=f"http://{where}/announce", peer=where)
        ended = truename("resolve", "--explain", known, magnet, environment=OFFLINE)
        fixed = truename("fix", "-", stdin=magnet.encode(), environment=OFFLINE)
        try:
            canary.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError("somebody was asked")
    assert (ended.status, fixed.status, fixed.out) == (1, 1, magnet.encode())
    assert ended.lines == first.lines
    assert "TRUENAME_OFFLINE is on" in ended.err
    assert "TRUENAME_OFFLINE is on" in fixed.err


def test_doctor_says_that_it_is_as_it_was_wanted(truename: Program) -> None:
    ended = truename("doctor", environment=OFFLINE | {"TRUENAME_RESOLVERS": "swarm,direct,qbittorrent,script"})
    assert ended.status == 0
    assert "✓ offline: TRUENAME_OFFLINE is on" in ended.out.decode()
    assert "swarm" not in ended.out.decode()
