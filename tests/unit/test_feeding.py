"""What the feeder and those who join keep in mind while they wait for somebody else, with nothing real around them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from truename import calibration
from truename.calibration import Granted, Joined, Priority
from truename.deliveries import Deliveries
from truename.feeder import Feeder
from truename.infohash import InfoHash
from truename.joining import Joiners
from truename.magnet import Magnet
from truename.model import Lookup
from truename.queue.base import JobQueue
from truename.queue.local import LocalQueue
from truename.store.writer import Writer

HASH = InfoHash("01" * 20)
OLD, NEW = "http://old.example/announce", "http://new.example/announce"
EVERYBODY = Magnet(info_hash=HASH, trackers=(OLD, NEW))


class Answering:
    """In the place of the writer: answers the one kind of work."""

    def __init__(self, answers: Mapping[Any, Any]) -> None:
        self.answers = answers

    async def write(self, work: Any, _: Any) -> Any:
        return self.answers[work]


class Full:
    """A queue that has no room for another strand, until it has."""

    def __init__(self) -> None:
        self.is_full = True
        self.begun: list[Lookup] = []

    async def join(self, lookups: Sequence[Lookup]) -> list[str]:
        if self.is_full:
            return []
        self.begun += lookups
        return [one.delivery for one in lookups]


def lookup(priority: Priority = Priority.LOW) -> Lookup:
    return Lookup(delivery="d", lookup_id=1, magnet=EVERYBODY, prio=priority)


def joiners(queue: Full, joined: Joined) -> Joiners:
    writer = cast(Writer, Answering({calibration.joined_all: joined}))
    out = Deliveries()
    out.add([lookup()])
    out.have_begun(["d"])
    return Joiners(writer, cast(JobQueue, queue), out, longest_delay_s=1.0)


def test_a_raise_is_not_lost_while_what_was_taken_waits_to_be_put_into_the_queue() -> None:
    async def test() -> None:
        writer = cast(Writer, Answering({calibration.take_all: [lookup()]}))
        feeder = Feeder(writer, LocalQueue(slots=1), lambda: 0.0, resting=lambda: False)
        async with feeder._at_the_queue:  # as when a strand is begun, which takes a transaction
            feeding = asyncio.create_task(feeder._feed(1, only_high=False))
            for _ in range(3):
                await asyncio.sleep(0)
            await feeder.asked([Granted(EVERYBODY, is_new=True)], Priority.HIGH)
        await feeding
        assert feeder._owed == {"d"}, "it is given back, to be taken in its new turn"

    asyncio.run(test())


def test_what_runs_is_not_given_back_though_somebody_in_haste_joins_while_others_are_taken() -> None:
    async def test() -> None:
        taken = replace(lookup(), delivery="other", lookup_id=2, magnet=Magnet(info_hash=InfoHash("02" * 20)))
        joined = Joined(magnets={1: EVERYBODY}, waited_for={})
        answers: dict[object, object] = {calibration.take_all: [lookup()], calibration.joined_all: joined}
        feeder = Feeder(cast(Writer, Answering(answers)), LocalQueue(slots=1), lambda: 0.0, resting=lambda: False)
        await feeder._feed(1, only_high=False)
        await feeder.have_begun(["d"])
        answers[calibration.take_all] = [taken]
        async with feeder._at_the_queue:
            feeding = asyncio.create_task(feeder._feed(1, only_high=False))
            for _ in range(3):
                await asyncio.sleep(0)
            asking = asyncio.create_task(feeder.asked([Granted(EVERYBODY, is_new=True)], Priority.HIGH))
            for _ in range(3):
                await asyncio.sleep(0)
        await asyncio.gather(feeding, asking)
        assert feeder._owed == set()

    asyncio.run(test())


def test_what_has_begun_before_it_could_be_taken_out_is_not_taken_out() -> None:
    async def test() -> None:
        writer = cast(Writer, Answering({calibration.take_all: [lookup()]}))
        feeder = Feeder(writer, LocalQueue(slots=1), lambda: 0.0, resting=lambda: False)
        await feeder._feed(1, only_high=False)
        await feeder.asked([Granted(EVERYBODY, is_new=False)], Priority.HIGH)
        assert feeder._owed == {"d"}
        await feeder.have_begun(["d"])
        assert await feeder._withdraw() == []
        assert feeder.out.running == {"d"}

    asyncio.run(test())


@pytest.fixture
def _it_looks_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truename.joining._LOOK_EVERY_S", 0.0)


@pytest.mark.usefixtures("_it_looks_again_at_once")
def test_what_found_no_room_for_a_strand_is_asked_for_again_as_it_was() -> None:
    async def test() -> None:
        queue = Full()
        joining = joiners(queue, Joined(magnets={1: EVERYBODY}, waited_for={}))
        joining.came("d", names_more=True, is_new=False)
        for _ in range(5):  # more often than a delivery has strands of that kind
            await joining.begin(joining.to_look_at_again(), 0.0)
        queue.is_full = False
        await joining.begin(joining.to_look_at_again(), 0.0)
        assert [set(one.magnet.trackers) for one in queue.begun] == [{OLD, NEW}]
        await joining.begin(joining.to_look_at_again(), 0.0)
        assert len(queue.begun) == 1

    asyncio.run(test())


@pytest.mark.usefixtures("_it_looks_again_at_once")
def test_what_found_no_room_is_not_forgotten_for_another_that_finds_none() -> None:
    async def test() -> None:
        queue = Full()
        joining = joiners(queue, Joined(magnets={1: EVERYBODY}, waited_for={1: Magnet(info_hash=HASH)}))
        joining.came("d", names_more=True, is_new=False)
        await joining.begin(["d"], 0.0)
        joining.came("d")
        await joining.begin(["d"], 0.0)
        queue.is_full = False
        await joining.begin(joining.to_look_at_again(), 0.0)
        assert [set(one.magnet.trackers) for one in queue.begun] == [{OLD, NEW}]

    asyncio.run(test())


@pytest.mark.usefixtures("_it_looks_again_at_once")
def test_whom_somebody_names_besides_is_asked_with_whoever_waits_though_there_was_no_room_at_first() -> None:
    async def test() -> None:
        queue = Full()
        bare = Magnet(info_hash=HASH)
        joining = joiners(queue, Joined(magnets={1: EVERYBODY}, waited_for={1: bare}))
        joining.came("d", names_more=True, is_new=False)
        await joining.begin(["d"], 0.0)
        queue.is_full = False
        await joining.begin(joining.to_look_at_again(), 0.0)
        assert [set(one.magnet.trackers) for one in queue.begun] == [{OLD, NEW}]

    asyncio.run(test())
