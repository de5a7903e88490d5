"""Hostile peers against `direct`: each before an honest one, all of them at once beside one, and alone."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SHORT_S, SilentPeer, run
from tests.hostile import HOSTILE as THOSE_OF_THE_SWARM
from tests.hostile import Claiming, Dripping, Garbage, Rejecting, hinder_nobody_else, magnet
from tests.loopback import Tracker, refusing_port
from tests.wire import BLOCK_BYTES, Conversing, Peer, info_named, sha1, v2_info
from truename.demo.tracker import compact
from truename.errors import BadName, NotYet
from truename.magnet import Magnet
from truename.resolvers.base import MAX_METADATA_BYTES, Trail
from truename.resolvers.direct import race
from truename.resolvers.direct.announce import MAX_PEERS
from truename.resolvers.direct.config import DirectConfig, Limits
from truename.resolvers.direct.dialer import Dialer
from truename.resolvers.direct.peer import Conversation
from truename.resolvers.direct.resolver import DirectResolver
from truename.resolvers.direct.talk import Talk

INFO = info_named("the honest name")
LARGE = info_named("the large honest name", pieces=2_000)
MEGABYTE = 1_000_000


class WrongSize(Peer):
    """Claims a size that is wrong by a little, and keeps to it in its blocks."""

    def __init__(self, wrong: int, *infos: bytes) -> None:
        super().__init__(*infos)
        self.infos = {key: (info + b"e" * wrong)[: len(info) + wrong] for key, info in self.infos.items()}


class WrongIndex(Peer):
    """Answers with the right bytes, and says that they are another block."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        block = self.infos[talk.hash20][:BLOCK_BYTES]
        talk.say(talk.their_ut_metadata, {"msg_type": 1, "piece": piece + 1}, block)


class Repeating(Peer):
    """Sends its first block over and over, with a wrong byte in it."""

    def __init__(self, *infos: bytes) -> None:
        super().__init__(*infos)
        self.infos = {key: b"x" + info[1:] for key, info in self.infos.items()}

    async def answer(self, talk: Conversing, piece: int) -> None:
        while True:
            await super().answer(talk, 0)
            await talk.writer.drain()


class Flooding(Peer):
    """Sends a hundred megabytes of messages about something else. `sent` is how much of it was taken."""

    sent = 0

    async def answer(self, talk: Conversing, piece: int) -> None:
        connection = talk.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)  # so that what was taken was heard
        have_all = b"\x00\x00\x40\x01\x05" + b"\xff" * 0x4000
        while self.sent < 100 * MEGABYTE:
            talk.writer.write(have_all)
            await talk.writer.drain()
            self.sent += len(have_all)


class KeepingAlive(Peer):
    """Sends nothing but signs of life."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        while True:
            talk.writer.write(b"\x00\x00\x00\x00")
            await talk.writer.drain()
            await asyncio.sleep(0.01)


class Resetting(Peer):
    """Breaks the connection off as soon as it is asked."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        talk.writer.transport.abort()


class Bombing(Peer):
    """Answers with lists in one another."""

    async def answer(self, talk: Conversing, piece: int) -> None:
        body = bytes((20, talk.their_ut_metadata)) + b"l" * 12_000
        talk.writer.write(len(body).to_bytes(4, "big") + body)


class Failing(Peer):
    """Hangs up the first time; honest from then on."""

    met_before = False

    async def converse(self, talk: Conversing) -> None:
        if self.met_before:
            await super().converse(talk)
        self.met_before = True


class GarbageOnce(Garbage):
    """Counts how often it was met."""

    times = 0

    async def converse(self, talk: Conversing) -> None:
        self.times += 1
        await super().converse(talk)


HOSTILE: dict[str, Callable[[bytes], Peer]] = {
    **THOSE_OF_THE_SWARM,
    "a size five too large": partial(WrongSize, 5),
    "a size one too small": partial(WrongSize, -1),
    "a wrong index": WrongIndex,
    "repeating": Repeating,
    "flooding": Flooding,
    "keeping alive": KeepingAlive,
    "resetting": Resetting,
    "bombing": Bombing,
}


