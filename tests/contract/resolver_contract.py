"""What every resolver that speaks to peers must do, whatever its engine. Each engine's test file gives it a factory.

The world is on loopback: peers and a tracker in the test's own event loop. Every wait has an end.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import Tracker
from tests.wire import Conversing, Peer, encode, hybrid_info, info_named, sha1, sha256, v2_info
from truename.errors import BadMetadata, BadName, NotYet, ResolverDown
from truename.magnet import Magnet
from truename.metainfo import Metainfo
from truename.model import peers_in
from truename.resolvers.base import Resolver, Trail

PATIENCE_S = 60.0
SHORT_S = 1.0
LONG_S = 50.0
DEAD = "dead" * 10

HOSTILE_NAMES = [
    "../../etc/passwd",
    "AC/DC\\Live",
    "photo\u202egpj.exe",
    "zero\u200bwidth\ufeff",
    "\x1b]52;c;Zm9v\x07\r\n\x00",
    "<img src=x onerror=alert(1)>",
    "   spaced   ",
    "e\u0301 is not \u00e9",
    "\U0001f3b5\U0010ffff",
    "n" * 4096,
]
NO_NAMES = [None, 7, "", ".", "..", " \t ", ["list"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A peer, a tracker that names it for all its torrents, and the resolver under test."""

    peer: Peer
    tracker: Tracker
    resolver: Resolver

    def magnet(self, *hashes: str) -> Magnet:
        """A magnet with these hashes and the tracker."""
        topics = "&".join(f"xt=urn:btih:{h}" if len(h) == 40 else f"xt=urn:btmh:1220{h}" for h in hashes)
        return Magnet.parse(f"magnet:?{topics}&tr={self.tracker.url}")

    async def name(self, *hashes: str) -> str:
        """The name that the resolver finds for such a magnet."""
        return (await self.resolver.resolve(self.magnet(*hashes), deadline_s=LONG_S)).name


MakeResolver = Callable[[], Resolver]


class SilentPeer(Peer):
    """Shakes hands, claims to have everything, and answers no request until it is told to `speak`."""

    def __init__(self, *infos: bytes) -> None:
        super().__init__(*infos)
        self._unanswered: list[tuple[Conversing, int]] | None = []

    async def speak(self) -> None:
        """Answer what was asked, and from now on everything."""
        unanswered, self._unanswered = self._unanswered or [], None
        for talk, piece in unanswered:
            await self.answer(talk, piece)

    async def answer(self, talk: Conversing, piece: int) -> None:
        if self._unanswered is not None:
            self._unanswered.append((talk, piece))
        else:
            await super().answer(talk, piece)


@contextlib.asynccontextmanager
async def a_world(make: MakeResolver, *infos: bytes, peer: Peer | None = None) -> AsyncIterator[World]:
    """A world with these torrents, which ends with the block."""
    peer = peer or Peer(*infos)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(peer.serving())
        known = {key.hex(): peer.compact for key in peer.infos}
        tracker = await stack.enter_async_context(Tracker(known).serving())
        resolver = make()
        stack.push_async_callback(resolver.aclose)
        yield World(peer=peer, tracker=tracker, resolver=resolver)


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test in an event loop of its own, with a bound on every wait in it."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test

    asyncio.run(bounded())


