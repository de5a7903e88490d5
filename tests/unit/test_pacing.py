"""Turns: how many questions are on their way at once, whatever is asked, answered, forgotten or never answered."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from truename.resolvers.pacing import Turns


def asking(keys: Iterable[str], *, size: int = 2, patience_s: float = 10) -> Turns[str]:
    turns: Turns[str] = Turns(size=size, patience_s=patience_s)
    for key in keys:
        turns.ask(key)
    return turns


def test_turns_come_in_the_order_of_asking_and_no_more_than_there_are_places() -> None:
    turns = asking("abcd")
    assert turns.next_ones(0) == ["a", "b"]
    assert turns.next_ones(0) == []
    assert len(turns) == 2


def test_an_answer_frees_a_place() -> None:
    turns = asking("abcd")
    turns.next_ones(0)
    turns.give_back("b")
    assert turns.next_ones(0) == ["c"]


def test_a_question_that_is_never_answered_frees_its_place_when_patience_ends() -> None:
    turns = asking("abcd", patience_s=10)
    turns.next_ones(0)
    assert turns.next_ones(9.9) == []
    assert turns.next_ones(10) == ["c", "d"]


def test_a_late_answer_frees_no_second_place() -> None:
    turns = asking("abcdef", patience_s=10)
    turns.next_ones(0)
    turns.next_ones(10)
    turns.give_back("a")
    turns.give_back("b")
    assert turns.next_ones(10) == []


def test_who_leaves_neither_waits_nor_holds_a_place() -> None:
    turns = asking("abcd")
    turns.next_ones(0)
    turns.leave("a")
    turns.leave("c")
    turns.leave("nobody")
    assert turns.next_ones(0) == ["d"]
    assert "c" not in turns


def test_asking_twice_keeps_the_first_place_in_the_queue() -> None:
    turns = asking("abca", size=1)
    assert turns.next_ones(0) == ["a"]
    turns.give_back("a")
    assert turns.next_ones(0) == ["b"]


def test_asking_again_while_waiting_can_change_the_cost() -> None:
    turns = asking("", size=3)
    turns.ask("a", cost=3)
    turns.ask("a", cost=1)
    turns.ask("b", cost=2)
    assert turns.next_ones(0) == ["a", "b"]


def test_a_key_takes_as_many_places_as_it_costs_and_gives_them_back_one_by_one() -> None:
    turns = asking("", size=3)
    turns.ask("a", cost=3)
    turns.ask("b", cost=2)
    assert turns.next_ones(0) == ["a"]
    turns.give_back("a")
    assert turns.next_ones(0) == []
    turns.give_back("a")
    assert turns.next_ones(0) == ["b"]


def test_a_key_that_costs_more_than_there_are_places_goes_alone() -> None:
    turns = asking("", size=3)
    turns.ask("big", cost=50)
    turns.ask("small")
    assert turns.next_ones(0) == ["big"]
    assert turns.next_ones(0) == []
    turns.give_back("big", places=50)
    assert turns.next_ones(0) == ["small"]


def test_a_second_question_of_the_same_key_holds_places_beside_those_of_the_first() -> None:
    turns = asking("", size=3)
    turns.ask("a", cost=2)
    assert turns.next_ones(0) == ["a"]
    turns.ask("a", cost=1)
    turns.ask("b", cost=1)
    assert turns.next_ones(0) == ["a"]
    turns.give_back("a", places=3)
    assert turns.next_ones(0) == ["b"]


def test_a_place_is_taken_at_once_only_when_it_is_free_and_nobody_waits_for_it() -> None:
    turns = asking("", size=2)
    assert turns.take("a", 0)
    assert not turns.take("b", 0, cost=2)
    assert turns.next_ones(0) == [], "who could not take a place does not wait for one either"
    turns.ask("c", cost=2)
    assert not turns.take("d", 0), "a place is free, but somebody waits for it"
    turns.give_back("a")
    assert turns.next_ones(0) == ["c"]


def test_patience_ends_for_places_taken_at_once_too() -> None:
    turns = asking("", size=1, patience_s=5)
    assert turns.take("a", 0)
    assert turns.take("b", 5)


def test_who_withdraws_waits_no_more_and_still_holds_the_place_it_has() -> None:
    turns = asking("abc", size=1)
    turns.next_ones(0)
    turns.withdraw("a")
    turns.withdraw("b")
    assert turns.next_ones(0) == []
    turns.give_back("a")
    assert turns.next_ones(0) == ["c"]


def test_places_that_turn_out_to_be_unused_are_freed_oldest_first() -> None:
    turns = asking("abcdef", size=4)
    assert turns.next_ones(0) == ["a", "b", "c", "d"]
    turns.keep(3, given=turns.given)
    assert turns.next_ones(0) == ["e"]
    turns.keep(0, given=turns.given)
    assert turns.next_ones(0) == ["f"]


def test_what_was_seen_in_use_before_a_turn_says_nothing_about_that_turn() -> None:
    turns = asking("ab", size=3)
    turns.next_ones(0)
    seen = turns.given
    turns.ask("c")
    turns.next_ones(0)
    turns.keep(2, given=seen)
    turns.ask("d")
    assert turns.next_ones(0) == [], "three are in use: two that were seen and one that came after"


@given(
    st.integers(1, 5),
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "take", "back", "leave", "next", "keep"]), st.integers(0, 9), st.integers(1, 4)
        ),
        max_size=200,
    ),
)
def test_places_never_exceed_the_size_but_for_one_key_alone(size: int, steps: list[tuple[str, int, int]]) -> None:
    turns: Turns[int] = Turns(size=size, patience_s=3)
    held: dict[int, int] = {}
    costs: dict[int, int] = {}
    for now, (step, key, cost) in enumerate(steps):
        taken: list[int] = []
        match step:
            case "ask":
                turns.ask(key, cost=cost)
                costs[key] = cost
            case "take":
                taken = [key] if turns.take(key, 0, cost=cost) else []
                costs |= dict.fromkeys(taken, cost)
            case "back":
                turns.give_back(key)
                held[key] = max(0, held.get(key, 0) - 1)
            case "leave":
                turns.leave(key)
                held.pop(key, None)
                costs.pop(key, None)
            case "keep":
                turns.keep(10**6, given=now)
            case _:
                taken = turns.next_ones(0)
        for each in taken:
            held[each] = held.get(each, 0) + costs.pop(each)
        in_use = [count for count in held.values() if count]
        assert sum(in_use) <= size or len(in_use) == 1
