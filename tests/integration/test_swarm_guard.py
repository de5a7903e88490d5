"""The guard around libtorrent: peers that stop it cost a little traffic and not the name.

Where a chain stands here it never brings `direct` in by itself: only the swarm's call for help does.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.resolver_contract import LONG_S, NO_NAMES, SHORT_S, SilentPeer, run
from tests.hostile import magnet
from tests.integration.test_swarm_session import conversations_in, empty, torrents_in
from tests.liars import GarbageThenTrue, LyingHello, LyingThroughout, TooMuch, Waiting, meet_in_the_bad_order
from tests.loopback import Tracker
from tests.wire import Conversing, Peer, info_named, sha1
from truename.errors import BadMetadata, BadName, NotYet
from truename.magnet import Magnet
from truename.model import TaskStatus
from truename.resolvers.base import Trail
from truename.resolvers.chain import Chain, Patience
from truename.resolvers.direct.config import DirectConfig
from truename.resolvers.direct.resolver import DirectResolver
from truename.resolvers.guard import is_a_storm
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.tuning import SLOW_BYTES_A_S

NEVER_S = 10.0**6
MEGABYTE = 1_000_000
INFO = info_named("the honest name")
TWO_BLOCKS = info_named("the honest name", pieces=1_000)
FULL_BLOCKS = info_named("the honest name", pieces=4_900)
LARGE = info_named("the honest name", pieces=100_000)
BLOCK = 16 * 1024
ROUNDS = 4
"""Of a storm on loopback, as much gets through as the busy machine is late to look; that is no fault of all rounds."""


class SilentAtFirst(Peer):
    """Answers nobody who comes first, and everybody who comes later."""

    visits = 0

    async def converse(self, talk: Conversing) -> None:
        self.visits += 1
        if self.visits > 1:
            await super().converse(talk)
        while True:
            await talk.listen()


class SlowAndAlone(Peer):
    """Has its time for who comes first, until another one comes, whom it does not answer."""

    def __init__(self, *infos: bytes) -> None:
        super().__init__(*infos)
        self.visits = 0
        self.second = asyncio.Event()

    async def converse(self, talk: Conversing) -> None:
        self.visits += 1
        if self.visits == 1:
            await self.second.wait()
            await super().converse(talk)
        self.second.set()
        while True:
            await talk.listen()


class KeepingTheLastBlock(Peer):
    """Sends its last block when `may_end` is set, and all the others when they are asked for."""

    def __init__(self, *infos: bytes) -> None:
        super().__init__(*infos)
        self.may_end = asyncio.Event()

    async def answer(self, talk: Conversing, piece: int) -> None:
        if (piece + 1) * BLOCK >= len(self.infos[talk.hash20]):
            await self.may_end.wait()
        await super().answer(talk, piece)


@contextlib.asynccontextmanager
async def swarm_with(**config: Any) -> AsyncIterator[SwarmResolver]:
    """Only what a test names ends a torrent's stay, or begins the second session."""
    quiet = {"listen_interfaces": "127.0.0.1:0", "dht": False, "allow_private": True}
    swarm = SwarmResolver(SwarmConfig(**quiet | {"guard_s": NEVER_S, "utp_s": NEVER_S} | config))
    try:
        yield swarm
    finally:
        await swarm.aclose()


@contextlib.asynccontextmanager
async def chain_with(**config: Any) -> AsyncIterator[Chain]:
    """`direct` knows of no trackers but those in the magnet, and comes in when it is called."""
    async with swarm_with(**config) as swarm:
        direct = DirectResolver(DirectConfig(allow_private=True))
        chain = Chain([swarm, direct], patience=Patience(late_s=NEVER_S))
        try:
            yield chain
        finally:
            await chain.aclose()


