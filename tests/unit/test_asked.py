"""A question without a task: answered once, in a turn of its own, and not after it was taken back."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from truename.asked import Asked, Ended, GivenUp, InATask, answer_of

Told = list[str | Exception]


class Noted(Asked[str]):
    """Counts how often what was done for it is put away."""

    __slots__ = ("left",)

    def __init__(self, ended: Ended[str]) -> None:
        super().__init__(asyncio.get_running_loop(), ended)
        self.left = 0

    def _left(self) -> None:
        self.left += 1


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_the_first_answer_counts_and_is_told_once_in_a_turn_of_its_own() -> None:
    async def scene() -> None:
        told: Told = []
        asked = Noted(told.append)
        asked.settle("first")
        asked.settle(ValueError("second"))
        assert (told, asked.left, asked.is_answered, asked.is_over) == ([], 0, True, True)
        await turns()
        asked.settle("third")
        asked.stop()
        await turns()
        assert (told, asked.left) == (["first"], 1)

    asyncio.run(scene())


@pytest.mark.parametrize("settled", [False, True])
def test_who_has_taken_it_back_is_told_nothing(*, settled: bool) -> None:
    async def scene() -> None:
        told: Told = []
        asked = Noted(told.append)
        if settled:
            asked.settle("too late")
        asked.stop()
        asked.stop()
        asked.settle("much too late")
        await turns()
        assert (told, asked.left) == ([], 1)

    asyncio.run(scene())


def test_what_was_done_is_put_away_before_the_answer_is_told() -> None:
    async def scene() -> None:
        seen: list[int] = []
        asked = Noted(lambda _: seen.append(asked.left))
        asked.settle("x")
        await turns()
        assert seen == [1]

    asyncio.run(scene())


def test_who_waits_gets_the_answer_or_the_error_and_takes_the_question_back_when_cancelled() -> None:
    async def scene() -> None:
        questions: list[Noted] = []

        def ask(ended: Ended[str]) -> Noted:
            questions.append(Noted(ended))
            return questions[-1]

        waiting = [asyncio.ensure_future(answer_of(ask)) for _ in range(3)]
        await turns()
        good, bad, unwanted = questions
        good.settle("name")
        bad.settle(ValueError("no"))
        waiting[2].cancel()
        assert await waiting[0] == "name"
        with pytest.raises(ValueError, match="no"):
            await waiting[1]
        with pytest.raises(asyncio.CancelledError):
            await waiting[2]
        assert [each.left for each in (good, bad, unwanted)] == [1, 1, 1]

    asyncio.run(scene())


async def _nothing() -> str:
    return None  # type: ignore[return-value]


async def _cancels_itself() -> str:
    raise asyncio.CancelledError


async def _breaks() -> str:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("work", "error"), [(_nothing, GivenUp), (_cancels_itself, GivenUp), (_breaks, ZeroDivisionError)]
)
def test_whatever_a_coroutine_does_there_is_an_answer(
    work: Callable[[], Awaitable[str]], error: type[Exception]
) -> None:
    async def scene() -> None:
        told: Told = []
        InATask(work, told.append)
        await turns(5)
        assert [type(each) for each in told] == [error]

    asyncio.run(scene())


def test_a_coroutine_that_is_stopped_puts_its_things_away_and_is_leaving_until_then() -> None:
    async def scene() -> None:
        told: Told = []
        may_go = asyncio.Event()

        async def work() -> str:
            try:
                await asyncio.Event().wait()
            finally:
                await may_go.wait()
            return ""

        asked = InATask(work, told.append)
        await turns()
        asked.stop()
        leaving = asked.leaving
        assert leaving is not None
        asked.stop()  # a second time does not break into it
        may_go.set()
        await asyncio.wait([leaving])
        assert (told, asked.leaving) == ([], None)

    asyncio.run(scene())


def test_a_coroutine_that_is_stopped_before_it_began_never_begins() -> None:
    async def scene() -> None:
        async def work() -> str:
            raise AssertionError

        told: Told = []
        InATask(work, told.append).stop()
        await turns()
        assert told == []

    asyncio.run(scene())
