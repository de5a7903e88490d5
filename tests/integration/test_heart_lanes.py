"""Who is next: shares between priorities, ranks between people, and what joining and cancelling do to them."""

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.integration.heart_support import BOB, CAROL, HASHES, Heart, dead, magnet, named, trouble, with_heart
from truename import calibration
from truename.calibration import Priority, Rules, Submitted
from truename.model import Lookup, TaskStatus
from truename.store.tables import virtual

HIGH, NORMAL, LOW = Priority


def numbers(taken: list[Lookup]) -> list[int]:
    """Which of `HASHES` they are."""
    return [HASHES.index(one.magnet.info_hash) for one in taken]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20, 64])
def test_the_shares_hold_however_few_are_taken_at_a_time(tmp_path: Path, count: int) -> None:
    async def scenario(heart: Heart) -> None:
        for priority in Priority:
            start = 300 * priority
            await heart.submit(*(magnet(number) for number in range(start, start + 300)), priority=priority)
        taken: Counter[int] = Counter()
        while (turn := taken.total()) < 200:
            some = await heart.take_some(count, turn=turn)
            assert len(some) == count
            taken.update(one.prio for one in some)
        assert taken[HIGH] == pytest.approx(taken.total() * 0.80, abs=2)
        assert taken[NORMAL] == pytest.approx(taken.total() * 0.15, abs=1)
        assert taken[LOW] == pytest.approx(taken.total() * 0.05, abs=1)

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("turn", [0, 3, 12])
def test_never_more_are_taken_than_there_is_room_for_and_none_is_left_for_want_of_a_share(
    tmp_path: Path, turn: int
) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0), magnet(1), priority=LOW)
        await heart.submit(magnet(2), priority=NORMAL)
        assert len(await heart.take_some(1, turn=turn)) == 1
        assert len(await heart.take_some(2, turn=turn + 1)) == 2
        assert await heart.take_some(2, turn=turn + 3) == []
        assert await heart.take_some(0, turn=turn + 3) == []

    with_heart(tmp_path, scenario)


def test_what_comes_back_does_not_turn_the_ranks_back(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(*(magnet(number) for number in range(5)))
        (first,) = await heart.take({NORMAL: 1})
        await heart.take({NORMAL: 4})
        await heart.submit(*(magnet(number) for number in (10, 11, 12)), who=BOB)
        await heart.write(calibration.give_back_all, [(first, heart.now)])
        assert numbers(await heart.take({NORMAL: 1})) == [0]
        await heart.submit(*(magnet(number) for number in (20, 21, 22)), who=CAROL)
        assert numbers(await heart.take({NORMAL: 6})) == [10, 20, 11, 21, 12, 22]

    with_heart(tmp_path, scenario)


def test_who_cancels_the_first_ones_still_has_the_rest_in_the_order_given(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        submitted = await heart.submit(*(magnet(number) for number in range(10)))
        await heart.cancel(*submitted[:5])
        await heart.submit(magnet(10), magnet(11))
        assert numbers(await heart.take()) == [5, 6, 7, 8, 9, 10, 11]

    with_heart(tmp_path, scenario)


def test_who_cancels_everything_does_not_stand_behind_ghosts(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        await heart.take()
        await heart.cancel(*await heart.submit(*(magnet(number) for number in range(1, 100))))
        await heart.submit(magnet(200), magnet(201), who=BOB)
        await heart.submit(magnet(100))
        assert numbers(await heart.take()) == [200, 100, 201]

    with_heart(tmp_path, scenario)


def test_cancelling_what_somebody_else_raised_leaves_ones_own_lane_alone(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0), magnet(1), magnet(2), priority=HIGH)
        (mine,) = await heart.submit(magnet(9), priority=LOW)
        (theirs,) = await heart.submit(magnet(9), who=BOB, priority=HIGH)
        await heart.cancel(mine)
        await heart.cancel(theirs, who=BOB)
        await heart.submit(magnet(3), priority=HIGH)
        await heart.submit(magnet(10), who=BOB, priority=HIGH)
        assert numbers(await heart.take()) == [0, 10, 1, 2, 3]

    with_heart(tmp_path, scenario)


def test_what_somebody_raised_who_has_cancelled_goes_back_to_its_place(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(1), magnet(2), who=BOB)
        await heart.submit(magnet(0), priority=LOW)
        (hurried,) = await heart.submit(magnet(0), who=CAROL, priority=HIGH)
        await heart.cancel(hurried, who=CAROL)
        await heart.submit(magnet(3), magnet(4), who=CAROL, priority=HIGH)
        await heart.submit(magnet(5), who=BOB, priority=HIGH)
        assert numbers(await heart.take({HIGH: 9})) == [3, 5, 4], "she does not stand behind her own ghost"
        assert numbers(await heart.take({NORMAL: 9})) == [1, 2]
        assert numbers(await heart.take({LOW: 9})) == [0]

    with_heart(tmp_path, scenario)


def test_what_waits_again_for_others_alone_waits_in_their_lane(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0), priority=HIGH)
        (running,) = await heart.take()
        await heart.start(running)
        await heart.submit(magnet(0), who=BOB, priority=LOW)
        await heart.apply((running, dead(running)))
        assert numbers(await heart.take({HIGH: 9})) == []
        assert numbers(await heart.take({LOW: 9})) == [0]

    with_heart(tmp_path, scenario)


def test_a_place_does_not_tell_that_somebody_waits_for_another_try_or_without_haste(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0))
        await heart.submit(magnet(1), priority=LOW)
        (running,) = await heart.take({NORMAL: 1})
        await heart.start(running)
        await heart.apply((running, trouble(running)))
        again, slow, fresh = await heart.submit(magnet(0), magnet(1), magnet(2), who=BOB)
        places = [await heart.position(one, BOB) for one in (again, slow, fresh)]
        assert places == [1, 2, 3]

    with_heart(tmp_path, scenario, rules=Rules(max_attempts=2))


