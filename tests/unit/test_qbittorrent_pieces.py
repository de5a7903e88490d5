"""JSON that is read in pieces: the same as in one go, of what is well formed, and a refusal of everything else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename.resolvers.qbittorrent.pieces import MAX_PIECE_CHARS, read_json

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)
PADDING = " " * MAX_PIECE_CHARS


@given(value=VALUES, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_it_reads_what_json_reads(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(errors="replace")
    for body in (text, PADDING.encode() + text, text + PADDING.encode()):
        assert read_json(body) == json.loads(text)


def test_a_large_answer_is_the_same_as_in_one_go() -> None:
    torrents = {f"{number:040x}": {"name": f"n°{number}", "size": number, "ratio": -1.5e3} for number in range(3000)}
    answer = {"rid": 7, "torrents": torrents, "trackers": {"http://t": list(torrents)}, "tags": [], "x": [[[1, {}]]]}
    assert read_json(json.dumps(answer).encode()) == answer


@pytest.mark.parametrize(
    "text", ["{", "[", '{"a"', '{"a":', '{"a":1', '{"a":1,}', "[1,", "[1,]", "[1 2]", '{"a" 1}', "1 2", "", "tru", '"a']
)
def test_what_json_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json((PADDING + text).encode())


@pytest.mark.parametrize("large", ["[" + "1," * MAX_PIECE_CHARS + "1]", "1" * MAX_PIECE_CHARS, f'"{PADDING}"'])
def test_no_piece_may_be_large(large: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json((PADDING + '{"torrents":{"id":{"a":' + large + "}}}").encode())


def test_what_is_nested_without_an_end_is_refused() -> None:
    with pytest.raises((ValueError, RecursionError)):
        read_json(b"[" * 2 * MAX_PIECE_CHARS)