class Following:
    """A trail, and what is heard on it."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.trail = Trail(self.news.set)

    async def until_stuck(self) -> None:
        while not self.trail.stuck:
            self.news.clear()
            await self.news.wait()


@pytest.mark.parametrize("info", [INFO, TWO_BLOCKS, FULL_BLOCKS], ids=["one block", "two blocks", "full blocks"])
@pytest.mark.parametrize("make_liar", [LyingHello, LyingThroughout])
def test_a_liar_in_the_worst_moment_costs_neither_the_name_nor_a_megabyte(
    info: bytes, make_liar: type[LyingHello]
) -> None:
    async def moved() -> int:
        async with Waiting(info).serving() as honest, make_liar(info).serving() as liar, chain_with() as chain:
            asking = asyncio.create_task(chain.look_up(magnet(info, honest, liar), timeout_s=LONG_S))
            await meet_in_the_bad_order(honest, liar)
            outcome = await asking
            assert (outcome.name, outcome.source) == ("the honest name", "direct")
            return honest.moved + liar.moved

    async def test() -> None:
        rounds = [await moved()]
        while min(rounds) >= MEGABYTE:
            assert len(rounds) < ROUNDS, rounds
            rounds.append(await moved())

    run(test())


def test_a_storm_of_requests_ends_with_its_torrent_and_the_look_up_goes_on() -> None:
    async def test() -> None:
        async with Waiting(INFO).serving() as honest, LyingHello(INFO).serving() as liar, swarm_with() as swarm:
            following = Following()
            asking = asyncio.create_task(
                swarm.resolve(magnet(INFO, honest, liar), deadline_s=2 * SHORT_S, trail=following.trail)
            )
            await meet_in_the_bad_order(honest, liar)
            await following.until_stuck()
            await asyncio.gather(honest.left.wait(), liar.left.wait())
            assert torrents_in(swarm) == 0
            assert not asking.done()
            assert set(following.trail.peers) == {honest.endpoint, liar.endpoint}
            requests = honest.requests + liar.requests
            with pytest.raises(NotYet) as ending:
                await asking
            assert ending.value.code == "no_metadata"
            assert honest.requests + liar.requests == requests
            assert following.trail.counts["lied"] == 1
            await empty(swarm)

    run(test())


def test_large_metadata_is_slowed_down_and_helped_with_and_comes_nevertheless() -> None:
    async def test() -> None:
        async with KeepingTheLastBlock(LARGE).serving() as peer, swarm_with() as swarm:
            following = Following()
            asking = asyncio.create_task(swarm.resolve(magnet(LARGE, peer), deadline_s=LONG_S, trail=following.trail))
            await following.until_stuck()
            assert following.trail.peers == (peer.endpoint,)
            assert swarm._switchboard is not None
            (handle,) = swarm._switchboard._by_handle
            assert handle.download_limit() == SLOW_BYTES_A_S
            peer.may_end.set()
            assert (await asking).name == "the honest name"
            assert following.trail.counts["lied"] == 0

    run(test())


def test_a_peer_that_sends_too_much_alone_is_a_storm_as_well() -> None:
    async def test() -> None:
        async with TooMuch(INFO).serving() as liar, swarm_with() as swarm:
            following = Following()
            asking = asyncio.create_task(swarm.resolve(magnet(INFO, liar), deadline_s=LONG_S, trail=following.trail))
            await following.until_stuck()
            assert torrents_in(swarm) == 0
            assert liar.moved < MEGABYTE
            asking.cancel()
            await asyncio.wait([asking])

    run(test())


def test_garbage_in_the_first_of_two_blocks_calls_for_help_at_once() -> None:
    async def test() -> None:
        async with (
            Waiting(TWO_BLOCKS).serving() as honest,
            GarbageThenTrue(TWO_BLOCKS).serving() as liar,
            chain_with() as chain,
        ):
            asking = asyncio.create_task(chain.look_up(magnet(TWO_BLOCKS, liar), timeout_s=LONG_S))
            await liar.asked.wait()
            await honest.speak()
            joining = asyncio.create_task(chain.look_up(magnet(TWO_BLOCKS, honest), timeout_s=LONG_S))
            assert {(await each).name for each in (asking, joining)} == {"the honest name"}

    run(test())


def test_whoever_sends_what_is_not_the_metadata_is_told_of_at_once_and_asked_on() -> None:
    async def test() -> None:
        async with GarbageThenTrue(INFO).serving() as liar, swarm_with() as swarm:
            following = Following()
            asking = asyncio.create_task(swarm.resolve(magnet(INFO, liar), deadline_s=SHORT_S, trail=following.trail))
            await following.until_stuck()
            assert following.trail.peers == (liar.endpoint,)
            assert torrents_in(swarm) == 1
            with pytest.raises(NotYet):
                await asking
            assert (following.trail.counts["tried"], following.trail.counts["lied"]) == (1, 1)

    run(test())


def test_a_torrent_with_peers_and_no_metadata_leaves_in_time_and_its_peers_go_to_direct() -> None:
    """They are named to the swarm alone, by a tracker of the administrator's."""

    async def test() -> None:
        async with (
            SilentAtFirst(INFO).serving() as peer,
            Tracker({sha1(INFO): peer.compact}).serving() as tracker,
            chain_with(guard_s=0.2, trackers=(tracker.url,)) as chain,
        ):
            outcome = await chain.look_up(magnet(INFO), timeout_s=LONG_S)
            assert (outcome.name, outcome.source) == ("the honest name", "direct")
            assert peer.visits == 2

    run(test())


def test_a_peer_that_is_only_slow_gives_the_name_where_it_was_asked_first() -> None:
    """`direct` comes in meanwhile, and the torrent stays."""

    async def test() -> None:
        async with SlowAndAlone(INFO).serving() as peer, chain_with(guard_s=0.5) as chain:
            outcome = await chain.look_up(magnet(INFO, peer), timeout_s=LONG_S)
            assert (outcome.name, outcome.source) == ("the honest name", "swarm")
            assert peer.visits == 2

    run(test())


