"""The watch on a clock that the test moves: what it asks for, how rarely, how long, and what a stop does to it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.integration.heart_support import (
    ALICE,
    BOB,
    HASHES,
    V2,
    Heart,
    dead,
    magnet,
    named,
    told_to_nobody,
    trouble,
    with_heart,
)
from truename import calibration
from truename.calibration import Priority, Rules, Submitted, learn_all
from truename.hub import Hub
from truename.magnet import Magnet
from truename.model import Lookup, Outcome, TaskStatus
from truename.store import tasks
from truename.store.tables import task, watch
from truename.store.tasks import TaskRow
from truename.store.watches import Watched
from truename.store.writer import Writer
from truename.watch import Watch

DAY_S = 86_400.0
SLOTS = 2
RULES = Rules(max_attempts=1, watch_delays_s=(600.0, 3600.0, DAY_S), watch_days=3)
HYBRID = f"magnet:?xt=urn:btih:{HASHES[0]}&xt=urn:btmh:1220{V2}"


def with_watch(tmp_path: Path, scenario: Callable[[Heart, Watch], Awaitable[None]], *, rules: Rules = RULES) -> None:
    """A heart whose watch writes through a writer of its own."""

    async def with_writer(heart: Heart) -> None:
        writer = Writer(heart.database)
        shared: dict[str, Any] = {"resting": lambda: False, "asked": told_to_nobody, "longest_delay_s": DAY_S}
        submit = partial(calibration.submit_all, rules=rules)
        looking = Watch(heart.database, writer, Hub(), clock=lambda: heart.now, submit=submit, slots=SLOTS, **shared)
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.run())
            try:
                await scenario(heart, looking)
            finally:
                writer.stop()

    with_heart(tmp_path, with_writer, rules=rules)


async def rows(heart: Heart) -> list[Watched]:
    async with heart.database.reading() as connection:
        return [Watched(**row._asdict()) for row in await connection.execute(select(watch))]


async def all_tasks(heart: Heart) -> list[TaskRow]:
    async with heart.database.reading() as connection:
        return list(await tasks.newest(connection, ALICE, status=None, limit=100, ended_after=0))


async def answer(heart: Heart, how: Callable[[Lookup], Outcome]) -> list[str]:
    """Take everything and let it end in one way; which hashes that were."""
    taken = await heart.take()
    if taken:
        await heart.start(*taken)
        await heart.apply(*((one, how(one)) for one in taken))
    return [one.magnet.info_hash for one in taken]


def ends_as(code: str, status: TaskStatus = TaskStatus.FAILED) -> Callable[[Lookup], Outcome]:
    """A look-up that ends with that code."""
    return lambda lookup: replace(dead(lookup), status=status, code=code, reason=code)


def of_a_script(lookup: Lookup) -> Outcome:
    return ends_as("deadline", TaskStatus.TIMEOUT)(lookup)


def claimed(lookup: Lookup) -> Outcome:
    return replace(named(lookup, "Claimed.mkv"), source="script", verified=False)


@pytest.mark.parametrize("how", [dead, trouble, of_a_script])
def test_it_asks_more_and_more_rarely_and_ends_after_its_days(tmp_path: Path, how: Callable[[Lookup], Outcome]) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        began = heart.now
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, how)
        delays = []
        while (next_at := (await rows(heart))[0].next_at) is not None:
            delays.append(next_at - heart.now)
            heart.now = next_at - 1
            assert await looking.ask() == 0
            heart.now = next_at
            assert await looking.ask() == 1
            assert await looking.ask() == 0
            assert await answer(heart, how) == [HASHES[0]]
        assert delays == [600.0, 3600.0, DAY_S, DAY_S]
        assert heart.now - began <= 3 * DAY_S
        (row,) = await rows(heart)
        assert (row.asked, row.asked_at, row.since) == (4, heart.now, began)
        heart.now += 30 * DAY_S
        assert await looking.ask() == 0

    with_watch(tmp_path, scenario)


def test_what_it_asks_and_a_person_cancels_is_asked_again_at_its_rate(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        (before,) = await rows(heart)
        heart.now += 600
        assert await looking.ask() == 1
        (asked_for,) = [row for row in await all_tasks(heart) if row.watched]
        heart.now += 30
        await heart.cancel(Submitted(task_id=asked_for.id, status=TaskStatus.PENDING))
        assert await rows(heart) == [replace(before, next_at=heart.now + 600)]

    with_watch(tmp_path, scenario)


def test_what_was_stopped_and_is_cancelled_stays_stopped(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        heart.now += 600
        await looking.ask()
        await looking.stop(ALICE, HASHES[0])
        (asked_for,) = [row for row in await all_tasks(heart) if row.watched]
        await heart.cancel(Submitted(task_id=asked_for.id, status=TaskStatus.PENDING))
        assert [row.next_at for row in await rows(heart)] == [None]

    with_watch(tmp_path, scenario)


def test_who_has_asked_for_too_much_else_is_asked_for_as_soon_as_there_is_room(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        others = await heart.submit(magnet(1), magnet(2))
        assert await looking.now(ALICE, HASHES[0])
        await looking.ask()
        assert [row.watched for row in await all_tasks(heart) if row.hash == HASHES[0]] == [False], "no room"
        await heart.cancel(*others)
        heart.now += 60
        assert await looking.ask() == 1
        assert [one.magnet.info_hash for one in await heart.take()] == [HASHES[0]]

    with_watch(tmp_path, scenario, rules=replace(RULES, max_queued_per_user=2))


def test_a_clock_set_back_for_long_does_not_put_it_to_sleep(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        heart.now -= 600
        assert await looking.ask() == 0
        heart.now -= 30 * DAY_S
        assert await looking.ask() == 1
        assert await looking.ask() == 0

    with_watch(tmp_path, scenario)


@pytest.mark.parametrize(
    ("later", "code"), [(ends_as("resolver_failed"), "resolver_failed"), (of_a_script, "deadline")]
)
def test_whatever_comes_of_what_it_asks_it_asks_more_and_more_rarely_and_tells_the_last_reason(
    tmp_path: Path, later: Callable[[Lookup], Outcome], code: str
) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        began = heart.now
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        delays = []
        while (next_at := (await rows(heart))[0].next_at) is not None:
            delays.append(next_at - heart.now)
            heart.now = next_at
            assert await looking.ask() == 1
            assert await answer(heart, later) == [HASHES[0]]
            (row,) = await rows(heart)
            assert (row.code, row.asked, row.asked_at) == (code, len(delays), heart.now)
        assert delays == [600.0, 3600.0, DAY_S, DAY_S]
        assert heart.now - began <= 3 * DAY_S

    with_watch(tmp_path, scenario)


@pytest.mark.parametrize("code", ["resolver_failed", "bad_name"])
def test_an_answer_that_there_is_no_name_begins_no_watch(tmp_path: Path, code: str) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, ends_as(code))
        assert await rows(heart) == []
        await heart.submit(magnet(0))
        await answer(heart, dead)
        assert await looking.stop(ALICE, HASHES[0])
        await heart.submit(magnet(0))
        await answer(heart, ends_as(code))
        assert [row.next_at for row in await rows(heart)] == ([None] if code == "resolver_failed" else [])

    with_watch(tmp_path, scenario)


@pytest.mark.parametrize("watch_asks", [True, False])
def test_a_proof_that_there_is_no_name_ends_the_watch(tmp_path: Path, *, watch_asks: bool) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        heart.now += 600
        if watch_asks:
            assert await looking.ask() == 1
        else:
            await heart.submit(magnet(0))
        assert await answer(heart, ends_as("bad_name")) == [HASHES[0]]
        assert await rows(heart) == []
        heart.now += DAY_S
        assert await looking.ask() == 0

    with_watch(tmp_path, scenario)


def test_a_proof_that_there_is_no_name_ends_the_watch_of_whoever_had_not_asked(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        for number in (0, 1):
            await heart.note(f"magnet:?xt=urn:btih:{HASHES[number]}")
            await heart.submit(magnet(number))
        await answer(heart, dead)
        await heart.submit(magnet(0), who=BOB)
        assert await answer(heart, ends_as("bad_name")) == [HASHES[0]]
        assert [(row.person_id, row.hash) for row in await rows(heart)] == [(ALICE, HASHES[1])]
        heart.now += 600
        assert await looking.ask() == 1
        assert await answer(heart, dead) == [HASHES[1]]

    with_watch(tmp_path, scenario)


@pytest.mark.parametrize("how", [dead, named])
def test_a_hybrid_is_asked_for_by_the_hash_that_the_person_had_asked_for(
    tmp_path: Path, how: Callable[[Lookup], Outcome]
) -> None:
    """Otherwise what comes of it would be another hash's, and the watch would go on for ever."""

    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(HYBRID)
        await heart.submit(Magnet(info_hash=V2))
        await answer(heart, dead)
        heart.now += 600
        assert await looking.ask() == 1
        assert await answer(heart, how) == [V2]
        assert [(row.hash, row.next_at) for row in await rows(heart)] == (
            [(V2, heart.now + 3600)] if how is dead else []
        )

    with_watch(tmp_path, scenario)


