"""Frames and messages between the program and the child: everything comes through, and nothing else does."""

import json
import math
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename.errors import BadMetadata, BadName, NotYet, Refused, ResolverDown
from truename.infohash import InfoHash
from truename.magnet import MAX_SOURCE_BYTES, MAX_TRACKERS, Magnet, within_bounds
from truename.resolvers.base import ResolverHealth, Trail
from truename.resolvers.child import messages
from truename.resolvers.child.frames import MAX_FRAME_BYTES, BadFrame, Unpacker, check_size, encode, pack
from truename.resolvers.swarm_config import SwarmConfig

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
MESSAGE = st.lists(JSON, min_size=1, max_size=4)
ONE = InfoHash("1" * 40)


def frame(text: bytes, tail: bytes = b"") -> bytes:
    return (4 + len(text) + len(tail)).to_bytes(4, "big") + len(text).to_bytes(4, "big") + text + tail


def one(text: str, piece: bytes | None = None) -> list[Any]:
    """A message as it comes out at the other end."""
    (message,) = Unpacker().feed(b"".join(pack([(text, piece)])))
    return message


@given(st.lists(st.tuples(MESSAGE, st.none() | st.binary(max_size=100)), max_size=10), st.integers(1, 50))
def test_messages_come_through_however_the_bytes_are_cut(sent: list[tuple[list[Any], bytes | None]], size: int) -> None:
    data = b"".join(pack((encode(message), piece) for message, piece in sent))
    unpacker = Unpacker()
    came = [message for at in range(0, len(data), size) for message in unpacker.feed(data[at : at + size])]
    assert came == [message if piece is None else [*message, piece] for message, piece in sent]


def test_what_is_sent_together_is_one_frame_and_much_of_it_a_few() -> None:
    assert len(list(pack([("[1]", None)] * 100))) == 1
    frames = list(pack([(encode(["x" * 5_000]), b"y" * 5_000)] * 100))
    assert 1 < len(frames) < 10
    assert len(Unpacker().feed(b"".join(frames))) == 100


def test_a_frame_over_the_limit_is_refused_by_its_length_alone() -> None:
    with pytest.raises(BadFrame):
        Unpacker().feed((MAX_FRAME_BYTES + 1).to_bytes(4, "big"))
    with pytest.raises(BadFrame):
        list(pack([(encode(["x" * MAX_FRAME_BYTES]), None)]))
    with pytest.raises(BadFrame):
        list(pack([("[1]", b"x" * MAX_FRAME_BYTES)]))


@pytest.mark.parametrize("piece", [None, b"x" * 1000])
def test_what_is_not_refused_by_its_size_fits_into_a_frame(piece: bytes | None) -> None:
    def fits(chars: int) -> bool:
        try:
            check_size("x" * chars, piece)
        except BadFrame:
            return False
        return True

    least, most = 0, MAX_FRAME_BYTES
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(middle) else (least, middle)
    assert least > MAX_FRAME_BYTES - 2000
    (frame,) = pack([("x" * least, piece)])
    assert len(frame) <= 4 + MAX_FRAME_BYTES


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"\xff", b"{}", b"[]", b"7", b"[1]", b"[[],[]]", b'[[],"text"]', b"{[]:[1]}", b'{"a":1}'),
        *(b"[" * 100_000, b"[[],[" + b"9" * 10_000 + b"]]"),
    ],
)
def test_what_is_no_list_of_messages_is_refused(body: bytes) -> None:
    with pytest.raises(BadFrame):
        Unpacker().feed(frame(body))


@pytest.mark.parametrize(
    "sizes", [b"[[0,4]]", b"[[1,3]]", b"[[-1,3]]", b"[[0,-1]]", b"[[0,2]]", b"[]", b"[[0]]", b"[3]", b'[["0",3]]']
)
def test_bytes_that_are_of_no_message_are_refused(sizes: bytes) -> None:
    with pytest.raises(BadFrame):
        Unpacker().feed(frame(b"[" + sizes + b',["word"]]', b"abc"))


@pytest.mark.parametrize("body", [b"", b"\0\0", b"\0\0\0\1", b"\xff\xff\xff\xff[[]]"])
def test_a_frame_whose_text_is_longer_than_itself_is_refused(body: bytes) -> None:
    with pytest.raises(BadFrame):
        Unpacker().feed(len(body).to_bytes(4, "big") + body)


def test_the_configuration_comes_through() -> None:
    config = SwarmConfig(listen_interfaces="127.0.0.1:1", trackers=("http://a/?key=1", "udp://b:1"), dht=False)
    assert SwarmConfig(**messages.read_begin(one(messages.begin(config)))) == config


