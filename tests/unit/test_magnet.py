"""One magnet, as a person or a text gives it; libtorrent reads the same in it, where libtorrent is right."""

import random
from base64 import b32encode

import libtorrent as lt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename import magnet
from truename.errors import InvalidInput
from truename.magnet import (
    MAX_MAGNET_CHARS,
    MAX_SOURCE_BYTES,
    MAX_TRACKERS,
    InfoHash,
    Magnet,
    bears,
    encode_dn,
    find_magnets,
    lacks,
    rename,
    unwritable,
)

HEX = "cfe1119f124881ca70f7306f32e292194c88c195"
BASE32 = "Z7QRDHYSJCA4U4HXGBXTFYUSDFGIRQMV"
OTHER = "08ada5a7a6183aae1e09d831df6748d566095a10"
V2 = "caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e"
BARE = f"magnet:?xt=urn:btih:{HEX}"

# What a person gives


@pytest.mark.parametrize("text", [HEX, f" {HEX.upper()}\n", BASE32, BASE32.lower(), BARE, f"\t{BARE}&dn=x \n"])
def test_a_hash_or_a_magnet_is_read_with_white_space_around_it(text: str) -> None:
    assert Magnet.parse(text).info_hash == HEX


@pytest.mark.parametrize("digits", [f" {HEX}\n", f"\t{BASE32}"])
def test_an_info_hash_is_read_with_white_space_around_it(digits: str) -> None:
    assert InfoHash.parse(digits) == HEX


