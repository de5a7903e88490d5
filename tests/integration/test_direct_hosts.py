"""Host names that hang: whom they hinder, and for how long. The system's resolver is played by the test."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.contract.resolver_contract import run
from truename.resolvers.direct import hosts
from truename.resolvers.direct.hosts import HostNames


class System:
    """Answers every name at once, but those that begin with `slow` when told so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = threading.Event()

    def look_up(self, host: str) -> list[str]:
        self.asked.append(host)
        if host.startswith("slow"):
            self.may_answer.wait(60)
        return ["127.0.0.1"] if not host.startswith("no") else []


@pytest.fixture
def system() -> Iterator[System]:
    one = System()
    yield one
    one.may_answer.set()
    for thread in threading.enumerate():
        if thread.name == "truename-host-name":
            thread.join(60)


Asking = Callable[..., "asyncio.Task[list[str]]"]


@contextlib.contextmanager
def asking(system: System) -> Iterator[Asking]:
    """Something to ask for a name with, for a look-up."""
    names = HostNames(system.look_up)
    tasks: list[asyncio.Task[list[str]]] = []

    def ask(host: str, whose: str, on_turn: Callable[[], None] = lambda: None) -> "asyncio.Task[list[str]]":
        tasks.append(asyncio.create_task(names.addresses(host, whose=whose, ahead=False, on_turn=on_turn)))
        return tasks[-1]

    try:
        yield ask
    finally:
        names.close()
        for task in tasks:
            task.cancel()


def test_fifty_names_that_hang_leave_others_their_turn(system: System) -> None:
    async def test() -> None:
        with asking(system) as ask:
            for hostile in ("one", "two", "three"):
                for number in range(50):
                    ask(f"slow-{hostile}-{number}.example", hostile)
            assert await ask("tracker.example", "another") == ["127.0.0.1"]
            # Who names the same as somebody else does not wait behind all that they name.
            ask("tracker.example.org", "one")
            assert await ask("tracker.example.org", "another") == ["127.0.0.1"]
            assert len(system.asked) < hosts._THREADS

    run(test())


def test_a_name_that_waits_behind_what_hangs_is_asked_for_whoever_else_wants_it(system: System) -> None:
    async def test() -> None:
        with asking(system) as ask:
            slow = [
                ask(f"slow-{number}.example", "hostile") for number in range(hosts._THREADS // 2)
            ]  # as many as it may
            also = ask("tracker.example", "hostile")
            assert await ask("tracker.example", "another") == await also == ["127.0.0.1"]
            assert not any(each.done() for each in slow)

    run(test())


def test_a_name_waits_for_the_first_turn_of_those_who_want_it(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_THREADS", 2)
    monkeypatch.setattr(hosts, "_PATIENCE_S", 1000.0)

    async def test() -> None:
        with asking(system) as ask:
            ask("slow.example", "hostile")
            before = ask("before.example", "another")  # has the other place, for a moment
            waiting = [ask("tracker.example", "hostile"), ask("tracker.example", "another")]
            assert await asyncio.gather(before, *waiting) == [["127.0.0.1"]] * 3

    run(test())


def test_waiting_for_a_turn_is_not_the_names_own_time(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_THREADS", 1)
    monkeypatch.setattr(hosts, "_PATIENCE_S", 0.1)

    async def test() -> None:
        with asking(system) as ask:
            slow = [ask(f"slow-{number}.example", "hostile") for number in range(3)]
            assert await ask("tracker.example", "another") == ["127.0.0.1"]  # after twice as much time as it has itself
            for each in slow:
                with pytest.raises(TimeoutError):
                    await each

    run(test())
    assert system.asked == ["slow-0.example", "slow-1.example", "tracker.example", "slow-2.example"]


def test_a_name_that_hangs_is_remembered_and_so_is_what_it_means_in_the_end(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "_PATIENCE_S", 0.1)
    turns: list[str] = []

    async def test() -> None:
        with asking(system) as ask:
            for whose in ("one", "another"):
                with pytest.raises(TimeoutError):
                    await ask("slow.example", whose, lambda: turns.append("asked"))
            assert turns == ["asked"] * 3  # it is asked, all the time; so nobody waits for it for ever
            system.may_answer.set()
            await asyncio.to_thread(lambda: [each.join(60) for each in threading.enumerate() if "host" in each.name])
            assert await ask("slow.example", "another") == ["127.0.0.1"]

    run(test())
    assert system.asked == ["slow.example"]


def test_a_name_that_does_not_exist_is_remembered_for_a_while(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        with asking(system) as ask:
            for whose in ("one", "another"):
                with pytest.raises(OSError, match="no such host"):
                    await ask("nowhere.example", whose)
            assert system.asked == ["nowhere.example"]
            monkeypatch.setattr(hosts, "_now", lambda: asyncio.get_running_loop().time() + hosts._FAILED_S + 1)
            with pytest.raises(OSError, match="no such host"):
                await ask("nowhere.example", "one")
            assert system.asked == ["nowhere.example"] * 2

    run(test())


def test_names_that_nobody_waits_for_any_more_are_not_asked(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_THREADS", 1)

    async def test() -> None:
        with asking(system) as ask:
            first = ask("slow-first.example", "hostile")
            gone = [ask(f"tracker-{number}.example", "hostile") for number in range(50)]
            await asyncio.sleep(0)
            for each in gone:
                each.cancel()
            await asyncio.wait(gone)
            system.may_answer.set()
            assert await first == await ask("tracker.example", "hostile") == ["127.0.0.1"]

    run(test())
    assert system.asked == ["slow-first.example", "tracker.example"]


def test_a_name_that_two_wait_for_is_asked_when_one_of_them_has_gone(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "_THREADS", 1)

    async def test() -> None:
        with asking(system) as ask:
            ask("slow.example", "one")
            ask("before.example", "one")
            stays, goes = ask("tracker.example", "one"), ask("tracker.example", "another")
            await asyncio.sleep(0)
            goes.cancel()
            await asyncio.wait([goes])
            system.may_answer.set()
            assert await stays == ["127.0.0.1"]

    run(test())
    assert system.asked == ["slow.example", "before.example", "tracker.example"]


def test_when_very_many_hang_the_next_ones_wait_for_them(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_THREADS", 1)
    monkeypatch.setattr(hosts, "_LOST_THREADS", 2)
    monkeypatch.setattr(hosts, "_PATIENCE_S", 0.05)

    async def test() -> None:
        with asking(system) as ask:
            slow = [ask(f"slow-{number}.example", "hostile") for number in range(3)]
            waiting = ask("tracker.example", "hostile")
            assert [type(each) for each in await asyncio.gather(*slow, return_exceptions=True)] == [TimeoutError] * 3
            assert len(system.asked) == 3
            system.may_answer.set()
            assert await waiting == ["127.0.0.1"]

    run(test())
