"""One thread that owns something synchronous, called from asyncio with a deadline for each call.

A call that is late is left behind with its thread, and the next one gets a new thread and a new thing. Those left
behind end when their call does; while too many of them hang there is no new one.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

from truename.errors import ResolverDown

_T = TypeVar("_T")
_C = TypeVar("_C")

_MOST_LEFT_BEHIND: Final = 3


class _Hand(Generic[_C]):
    """A thread and what it works on, which is made in it with its first call."""

    def __init__(self, make: Callable[[], _C]) -> None:
        self._make = make
        self._calls: SimpleQueue[tuple[Callable[[_C], Any], Future[Any]] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._work, name="qbittorrent", daemon=True)
        self.thread.start()

    def put(self, work: Callable[[_C], _T], *, sure: bool) -> "Future[_T]":
        """Have it done when all that was put before is done; when it is not sure, it can be cancelled until then."""
        answer: Future[_T] = Future()
        if sure:
            answer.set_running_or_notify_cancel()
        self._calls.put((work, answer))
        return answer

    def end(self) -> None:
        """End when all that was put before is done."""
        self._calls.put(None)

    def _work(self) -> None:
        thing: _C | None = None
        while (call := self._calls.get()) is not None:
            work, answer = call
            if not (answer.running() or answer.set_running_or_notify_cancel()):
                continue
            try:
                thing = self._make() if thing is None else thing
                result = work(thing)
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(result)


class Owner(Generic[_C]):
    """The thread, as asyncio holds it. Belongs to one event loop."""

    def __init__(self, make: Callable[[], _C], *, patience_s: float) -> None:
        self._make = make
        self._patience_s = patience_s
        self._hand: _Hand[_C] | None = None
        self._left_behind: list[threading.Thread] = []

    async def call(self, work: Callable[[_C], _T], *, sure: bool = False) -> _T:
        """Have the thread do it.

        Input:  `sure`: to be done also when the caller is cancelled meanwhile.
        Errors: `ResolverDown` when that takes too long; what `work` raises.
        """
        answer = self._a_hand().put(work, sure=sure)
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.wrap_future(answer)
        except TimeoutError as error:
            self.end()
            raise ResolverDown("qbittorrent_silent") from error

    def last(self, work: Callable[[_C], object]) -> None:
        """Have the thread do it, whatever comes of it; nobody waits."""
        self._a_hand().put(work, sure=True)

    def join(self, within_s: float) -> None:
        """Wait until the thread that was ended last has ended."""
        for thread in self._left_behind[-1:]:
            thread.join(within_s)

    def end(self) -> None:
        """End the thread when it has done all that was put to it. Idempotent."""
        hand, self._hand = self._hand, None
        if hand is not None:
            hand.end()
            self._left_behind.append(hand.thread)

    def _a_hand(self) -> _Hand[_C]:
        if self._hand is None:
            self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
            if len(self._left_behind) >= _MOST_LEFT_BEHIND:
                raise ResolverDown("qbittorrent_silent")
            self._hand = _Hand(self._make)
        return self._hand
