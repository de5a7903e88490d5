"""Bencoding as BEP 3 has it, read from bytes that a stranger made."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import decode
from truename import bencode
from truename.bencode import Value, decode_first
from truename.errors import BadMetadata

VALUES: st.SearchStrategy[Value] = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def encode(value: Value) -> bytes:
    match value:
        case int():
            return b"i%de" % value
        case bytes():
            return b"%d:%s" % (len(value), value)
        case list():
            return b"l%se" % b"".join(map(encode, value))
        case dict():
            return b"d%se" % b"".join(encode(key) + encode(value[key]) for key in sorted(value))


@given(VALUES)
def test_what_is_encoded_is_decoded(value: Value) -> None:
    assert decode(encode(value)) == value


@settings(max_examples=500)
@given(st.binary(max_size=40) | st.lists(st.sampled_from([*b"dlie0123:-ax"]), max_size=30).map(bytes))
def test_arbitrary_bytes_are_a_value_or_bad_metadata(data: bytes) -> None:
    with contextlib.suppress(BadMetadata):
        value, end = decode_first(data)
        assert len(encode(value)) <= end <= len(data)  # less only where a key stood there twice


@given(VALUES, st.data())
def test_a_value_that_is_cut_is_refused_and_one_with_more_behind_it_ends_where_it_ends(
    value: Value, data: st.DataObject
) -> None:
    whole = encode(value)
    with pytest.raises(BadMetadata):
        decode_first(whole[: data.draw(st.integers(0, len(whole) - 1))])
    for behind in (b"e", b"\n", whole):
        assert decode_first(whole + behind) == (value, len(whole))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"i0e", 0),
        (b"i-1e", -1),
        (b"i-9223372036854775808e", -(2**63)),
        (b"i18446744073709551615e", 2**64 - 1),
        (b"0:", b""),
        (b"10:0123456789", b"0123456789"),
        (b"le", []),
        (b"de", {}),
        (b"llleee", [[[]]]),
        (b"d0:i1ee", {b"": 1}),
        (b"d1:bi1e1:ai2ee", {b"b": 1, b"a": 2}),  # the order of keys is wrong in many a real torrent
        (b"d1:ai1e1:ai2ee", {b"a": 1}),  # as libtorrent reads it
        (b"3:i1e", b"i1e"),
    ],
)
def test_values_are_read_as_the_specification_says(data: bytes, value: Value) -> None:
    assert decode(data) == value


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"e", b"l", b"d", b":", b"i", b"x", b" i1e", b"\xff"),
        *(b"ie", b"i-e", b"i--1e", b"i+1e", b"i 1e", b"i1 e", b"i1_0e", b"i1.5e", b"i0x1e", b"i1", b"i1x"),
        *(b"i03e", b"i-0e", b"i-03e", b"i00e"),
        *(b"1:", b"2:a", b"1a", b"01:a", b"00:", b"-1:a", b"+1:a", b"1 :a", b"1_0:aaaaaaaaaa", b"5"),
        *(b"d1:ae", b"di1ei2ee", b"dlei1ee", b"ddei1ee", b"d1:ai1e1:b"),
        *(b"i" + b"9" * 5000 + b"e", b"9" * 30 + b":", b"99999999999999999:a", b"4294967296:a"),
    ],
)
def test_malformed_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadMetadata):
        decode_first(data)


@pytest.mark.parametrize(("opening", "closing"), [(b"l", b"e"), (b"d0:", b"e")])
def test_depth_has_a_limit(opening: bytes, closing: bytes) -> None:
    inner = b"le"
    deep = bencode.MAX_DEPTH - 1
    decode(opening * deep + inner + closing * deep)
    with pytest.raises(BadMetadata):
        decode_first(opening * (deep + 1) + inner + closing * (deep + 1))


@pytest.mark.parametrize("bomb", [b"l" * 1_000_000, b"d0:" * 1_000_000, b"l" * 500_000 + b"e" * 500_000])
def test_endless_nesting_is_refused_at_the_limit(bomb: bytes) -> None:
    with pytest.raises(BadMetadata, match="deep"):
        decode_first(bomb)


def test_the_number_of_values_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bencode, "MAX_TOKENS", 1000)
    decode(b"l" + b"i1e" * 998 + b"e")
    with pytest.raises(BadMetadata, match="many"):
        decode_first(b"l" + b"i1e" * 999 + b"e")
    decode_first(b"lli1eee" + b"x", max_tokens=5)
    with pytest.raises(BadMetadata, match="many"):
        decode_first(b"lli1eee", max_tokens=4)