@contextlib.asynccontextmanager
async def resolver(**limits: Any) -> AsyncIterator[DirectResolver]:
    direct = DirectResolver(DirectConfig(allow_private=True, limits=Limits(**limits)))
    try:
        yield direct
    finally:
        await direct.aclose()
        assert [task for task in asyncio.all_tasks() if "truename" in repr(task) and "direct" in repr(task)] == []


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port of loopback whose queue of connections is full, so that the kernel drops what comes."""
    with contextlib.ExitStack() as stack:
        hole, *fillers = (stack.enter_context(socket.socket()) for _ in range(3))
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        yield hole.getsockname()[1]


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_honest_peer_gives_the_name_in_spite_of_a_hostile_one_that_came_first(kind: str) -> None:
    async def test() -> None:
        async with HOSTILE[kind](INFO).serving() as hostile, Peer(INFO).serving() as honest, resolver() as direct:
            first = asyncio.create_task(direct.resolve(magnet(INFO, hostile), deadline_s=LONG_S))
            await hostile.met.wait()
            second = asyncio.create_task(direct.resolve(magnet(INFO, honest), deadline_s=LONG_S))
            assert (await first).name == "the honest name"
            assert (await second).name == "the honest name"

    run(test())


@pytest.mark.parametrize("info", [INFO, LARGE], ids=["one block", "several blocks"])
def test_all_hostile_peers_at_once_beside_one_honest_peer_cost_less_than_a_megabyte(
    info: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    hear = Talk.hear

    def counting(self: Talk, data: bytes) -> bytes:
        heard.append(len(data))
        return hear(self, data)

    async def test() -> None:
        async with contextlib.AsyncExitStack() as stack:
            direct = await stack.enter_async_context(resolver(peers_at_once=len(HOSTILE) + 1))
            hostile = [await stack.enter_async_context(make(info).serving()) for make in HOSTILE.values()]
            honest = await stack.enter_async_context(SilentPeer(info).serving())
            asking = asyncio.create_task(direct.resolve(magnet(info, *hostile, honest), deadline_s=LONG_S))
            for peer in (*hostile, honest):
                await peer.met.wait()
            flooding = hostile[list(HOSTILE).index("flooding")]
            await flooding.left.wait()  # it was cut off while the others go on
            assert isinstance(flooding, Flooding)
            assert flooding.sent < MEGABYTE
            assert isinstance(honest, SilentPeer)
            await honest.asked.wait()
            await honest.speak()
            assert (await asking).name.endswith("honest name")
        assert sum(heard) < MEGABYTE

    monkeypatch.setattr(Talk, "hear", counting)
    run(test())


def test_hostile_peers_alone_end_with_no_metadata_and_hinder_no_other_hash_and_no_later_one() -> None:
    async def test() -> None:
        async with resolver() as direct:
            await hinder_nobody_else(direct, HOSTILE)

    run(test())


def test_nothing_is_asked_of_whoever_claims_too_much() -> None:
    async def test() -> None:
        sizes = (MAX_METADATA_BYTES + 1, (1 << 31) - 1, 1 << 31, -7)
        async with contextlib.AsyncExitStack() as stack:
            direct = await stack.enter_async_context(resolver())
            claiming = [await stack.enter_async_context(Claiming(size, INFO).serving()) for size in sizes]
            asking = asyncio.create_task(direct.resolve(magnet(INFO, *claiming), deadline_s=LONG_S))
            for peer in claiming:
                await peer.left.wait()
            assert [peer.requests for peer in claiming] == [0] * len(sizes)
            asking.cancel()
            await asyncio.wait([asking])

    run(test())


def test_the_memory_for_what_is_not_whole_is_bounded_and_given_back() -> None:
    async def test() -> None:
        async with (
            Rejecting(LARGE).serving() as rejecting,
            WrongSize(-1, LARGE).serving() as liar,
            Peer(LARGE).serving() as honest,
            resolver(held_bytes=len(LARGE)) as direct,
        ):
            for _ in range(3):
                with pytest.raises(NotYet):
                    await direct.resolve(magnet(LARGE, rejecting, liar), deadline_s=0.2)
                assert (await direct.resolve(magnet(LARGE, honest), deadline_s=LONG_S)).name.startswith("the large")
            too_large = info_named("no room for this", pieces=2_100)
            async with Peer(too_large).serving() as another:
                with pytest.raises(NotYet):
                    await direct.resolve(magnet(too_large, another), deadline_s=SHORT_S / 2)

    run(test())


def test_more_large_metadata_at_once_than_there_is_room_for_comes_by_and_by() -> None:
    async def test() -> None:
        raws = [info_named(f"one of many {number:02}", pieces=4_000) for number in range(12)]
        async with contextlib.AsyncExitStack() as stack:
            direct = await stack.enter_async_context(resolver(held_bytes=4 * len(raws[0])))
            peers = [await stack.enter_async_context(Peer(raw).serving()) for raw in raws]
            asked = (
                direct.resolve(magnet(raw, peer), deadline_s=LONG_S) for raw, peer in zip(raws, peers, strict=True)
            )
            named = await asyncio.gather(*asked)
            assert [each.name for each in named] == [f"one of many {number:02}" for number in range(12)]

    run(test())


def test_of_whole_metadata_that_is_false_nothing_stays_in_memory() -> None:
    def talks() -> int:
        return sum(isinstance(one, Talk) for one in gc.get_objects())

    async def test() -> None:
        async with contextlib.AsyncExitStack() as stack:
            liars = [await stack.enter_async_context(Garbage(LARGE).serving()) for _ in range(5)]
            direct = await stack.enter_async_context(resolver())
            gc.collect()
            before = talks()
            gc.disable()  # so that whatever is in a ring stays
            try:
                with pytest.raises(NotYet):
                    await direct.resolve(magnet(LARGE, *liars), deadline_s=SHORT_S)
                await asyncio.sleep(0)
                assert talks() == before
            finally:
                gc.enable()

    run(test())


def test_a_peer_that_failed_is_asked_again_and_a_liar_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with Failing(INFO).serving() as failing, GarbageOnce(INFO).serving() as liar, resolver() as direct:
            asking = asyncio.create_task(direct.resolve(magnet(INFO, liar), deadline_s=LONG_S))
            await liar.left.wait()
            assert (await direct.resolve(magnet(INFO, failing), deadline_s=LONG_S)).name == "the honest name"
            await asking
            assert failing.met_before
            assert liar.times == 1

    monkeypatch.setattr(race, "_PEER_AGAIN_S", (0.0, 0.0, 0.0))
    run(test())


@pytest.mark.parametrize("make", [SilentPeer, Dripping, KeepingAlive])
def test_who_brings_nothing_new_makes_room_for_the_next(make: Callable[[bytes], Peer]) -> None:
    async def test() -> None:
        async with (
            make(INFO).serving() as slow,
            Peer(INFO).serving() as honest,
            resolver(peers_at_once=1, silence_s=0.2, talk_s=10**6) as direct,
        ):
            found = await direct.resolve(magnet(INFO, slow, honest), deadline_s=LONG_S)
            assert found.name == "the honest name"
            await slow.left.wait()

    run(test())


def test_black_holes_keep_nobody_waiting_until_their_time_is_over() -> None:
    async def test() -> None:
        with contextlib.ExitStack() as stack:
            holes = [stack.enter_context(black_hole()) for _ in range(4)]
            async with (
                Peer(INFO).serving() as honest,
                resolver(peers_at_once=2, connect_s=10**6, turn_s=10**6) as direct,
            ):
                peers = "".join(f"&x.pe=127.0.0.1:{port}" for port in (*holes, honest.port))
                asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}{peers}")
                assert (await direct.resolve(asked, deadline_s=LONG_S)).name == "the honest name"

    run(test())


def test_silent_peers_of_some_leave_connections_to_others() -> None:
    """They may take more than their places only while there is plenty."""

    async def test() -> None:
        with contextlib.ExitStack() as stack:
            holes = [stack.enter_context(black_hole()) for _ in range(12)]
            patient = resolver(connections=8, peers_at_once=2, calls_at_once=12, connect_s=10**6, turn_s=10**6)
            other = info_named("somebody else's")
            async with Peer(other).serving() as honest, patient as direct:
                peers = "".join(f"&x.pe=127.0.0.1:{port}" for port in holes)
                asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}{peers}")
                first = asyncio.create_task(direct.resolve(asked, deadline_s=LONG_S))
                while direct._reach.connections.free > 4:
                    await asyncio.sleep(0.05)
                await asyncio.sleep(1)
                assert direct._reach.connections.free >= 2
                found = await direct.resolve(magnet(other, honest), deadline_s=SHORT_S)
                assert found.name == "somebody else's"
                first.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await first

    run(test())


def test_a_black_hole_makes_room_for_the_next() -> None:
    async def test() -> None:
        with black_hole() as port:
            async with Peer(INFO).serving() as honest, resolver(peers_at_once=1, connect_s=0.2) as direct:
                asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&x.pe=127.0.0.1:{port}&x.pe={honest.endpoint}")
                assert (await direct.resolve(asked, deadline_s=LONG_S)).name == "the honest name"

    run(test())


def test_waiting_for_a_connection_does_not_count_into_the_time() -> None:
    async def test() -> None:
        other = info_named("waits for its turn")
        async with (
            SilentPeer(INFO).serving() as silent,
            Peer(other).serving() as honest,
            resolver(connections=1) as direct,
        ):
            first = asyncio.create_task(direct.resolve(magnet(INFO, silent), deadline_s=1.5 * SHORT_S))
            await silent.met.wait()
            second = asyncio.create_task(direct.resolve(magnet(other, honest), deadline_s=SHORT_S))
            with pytest.raises(NotYet):
                await first
            assert (await second).name == "waits for its turn"

    run(test())


def test_of_very_many_peers_only_a_bounded_number_is_asked() -> None:
    async def test() -> None:
        async with contextlib.AsyncExitStack() as stack:
            silent = [await stack.enter_async_context(SilentPeer(INFO).serving()) for _ in range(6)]
            tracker = await stack.enter_async_context(Tracker().serving())
            tracker.peers[bytes.fromhex(sha1(INFO))] = b"".join(peer.compact for peer in silent)
            direct = await stack.enter_async_context(resolver(peers_waiting=4, peers_at_once=2))
            asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={tracker.url}")
            with pytest.raises(NotYet) as ending:
                await direct.resolve(asked, deadline_s=SHORT_S)
            assert ending.value.peers_seen == 4
            assert sum(peer.met.is_set() for peer in silent) == 2

    run(test())


def nobody_at(count: int) -> str:
    """So many addresses of loopback where connections are refused, for a magnet."""
    return "".join(f"&x.pe=127.0.1.{number}:2000" for number in range(1, count + 1))


def compact_nobody(count: int) -> bytes:
    """The same for a tracker."""
    return b"".join(compact(f"127.0.1.{number}", 2000) for number in range(1, count + 1))


def test_an_honest_peer_is_asked_though_a_tracker_named_as_many_as_there_may_be_before() -> None:
    async def test() -> None:
        async with Tracker({sha1(INFO): compact_nobody(MAX_PEERS)}).serving() as hostile, resolver() as direct:
            first = asyncio.create_task(
                direct.resolve(Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={hostile.url}"), deadline_s=LONG_S)
            )
            await hostile.wait_for(lambda: bool(hostile.asked))
            async with Peer(INFO).serving() as honest:
                assert (await direct.resolve(magnet(INFO, honest), deadline_s=LONG_S)).name == "the honest name"
            assert (await first).name == "the honest name"

    run(test())


def test_an_honest_peer_has_a_turn_soon_though_others_named_very_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of whoever names peers has a turn; so the honest one is not behind two hundred others."""
    begun: list[tuple[str, int]] = []
    calling = Conversation.begin

    def counting(conversation: Conversation, dialer: Dialer, peer: tuple[str, int]) -> None:
        begun.append(peer)
        calling(conversation, dialer, peer)

    async def test() -> None:
        async with (
            Peer(INFO).serving() as honest,
            Tracker({sha1(INFO): compact_nobody(MAX_PEERS)}).serving() as hostile,
            Tracker({sha1(INFO): honest.compact}).serving() as good,
            resolver(peers_at_once=1, turn_s=0.1) as direct,
        ):
            held = good.hold()
            text = f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={hostile.url}&tr={good.url}&x.pe=127.0.0.1:{hole}"
            asking = asyncio.create_task(direct.resolve(Magnet.parse(text), deadline_s=LONG_S))
            await good.wait_for(lambda: bool(good.asked))
            await hostile.wait_for(lambda: bool(hostile.asked))
            held.set()
            assert (await asking).name == "the honest name"

    with black_hole() as hole:
        monkeypatch.setattr(Conversation, "begin", counting)
        run(test())
    assert 0 < len(begun) < 20


