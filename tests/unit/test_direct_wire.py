"""What peers say to one another, in bytes: recorded from libtorrent 2.1.1, and invented."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import encode
from truename.resolvers.direct.peer_wire import (
    BLOCK_BYTES,
    HANDSHAKE_BYTES,
    Greeting,
    Handshake,
    Kind,
    MetadataMessage,
    Unreadable,
    build_extended,
    build_greeting,
    build_handshake,
    build_request,
    parse_greeting,
    parse_handshake,
    parse_metadata,
)

# A seeder's side of a talk about `numbers.torrent`, whose info dictionary has 163 bytes.
NUMBERS = bytes.fromhex("89d97c2261a21b040cf11caa661a3ba7233bb7e6")
HANDSHAKE = b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05" + NUMBERS + b"-LT2110-AUk8qfin4ISq"
GREETING = (
    b"d12:complete_agoi-1e1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e12:ut_holepunchi4e11:ut_metadatai2e"
    b"6:ut_pexi1ee13:metadata_sizei163e4:reqqi2000e11:upload_onlyi1e1:v18:libtorrent/2.1.1.06:yourip4:\x7f\0\0\x01e"
)
INFO = (
    b"d5:filesld6:lengthi1e4:pathl5:1.txteed6:lengthi2e4:pathl5:2.txteed6:lengthi3e4:pathl5:3.txteee4:name7:numbers"
    b"12:piece lengthi16384e6:pieces20:\x1ftd\x8eP\xa6\xa6p\x8e\xc5J\xb3'\xa1c\xd5Sk|\xede"
)
DATA = b"d8:msg_typei1e5:piecei0e10:total_sizei163ee" + INFO
REJECTION = b"d8:msg_typei2e5:piecei7e10:total_sizei163ee"


def test_the_handshake_of_a_real_peer_is_read() -> None:
    assert len(HANDSHAKE) == HANDSHAKE_BYTES
    assert parse_handshake(HANDSHAKE) == Handshake(NUMBERS, b"-LT2110-AUk8qfin4ISq", extended=True)


def test_the_greeting_of_a_real_peer_is_read() -> None:
    assert parse_greeting(GREETING) == Greeting(ut_metadata=2, metadata_size=163)


def test_the_block_of_a_real_peer_is_read() -> None:
    assert parse_metadata(DATA) == MetadataMessage(Kind.DATA, 0, 163, INFO)
    assert hashlib.sha1(INFO, usedforsecurity=False).digest() == NUMBERS


def test_the_rejection_of_a_real_peer_is_read() -> None:
    assert parse_metadata(REJECTION) == MetadataMessage(Kind.REJECT, 7, 163, b"")


def test_what_we_send_is_what_the_specifications_write() -> None:
    assert build_handshake(NUMBERS, b"p" * 20) == (
        b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\0" + NUMBERS + b"pppppppppppppppppppp"
    )
    assert build_greeting() == b"\0\0\0\x1a\x14\0d1:md11:ut_metadatai1eee"
    assert build_request(3, 12) == b"\0\0\0\x1c\x14\x03d8:msg_typei0e5:piecei12ee"


def test_a_handshake_without_the_bit_for_extended_messages_says_so() -> None:
    plain = HANDSHAKE.replace(b"\x10\0\x05", b"\0\0\x05")
    assert not parse_handshake(plain).extended


@given(st.binary(min_size=20, max_size=20), st.binary(min_size=20, max_size=20))
def test_a_handshake_comes_back_as_it_was_built(hash20: bytes, peer_id: bytes) -> None:
    assert parse_handshake(build_handshake(hash20, peer_id)) == Handshake(hash20, peer_id, extended=True)


@given(st.integers(1, 255), st.integers(0, 300))
def test_a_request_comes_back_as_it_was_built(number: int, piece: int) -> None:
    request = build_request(number, piece)
    assert request[:6] == (len(request) - 4).to_bytes(4, "big") + bytes((20, number))
    assert parse_metadata(request[6:]) == MetadataMessage(Kind.REQUEST, piece, None, b"")


@given(st.integers(0, 300), st.integers(0, 2**62), st.binary(max_size=200))
def test_a_block_may_hold_any_bytes(piece: int, total_size: int, block: bytes) -> None:
    message = build_extended(1, encode({"msg_type": 1, "piece": piece, "total_size": total_size}) + block)
    assert parse_metadata(message[6:]) == MetadataMessage(Kind.DATA, piece, total_size, block)


def test_a_kind_of_message_that_came_later_is_no_error() -> None:
    assert parse_metadata(b"d8:msg_typei9e5:piecei0ee").kind is None
    assert parse_metadata(b"d8:msg_typei-1e5:piecei0ee").kind is None


def test_what_a_greeting_does_not_say_is_nothing() -> None:
    assert parse_greeting(b"de") == Greeting(None, None)
    assert parse_greeting(b"d1:md6:ut_pexi1eee") == Greeting(None, None)
    assert parse_greeting(b"d1:mi7ee") == Greeting(None, None)
    assert parse_greeting(b"d1:md11:ut_metadatai0eee") == Greeting(0, None)
    assert parse_greeting(b"dei7e") == Greeting(None, None)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"le",
        b"d1:md11:ut_metadatai256eee",
        b"d1:md11:ut_metadatai-1eee",
        b"d1:md11:ut_metadata1:2ee",
        b"d13:metadata_size3:163e",
        b"d1:m" + b"l" * 10_000 + b"e" * 10_000 + b"e",
        b"d1:md1:ai1ei7eee",
    ],
)
def test_a_greeting_that_is_none_is_unreadable(payload: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_greeting(payload)


@pytest.mark.parametrize(
    "payload", [b"", b"i7e", b"de", b"d8:msg_typei1ee", b"d5:piecei1ee", b"d8:msg_typei1e5:piecei0e10:total_size1:1e"]
)
def test_a_message_that_says_nothing_is_unreadable(payload: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_metadata(payload)


@given(st.binary(max_size=200) | st.lists(st.sampled_from([*b"dlie0123:-ax"]), max_size=60).map(bytes))
def test_arbitrary_bytes_are_read_or_unreadable(data: bytes) -> None:
    for parse in (parse_handshake, parse_greeting, parse_metadata):
        with contextlib.suppress(Unreadable):
            parse(data)


def test_a_block_is_what_bep_9_says() -> None:
    assert BLOCK_BYTES == 16_384