def test_whoever_says_stop_while_it_looks_what_is_due_is_not_asked_for_again(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        heart.now += 600
        read = heart.database.read

        async def read_then_stopped(*given: Any, **named_ones: Any) -> Any:
            found = await read(*given, **named_ones)
            assert await looking.stop(ALICE, HASHES[0])
            return found

        heart.database.read = read_then_stopped  # type: ignore[method-assign]
        assert await looking.ask() == 0
        heart.database.read = read  # type: ignore[method-assign]
        assert await answer(heart, dead) == []
        assert [row.next_at for row in await rows(heart)] == [None]

    with_watch(tmp_path, scenario)


@pytest.mark.parametrize("asks_oneself", [True, False])
def test_who_asks_oneself_after_a_stop_begins_a_new_watch_though_the_old_one_still_looks(
    tmp_path: Path, *, asks_oneself: bool
) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        heart.now += 600
        assert await looking.ask() == 1
        (running,) = await heart.take()
        await heart.start(running)
        assert await looking.stop(ALICE, HASHES[0])
        if asks_oneself:
            (again,) = await heart.submit(magnet(0))
            assert again.deduplicated
        await heart.apply((running, dead(running)))
        (row,) = await rows(heart)
        assert (row.next_at, row.since) == ((heart.now + 600, heart.now) if asks_oneself else (None, 1000.0))

    with_watch(tmp_path, scenario)


@pytest.mark.parametrize("asks_again", [False, True])
def test_what_is_asked_for_while_somebody_says_stop_begins_no_new_watch(tmp_path: Path, *, asks_again: bool) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        await heart.submit(magnet(0))
        taken = await heart.take()
        await heart.start(*taken)
        assert await looking.stop(ALICE, HASHES[0])
        if asks_again:
            await heart.submit(magnet(0))
        await heart.apply(*((one, dead(one)) for one in taken))
        (row,) = await rows(heart)
        assert (row.next_at is not None) is asks_again

    with_watch(tmp_path, scenario)


def test_a_name_that_somebody_else_found_comes_into_the_note_of_who_watches(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        mine = await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        await heart.submit(magnet(0), who=BOB)
        await answer(heart, named)
        assert await heart.text_of(mine) == f"magnet:?xt=urn:btih:{HASHES[0]}"
        assert await looking.ask() == 1
        assert await heart.text_of(mine) == f"magnet:?xt=urn:btih:{HASHES[0]}&dn=Tide%20Tables.mkv"
        assert await rows(heart) == []
        assert await looking.ask() == 0

    with_watch(tmp_path, scenario)


@pytest.mark.parametrize("how", [named, claimed])
def test_a_name_that_somebody_else_found_does_not_begin_again_what_was_stopped(
    tmp_path: Path, how: Callable[[Lookup], Outcome]
) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        assert await looking.stop(ALICE, HASHES[0])
        await heart.submit(magnet(0), who=BOB)
        await answer(heart, how)
        assert [row.next_at for row in await rows(heart)] == [None]
        heart.now += DAY_S
        assert await looking.ask() == 0

    with_watch(tmp_path, scenario)


def test_a_name_that_is_claimed_for_somebody_else_changes_nothing_in_when_it_asks(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        await answer(heart, dead)
        before = await rows(heart)
        await heart.submit(magnet(0), who=BOB)
        await answer(heart, claimed)
        assert await rows(heart) == before

    with_watch(tmp_path, scenario)


def test_a_name_that_a_command_has_found_comes_into_the_note_of_who_watches(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        mine = await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.submit(magnet(0))
        (lookup,) = await heart.take()
        await heart.start(lookup)
        await heart.apply((lookup, dead(lookup)))
        async with heart.database.writing() as connection:
            await learn_all(connection, [named(lookup)], at=heart.now, tells_batches=False)
        assert await looking.ask() == 1
        assert await heart.text_of(mine) == f"magnet:?xt=urn:btih:{HASHES[0]}&dn=Tide%20Tables.mkv"

    with_watch(tmp_path, scenario)


def test_what_somebody_has_stopped_takes_no_slot_of_the_watch(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(" ".join(f"magnet:?xt=urn:btih:{HASHES[number]}" for number in range(SLOTS)))
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[SLOTS]}", who=BOB)
        await heart.submit(*(magnet(number) for number in range(SLOTS)))
        await heart.submit(magnet(SLOTS), who=BOB)
        await answer(heart, dead)
        await heart.submit(*(magnet(number) for number in range(SLOTS)), priority=Priority.LOW)
        for number in range(SLOTS):
            assert await looking.stop(ALICE, HASHES[number])
        heart.now += 600
        assert await looking.ask() == 1
        assert HASHES[SLOTS] in [one.magnet.info_hash for one in await heart.take()]

    with_watch(tmp_path, scenario)


def test_it_asks_as_the_person_without_haste_and_for_that_person_alone(tmp_path: Path) -> None:
    async def scenario(heart: Heart, looking: Watch) -> None:
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}")
        await heart.note(f"magnet:?xt=urn:btih:{HASHES[0]}", who=BOB)
        await heart.submit(magnet(0))
        await answer(heart, dead)
        heart.now += 600
        assert await looking.ask() == 1
        async with heart.database.reading() as connection:
            asked = (await connection.execute(select(task).where(task.c.watched))).all()
        assert [(one.person_id, one.hash, one.prio, one.status) for one in asked] == [
            (ALICE, HASHES[0], 2, TaskStatus.PENDING.value)
        ]

    with_watch(tmp_path, scenario)
