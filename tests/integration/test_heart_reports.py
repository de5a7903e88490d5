"""Reports that come in one group: which of them count, whatever else comes with them."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.integration.heart_support import HASHES, V2, Heart, dead, magnet, named, trouble, with_heart
from truename import calibration
from truename.calibration import Told
from truename.model import Lookup, Outcome, TaskStatus
from truename.queue.base import Report
from truename.store import names
from truename.store.tables import last_failure


async def two_deliveries(heart: Heart) -> tuple[Lookup, Lookup]:
    """An old delivery of a look-up, given back, and the one that counts."""
    (old,) = await heart.take()
    await heart.start(old)
    await heart.write(calibration.give_back_all, [(old, heart.now)])
    (current,) = await heart.take()
    return old, current


@pytest.mark.parametrize("late_first", [True, False])
def test_a_late_failure_beside_the_one_that_counts_changes_nothing(tmp_path: Path, late_first: bool) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        await heart.start(current)
        late = (old, replace(dead(old), status=TaskStatus.FAILED, code="bad_name", reason="bad_name"))
        reports = [late, (current, dead(current))] if late_first else [(current, dead(current)), late]
        assert await heart.apply(*reports) == [not late_first, late_first]
        ended = await heart.task(submitted)
        assert (ended.status, ended.code) == (TaskStatus.TIMEOUT, "no_peers")
        async with heart.database.reading() as connection:
            assert (await connection.execute(select(last_failure.c.code))).scalars().all() == ["no_peers"]

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("late_first", [True, False])
def test_a_late_beginning_beside_the_one_that_counts_changes_nothing(tmp_path: Path, late_first: bool) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        both = [old, current] if late_first else [current, old]
        assert await heart.start(*both) == [not late_first, late_first]
        running = await heart.task(submitted)
        assert (running.status, running.attempt) == (TaskStatus.RUNNING, 1)

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("late_first", [True, False])
def test_what_comes_back_late_beside_what_comes_back_now_changes_nothing(tmp_path: Path, late_first: bool) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        both = [old, current] if late_first else [current, old]
        answers = await heart.write(calibration.give_back_all, [(one, heart.now) for one in both])
        assert answers == [not late_first, late_first]
        assert len(await heart.take()) == 1

    with_heart(tmp_path, scenario)


def test_a_beginning_and_a_failure_of_different_deliveries_do_not_make_one(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        told = [
            Told(report=Report(lookup=current), at=heart.now),
            Told(report=Report(lookup=old, outcome=dead(old)), at=heart.now),
        ]
        assert await heart.write(heart.apply_all, told) == [True, False]
        assert (await heart.task(submitted)).status is TaskStatus.RUNNING

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("end", [dead, trouble])
def test_a_failure_that_is_told_twice_in_one_group_counts_once(tmp_path: Path, end: object) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        (taken,) = await heart.take()
        await heart.start(taken)
        outcome: Outcome = dead(taken) if end is dead else trouble(taken)
        await heart.apply((taken, outcome), (taken, outcome))
        ended = await heart.task(submitted)
        assert (ended.status, ended.attempt) == (outcome.status, 1)

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("claimed_first", [True, False])
def test_of_a_claimed_and_a_proven_name_in_one_group_the_proven_one_counts(tmp_path: Path, claimed_first: bool) -> None:
    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(magnet(0))
        old, current = await two_deliveries(heart)
        claimed = (old, replace(named(old, "Claimed.mkv"), source="script", verified=False))
        proven = (current, named(current, "True.mkv"))
        await heart.apply(*([claimed, proven] if claimed_first else [proven, claimed]))
        done = await heart.task(submitted)
        assert (done.name, done.verified) == ("True.mkv", True)
        async with heart.database.reading() as connection:
            known = await names.known_names(connection, [HASHES[0]])
        assert (known[HASHES[0]].name, known[HASHES[0]].verified) == ("True.mkv", True)

    with_heart(tmp_path, scenario)


def test_a_beginning_counts_beside_the_name_of_another_torrent(tmp_path: Path) -> None:
    """Otherwise the look-up of a magnet that lies about its second hash would go round for ever."""

    async def scenario(heart: Heart) -> None:
        (submitted,) = await heart.submit(replace(magnet(0), info_hash_v2=V2))
        (taken,) = await heart.take()
        other = replace(named(taken, "Of another torrent.mkv"), info_hash=V2)
        told = [Told(report=Report(lookup=taken, outcome=outcome), at=heart.now) for outcome in (None, other)]
        assert await heart.write(heart.apply_all, told) == [True, True]
        ended = await heart.task(submitted)
        assert (ended.status, ended.code, ended.attempt) == (TaskStatus.TIMEOUT, "no_metadata", 1)
        assert await heart.take() == []

    with_heart(tmp_path, scenario)


def test_a_delivery_that_ran_twice_ends_as_it_was_first_told(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        first, second = await heart.submit(magnet(0), magnet(1))
        one, two = await heart.take()
        await heart.start(one, two)
        broken = replace(dead(two), status=TaskStatus.FAILED, code="bad_name", reason="bad_name")
        await heart.apply((one, replace(broken, info_hash=HASHES[0])), (two, dead(two)), (two, broken))
        assert ((await heart.task(first)).code, (await heart.task(second)).code) == ("bad_name", "no_peers")

    with_heart(tmp_path, scenario)
