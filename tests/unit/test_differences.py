"""Where two texts differ; and that whoever looks only there finds what whoever looks everywhere does."""

from collections.abc import Container, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truename import own_names, scanner
from truename.differences import differing
from truename.magnet import MagnetSpan, find_magnets
from truename.own_names import Key, OwnNames, changed_names, put_back

HASHES = ["1a" * 20, "2b" * 20, "3c" * 20]
V2 = "4d" * 32
WORDS = [
    *(f"magnet:?xt=urn:btih:{one}{dn}" for one in HASHES for dn in ("", "&dn=a", "&dn=b", "&dn=", "&tr=x")),
    *(f"magnet:?xt=urn:btih:{HASHES[0]}&xt=urn:btmh:1220{V2}{dn}" for dn in ("", "&dn=a", "&dn=c")),
    *(f"magnet:?dn=a&xt=urn:btih:{HASHES[0]}", f"magnet:?XT=urn:btih:{HASHES[1]}&dn=b"),
    *(
        f"magnet:?xt=urn:btmh:1220{V2}&dn=b",
        "magnet:?",
        "a",
        "next",
        "TEXT",
        "'",
        ",",
        ")",
        "(",
        "\\n",
        ";",
        "&dn=b",
        "x" * 40,
    ),
    *(" ", "\n", "\u3000", " ", "\n"),
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)
KEYS = st.frozensets(st.tuples(st.sampled_from([*HASHES, V2]), st.sampled_from(["a", "b", "c", "", None])), max_size=4)
PAIRS = st.one_of(
    st.tuples(TEXTS, TEXTS),
    st.tuples(TEXTS, TEXTS, TEXTS, TEXTS).map(lambda four: (four[0] + four[1] + four[3], four[0] + four[2] + four[3])),
)


@settings(max_examples=400)
@given(PAIRS)
def test_what_is_not_in_the_parts_is_alike_and_no_magnet_is_cut(pair: tuple[str, str]) -> None:
    before, after = pair
    here, there = differing(before, after)
    outside = [find_texts(text, part) for text, part in ((before, here), (after, there))]
    assert outside[0] == outside[1]
    assert (here, there) == ("", "") if before == after else here != there


def find_texts(text: str, part: str) -> tuple[list[str], int]:
    """What the text has more than its part, and how much of it there is."""
    rest = [one.text for one in find_magnets(text)]
    for one in find_magnets(part):
        rest.remove(one.text)
    return sorted(rest), len(text) - len(part)


@settings(max_examples=400)
@given(PAIRS, TEXTS, KEYS, KEYS)
def test_who_looks_only_there_finds_the_same(
    pair: tuple[str, str], earlier: str, typed: frozenset[Key], undone: frozenset[Key]
) -> None:
    def found() -> tuple[frozenset[Key], frozenset[Key], OwnNames, OwnNames]:
        changed = changed_names(*pair)
        back = put_back(changed, pair[0], [earlier], typed)
        own = OwnNames(typed=typed, undone=undone)
        return changed, back, own.after_edit(pair[1], changed, back), own.lifted(pair[1], {HASHES[0], V2})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_names, "differing", lambda before, after: (before, after))
        patch.setattr(own_names, "find_magnets", _all_magnets)
        everywhere = found()
    assert found() == everywhere


def _all_magnets(text: str, *, among: Container[str] | None = None) -> Iterator[MagnetSpan]:
    return scanner.find_magnets(text)


def test_a_word_that_only_grew_is_in_the_part_as_a_whole() -> None:
    assert differing("see magnet:?a here", "see magnet:?ab here") == ("magnet:?a", "magnet:?ab")
    assert differing("a b", "a x b") == ("b", "x b")
    assert differing("", "a") == ("", "a")
    assert differing("a\na\na", "a\na\na\na") == ("a", "a\na")


def test_words_between_two_magnets_make_no_name_ones_own() -> None:
    before = f"magnet:?xt=urn:btih:{HASHES[0]}&dn=Name\n\nmagnet:?dn=x&xt=urn:btih:{HASHES[0]}"
    assert changed_names(before, before.replace("\n\n", "\nwhat comes next\n")) == frozenset()