def test_peers_that_are_handed_over_late_are_asked_behind_those_that_were_known() -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as honest, resolver() as direct:
            known = f"magnet:?xt=urn:btih:{sha1(INFO)}{nobody_at(100)}"
            first = asyncio.create_task(direct.resolve(Magnet.parse(known), deadline_s=LONG_S))
            await asyncio.sleep(0)
            later = Magnet.parse(f"{known}&x.pe={honest.endpoint}")
            assert (await direct.resolve(later, deadline_s=LONG_S)).name == "the honest name"
            await first

    run(test())


def test_the_number_of_conversations_has_a_bound_and_something_is_left_for_whoever_names_a_peer_next() -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as honest, resolver(talks_in_all=8, peers_at_once=2) as direct:
            trail = Trail()
            dead = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}{nobody_at(100)}")
            with pytest.raises(NotYet):
                await direct.resolve(dead, deadline_s=SHORT_S, trail=trail)
            assert trail.counts == {"tried": 4, "refused": 4}
            hostile = asyncio.create_task(direct.resolve(dead, deadline_s=LONG_S))
            await asyncio.sleep(0)
            assert (await direct.resolve(magnet(INFO, honest), deadline_s=LONG_S)).name == "the honest name"
            await hostile

    run(test())


class OneBlockAfterTheOther(Peer):
    """Claims a large size, and sends a block of it now and then, so that it is never silent for long."""

    def metadata_size(self, talk: Conversing) -> int:
        return MAX_METADATA_BYTES

    async def answer(self, talk: Conversing, piece: int) -> None:
        await asyncio.sleep(0.1 * (piece + 1))
        header = {"msg_type": 1, "piece": piece, "total_size": MAX_METADATA_BYTES}
        talk.say(talk.their_ut_metadata, header, b"\xee" * BLOCK_BYTES)


