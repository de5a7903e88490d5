"""`resolve` and `fix` remember names: found once, answered afterwards without a network."""

import json
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.acceptance.conftest import Program, until
from tests.acceptance.test_resolve import ALICE, REAL_NAMES, dead_magnet
from truename.demo.swarm import LocalSwarm
from truename.store.database import FILE_NAME


@pytest.fixture
def truename(truename: Program) -> Program:
    return truename.has_run_before()


def names_in(truename: Program) -> set[str]:
    """What the catalogue holds."""
    with closing(sqlite3.connect(truename.data_dir / FILE_NAME)) as database:
        return {name for (name,) in database.execute("SELECT name FROM torrent")}


def test_a_name_that_resolve_or_fix_has_found_needs_no_network_again(truename: Program, swarm: LocalSwarm) -> None:
    assert truename("resolve", *swarm.magnets[:3]).status == 0
    assert truename("fix", stdin="\n".join(swarm.magnets[3:6]).encode()).status == 0
    again = truename("resolve", "--json", *REAL_NAMES)
    assert again.status == 0, again.err
    bodies = [json.loads(line) for line in again.lines]
    assert {body["info_hash"]: body["name"] for body in bodies} == REAL_NAMES
    assert {(body["source"], body["verified"], body["elapsed_s"]) for body in bodies} == {("swarm", True, 0.0)}
    fixed = truename("fix", stdin=f"magnet:?xt=urn:btih:{ALICE}\n".encode())
    assert (fixed.status, fixed.out) == (0, f"magnet:?xt=urn:btih:{ALICE}&dn=alice.txt\n".encode())


def test_nothing_but_the_catalogue_is_left_behind_and_no_task(newcomer: Program, swarm: LocalSwarm) -> None:
    newcomer("resolve", "--timeout", "1", swarm.magnets[0], dead_magnet(swarm))
    assert list(newcomer.home.iterdir()) == []
    assert newcomer.data_dir.stat().st_mode & 0o777 == 0o700
    with closing(sqlite3.connect(newcomer.data_dir / FILE_NAME)) as database:
        for statement in ("SELECT * FROM task", "SELECT * FROM lookup", "SELECT * FROM note", "SELECT * FROM person"):
            assert database.execute(statement).fetchall() == []
    assert names_in(newcomer) == {"alice.txt"}


@pytest.mark.parametrize("broken", ["not a database", "a file in the folder's place", "newer"])
def test_without_a_usable_database_it_goes_on_with_a_warning(truename: Program, swarm: LocalSwarm, broken: str) -> None:
    file = truename.data_dir / FILE_NAME
    if broken == "newer":
        with closing(sqlite3.connect(file)) as database:
            database.execute("UPDATE alembic_version SET version_num = '9999'")
            database.commit()
    elif broken == "not a database":
        file.write_text("a shopping list " * 1000)
    else:
        file.unlink()
        truename.data_dir.rmdir()
        truename.data_dir.write_text("x")
        truename.data_dir.chmod(0o600)
    ended = truename("resolve", swarm.magnets[0])
    assert ended.status == 0, ended.err
    assert ended.lines == [f"{ALICE}  alice.txt"]
    assert "the catalogue of names is not used" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_names_that_could_not_be_kept_are_told_of(truename: Program, swarm: LocalSwarm) -> None:
    assert truename("resolve", swarm.magnets[1]).status == 0  # the database is made
    with closing(sqlite3.connect(truename.data_dir / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ended = truename("resolve", swarm.magnets[0])
        other.execute("ROLLBACK")
    assert (ended.status, ended.lines) == (0, [f"{ALICE}  alice.txt"])
    (told,) = ended.err.splitlines()
    assert "names may not have been kept: database is locked" in told
    assert "alice.txt" not in names_in(truename)


def test_an_interrupted_command_keeps_what_it_had_found(truename: Program, swarm: LocalSwarm) -> None:
    with truename.started("resolve", swarm.magnets[0], dead_magnet(swarm)) as run:
        assert run.stdout is not None
        run.stdout.readline()
        assert until(lambda: names_in(truename) == {"alice.txt"})
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 130
    assert names_in(truename) == {"alice.txt"}


def test_many_commands_at_once_share_one_catalogue(truename: Program, swarm: LocalSwarm) -> None:
    with truename.started("resolve", *swarm.magnets[:6]) as one, truename.started("resolve", *swarm.magnets[:6]) as two:
        for run in (one, two):
            out, err = run.communicate(timeout=60)
            assert (run.returncode, err) == (0, b"")
            assert len(out.splitlines()) == 6
    assert names_in(truename) == set(REAL_NAMES.values())
