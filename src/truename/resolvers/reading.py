"""Reads info dictionaries without holding up the event loop: what a stranger made takes a second for four megabytes."""

import asyncio
from collections.abc import Collection

from truename.metainfo import InfoBytes, Metainfo, read_info

_AT_ONCE_BYTES = 64 * 1024
"""The worst of this size takes some fifty milliseconds; that of most torrents is smaller."""


class Reading:
    """Large ones in a thread, one at a time, so that the loop has a rival for the interpreter and not thirty.

    Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def read(self, raw: InfoBytes, expected: Collection[str]) -> Metainfo:
        """See `read_info`."""
        if len(raw.raw) <= _AT_ONCE_BYTES:
            return read_info(raw, expected)
        async with self._turn:
            return await asyncio.to_thread(read_info, raw, expected)
