"""Look-up in, outcome out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from truename.errors import BadMetadata, BadName, NotYet, ResolverDown
from truename.magnet import InfoHash, Magnet
from truename.metainfo import Metainfo
from truename.model import Outcome, TaskStatus
from truename.resolvers.base import ResolverHealth, Trail
from truename.resolvers.chain import Chain
from truename.worker import Worker

HASHES = tuple(InfoHash(f"{number:040x}") for number in range(1, 40))
MAGNET = Magnet(info_hash=HASHES[0])


def metainfo(info_hash: InfoHash, name: str = "Harbour at Dawn.mkv") -> Metainfo:
    return Metainfo(
        info_hash=info_hash,
        info_hash_v2=None,
        name=name,
        raw_name=name.encode(),
        name_guessed=False,
        size_bytes=1,
        file_count=1,
        files=(),
    )


class Oracle:
    """A resolver whose answers the test gives."""

    name = "oracle"

    def __init__(self, answer: Callable[[Magnet], Awaitable[Metainfo]]) -> None:
        self.answer = answer
        self.deadlines: list[float] = []

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        self.deadlines.append(deadline_s)
        return await self.answer(magnet)

    async def health(self) -> ResolverHealth:
        return ResolverHealth(able=True)

    async def aclose(self) -> None:
        return


async def named(magnet: Magnet) -> Metainfo:
    return metainfo(magnet.info_hash)


def failing(error: Exception) -> Oracle:
    async def answer(_: Magnet) -> Metainfo:
        raise error

    return Oracle(answer)


def test_a_name_completes_and_is_verified() -> None:
    oracle = Oracle(named)
    outcome = asyncio.run(Chain([oracle]).look_up(MAGNET, timeout_s=7))
    assert (outcome.status, outcome.name, outcome.source) == (TaskStatus.COMPLETED, "Harbour at Dawn.mkv", "oracle")
    assert outcome.verified
    assert outcome.code is None
    assert oracle.deadlines == [7]


@pytest.mark.parametrize(
    ("error", "status", "code", "reason"),
    [
        (NotYet(peers_seen=0), TaskStatus.TIMEOUT, "no_peers", "no_peers"),
        (NotYet(peers_seen=3), TaskStatus.TIMEOUT, "no_metadata", "no_metadata"),
        (BadName("..."), TaskStatus.FAILED, "bad_name", "bad_name"),
        (ResolverDown("nobody_to_ask"), TaskStatus.FAILED, "resolver_unavailable", "nobody_to_ask"),
        (ResolverDown("cannot_listen", "127.0.0.1:1"), TaskStatus.FAILED, "resolver_unavailable", "cannot_listen"),
        (BadMetadata("cannot be read"), TaskStatus.FAILED, "resolver_failed", "resolver_failed"),
    ],
)
def test_each_failure_has_its_status_and_code(error: Exception, status: TaskStatus, code: str, reason: str) -> None:
    outcome = asyncio.run(Chain([failing(error)]).look_up(MAGNET, timeout_s=1))
    assert (outcome.status, outcome.code, outcome.reason, outcome.name) == (status, code, reason, None)
    assert outcome.info_hash == MAGNET.info_hash
    assert not outcome.verified


def test_a_resolver_that_breaks_has_failed_and_that_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    outcome = asyncio.run(Chain([failing(ZeroDivisionError())]).look_up(MAGNET, timeout_s=1))
    assert (outcome.status, outcome.code) == (TaskStatus.FAILED, "resolver_failed")
    assert "ZeroDivisionError" in caplog.text


def run_all(oracle: Oracle, count: int, *, slots: int, done: Callable[[int, Outcome], None]) -> None:
    async def requests() -> AsyncIterator[tuple[int, Magnet]]:
        for number in range(count):
            yield number, Magnet(info_hash=HASHES[number])

    async def receive(number: int, outcome: Outcome) -> None:
        done(number, outcome)

    asyncio.run(Worker(chain=Chain([oracle]), slots=slots, timeout_s=1).look_up_all(requests(), done=receive))


def test_never_more_than_the_slots_at_once_and_each_exactly_once() -> None:
    running = most = 0

    async def answer(magnet: Magnet) -> Metainfo:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return metainfo(magnet.info_hash)

    seen: list[int] = []
    run_all(Oracle(answer), 39, slots=4, done=lambda number, _: seen.append(number))
    assert most == 4
    assert sorted(seen) == list(range(39))


def test_outcomes_come_as_they_come_and_not_in_order() -> None:
    first = asyncio.Event()

    async def answer(magnet: Magnet) -> Metainfo:
        if magnet.info_hash == HASHES[0]:
            await first.wait()
        else:
            first.set()
        return metainfo(magnet.info_hash)

    seen: list[int] = []
    run_all(Oracle(answer), 2, slots=2, done=lambda number, _: seen.append(number))
    assert seen == [1, 0]


def test_what_the_receiver_raises_comes_out_as_it_is_and_the_others_are_cancelled() -> None:
    cancelled: list[InfoHash] = []

    async def answer(magnet: Magnet) -> Metainfo:
        if magnet.info_hash != HASHES[0]:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(magnet.info_hash)
                raise
        return metainfo(magnet.info_hash)

    def done(_: int, __: Outcome) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_all(Oracle(answer), 3, slots=3, done=done)
    assert set(cancelled) <= set(HASHES[1:3])


def test_cancelling_reaches_every_conversation() -> None:
    async def scenario() -> int:
        started = asyncio.Semaphore(0)
        ended = 0

        async def answer(_: Magnet) -> Metainfo:
            nonlocal ended
            started.release()
            try:
                await asyncio.Event().wait()
            finally:
                ended += 1
            raise AssertionError

        async def requests() -> AsyncIterator[tuple[int, Magnet]]:
            for number in range(5):
                yield number, Magnet(info_hash=HASHES[number])

        async def done(*_: object) -> None:
            raise AssertionError

        work = asyncio.ensure_future(
            Worker(chain=Chain([Oracle(answer)]), slots=3, timeout_s=1).look_up_all(requests(), done=done)
        )
        for _ in range(3):
            await started.acquire()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return ended

    assert asyncio.run(scenario()) == 3