@pytest.mark.parametrize(("text", "hashes"), [(V2, (V2,)), (f"{BARE}&xt=urn:btmh:1220{V2}", (HEX, V2))])
def test_a_magnet_carries_all_its_hashes(text: str, hashes: tuple[str, ...]) -> None:
    assert Magnet.parse(text).hashes == hashes
    assert [info_hash.is_v2 for info_hash in Magnet.parse(text).hashes] == [len(each) == 64 for each in hashes]
    assert [info_hash.hash20 for info_hash in Magnet.parse(text).hashes] == [each[:40] for each in hashes]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing_info_hash"),
        (" \n", "missing_info_hash"),
        ("magnet:?", "missing_info_hash"),
        ("magnet:?dn=x", "missing_info_hash"),
        ("magnet:?dn=x&tr=y", "missing_info_hash"),
        ("magnet:?xt=", "invalid_info_hash"),
        ("magnet:?xt=urn:btih:zz", "invalid_info_hash"),
        ("magnet:?xt=urn:btih:" + "0" * 40, "invalid_info_hash"),
        ("magnet:?xt=urn:ed2k:354b15e68fb8f36d7cd88ff94116cdc1", "invalid_info_hash"),
        ("5", "invalid_info_hash"),
        ("--help", "invalid_info_hash"),
        (HEX[:39], "invalid_info_hash"),
        (HEX + "\0", "invalid_info_hash"),
        ("0" * 40, "invalid_info_hash"),
        ("x" * 1_000_000, "invalid_info_hash"),
        ("http://x.example/a.torrent", "invalid_info_hash"),
        (f"see {BARE}", "invalid_info_hash"),
        (f"{BARE} magnet:?xt=urn:btih:{'ab' * 20}", "invalid_info_hash"),
        (f"{BARE} {BARE} magnet:?xt=urn:btih:{'ab' * 20}", "invalid_info_hash"),
        (BARE + "&dn=" + "x" * (MAX_MAGNET_CHARS - len(BARE) - 4) + "\\y", "magnet_too_large"),
        (BARE + "&dn=" + "x" * 1_000_000, "magnet_too_large"),
        (BARE + "".join(f"&tr=http%3A%2F%2F{n}.example%2F" for n in range(10_000)), "magnet_too_large"),
        (BARE + "".join(f"&tr={n}" for n in range(MAX_TRACKERS + 1)), "magnet_too_large"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_a_reason(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Magnet.parse(text)
    assert refusal.value.code == code


def test_of_a_broken_magnet_in_a_text_the_reason_is_told() -> None:
    text = f"magnet:?xt=urn:btih:zz {BARE} magnet:?dn=x magnet:? {BARE}&dn={'x' * 40_000} end"
    spans = list(find_magnets(text, broken=True))
    assert [span.problem for span in spans] == ["invalid_info_hash", None, "missing_info_hash", "magnet_too_large"]
    assert [span.text for span in find_magnets(text)] == [BARE]
    with pytest.raises(InvalidInput, match="missing_info_hash"):
        Magnet.of(spans[2])


# Trackers and peers


def test_trackers_and_peers_are_decoded_once_each_in_their_order() -> None:
    magnet = Magnet.parse(
        f"{BARE}&tr=udp%3A%2F%2Fb.example%3A80%2Fa%253Fb&tr.1=http://a.example/?x=1&TR=udp%3A%2F%2Fb.example%3A80%2Fa%253Fb"
        "&tr=&tr&tr.x=no&trx=no&x.pe=203.0.113.5:6881&x.pe=%5B2001%3Adb8%3A%3A1%5D%3A6881&x.pe=203.0.113.5:6881"
    )
    assert magnet.trackers == ("udp://b.example:80/a%3Fb", "http://a.example/?x=1")
    assert magnet.peers == ("203.0.113.5:6881", "[2001:db8::1]:6881")


def test_other_parameters_are_not_taken_for_trackers_or_peers() -> None:
    magnet = Magnet.parse(f"{BARE}&ws=http://w.example/&xs=http://x.example/&as=a&dht=d:1&so=0-4294967295&dn=n")
    assert (magnet.trackers, magnet.peers, magnet.display_name) == ((), (), "n")


def test_a_bare_hash_has_neither_name_nor_trackers() -> None:
    assert Magnet.parse(HEX) == Magnet(info_hash=InfoHash(HEX))


@pytest.mark.parametrize(
    ("tail", "name"), [("", None), ("&dn=", ""), ("&dn", None), ("&dn=a&dn=b", "a"), ("&dn.1=a", None)]
)
def test_a_missing_dn_is_not_an_empty_one(tail: str, name: str | None) -> None:
    assert Magnet.parse(BARE + tail).display_name == name


# libtorrent as the judge

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)
PATHS = st.lists(st.text("az09/-=&+%", max_size=8), max_size=3, unique=True)
HASHES = st.binary(min_size=20, max_size=20).filter(any).map(bytes.hex)
HASHES_V2 = st.binary(min_size=32, max_size=32).filter(any).map(bytes.hex)


@given(HASHES | st.just(""), HASHES_V2 | st.just(""), WORDS, PATHS, st.randoms())
def test_libtorrent_reads_the_same_in_a_well_formed_magnet(
    v1: str, v2: str, name: str, paths: list[str], chance: random.Random
) -> None:
    fields = [f"xt=urn:btih:{chance.choice((v1, v1.upper()))}"] * bool(v1) + [f"xt=urn:btmh:1220{v2}"] * bool(v2)
    if not fields:
        return
    fields += [f"dn={encode_dn(name)}"]
    fields += [f"tr={encode_dn('http://t.example/' + path)}" for path in paths]
    chance.shuffle(fields)
    link = "magnet:?" + "&".join(fields)
    ours, theirs = Magnet.parse(link), lt.parse_magnet_uri(link)
    expected = [str(theirs.info_hashes.v1)] * theirs.info_hashes.has_v1()
    expected += [str(theirs.info_hashes.v2)] * theirs.info_hashes.has_v2()
    assert list(ours.hashes) == expected
    assert ours.display_name == name == theirs.name
    assert sorted(ours.trackers) == sorted(theirs.trackers)


@given(st.binary(min_size=20, max_size=20).filter(any))
def test_base32_is_the_same_hash_to_libtorrent(raw: bytes) -> None:
    link = f"magnet:?xt=urn:btih:{b32encode(raw).decode()}"
    assert Magnet.parse(link).info_hash == str(lt.parse_magnet_uri(link).info_hashes.v1) == raw.hex()


# Names that do not fit


def room_for_name(length: int) -> str:
    """A magnet without a `dn` that has room for one of so many characters."""
    filler = MAX_MAGNET_CHARS - len(BARE) - len("&tr=") - len("&dn=") - length
    return f"{BARE}&tr={'y' * filler}"


def test_a_name_that_just_fits_is_written_and_one_more_is_not() -> None:
    magnet = room_for_name(10)
    names = {HEX: "0123456789"}
    assert rename(magnet, names).startswith(f"{BARE}&dn=0123456789&tr=")
    assert not unwritable(magnet, names)
    names = {HEX: "0123456789a"}
    assert rename(magnet, names) == magnet
    assert [span.text for span in unwritable(magnet, names)] == [magnet]


def test_the_name_that_goes_makes_room() -> None:
    magnet = f"{BARE}&dn={'x' * 30_000}"
    name = "你" * 1365
    assert rename(magnet, {HEX: name}) == f"{BARE}&dn={encode_dn(name)}"
    assert not unwritable(magnet, {HEX: name})


def test_trackers_and_peers_that_are_too_long_to_be_any_are_left_out() -> None:
    fits, wide = "udp://a.example/" + "x" * (MAX_SOURCE_BYTES - 16), "udp://a.example/" + "\U0001f600" * 600
    magnet = Magnet.parse(f"{BARE}&tr={fits}&tr={fits}x&tr={wide}&x.pe={fits}x&x.pe=127.0.0.1:1")
    assert (magnet.trackers, magnet.peers) == ((fits,), ("127.0.0.1:1",))


def test_only_the_magnet_that_is_too_large_is_left_alone() -> None:
    large = room_for_name(5)
    text = f"one {BARE} two {large} three magnet:?xt=urn:btih:{OTHER}"
    names = {HEX: "A long name", OTHER: "B"}
    assert rename(text, names) == f"one {BARE}&dn=A%20long%20name two {large} three magnet:?xt=urn:btih:{OTHER}&dn=B"
    (span,) = unwritable(text, names)
    assert text[span.start : span.end] == large


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('<a href="magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass&amp;tr=x">', True),
        ("<a href='magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass'>", True),
        ('{{"m": "magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass"}}', True),
        ('<a href="magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass \r\n ">', True),
        ('<a href="magnet:?xt=urn:btih:{hash}&dn=Leaves of Glass">', False),
        ('<a href="magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass 2 [FAKE] setup.exe">', False),
        ("He said 'magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass is a book.'", False),
        ('"magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass', False),
        ('"magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass magnet:?xt=urn:btih:{hash}"', False),
        (r"{{\"m\": \"magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass\"}}", True),
        ('<a href="magnet:?xt=urn:btih:{hash}&dn=Leaves" title="of Grass">', False),
        ("magnet:?xt=urn:btih:{hash}&dn=Leaves of Grass", False),
        ('"magnet:?xt=urn:btih:{hash}" of Grass', False),
    ],
)
def test_in_quotes_a_name_with_plain_spaces_is_what_a_browser_reads_and_stays(text: str, *, kept: bool) -> None:
    before = text.format(hash="1a" * 20)
    after = rename(before, {"1a" * 20: "Leaves of Grass"})
    assert (after == before) is kept
    assert rename(after, {"1a" * 20: "Leaves of Grass"}) == after
    span, *_ = find_magnets(before)
    assert lacks(span, "Leaves of Grass") is not kept
    assert bears(span, "Leaves of Grass") is kept


