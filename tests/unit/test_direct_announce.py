"""Questions to trackers and their answers, in bytes."""

import contextlib
import struct
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import encode
from truename.demo.tracker import announce_answer
from truename.resolvers.direct.announce import (
    MAX_PEERS,
    Announce,
    Announced,
    TrackerRefused,
    build_target,
    parse_announced,
    read_compact,
)
from truename.resolvers.direct.udp_tracker import (
    PATIENCE_S,
    Connected,
    Malformed,
    Refused,
    build_announce,
    build_connect,
    parse_answer,
    transaction_of,
)

ANNOUNCE = Announce(hash20=b"\x89 &%+=~h" + bytes(range(12)), peer_id=b"\xff?#/" * 5, port=61_234, key=0xBEEF)
TWO_PEERS = b"\x05\x06\x07\x08\x1a\xe1" + b"\x01\x02\x03\x04\xff\xff"
V6_PEER = bytes.fromhex("20010db8000000000000000000000001") + b"\x1a\xe1"


def test_the_question_is_what_bep_3_and_bep_23_ask_for() -> None:
    target = build_target("/announce", ANNOUNCE)
    query = urlsplit(target).query
    assert urlsplit(target).path == "/announce"
    assert unquote_to_bytes(parse_qs(query, encoding="latin-1")["info_hash"][0].encode("latin-1")) == ANNOUNCE.hash20
    fields = dict(pair.split("=", 1) for pair in query.split("&"))
    assert unquote_to_bytes(fields["peer_id"]) == ANNOUNCE.peer_id
    assert (fields["port"], fields["compact"], fields["event"], fields["key"]) == ("61234", "1", "started", "0000beef")
    assert int(fields["left"]) > 0


@pytest.mark.parametrize(
    ("path", "begins"),
    [
        ("", "/?info_hash="),
        ("/a", "/a?info_hash="),
        ("/a?key=%2Fx", "/a?key=%2Fx&info_hash="),
        ("/?", "/?&info_hash="),
    ],
)
def test_what_stands_in_the_trackers_own_query_stays(path: str, begins: str) -> None:
    assert build_target(path, ANNOUNCE).startswith(begins)


@given(st.binary(min_size=20, max_size=20), st.binary(min_size=20, max_size=20))
def test_a_tracker_reads_the_question_as_it_was_meant(hash20: bytes, peer_id: bytes) -> None:
    announce = Announce(hash20=hash20, peer_id=peer_id, port=1, key=1)
    request = f"GET {build_target('/announce', announce)} HTTP/1.1\r\n\r\n".encode("ascii")
    said = parse_announced(announce_answer(request, {hash20: TWO_PEERS}))
    assert said.peers == (("5.6.7.8", 6881), ("1.2.3.4", 65535))


def test_compact_peers_of_both_families_are_read() -> None:
    body = encode({"interval": 1800, "min interval": 900, "peers": TWO_PEERS, "peers6": V6_PEER})
    assert parse_announced(body) == Announced(
        peers=(("5.6.7.8", 6881), ("1.2.3.4", 65535), ("2001:db8::1", 6881)), again_in_s=1800
    )


def test_a_list_of_peers_is_read_without_those_that_are_names() -> None:
    listed = [
        {"ip": "5.6.7.8", "peer id": b"x" * 20, "port": 6881},
        {"ip": "2001:db8::1", "port": 7},
        {"ip": "localhost", "port": 7},
        {"ip": "1.2.3.4", "port": 0},
        {"ip": "1.2.3.4", "port": 65_536},
        {"ip": b"\xff", "port": 1},
        {"port": 1},
        b"5.6.7.8:1",
    ]
    assert parse_announced(encode({"peers": listed})).peers == (("5.6.7.8", 6881), ("2001:db8::1", 7))


def test_peers_are_taken_once_without_port_zero_and_not_more_than_a_bounded_number() -> None:
    nobody = b"\x01\x01\x01\x01\0\0"
    assert parse_announced(encode({"peers": TWO_PEERS + TWO_PEERS + nobody + b"\x01\x02"})).peers == (
        ("5.6.7.8", 6881),
        ("1.2.3.4", 65535),
    )
    many = b"".join(struct.pack(">IH", number, 6881) for number in range(1, 10_000))
    assert len(parse_announced(encode({"peers": many})).peers) == MAX_PEERS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b"le",
        b"d14:failure reason9:not todaye",
        b"d14:failure reason0:5:peers6:\x05\x06\x07\x08\x1a\xe1e",
        b"l" * 10_000 + b"e" * 10_000,
        b"d8:intervali60e5:peersi7ee",
        b"d5:peersdee",
        b"d5:peersl%se1:xl%see" % (b"0:" * 10_000, b"de" * 10_000),
    ],
)
def test_an_answer_without_peers_is_a_refusal(body: bytes) -> None:
    with pytest.raises(TrackerRefused):
        parse_announced(body)