def test_peers_that_drip_leave_their_places_to_an_honest_one() -> None:
    async def test() -> None:
        async with contextlib.AsyncExitStack() as stack:
            direct = await stack.enter_async_context(resolver(turn_s=0.3, silence_s=10**6, talk_s=10**6))
            dripping = [await stack.enter_async_context(OneBlockAfterTheOther(INFO).serving()) for _ in range(20)]
            first = asyncio.create_task(direct.resolve(magnet(INFO, *dripping), deadline_s=LONG_S))
            for peer in dripping:
                await peer.asked.wait()
            honest = await stack.enter_async_context(Peer(INFO).serving())
            assert (await direct.resolve(magnet(INFO, honest), deadline_s=LONG_S)).name == "the honest name"
            assert (await first).name == "the honest name"

    run(test())


class Driven(Peer):
    """Honest; sends its next block when it is told so."""

    def __init__(self, *infos: bytes) -> None:
        super().__init__(*infos)
        self.unanswered: asyncio.Queue[tuple[Conversing, int]] = asyncio.Queue()

    async def answer(self, talk: Conversing, piece: int) -> None:
        self.unanswered.put_nowait((talk, piece))

    async def go_on(self) -> None:
        """Send one more block."""
        await super().answer(*await self.unanswered.get())