def test_names_for_which_there_is_no_room_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(name: str) -> str:
        made.append(name)
        return encode_dn(name)

    monkeypatch.setattr(magnet, "encode_dn", counted)
    hashes = [f"{number:040x}" for number in range(1, 101)]
    names = {one: f"{one} and a long one" for one in hashes}
    text = "\n".join(f"magnet:?xt=urn:btih:{one}" for one in hashes * 50)
    renamed = rename(text, names, most_chars=len(text) + 1000)
    assert len(made) == len(set(made)) < 20
    assert 900 < len(renamed) - len(text) <= 1000
    assert rename(text, names).count("&dn=") == 5000
    assert len(made) < 20 + 100 + 1, "each name once"


def test_what_needs_no_change_is_never_unwritable() -> None:
    text = f"{BARE}&dn=A+name&tr={'y' * (MAX_MAGNET_CHARS - len(BARE) - len('&dn=A+name&tr='))}"
    assert len(text) == MAX_MAGNET_CHARS
    assert not unwritable(text, {HEX: "A name"})
    assert not unwritable(text, {OTHER: "x" * 4096})
    assert unwritable(text, {HEX: "Another name"})


def test_a_magnet_that_is_too_large_from_the_beginning_is_no_magnet() -> None:
    text = f"{BARE}&tr={'y' * MAX_MAGNET_CHARS} {BARE}"
    assert rename(text, {HEX: "A name"}) == f"{text}&dn=A%20name"


def test_punctuation_and_brackets_end_a_magnet_before_its_size_is_judged() -> None:
    for end in (".", ")"):
        text = f"{BARE}{end}{'y' * 50_000}"
        assert [span.text for span in find_magnets(text)] == [BARE]
        once = rename(text, {HEX: "A name"})
        assert len(once) > len(text)
        assert rename(once, {HEX: "A name"}) == once


@pytest.mark.parametrize("most", [0, 150, 200, 250, 300, 350])
def test_no_name_is_written_that_makes_a_text_too_long_and_those_behind_it_are_if_they_fit(most: int) -> None:
    other = "ab" * 20
    text = f"{BARE}\nmagnet:?xt=urn:btih:{other}&dn=a\nmagnet:?xt=urn:btih:{other}&dn={'b' * 40}"
    names = {HEX: "x" * 100, other: "short"}
    once = rename(text, names, most_chars=most)
    assert len(once) <= max(most, len(text))
    assert rename(once, names, most_chars=most) == once
    assert f"&dn={'b' * 40}" not in once  # the text gets shorter by this one, however long it is
    assert (f"{BARE}&dn={'x' * 100}\n" in once) == (most >= len(text) - 35 + 104)


def test_the_same_torrent_twice_is_one() -> None:
    both = f"{BARE}&xt=urn:btmh:1220{'cd' * 32}"
    assert Magnet.parse(f"{both} magnet:?xt=urn:btmh:1220{'cd' * 32} {BARE}").hashes == Magnet.parse(both).hashes
    assert Magnet.parse(f"{BARE} {both} magnet:?xt=urn:btmh:1220{'cd' * 32}").hashes == (HEX,)


@pytest.mark.parametrize("behind", ["\\n", '\\"', "\\u0022", "\\", "\\\\"])
def test_a_magnet_as_large_as_may_be_is_one_in_front_of_an_escape_too(behind: str) -> None:
    name = "x" * (MAX_MAGNET_CHARS - len(BARE) - len("&dn="))
    text = rename(f"{BARE}{behind}next", {HEX: name})
    assert text == f"{BARE}&dn={name}{behind}next"
    assert [span.end for span in find_magnets(text)] == [MAX_MAGNET_CHARS]
    assert rename(text, {HEX: name}) == text
