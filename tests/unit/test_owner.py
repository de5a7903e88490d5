"""One thread that owns something, and the calls to it."""

import asyncio
import threading

import pytest

from truename import partings
from truename.errors import ResolverDown
from truename.resolvers.qbittorrent.owner import _MOST_LEFT_BEHIND, Owner

LONG_S = 60.0


def test_every_call_runs_on_the_same_thread_and_finds_the_same_thing() -> None:
    async def test() -> None:
        made: list[int] = []

        def make() -> list[int]:
            made.append(threading.get_ident())
            return []

        owner = Owner(make, patience_s=LONG_S)
        for number in range(3):
            await owner.call(lambda thing, number=number: thing.append(number))  # type: ignore[misc]
        assert await owner.call(lambda thing: (thing, threading.get_ident())) == ([0, 1, 2], made[0])
        assert made != [threading.get_ident()]
        assert len(made) == 1
        with pytest.raises(ZeroDivisionError):
            await owner.call(lambda thing: 1 // 0)
        assert await owner.call(len) == 3
        owner.end()
        owner.join(LONG_S)

    asyncio.run(test())


def test_a_call_that_hangs_is_left_behind_and_only_so_many_are() -> None:
    async def test() -> None:
        may_end = threading.Event()
        owner = Owner(object, patience_s=0.05)
        for _ in range(_MOST_LEFT_BEHIND + 2):
            with pytest.raises(ResolverDown, match="silent"):
                await owner.call(lambda _: may_end.wait(LONG_S))
        assert sum(thread.name == "qbittorrent" for thread in threading.enumerate()) <= _MOST_LEFT_BEHIND
        may_end.set()
        for thread in threading.enumerate():
            if thread.name == "qbittorrent":
                thread.join(LONG_S)
        assert await owner.call(lambda _: 7) == 7
        owner.end()

    asyncio.run(test())


def test_a_cancelled_call_is_not_begun_unless_it_is_sure() -> None:
    async def test() -> None:
        begun, may_go_on, done = threading.Event(), threading.Event(), []
        owner = Owner(object, patience_s=LONG_S)

        def hold(_: object) -> None:
            begun.set()
            may_go_on.wait(LONG_S)

        calls = [
            asyncio.create_task(owner.call(work, sure=sure))
            for work, sure in (
                (hold, False),
                (lambda _: done.append("cancelled"), False),
                (lambda _: done.append("sure"), True),
            )
        ]
        await asyncio.to_thread(begun.wait, LONG_S)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        may_go_on.set()
        owner.end()
        owner.join(LONG_S)
        assert done == ["sure"]

    asyncio.run(test())


def test_partings_are_said_once_the_last_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partings, "_partings", {})
    said: list[str] = []

    def one(within_s: float) -> None:
        assert 0 <= within_s <= partings.WITHIN_S
        said.append("one")

    def two(within_s: float) -> None:
        said.append("two")

    def done_already(within_s: float) -> None:
        said.append("done already")

    for parting in (one, two, done_already):
        partings.add(parting)
    partings.remove(done_already)
    partings.remove(done_already)
    partings.part()
    partings.part()
    assert said == ["two", "one"]