def test_a_slow_peer_that_brings_most_keeps_its_place_though_many_wait() -> None:
    async def test() -> None:
        async with contextlib.AsyncExitStack() as stack:
            direct = await stack.enter_async_context(
                resolver(peers_at_once=2, turn_s=0.1, silence_s=10**6, talk_s=10**6)
            )
            honest = await stack.enter_async_context(Driven(LARGE).serving())
            silent = [await stack.enter_async_context(SilentPeer(LARGE).serving()) for _ in range(4)]
            asking = asyncio.create_task(direct.resolve(magnet(LARGE, honest, *silent), deadline_s=LONG_S))
            await honest.go_on()
            for peer in silent[:3]:
                await peer.left.wait()  # it has had its turn, and the honest one more than that
            while not asking.done():
                driving = asyncio.create_task(honest.go_on())
                await asyncio.wait([asking, driving], return_when=asyncio.FIRST_COMPLETED)
            driving.cancel()
            assert (await asking).name == "the large honest name"
            assert honest.requests == -(-len(LARGE) // BLOCK_BYTES)  # each block once, so in one conversation

    run(test())


class Greeting(Peer):
    """Greets with what was given; is honest once that was `heard`, or else says no more."""

    def __init__(self, said: dict[str, Any], *infos: bytes, heard: asyncio.Event | None = None) -> None:
        super().__init__(*infos)
        self.said = said
        self.heard = heard

    async def converse(self, talk: Conversing) -> None:
        talk.say(0, self.said)
        if self.heard is None:
            await talk.reader.read()
        else:
            await self.heard.wait()
            await super().converse(talk)


GREETINGS: list[dict[str, Any]] = [{}, {"v": "x"}, {"m": {}, "metadata_size": 7}, {"m": {"ut_metadata": 3}}]


@pytest.mark.parametrize("said", GREETINGS, ids=str)
def test_a_peer_may_say_in_a_second_greeting_what_the_first_one_lacked(
    said: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = Talk.hear

    async def scenario() -> None:
        heard = asyncio.Event()

        def hearing(talk: Talk, data: bytes) -> bytes:
            answer = hear(talk, data)
            if talk.lacking is not None:
                heard.set()
            return answer

        monkeypatch.setattr(Talk, "hear", hearing)
        async with Greeting(said, INFO, heard=heard).serving() as peer, resolver() as direct:
            assert (await direct.resolve(magnet(INFO, peer), deadline_s=LONG_S)).name == "the honest name"

    run(scenario())


@pytest.mark.parametrize("said", GREETINGS, ids=str)
def test_a_peer_that_never_makes_up_for_its_greeting_is_left(said: dict[str, Any]) -> None:
    async def scenario() -> None:
        patient = resolver(grace_s=SHORT_S / 10, silence_s=10**6, talk_s=10**6)
        async with Greeting(said, INFO).serving() as peer, patient as direct:
            trail = Trail()
            asking = asyncio.create_task(direct.resolve(magnet(INFO, peer), deadline_s=LONG_S, trail=trail))
            await peer.left.wait()
            asking.cancel()
            await asyncio.wait([asking])
        assert trail.counts == {"tried": 1, "silent": 1}

    run(scenario())


def test_a_peer_whose_greeting_lacks_something_takes_nobodys_place_and_of_many_the_first_is_left() -> None:
    async def scenario() -> None:
        async with contextlib.AsyncExitStack() as stack:
            patient = resolver(peers_at_once=1, grace_s=10**6, turn_s=10**6, silence_s=10**6, talk_s=10**6)
            direct = await stack.enter_async_context(patient)
            lacking = [await stack.enter_async_context(Greeting({}, INFO).serving()) for _ in range(3)]
            honest = await stack.enter_async_context(Peer(INFO).serving())
            asked = magnet(INFO, *lacking, honest)
            assert (await direct.resolve(asked, deadline_s=LONG_S)).name == "the honest name"
            for peer in lacking:
                await peer.left.wait()

    run(scenario())


def test_it_takes_nobodys_place_either_where_connections_are_few() -> None:
    async def scenario() -> None:
        async with contextlib.AsyncExitStack() as stack:
            patient = resolver(connections=4, peers_at_once=1, grace_s=10**6, turn_s=10**6, connect_s=10**6)
            direct = await stack.enter_async_context(patient)
            elsewhere = []
            for number in range(2):
                port = stack.enter_context(black_hole())
                dead = Magnet.parse(f"magnet:?xt=urn:btih:{number + 1:040x}&x.pe=127.0.0.1:{port}")
                elsewhere.append(asyncio.create_task(direct.resolve(dead, deadline_s=LONG_S)))
            while direct._reach.connections.free > 2:
                await asyncio.sleep(0.01)
            lacking = await stack.enter_async_context(Greeting({}, INFO).serving())
            honest = await stack.enter_async_context(Peer(INFO).serving())
            found = await direct.resolve(magnet(INFO, lacking, honest), deadline_s=SHORT_S)
            assert found.name == "the honest name"
            for each in elsewhere:
                each.cancel()
            await asyncio.wait(elsewhere)

    run(scenario())


def test_a_peer_that_is_ourselves_is_nobody() -> None:
    class Mirror(Peer):
        """Says whatever it hears."""

        async def _converse(self, talk: Conversing) -> None:
            said = await talk.reader.readexactly(68)
            self.met.set()
            talk.writer.write(said)
            with contextlib.suppress(OSError):
                await talk.reader.read()
            self.left.set()
            talk.writer.close()

    async def test() -> None:
        async with Mirror().serving() as mirror, resolver() as direct:
            asking = asyncio.create_task(
                direct.resolve(Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&x.pe={mirror.endpoint}"), deadline_s=SHORT_S)
            )
            await mirror.left.wait()
            with pytest.raises(NotYet) as ending:
                await asking
            assert ending.value.code == "no_peers"

    run(test())


@pytest.mark.parametrize(
    "info", [b"i7e", b"le", b"d6:lengthi1ee", b"d4:name0:4:nest" + b"l" * 5_000 + b"e" * 5_000 + b"e"]
)
def test_a_dictionary_that_is_the_right_one_and_has_no_name_ends_the_look_up_at_once(info: bytes) -> None:
    async def test() -> None:
        async with Peer(info).serving() as peer, resolver() as direct:
            with pytest.raises(BadName):
                await direct.resolve(magnet(info, peer), deadline_s=10**6)

    run(test())


def test_the_largest_metadata_that_is_allowed_comes_whole() -> None:
    async def test() -> None:
        info = info_named("enormous", pieces=(MAX_METADATA_BYTES - 200) // 20)
        async with Peer(info).serving() as peer, resolver() as direct:
            assert (await direct.resolve(magnet(info, peer), deadline_s=LONG_S)).name == "enormous"
            assert peer.requests == -(-len(info) // BLOCK_BYTES)

    run(test())


def test_the_largest_metadata_comes_from_twenty_peers_that_are_equally_quick() -> None:
    """Each has but a twentieth of it when the bound on all that is heard comes near."""

    async def test() -> None:
        async with contextlib.AsyncExitStack() as stack:
            direct = await stack.enter_async_context(resolver(heard_bytes=3 * MEGABYTE))
            info = info_named("enormous", pieces=20_000)
            peers = [await stack.enter_async_context(Peer(info).serving()) for _ in range(20)]
            assert (await direct.resolve(magnet(info, *peers), deadline_s=LONG_S)).name == "enormous"

    run(test())


def test_an_honest_peer_is_heard_when_liars_have_said_all_that_may_be_heard() -> None:
    async def test() -> None:
        async with contextlib.AsyncExitStack() as stack:
            direct = await stack.enter_async_context(resolver(heard_bytes=MEGABYTE, heard_bytes_of_each=50_000))
            claimed = info_named("x", pieces=10_000)
            liars = [Garbage(LARGE) for _ in range(15)]
            for liar in liars:
                liar.infos = dict.fromkeys(liar.infos, claimed)
                await stack.enter_async_context(liar.serving())
            trail = Trail()
            first = asyncio.create_task(direct.resolve(magnet(LARGE, *liars), deadline_s=LONG_S, trail=trail))
            for liar in liars:
                await liar.left.wait()
            honest = await stack.enter_async_context(Peer(LARGE).serving())
            assert (await direct.resolve(magnet(LARGE, honest), deadline_s=LONG_S)).name == "the large honest name"
            await first
            assert trail.counts["lied"] < len(liars)  # of those that were not heard to their end nobody knows

    run(test())


def test_leaving_in_the_middle_leaves_nothing_behind() -> None:
    async def test() -> None:
        info = v2_info("left")
        async with Garbage(info).serving() as liar, SilentPeer(info).serving() as silent, resolver() as direct:
            for _ in range(10):
                silent.met.clear(), silent.left.clear()
                asking = asyncio.create_task(direct.resolve(magnet(info, liar, silent), deadline_s=LONG_S))
                await silent.met.wait()
                asking.cancel()
                await asyncio.wait([asking])
                await silent.left.wait()

    run(test())


def test_it_counts_whom_it_asked_and_how_they_were() -> None:
    """For a person who wants to know why there is no name."""

    async def scenario() -> None:
        with refusing_port() as closed:
            async with SilentPeer(INFO).serving() as silent, Garbage(INFO).serving() as liar, resolver() as direct:
                refusing = socket.inet_aton("127.0.0.1") + closed.to_bytes(2, "big")
                named = {sha1(INFO): silent.compact + liar.compact + refusing}
                async with Tracker(named).serving() as tracker:
                    asked = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={tracker.url}")
                    trail = Trail()
                    with pytest.raises(NotYet):
                        await direct.resolve(asked, deadline_s=3 * SHORT_S, trail=trail)
        assert trail.counts == {
            "trackers": 1,
            "trackers_answered": 1,
            "tracker_peers": 3,
            "tried": 3,
            "refused": 1,
            "silent": 1,
            "lied": 1,
        }

    run(scenario())


class Unhelpful(Peer):
    """Answers a handshake with what it was given to say, and hangs up."""

    def __init__(self, said: bytes) -> None:
        super().__init__()
        self.said = said

    async def _converse(self, talk: Conversing) -> None:
        shaken = await talk.reader.readexactly(68)
        talk.writer.write(self.said.replace(b"<hash>", shaken[28:48]))
        self.met.set()
        talk.writer.close()


@pytest.mark.parametrize(
    "said",
    [b"", b"\x13BitTorrent protocol" + bytes(8) + b"<hash>-OLD0001-xxxxxxxxxxxx", b"HTTP/1.1 400 Bad Request\r\n" * 4],
    ids=["nothing", "no extended messages", "something else"],
)
def test_a_peer_that_was_spoken_to_has_not_refused(said: bytes) -> None:
    async def scenario() -> None:
        async with Unhelpful(said).serving() as peer, resolver() as direct:
            trail = Trail()
            with pytest.raises(NotYet):
                await direct.resolve(magnet(INFO, peer), deadline_s=SHORT_S, trail=trail)
        assert trail.counts == {"tried": 1, "silent": 1}

    run(scenario())


@pytest.mark.filterwarnings("error::RuntimeWarning", "error::pytest.PytestUnraisableExceptionWarning")
def test_whoever_leaves_at_any_moment_gives_back_all_places_and_connections() -> None:
    """Waiting for a turn, dialling, speaking; with a tracker over UDP, and a host whose name takes long."""

    async def leave(direct: DirectResolver, text: str, steps: int) -> None:
        asking = [
            asyncio.create_task(direct.resolve(Magnet.parse(text.format(f"{each:040x}")), deadline_s=LONG_S))
            for each in range(1, 31)
        ]
        for _ in range(steps):
            await asyncio.sleep(0)
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def test() -> None:
        limits = {"connections": 2, "http_announces": 3, "http_announces_to_one": 2, "udp_announces": 2}
        async with (
            Peer(INFO).serving() as peer,
            Tracker({sha1(INFO): peer.compact}).serving() as tracker,
            resolver(**limits) as direct,
        ):
            answers = tracker.hold()
            text = f"magnet:?xt=urn:btih:{{}}&tr={tracker.url}&tr=udp://127.0.0.1:9/a&x.pe=127.0.0.1:{peer.port}"
            for steps in range(12):
                await leave(direct, text, steps)
            gc.collect()
            trackers, reach = direct._reach.trackers, direct._reach
            assert [trackers.http_turns._free, trackers.udp_turns._free, reach.connections._free] == [3, 2, 2]
            assert not reach.dialer._lines._open
            answers.set()
            assert (await direct.resolve(Magnet.parse(text.format(sha1(INFO))), deadline_s=LONG_S)).name

    run(test())
