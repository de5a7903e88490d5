"""Names that somebody claims and nobody has proven, on the command line: given, and shown as what they are."""

import json
from collections.abc import Mapping

import pytest

from tests.acceptance.conftest import Program
from tests.acceptance.test_resolve import ALICE
from truename.demo.swarm import LocalSwarm

HASH = "1a" * 20
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


@pytest.mark.parametrize("language", SAID)
def test_a_claimed_name_is_shown_as_claimed_beside_the_answer(truename: Program, language: str) -> None:
    environment = {**claims(truename), "LANG": language}
    ended = truename("resolve", HASH, environment=environment)
    assert (ended.status, ended.lines, ended.err.splitlines()) == (0, [CLAIM], [SAID[language]])
    fixed = truename("fix", stdin=f"{BARE} {BARE}&dn=x".encode(), environment=environment)
    assert (fixed.status, fixed.out) == (0, f"{BARE}&dn=Dunes {BARE}&dn=Dunes".encode())
    assert fixed.err.splitlines() == [SAID[language]]


def test_in_json_it_is_not_verified_and_nothing_is_said_beside_it(truename: Program) -> None:
    ended = truename("resolve", "--json", HASH, environment=claims(truename))
    body = json.loads(ended.out)
    assert (ended.status, ended.err) == (0, "")
    assert (body["name"], body["verified"], body["source"]) == ("Dunes", False, "script")


@pytest.mark.parametrize("later", ["nobody names it", "offline"])
def test_what_was_claimed_once_is_given_when_nobody_names_it(truename: Program, later: str) -> None:
    assert truename("resolve", HASH, environment=claims(truename)).lines == [CLAIM]
    environment = OFFLINE if later == "offline" else fails(truename)
    again = truename("resolve", HASH, environment=environment)
    assert (again.status, again.lines, again.err.splitlines()) == (0, [CLAIM], [ENGLISH])
    fixed = truename("fix", stdin=BARE.encode(), environment=environment)
    assert (fixed.status, fixed.out, fixed.err.splitlines()) == (0, f"{BARE}&dn=Dunes".encode(), [ENGLISH])
    body = json.loads(truename("resolve", "--json", "--explain", HASH, environment=environment).out)
    assert (body["status"], body["name"], body["verified"]) == ("completed", "Dunes", False)
    assert (body["source"], body["error"], body["code"]) == ("script", None, None)
    assert len(body["detail"]) == 2
    assert body["detail"][-1] == "known from before"


def test_a_claim_stops_no_look_up_and_gives_way_to_a_proof(truename: Program, swarm: LocalSwarm) -> None:
    assert truename("resolve", ALICE, environment=claims(truename)).lines == [f"{ALICE}  Dunes"]
    named = truename("resolve", swarm.magnets[0])
    assert (named.status, named.lines, named.err) == (0, [f"{ALICE}  alice.txt"], "")
    offline = truename("resolve", ALICE, environment=OFFLINE)
    assert (offline.lines, offline.err) == ([f"{ALICE}  alice.txt"], "")


def test_a_claim_of_another_hash_helps_nobody(truename: Program) -> None:
    truename("resolve", HASH, environment=claims(truename))
    ended = truename("resolve", "2b" * 20, environment=OFFLINE)
    assert (ended.status, ended.out) == (1, b"")
