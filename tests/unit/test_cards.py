"""How much of a note stands on a page."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from truename.magnet import find_magnets, rename
from truename.names import is_hidden
from truename.notes import NoteView, view
from truename.store.names import KnownName
from truename.store.notes import NoteRow
from truename.web.cards import (
    FIRST_CHARS,
    FIRST_LINES,
    FIRST_MAGNETS,
    LISTED_CHARS,
    LISTED_MAGNETS,
    MAX_PIECES,
    MAX_UNREAD,
    OWN_MAGNETS,
    SHORT_MAGNETS,
    Card,
    Unread,
    changed_lines,
    fold_of,
    unread_of,
    visible_lines,
)

HASH = "1a" * 20
LINK = f"magnet:?xt=urn:btih:{HASH}"


def note(text: str, **names: str) -> NoteView:
    row = NoteRow(id=5, person_id=1, version=1, text=text, created_at=0.0, updated_at=0.0)
    known = {
        f"{int(number[1:]):040x}": KnownName(name=name, source="swarm", verified=True) for number, name in names.items()
    }
    return view(row, find_magnets(text), known, {})


def magnets(count: int) -> str:
    return "\n".join(f"magnet:?xt=urn:btih:{number:040x}" for number in range(1, count + 1))


def text_of(card: Card) -> str:
    return "".join(piece.text for piece in (*card.first, *card.rest))


@pytest.mark.parametrize("text", ["", "a", "a\n" * 14, "x" * 1500, f"a {LINK} b\n{LINK}"])
def test_a_short_text_is_not_folded(text: str) -> None:
    card = Card.of(note(text), after="")
    assert (text_of(card), card.rest, card.rest_chars) == (text, [], 0)


@example("\n" * 3 + "b" * 600 + "\n" * 7 + "c" * 999)
@given(st.lists(st.sampled_from(["a", "b" * 300, "c" * 999, "\n", "\r\n", "\r"]), max_size=40).map("".join))
def test_a_fold_loses_nothing_but_the_line_end_it_stands_at(text: str) -> None:
    end, begin = fold_of(text)
    assert text[end:begin] in ("", "\n", "\r\n")
    assert text[end - 1 : end + 1] != "\r\n"
    if begin < len(text):
        assert end <= FIRST_CHARS
        assert text[:end].count("\n") < FIRST_LINES
        assert begin > 0


def test_a_long_text_is_folded_between_lines() -> None:
    card = Card.of(note("a line of words\n" * 100), after="")
    assert "".join(piece.text for piece in card.first) == "\n".join(["a line of words"] * FIRST_LINES)
    assert card.rest_chars == len("a line of words\n") * (100 - FIRST_LINES)


def test_one_long_line_is_folded_all_the_same() -> None:
    card = Card.of(note("x" * 5000), after=None)
    assert [len(piece.text) for piece in (*card.first, *card.rest)] == [FIRST_CHARS, 5000 - FIRST_CHARS]


def test_a_very_long_text_is_whole_on_its_own_page_alone() -> None:
    text = "words in a line\n" * (LISTED_CHARS // 8)
    listed, own = (Card.of(note(text), after=after) for after in ("", None))
    assert listed.rest == []
    assert listed.rest_chars == own.rest_chars == sum(len(piece.text) for piece in own.rest)


def test_magnets_are_told_apart_from_the_words_around_them_across_a_fold_too() -> None:
    text = f"see {LINK}, and \u202e{LINK}&dn=" + "x" * 3000 + " end\r\n"
    card = Card.of(note(text), after=None)
    assert text_of(card) == visible_lines(text)
    links = [piece.text for piece in (*card.first, *card.rest) if piece.is_magnet]
    first, second = find_magnets(text)
    assert links[0] == first.text
    assert "".join(links[1:]) == second.text
    assert len(links) == 3


def test_of_very_many_magnets_the_last_are_text_like_any_other() -> None:
    text = magnets(MAX_PIECES + FIRST_LINES + 5)
    card = Card.of(note(text), after=None)
    assert sum(piece.is_magnet for piece in card.rest) == MAX_PIECES
    assert text_of(card).count("magnet:?") == MAX_PIECES + FIRST_LINES + 5


@pytest.mark.parametrize(
    ("count", "after", "shown", "folded", "unlisted"),
    [
        (SHORT_MAGNETS, "", SHORT_MAGNETS, 0, 0),
        (SHORT_MAGNETS + 1, "", FIRST_MAGNETS, SHORT_MAGNETS + 1 - FIRST_MAGNETS, 0),
        (500, "7", FIRST_MAGNETS, LISTED_MAGNETS - FIRST_MAGNETS, 500 - LISTED_MAGNETS),
        (500, None, FIRST_MAGNETS, OWN_MAGNETS - FIRST_MAGNETS, 0),
        (501, None, FIRST_MAGNETS, OWN_MAGNETS - FIRST_MAGNETS, 1),
    ],
)
def test_many_magnets_are_folded(count: int, after: str | None, shown: int, folded: int, unlisted: int) -> None:
    card = Card.of(note(magnets(count)), after=after)
    assert (len(card.magnets), len(card.folded), card.unlisted) == (shown, folded, unlisted)


def test_of_very_many_links_that_cannot_be_read_the_first_are_shown_and_all_are_counted() -> None:
    first, count = unread_of("magnet:?a " * 1000)
    assert (len(first), count) == (MAX_UNREAD, 1000)
    assert unread_of("magnet:?dn=a") == ([Unread("magnet:?dn=a", "missing_info_hash")], 1)
    assert unread_of("nothing") == ([], 0)


def test_names_are_counted_wherever_they_stand() -> None:
    names = {"n3": "three", "n150": "a hundred and fifty"}
    named = rename(magnets(200), {f"{int(number[1:]):040x}": name for number, name in names.items()})
    assert [Card.of(note(text, **names), after="").named for text in (magnets(200), named)] == [0, 2]


@given(st.text(max_size=200))
def test_nothing_can_hide_in_lines_made_visible(text: str) -> None:
    assert not any(map(is_hidden, set(visible_lines(text)) - {"\n", "\t"}))


def test_line_ends_and_tabs_stay_and_a_bare_cr_is_shown() -> None:
    assert visible_lines("a\r\n\tb\rc\u202ed\x1b") == "a\n\tb␍c⟨U+202E⟩d␛"


def test_lines_that_the_other_text_has_not_are_told() -> None:
    assert changed_lines("a\nb\nc", "c\na\nx") == [("a", False), ("b", True), ("c", False)]
