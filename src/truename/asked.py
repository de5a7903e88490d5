"""A question that has neither a task nor a future of its own: thousands of them may wait.

Whoever asks hands over a function that is called with the answer, and holds the question to take it back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

Ended = Callable[[Answer | Exception], None]
"""Called once at most: with what was asked for, or with what went wrong."""


class Asked(Generic[Answer]):
    """A question, from the moment it is asked until it is answered or taken back. Belongs to one event loop.

    The first answer counts. Whoever asked is told in the loop's next turn, so never while they are still asking, nor
    in the midst of what brought the answer.
    """

    __slots__ = ("_ended", "answer", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: Ended[Answer]) -> None:
        self.loop = loop
        self._ended: Ended[Answer] | None = ended
        self.answer: Answer | Exception | None = None

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer, be it that nobody has been told yet."""
        return self.answer is not None

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for it, or it is answered."""
        return self._ended is None or self.answer is not None

    def settle(self, answer: Answer | Exception) -> None:
        """Answer it, unless it is answered already or nobody waits any more."""
        if self.answer is None and self._ended is not None:
            self.answer = answer
            self.loop.call_soon(self._tell)

    @property
    def leaving(self) -> asyncio.Task[None] | None:
        """What goes on for a while after `stop`, to put things away."""
        return None

    def stop(self) -> None:
        """Take it back: nobody is told of an answer any more. Idempotent, and nothing after the answer."""
        if self._ended is not None:
            self._ended = None
            self._left()

    def _left(self) -> None:
        """It is over, one way or the other: put away what was done for it. For classes that do something."""

    def _tell(self) -> None:
        ended, answer = self._ended, self.answer
        if ended is not None and answer is not None:
            self.stop()
            ended(answer)


class GivenUp(Exception):  # noqa: N818 - named after what happened
    """Whoever should have answered was cancelled by itself, and not because nobody waits; or has answered nothing."""


class InATask(Asked[Answer]):
    """A question that a coroutine answers."""

    __slots__ = ("_task",)

    def __init__(self, work: Callable[[], Awaitable[Answer]], ended: Ended[Answer]) -> None:
        super().__init__(asyncio.get_running_loop(), ended)
        self._task = self.loop.create_task(self._run(work))

    @property
    def leaving(self) -> asyncio.Task[None] | None:
        """The task, while it is still there: what has been stopped may put its things away."""
        return None if self._task.done() else self._task

    async def _run(self, work: Callable[[], Awaitable[Answer]]) -> None:
        try:
            answer = await work()
            self.settle(GivenUp() if answer is None else answer)
        except asyncio.CancelledError:
            if self._task.cancelling():
                raise
            self.settle(GivenUp())
        except Exception as error:  # whoever asked is told of it
            self.settle(error)

    def _left(self) -> None:
        if not self._task.done():
            self._task.cancel()


async def answer_of(ask: Callable[[Ended[Answer]], Asked[Answer]]) -> Answer:
    """Ask, and wait for the answer. Errors: the one that it was answered with; cancellation takes the question back."""
    waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def ended(answer: Answer | Exception) -> None:
        if waiting.done():
            return
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)

    asked = ask(ended)
    try:
        return await waiting
    finally:
        asked.stop()
