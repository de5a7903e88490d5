"""What holds for every text, looked for among texts made of the pieces on which scanners stumble."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truename.dn import reads_as
from truename.errors import InvalidInput
from truename.magnet import (
    MAX_MAGNET_CHARS,
    InfoHash,
    Magnet,
    MagnetSpan,
    decode_dn,
    encode_dn,
    find_magnets,
    rename,
    unwritable,
)

HEX = "cfe1119f124881ca70f7306f32e292194c88c195"
BASE32 = "Z7QRDHYSJCA4U4HXGBXTFYUSDFGIRQMV"  # the same hash
OTHER = "08ada5a7a6183aae1e09d831df6748d566095a10"
V2 = "caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e"

WHOLE = [
    f"magnet:?xt=urn:btih:{HEX}",
    f"MAGNET:?dn=old&XT=URN:BTIH:{OTHER.upper()}",
    f"magnet:?dn=a(b&tr=c&xt=urn:btih:{BASE32}",
    f"magnet:?xt=urn:btmh:1220{V2}&amp;tr=x",
]
PIECES = [
    *WHOLE,
    "magnet:?",
    "MaGnEt:?",
    "magnet:",
    "agnet:?",
    "m",
    ":?",
    "?",
    *("xt=", "&xt=", "&xt.1=", "&amp;xt=", "&xt", "xt=urn:btih:", "&xt=urn%3Abtih%3A", "&xt=urn:ed2k:1"),
    *(
        f"&xt=urn:btih:{HEX}",
        f"&xt=urn:btmh:1220{V2}",
        HEX,
        BASE32,
        BASE32.lower(),
        HEX[:39],
        V2,
        f"&xt=urn%3abtih%3A{OTHER}",
    ),
    *("dn=", "&dn=", "&DN=", "&amp;dn=", "&#38;dn=", "&#x26;dn=", "&amp;amp;dn=", "&dn", "&dn.1=", "&dn=Night%20Train"),
    *(
        "&tr=udp%3A%2F%2Ft.example%3A80",
        "&tr",
        "&x.pe=203.0.113.5:1",
        "&so=0-4294967295",
        "&=",
        "=",
        "&&",
        "&",
        ";",
        "&;",
    ),
    *("amp;", "&amp;", "&#38;", "&#x26;", "#38;", "&quot;", "&lt;", "&gt;", "&copy=1"),
    *("(", ")", "[", "]", "()", "[(])", "[/", "[/b]", "[*]", "<", ">", '"', "`", "|", "'", "）", "】", "”", "。"),
    *(" ", "\n", "\r\n", "\t", "\0", "\x1b", "\x85", "\u2028", "\u3000", "\u200b", "\ufeff"),
    *(".", ",", ";", ":", "!", "?", "...", "#", "+", "%", "%4", "%41", "%ff", "%C4%E3", "%20"),
    *("\\", "\\n", '\\"', "\\u0022", "\\u4e2d", "\\u12", "\\D", "'magnet:?", ",magnet:?"),
    *("a", "Tom", "你好", "İ", "ſ", "\u212a", "😀", "\udcff", "\udc94", "\ud800", "e\u0301"),
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.sampled_from(WHOLE) | st.text(max_size=3), max_size=14).map("".join)
# No `+`: a raw one may be read in two ways, and whether a `dn` then reads as its name has tests of its own.
TRUE_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="+"), min_size=1, max_size=20)
NAMES = st.fixed_dictionaries({}, optional={HEX: TRUE_NAMES, OTHER: TRUE_NAMES, V2: TRUE_NAMES})
TAILS = ["", "&dn=x", " ", ")", f"&xt=urn:btih:{HEX}." + "z" * 100]
MANY = settings(max_examples=400)

TERMINATORS = set('<>"`|') | set("）］｝】」』》〉〕〗〙〛〞〟｠｣”’、。，．；：！？｡､") | set("\udc92\udc94\udca0")

ENDS_WITH_A_HASH = re.compile(r"(urn:bt[im]h:|%3a)[0-9a-z%]+$", re.IGNORECASE)
BEGINS_NO_PART = re.compile(r"[,;']*magnet:\?|\[/[a-z]+\]|\[\*\]", re.IGNORECASE | re.ASCII)


def ends_a_magnet(char: str) -> bool:
    return char.isspace() or char in TERMINATORS or ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0


def name_for(span: MagnetSpan, names: dict[str, str]) -> str | None:
    return names.get(span.info_hash or "") or names.get(span.info_hash_v2 or "")


def gaps(text: str, spans: list[MagnetSpan]) -> list[str]:
    edges = [0, *(edge for span in spans for edge in (span.start, span.end)), len(text)]
    return [text[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)]


@given(st.text())
def test_a_written_name_is_read_back_unchanged(name: str) -> None:
    assert decode_dn(encode_dn(name)) == name
    assert reads_as(encode_dn(name), name)


@given(st.text(st.characters()))
def test_a_written_name_is_harmless_ascii(name: str) -> None:
    written = encode_dn(name)
    assert written.isascii()
    assert not set(written) & set("&+#=/?:;,()[]<>\"'` \n")


@given(st.text(st.sampled_from("%+4aEf你&;#\udcff ")))
def test_reading_a_dn_never_fails(value: str) -> None:
    assert "\ufffd" not in decode_dn(value)


@MANY
@given(TEXTS)
def test_spans_are_in_order_never_overlap_and_are_what_stands_there(text: str) -> None:
    done = 0
    for span in find_magnets(text, broken=True):
        assert done <= span.start < span.end <= len(text)
        assert span.text == text[span.start : span.end]
        assert span.text[:8].lower() == "magnet:?"
        assert (span.problem is None) == (span.info_hash is not None)
        done = span.end


@MANY
@given(TEXTS, st.sets(st.sampled_from([HEX, OTHER, V2])))
def test_who_wants_some_hashes_misses_none_of_their_magnets(text: str, wanted: set[str]) -> None:
    of_these = [span for span in find_magnets(text) if wanted.intersection((span.info_hash, span.info_hash_v2))]
    found = list(find_magnets(text, among=wanted))
    assert [span for span in found if wanted.intersection((span.info_hash, span.info_hash_v2))] == of_these
    assert found == [span for span in find_magnets(text) if span in found]


def test_a_short_magnet_of_another_encoding_is_not_taken_for_another_hash() -> None:
    for magnet in (f"magnet:?xt=urn:btih:{BASE32}", f"magnet:?xt=urn:btih:{OTHER}&XT.1=urn:btmh:1220{V2}"):
        assert [span.text for span in find_magnets(magnet, among={HEX, V2})] == [magnet]
    assert list(find_magnets(f"magnet:?xt=urn:btih:{OTHER}&dn=a", among={HEX})) == []


@MANY
@given(TEXTS)
def test_no_magnet_is_overlooked(text: str) -> None:
    found = {span.start for span in find_magnets(text, broken=True)}
    begun = {match.start() for match in re.finditer(r"magnet:\?", text, re.IGNORECASE)}
    assert found <= begun
    for start in begun - found:  # nothing of it is left but the scheme
        assert ends_a_magnet(text[start + 8 : start + 9] or " ") or re.match(
            r"[)\]'\\,;]|\[[/*]|magnet:\?", text[start + 8 :], re.I
        )


@MANY
@given(TEXTS)
def test_a_magnet_ends_where_the_contract_says(text: str) -> None:
    for span in find_magnets(text):
        assert not any(map(ends_a_magnet, span.text))
        behind = text[span.end :]
        is_quoted = behind[:1] == "'" and text[span.start - 1 : span.start] == "'"
        is_behind_a_hash = ENDS_WITH_A_HASH.search(span.text) and not re.match("[0-9A-Za-z]", behind)
        ends_here = not behind or ends_a_magnet(behind[0]) or behind[0] in ")]\\" or BEGINS_NO_PART.match(behind)
        assert ends_here or is_quoted or is_behind_a_hash


@MANY
@given(TEXTS)
def test_every_magnet_can_be_read_alone(text: str) -> None:
    for span in find_magnets(text):
        magnet = Magnet.of(span)
        assert Magnet.parse(span.text) == magnet
        assert all(InfoHash.parse(info_hash) == info_hash for info_hash in magnet.hashes)


@pytest.mark.parametrize("behind", ["\\[/b]", "\\[*]", "\\)", "\\]", "\\"])
def test_a_backslash_in_front_of_what_ends_a_magnet_belongs_to_that(behind: str) -> None:
    text = f"magnet:?xt=urn:btih:{HEX}&tr=x{behind} y"
    (span,) = find_magnets(text)
    assert span.text + behind == text[:-2]
    assert rename(text, {HEX: "Night Train"}) == text.replace("&tr", "&dn=Night%20Train&tr")


@MANY
@given(TEXTS)
def test_broken_magnets_are_added_to_the_others(text: str) -> None:
    assert [span for span in find_magnets(text, broken=True) if span.problem is None] == list(find_magnets(text))


@MANY
@given(TEXTS, NAMES)
def test_renaming_twice_equals_renaming_once(text: str, names: dict[str, str]) -> None:
    once = rename(text, names)
    assert rename(once, names) == once


@MANY
@given(TEXTS, NAMES)
def test_only_dn_values_change_and_every_named_magnet_reads_as_its_name(text: str, names: dict[str, str]) -> None:
    before = list(find_magnets(text))
    once = rename(text, names)
    after = list(find_magnets(once))
    assert gaps(text, before) == gaps(once, after)
    for old, new in zip(before, after, strict=True):
        assert (new.info_hash, new.info_hash_v2) == (old.info_hash, old.info_hash_v2)
        name = name_for(old, names)
        if name is None:
            assert new.text == old.text
            continue
        assert new.has_dn
        assert reads_as(new.text[new.dn_start : new.dn_end], name)
        assert new.display_name == name
        head, tail = old.text[: old.dn_start], old.text[old.dn_end :]
        written = new.text[new.dn_start : new.dn_end]
        assert new.text == f"{head}{old.dn_before}{written}{old.dn_after}{tail}"
        assert (Magnet.of(new).trackers, Magnet.of(new).peers) == (Magnet.of(old).trackers, Magnet.of(old).peers)


@given(TEXTS)
def test_without_names_nothing_changes(text: str) -> None:
    assert rename(text, {}) == text


@settings(max_examples=50)
@given(
    st.sampled_from(WHOLE),
    st.integers(-80, 80),
    st.sampled_from(["", "&dn=x", " ", ")", f"&xt=urn:btih:{HEX}." + "z" * 100]),
)
def test_at_the_limit_of_size_a_magnet_takes_its_name_or_is_reported(head: str, more: int, tail: str) -> None:
    text = head + "&tr=" + "y" * (MAX_MAGNET_CHARS - len(head) - 4 + more - 40) + tail
    names = dict.fromkeys((HEX, OTHER, V2), "A name of which one knows how long it is")
    once = rename(text, names)
    refused = unwritable(text, names)
    found = list(find_magnets(text))
    assert len(list(find_magnets(once))) == len(found)
    assert refused == (found if once == text else [])
    assert rename(once, names) == once
    assert unwritable(once, names) == refused


@given(st.text() | TEXTS)
def test_a_magnet_from_a_person_is_read_or_refused(text: str) -> None:
    try:
        magnet = Magnet.parse(text)
    except InvalidInput as refusal:
        assert refusal.code in {"missing_info_hash", "invalid_info_hash", "magnet_too_large"}  # noqa: PT017
    else:
        assert magnet.info_hash


@pytest.mark.parametrize("unit", PIECES)
def test_a_text_made_of_one_piece_many_times_is_read_to_its_end(unit: str) -> None:
    text = unit * 2000 + f" magnet:?xt=urn:btih:{HEX}"
    names = {HEX: "Night Train", OTHER: "Day Train"}
    *_, last = find_magnets(text)
    assert last.end == len(text)
    once = rename(text, names)
    assert once.endswith(f" magnet:?xt=urn:btih:{HEX}&dn=Night%20Train")
    assert rename(once, names) == once