def test_a_magnet_comes_through_with_all_that_it_asks_with() -> None:
    magnet = Magnet(
        info_hash=ONE,
        info_hash_v2=InfoHash("2" * 64),
        display_name="a claim, which is nothing to the child",
        trackers=("http://ünï/\udcff", "udp://b:1"),
        peers=("127.0.0.1:1",),
    )
    asked = messages.read_ask(one(messages.ask(7, 1.5, magnet)))
    assert (asked.number, asked.deadline_s) == (7, 1.5)
    assert (asked.magnet.hashes, asked.magnet.trackers, asked.magnet.peers) == (
        magnet.hashes,
        magnet.trackers,
        magnet.peers,
    )


def test_the_longest_sources_that_a_magnet_may_have_fit_into_a_message() -> None:
    sources = tuple(chr(1) * (MAX_SOURCE_BYTES - 3) + str(number) for number in range(100, MAX_TRACKERS + 100))
    assert within_bounds(sources) == sources
    check_size(messages.ask(1, 1.5, Magnet(info_hash=ONE, trackers=sources, peers=sources)), None)


@given(st.binary(max_size=200))
def test_an_info_dictionary_comes_through_byte_for_byte(info: bytes) -> None:
    word, number, trail, came = one(messages.raw(3, Trail()), info)
    assert (word, number, came) == ("raw", 3, info)
    messages.read_trail(trail, Trail())


@pytest.mark.parametrize(
    "failure",
    [
        NotYet(peers_seen=None),
        NotYet(peers_seen=3),
        BadName("no usable name"),
        BadMetadata("another digest"),
        Refused("\x1b[31mno"),
        ResolverDown("cannot_listen", "127.0.0.1:1"),
    ],
)
def test_each_failure_comes_through_with_what_it_says(failure: messages.Failure) -> None:
    came = messages.read_failure(one(messages.ended(3, failure, Trail()))[2])
    assert (type(came), vars(came), str(came)) == (type(failure), vars(failure), str(failure))


def test_a_reason_without_a_sentence_becomes_one_that_has_one() -> None:
    down = messages.read_failure(["down", "rm -rf", ""])
    assert isinstance(down, ResolverDown)
    assert down.reason == "session_failed"


def test_a_trail_comes_through() -> None:
    told = Trail()
    told.question_sent()
    told.needs_help(("127.0.0.1:1",))
    told.note({"trackers": 2, "dht_nodes": 200})
    came = Trail()
    messages.read_trail(one(messages.news(3, told))[2], came)
    assert (came.asked, came.stuck, came.peers, came.counts) == (True, True, ("127.0.0.1:1",), told.counts)


def test_of_a_trail_only_numbers_of_known_words_and_short_peers_are_kept() -> None:
    trail = Trail()
    counts = {"trackers": -1, "dht_nodes": 1 << 80, "tried": "<b>", "lied": 2, "unheard": 1}
    messages.read_trail([True, True, ["a:1", 7, "x" * 10_000], counts], trail)
    assert (trail.counts, trail.peers) == ({"lied": 2}, ("a:1",))


def test_the_health_comes_through() -> None:
    state = ResolverHealth(
        able=True, listening=("127.0.0.1:1",), dht_enabled=True, dht_nodes=7, coming_up=True, dht_for_s=2.5
    )
    assert messages.read_health(one(messages.health(1, state))[2]) == state


@pytest.mark.parametrize("words", [None, [], ["not_yet"], ["not_yet", "3"], ["down", 1, 2], ["sudo", ""], {}])
def test_what_is_no_failure_is_refused(words: Any) -> None:
    with pytest.raises(BadFrame):
        messages.read_failure(words)


@pytest.mark.parametrize("words", [None, [], [1, 2, [], {}], [True, False, {}, {}], [True, False, [], []], "trail"])
def test_what_is_no_trail_is_refused(words: Any) -> None:
    with pytest.raises(BadFrame):
        messages.read_trail(words, Trail())


@pytest.mark.parametrize("words", [None, [], {}, {"able": 1}, asdict(ResolverHealth(able=True, dht_for_s=math.inf))])
def test_what_is_no_health_is_refused(words: Any) -> None:
    with pytest.raises(BadFrame):
        messages.read_health(words)


def test_messages_are_plain_json_in_ascii() -> None:
    assert json.loads(messages.ask(1, 30.0, Magnet(info_hash=ONE)))[0] == "ask"
    assert messages.ask(1, 30.0, Magnet(info_hash=ONE, trackers=("ü",))).isascii()
