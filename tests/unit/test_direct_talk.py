"""The talk with one peer, without a peer: every byte of it is a test's."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_direct_wire import DATA, GREETING, HANDSHAKE, INFO, NUMBERS
from tests.wire import decode, encode, info_named, v2_info
from truename.resolvers.base import MAX_METADATA_BYTES
from truename.resolvers.direct.allowance import Room, Traffic
from truename.resolvers.direct.peer_wire import BLOCK_BYTES, build_extended, build_handshake, build_message
from truename.resolvers.direct.talk import (
    REQUESTS_AT_ONCE,
    Talk,
    TalkFailed,
    Trouble,
)

US = b"u" * 20
THEM = b"t" * 20
UT_METADATA = 3
SMALL = info_named("small")
LARGE = info_named("large", pieces=4_000)  # five blocks
HUGE = info_named("huge", pieces=100_000)  # 123 blocks
PLENTY = 1 << 40


def sha1(raw: bytes) -> bytes:
    return hashlib.sha1(raw, usedforsecurity=False).digest()


def a_room(limit: int, clock: Callable[[], float] = lambda: 0.0) -> Room:
    return Room(limit, clock, turn_s=3.0)


def a_talk(raw: bytes = SMALL, *, room: Room | None = None, traffic: Traffic | None = None) -> Talk:
    return Talk(sha1(raw), US, room=room or a_room(PLENTY), traffic=traffic or Traffic(PLENTY, 0))


def raw_of(talk: Talk) -> bytes | None:
    return talk.info.raw if talk.info is not None else None


def shake(raw: bytes = SMALL, *, peer_id: bytes = THEM) -> bytes:
    return build_handshake(sha1(raw), peer_id)


def greet(size: Any, *, number: int = UT_METADATA) -> bytes:
    return build_extended(0, encode({"m": {"ut_metadata": number}, "metadata_size": size}))


def renumber(number: int) -> bytes:
    """A greeting that changes nothing but the number by which the peer is asked for metadata."""
    return build_extended(0, encode({"m": {"ut_metadata": number}}))


def block(raw: bytes, piece: int, /, **more: Any) -> bytes:
    header = {"msg_type": 1, "piece": piece, "total_size": len(raw)} | more
    return build_extended(1, encode(header) + raw[piece * BLOCK_BYTES :][:BLOCK_BYTES])


def reject(piece: int) -> bytes:
    return build_extended(1, encode({"msg_type": 2, "piece": piece}))


def blocks(raw: bytes) -> list[bytes]:
    return [block(raw, piece) for piece in range(-(-len(raw) // BLOCK_BYTES))]


def pieces_asked(sent: bytes, *, number: int = UT_METADATA) -> list[int]:
    """The pieces of the requests in what we sent, all of them by this number."""
    asked = []
    while sent:
        length = int.from_bytes(sent[:4], "big")
        message, sent = sent[4 : 4 + length], sent[4 + length :]
        assert message[:2] == bytes((20, number))
        said = decode(message[2:])
        assert isinstance(said, dict)
        assert said[b"msg_type"] == 0
        piece = said[b"piece"]
        assert isinstance(piece, int)
        asked.append(piece)
    return asked


def hear_all(talk: Talk, said: Iterable[bytes]) -> None:
    for data in said:
        talk.hear(data)


def trouble_of(talk: Talk, *heard: bytes) -> Trouble:
    with pytest.raises(TalkFailed) as ending:
        hear_all(talk, heard)
    assert talk.info is None
    return ending.value.trouble


def test_we_greet_without_waiting_and_ask_as_soon_as_the_size_is_known() -> None:
    talk = Talk(NUMBERS, US, room=a_room(PLENTY), traffic=Traffic(PLENTY, 0))
    assert talk.opening() == build_handshake(NUMBERS, US) + b"\0\0\0\x1a\x14\0d1:md11:ut_metadatai1eee"
    assert talk.hear(HANDSHAKE) == b""
    assert talk.hear(build_extended(0, GREETING)) == b"\0\0\0\x1b\x14\x02d8:msg_typei0e5:piecei0ee"
    assert talk.hear(build_extended(1, DATA)) == b""
    assert raw_of(talk) == INFO


def test_all_blocks_are_asked_for_at_once() -> None:
    talk = a_talk(LARGE)
    assert pieces_asked(talk.hear(shake(LARGE) + greet(len(LARGE)))) == [0, 1, 2, 3, 4]


def test_of_very_many_blocks_a_bounded_number_is_asked_for_at_once() -> None:
    talk = a_talk(HUGE)
    assert len(pieces_asked(talk.hear(shake(HUGE) + greet(len(HUGE))))) == REQUESTS_AT_ONCE
    assert pieces_asked(talk.hear(block(HUGE, 5))) == [REQUESTS_AT_ONCE]


@given(st.permutations(range(5)), st.data())
def test_the_blocks_may_come_in_any_order_and_in_portions_of_any_size(order: list[int], data: st.DataObject) -> None:
    noise = [
        b"\0\0\0\0",
        build_message(b"\x05" + b"\xff" * 700),
        build_message(b"\x04\0\0\0\1"),
        build_message(b"\x14"),
    ]
    said = [shake(LARGE), noise[1], greet(len(LARGE))]
    for piece in order:
        said += [data.draw(st.sampled_from(noise)), block(LARGE, piece)]
    stream = b"".join(said)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    talk = a_talk(LARGE)
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        talk.hear(stream[start:end])
    assert raw_of(talk) == LARGE


def test_a_stream_of_single_bytes_is_a_talk_too() -> None:
    talk = a_talk()
    for byte in shake() + greet(len(SMALL)) + block(SMALL, 0):
        talk.hear(bytes((byte,)))
    assert raw_of(talk) == SMALL


def test_a_v2_torrent_is_proved_by_sha_256() -> None:
    info = v2_info("version two")
    hash20 = hashlib.sha256(info).digest()[:20]
    talk = Talk(hash20, US, room=a_room(PLENTY), traffic=Traffic(PLENTY, 0))
    talk.hear(build_handshake(hash20, THEM) + greet(len(info)) + block(info, 0))
    assert raw_of(talk) == info


def test_a_block_that_comes_twice_counts_once() -> None:
    talk = a_talk(LARGE)
    talk.hear(shake(LARGE) + greet(len(LARGE)))
    for piece in (0, 0, 1, 1, 2, 0, 3):
        talk.hear(block(LARGE, piece))
    assert talk.info is None
    talk.hear(block(LARGE, 4))
    assert raw_of(talk) == LARGE


def test_a_block_without_its_total_size_is_good_enough() -> None:
    talk = a_talk()
    header = encode({"msg_type": 1, "piece": 0})
    talk.hear(shake() + greet(len(SMALL)) + build_extended(1, header + SMALL))
    assert raw_of(talk) == SMALL


def test_a_second_greeting_may_come_with_the_same_size_or_none() -> None:
    talk = a_talk()
    talk.hear(shake() + greet(len(SMALL)) + build_extended(0, b"de") + greet(len(SMALL)) + block(SMALL, 0))
    assert raw_of(talk) == SMALL


def test_a_peer_that_changes_its_number_is_asked_by_the_new_one_for_what_it_has_not_given() -> None:
    talk = a_talk(LARGE)
    assert pieces_asked(talk.hear(shake(LARGE) + greet(len(LARGE)) + renumber(9)), number=9) == [0, 1, 2, 3, 4]
    talk.hear(block(LARGE, 1) + block(LARGE, 3))
    assert pieces_asked(talk.hear(renumber(7)), number=7) == [0, 2, 4]
    assert talk.hear(renumber(7)) == b""
    assert talk.hear(reject(4)) == b""
    assert pieces_asked(talk.hear(block(LARGE, 0)), number=7) == [4]
    hear_all(talk, (block(LARGE, 2), block(LARGE, 4)))
    assert raw_of(talk) == LARGE


def test_with_a_new_number_no_more_is_asked_for_at_once_than_before() -> None:
    talk = a_talk(HUGE)
    talk.hear(shake(HUGE) + greet(len(HUGE)))
    assert pieces_asked(talk.hear(renumber(9)), number=9) == list(range(REQUESTS_AT_ONCE))
    assert pieces_asked(talk.hear(block(HUGE, 5)), number=9) == [REQUESTS_AT_ONCE]


def test_a_peer_that_changes_its_number_again_and_again_is_left() -> None:
    talk = a_talk(LARGE)
    talk.hear(shake(LARGE) + greet(len(LARGE)))
    steps = talk.steps
    assert trouble_of(talk, *map(renumber, range(4, 100))) is Trouble.TOO_MUCH
    assert talk.steps == steps


def test_a_peer_that_gives_no_metadata_any_more_has_nothing_now() -> None:
    assert trouble_of(a_talk(LARGE), shake(LARGE) + greet(len(LARGE)), renumber(0)) is Trouble.WITHOUT


LACKING = [
    ({"m": {"ut_metadata": 5}}, Trouble.WITHOUT),
    ({"m": {"ut_metadata": 5}, "metadata_size": 0}, Trouble.WITHOUT),
    ({"m": {"ut_metadata": 5}, "v": "x"}, Trouble.WITHOUT),
    ({}, Trouble.STRANGER),
    ({"v": "x"}, Trouble.STRANGER),
    ({"m": {}, "metadata_size": 7}, Trouble.STRANGER),
    ({"metadata_size": len(SMALL)}, Trouble.STRANGER),
]


@pytest.mark.parametrize(("said", "trouble"), LACKING)
def test_what_one_greeting_lacks_the_next_one_may_have(said: dict[str, Any], trouble: Trouble) -> None:
    first = shake() + build_extended(0, encode(said))
    together, apart = a_talk(), a_talk()
    assert pieces_asked(together.hear(first + build_message(b"\x05\xff") + greet(len(SMALL)))) == [0]
    assert (apart.hear(first), apart.lacking) == (b"", trouble)
    assert pieces_asked(apart.hear(greet(len(SMALL)))) == [0]
    for talk in (together, apart):
        assert talk.lacking is None
        talk.hear(block(SMALL, 0))
        assert raw_of(talk) == SMALL


def test_a_greeting_need_not_repeat_what_the_one_before_has_said() -> None:
    size, number = encode({"metadata_size": len(SMALL)}), encode({"m": {"ut_metadata": UT_METADATA}})
    for first, second in ((size, number), (number, size)):
        talk = a_talk()
        assert talk.hear(shake() + build_extended(0, first)) == b""
        assert pieces_asked(talk.hear(build_extended(0, second))) == [0]


def test_what_is_no_lie_about_the_metadata_is_let_pass() -> None:
    """Bytes behind a greeting, zeros before a number, very many extensions, a total size of nothing."""
    extensions = {"ut_metadata": UT_METADATA} | {f"x{number}": number for number in range(600)}
    greetings = [
        build_extended(0, encode({"m": extensions, "metadata_size": len(SMALL)})),
        build_extended(0, encode({"m": {"ut_metadata": UT_METADATA}, "metadata_size": len(SMALL)}) + b"\0\0"),
    ]
    given = [
        build_extended(1, b"d8:msg_typei01e5:piecei000e10:total_sizei0%dee" % len(SMALL) + SMALL),
        block(SMALL, 0, total_size=0),
    ]
    for greeting, answer in zip(greetings, given, strict=True):
        talk = a_talk()
        hear_all(talk, (shake(), greeting, answer))
        assert raw_of(talk) == SMALL


def test_a_question_to_us_is_passed_over() -> None:
    talk = a_talk()
    question = build_extended(1, encode({"msg_type": 0, "piece": 0}))
    assert talk.hear(shake() + question) == b""
    talk.hear(greet(len(SMALL)) + question + block(SMALL, 0))
    assert raw_of(talk) == SMALL


def test_rejected_blocks_are_asked_for_again_while_others_come() -> None:
    talk = a_talk(LARGE)
    talk.hear(shake(LARGE) + greet(len(LARGE)))
    assert talk.hear(reject(3)) == b""
    assert pieces_asked(talk.hear(block(LARGE, 0))) == [3]
    for piece in (1, 2, 4, 3):
        talk.hear(block(LARGE, piece))
    assert raw_of(talk) == LARGE


def test_a_peer_that_rejects_everything_has_nothing_now() -> None:
    rejections = b"".join(map(reject, range(5)))
    talk = a_talk(LARGE)
    talk.hear(shake(LARGE) + greet(len(LARGE)))
    assert talk.hear(rejections).count(b"msg_type") == 5  # asked once more
    assert trouble_of(talk, rejections) is Trouble.WITHOUT


def test_a_peer_that_rejects_each_block_once_is_asked_once_more() -> None:
    for raw, pieces in ((SMALL, 1), (LARGE, 5)):
        talk = a_talk(raw)
        said = shake(raw) + greet(len(raw)) + b"".join(map(reject, range(pieces)))
        hear_all(talk, [said, *blocks(raw)])
        assert talk.info is not None


def test_a_peer_that_gives_one_block_and_rejects_the_others_for_ever_comes_to_an_end() -> None:
    talk = a_talk(HUGE)
    talk.hear(shake(HUGE) + greet(len(HUGE)))
    all_others = b"".join(map(reject, range(200)))
    with pytest.raises(TalkFailed):
        hear_all(talk, (block(HUGE, piece) + all_others for piece in range(200)))


@pytest.mark.parametrize("wrong", [+5, -1, +BLOCK_BYTES])
@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["one block", "five blocks"])
def test_a_lie_about_the_size_is_found_out(raw: bytes, wrong: int) -> None:
    claimed = raw + b"e" * wrong if wrong > 0 else raw[:wrong]
    assert trouble_of(a_talk(raw), shake(raw), greet(len(claimed)), *blocks(claimed)) is Trouble.LIED


@pytest.mark.parametrize("size", [MAX_METADATA_BYTES + 1, 1 << 31, (1 << 31) - 1, 1 << 63, -7])
def test_an_impossible_size_is_believed_to_nobody(size: int) -> None:
    room = a_room(0)
    trouble = trouble_of(a_talk(room=room), shake(), greet(size))
    assert trouble is (Trouble.TOO_LARGE if size > 0 else Trouble.LIED)


LIES: dict[str, Callable[[], bytes]] = {
    "garbage": lambda: (
        block(b"\xee" * len(LARGE), 0) + b"".join(block(b"\xee" * len(LARGE), piece) for piece in range(1, 5))
    ),
    "one byte wrong": lambda: b"".join(blocks(LARGE[:-1] + b"f")),
    "a block that nobody asked for": lambda: block(LARGE, 5, piece=5),
    "a block before the first": lambda: block(LARGE, 0, piece=-1),
    "a block far away": lambda: block(LARGE, 0, piece=2**62),
    "a block too long": lambda: build_extended(1, encode({"msg_type": 1, "piece": 0}) + b"x" * 17_000),
    "a block too short": lambda: build_extended(1, encode({"msg_type": 1, "piece": 0}) + LARGE[:100]),
    "an empty block": lambda: build_extended(1, encode({"msg_type": 1, "piece": 0})),
    "another total size": lambda: block(LARGE, 0, total_size=len(LARGE) + 5),
    "a negative total size": lambda: block(LARGE, 0, total_size=-1),
    "another size in a second greeting": lambda: greet(len(LARGE) + 5),
    "no dictionary": lambda: build_extended(1, b"\xff" * 100),
    "a bomb of lists": lambda: build_extended(1, b"l" * 15_000 + b"e" * 15_000),
    "very many values": lambda: build_extended(1, b"d1:xl" + b"0:" * 15_000 + b"ee"),
    "a greeting of very many values": lambda: build_extended(0, b"d1:ml" + b"0:" * 15_000 + b"ee"),
    "a bomb of a greeting": lambda: build_extended(0, b"d1:m" + b"l" * 15_000 + b"e" * 15_000 + b"e"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_is_not_asked_again(lie: str) -> None:
    trouble = trouble_of(a_talk(LARGE), shake(LARGE) + greet(len(LARGE)), LIES[lie]())
    assert trouble is Trouble.LIED
    assert not trouble.may_pass


def test_a_block_before_anything_was_asked_is_a_lie() -> None:
    assert trouble_of(a_talk(), shake() + block(SMALL, 0)) is Trouble.LIED


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n" + b"x" * 100, Trouble.STRANGER),
        (build_handshake(b"o" * 20, THEM), Trouble.STRANGER),
        (shake(peer_id=US), Trouble.OURSELVES),
        (shake().replace(b"\x10\0\0", b"\0\0\0"), Trouble.STRANGER),
        (shake() + b"\xff\xff\xff\xff\x14\0", Trouble.TOO_MUCH),
        (shake() + b"\x7f\xff\xff\xff\x07\0", Trouble.TOO_MUCH),
        (shake() + b"\0\1\0\0\x14\0", Trouble.TOO_MUCH),
    ],
)
def test_who_is_no_help_is_left(said: bytes, trouble: Trouble) -> None:
    assert trouble_of(a_talk(), said) is trouble


@pytest.mark.parametrize(
    "noise",
    [
        b"\0\0\0\0",
        build_message(b"\x05" + b"\xff" * 4_000),
        build_message(b"\x14\x09" + b"\xff" * 4_000),
        build_extended(0, GREETING.replace(b"i163e", b"i%de" % len(LARGE))),
        block(LARGE, 0),
    ],
    ids=["keep-alives", "bit fields", "unknown messages", "greetings", "one block"],
)
def test_endless_talk_comes_to_an_end(noise: bytes) -> None:
    talk = a_talk(LARGE)
    talk.hear(shake(LARGE) + greet(len(LARGE)))
    enough = 160 * 1024 + 2 * len(LARGE)
    assert trouble_of(talk, *([noise * 10] * (enough // (10 * len(noise)) + 1))) is Trouble.TOO_MUCH


def test_noise_brings_nobody_nearer() -> None:
    talk = a_talk(LARGE)
    talk.hear(shake(LARGE) + greet(len(LARGE)) + block(LARGE, 1))
    steps = talk.steps
    talk.hear(b"\0\0\0\0" + build_message(b"\x05\xff") + block(LARGE, 1) + block(LARGE, 0)[:500])
    assert talk.steps == steps
    talk.hear(block(LARGE, 0)[500:])
    assert talk.steps > steps


def test_what_is_held_is_counted_and_given_back() -> None:
    room = a_room(len(LARGE))
    talk = a_talk(LARGE, room=room)
    talk.hear(shake(LARGE) + greet(len(LARGE)) + block(LARGE, 0) + block(LARGE, 1))
    assert room.left == len(LARGE) - 2 * BLOCK_BYTES
    talk.close()
    talk.close()
    assert room.left == len(LARGE)


def test_without_room_a_talk_is_put_off() -> None:
    trouble = trouble_of(a_talk(LARGE, room=a_room(3 * BLOCK_BYTES)), shake(LARGE) + greet(len(LARGE)), *blocks(LARGE))
    assert trouble is Trouble.CROWDED
    assert trouble.may_pass


def test_all_talks_about_a_hash_together_hear_only_so_much_and_who_hears_no_more_has_not_lied() -> None:
    talk = a_talk(LARGE, traffic=Traffic(1_000, 0))
    trouble = trouble_of(talk, shake(LARGE), greet(len(LARGE)), block(LARGE, 0))
    assert trouble is Trouble.NO_ROOM


def test_each_talk_has_something_to_hear_of_its_own() -> None:
    traffic = Traffic(0, 2 * len(LARGE))
    for _ in range(3):
        talk = a_talk(LARGE, traffic=traffic)
        hear_all(talk, (shake(LARGE), greet(len(LARGE)), *blocks(LARGE)))
        assert raw_of(talk) == LARGE


def test_of_equal_talks_the_first_come_to_their_end_when_not_all_can() -> None:
    traffic = Traffic(2 * len(LARGE) + 1_000, 1_000)
    talks = [a_talk(LARGE, traffic=traffic) for _ in range(5)]
    for talk in talks:
        hear_all(talk, (shake(LARGE), greet(len(LARGE))))
    ended = set()
    for said in blocks(LARGE):
        for number, talk in enumerate(talks):
            with contextlib.suppress(TalkFailed):
                talk.hear(said)
                continue
            ended.add(number)
            talk.close()
    assert [raw_of(talk) for talk in talks[:2]] == [LARGE, LARGE]
    assert ended == {2, 3, 4}


def test_who_has_brought_most_is_sure_of_the_rest() -> None:
    traffic = Traffic(len(LARGE) - 38_500, 40_000)
    slow, quick = (a_talk(LARGE, traffic=traffic) for _ in range(2))
    hear_all(slow, (shake(LARGE), greet(len(LARGE)), block(LARGE, 0)))
    hear_all(quick, (shake(LARGE), greet(len(LARGE)), *blocks(LARGE)[:3]))
    with pytest.raises(TalkFailed) as ending:
        hear_all(slow, blocks(LARGE)[1:])
    assert ending.value.trouble is Trouble.NO_ROOM
    hear_all(quick, blocks(LARGE)[3:])
    assert raw_of(quick) == LARGE


def test_a_hash_that_holds_little_has_room_though_another_has_taken_all_of_it() -> None:
    room = a_room(12 * BLOCK_BYTES)
    greedy = [a_talk(HUGE, room=room) for _ in range(3)]
    for count, talk in enumerate(greedy, 3):
        hear_all(talk, (shake(HUGE), greet(len(HUGE)), *(block(HUGE, piece) for piece in range(count))))
    assert room.left == 0
    honest = a_talk(LARGE, room=room)
    hear_all(honest, (shake(LARGE), greet(len(LARGE)), *blocks(LARGE)))
    assert raw_of(honest) == LARGE
    assert [talk.held > 0 for talk in greedy] == [False, False, True]  # those who had brought least gave way
    assert trouble_of(greedy[0], block(HUGE, 7)) is Trouble.CROWDED


def test_a_hash_has_no_more_room_than_others_when_there_is_none_left() -> None:
    room = a_room(6 * BLOCK_BYTES)
    first, second = a_talk(HUGE, room=room), a_talk(LARGE, room=room)
    hear_all(first, (shake(HUGE), greet(len(HUGE)), *(block(HUGE, piece) for piece in range(3))))
    hear_all(second, (shake(LARGE), greet(len(LARGE)), *blocks(LARGE)[:3]))
    assert trouble_of(first, block(HUGE, 3)) is Trouble.CROWDED
    assert second.held == 3 * BLOCK_BYTES


def test_of_equally_large_metadata_those_end_first_who_have_most() -> None:
    room = a_room(8 * BLOCK_BYTES)
    raws = [info_named(f"large {number}", pieces=4_000) for number in range(4)]
    talks = [a_talk(raw, room=room) for raw in raws]
    for talk, raw in zip(talks, raws, strict=True):
        hear_all(talk, (shake(raw), greet(len(raw)), *blocks(raw)[:2]))
    assert room.left == 0
    last = talks[3]
    assert trouble_of(last, block(raws[3], 2)) is Trouble.CROWDED
    last.close()
    hear_all(talks[0], blocks(raws[0])[2:4])
    assert trouble_of(talks[1], block(raws[1], 2)) is Trouble.CROWDED
    talks[1].close()
    hear_all(talks[0], blocks(raws[0])[4:])
    assert raw_of(talks[0]) == raws[0]
    assert talks[2].held == 2 * BLOCK_BYTES


def test_who_has_brought_nothing_for_a_turn_gives_way_to_as_large_metadata() -> None:
    now = 0.0
    room = a_room(4 * BLOCK_BYTES, lambda: now)
    asleep, awake = info_named("asleep", pieces=4_000), info_named("awake!", pieces=4_000)
    hog, honest = a_talk(asleep, room=room), a_talk(awake, room=room)
    hear_all(hog, (shake(asleep), greet(len(asleep)), *blocks(asleep)[:4]))
    hear_all(honest, (shake(awake), greet(len(awake))))
    now = 2.9
    assert trouble_of(honest, block(awake, 0)) is Trouble.CROWDED
    now = 3.0
    again = a_talk(awake, room=room)
    hear_all(again, (shake(awake), greet(len(awake)), block(awake, 0)))
    assert (hog.held, again.held) == (0, BLOCK_BYTES)


def test_of_one_hash_the_talk_that_has_most_is_given_the_room() -> None:
    room = a_room(4 * BLOCK_BYTES)
    ahead, behind = a_talk(HUGE, room=room), a_talk(HUGE, room=room)
    hear_all(ahead, (shake(HUGE), greet(len(HUGE)), *(block(HUGE, piece) for piece in range(3))))
    hear_all(behind, (shake(HUGE), greet(len(HUGE)), block(HUGE, 0)))
    ahead.hear(block(HUGE, 3))
    assert (ahead.held, behind.held) == (4 * BLOCK_BYTES, 0)


def test_a_peer_that_claims_much_is_heard_no_further_than_it_is_asked() -> None:
    talk = a_talk(HUGE)
    hear_all(talk, (shake(HUGE), greet(MAX_METADATA_BYTES)))
    asked = REQUESTS_AT_ONCE * BLOCK_BYTES
    keep_alives = b"\0\0\0\0" * 1_000
    enough = (160 * 1024 + 2 * asked) // len(keep_alives)
    assert enough * len(keep_alives) < MAX_METADATA_BYTES
    assert trouble_of(talk, *[keep_alives] * enough) is Trouble.TOO_MUCH


@given(
    st.lists(
        st.binary(max_size=60)
        | st.sampled_from([greet(600), greet(len(LARGE)), block(LARGE, 1), reject(0), b"\0\0\0\x20\x14\1d"]),
        max_size=8,
    )
)
def test_arbitrary_bytes_after_the_handshake_end_the_talk_or_are_passed_over(said: list[bytes]) -> None:
    room = a_room(PLENTY)
    talk = a_talk(LARGE, room=room)
    with contextlib.suppress(TalkFailed):
        for data in (shake(LARGE), *said):
            talk.hear(data)
    assert talk.info is None
    talk.close()
    assert room.left == PLENTY


@given(st.binary(max_size=200))
def test_arbitrary_bytes_instead_of_a_handshake_end_the_talk_or_are_waited_out(data: bytes) -> None:
    talk = a_talk()
    with contextlib.suppress(TalkFailed):
        talk.hear(data)
    assert talk.info is None
