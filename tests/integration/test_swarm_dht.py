"""The DHT: names without any tracker, what its silence means, and when it is asked again."""

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SHORT_S, run
from tests.loopback import Canary, DhtNode, Tracker
from tests.wire import Peer, info_named, sha1
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.tracker import compact
from truename.errors import NotYet, ResolverDown
from truename.magnet import Magnet
from truename.metainfo import read_info
from truename.model import Outcome
from truename.resolvers.base import Resolver
from truename.resolvers.chain import Chain
from truename.resolvers.child.resolver import SwarmProcess
from truename.resolvers.looks import when_up
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig
from truename.texts import Language
from truename.timeline import lines, next_steps

MAKERS = [SwarmResolver, SwarmProcess]


@pytest.fixture(scope="module")
def swarm_with_dht() -> Iterator[LocalSwarm]:
    """Six DHT nodes on loopback that know where some torrents are."""
    with LocalSwarm(SwarmPlan(real=False, invented=5, dht_nodes=6)) as swarm:
        yield swarm


@contextlib.asynccontextmanager
async def through(*nodes: str, listen: str = "127.0.0.1:0") -> AsyncIterator[SwarmResolver]:
    """A resolver that enters the DHT by these nodes."""
    config = SwarmConfig(listen_interfaces=listen, dht=True, dht_bootstrap=nodes, allow_private=True)
    resolver = SwarmResolver(config)
    try:
        yield resolver
    finally:
        await resolver.aclose()


def test_hashes_alone_are_named_by_way_of_the_dht(swarm_with_dht: LocalSwarm) -> None:
    async def test() -> None:
        torrents = swarm_with_dht.torrents
        async with through(swarm_with_dht.addresses.dht_node, listen="127.0.2.1:0") as resolver:
            asking = [resolver.resolve(Magnet.parse(torrent.info_hash), deadline_s=LONG_S) for torrent in torrents]
            names = [found.name for found in await asyncio.gather(*asking)]
            assert names == [read_info(torrent.info, [torrent.info_hash]).name for torrent in torrents]

    run(test())


def test_health_tells_how_many_nodes_there_are(swarm_with_dht: LocalSwarm) -> None:
    async def test() -> None:
        async with through(swarm_with_dht.addresses.dht_node, listen="127.0.2.2:0") as resolver:
            first = await when_up(resolver)
            assert (first.able, first.dht_enabled, first.reason) == (True, True, "")
            with pytest.raises(NotYet):
                await resolver.resolve(Magnet.parse(DEAD), deadline_s=SHORT_S)
            assert (await resolver.health()).dht_nodes > 0

    run(test())


def test_a_hash_that_the_dht_does_not_know_ends_with_no_peers(swarm_with_dht: LocalSwarm) -> None:
    async def test() -> None:
        async with through(swarm_with_dht.addresses.dht_node, listen="127.0.2.3:0") as resolver:
            with pytest.raises(NotYet) as ending:
                await resolver.resolve(Magnet.parse("fe" * 20), deadline_s=SHORT_S)
            assert ending.value.code == "no_peers"

    run(test())


async def outcomes(
    make: Callable[[SwarmConfig], Resolver], magnets: Sequence[str], config: SwarmConfig
) -> list[Outcome]:
    """How these look-ups end, side by side, in a resolver that has just begun."""
    chain = Chain([make(config)])
    try:
        return await asyncio.gather(*(chain.look_up(Magnet.parse(magnet), timeout_s=2 * SHORT_S) for magnet in magnets))
    finally:
        await chain.aclose()


def story(outcome: Outcome) -> tuple[str, str | None]:
    (line,) = lines(outcome.accounts, Language.ENGLISH)
    return line, next(iter(next_steps(outcome.accounts, outcome.code, Language.ENGLISH)), None)


@pytest.mark.parametrize("make", MAKERS)
def test_a_look_up_tells_how_many_nodes_of_the_dht_it_had_and_how_many_peers_those_named(
    swarm_with_dht: LocalSwarm, make: Callable[[SwarmConfig], Resolver]
) -> None:
    async def test() -> None:
        entrance = swarm_with_dht.addresses.dht_node
        config = SwarmConfig(listen_interfaces="127.0.2.4:0", dht=True, dht_bootstrap=(entrance,), allow_private=True)
        dead = secrets.token_hex(20)
        named, in_vain = await outcomes(make, [swarm_with_dht.torrents[0].info_hash, dead], config)
        # A look-up of libtorrent's own may have ended, and have announced us, before ours has its turn.
        told = r"swarm: (DHT [1-9]\d* nodes?|asked the DHT): [12] peers?; tried .*; gave the name"
        assert re.fullmatch(told, story(named)[0])
        line, step = story(in_vain)
        assert re.fullmatch(r"swarm: DHT [1-9]\d* nodes?: 0 peers; deadline", line)
        assert in_vain.code == "no_peers"
        assert step is not None
        assert "DHT" not in step

    run(test())