def test_who_joins_a_running_look_up_raises_it_should_it_have_to_wait_again(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(*(magnet(number) for number in range(5)), priority=LOW)
        (running,) = await heart.take({LOW: 1})
        await heart.start(running)
        await heart.submit(magnet(0), who=BOB, priority=HIGH)
        await heart.submit(magnet(10), who=BOB, priority=HIGH)
        await heart.submit(magnet(11), who=CAROL, priority=HIGH)
        await heart.apply((running, dead(running)))  # the first one's time is over, and not that of who joined
        assert numbers(await heart.take({HIGH: 9})) == [0, 11, 10]  # BOB has had a place, and CAROL none

    with_heart(tmp_path, scenario)


def test_who_joins_with_less_haste_lowers_nothing(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0), magnet(1), priority=HIGH)
        (running,) = await heart.take({HIGH: 1})
        await heart.submit(magnet(0), magnet(1), who=BOB, priority=LOW)
        await heart.write(calibration.give_back_all, [(running, heart.now)])
        assert numbers(await heart.take({HIGH: 9})) == [0, 1]

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("joined", [(), (7,), (7, 5), (0, 1, 2, 3), (3, 7, 2, 6)])
def test_no_place_of_anybody_tells_that_somebody_else_has_asked(tmp_path: Path, joined: tuple[int, ...]) -> None:
    async def scenario(heart: Heart) -> None:
        alices = await heart.submit(*map(magnet, range(8)))
        heart.now += 1
        wanted = [joined[turn] if turn < len(joined) else 20 + turn for turn in range(4)]
        bobs = [(await heart.submit(magnet(number), who=BOB))[0] for number in wanted]
        heart.now += 1
        (carols,) = await heart.submit(magnet(40), who=CAROL)
        assert [await heart.position(one) for one in alices] == [1, 4, 6, 8, 10, 11, 12, 13]
        assert [await heart.position(one, BOB) for one in bobs] == [2, 5, 7, 9]
        assert await heart.position(carols, CAROL) == 3

    with_heart(tmp_path, scenario)


