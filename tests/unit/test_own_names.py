"""Which names in a note are a person's own: those they typed, and those they put back."""

import pytest

from truename import note_texts
from truename.magnet import rename
from truename.note_texts import caught_up
from truename.own_names import OwnNames, changed_names, put_back

V1, V2, OTHER = "1a" * 20, "4d" * 32, "2b" * 20
TRUE = "True%20name"


def link(dn: str | None = None, info_hash: str = V1) -> str:
    return f"magnet:?xt=urn:btih:{info_hash}" + ("" if dn is None else f"&dn={dn}")


def hybrid(dn: str) -> str:
    return f"magnet:?xt=urn:btih:{V1}&xt=urn:btmh:1220{V2}&dn={dn}"


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        # In its place, with nothing else changed.
        (link("a"), link("b"), {(V1, "b")}),
        (link("a"), link(), {(V1, None)}),
        (link(), link("b"), {(V1, "b")}),
        (link("a b"), link("a%20b"), {(V1, "a%20b")}),
        (link("a"), link("a"), set()),
        (f"{link('a')} {link('a')}", f"{link('a')} {link('b')}", {(V1, "b")}),
        (f"{link('a')} {link('b')}", f"{link('b')} {link('a')}", set()),
        (f"{link('a')} {link('b')}", f"{link('b')} {link('c')}", {(V1, "b"), (V1, "c")}),
        (f"{link('a')} {link('x', OTHER)}", f"{link('a')} {link('y', OTHER)}", {(OTHER, "y")}),
        (hybrid("a"), hybrid("b"), {(V1, "b"), (V2, "b")}),
        # Moved, or written another way.
        (link("a"), f"moved {link('a')} here", set()),
        (link("a"), f"moved {link('b')} here", {(V1, "b")}),
        (f"{link('a')} {link('b')}", f"{link('b')} then {link('a')}", set()),
        (link("a"), link("a", V1.upper()), set()),
        # Gone, or new in the text.
        (link("a"), "nothing", set()),
        ("nothing", link("a"), set()),
        (f"{link('a')} {link('b')}", link("b"), set()),
        (f"{link('a')} {link('b')}", link("c"), {(V1, "c")}),
        (link("a"), f"{link('a')} {link('b')}", set()),
        (link("a"), f"{link('a')} {link()}", set()),
        (link("a"), f"{link()} {link('a')}", set()),
        # Pasted once more.
        (link("a"), f"{link('a')} {link('a')}", set()),
        (link("a"), f"see {link('a')} and again {link('a')}, {link('a')}", set()),
        (f"{link('a')} {link('b')}", f"{link('a')} {link('b')} {link('a')} {link('b')}", set()),
        (f"{link('a')} {link('b')}", f"{link('b')} {link('a')} {link('b')}", set()),
        # Changed, with others put in beside it: which of them is which, nobody can tell.
        (link("a"), f"{link('b')} {link('mine')}", {(V1, "b"), (V1, "mine")}),
        (link("a"), f"{link('mine')} {link('b')}", {(V1, "b"), (V1, "mine")}),
        (link("a"), f"{link()} {link('mine')}", {(V1, "mine")}),
        (f"{link('a')} {link('b')}", f"{link('a')} {link()} {link('mine')}", {(V1, "mine")}),
        (f"{link('a')} {link('b')}", f"{link()} {link('mine')} {link()}", {(V1, "mine"), (V1, None)}),
        # One more of them has a name that stood there already.
        (f"{link('a')} {link('b')}", f"moved {link('b')} {link('b')}", {(V1, "b")}),
        (f"{link('a')} {link('b')} {link('b')}", f"moved {link('b')} {link('b')}", set()),
        # A copy of the old one is kept beside it.
        (link("a"), f"{link('mine')} {link('a')}", {(V1, "mine")}),
        (f"{link('a')} {link('b')}", f"{link('a')} {link('mine')} {link('b')}", {(V1, "mine")}),
    ],
)
def test_a_name_is_ones_own_where_one_changed_it(before: str, after: str, changed: set[tuple[str, str | None]]) -> None:
    assert changed_names(before, after) == changed


