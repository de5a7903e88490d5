"""The rules of time and turn: when to try again, when the watch asks, whose turn it is."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename.calibration import TURNS, Priority, Rules, shares_of
from truename.store.watches import Failure, Watched, after

DAY_S = 86_400.0
KEY = (1, "ab" * 20)
SHARES = {Priority.HIGH: 80, Priority.NORMAL: 15, Priority.LOW: 5}


@pytest.mark.parametrize(("attempt", "delay_s"), [(1, 5.0), (2, 30.0), (3, 30.0), (99, 30.0)])
def test_the_n_th_delay_follows_the_n_th_try_and_the_last_one_holds_on(attempt: int, delay_s: float) -> None:
    assert Rules().retry_delay_s(attempt, 0.5) == delay_s


@given(st.floats(0, 1), st.integers(1, 10))
def test_luck_spreads_a_delay_by_a_fifth_to_either_side(chance: float, attempt: int) -> None:
    rules = Rules(retry_delays_s=(10.0, 20.0))
    middle = rules.retry_delay_s(attempt, 0.5)
    assert middle * 0.7999 <= rules.retry_delay_s(attempt, chance) <= middle * 1.2001
    assert rules.retry_delay_s(attempt, 0) == pytest.approx(middle * 0.8)
    assert rules.retry_delay_s(attempt, 1) == pytest.approx(middle * 1.2)


def test_the_watch_asks_after_each_delay_in_turn_and_then_after_the_last_again() -> None:
    rules = Rules(watch_delays_s=(10.0, 100.0), watch_days=30)
    assert [rules.next_ask(asked=asked, since=0.0, at=1000.0) for asked in range(4)] == [1010.0, 1100.0, 1100.0, 1100.0]


def test_the_watch_ends_with_its_days() -> None:
    rules = Rules(watch_delays_s=(DAY_S,), watch_days=2)
    assert rules.next_ask(asked=1, since=0.0, at=DAY_S) == 2 * DAY_S
    assert rules.next_ask(asked=1, since=0.0, at=DAY_S + 1) is None


def test_a_watch_of_the_default_settings_lasts_a_month() -> None:
    rules, at, asked = Rules(), 0.0, 0
    moments = []
    while (next_at := rules.next_ask(asked=asked, since=0.0, at=at)) is not None:
        moments.append(next_at)
        at, asked = next_at, asked + 1
    assert moments[:5] == [600.0, 4200.0, 18_600.0, 47_400.0, 133_800.0]
    assert 29 * DAY_S < moments[-1] <= 30 * DAY_S
    assert len(moments) == 33


def watched(*, asked: int = 3, next_at: float | None = 500.0) -> Watched:
    return Watched(person_id=1, hash=KEY[1], since=100.0, asked=asked, asked_at=400.0, code="no_peers", next_at=next_at)


def failure(*, by_watch: bool, at: float = 600.0) -> Failure:
    return Failure(code="no_metadata", at=at, by_watch=by_watch)


RULES = Rules(watch_delays_s=(10.0, 20.0, 30.0, 40.0, 50.0))


@pytest.mark.parametrize("by_watch", [True, False])
def test_the_first_failure_begins_a_watch(by_watch: bool) -> None:
    row = after(None, KEY, failure(by_watch=by_watch), RULES.next_ask)
    assert row == Watched(
        person_id=1, hash=KEY[1], since=600.0, asked=0, asked_at=600.0, code="no_metadata", next_at=610.0
    )


@pytest.mark.parametrize("by_watch", [True, False])
def test_another_failure_goes_on_with_it(by_watch: bool) -> None:
    row = after(watched(), KEY, failure(by_watch=by_watch), RULES.next_ask)
    assert (row.since, row.asked, row.asked_at, row.code, row.next_at) == (100.0, 4, 600.0, "no_metadata", 650.0)


def test_a_watch_that_was_stopped_while_it_asked_stays_stopped() -> None:
    row = after(watched(next_at=None), KEY, failure(by_watch=True), RULES.next_ask)
    assert (row.next_at, row.asked, row.asked_at, row.code) == (None, 4, 600.0, "no_metadata")


def test_a_person_who_asks_again_after_the_end_begins_anew() -> None:
    row = after(watched(next_at=None), KEY, failure(by_watch=False), RULES.next_ask)
    assert (row.since, row.asked, row.next_at) == (600.0, 0, 610.0)


def test_a_clock_that_was_set_back_does_not_end_a_watch() -> None:
    row = after(watched(), KEY, failure(by_watch=True, at=50.0), RULES.next_ask)
    assert row.next_at == 100.0


def test_the_order_of_turns_has_just_the_shares() -> None:
    counts = Counter(TURNS)
    assert {one: counts[one] * 100 // len(TURNS) for one in Priority} == SHARES


@given(st.integers(0, 3000), st.integers(0, 10_000))
def test_shares_fill_all_places_and_no_more(count: int, turn: int) -> None:
    shares = shares_of(count, turn)
    assert shares.total() == count
    assert all(abs(shares[one] - count * SHARES[one] / 100) <= 2 for one in Priority)


@given(st.integers(0, 100), st.lists(st.integers(0, 9), max_size=50))
def test_places_given_in_portions_are_the_same_as_at_once(turn: int, portions: list[int]) -> None:
    given_out: Counter[int] = Counter()
    for count in portions:
        given_out += shares_of(count, turn + given_out.total())
    assert given_out == +shares_of(sum(portions), turn)


def test_in_twenty_turns_in_a_row_everybody_has_one() -> None:
    assert all(min(shares_of(20, turn)[one] for one in Priority) >= 1 for turn in range(20))
