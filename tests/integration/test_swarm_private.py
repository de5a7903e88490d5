"""While private addresses are forbidden, a magnet makes nobody touch them: canaries on loopback listen for that.

The resolver here speaks to loopback only, without a DHT or with one on loopback. Where something has to be reachable
beside what is forbidden, the list of private networks is replaced: 127.0.0.1 alone is private then.
"""

import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SHORT_S, run
from tests.loopback import Canary, DhtNode, Tracker
from truename.demo.tracker import compact
from truename.errors import NotYet, ResolverDown
from truename.magnet import Magnet
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig

SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "017700000001",
    "2130706433",
    "127.0.0.1.",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::127.0.0.1]",
]


@contextlib.asynccontextmanager
async def forbidding(**config: Any) -> AsyncIterator[SwarmResolver]:
    """A resolver that may not speak to private addresses, and has none but them to speak from."""
    resolver = SwarmResolver(SwarmConfig(**{"listen_interfaces": "127.0.0.1:0", "dht": False} | config))
    try:
        yield resolver
    finally:
        await resolver.aclose()


def naming(hosts: list[str], port: int, *, path: str = "/announce") -> Magnet:
    """A magnet whose trackers, web seeds, sources, peers and DHT nodes all are at these hosts."""
    fields = [f"magnet:?xt=urn:btih:{DEAD}"]
    for host in hosts:
        fields += [f"tr={scheme}://{host}:{port}{path}" for scheme in ("http", "https", "udp")]
        fields += [f"{key}=http://{host}:{port}/file" for key in ("ws", "xs", "as")]
        fields += [f"x.pe={host}:{port}", f"dht={host}:{port}"]
    return Magnet.parse("&".join([*fields, "so=0-9999"]))


def test_no_spelling_of_loopback_is_asked() -> None:
    async def test() -> None:
        async with Canary().serving() as canary, forbidding() as resolver:
            for path in ("/announce", "/admin"):
                with pytest.raises(ResolverDown) as ending:
                    await resolver.resolve(naming(SPELLINGS, canary.port, path=path), deadline_s=LONG_S)
                assert ending.value.reason == "nobody_usable"
            assert canary.touched == []

    run(test())


def test_loopback_of_ipv6_is_not_asked() -> None:
    async def test() -> None:
        async with Canary().serving("::1") as canary, forbidding(listen_interfaces="[::1]:0") as resolver:
            with pytest.raises(ResolverDown):
                await resolver.resolve(naming(["[::1]", "localhost", "ip6-localhost"], canary.port), deadline_s=LONG_S)
            assert canary.touched == []

    run(test())


def test_the_administrators_own_tracker_and_dht_node_are_no_exception() -> None:
    async def test() -> None:
        async with Canary().serving() as canary:
            nodes = tuple(f"{host}:{canary.port}" for host in ("127.0.0.1", "localhost", "127.1"))
            trackers = tuple(f"http://{node}/announce" for node in nodes)
            async with forbidding(dht=True, dht_bootstrap=nodes, trackers=trackers) as resolver:
                with pytest.raises(ResolverDown):
                    await resolver.resolve(Magnet.parse(DEAD), deadline_s=LONG_S)
            assert canary.touched == []

    run(test())


def test_the_second_barrier_holds_when_the_first_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name of the internet can mean a private address; only libtorrent's filter sees that."""

    async def test() -> None:
        async with Canary().serving() as canary, forbidding() as resolver:
            with pytest.raises(ResolverDown) as ending:
                await resolver.resolve(naming(["127.0.0.1", "localhost", "127.1"], canary.port), deadline_s=LONG_S)
            assert ending.value.reason == "nobody_to_ask"
            assert canary.touched == []

    monkeypatch.setattr("truename.resolvers.switchboard.usable_trackers", lambda urls, **_: list(urls))
    run(test())


def test_the_second_barrier_keeps_from_peers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with Canary().serving() as canary, forbidding() as resolver:
            monkeypatch.setattr(
                "truename.resolvers.switchboard.usable_peers", lambda _, **__: [("127.0.0.1", canary.port)]
            )
            with pytest.raises(NotYet):
                await resolver.resolve(Magnet.parse(DEAD), deadline_s=SHORT_S)
            assert canary.touched == []

    run(test())


def test_with_private_addresses_allowed_the_same_magnet_does_reach_the_canary() -> None:
    """Without this, the canaries could be deaf."""

    async def test() -> None:
        async with Canary().serving() as canary, forbidding(allow_private=True) as resolver:
            with pytest.raises(NotYet):
                await resolver.resolve(naming(["127.0.0.1"], canary.port), deadline_s=SHORT_S)
            assert {how.split()[0] for how in canary.touched} == {"TCP", "UDP"}

    run(test())


@pytest.fixture
def only_one_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 is private, every other address of loopback passes for one of the internet."""
    for module in ("networks", "resolvers.session"):
        monkeypatch.setattr(f"truename.{module}.NOT_PUBLIC", (ip_network("127.0.0.1/32"),))


@pytest.mark.usefixtures("only_one_is_private")
def test_a_tracker_that_redirects_into_the_private_network_leads_nowhere() -> None:
    async def test() -> None:
        async with Canary().serving() as canary, Tracker().serving("127.0.0.2") as tracker:
            for host in ("127.0.0.1", "localhost", "127.1"):
                target = f"http://{host}:{canary.port}/announce".encode()
                tracker.response = b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"
                async with forbidding(listen_interfaces="127.0.0.3:0") as resolver:
                    asking = Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&tr=http://127.0.0.2:{tracker.port}/announce")
                    with pytest.raises(ResolverDown):
                        await resolver.resolve(asking, deadline_s=LONG_S)
            assert len(tracker.asked) >= 3
            assert canary.touched == []

    run(test())


@pytest.mark.usefixtures("only_one_is_private")
def test_a_tracker_that_names_private_peers_names_nobody() -> None:
    async def test() -> None:
        async with Canary().serving() as canary, Canary().serving("127.0.0.2") as allowed:
            async with (
                Tracker().serving("127.0.0.2") as tracker,
                forbidding(listen_interfaces="127.0.0.3:0") as resolver,
            ):
                tracker.peers[bytes.fromhex(DEAD)] = compact("127.0.0.1", canary.port) + compact(
                    "127.0.0.2", allowed.port
                )
                asking = Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&tr=http://127.0.0.2:{tracker.port}/announce")
                with pytest.raises(NotYet):
                    await resolver.resolve(asking, deadline_s=SHORT_S)
            assert allowed.touched
            assert canary.touched == []

    run(test())


@pytest.mark.usefixtures("only_one_is_private")
def test_a_dht_node_that_names_private_nodes_and_peers_names_nobody() -> None:
    async def test() -> None:
        async with Canary().serving() as canary, Canary().serving("127.0.0.4") as allowed:
            both = [compact("127.0.0.1", canary.port), compact("127.0.0.4", allowed.port)]
            async with DhtNode(both, nodes=both).serving("127.0.0.2") as node:
                config = {"listen_interfaces": "127.0.0.3:0", "dht": True, "dht_bootstrap": (node.endpoint,)}
                async with forbidding(**config) as resolver:
                    with pytest.raises(NotYet):
                        await resolver.resolve(Magnet.parse(DEAD), deadline_s=2 * SHORT_S)
            assert {how.split()[0] for how in allowed.touched} == {"TCP", "UDP"}
            assert canary.touched == []

    run(test())
