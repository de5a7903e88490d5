"""The place in the line: what was taken and has not begun stands before all that waits in the database."""

from truename.line import Window
from truename.model import TaskStatus
from truename.store.lookups import Place
from truename.store.tasks import TaskRow


def waiting(*, prio: int = 1, rank: int, at: float = 0.0) -> TaskRow:
    return TaskRow(
        id="t",
        person_id=1,
        hash="a" * 40,
        hash_v2=None,
        status=TaskStatus.PENDING,
        prio=prio,
        rank=rank,
        lookup_id=7,
        created_at=at,
    )


def place(prio: int, rank: int, at: float = 0.0, *, lookup_id: int = 0) -> Place:
    return Place(prio, rank, at, lookup_id)


def test_what_was_taken_of_ones_own_priority_is_ahead() -> None:
    window = Window([place(1, 2), place(1, 1), place(0, 1), place(2, 1)])
    assert window.ahead_of(waiting(rank=9)) == 2
    assert window.ahead_of(waiting(prio=0, rank=9)) == 1
    assert Window([]).ahead_of(waiting(rank=9)) == 0


def test_whoever_was_taken_stands_behind_those_of_lower_rank_alone() -> None:
    window = Window([place(1, rank) for rank in range(1, 6)])
    assert [window.ahead_of(waiting(rank=rank)) for rank in range(1, 6)] == [0, 1, 2, 3, 4]


def test_of_equal_rank_the_one_that_asked_first_is_first() -> None:
    window = Window([place(1, 3, at) for at in (10.0, 11.0, 12.0)])
    assert [window.ahead_of(waiting(rank=3, at=at)) for at in (9.0, 11.0, 99.0)] == [0, 1, 3]


def test_a_look_up_is_not_ahead_of_itself() -> None:
    window = Window([place(1, 1), place(1, 2, lookup_id=7)])
    assert window.ahead_of(waiting(rank=3)) == 1
    assert window.ahead_of(waiting(rank=1)) == 0
    assert Window([place(0, 1, lookup_id=7)]).ahead_of(waiting(rank=3)) == 0
