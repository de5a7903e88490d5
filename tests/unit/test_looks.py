"""Looks at resolvers: whose word is told when some are slow, and when."""

import asyncio
from collections.abc import Callable, Coroutine

from truename.errors import NotYet
from truename.magnet import Magnet
from truename.resolvers.base import Found, ResolverHealth, Trail
from truename.resolvers.looks import Looks, when_up

WELL, ILL = ResolverHealth(able=True), ResolverHealth(able=False, reason="proxy_down")
PATIENCE_S = 0.01


class Patient:
    """A resolver that says `state` when it `may_say`."""

    def __init__(self, name: str, state: ResolverHealth = WELL) -> None:
        self.name = name
        self.state = state
        self.may_say = asyncio.Event()
        self.may_say.set()

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Found:
        raise NotYet(peers_seen=None)

    async def health(self) -> ResolverHealth:
        await self.may_say.wait()
        return self.state

    async def aclose(self) -> None:
        return


async def after_a_slow_look(patient: Patient, looks: Looks) -> None:
    patient.may_say.clear()
    await looks.at_once(PATIENCE_S)
    running = list(looks._running.values())
    patient.may_say.set()
    await asyncio.wait(running)
    patient.may_say.clear()


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())


def test_one_that_hangs_hides_nobody_else() -> None:
    async def scenario() -> None:
        hanging, well = Patient("hanging"), Patient("well")
        hanging.may_say.clear()
        looks = Looks([hanging, well])
        assert await looks.at_once(PATIENCE_S) == [("hanging", None), ("well", WELL)]
        await looks.aclose()

    run(scenario)


def test_what_came_late_is_told_at_the_next_look_that_takes_long() -> None:
    async def scenario() -> None:
        for state in (WELL, ILL):
            slow = Patient("slow", state)
            looks = Looks([slow])
            await after_a_slow_look(slow, looks)
            assert await looks.at_once(PATIENCE_S) == [("slow", state)]
            await looks.aclose()

    run(scenario)


def test_trouble_that_was_told_in_time_is_told_again_and_that_all_was_well_is_not() -> None:
    async def scenario() -> None:
        for state, again in ((ILL, ILL), (WELL, None)):
            one = Patient("one", state)
            looks = Looks([one])
            assert await looks.at_once(10) == [("one", state)]
            one.may_say.clear()
            assert await looks.at_once(PATIENCE_S) == [("one", again)]
            await looks.aclose()

    run(scenario)


def test_those_who_look_at_the_same_time_share_a_look_and_all_are_told() -> None:
    async def scenario() -> None:
        one = Patient("one")
        looks = Looks([one])
        assert await asyncio.gather(*(looks.at_once(10) for _ in range(3))) == [[("one", WELL)]] * 3

    run(scenario)


def test_who_is_coming_up_is_asked_until_it_is_up() -> None:
    async def scenario() -> None:
        one = Patient("one", ResolverHealth(able=False, coming_up=True))
        asyncio.get_running_loop().call_later(PATIENCE_S, setattr, one, "state", WELL)
        assert await when_up(one) == WELL

    run(scenario)
