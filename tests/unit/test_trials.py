"""Who kills the child is found, and nobody else is given up for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename.resolvers.child.trials import Trials


def hunt(everybody: list[int], killers: set[int], *, slow: bool = False) -> tuple[list[int], int]:
    """Ask all, again and again, of a child that dies of the killers. Output: those given up, and the crashes.

    `slow`: it dies of them only when the first trials are over; a longer one catches them.
    """
    trials, waiting, given_up, crashes = Trials(), set(everybody), [], 0
    inside: list[int] = []
    while killers & waiting:
        inside += sorted((set(trials.on_trial) or waiting) - set(inside))
        deadly = killers & set(inside)
        if deadly and (not trials.on_trial or not slow or trials.patience > 4):
            crashes += 1
            for number in trials.crashed(inside):
                given_up.append(number)
                waiting.discard(number)
                trials.forget(number)
            inside = []
        else:
            trials.passed()
        assert crashes < 500
    return given_up, crashes


def test_one_crash_puts_nobody_on_trial() -> None:
    trials = Trials()
    assert trials.crashed(range(100)) == []
    assert not trials.on_trial


def test_the_only_one_inside_is_given_up_after_three_crashes() -> None:
    assert hunt([7], {7}) == ([7], 3)


def test_who_was_inside_when_somebody_killed_the_child_is_no_suspect() -> None:
    trials = Trials()
    for _ in range(5):
        assert trials.killed([7]) == []
    assert not trials.on_trial
    assert trials.crashed([7]) == trials.crashed([7]) == []
    assert trials.crashed([7]) == [7]


def test_who_is_on_trial_when_somebody_kills_the_child_has_the_trial_again() -> None:
    trials = Trials()
    for _ in range(2):
        trials.crashed(range(4))
    first = set(trials.on_trial)
    assert trials.killed(sorted(first)) == []
    assert trials.on_trial == first


def test_a_child_is_not_killed_around_a_look_up_for_ever() -> None:
    trials = Trials()
    killed = 1
    while not trials.killed([7]):
        killed += 1
        assert killed < 100


def test_one_of_ten_thousand_is_found_in_a_few_crashes() -> None:
    given_up, crashes = hunt(list(range(10_000)), {1234})
    assert given_up == [1234]
    assert crashes < 25


@given(st.integers(1, 60), st.data())
def test_all_killers_are_found_and_nobody_else_is(count: int, data: st.DataObject) -> None:
    killers = data.draw(st.sets(st.integers(0, count - 1), max_size=4))
    given_up, _ = hunt(list(range(count)), killers)
    assert sorted(given_up) == sorted(killers)


@pytest.mark.parametrize("seed", range(5))
def test_one_that_kills_slowly_is_found_by_longer_trials(seed: int) -> None:
    killer = seed * 11
    assert hunt(list(range(50)), {killer}, slow=True)[0] == [killer]


def test_a_trial_ends_when_those_on_trial_have_ended() -> None:
    trials = Trials()
    for _ in range(2):
        trials.crashed([1, 2, 3, 4])
    assert set(trials.on_trial) == {1, 2}
    assert not trials.forget(1)
    assert trials.forget(2)
    assert set(trials.on_trial) == {3, 4}
    trials.passed()
    assert not trials.on_trial


def test_who_ends_before_its_trial_is_not_waited_for() -> None:
    trials = Trials()
    for _ in range(2):
        trials.crashed([1, 2, 3, 4])
    for ended in (3, 4):
        trials.forget(ended)
    trials.passed()
    assert not trials.on_trial


def test_newcomers_are_no_suspects_of_what_happened_before_them() -> None:
    trials = Trials()
    trials.crashed([1, 2])
    trials.crashed([1, 2, 3])
    assert set(trials.on_trial) == {1}
    trials.passed()
    assert set(trials.on_trial) == {2}
    trials.passed()
    assert not trials.on_trial
