"""A form that is sent twice, by a double click or by going back, is done once."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Final

_MOST_REMEMBERED: Final = 1000
MAX_MARK_CHARS: Final = 40


def new_mark() -> str:
    """What a form bears that is shown now."""
    return secrets.token_urlsafe(12)


class Once:
    """What came of the forms that were sent last. Belongs to one event loop."""

    def __init__(self) -> None:
        self._done: OrderedDict[Hashable, asyncio.Task[int]] = OrderedDict()

    async def do(
        self,
        sent: Hashable,
        work: Callable[[], Coroutine[Any, Any, int]],
        *,
        still_there: Callable[[int], Awaitable[bool]],
    ) -> int:
        """The number of what was made by it.

        Input:  `sent`: what was sent, by whom and from which form; `still_there`: else it is made anew.
        Errors: those of `work`, which is tried again by the next that is sent.
        """
        done = self._done.get(sent)
        if done is None or not await self._holds(done, still_there):
            if self._done.get(sent) is done:  # else somebody else has begun meanwhile
                self._done[sent] = asyncio.create_task(work())
            done = self._done[sent]
            while len(self._done) > _MOST_REMEMBERED:
                self._done.popitem(last=False)
        try:
            return await asyncio.shield(done)
        except Exception:
            if self._done.get(sent) is done:
                del self._done[sent]
            raise

    @staticmethod
    async def _holds(done: asyncio.Task[int], still_there: Callable[[int], Awaitable[bool]]) -> bool:
        if not done.done():
            return True
        return done.exception() is None and await still_there(done.result())
