"""The first barrier: which trackers, peers and DHT nodes may be asked at all, judged by what is written."""

from ipaddress import ip_address

import pytest

from truename.networks import is_public
from truename.resolvers import addresses
from truename.resolvers.addresses import is_near, usable_nodes, usable_peers, usable_trackers

PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "100.63.255.255", "223.255.255.255", "2606:4700::1111"]
NOT_PUBLIC = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::7f00:1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
]
DISGUISED = [
    "127.1",
    "127.0.1",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "127.0.0.1.",
    "127.1.",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "localhost.localdomain",
    "a.localhost",
    "router",
    "nas.local",
    "printer.lan",
    "host.docker.internal",
    "nas.home.arpa",
    "10.in-addr.arpa",
    "1.2.3.4.5",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[fe80::1%25lo]",
    "user@127.0.0.1",
    "tracker.org@127.0.0.1",
    "127.0.0.1@tracker.org",
    "tracker.org:80\\@127.0.0.1",
    "127.0.0.1\\@tracker.org",
    "%31%32%37.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "xn--.tracker。org",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_of_a_private_or_special_network_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("host", DISGUISED)
@pytest.mark.parametrize("scheme", ["http", "https", "udp"])
def test_a_tracker_in_the_own_network_is_refused_in_every_spelling(scheme: str, host: str) -> None:
    assert usable_trackers([f"{scheme}://{host}:6969/announce"], allow_private=False) == []


@pytest.mark.parametrize("address", [address for address in NOT_PUBLIC if "%" not in address])
def test_a_tracker_at_a_private_address_is_refused_unless_private_ones_are_allowed(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:6969/announce"
    assert usable_trackers([url], allow_private=False) == []
    assert usable_trackers([url], allow_private=True) == [url]


@pytest.mark.parametrize(
    "url",
    [
        "http://tracker.org/announce",
        "https://tracker.org:8443/announce?passkey=0123",
        "udp://tracker.org:1337",
        "udp://tracker.org:1337/announce",
        "http://1.1.1.1:6969/announce",
        "http://[2606:4700::1111]:6969/announce",
        "http://tracker.org./announce",
        "http://under_score.tracker.org/announce",
        f"http://{'a' * 63}.org/announce",
        f"http://{'a.' * 125}org./announce",
        "http://tracker.org/" + "é" * 1_000,
    ],
)
def test_a_tracker_of_the_internet_is_used(url: str) -> None:
    assert usable_trackers([url], allow_private=False) == [url]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tracker.org",
        "wss://tracker.org",
        "ws://tracker.org",
        "file:///etc/passwd",
        "gopher://tracker.org/",
        "http://",
        "http:///announce",
        "http:tracker.org",
        "http://tracker.org:0/announce",
        "http://tracker.org:65536/announce",
        "http://tracker.org:x/announce",
        "udp://tracker.org",
        "http://tracker.org/a b",
        "http://tracker.org/\r\nHost: other",
        "http://tracker.org/\x00",
        "http://tracker.org/\ud800",
        "http://[::1",
        "http://tracker.org/" + "a" * 2048,
        "http://trac\u212aer.example.com/",
        "http://a..b.com/",
        "http://.tracker.org/",
        "http://tracker.org../",
        "http://./",
        f"http://{'a' * 64}.org/",
        f"udp://{'a' * 70}.org:80",
        f"http://{'a.' * 126}orgs/",
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_what_is_not_the_url_of_a_tracker_is_left_out(url: str, allow_private: bool) -> None:
    assert usable_trackers([url, "udp://tracker.org:80"], allow_private=allow_private) == ["udp://tracker.org:80"]


def test_long_urls_are_not_remembered() -> None:
    """Thousands of them, each of a few kilobytes, are nothing to keep for ever."""
    addresses._remembered.cache_clear()
    long = [f"http://tracker.org/{'a' * 250}{number}" for number in range(5)]
    endless = [f"http://tracker.org/{'a' * 100_000}{number}" for number in range(5)]
    assert usable_trackers([*long, *endless, "http://tracker.org/"], allow_private=False) == [
        *long,
        "http://tracker.org/",
    ]
    assert addresses._remembered.cache_info().currsize == 1


def test_trackers_keep_their_order_and_stand_once_whatever_the_case_of_their_scheme() -> None:
    urls = ["UDP://b.org:80", "http://a.org/announce", "udp://b.org:80", "http://a.org/announce"]
    assert usable_trackers(urls, allow_private=False) == ["udp://b.org:80", "http://a.org/announce"]


@pytest.mark.parametrize(
    "url", [" udp://b.org:80", "udp://b.org:80\r\n", "\tudp://b.org:80 \n", "\u202budp://b.org:80\u202c\u200b"]
)
def test_white_space_around_a_tracker_is_none_of_it(url: str) -> None:
    assert usable_trackers([url], allow_private=False) == ["udp://b.org:80"]


def test_a_peer_is_an_address_and_a_port() -> None:
    endpoints = ["1.1.1.1:6881", "[2606:4700::1111]:6881", "1.1.1.1:6881", "2606:4700::2:6881"]
    assert usable_peers(endpoints, allow_private=False) == [
        ("1.1.1.1", 6881),
        ("2606:4700::1111", 6881),
        ("2606:4700::2", 6881),
    ]


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "1.1.1.1",
        "1.1.1.1:",
        "1.1.1.1:0",
        "1.1.1.1:65536",
        "1.1.1.1:-1",
        "1.1.1.1:１",
        "1.1.1.1:1e3",
        "peer.org:6881",
        ":6881",
        "127.1:6881",
        "localhost:6881",
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_a_peer_without_an_address_or_a_port_is_left_out(endpoint: str, allow_private: bool) -> None:
    assert usable_peers([endpoint], allow_private=allow_private) == []


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_peer_at_a_private_address_is_refused_unless_private_ones_are_allowed(address: str) -> None:
    endpoint = f"[{address}]:6881" if ":" in address else f"{address}:6881"
    assert usable_peers([endpoint], allow_private=False) == []
    assert len(usable_peers([endpoint], allow_private=True)) == 1


def test_a_dht_node_is_a_public_name_or_address() -> None:
    nodes = ["router.org:6881", "1.1.1.1:6881", "localhost:6881", "127.0.0.1:6881", "[::1]:6881", "127.1:6881", "x.org"]
    assert usable_nodes(nodes, allow_private=False) == ["router.org:6881", "1.1.1.1:6881"]
    assert usable_nodes(nodes, allow_private=True) == nodes[:-1]


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:2/announce", True),
        ("udp://192.168.1.1:80", True),
        ("http://0x7f000001/announce", True),
        ("http://[fd00::1]:2/announce", True),
        ("http://9.9.9.9/announce", False),
        ("udp://tracker.example:1", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_a_tracker_at_a_private_address_is_near(url: str, near: bool) -> None:
    assert is_near(url) is near
