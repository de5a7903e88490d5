"""Resolvers one after the other: who is asked when, whose answer counts, and who is sent away."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from truename.asked import Asked, Ended
from truename.errors import BadMetadata, BadName, NotYet, Refused, ResolverDown
from truename.magnet import InfoHash, Magnet
from truename.metainfo import Metainfo
from truename.model import Outcome, TaskStatus
from truename.resolvers import chain
from truename.resolvers.base import Claim, Found, ResolverHealth, Trail
from truename.resolvers.chain import Chain, Patience

MAGNET = Magnet(info_hash=InfoHash("1a" * 20), peers=("192.0.2.7:7000",))
NEVER_S = 3600.0
LATE = "http://late.example/announce"
AT_ONCE = Patience(late_s=0.0, proof_s=0.0, last_word_s=0.0)
PATIENT = Patience(late_s=NEVER_S, proof_s=NEVER_S, last_word_s=NEVER_S)


def torrent(name: str) -> Metainfo:
    return Metainfo(
        info_hash=MAGNET.info_hash,
        info_hash_v2=None,
        name=name,
        raw_name=name.encode(),
        name_guessed=False,
        size_bytes=1,
        file_count=1,
        files=(),
    )


Act = Callable[[Magnet, Trail], Awaitable[Found]]


class Scripted:
    """A resolver that does what the test says."""

    def __init__(self, name: str, act: Act) -> None:
        self.name = name
        self._act = act
        self.asked_for: list[Magnet] = []
        self.deadlines: list[float] = []
        self.sent_away = asyncio.Event()
        self.begun = asyncio.Event()

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Found:
        self.asked_for.append(magnet)
        self.deadlines.append(deadline_s)
        self.begun.set()
        try:
            return await self._act(magnet, trail or Trail())
        except asyncio.CancelledError:
            self.sent_away.set()
            raise

    async def health(self) -> ResolverHealth:
        return ResolverHealth(able=self.name != "broken")

    async def aclose(self) -> None:
        return


def answering(name: str, found: Found) -> Scripted:
    async def act(_: Magnet, trail: Trail) -> Found:
        trail.question_sent()
        return found

    return Scripted(name, act)


def failing(name: str, error: Exception) -> Scripted:
    async def act(_: Magnet, __: Trail) -> Found:
        raise error

    return Scripted(name, act)


def silent(name: str, *, stuck_with: tuple[str, ...] | None = None, asks: bool = True) -> Scripted:
    async def act(_: Magnet, trail: Trail) -> Found:
        if asks:
            trail.question_sent()
        if stuck_with is not None:
            trail.needs_help(stuck_with)
        await asyncio.Event().wait()
        raise AssertionError

    return Scripted(name, act)


def look_up(*resolvers: Scripted, patience: Patience = PATIENT, timeout_s: float = NEVER_S) -> Outcome:
    return run(Chain(resolvers, patience=patience).look_up(MAGNET, timeout_s=timeout_s))


def run(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    async def bounded() -> Outcome:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(bounded())


@pytest.mark.parametrize(
    "error",
    [
        NotYet(peers_seen=0),
        BadMetadata("cannot be read"),
        Refused("no"),
        ResolverDown("nobody_to_ask"),
        ZeroDivisionError("a defect"),
    ],
)
def test_when_one_fails_the_next_is_asked(error: Exception) -> None:
    outcome = look_up(failing("swarm", error), answering("direct", torrent("Dunes.mkv")))
    assert (outcome.name, outcome.source, outcome.verified) == ("Dunes.mkv", "direct", True)
    assert [one.resolver for one in outcome.accounts] == ["swarm", "direct"]


def test_a_torrent_that_has_no_name_is_not_asked_for_elsewhere() -> None:
    second = answering("direct", torrent("Dunes.mkv"))
    outcome = look_up(failing("swarm", BadName("..")), second)
    assert (outcome.status, outcome.code) == (TaskStatus.FAILED, "bad_name")
    assert not second.asked_for


def test_one_that_is_late_is_not_waited_for_and_is_sent_away() -> None:
    async def scenario() -> None:
        first, second = silent("swarm"), answering("direct", torrent("Dunes.mkv"))
        chain = Chain([first, second], patience=Patience(late_s=0.0))
        outcome = await chain.look_up(MAGNET, timeout_s=NEVER_S)
        assert outcome.source == "direct"
        assert [one.ended for one in outcome.accounts] == ["stopped", "named"]
        async with asyncio.timeout(30):
            await first.sent_away.wait()

    asyncio.run(scenario())


def test_a_short_time_is_shared_out_so_that_each_is_asked_in_it() -> None:
    async def scenario() -> None:
        resolvers = [silent("swarm"), silent("direct"), answering("script", torrent("Dunes.mkv"))]
        outcome = await Chain(resolvers).look_up(MAGNET, timeout_s=1.5)
        assert outcome.source == "script"

    asyncio.run(scenario())


def test_one_that_waits_for_its_turn_is_not_late() -> None:
    async def scenario() -> None:
        first, second = silent("swarm", asks=False), answering("direct", torrent("Dunes.mkv"))
        looking = asyncio.ensure_future(Chain([first, second], patience=AT_ONCE).look_up(MAGNET, timeout_s=0.01))
        await first.begun.wait()
        done, _ = await asyncio.wait({looking}, timeout=0.2)
        assert not done
        assert not second.asked_for
        looking.cancel()
        await asyncio.wait({looking})
        assert first.sent_away.is_set()

    asyncio.run(scenario())


def test_one_that_is_stuck_brings_the_next_one_in_with_its_peers() -> None:
    second = answering("direct", torrent("Dunes.mkv"))
    outcome = look_up(silent("swarm", stuck_with=("192.0.2.1:6881", "[2001:db8::1]:6881")), second)
    assert outcome.source == "direct"
    assert second.asked_for[0].peers == ("192.0.2.1:6881", "[2001:db8::1]:6881", "192.0.2.7:7000")


class Telling:
    """A look-up whose swarm tells of peers when the test says so and names nothing; `direct` does what it is given."""

    def __init__(self, direct: Act, *, timeout_s: float = NEVER_S) -> None:
        self.direct = Scripted("direct", direct)
        self.ends = asyncio.Event()
        chain = Chain([Scripted("swarm", self._tell), self.direct], patience=Patience(late_s=0.0))
        self.looking = asyncio.ensure_future(chain.look_up(MAGNET, timeout_s=timeout_s))

    async def _tell(self, _: Magnet, trail: Trail) -> Found:
        self._trail = trail
        trail.question_sent()
        await self.ends.wait()
        raise ResolverDown("resolver_failed")

    async def tell(self, *peers: str) -> None:
        """The peers that are known by now."""
        await self.direct.begun.wait()
        self._trail.needs_help(peers)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def knowing(peer: str) -> Act:
    """It waits for ever unless it is told of this peer, which has the torrent."""

    async def knows(magnet: Magnet, trail: Trail) -> Found:
        trail.question_sent()
        if peer not in magnet.peers:
            await asyncio.Event().wait()
        return torrent("Dunes.mkv")

    return knows


MANY = [f"192.0.2.{index % 200}:{7000 + index}" for index in range(400)]


def test_peers_that_are_found_late_reach_the_one_that_runs_already() -> None:
    async def scenario() -> None:
        async def knows(magnet: Magnet, _: Trail) -> Found:
            if "192.0.2.9:9000" not in magnet.peers:
                raise ResolverDown("nobody_to_ask")
            return torrent("Dunes.mkv")

        telling = Telling(knows)
        async with asyncio.timeout(30):
            await telling.tell("192.0.2.9:9000")
            outcome = await telling.looking
        assert (outcome.name, outcome.source) == ("Dunes.mkv", "direct")
        assert [one.resolver for one in outcome.accounts] == ["swarm", "direct"]

    asyncio.run(scenario())


def test_news_of_many_peers_are_told_now_and_then_and_the_last_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truename.resolvers.chain._NEWS_EVERY_S", 0.2)

    async def scenario() -> None:
        telling = Telling(knowing(MANY[-1]))
        async with asyncio.timeout(30):
            for count in range(300, 401):
                await telling.tell(*MANY[:count])
            assert (await telling.looking).name == "Dunes.mkv"
        assert len(telling.direct.asked_for) < 20

    asyncio.run(scenario())


def test_news_that_was_put_off_is_told_before_the_time_is_over() -> None:
    async def scenario() -> None:
        telling = Telling(knowing(MANY[99]), timeout_s=2.0)  # less than there is between two pieces of news otherwise
        async with asyncio.timeout(30):
            await telling.tell(*MANY[:60])
            await telling.tell(*MANY[:100])
            assert (await telling.looking).name == "Dunes.mkv"

    asyncio.run(scenario())


def test_news_that_was_put_off_is_told_to_who_has_ended_meanwhile() -> None:
    async def scenario() -> None:
        async def asks_once(magnet: Magnet, trail: Trail) -> Found:
            trail.question_sent()
            if MANY[99] in magnet.peers:
                return torrent("Dunes.mkv")
            await gone.wait()
            raise NotYet(peers_seen=0)

        gone = asyncio.Event()
        telling = Telling(asks_once)
        async with asyncio.timeout(30):
            await telling.tell(*MANY[:60])
            await telling.tell(*MANY[:100])
            gone.set()
            telling.ends.set()
            assert (await telling.looking).name == "Dunes.mkv"

    asyncio.run(scenario())


@pytest.mark.parametrize("ends", [True, False])
def test_whoever_ends_at_once_is_not_asked_anew_for_each_of_many_peers(ends: bool) -> None:
    async def scenario() -> None:
        async def finds_nobody(_: Magnet, trail: Trail) -> Found:
            trail.question_sent()
            if not ends:
                await asyncio.Event().wait()
            raise NotYet(peers_seen=0)

        telling = Telling(finds_nobody, timeout_s=1.0)
        async with asyncio.timeout(30):
            for count in range(60, 300):
                await telling.tell(*MANY[:count])
                await asyncio.sleep(0.006)
            assert (await telling.looking).name is None
        assert len(telling.direct.asked_for) < 20
        assert min(telling.direct.deadlines) > 0

    asyncio.run(scenario())


def test_news_that_was_put_off_keeps_nobody_busy_while_something_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    look = chain._Race.look

    def counted(race: chain._Race) -> None:
        nonlocal looks
        looks += 1
        look(race)

    async def scenario() -> None:
        async def reads(magnet: Magnet, trail: Trail) -> Found:
            trail.question_sent()
            await found.wait()
            trail.has_found = True
            await read.wait()
            return torrent("Dunes.mkv")

        found, read = asyncio.Event(), asyncio.Event()
        telling = Telling(reads)
        async with asyncio.timeout(30):
            await telling.tell(*MANY[:60])
            await telling.tell(*MANY[:100])
            found.set()
            await asyncio.sleep(0.3)
            read.set()
            assert (await telling.looking).name == "Dunes.mkv"

    monkeypatch.setattr(chain, "_NEWS_EVERY_S", 0.05)
    monkeypatch.setattr(chain._Race, "look", counted)
    asyncio.run(scenario())
    assert looks < 50


def test_what_has_been_found_is_read_to_its_end_and_not_asked_for_anew() -> None:
    async def scenario() -> tuple[Outcome, int, bool]:
        read, more = asyncio.Event(), asyncio.Event()

        async def stuck(_: Magnet, trail: Trail) -> Found:
            trail.question_sent()
            trail.needs_help(("192.0.2.1:1024",))
            await more.wait()
            trail.needs_help(("192.0.2.2:1024",))
            return await asyncio.Event().wait()  # type: ignore[return-value]

        async def reading(_: Magnet, trail: Trail) -> Found:
            trail.question_sent()
            trail.has_found = True
            await read.wait()
            return torrent("Dunes.mkv")

        direct, last = Scripted("direct", reading), answering("script", Claim("a claim"))
        patience = replace(AT_ONCE, reading_s=NEVER_S)
        chain = Chain([Scripted("swarm", stuck), direct, last], patience=patience)
        asked = asyncio.create_task(chain.look_up(MAGNET, timeout_s=0.1))
        await direct.begun.wait()
        more.set()
        await asyncio.sleep(0.2)  # the time is over
        read.set()
        return await asked, len(direct.asked_for), last.begun.is_set()

    outcome, times, others_asked = run(scenario())
    assert (outcome.name, outcome.verified, times, others_asked) == ("Dunes.mkv", True, 1, False)


def test_what_has_been_found_is_read_before_a_claim_is_taken() -> None:
    async def scenario() -> Outcome:
        async def reading(_: Magnet, trail: Trail) -> Found:
            trail.question_sent()
            trail.has_found = True
            await asyncio.sleep(0.2)
            return torrent("Dunes.mkv")

        patience = replace(AT_ONCE, proof_s=0.05, reading_s=NEVER_S)
        chain = Chain([answering("script", Claim("a claim")), Scripted("direct", reading)], patience=patience)
        return await chain.look_up(MAGNET, timeout_s=NEVER_S)

    outcome = run(scenario())
    assert (outcome.name, outcome.verified) == ("Dunes.mkv", True)


def test_what_is_not_read_in_a_long_time_is_given_up() -> None:
    async def reading(_: Magnet, trail: Trail) -> Found:
        trail.question_sent()
        trail.has_found = True
        return await asyncio.Event().wait()  # type: ignore[return-value]

    outcome = run(
        Chain([Scripted("direct", reading)], patience=replace(AT_ONCE, reading_s=0.05)).look_up(MAGNET, timeout_s=0.01)
    )
    assert outcome.status is TaskStatus.TIMEOUT


def test_who_joins_has_a_look_up_beside_with_a_time_of_its_own_and_new_ones_first() -> None:
    async def scenario() -> None:
        async def knows(magnet: Magnet, trail: Trail) -> Found:
            trail.question_sent()
            if LATE not in magnet.trackers:
                await asyncio.Event().wait()
            return torrent("Dunes.mkv")

        known = replace(MAGNET, trackers=("http://first.example/",))
        swarm, script, direct = Scripted("swarm", knows), silent("script"), silent("direct")
        chain = Chain([swarm, script, direct], patience=Patience(late_s=0.0))
        first = asyncio.ensure_future(chain.look_up(known, timeout_s=NEVER_S))
        async with asyncio.timeout(30):
            await direct.begun.wait()
            joined = replace(known, trackers=("http://first.example/", LATE))
            outcome = await chain.look_up(joined, timeout_s=NEVER_S / 2, beside=True)
        assert (outcome.name, outcome.source) == ("Dunes.mkv", "swarm")
        assert [one.trackers for one in swarm.asked_for] == [known.trackers, (LATE, "http://first.example/")]
        assert swarm.deadlines == [NEVER_S, NEVER_S / 2]
        assert not first.done()
        first.cancel()
        await asyncio.wait([first])

    asyncio.run(scenario())


def test_a_proven_name_goes_before_a_claimed_one() -> None:
    proof = asyncio.Event()

    async def act(_: Magnet, trail: Trail) -> Found:
        trail.question_sent()
        await proof.wait()
        return torrent("Dunes.mkv")

    async def claims(_: Magnet, __: Trail) -> Found:
        asyncio.get_running_loop().call_soon(proof.set)
        return Claim("Desert.mkv")

    outcome = look_up(
        Scripted("swarm", act), Scripted("script", claims), patience=Patience(late_s=0.0, proof_s=NEVER_S)
    )
    assert (outcome.name, outcome.source, outcome.verified) == ("Dunes.mkv", "swarm", True)


def test_a_claimed_name_is_taken_when_nobody_proves_another() -> None:
    outcome = look_up(answering("script", Claim("Desert.mkv")), failing("swarm", NotYet(peers_seen=0)))
    assert (outcome.status, outcome.name, outcome.source) == (TaskStatus.COMPLETED, "Desert.mkv", "script")
    assert not outcome.verified
    assert [one.ended for one in outcome.accounts] == ["claimed", "no_peers"]
    waited = look_up(answering("script", Claim("Desert.mkv")), silent("swarm"), patience=Patience(proof_s=0.0))
    assert (waited.name, waited.verified) == ("Desert.mkv", False)


@pytest.mark.parametrize("claimed_first", [True, False])
def test_who_claims_a_name_is_not_believed_when_it_is_proven_that_there_is_none(*, claimed_first: bool) -> None:
    proof = asyncio.Event()

    async def proves(_: Magnet, trail: Trail) -> Found:
        trail.question_sent()
        await proof.wait()
        raise BadName("..")

    async def claims(_: Magnet, __: Trail) -> Found:
        asyncio.get_running_loop().call_soon(proof.set)
        return Claim("Desert.mkv")

    both = [Scripted("script", claims), Scripted("swarm", proves)]
    outcome = look_up(*(both if claimed_first else reversed(both)), patience=Patience(late_s=0.0, proof_s=NEVER_S))
    assert (outcome.status, outcome.code, outcome.name) == (TaskStatus.FAILED, "bad_name", None)


@pytest.mark.parametrize("ending", [Claim("Desert.mkv"), NotYet(peers_seen=0)])
@pytest.mark.parametrize("asked", [MAGNET.info_hash, InfoHash("2b" * 32)])
def test_what_nobody_has_proven_is_said_of_no_hash_but_the_one_that_was_asked_for(
    asked: InfoHash, ending: Claim | NotYet
) -> None:
    """A magnet may pair its hash with that of any other torrent, and 40 digits of a SHA-256 may be chosen."""
    magnet = Magnet(info_hash=asked, info_hash_v2=InfoHash("3c" * 32) if len(asked) == 40 else None)
    resolver = answering("script", ending) if isinstance(ending, Claim) else failing("script", ending)
    outcome = run(Chain([resolver], patience=PATIENT).look_up(magnet, timeout_s=NEVER_S))
    assert outcome.hashes == (asked,)
    assert outcome.info_hash_v2 is None


@pytest.mark.parametrize(
    ("errors", "status", "code"),
    [
        ([NotYet(peers_seen=0), NotYet(peers_seen=3)], TaskStatus.TIMEOUT, "no_metadata"),
        ([NotYet(peers_seen=0), NotYet(peers_seen=None)], TaskStatus.TIMEOUT, "no_peers"),
        ([NotYet(peers_seen=None)], TaskStatus.TIMEOUT, "deadline"),
        ([ResolverDown("cannot_listen"), NotYet(peers_seen=0)], TaskStatus.TIMEOUT, "no_peers"),
        ([NotYet(peers_seen=0), Refused("no")], TaskStatus.TIMEOUT, "no_peers"),
        ([Refused("no"), ResolverDown("nobody_to_ask")], TaskStatus.FAILED, "resolver_failed"),
        ([BadMetadata("unreadable"), NotYet(peers_seen=1)], TaskStatus.TIMEOUT, "no_metadata"),
        ([BadMetadata("unreadable"), ResolverDown("nobody_to_ask")], TaskStatus.FAILED, "resolver_failed"),
        ([BadMetadata("unreadable")], TaskStatus.FAILED, "resolver_failed"),
        ([NotYet(peers_seen=1), BadName("..")], TaskStatus.FAILED, "bad_name"),
        ([BadMetadata("unreadable"), BadName("..")], TaskStatus.FAILED, "bad_name"),
        ([ResolverDown("cannot_listen"), ResolverDown("nobody_to_ask")], TaskStatus.FAILED, "resolver_unavailable"),
    ],
)
def test_what_several_failures_mean_together(errors: list[Exception], status: TaskStatus, code: str) -> None:
    outcome = look_up(*(failing(f"r{number}", error) for number, error in enumerate(errors)))
    assert (outcome.status, outcome.code) == (status, code)


@pytest.mark.parametrize(
    ("swarm", "direct", "told"),
    [
        ("nobody_to_ask", "proxy_down", "proxy_down"),
        ("left_to_direct", "nobody_to_ask", "nobody_to_ask"),
        ("left_to_direct", "left_to_direct", "left_to_direct"),
        ("nobody_usable", "nobody_usable", "nobody_usable"),
        ("cannot_listen", "proxy_down", "cannot_listen"),
    ],
)
def test_what_somebody_can_mend_is_told_before_that_nobody_was_to_be_asked(swarm: str, direct: str, told: str) -> None:
    outcome = look_up(failing("swarm", ResolverDown(swarm)), failing("direct", ResolverDown(direct)))
    assert (outcome.code, outcome.reason) == ("resolver_unavailable", told)


def test_the_first_that_is_down_is_the_one_to_mend() -> None:
    outcome = look_up(failing("swarm", ResolverDown("cannot_listen")), failing("direct", ResolverDown("nobody_to_ask")))
    assert outcome.reason == "cannot_listen"


def test_the_time_is_for_all_together_and_begins_with_the_first_question() -> None:
    second = failing("direct", NotYet(peers_seen=0))
    outcome = look_up(silent("swarm"), second, patience=AT_ONCE, timeout_s=0.05)
    assert (outcome.status, outcome.code) == (TaskStatus.TIMEOUT, "no_peers")
    assert second.deadlines[0] <= 0.05


@pytest.mark.parametrize(
    ("name", "counts", "code"),
    [
        ("swarm", {}, "no_peers"),
        ("swarm", {"trackers": 2, "dht_peers": 3}, "no_metadata"),
        ("direct", {"tried": 1}, "no_metadata"),
        ("script", {}, "deadline"),
        ("qbittorrent", {"tried": 4}, "deadline"),
    ],
)
def test_one_that_is_stopped_at_the_end_of_the_time_says_whether_it_has_seen_peers(
    name: str, counts: dict[str, int], code: str
) -> None:
    async def act(_: Magnet, trail: Trail) -> Found:
        trail.question_sent()
        trail.note(counts)
        await asyncio.Event().wait()
        raise AssertionError

    outcome = look_up(Scripted(name, act), patience=AT_ONCE, timeout_s=0.01)
    assert (outcome.status, outcome.code) == (TaskStatus.TIMEOUT, code)


def test_a_script_that_is_late_beside_an_empty_swarm_makes_no_deadline_of_it() -> None:
    outcome = look_up(silent("swarm"), silent("script"), patience=AT_ONCE, timeout_s=0.01)
    assert outcome.code == "no_peers"


def test_a_cancelled_look_up_leaves_nobody_in_conversation() -> None:
    async def scenario() -> None:
        first, second = silent("swarm", stuck_with=()), silent("direct")
        chain = Chain([first, second], patience=PATIENT)
        looking = asyncio.ensure_future(chain.look_up(MAGNET, timeout_s=NEVER_S))
        async with asyncio.timeout(30):
            await second.begun.wait()
            looking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await looking
            await first.sent_away.wait()
            await second.sent_away.wait()
            await chain.aclose()

    asyncio.run(scenario())


def test_a_loser_that_takes_its_time_to_leave_holds_up_nobody() -> None:
    async def scenario() -> None:
        may_go, gone = asyncio.Event(), asyncio.Event()

        async def act(_: Magnet, trail: Trail) -> Found:
            trail.needs_help()
            try:
                await asyncio.Event().wait()
            finally:
                await may_go.wait()
                gone.set()
            raise AssertionError

        chain = Chain([Scripted("swarm", act), answering("direct", torrent("Dunes.mkv"))], patience=PATIENT)
        async with asyncio.timeout(30):
            assert (await chain.look_up(MAGNET, timeout_s=NEVER_S)).name == "Dunes.mkv"
            assert not gone.is_set()
            may_go.set()
            await chain.aclose()
        assert gone.is_set()

    asyncio.run(scenario())


class Settling:
    """A resolver without a task; its answer comes at a moment of the loop's clock, as that of a socket would."""

    def __init__(self, name: str, found: Found, after_s: float) -> None:
        self.name = name
        self._found = found
        self._after_s = after_s

    def begin(self, _: Magnet, ended: Ended[Found], *, deadline_s: float, trail: Trail) -> Asked[Found]:
        loop = asyncio.get_running_loop()
        question = Asked[Found](loop, ended)
        trail.question_sent()
        loop.call_later(self._after_s, question.settle, self._found)
        return question

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Found:
        raise AssertionError

    async def health(self) -> ResolverHealth:
        return ResolverHealth(able=True)

    async def aclose(self) -> None:
        return


