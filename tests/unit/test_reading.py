"""Info dictionaries are read without holding up the event loop."""

import asyncio
import threading
from collections.abc import Collection

import pytest

from tests.wire import info_named, sha1
from truename.metainfo import Metainfo, read_info
from truename.resolvers import reading
from truename.resolvers.reading import Reading

SMALL = info_named("small")
LARGE = [info_named(f"large {number}", pieces=4_000) for number in range(3)]


def test_large_ones_are_read_beside_the_loop_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[str] = []
    begun, may_end = threading.Semaphore(0), threading.Semaphore(0)
    at_once = 0

    def slow(raw: bytes, expected: Collection[str]) -> Metainfo:
        nonlocal at_once
        readers.append(threading.current_thread().name)
        if threading.current_thread() is not threading.main_thread():
            at_once += 1
            begun.release()
            assert may_end.acquire(timeout=30)
            assert at_once == 1
            at_once -= 1
        return read_info(raw, expected)

    async def test() -> None:
        one = Reading()
        asked = [asyncio.create_task(one.read(raw, [sha1(raw)])) for raw in LARGE]
        assert await asyncio.to_thread(begun.acquire, timeout=30)
        assert (await one.read(SMALL, [sha1(SMALL)])).name == "small"  # the loop is not held up, nor who is small
        for _ in LARGE:
            may_end.release()
        assert [found.name for found in await asyncio.gather(*asked)] == ["large 0", "large 1", "large 2"]

    monkeypatch.setattr(reading, "read_info", slow)
    asyncio.run(test())
    assert readers.count(threading.main_thread().name) == 1