@pytest.mark.parametrize("behind", [b"\n", b"\r\n", b" ", b"<!-- served in 3 ms -->", b"de"])
def test_what_stands_behind_the_answer_is_passed_over(behind: bytes) -> None:
    assert parse_announced(encode({"peers": TWO_PEERS}) + behind).peers == (("5.6.7.8", 6881), ("1.2.3.4", 65535))


def test_nonsense_beside_the_peers_is_passed_over() -> None:
    odd = {"interval": b"soon", "min interval": -5, "peers": [7, {"ip": 1}], "peers6": [1], "complete": []}
    assert parse_announced(encode(odd)) == Announced(peers=())
    assert parse_announced(encode({"peers": 7, "peers6": b""})) == Announced(peers=())
    assert parse_announced(b"d8:intervali99999999999999999ee").again_in_s == 24 * 3600


@given(st.binary(max_size=100) | st.lists(st.sampled_from([*b"dlie0123:-ax"]), max_size=40).map(bytes))
def test_arbitrary_bytes_are_an_answer_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(TrackerRefused):
        parse_announced(body)


@given(st.binary(max_size=100), st.sampled_from([4, 16]))
def test_arbitrary_bytes_are_peers_with_ports(data: bytes, address_bytes: int) -> None:
    assert all(0 < port < 65536 for _, port in read_compact(data, address_bytes))


# --- BEP 15 ------------------------------------------------------------------------------------------------------


def test_the_packets_that_we_send_are_laid_out_as_in_bep_15() -> None:
    assert build_connect(0x01020304) == bytes.fromhex("0000041727101980 00000000 01020304")
    packet = build_announce(0x1122334455667788, 0x01020304, ANNOUNCE)
    assert len(packet) == 98
    assert packet[:16] == bytes.fromhex("1122334455667788 00000001 01020304")
    assert packet[16:36] == ANNOUNCE.hash20
    assert packet[36:56] == ANNOUNCE.peer_id
    assert packet[56:64] == bytes(8)  # downloaded
    assert int.from_bytes(packet[64:72], "big") > 0  # left
    assert packet[72:80] == bytes(8)  # uploaded
    assert packet[80:84] == bytes.fromhex("00000002")  # event: started
    assert packet[84:88] == bytes(4)  # the address is that of the packet
    assert packet[88:92] == bytes.fromhex("0000beef")
    assert packet[92:96] == bytes.fromhex("00000032")
    assert packet[96:98] == (61_234).to_bytes(2, "big")


def test_the_packets_of_a_tracker_are_read() -> None:
    connected = bytes.fromhex("00000000 01020304 1122334455667788")
    assert transaction_of(connected) == 0x01020304
    assert parse_answer(connected, address_bytes=4) == Connected(0x1122334455667788)
    head = bytes.fromhex("00000001 01020304 00000708 00000001 00000002")
    assert parse_answer(head + TWO_PEERS, address_bytes=4) == Announced(
        peers=(("5.6.7.8", 6881), ("1.2.3.4", 65535)), again_in_s=1800
    )
    assert parse_answer(head + V6_PEER, address_bytes=16) == Announced(peers=(("2001:db8::1", 6881),), again_in_s=1800)
    assert parse_answer(bytes.fromhex("00000003 01020304") + b"\xff\x1b[2J", address_bytes=4) == Refused(b"\xff\x1b[2J")


@pytest.mark.parametrize(
    "packet", ["", "000000", "00000000 01020304", "00000001 01020304 00000708", "00000002" + "00" * 30]
)
def test_a_packet_that_is_too_short_or_of_no_kind_is_malformed(packet: str) -> None:
    with pytest.raises(Malformed):
        parse_answer(bytes.fromhex(packet), address_bytes=4)


@given(st.binary(max_size=80), st.sampled_from([4, 16]))
def test_arbitrary_packets_are_read_or_malformed(packet: bytes, address_bytes: int) -> None:
    transaction_of(packet)
    with contextlib.suppress(Malformed):
        parse_answer(packet, address_bytes=address_bytes)


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.lists(st.integers(1, 2**32 - 1), max_size=30, unique=True)
)
def test_packets_come_back_as_they_were_built(transaction: int, connection: int, addresses: list[int]) -> None:
    packet = struct.pack(">IIQ", 0, transaction, connection)
    assert (transaction_of(packet), parse_answer(packet, address_bytes=4)) == (transaction, Connected(connection))
    peers = b"".join(struct.pack(">IH", address, 6881) for address in addresses)
    said = parse_answer(struct.pack(">IIIII", 1, transaction, 60, 0, 0) + peers, address_bytes=4)
    assert isinstance(said, Announced)
    assert len(said.peers) == len(addresses)


def test_a_packet_is_sent_again_within_the_time_of_a_look_up_with_growing_patience() -> None:
    assert list(PATIENCE_S) == sorted(set(PATIENCE_S))
    assert PATIENCE_S[0] < 2
    assert 15 < sum(PATIENCE_S) < 30
