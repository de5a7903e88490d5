"""A line in which everybody has their turn."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from truename.resolvers.direct.fair_line import FairLine


def taken(line: FairLine[str, str]) -> str:
    """All that is in it, in the order in which it is taken."""
    found = []
    while (one := line.take()) is not None:
        found.append(one[1])
    return "".join(found)


def filled(room: int, **items: str) -> FairLine[str, str]:
    line: FairLine[str, str] = FairLine(room)
    for whose, each in items.items():
        for item in each:
            line.put(whose, item)
    return line


def test_turns_go_round() -> None:
    assert taken(filled(100, a="ABCDEF", b="12", c="x")) == "A1xB2CDEF"


def test_whoever_comes_late_is_next_after_one_turn_of_each() -> None:
    line = filled(100, a="ABCDEF")
    assert line.take() == ("a", "A")
    line.put("b", "1")
    assert taken(line) == "B1CDEF"


def test_the_same_is_taken_once_at_the_first_turn_that_comes_to_it() -> None:
    line = filled(100, a="AABCD", b="1")
    assert line.put("b", "D")
    assert line.put("a", "1")
    assert len(line) == 5
    assert "D" in line
    assert taken(line) == "A1BDC"


def test_what_several_wait_for_is_taken_by_any_of_them_who_may() -> None:
    line = filled(100, a="C", b="C", c="12")
    assert [line.waiting(each.__eq__) for each in "abc"] == [1, 1, 2]
    assert line.waiting() == len(line) == 3
    assert line.take(lambda whose: whose == "b") == ("b", "C")
    assert line.take(lambda whose: whose != "c") is None
    assert taken(line) == "12"


def test_what_one_waits_for_no_more_others_still_do() -> None:
    line = filled(100, a="AB", b="B")
    line.drop("a", "B")
    assert "B" in line
    line.drop("b", "B")
    assert taken(line) == "A"


def test_what_leaves_a_full_line_is_at_no_other_place() -> None:
    line = filled(4, a="ABCD", b="D")
    assert line.put("b", "1")
    assert set(line) == {"A", "B", "D", "1"}
    assert taken(line) == "ADB1"


def test_in_a_full_line_whoever_has_most_makes_room_for_others() -> None:
    line = filled(4, a="ABCDEF")
    assert [line.put("b", item) for item in "123"] == [True, True, False]
    assert [line.put("c", item) for item in "xy"] == [True, False]
    assert len(line) == 4
    assert taken(line) in ("A1xB", "A1xB2", "A1x2")


def test_only_those_are_taken_who_may() -> None:
    line = filled(100, a="AB", b="12")
    assert line.take(lambda whose: whose != "a") == ("b", "1")
    assert line.take(lambda whose: whose == "c") is None
    assert [line.waiting(lambda whose: whose == "a"), line.waiting()] == [2, 3]
    assert set(line) == {"A", "B", "2"}
    assert taken(line) == "A2B"


def test_what_has_left_is_not_taken() -> None:
    line = filled(100, a="ABC", b="1")
    for whose, item in (("a", "B"), ("a", "Z"), ("b", "1"), ("c", "x")):
        line.drop(whose, item)
    assert len(line) == 2
    assert taken(line) == "AC"


@given(
    st.integers(0, 6),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99)), max_size=40, unique_by=lambda put: put[1]),
)
def test_it_never_holds_more_than_its_room_and_loses_nothing_else(room: int, puts: list[tuple[str, int]]) -> None:
    line: FairLine[str, int] = FairLine(room)
    for whose, item in puts:
        waits = line.put(whose, item)
        assert waits == (item in line)
        assert len(line) <= room
        assert waits or len(line) == room
    left = Counter[str]()
    while (one := line.take()) is not None:
        left[one[0]] += 1
    wanted = Counter(whose for whose, _ in puts)
    assert left.total() == min(room, wanted.total())
    for whose, other in ((whose, other) for whose in wanted for other in wanted):
        assert left[whose] >= min(wanted[whose], left[other] - 1)


@given(st.integers(0, 6), st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=40))
def test_nothing_is_taken_twice_however_many_put_it_there(room: int, puts: list[tuple[str, int]]) -> None:
    line: FairLine[str, int] = FairLine(room)
    for whose, item in puts:
        assert line.put(whose, item) == (item in line)
        assert len(line) == len(set(line)) <= room
    waiting = set(line)
    while (one := line.take()) is not None:
        assert one in puts
        waiting.remove(one[1])
    assert not waiting
