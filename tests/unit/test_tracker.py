"""What the demo tracker answers, from the bytes of a request."""

import pytest

from tests.wire import decode
from truename import bencode
from truename.demo.tracker import announce_answer, compact

HASH = bytes(range(20))
TABLE = {HASH: compact("127.0.0.1", 6881)}
QUERY = b"info_hash=%00%01%02%03%04%05%06%07%08%09%0a%0b%0c%0d%0e%0f%10%11%12%13&peer_id=x&port=1"


def answer(request: bytes) -> bencode.Value:
    return decode(announce_answer(request, TABLE))


def test_an_announce_is_answered_with_the_compact_peers_of_its_hash() -> None:
    found = answer(b"GET /announce?" + QUERY + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert found == {b"interval": 1800, b"peers": b"\x7f\x00\x00\x01\x1a\xe1"}


def test_a_hash_may_be_written_with_plain_characters_and_in_upper_case() -> None:
    table = {b"~" * 19 + b"\xab": b"peers!"}
    request = b"GET /announce?info_hash=" + b"~" * 19 + b"%AB HTTP/1.1\r\n\r\n"
    assert decode(announce_answer(request, table)) == {b"interval": 1800, b"peers": b"peers!"}


def test_a_hash_that_nobody_has_gets_no_peers() -> None:
    assert answer(b"GET /announce?info_hash=nobody HTTP/1.1\r\n\r\n") == {b"interval": 1800, b"peers": b""}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /announce HTTP/1.1\r\n\r\n",
        b"GET /scrape?" + QUERY + b" HTTP/1.1\r\n\r\n",
        b"POST /announce?" + QUERY + b" HTTP/1.1\r\n\r\n",
        b"GET /announce?info_hash HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nReferer: /announce?" + QUERY + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_what_is_not_an_announce_is_told_so(request_bytes: bytes) -> None:
    assert answer(request_bytes) == {b"failure reason": b"not an announce"}
