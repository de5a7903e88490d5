"""Reads info dictionaries without holding up the event loop: what a stranger made takes a second for four megabytes."""

import asyncio
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from truename.asked import Ended
from truename.bencode import TooManyValues
from truename.metainfo import InfoBytes, Metainfo, read_info

_AT_ONCE_VALUES = 30_000
"""They take less than thirty milliseconds at worst. Few torrents have so many: most large ones are one long string."""


_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class Reading:
    """Those of very many values in a thread, one at a time, so that the loop has a rival for the interpreter and not
    thirty.

    Belongs to one event loop.
    """

    def __init__(self) -> None:
        # Of its own: what is read for somebody who has left cannot be stopped, and is to take no other place.
        self._aside = ThreadPoolExecutor(1, "truename-reading")

    async def read(self, raw: InfoBytes, expected: Collection[str]) -> Metainfo:
        """See `read_info`."""
        try:
            return read_info(raw, expected, max_values=_AT_ONCE_VALUES)
        except TooManyValues:
            return await self.aside(read_info, raw, expected)

    def begin(self, raw: InfoBytes, expected: Collection[str], ended: Ended[Metainfo]) -> asyncio.Task[None] | None:
        """The same for somebody who is called with what comes of it, mostly before this returns.

        Output: what reads it aside, when it does.
        """
        try:
            ended(read_info(raw, expected, max_values=_AT_ONCE_VALUES))
        except TooManyValues:
            return asyncio.get_running_loop().create_task(self._tell_later(raw, expected, ended))
        except Exception as error:  # whatever it is, nobody else will answer
            ended(error)
        return None

    async def _tell_later(self, raw: InfoBytes, expected: Collection[str], ended: Ended[Metainfo]) -> None:
        try:
            ended(await self.aside(read_info, raw, expected))
        except Exception as error:  # whatever it is, nobody else will answer
            ended(error)

    async def aside(self, read: Callable[_Given, _Result], *given: _Given.args, **named: _Given.kwargs) -> _Result:
        """Read something else in that thread, in its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._aside, partial(read, *given, **named))
