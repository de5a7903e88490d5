"""A text that went through a form has the line ends of the note it was made from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename.web.line_ends import bare, restored

TEXTS = st.lists(st.sampled_from(["a", "b", "long line", "\n", "\r\n", "\r"]), max_size=12).map("".join)


def sent(text: str) -> str:
    """A text as a browser sends it, from its field."""
    return bare(text).replace("\n", "\r\n")


@given(TEXTS)
def test_what_nobody_changed_comes_back_as_it_was(text: str) -> None:
    assert restored(sent(text), text) == text


@given(TEXTS, TEXTS)
def test_what_a_person_wrote_is_there_line_for_line(text: str, before: str) -> None:
    assert bare(restored(sent(text), before)) == bare(text)


@given(TEXTS, TEXTS, TEXTS)
def test_what_stands_before_and_behind_a_change_is_left_alone(first: str, middle: str, last: str) -> None:
    before = f"{first}\r\nold line\r\n{last}"
    after = restored(sent(f"{bare(first)}\nnew line {middle}.\n{bare(last)}"), before)
    assert after.startswith(f"{first}\r\n")
    assert after.endswith(last)


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("a\r\nb\r\nc", "a\nb\nnew\nc", "a\r\nb\r\nnew\r\nc"),
        ("a\r\nb", "x\ny\nz", "x\r\ny\r\nz"),
        ("a\nb", "a\r\nb\r\nc", "a\nb\nc"),
        ("a", "a\r\nb", "a\nb"),
        ("a\rb\rc", "a\nB\nc", "a\rB\rc"),
        ("a\r\nb\nc\r\nd", "a\nB\nc\nd", "a\r\nB\nc\r\nd"),
        ("a\r\nb\nc\r\nd", "a\nd", "a\r\nd"),
        ("a\r\nb\nc\r\nd", "b\na\nc\nd", "b\na\r\nc\r\nd"),
        ("a\r\nb\nc\r\n", "a\nb\nc\n", "a\r\nb\nc\r\n"),
        ("a\r\nb\nc\r\nd", "a\nb\nc\nd\ne", "a\r\nb\nc\r\nd\r\ne"),
        ("a\r\n\r\nb\nc", "\n\n", "\r\n\r\n"),
    ],
)
def test_each_line_keeps_its_end_and_new_ones_get_what_is_usual_there(before: str, text: str, after: str) -> None:
    assert restored(text, before) == after


def test_two_line_ends_never_become_one() -> None:
    assert bare(restored("b\n\nb", "\nb\ra\rc\rd\n")) == "b\n\nb"


def test_a_large_text_of_mixed_line_ends_takes_one_look_at_each_line() -> None:
    before = "same\r\nsame\n" * 20_000
    text = sent("first\n" + before + "last")
    assert bare(restored(text, before)) == bare(text)
