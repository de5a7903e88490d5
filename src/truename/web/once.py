"""A form that is sent twice, by a double click or by going back, is done once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Final

_MOST_REMEMBERED: Final = 1000
REMEMBERED_S: Final = 600.0


class Once:
    """What came of the forms that were sent in the last ten minutes. Belongs to one event loop.

    No mark in the form tells two times from one: after going back a browser asks for the page anew, and puts what a
    person wrote into it, but nothing that was hidden there.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done: OrderedDict[Hashable, tuple[float, asyncio.Task[int]]] = OrderedDict()

    async def do(
        self,
        sent: Hashable,
        work: Callable[[], Coroutine[Any, Any, int]],
        *,
        still_there: Callable[[int], Awaitable[bool]],
    ) -> int:
        """The number of what was made by it.

        Input:  `sent`: what was sent, and by whom; `still_there`: else it is made anew.
        Errors: those of `work`, which is tried again by the next that is sent.
        """
        self._forget()
        done = self._done.get(sent)
        if done is None or not await self._holds(done[1], still_there):
            now = self._done.get(sent)
            if now is not None and now is not done:  # somebody else has begun meanwhile
                done = now
            else:
                done = self._done[sent] = self._clock(), asyncio.create_task(work())
                self._done.move_to_end(sent)
        try:
            return await asyncio.shield(done[1])
        except Exception:
            if self._done.get(sent) is done:
                del self._done[sent]
            raise

    def _forget(self) -> None:
        while self._done:
            first, (at, _) = next(iter(self._done.items()))
            if len(self._done) < _MOST_REMEMBERED and self._clock() < at + REMEMBERED_S:
                break
            del self._done[first]

    @staticmethod
    async def _holds(done: asyncio.Task[int], still_there: Callable[[int], Awaitable[bool]]) -> bool:
        if not done.done():
            return True
        return done.exception() is None and await still_there(done.result())