def test_who_joins_waits_no_longer_than_for_something_that_nobody_else_wants(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(*map(magnet, range(8)))
        await heart.submit(magnet(7), magnet(20), who=BOB)
        assert numbers(await heart.take({NORMAL: 5})) == [0, 7, 1, 20, 2]

    with_heart(tmp_path, scenario)


def test_when_who_wanted_it_now_has_left_the_others_wait_for_their_next_try_as_before(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (mine,) = await heart.submit(magnet(0))
        (running,) = await heart.take()
        await heart.start(running)
        await heart.apply((running, trouble(running)))
        (theirs,) = await heart.submit(magnet(0), who=BOB)
        await heart.cancel(theirs, who=BOB)
        assert await heart.take() == []
        due = (await heart.task(mine)).next_attempt_at
        assert due is not None
        heart.now = due
        assert numbers(await heart.take_some(1)) == [0]

    with_heart(tmp_path, scenario, rules=Rules(retry_delays_s=(30.0,)))


def test_who_leaves_takes_the_time_of_their_own_next_try_along(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        due = []
        asked = []
        for who in (BOB, CAROL):
            asked += await heart.submit(magnet(0), who=who)
            (running,) = await heart.take()
            await heart.start(running)
            await heart.apply((running, trouble(running)))
            due.append((await heart.task(asked[-1], who)).next_attempt_at or 0)
            heart.now += 5
        assert due[0] < due[1]
        await heart.cancel(asked[0], who=BOB)
        heart.now = due[0]
        assert await heart.take_some(1) == []
        heart.now = due[1]
        assert numbers(await heart.take_some(1)) == [0]

    with_heart(tmp_path, scenario, rules=Rules(retry_delays_s=(30.0,)))


def test_whichever_turn_comes_first_a_look_up_is_as_urgent_as_whoever_waits_for_it(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0), priority=LOW)
        await heart.submit(*map(magnet, range(10, 20)), magnet(0), who=BOB)
        await heart.submit(magnet(1), priority=LOW)
        assert [(one.prio, *numbers([one])) for one in await heart.take({LOW: 2})] == [(NORMAL, 0), (LOW, 1)]

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("haste", [HIGH, LOW])
def test_a_long_line_in_another_priority_pushes_nothing_back(tmp_path: Path, haste: Priority) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(magnet(0), who=BOB)
        await heart.submit(*map(magnet, range(100, 200)), magnet(0), priority=haste)
        assert numbers(await heart.take({NORMAL: 1})) == [0]

    with_heart(tmp_path, scenario)


@pytest.mark.parametrize("in_order", [1, -1])
def test_what_is_cancelled_one_by_one_leaves_no_gap(tmp_path: Path, in_order: int) -> None:
    async def scenario(heart: Heart) -> None:
        mine = await heart.submit(*map(magnet, range(10)))
        await heart.submit(*map(magnet, range(10, 20)), who=BOB)
        for one in mine[::in_order]:
            await heart.cancel(one)
        heart.now += 1
        (next_one,) = await heart.submit(magnet(30))
        assert await heart.position(next_one) == 2
        assert numbers(await heart.take({NORMAL: 3})) == [10, 30, 11]

    with_heart(tmp_path, scenario)


def test_what_was_raised_and_cancelled_leaves_no_gap_in_either_lane(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        mine = await heart.submit(*map(magnet, range(10)), priority=LOW)
        await heart.submit(*map(magnet, range(10)), priority=HIGH)
        await heart.submit(*map(magnet, range(10, 20)), who=BOB, priority=LOW)
        await heart.cancel(*mine)
        heart.now += 1
        (next_one,) = await heart.submit(magnet(30), priority=LOW)
        assert await heart.position(next_one) == 2
        assert numbers(await heart.take({LOW: 2})) == [10, 30]

    with_heart(tmp_path, scenario)


def test_when_who_had_the_earlier_place_has_left_the_look_up_has_that_of_who_stays(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(*map(magnet, range(4)))
        (joined,) = await heart.submit(magnet(3), who=BOB)
        await heart.cancel(joined, who=BOB)
        await heart.submit(magnet(20), who=BOB)  # whoever has cancelled what waited stands behind no ghost
        assert numbers(await heart.take({NORMAL: 9})) == [0, 20, 1, 2, 3]

    with_heart(tmp_path, scenario)


def test_what_is_over_counts_for_nothing_in_the_ranks(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(*(magnet(number) for number in range(50)))
        taken = await heart.take()
        await heart.start(*taken)
        await heart.apply(*((one, named(one)) for one in taken))
        async with heart.database.reading() as connection:
            assert (await connection.execute(select(virtual.c.v))).scalar_one() == 50
        await heart.submit(magnet(100), who=BOB)
        await heart.submit(magnet(101))
        assert numbers(await heart.take()) == [100, 101]

    with_heart(tmp_path, scenario)


def test_who_asks_again_with_more_haste_is_told_the_place_that_this_gives(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        await heart.submit(*(magnet(number) for number in range(5)), who=BOB, priority=LOW)
        heart.now += 1
        (mine,) = await heart.submit(magnet(9), priority=LOW)
        assert await heart.position(mine) == 2
        assert await heart.submit(magnet(9), priority=HIGH) == [
            Submitted(task_id=mine.task_id, status=TaskStatus.PENDING, deduplicated=True)
        ]
        await heart.submit(magnet(20), who=BOB, priority=HIGH)
        assert await heart.position(mine) == 1
        assert (await heart.task(mine)).prio == HIGH
        await heart.submit(magnet(9), priority=LOW)
        assert (await heart.task(mine)).prio == HIGH

    with_heart(tmp_path, scenario)


def test_two_that_are_cancelled_in_one_group_are_both_dropped_by_whoever_is_left(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        submitted = await heart.submit(magnet(0), magnet(1))
        taken = await heart.take()
        first, second = await heart.cancel(*submitted)  # the first one's client may be gone
        assert set(first) == set(second) == {one.delivery for one in taken}

    with_heart(tmp_path, scenario)


def test_what_is_due_for_another_try_stands_in_the_line_and_has_its_place(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        again = await heart.submit(*map(magnet, range(3)))
        taken = await heart.take()
        await heart.start(*taken)
        await heart.apply(*((one, trouble(one)) for one in taken))
        (new,) = await heart.submit(magnet(3))
        assert await heart.position(new) == 1
        heart.now += 60
        assert [await heart.position(one) for one in (*again, new)] == [1, 2, 3, 4]
        assert await heart.position(new, most=2) == 2
        assert [one.magnet.info_hash for one in await heart.take_some(4)] == list(HASHES[:4])

    with_heart(tmp_path, scenario, rules=Rules(retry_delays_s=(30.0,)))


def test_who_is_left_alone_with_a_raised_look_up_ranks_the_next_one_behind_it(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        (hurried,) = await heart.submit(magnet(0), who=BOB, priority=HIGH)
        await heart.submit(magnet(1), magnet(0))
        await heart.cancel(hurried, who=BOB)
        await heart.submit(magnet(2))
        await heart.submit(magnet(3), who=CAROL)
        assert numbers(await heart.take()) == [1, 3, 0, 2]

    with_heart(tmp_path, scenario)