@pytest.mark.parametrize("make", MAKERS)
def test_with_the_dht_off_or_asleep_a_look_up_says_nothing_of_it(make: Callable[[SwarmConfig], Resolver]) -> None:
    async def test() -> None:
        async with Canary().serving() as deaf, Tracker().serving() as tracker:
            config = SwarmConfig(listen_interfaces="127.0.0.1:0", allow_private=True)
            asked = f"magnet:?xt=urn:btih:{DEAD}&tr={tracker.url}"
            for dht in ({"dht": False}, {"dht": True, "dht_bootstrap": (f"127.0.0.1:{deaf.port}",)}):
                (outcome,) = await outcomes(make, [asked], replace(config, **dht))
                assert story(outcome)[0] == "swarm: asked 1 tracker: 0 peers; deadline"

    run(test())


def test_a_dht_that_answers_though_no_node_is_known_was_asked() -> None:
    async def test() -> None:
        async with DhtNode().serving() as node:
            config = SwarmConfig(
                listen_interfaces="127.0.0.1:0", dht=True, dht_bootstrap=(node.endpoint,), allow_private=True
            )
            (outcome,) = await outcomes(SwarmResolver, [DEAD], config)
            line, step = story(outcome)
            assert line == "swarm: asked the DHT: 0 peers; deadline"
            assert step is not None
            assert "DHT" not in step

    run(test())


def test_peers_that_the_dht_names_and_that_are_silent_end_with_no_metadata() -> None:
    async def test() -> None:
        async with Canary().serving() as nobody, DhtNode().serving() as node:
            node.peers = [compact("127.0.0.1", nobody.port)]
            async with through(node.endpoint) as resolver:
                with pytest.raises(NotYet) as ending:
                    await resolver.resolve(Magnet.parse(DEAD), deadline_s=2 * SHORT_S)
                assert ending.value.code == "no_metadata"
                assert bytes.fromhex(DEAD) in node.asked

    run(test())


def test_the_dht_is_asked_again_for_a_hash_that_it_did_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        info = info_named("known only later")
        async with Peer(info).serving() as peer, DhtNode().serving() as node, through(node.endpoint) as resolver:
            asking = asyncio.create_task(resolver.resolve(Magnet.parse(sha1(info)), deadline_s=LONG_S))
            await node.was_asked.wait()
            node.peers = [peer.compact]
            assert (await asking).name == "known only later"

    monkeypatch.setattr("truename.resolvers.asking._DHT_AGAIN_S", (SHORT_S,))
    run(test())


def test_a_dht_that_never_answers_ends_the_look_up_when_its_grace_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with Canary().serving() as deaf, through(f"127.0.0.1:{deaf.port}") as resolver:
            with pytest.raises(ResolverDown) as ending:
                await resolver.resolve(Magnet.parse(DEAD), deadline_s=10**6)
            assert ending.value.reason == "nobody_to_ask"
            with pytest.raises(ResolverDown):
                await resolver.resolve(Magnet.parse(DEAD), deadline_s=10**6)
            health = await resolver.health()
            assert (health.able, health.reason, health.dht_nodes) == (False, "no_dht_node", 0)
            assert deaf.touched

    monkeypatch.setattr("truename.resolvers.connectivity._GRACE_S", SHORT_S)
    run(test())


def test_health_tells_of_a_silent_dht_at_once_and_of_its_fault_when_its_grace_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with Canary().serving() as deaf, through(f"127.0.0.1:{deaf.port}") as resolver:
            first = await resolver.health()
            assert (first.able, first.coming_up, first.reason) == (False, True, "no_dht_node")
            assert resolver._switchboard is not None
            resolver._switchboard.dht.grace_s = SHORT_S
            last = await when_up(resolver)
            assert (last.able, last.coming_up, last.reason) == (False, False, "no_dht_node")
            assert last.dht_for_s >= SHORT_S

    monkeypatch.setattr("truename.resolvers.connectivity._GRACE_S", 10**6)
    run(test())


def test_a_dht_without_any_entrance_is_not_waited_for() -> None:
    async def test() -> None:
        async with through() as resolver:
            with pytest.raises(ResolverDown):
                await resolver.resolve(Magnet.parse(DEAD), deadline_s=10**6)
            assert (await resolver.health()).reason == "no_dht_node"

    run(test())


def test_a_tracker_is_enough_while_the_dht_sleeps() -> None:
    async def test() -> None:
        info = info_named("without the DHT")
        async with Canary().serving() as deaf, Peer(info).serving() as peer:
            tracker = Tracker({sha1(info): peer.compact})
            async with tracker.serving(), through(f"127.0.0.1:{deaf.port}") as resolver:
                asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&tr={tracker.url}")
                assert (await resolver.resolve(asked, deadline_s=LONG_S)).name == "without the DHT"

    run(test())
