"""Turns: so many at once, the others in their order."""

from truename.resolvers.direct.turns import Turns


def test_the_others_come_in_their_order_as_places_get_free() -> None:
    turns, begun = Turns(2), []
    for who in "abcde":
        turns.take(who, lambda who=who: begun.append(who))
    assert begun == ["a", "b"]
    turns.leave("b")
    assert begun == ["a", "b", "c"]
    turns.leave("a")
    turns.leave("c")
    assert begun == ["a", "b", "c", "d", "e"]


def test_whoever_leaves_while_waiting_gives_nobody_a_place() -> None:
    turns, begun = Turns(1), []
    for who in "abc":
        turns.take(who, lambda who=who: begun.append(who))
    turns.leave("b")
    assert begun == ["a"]
    turns.leave("a")
    assert begun == ["a", "c"]


def test_all_places_are_free_again_in_the_end() -> None:
    turns, begun = Turns(2), []
    for who in "abcd":
        turns.take(who, lambda who=who: begun.append(who))
    for who in "cabd":
        turns.leave(who)
    for who in "efg":
        turns.take(who, lambda who=who: begun.append(who))
    assert begun == ["a", "b", "d", "e", "f"]
