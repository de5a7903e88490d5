"""Names that somebody claims and nobody has proven, on the command line: given, and shown as what they are."""

import json
from collections.abc import Mapping

import pytest

from tests.acceptance.conftest import Program
from tests.acceptance.test_resolve import ALICE
from truename.demo.swarm import LocalSwarm

HASH, OTHER = "1a" * 20, "2b" * 20
BARE = f"magnet:?xt=urn:btih:{HASH}"
CLAIM = f"{HASH}  Dunes"
SAID = {
    "en_US.UTF-8": f"{HASH}  This name is claimed by script, without proof.",
    "zh_CN.UTF-8": f"{HASH}  该名称由 script 声称，未经证实。",
}
ENGLISH = SAID["en_US.UTF-8"]
OFFLINE = {"TRUENAME_OFFLINE": "on"}


@pytest.fixture
def truename(truename: Program) -> Program:
    return truename.has_run_before()


def asking(truename: Program, text: str) -> Mapping[str, str]:
    """The environment of a program that asks a script alone."""
    script = truename.data_dir / "helper.sh"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return {"TRUENAME_RESOLVERS": "script", "TRUENAME_SCRIPT_PATH": str(script)}


def claims(truename: Program) -> Mapping[str, str]:
    return asking(truename, "echo Dunes")


def fails(truename: Program) -> Mapping[str, str]:
    return asking(truename, "echo no such torrent >&2; exit 1")


def test_a_claimed_name_is_shown_as_claimed_beside_the_answer(truename: Program) -> None:
    english, chinese = ({**claims(truename), "LANG": language} for language in SAID)
    ended = truename("resolve", HASH, environment=chinese)
    assert (ended.status, ended.lines, ended.err.splitlines()) == (0, [CLAIM], [SAID["zh_CN.UTF-8"]])
    fixed = truename("fix", stdin=f"{BARE} {BARE}&dn=x".encode(), environment=english)
    assert (fixed.status, fixed.out) == (0, f"{BARE}&dn=Dunes {BARE}&dn=Dunes".encode())
    assert fixed.err.splitlines() == [ENGLISH]


def test_who_could_not_name_it_is_quoted(truename: Program) -> None:
    environment = {**fails(truename), "LANG": "en_US.UTF-8"}
    said = f"{HASH}  A resolver answered: no such torrent"
    resolved = truename("resolve", HASH, environment=environment)
    fixed = truename("fix", stdin=BARE.encode(), environment=environment)
    assert (fixed.status, fixed.out) == (1, BARE.encode())
    assert [ended.err.splitlines() for ended in (resolved, fixed)] == [[said], [said]]


def test_what_was_claimed_once_is_given_when_nobody_names_it(truename: Program) -> None:
    """In JSON it is not verified, and nothing is said beside it. It helps no other hash."""
    first = truename("resolve", "--json", HASH, environment=claims(truename))
    body = json.loads(first.out)
    assert (first.status, first.err) == (0, "")
    assert (body["name"], body["verified"], body["source"]) == ("Dunes", False, "script")
    nobody = fails(truename)
    again = truename("resolve", HASH, environment=nobody)
    assert (again.status, again.lines, again.err.splitlines()) == (0, [CLAIM], [ENGLISH])
    fixed = truename("fix", stdin=BARE.encode(), environment=OFFLINE)
    assert (fixed.status, fixed.out, fixed.err.splitlines()) == (0, f"{BARE}&dn=Dunes".encode(), [ENGLISH])
    for how, environment in {"nobody names it": nobody, "offline": OFFLINE}.items():
        ended = truename("resolve", "--json", "--explain", HASH, OTHER, environment=environment)
        bodies = {body["info_hash"]: body for body in map(json.loads, ended.lines)}
        body = bodies[HASH]
        assert (body["status"], body["name"], body["verified"]) == ("completed", "Dunes", False), how
        assert (body["source"], body["error"], body["code"]) == ("script", None, None), how
        assert len(body["detail"]) == 2, how
        assert body["detail"][-1] == "known from before", how
        assert (ended.status, bodies[OTHER]["status"], bodies[OTHER]["name"]) == (1, "failed", None), how


def test_a_claim_stops_no_look_up_and_gives_way_to_a_proof(truename: Program, swarm: LocalSwarm) -> None:
    assert truename("resolve", ALICE, environment=claims(truename)).lines == [f"{ALICE}  Dunes"]
    named = truename("resolve", swarm.magnets[0])
    assert (named.status, named.lines, named.err) == (0, [f"{ALICE}  alice.txt"], "")
    offline = truename("resolve", ALICE, environment=OFFLINE)
    assert (offline.lines, offline.err) == ([f"{ALICE}  alice.txt"], "")