class ResolverContract:
    """The suite. A subclass gives `make_resolver`, whose resolvers may speak to loopback.

    `nameless`: how a torrent without a usable name ends. Without the raw bytes nobody can be sure that there is none.
    """

    nameless: tuple[type[Exception], ...] = (BadName,)

    @pytest.fixture
    def make_resolver(self) -> MakeResolver:
        """What makes a new resolver, to be used in the event loop that runs then."""
        raise NotImplementedError

    def test_it_finds_the_name_and_proves_it(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("A name", pieces=2)
            async with a_world(make_resolver, info) as world:
                found = await world.resolver.resolve(world.magnet(sha1(info)), deadline_s=LONG_S)
                assert found == Metainfo(
                    info_hash=found.info_hash,
                    info_hash_v2=None,
                    name="A name",
                    raw_name=b"A name",
                    name_guessed=False,
                    size_bytes=32768,
                    file_count=1,
                    files=(("A name", 32768),),  # type: ignore[arg-type]
                )
                assert found.info_hash == sha1(info)

        run(test())

    def test_it_names_many_at_once(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            infos = [info_named(f"number {index}") for index in range(100)]
            async with a_world(make_resolver, *infos) as world:
                names = await asyncio.gather(*(world.name(sha1(info)) for info in infos))
                assert names == [f"number {index}" for index in range(100)]

        run(test())

    def test_metadata_of_several_blocks_comes_whole(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("large", pieces=20_000)
            async with a_world(make_resolver, info) as world:
                assert await world.name(sha1(info)) == "large"
                assert world.peer.requests > 20

        run(test())

    def test_a_peer_that_the_magnet_itself_names_is_asked(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("by x.pe")
            async with a_world(make_resolver, info) as world:
                magnet = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&x.pe={world.peer.endpoint}")
                assert (await world.resolver.resolve(magnet, deadline_s=LONG_S)).name == "by x.pe"

        run(test())

    def test_a_hybrid_is_found_by_each_of_its_hashes_and_by_both_at_once(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = hybrid_info("hybrid")
            v1, v2 = sha1(info), sha256(info)
            async with a_world(make_resolver, info) as world:
                for hashes in ([v1], [v2], [v1, v2], [v2[:40]]):
                    found = await world.resolver.resolve(world.magnet(*hashes), deadline_s=LONG_S)
                    assert (found.name, found.info_hash, found.info_hash_v2) == ("hybrid", v1, v2)
                asked = [[v1], [v2], [v1, v2], [v2[:40]], [v2, v1]]
                assert set(await asyncio.gather(*(world.name(*hashes) for hashes in asked))) == {"hybrid"}

        run(test())

    def test_a_v2_torrent_is_found_by_its_hash_whole_or_cut_to_forty_digits(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = v2_info("version two")
            async with a_world(make_resolver, info) as world:
                for asked in (sha256(info), sha256(info)[:40]):
                    found = await world.resolver.resolve(world.magnet(asked), deadline_s=LONG_S)
                    assert (found.name, found.info_hash, found.info_hash_v2) == ("version two", sha256(info), None)
                both = await asyncio.gather(world.name(sha256(info)), world.name(sha256(info)[:40]))
                assert both == ["version two", "version two"]

        run(test())

    def test_a_lie_about_the_second_hash_hinders_nobody(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = hybrid_info("true")
            async with a_world(make_resolver, info) as world:
                names = await asyncio.gather(world.name(sha1(info), "ee" * 32), world.name(sha1(info)))
                assert names == ["true", "true"]

        run(test())

    def test_whoever_named_the_peer_that_gave_the_name_has_named_a_peer(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("given by somebody")
            async with a_world(make_resolver, info) as world:
                both, trail = world.magnet(sha1(info), "e" * 64), Trail()
                assert (await world.resolver.resolve(both, deadline_s=LONG_S, trail=trail)).name == "given by somebody"
                assert trail.counts["trackers_answered"] == trail.counts["tracker_peers"] == 1

        run(test())

    def test_a_v2_hash_with_a_false_end_is_not_named_and_hinders_nobody(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = v2_info("true to the end")
            async with a_world(make_resolver, info) as world:
                false = world.magnet(sha256(info)[:40] + "e" * 24)
                asking = asyncio.create_task(world.resolver.resolve(false, deadline_s=SHORT_S))
                assert await world.name(sha256(info)) == "true to the end"
                with pytest.raises(NotYet) as ending:
                    await asking
                assert ending.value.code == "no_metadata"

        run(test())

    def test_a_second_hash_that_is_another_torrents_gives_no_name(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            other = hybrid_info("another torrent")
            async with a_world(make_resolver, other) as world:
                with pytest.raises(NotYet):
                    await world.resolver.resolve(world.magnet(DEAD, sha256(other)), deadline_s=SHORT_S)
                with pytest.raises(NotYet):
                    await world.resolver.resolve(world.magnet(DEAD, sha256(other)[:40] + "e" * 24), deadline_s=SHORT_S)

        run(test())

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_a_hostile_name_comes_back_unchanged(self, make_resolver: MakeResolver, name: str) -> None:
        async def test() -> None:
            info = info_named(name)
            async with a_world(make_resolver, info) as world:
                assert await world.name(sha1(info)) == name

        run(test())

    def test_a_name_that_is_not_utf_8_comes_back_with_its_bytes(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named(b"caf\xe9 \xff")
            async with a_world(make_resolver, info) as world:
                found = await world.resolver.resolve(world.magnet(sha1(info)), deadline_s=LONG_S)
                assert found.raw_name == b"caf\xe9 \xff"
                assert found.name_guessed

        run(test())

    def test_the_utf_8_name_goes_before_the_other(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = encode(
                {"length": 1, "name": b"\xff", "name.utf-8": "真", "piece length": 16384, "pieces": b"." * 20}
            )
            async with a_world(make_resolver, info) as world:
                assert await world.name(sha1(info)) == "真"

        run(test())

    @pytest.mark.parametrize("name", NO_NAMES)
    @pytest.mark.parametrize("files", [False, True])
    def test_a_torrent_without_a_usable_name_says_so(self, make_resolver: MakeResolver, name: Any, files: bool) -> None:
        async def test() -> None:
            listed = [{"length": 1, "path": ["a"]}]
            dictionary = {"piece length": 16384, "pieces": b"." * 20}
            dictionary |= {"files": listed} if files else {"length": 1}
            info = encode(dictionary if name is None else dictionary | {"name": name})
            async with a_world(make_resolver, info) as world:
                with pytest.raises(self.nameless):
                    await world.name(sha1(info))

        run(test())

    def test_a_hash_that_nobody_has_ends_with_no_peers(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            async with a_world(make_resolver) as world:
                with pytest.raises(NotYet) as ending:
                    await world.resolver.resolve(world.magnet(DEAD), deadline_s=SHORT_S)
                assert ending.value.code == "no_peers"

        run(test())

    def test_peers_that_give_nothing_end_with_no_metadata(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("kept secret")
            async with a_world(make_resolver, peer=SilentPeer(info)) as world:
                with pytest.raises(NotYet) as ending:
                    await world.resolver.resolve(world.magnet(sha1(info)), deadline_s=SHORT_S)
                assert ending.value.code == "no_metadata"

        run(test())

    def test_a_hash_that_nobody_can_be_asked_about_ends_without_waiting(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            async with a_world(make_resolver) as world:
                with pytest.raises(ResolverDown) as ending:
                    await world.resolver.resolve(Magnet.parse(DEAD), deadline_s=10**6)
                assert ending.value.reason == "nobody_to_ask"

        run(test())

    def test_cancelling_closes_the_conversation_at_once(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("unwanted")
            async with a_world(make_resolver, peer=SilentPeer(info)) as world:
                asking = asyncio.create_task(world.name(sha1(info)))
                await world.peer.met.wait()
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                await world.peer.left.wait()

        run(test())

    def test_the_end_of_the_time_closes_the_conversation(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("too late")
            async with a_world(make_resolver, peer=SilentPeer(info)) as world:
                with pytest.raises(NotYet):
                    await world.resolver.resolve(world.magnet(sha1(info)), deadline_s=SHORT_S)
                await world.peer.left.wait()

        run(test())

    def test_a_hash_can_be_asked_for_again_right_after_it_was_cancelled(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("wanted after all")
            async with a_world(make_resolver, info) as world:
                for _ in range(20):
                    asking = asyncio.create_task(world.name(sha1(info)))
                    await asyncio.sleep(0)
                    asking.cancel()
                    assert await world.name(sha1(info)) == "wanted after all"

        run(test())

    def test_cancelling_one_who_waits_leaves_the_others_waiting(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("shared")
            peer = SilentPeer(info)
            async with a_world(make_resolver, peer=peer) as world:
                first, second = (asyncio.create_task(world.name(sha1(info))) for _ in range(2))
                await peer.met.wait()
                first.cancel()
                await asyncio.wait([first])
                await peer.speak()
                assert await second == "shared"

        run(test())

    def test_who_joins_has_a_time_of_its_own(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("late")
            peer = SilentPeer(info)
            async with a_world(make_resolver, peer=peer) as world:
                hurried = asyncio.create_task(world.resolver.resolve(world.magnet(sha1(info)), deadline_s=SHORT_S))
                await peer.met.wait()
                patient = asyncio.create_task(world.name(sha1(info)))
                with pytest.raises(NotYet):
                    await hurried
                assert not patient.done()
                await peer.speak()
                assert await patient == "late"

        run(test())

    def test_who_joins_brings_trackers_along(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("known elsewhere")
            async with a_world(make_resolver, info) as world, Tracker().serving() as ignorant:
                poor = Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&tr={ignorant.url}")
                first = asyncio.create_task(world.resolver.resolve(poor, deadline_s=LONG_S))
                await ignorant.wait_for(lambda: bool(ignorant.asked))
                assert await world.name(sha1(info)) == "known elsewhere"
                assert (await first).name == "known elsewhere"

        run(test())

    def test_a_peer_that_gave_the_name_was_seen_by_those_too_who_have_not_named_it(
        self, make_resolver: MakeResolver
    ) -> None:
        async def test() -> None:
            info = info_named("known to others")
            async with a_world(make_resolver, info) as world, Tracker().serving() as mute:
                mute.hold()
                asked = [
                    f"magnet:?xt=urn:btih:{sha1(info)}&{who}"
                    for who in (f"tr={mute.url}", f"x.pe={world.peer.endpoint}")
                ]
                first, second = Trail(), Trail()
                waiting = world.resolver.resolve(Magnet.parse(asked[0]), deadline_s=LONG_S, trail=first)
                waits = asyncio.create_task(waiting)
                await mute.wait_for(lambda: bool(mute.asked))
                await world.resolver.resolve(Magnet.parse(asked[1]), deadline_s=LONG_S, trail=second)
                assert (await waits).name == "known to others"
                assert (peers_in(first.counts), peers_in(second.counts)) == (1, 1)

        run(test())

    @pytest.mark.parametrize("kind", [Peer, SilentPeer])
    def test_who_shares_a_hash_is_told_of_nobody_whom_others_have_named(
        self, make_resolver: MakeResolver, kind: type[Peer]
    ) -> None:
        async def test() -> None:
            info = v2_info("asked for by others")
            async with a_world(make_resolver, peer=kind(info)) as world, Tracker().serving() as ignorant:
                poor = Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&xt=urn:btmh:1220{sha256(info)}&tr={ignorant.url}")
                trail = Trail()
                asking = asyncio.create_task(world.resolver.resolve(poor, deadline_s=SHORT_S, trail=trail))
                await ignorant.wait_for(lambda: bytes.fromhex(sha256(info)[:40]) in ignorant.asked)
                others = asyncio.create_task(world.name(sha256(info)))
                await world.peer.met.wait()
                with pytest.raises(NotYet) as ending:
                    await asking
                assert ending.value.code == "no_peers"
                counts = {word: count for word, count in trail.counts.items() if count}
                assert counts == {"trackers": 1, "trackers_answered": 1}
                others.cancel()
                await asyncio.wait([others])

        run(test())

    @pytest.mark.parametrize("info_hash", [sha256(v2_info("asked for by others")), "e" * 64], ids=["known", "unknown"])
    def test_who_shares_a_hash_and_has_nobody_to_ask_is_told_so(
        self, make_resolver: MakeResolver, info_hash: str
    ) -> None:
        async def test() -> None:
            async with a_world(make_resolver, peer=SilentPeer(v2_info("asked for by others"))) as world:
                others = asyncio.create_task(world.name(DEAD, info_hash))
                await world.tracker.wait_for(lambda: bytes.fromhex(info_hash[:40]) in world.tracker.asked)
                trail = Trail()
                with pytest.raises(ResolverDown) as ending:
                    await world.resolver.resolve(Magnet.parse(info_hash), deadline_s=SHORT_S, trail=trail)
                assert ending.value.reason == "nobody_to_ask"
                assert not any(trail.counts.values())
                others.cancel()
                await asyncio.wait([others])

        run(test())

    def test_who_shares_a_hash_and_has_nobody_to_ask_is_given_the_name(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = v2_info("asked for by others")
            peer = SilentPeer(info)
            async with a_world(make_resolver, peer=peer) as world:
                others = asyncio.create_task(world.name(DEAD, sha256(info)))
                await peer.asked.wait()
                joined = asyncio.Event()
                poor = world.resolver.resolve(Magnet.parse(sha256(info)), deadline_s=LONG_S, trail=Trail(joined.set))
                asking = asyncio.create_task(poor)
                await joined.wait()
                await peer.speak()
                assert (await asking).name == "asked for by others"
                others.cancel()
                await asyncio.wait([others])

        run(test())

    def test_magnets_of_one_hash_that_come_together_are_asked_for_with_all_they_name(
        self, make_resolver: MakeResolver
    ) -> None:
        async def test() -> None:
            info = info_named("put together")
            async with a_world(make_resolver, info) as world, Tracker().serving() as ignorant:
                texts = (f"tr={ignorant.url}", f"x.pe={world.peer.endpoint}", f"tr={world.tracker.url}")
                asked = [Magnet.parse(f"magnet:?xt=urn:btih:{sha1(info)}&{text}") for text in texts]
                for several in (asked[:2], asked[::2]):
                    found = await asyncio.gather(*(world.resolver.resolve(each, deadline_s=LONG_S) for each in several))
                    assert [each.name for each in found] == ["put together"] * 2

        run(test())

    def test_closing_ends_every_question_and_may_be_done_twice(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("unfinished")
            async with a_world(make_resolver, peer=SilentPeer(info)) as world:
                asking = asyncio.create_task(world.name(sha1(info)))
                await world.peer.met.wait()
                await asyncio.gather(world.resolver.aclose(), world.resolver.aclose())
                with pytest.raises(ResolverDown):
                    await asking
                with pytest.raises(ResolverDown):
                    await world.name(sha1(info))
                await world.resolver.aclose()
                assert not (await world.resolver.health()).able

        run(test())

    def test_closing_what_was_never_used_is_nothing(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            await make_resolver().aclose()

        run(test())

    def test_nothing_is_left_running_after_closing(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("gone")
            async with a_world(make_resolver, info) as world:
                assert await world.name(sha1(info)) == "gone"
                await world.resolver.aclose()
                assert set(threading.enumerate()) <= before

        before = set(threading.enumerate())
        run(test())

    def test_its_health_tells_that_it_is_able_before_and_after_the_first_question(
        self, make_resolver: MakeResolver
    ) -> None:
        async def test() -> None:
            info = info_named("well")
            async with a_world(make_resolver, info) as world:
                assert (await world.resolver.health()).able
                assert await world.name(sha1(info)) == "well"
                assert (await world.resolver.health()).able

        run(test())

    def test_event_loops_after_one_another_each_have_a_resolver(self, make_resolver: MakeResolver) -> None:
        async def test() -> None:
            info = info_named("again")
            async with a_world(make_resolver, info) as world:
                assert await world.name(sha1(info)) == "again"

        for _ in range(3):
            run(test())

    def test_nothing_is_written_to_disk(
        self, make_resolver: MakeResolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def test() -> None:
            entry = {"length": 0, "path": ["empty file"]}
            info = encode({"files": [entry], "name": "folder", "piece length": 16384, "pieces": b""})
            several = encode(
                {
                    "files": [entry, {"length": 5, "path": ["a"]}],
                    "name": "both",
                    "piece length": 16384,
                    "pieces": b"." * 20,
                }
            )
            async with a_world(make_resolver, several, info, info_named("file")) as world:
                assert await world.name(sha1(several)) == "both"
                assert await world.name(sha1(info_named("file"))) == "file"
                with contextlib.suppress(NotYet, BadMetadata):
                    await world.resolver.resolve(world.magnet(sha1(info)), deadline_s=SHORT_S)
            assert list(tmp_path.iterdir()) == []

        monkeypatch.chdir(tmp_path)
        run(test())
