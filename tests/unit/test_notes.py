"""The pure parts of notes: what can be asked for in a text, what a rename wrote."""

import pytest

from truename.magnet import find_magnets, rename_alike
from truename.note_texts import caught_up, magnets_of, problem_of, renames_between
from truename.own_names import changed_names

V1, OTHER = "1a" * 20, "2b" * 20


def link(info_hash: str = V1, dn: str | None = None) -> str:
    return f"magnet:?xt=urn:btih:{info_hash}" + ("" if dn is None else f"&dn={dn}")


def test_each_hash_is_asked_for_once_with_the_trackers_of_all_its_magnets() -> None:
    text = f"{link()}&tr=udp%3A%2F%2Fa.example%3A1 {link(OTHER)} {link(V1.upper())}&tr=udp%3A%2F%2Fb.example%3A1"
    first, second = magnets_of(text)
    assert (first.info_hash, second.info_hash) == (V1, OTHER)
    assert first.trackers == ("udp://a.example:1", "udp://b.example:1")


def test_what_cannot_be_asked_for_is_left_out_and_has_its_reason() -> None:
    many = "".join(f"&tr=udp%3A%2F%2Ft{number}.example%3A1" for number in range(501))
    text = f"{link()} {link(OTHER)}{many} magnet:?xt=urn:btih:nonsense magnet:?dn=x"
    assert [magnet.info_hash for magnet in magnets_of(text)] == [V1]
    problems = [problem_of(span) for span in find_magnets(text, broken=True)]
    assert problems == [None, "magnet_too_large", "invalid_info_hash", "missing_info_hash"]


def test_what_a_rename_wrote_is_read_from_the_two_texts() -> None:
    before = f"{link(dn='a')} {link(OTHER)}"
    assert renames_between(before, f"{link(dn='True%20name')} {link(OTHER)}") == {(V1, None): "True name"}
    assert renames_between(before, before) == {}
    assert renames_between(before, f"{before} {link(OTHER)}") is None  # no rename does that


@pytest.mark.parametrize("plain", [link(), f"magnet:?xt=urn:btmh:1220{'3c' * 32}"])
def test_a_name_that_came_by_one_of_two_hashes_is_written_again_for_no_magnet_of_the_other_alone(plain: str) -> None:
    both = f"{link()}&xt=urn:btmh:1220{'3c' * 32}"
    base = f"{plain} {both}"
    (_, there) = find_magnets(base)
    now = base[: there.start + there.dn_start] + "&dn=Y" + base[there.start + there.dn_start :]
    renames = renames_between(base, now)
    assert renames == {(V1, "3c" * 32): "Y"}
    assert rename_alike(f"{base} more", renames, most_chars=1000) == f"{now} more"
    assert caught_up(both, f"{both} {plain}", both[: there.dn_start] + "&dn=Y" + both[there.dn_start :]) == (
        f"{both[: there.dn_start]}&dn=Y{both[there.dn_start :]} {plain}"
    )


TRUE = "True%20name"


@pytest.mark.parametrize(
    ("base", "mine", "now", "after"),
    [
        # What came meanwhile is taken where one left the name alone, in all the places one put the magnet.
        (f"a {link(dn='lie')}", f"mine {link(dn='lie')}", f"b {link(dn=TRUE)}", f"mine {link(dn=TRUE)}"),
        (f"a {link()}", f"{link()} {link()}", f"b {link(dn=TRUE)}", f"{link(dn=TRUE)} {link(dn=TRUE)}"),
        (link(dn="lie"), f"{link(dn='lie')} mine", link(dn="theirs"), f"{link(dn='theirs')} mine"),
        # One's own name, a magnet of one's own, and a text without it stay as they are.
        (link(dn="lie"), link(dn="mine"), link(dn=TRUE), link(dn="mine")),
        (link(dn="lie"), link(), link(dn=TRUE), link()),
        ("a", link(dn="lie"), link(dn=TRUE), link(dn="lie")),
        (link(dn="lie"), "mine", link(dn=TRUE), "mine"),
        # Where nothing changed, or it cannot be told to what, nothing is done.
        (link(dn="lie"), f"mine {link(dn='lie')}", f"b {link(dn='lie')}", f"mine {link(dn='lie')}"),
        (link(dn="lie"), link(dn="lie"), f"{link(dn='x')} {link(dn='y')}", link(dn="lie")),
        (link(dn="lie"), link(dn="lie"), "gone", link(dn="lie")),
        (link(dn="lie"), link(dn="lie"), link(), link(dn="lie")),
    ],
)
def test_a_text_catches_up_with_the_names_that_came_meanwhile(base: str, mine: str, now: str, after: str) -> None:
    assert caught_up(base, mine, now) == after


def test_a_name_that_was_caught_up_with_is_nobodys_own() -> None:
    now = f"other words {link(dn=TRUE)}"
    assert changed_names(now, caught_up(link(dn="lie"), f"mine {link(dn='lie')}", now)) == frozenset()
