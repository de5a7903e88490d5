"""PROXY: everything goes through it, names included, and where it fails nothing goes another way.

Whoever is spoken to knows the proxy by its address (`SOURCE`); the hosts have names that the proxy alone knows.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.resolver_contract import LONG_S, SHORT_S, run
from tests.loopback import Canary, refusing_port
from tests.socks import ASSOCIATE, CONNECT, SOURCE, SeenDhtNode, SeenPeer, SeenTracker, SeenUdpTracker, SocksServer
from tests.wire import info_named, sha1
from truename import gateway as gateways
from truename.errors import NotYet, ResolverDown
from truename.gateway import Gateway
from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.proxy import Proxy
from truename.resolvers import connectivity
from truename.resolvers.base import Trail
from truename.resolvers.behind import Behind
from truename.resolvers.chain import Chain
from truename.resolvers.direct.allowance import Allowance
from truename.resolvers.direct.announce import Announce
from truename.resolvers.direct.config import DirectConfig
from truename.resolvers.direct.question import Question, Unanswered
from truename.resolvers.direct.resolver import DirectResolver
from truename.resolvers.direct.trackers import Tracker
from truename.resolvers.looks import when_up
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig
from truename.settings import Settings
from truename.ways import open_chain

INFO = info_named("Through the proxy.mkv")
NAMES = {"tracker.example": "127.0.0.1"}


def never(host: str) -> list[str]:
    """Whoever looks a name up here goes around the proxy."""
    raise AssertionError(host)


@contextlib.asynccontextmanager
async def world(proxy: SocksServer) -> AsyncIterator[tuple[SeenTracker, SeenPeer]]:
    """A proxy, a tracker and the peer that it names."""
    peer, tracker = SeenPeer(INFO), SeenTracker()
    async with proxy.serving(), peer.serving(), tracker.serving():
        tracker.peers[bytes.fromhex(sha1(INFO))] = peer.compact
        yield tracker, peer


def asking(*trackers: str, **more: str) -> Magnet:
    fields = [f"tr={url}" for url in trackers] + [f"x.pe={peer}" for peer in more.values()]
    return Magnet.parse("&".join([f"magnet:?xt=urn:btih:{sha1(INFO)}", *fields]))


def by_name(tracker: SeenTracker, host: str = "tracker.example") -> str:
    return f"http://{host}:{tracker.port}/announce"


def direct(proxy: str, **config: Any) -> Behind:
    config = {"allow_private": True} | config
    inner = DirectResolver(DirectConfig(**config), look_up=never, gateway=Gateway(Proxy.of(proxy)))
    return Behind(inner, Gateway(Proxy.of(proxy)))


def swarm(proxy: str, **config: Any) -> Behind:
    given = {"listen_interfaces": "127.0.0.1:0", "allow_private": True, "dht": False} | config
    return Behind(SwarmResolver(SwarmConfig(**given, proxy=proxy)), Gateway(Proxy.of(proxy)))


BOTH = pytest.mark.parametrize("make", [direct, swarm])
Make = Callable[..., Behind]


@contextlib.asynccontextmanager
async def closing(resolver: Behind) -> AsyncIterator[Behind]:
    try:
        yield resolver
    finally:
        await resolver.aclose()


def test_that_nobody_can_listen_is_told_to_who_asked_before_it_was_known() -> None:
    async def test() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
            held.bind(("127.0.0.1", 0))
            proxy, taken = SocksServer(NAMES), f"127.0.0.1:{held.getsockname()[1]}"
            async with world(proxy) as (tracker, _), closing(swarm(proxy.url, listen_interfaces=taken)) as one:
                for _ in range(2):
                    with pytest.raises(ResolverDown) as ending:
                        await one.resolve(asking(by_name(tracker)), deadline_s=LONG_S)
                    assert ending.value.reason == "cannot_listen"

    run(test())


@BOTH
@pytest.mark.parametrize("login", [None, ("alice", "p@ss:word")])
def test_trackers_and_peers_see_the_proxy_and_it_looks_their_names_up(
    make: Make, login: tuple[str, str] | None
) -> None:
    async def test() -> None:
        proxy = SocksServer(NAMES, login=login)
        async with world(proxy) as (tracker, peer):
            url = proxy.url.replace("p@ss:word", "p%40ss%3Aword")
            async with closing(make(url)) as resolver:
                found = await resolver.resolve(asking(by_name(tracker)), deadline_s=LONG_S)
        assert found.name == "Through the proxy.mkv"
        assert tracker.sources == peer.sources == {SOURCE}
        assert (CONNECT, "tracker.example", tracker.port) in proxy.asked
        assert (CONNECT, "127.0.0.1", peer.port) in proxy.asked

    run(test())


@BOTH
def test_the_administrators_own_trackers_go_through_it_as_well(make: Make) -> None:
    async def test() -> None:
        proxy = SocksServer(NAMES)
        async with (
            world(proxy) as (tracker, peer),
            closing(make(proxy.url, trackers=(tracker.url,))) as resolver,
        ):
            await resolver.resolve(asking(), deadline_s=LONG_S)
        assert tracker.sources == peer.sources == {SOURCE}

    run(test())


def test_where_the_proxy_carries_udp_the_dht_and_udp_trackers_are_asked_through_it() -> None:
    async def test() -> None:
        proxy = SocksServer({"udp.example": "127.0.0.1"})
        node, udp = SeenDhtNode(), SeenUdpTracker()
        async with world(proxy) as (_, peer), node.serving(), udp.serving():
            node.peers.append(peer.compact)
            async with closing(swarm(proxy.url, dht=True, dht_bootstrap=(node.endpoint,))) as resolver:
                health = await when_up(resolver)
                assert (health.able, health.proxied, health.listening, health.dht_enabled) == (True, True, (), True)
                found = await resolver.resolve(asking(f"udp://udp.example:{udp.port}"), deadline_s=LONG_S)
        assert found.name == "Through the proxy.mkv"
        assert (node.sources, udp.sources, peer.sources) == ({SOURCE}, {SOURCE}, {SOURCE})
        assert (0, "udp.example", udp.port) in proxy.asked

    run(test())


def test_a_tracker_over_udp_is_asked_although_the_way_there_takes_a_while_to_open() -> None:
    async def test() -> None:
        udp = SeenUdpTracker()
        proxy = SocksServer({"udp.example": "127.0.0.1"}, slow_s=0.4)
        async with world(proxy) as (_, peer), udp.serving():
            udp.peers = peer.compact
            async with closing(swarm(proxy.url)) as resolver:
                # What libtorrent could not send it would send again after half a minute.
                found = await resolver.resolve(asking(f"udp://udp.example:{udp.port}"), deadline_s=15)
        assert found.name == "Through the proxy.mkv"
        assert (udp.sources, peer.sources) == ({SOURCE}, {SOURCE})

    run(test())


def test_where_it_carries_no_udp_none_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectivity, "_GRACE_S", 0.5)

    async def test() -> None:
        proxy = SocksServer(NAMES, udp=False)
        node, udp = SeenDhtNode(), SeenUdpTracker()
        async with world(proxy) as (tracker, _), node.serving(), udp.serving():
            async with closing(swarm(proxy.url, dht=True, dht_bootstrap=(node.endpoint,), utp_s=0.1)) as resolver:
                health = await when_up(resolver)
                assert (health.able, health.reason) == (False, "no_dht_through_proxy")
                magnet = asking(udp.url, by_name(tracker))
                assert (await resolver.resolve(magnet, deadline_s=LONG_S)).name == "Through the proxy.mkv"
            assert any(command == ASSOCIATE for command, _, _ in proxy.asked)
            assert (node.sources, udp.sources) == (set(), set())

    run(test())


def test_nodes_of_the_dht_with_a_name_are_left_out_and_doctor_says_so() -> None:
    async def test() -> None:
        config = SwarmConfig(dht_bootstrap=("router.example:6881",), proxy="socks5://127.0.0.1:1")
        assert config.dht_entrances == []
        assert not config.asks_dht
        proxy = SocksServer()
        async with proxy.serving():
            named = swarm(proxy.url, dht=True, dht_bootstrap=("localhost:6881",))
            async with closing(named) as resolver:
                health = await resolver.health()
        assert (health.able, health.dht_enabled, health.reason) == (True, False, "dht_needs_address")

    run(test())


def test_strangers_cannot_call_in_past_the_proxy() -> None:
    async def test() -> None:
        proxy = SocksServer(NAMES)
        async with world(proxy) as (tracker, _):
            inner = SwarmResolver(SwarmConfig(listen_interfaces="127.0.0.1:0", allow_private=True, proxy=proxy.url))
            async with closing(Behind(inner, Gateway(Proxy.of(proxy.url)))) as resolver:
                await resolver.health()
                (address,) = (await inner.health()).listening
                port = int(address.rpartition(":")[2])
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection("127.0.0.1", port)
                stranger = _Stranger()
                loop = asyncio.get_running_loop()
                transport, _ = await loop.create_datagram_endpoint(lambda: stranger, remote_addr=("127.0.0.1", port))
                transport.sendto(b"d1:ad2:id20:" + b"s" * 20 + b"e1:q4:ping1:t2:aa1:y1:qe")
                await resolver.resolve(asking(by_name(tracker)), deadline_s=LONG_S)  # time enough for an answer
                transport.close()
        assert stranger.heard == []

    run(test())


class _Stranger(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.append(data)


@BOTH
@pytest.mark.parametrize("state", ["down", "deaf", "locked", "stranger"])
def test_where_the_proxy_fails_nobody_is_asked(make: Make, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "PATIENCE_S", 0.5 if state in ("deaf", "stranger") else LONG_S)

    async def test() -> None:
        proxy = SocksServer(NAMES, deaf=state == "deaf", login=("alice", "right") if state == "locked" else None)
        async with world(proxy) as (tracker, peer):
            with refusing_port() as nobody:
                port = {"down": nobody, "stranger": tracker.port}.get(state, proxy.port)
                async with closing(make(f"socks5://alice:wrong@127.0.0.1:{port}")) as resolver:
                    magnet = asking(tracker.url, by_name(tracker, "localhost"), peer=peer.endpoint)
                    with pytest.raises(ResolverDown) as ending:
                        await resolver.resolve(magnet, deadline_s=LONG_S)
                    health = await resolver.health()
            reason = "proxy_refused" if state == "locked" else "proxy_down"
            assert (ending.value.reason, health.able, health.reason) == (reason, False, reason)
            assert tracker.asked == []
            assert (tracker.sources if state != "stranger" else set(), peer.sources) == (set(), set())

    run(test())


@BOTH
def test_a_proxy_that_connects_nobody_ends_at_the_deadline(make: Make) -> None:
    async def test() -> None:
        proxy = SocksServer(NAMES, numb=True)
        async with world(proxy) as (tracker, peer):
            async with closing(make(proxy.url)) as resolver:
                with pytest.raises(NotYet):
                    await resolver.resolve(asking(tracker.url, peer=peer.endpoint), deadline_s=SHORT_S)
            assert (tracker.sources, peer.sources) == (set(), set())

    run(test())


@BOTH
def test_a_proxy_that_goes_away_meanwhile_is_the_reason_and_it_may_come_back(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "_BAD_FOR_S", 0.0)

    async def test() -> None:
        proxy, again = SocksServer(NAMES, numb=True), SocksServer(NAMES)
        async with world(proxy) as (tracker, peer), closing(make(proxy.url)) as resolver:
            magnet = asking(tracker.url, peer=peer.endpoint)
            asked = asyncio.create_task(resolver.resolve(magnet, deadline_s=SHORT_S))
            await proxy.news.wait()
            await proxy.stop()
            with pytest.raises(ResolverDown) as ending:
                await asked
            assert ending.value.reason == "proxy_down"
            async with again.serving(proxy.port):
                found = await resolver.resolve(magnet, deadline_s=LONG_S)
            assert found.name == "Through the proxy.mkv"
            assert {*tracker.sources, *peer.sources} == {SOURCE}

    run(test())


def test_private_addresses_are_refused_through_the_proxy_as_well() -> None:
    async def test() -> None:
        proxy = SocksServer(NAMES)
        async with world(proxy) as (tracker, peer):
            magnet = asking(tracker.url, "http://[::ffff:127.0.0.1]:1/announce", peer=peer.endpoint)
            async with closing(direct(proxy.url, allow_private=False)) as resolver:
                with pytest.raises(ResolverDown) as ending:
                    await resolver.resolve(magnet, deadline_s=LONG_S)
            assert ending.value.reason == "nobody_usable"
            # A tracker that the proxy alone can find names a peer that is private.
            async with closing(direct(proxy.url, allow_private=False)) as resolver:
                with pytest.raises(NotYet):
                    await resolver.resolve(asking(by_name(tracker)), deadline_s=SHORT_S)
        assert proxy.asked == [(CONNECT, "tracker.example", tracker.port)]
        assert peer.sources == set()

    run(test())


def test_libtorrent_is_told_of_no_tracker_that_could_send_it_on_into_this_network() -> None:
    async def test() -> None:
        proxy = SocksServer(NAMES)
        async with world(proxy) as (tracker, _), Canary().serving() as canary:
            target = f"Location: http://127.0.0.1:{canary.port}/announce\r\nContent-Length: 0\r\n\r\n"
            tracker.response = f"HTTP/1.1 302 Found\r\n{target}".encode()
            trail = Trail()
            async with closing(swarm(proxy.url, allow_private=False)) as resolver:
                with pytest.raises((NotYet, ResolverDown)) as ending:
                    await resolver.resolve(asking(by_name(tracker)), deadline_s=SHORT_S, trail=trail)
            async with closing(direct(proxy.url, allow_private=False)) as resolver:
                with pytest.raises(ResolverDown):
                    await resolver.resolve(asking(by_name(tracker)), deadline_s=SHORT_S)
        assert canary.touched == []
        assert [one for one in proxy.asked if one[0] == CONNECT] == [(CONNECT, "tracker.example", tracker.port)]
        assert trail.stuck  # whoever comes next need not wait
        assert getattr(ending.value, "reason", "") == "left_to_direct"

    run(test())


@pytest.mark.parametrize("host", ["a..b.com", "a" * 70 + ".com", "a." * 150 + "com", "trac\u212aer.example"])
def test_a_name_that_no_proxy_can_be_told_of_hinders_no_other(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truename.resolvers.direct.resolver.usable_trackers", lambda urls, **_: list(urls))

    async def test() -> None:
        proxy = SocksServer(NAMES)
        async with world(proxy) as (tracker, _), closing(direct(proxy.url)) as resolver:
            both = replace(asking(), trackers=(f"http://{host}/announce", by_name(tracker)))
            assert (await resolver.resolve(both, deadline_s=LONG_S)).name == "Through the proxy.mkv"
            with pytest.raises(ResolverDown) as ending:
                await resolver.resolve(replace(both, trackers=both.trackers[:1]), deadline_s=LONG_S)
            assert ending.value.reason == "nobody_to_ask"
            assert proxy.asked[-1][1] == "127.0.0.1"  # the peer

    run(test())


def test_direct_asks_no_udp_tracker_through_a_proxy() -> None:
    async def test() -> None:
        udp = SeenUdpTracker()
        async with SocksServer(NAMES).serving() as proxy, udp.serving():
            inner = DirectResolver(DirectConfig(trackers=(udp.url,)), gateway=Gateway(Proxy.of(proxy.url)))
            async with closing(Behind(inner, Gateway(Proxy.of(proxy.url)))) as resolver:
                with pytest.raises(ResolverDown) as ending:
                    await resolver.resolve(asking(udp.url), deadline_s=LONG_S)
                trackers = inner._reach.trackers  # the second barrier
                announce = Announce(hash20=b"h" * 20, peer_id=b"p" * 20, port=1, key=2)
                answer = asyncio.get_running_loop().create_future()
                tracker = Tracker(udp.url, exempt=True)
                more = {"may_say": Allowance(10**6), "on_turn": lambda: None, "on_end": answer.set_result}
                Question(trackers, tracker, announce, **more).begin()
                assert await answer is Unanswered.UNREACHED
            assert (ending.value.reason, udp.sources, proxy.asked) == ("nobody_usable", set(), [])

    run(test())


def chosen(proxy: str, **more: object) -> Settings:
    given = {"proxy": proxy, "listen_interfaces": ("127.0.0.1:0",), "allow_private_network": True}
    return Settings.model_validate({**given, **more})


def through_chain(proxy: SocksServer, work: Callable[[Chain, SeenTracker, SeenPeer], Awaitable[None]]) -> None:
    async def test() -> None:
        async with world(proxy) as (tracker, peer), open_chain(chosen(proxy.url)) as chain:
            await work(chain, tracker, peer)
        assert {*tracker.sources, *peer.sources} <= {SOURCE}

    run(test())


def test_the_child_of_the_swarm_is_told_of_the_proxy() -> None:
    async def work(chain: Chain, tracker: SeenTracker, peer: SeenPeer) -> None:
        ended = await chain.look_up(asking(by_name(tracker)), timeout_s=LONG_S)
        assert (ended.status, ended.source) == (TaskStatus.COMPLETED, "swarm")
        assert (tracker.sources, peer.sources) == ({SOURCE}, {SOURCE})
        assert [(name, state.proxied, state.able) for name, state in await chain.health()] == [
            ("swarm", True, True),
            ("direct", True, True),
        ]

    through_chain(SocksServer(NAMES, login=("alice", "word")), work)


def test_a_look_up_says_that_it_was_the_proxy() -> None:
    async def test() -> None:
        with refusing_port() as nobody:
            async with open_chain(chosen(f"socks5://127.0.0.1:{nobody}")) as chain:
                ended = await chain.look_up(asking("http://tracker.example/announce"), timeout_s=LONG_S)
        assert (ended.code, ended.reason) == ("resolver_unavailable", "proxy_down")

    run(test())