@pytest.mark.parametrize(
    ("base", "after", "earlier", "typed", "back"),
    [
        (link(TRUE), link("lie"), [link("lie")], set(), {(V1, "lie")}),
        (link(TRUE), link(), [link()], set(), {(V1, None)}),
        (link(TRUE), link("mine"), [link("lie")], set(), set()),
        (f"{link('a')} {link('b')}", f"{link('b')} {link('a')}", [f"{link('a')} {link('b')}"], set(), set()),
        (link("mine"), link("lie"), [link("lie")], {(V1, "mine")}, set()),
        (link(TRUE), link("lie"), [link("lie", OTHER)], set(), set()),
        (hybrid(TRUE), hybrid("lie"), [hybrid("lie")], set(), {(V1, "lie"), (V2, "lie")}),
    ],
)
def test_what_truename_had_replaced_and_a_person_puts_back_is_known_as_such(
    base: str, after: str, earlier: list[str], typed: set[tuple[str, str | None]], back: set[tuple[str, str | None]]
) -> None:
    assert put_back(changed_names(base, after), base, earlier, typed) == back


def test_many_copies_of_a_hash_are_compared_in_the_time_of_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched(frozenset[tuple[str, str | None]]):
        def __contains__(self, key: object) -> bool:
            nonlocal looked
            looked += 1
            return super().__contains__(key)

    looked = 0
    lies = [link(f"lie{index}") for index in range(500)]
    base = " ".join(link(TRUE) for _ in lies)
    mine = " ".join(lies)
    back = put_back(changed_names(base, mine), base, [mine], Watched())
    assert back == {(V1, f"lie{index}") for index in range(500)}
    assert looked <= 2 * len(lies)


def test_what_is_not_in_the_text_any_more_is_forgotten_and_what_is_typed_goes_before_what_was_put_back() -> None:
    own = OwnNames(typed=frozenset({(V1, "mine"), (OTHER, "gone")}), undone=frozenset({(V1, "lie")}))
    text = f"{link('mine')} {link('lie')} {link('new', OTHER)}"
    after = own.after_edit(text, frozenset({(OTHER, "new")}), frozenset())
    assert after == OwnNames(typed=frozenset({(V1, "mine"), (OTHER, "new")}), undone=frozenset({(V1, "lie")}))
    typed_now = own.after_edit(text, frozenset({(V1, "lie")}), frozenset())
    assert typed_now == OwnNames(typed=frozenset({(V1, "mine"), (V1, "lie")}))
    back = own.after_edit(text, frozenset({(V1, "mine")}), frozenset({(V1, "mine")}))
    assert back == OwnNames(undone=frozenset({(V1, "mine"), (V1, "lie")}))


def test_a_name_of_ones_own_stays_so_by_a_hash_that_is_added_to_its_magnet() -> None:
    own = OwnNames(typed=frozenset({(V2, "mine")}), undone=frozenset({(OTHER, "lie")}))
    text = f"{hybrid('mine')} magnet:?xt=urn:btih:{OTHER}&xt=urn:btmh:1220{'5e' * 32}&dn=lie"
    assert own.after_edit(text, frozenset(), frozenset()) == OwnNames(
        typed=frozenset({(V1, "mine"), (V2, "mine")}), undone=frozenset({(OTHER, "lie"), ("5e" * 32, "lie")})
    )


@pytest.mark.parametrize("asked", [V1, V2])
def test_asking_by_either_hash_lifts_what_was_put_back_and_nothing_that_was_typed(asked: str) -> None:
    text = f"{hybrid('lie')} {hybrid('mine')} {link('lie', OTHER)}"
    kept = {(OTHER, "lie")}
    typed = frozenset({(V1, "mine"), (V2, "mine")})
    own = OwnNames(typed=typed, undone=frozenset({(V1, "lie"), (V2, "lie"), *kept}))
    assert own.lifted(text, {asked}) == OwnNames(typed=typed, undone=frozenset(kept))


@pytest.mark.parametrize("key", [(V1, "mine"), (V2, "mine")])
def test_a_rename_leaves_out_the_magnets_that_bear_a_name_of_ones_own_and_no_others(key: tuple[str, str]) -> None:
    text = f"{hybrid('mine')} {hybrid('lie')} {link('mine', OTHER)}"
    names = {V1: "True name", OTHER: "Other name"}
    assert rename(text, names, {key}) == f"{hybrid('mine')} {hybrid(TRUE)} {link('Other%20name', OTHER)}"
    assert rename(link(), names, {(V1, None)}) == link()


def test_names_that_stand_in_a_note_already_are_all_caught_up_with_however_long_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(note_texts, "MAX_CHARS", 300)
    base = "\n".join([link("a")] * 3)
    now = rename(base, {V1: "N" * 60})
    mine = caught_up(base, f"{base} and words", now)
    assert mine == f"{now} and words"
    assert changed_names(now, mine) == frozenset()