def test_a_torrent_without_peers_stays() -> None:
    async def test() -> None:
        async with Tracker().serving() as tracker, swarm_with(guard_s=0.1, utp_s=0.1) as swarm:
            asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={tracker.url}")
            following = Following()
            with pytest.raises(NotYet) as ending:
                await swarm.resolve(asked, deadline_s=SHORT_S, trail=following.trail)
            assert ending.value.code == "no_peers"
            assert not following.trail.stuck
            assert swarm._switchboard is not None
            assert swarm._switchboard._rescue._second._session is None

    run(test())


def test_who_joins_after_a_torrent_has_left_brings_it_back_without_its_old_peers() -> None:
    async def test() -> None:
        async with (
            SilentPeer(INFO).serving() as silent,
            Peer(INFO).serving() as honest,
            swarm_with(guard_s=0.1) as swarm,
        ):
            following, joined = Following(), Following()
            first = asyncio.create_task(swarm.resolve(magnet(INFO, silent), deadline_s=LONG_S, trail=following.trail))
            await following.until_stuck()
            await silent.left.wait()
            silent.met.clear()
            poor = asyncio.create_task(swarm.resolve(magnet(INFO, silent), deadline_s=LONG_S, trail=joined.trail))
            await joined.until_stuck()
            assert joined.trail.peers == (silent.endpoint,)
            found = await swarm.resolve(magnet(INFO, silent, honest), deadline_s=LONG_S)
            assert found.name == "the honest name"
            assert [(await each).name for each in (first, poor)] == ["the honest name"] * 2
            assert not silent.met.is_set()
            await empty(swarm)

    run(test())


def test_leaving_while_a_torrent_is_put_out_leaves_nothing_behind() -> None:
    async def test() -> None:
        async with SilentPeer(INFO).serving() as silent, Peer(INFO).serving() as honest, swarm_with() as swarm:
            for _ in range(5):
                following = Following()
                asking = asyncio.create_task(
                    swarm.resolve(magnet(INFO, silent), deadline_s=LONG_S, trail=following.trail)
                )
                await silent.met.wait()
                silent.met.clear()
                assert swarm._switchboard is not None
                while not swarm._switchboard._by_handle:
                    await asyncio.sleep(0)
                swarm._switchboard._rescue._stuck(next(iter(swarm._switchboard._by_handle)))
                asking.cancel()
                await asyncio.wait([asking])
                assert conversations_in(swarm) == 0
                found = await swarm.resolve(magnet(INFO, honest), deadline_s=LONG_S)
                assert found.name == "the honest name"
            await empty(swarm)

    run(test())


@pytest.mark.parametrize("name", [*NO_NAMES, "/", "\u202e", "//.."])
def test_what_libtorrent_cannot_read_is_read_from_the_raw_bytes_of_its_peers(name: Any) -> None:
    async def test() -> None:
        info = info_named(name)
        async with (
            Peer(info).serving() as peer,
            Tracker({sha1(info): peer.compact}).serving() as tracker,
            chain_with(trackers=(tracker.url,)) as chain,
        ):
            outcome = await chain.look_up(magnet(info), timeout_s=LONG_S)
            usable = isinstance(name, str) and name.strip() not in ("", ".", "..")
            assert outcome.status is (TaskStatus.COMPLETED if usable else TaskStatus.FAILED)
            assert (outcome.name, outcome.code) == ((name, None) if usable else (None, "bad_name"))

    run(test())


def test_the_swarm_alone_does_not_say_that_there_is_no_name_where_it_cannot_read_it() -> None:
    async def test() -> None:
        info, blank = info_named("/"), info_named(" ")
        async with Peer(info, blank).serving() as peer, swarm_with() as swarm:
            trail = Trail()
            with pytest.raises(BadMetadata):
                await swarm.resolve(magnet(info, peer), deadline_s=LONG_S, trail=trail)
            assert trail.peers == (peer.endpoint,)
            with pytest.raises(BadName):  # here it can
                await swarm.resolve(magnet(blank, peer), deadline_s=LONG_S)

    run(test())


def test_honest_exchanges_are_no_storms() -> None:
    hello = 270
    for blocks in range(1, 257):
        for peers in (1, 3, 50):
            requests = blocks + 2 * peers  # the last ones are on their way
            sent, received = peers * hello + 33 * requests, peers * 200 + (blocks - 1) * (BLOCK + 50)
            assert not is_a_storm(sent, received, plainly=peers, otherwise=0)
    assert not is_a_storm(200 * 1_400, 200 * 600, plainly=0, otherwise=200), "that greet, encrypted, and hang up"


@pytest.mark.parametrize("block", [100, 600, 6_000, 12_000, 15_000])
def test_the_same_blocks_again_and_again_are_a_storm(block: int) -> None:
    requests = next(n for n in range(10**6) if is_a_storm(600 + 31 * n, block * n, plainly=2, otherwise=0))
    assert requests * (31 + block) < (MEGABYTE if block <= 12_000 else 6 * MEGABYTE)


def test_more_than_any_metadata_is_a_storm() -> None:
    assert is_a_storm(0, 6 << 20, plainly=0, otherwise=1)
