"""Who calls, by what name, and whether a foreign page sends it."""

import pytest

from truename.web.visitor import Surroundings, Visitor, is_foreign, is_own_origin, look, split_host

NEAR = Surroundings.of(host="127.0.0.1", allowed_hosts=(), trusted_proxies=())
BEHIND = Surroundings.of(
    host="127.0.0.1", allowed_hosts=("notes.example",), trusted_proxies=("10.0.0.0/8", "2001:db8::/32")
)
OWN = Visitor(address="192.0.2.1", scheme="http", host="notes.example", port=8484)


def seen(surroundings: Surroundings, peer: str = "192.0.2.1", scheme: str = "http", **headers: str) -> Visitor | None:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return look(surroundings, peer=peer, scheme=scheme, headers=raw)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("Notes.Example", ("notes.example", None)),
        ("notes.example:8484", ("notes.example", 8484)),
        ("notes.example.", ("notes.example", None)),
        ("192.0.2.1:80", ("192.0.2.1", 80)),
        ("[::1]:8484", ("::1", 8484)),
        ("[0:0:0:0:0:0:0:1]", ("::1", None)),
        ("", None),
        (":80", None),
        ("a b", None),
        ("a.example:", None),
        ("a.example:x", None),
        ("a.example:99999", None),
        ("a.example:٣", None),
        ("a.example/x", None),
        ("user@a.example", None),
        ("a.example,b.example", None),
        ("[::1", None),
        ("[a.example]", None),
        ("::1", None),
        ("a" * 300, None),
    ],
)
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(text: str, split: tuple[str, int | None] | None) -> None:
    assert split_host(text) == split


def test_without_names_the_loopback_ones_and_the_host_are_known() -> None:
    assert NEAR.hosts == {"localhost", "127.0.0.1", "::1"}
    assert Surroundings.of(host="Box.lan", allowed_hosts=(), trusted_proxies=()).hosts >= {"box.lan", "localhost"}
    assert BEHIND.hosts == {"notes.example"}


def test_one_host_header_is_needed_and_not_two() -> None:
    assert seen(NEAR) is None
    twice = [(b"host", b"localhost"), (b"host", b"notes.example")]
    assert look(NEAR, peer="192.0.2.1", scheme="http", headers=twice) is None


def test_headers_of_a_stranger_have_no_effect() -> None:
    lies = {"x_forwarded_for": "198.51.100.9", "x_forwarded_proto": "https", "x_forwarded_host": "evil.example"}
    visitor = seen(BEHIND, host="notes.example", **lies)
    assert visitor == Visitor(address="192.0.2.1", scheme="http", host="notes.example", port=80)


def test_headers_of_a_trusted_proxy_count() -> None:
    told = {"x_forwarded_for": "198.51.100.9", "x_forwarded_proto": "https", "x_forwarded_host": "notes.example"}
    visitor = seen(BEHIND, peer="10.1.2.3", host="inner:8484", **told)
    assert visitor == Visitor(address="198.51.100.9", scheme="https", host="notes.example", port=443)
    assert visitor.origin == "https://notes.example"


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("198.51.100.9", "198.51.100.9"),
        ("203.0.113.66, 198.51.100.9", "198.51.100.9"),
        ("203.0.113.66, 198.51.100.9, 10.9.9.9", "198.51.100.9"),
        ("10.0.0.5", "10.0.0.5"),
        ("nonsense", "10.1.2.3"),
        ("203.0.113.66, nonsense, 10.9.9.9", "10.9.9.9"),
        ("", "10.1.2.3"),
        ("198.51.100.9:4711", "198.51.100.9"),
        ("[2001:db9::7]:4711", "2001:db9::7"),
        ("2001:db9::7", "2001:db9::7"),
        ("10.0.0.1," * 1000 + "10.0.0.2", "10.0.0.1"),
    ],
)
def test_the_client_is_the_nearest_that_is_no_proxy_of_ours(chain: str, address: str) -> None:
    visitor = seen(BEHIND, peer="10.1.2.3", host="notes.example", x_forwarded_for=chain)
    assert visitor is not None
    assert visitor.address == address


def test_several_headers_are_one_chain() -> None:
    headers = [
        (b"host", b"notes.example"),
        (b"x-forwarded-for", b"203.0.113.66"),
        (b"x-forwarded-for", b"198.51.100.9"),
    ]
    visitor = look(BEHIND, peer="10.1.2.3", scheme="http", headers=headers)
    assert visitor is not None
    assert visitor.address == "198.51.100.9"


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5"])
def test_a_proxy_is_known_by_its_address(peer: str) -> None:
    assert BEHIND.trusts(peer)


@pytest.mark.parametrize("peer", ["11.0.0.1", "", "unix", "2001:db9::5"])
def test_others_are_not(peer: str) -> None:
    assert not BEHIND.trusts(peer)


def test_a_scheme_that_is_none_of_ours_is_nobody() -> None:
    assert seen(BEHIND, peer="10.1.2.3", host="notes.example", x_forwarded_proto="gopher") is None


def test_an_address_has_its_brackets_in_the_origin() -> None:
    visitor = seen(NEAR, host="[::1]:8484")
    assert visitor is not None
    assert visitor.origin == "http://[::1]:8484"


OWN_ORIGIN = "http://notes.example:8484"


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "something new"}, True),
        ({"sec-fetch-site": "same-origin", "origin": OWN_ORIGIN}, False),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, False),
        ({"sec-fetch-site": "none", "origin": "null"}, True),
        ({"sec-fetch-site": "cross-site", "origin": OWN_ORIGIN}, True),
        ({"sec-fetch-site": "same-origin", "origin": "http://evil.example"}, True),
        ({"origin": OWN_ORIGIN}, False),
        ({"origin": "HTTP://NOTES.example:8484"}, False),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "http://evil.example"}, True),
        ({"origin": "http://notes.example"}, True),
        ({"origin": "http://notes.example:8485"}, True),
        ({"origin": "https://notes.example:8484"}, True),
        ({"origin": "http://notes.example.evil.example:8484"}, True),
        ({"origin": "http://notes.example:8484@evil.example"}, True),
        ({"origin": "notes.example:8484"}, True),
        ({"origin": "http://evil.example", "authorization": "Bearer x"}, True),
        ({"origin": "http://evil.example", "authorization": "Bearer x", "cookie": "a=b"}, True),
        ({"origin": "http://evil.example", "authorization": "Basic x"}, True),
    ],
)
def test_a_change_from_a_foreign_page_is_foreign(headers: dict[str, str], foreign: bool) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "post", "ANYTHING"):
        assert is_foreign(OWN, method, headers) is foreign
    for method in ("GET", "HEAD", "OPTIONS"):
        assert not is_foreign(OWN, method, headers)


def test_a_port_that_is_the_usual_one_need_not_be_named() -> None:
    secure = Visitor(address="", scheme="https", host="notes.example", port=443)
    assert is_own_origin(secure, "https://notes.example")
    assert is_own_origin(secure, "https://notes.example:443")
    assert not is_own_origin(secure, "http://notes.example:443")