def test_a_name_that_came_while_the_loop_stood_still_over_the_end_of_the_time_counts() -> None:
    async def scenario() -> Outcome:
        chain = Chain([Settling("swarm", torrent("Dunes.mkv"), after_s=0.02)], patience=AT_ONCE)
        asyncio.get_running_loop().call_later(0.005, time.sleep, 0.1)
        return await chain.look_up(MAGNET, timeout_s=0.01)

    assert run(scenario()).name == "Dunes.mkv"


def test_a_proof_that_came_while_the_loop_stood_still_goes_before_a_claim() -> None:
    async def scenario() -> Outcome:
        patience = replace(PATIENT, late_s=0.0, proof_s=0.03)
        resolvers = [answering("script", Claim("a claim")), Settling("swarm", torrent("Dunes.mkv"), after_s=0.04)]
        asyncio.get_running_loop().call_later(0.02, time.sleep, 0.2)
        return await Chain(resolvers, patience=patience).look_up(MAGNET, timeout_s=NEVER_S)

    outcome = run(scenario())
    assert (outcome.name, outcome.verified) == ("Dunes.mkv", True)


def test_one_that_breaks_as_it_begins_or_answers_nothing_brings_in_the_next() -> None:
    class Breaking(Settling):
        def begin(self, *_: object, **__: object) -> Asked[Found]:
            raise ZeroDivisionError

    async def nothing(_: Magnet, trail: Trail) -> Found:
        trail.question_sent()
        return None  # type: ignore[return-value]

    first = Breaking("swarm", Claim("never"), after_s=0)
    outcome = look_up(first, Scripted("qbittorrent", nothing), answering("direct", torrent("Dunes.mkv")))  # type: ignore[arg-type]
    assert outcome.name == "Dunes.mkv"
    assert [one.ended for one in outcome.accounts] == ["resolver_failed", "resolver_failed", "named"]


def test_where_there_is_no_resolver_nothing_can_be_asked() -> None:
    assert look_up().code == "resolver_unavailable"


def test_the_health_of_each_is_told_in_their_order() -> None:
    chain = Chain([answering("swarm", Claim("x")), answering("broken", Claim("x"))])
    assert [(name, state.able) for name, state in asyncio.run(chain.health())] == [("swarm", True), ("broken", False)]
