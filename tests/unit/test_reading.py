"""Info dictionaries are read without holding up the event loop."""

import asyncio
import threading
from collections.abc import Collection

import pytest

from tests.wire import encode, info_named, sha1
from truename.metainfo import InfoBytes, Metainfo, read_info
from truename.resolvers import reading
from truename.resolvers.reading import Reading

SMALL = info_named("small")
LONG = info_named("long", pieces=190_000)  # nearly four megabytes, and all of it one string
LARGE = [
    encode({"files": [{"length": 1, "path": [str(each)]} for each in range(5_000)], "name": f"large {number}"})
    for number in range(3)
]


def test_those_of_very_many_values_are_read_beside_the_loop_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[tuple[str, bool]] = []
    begun, may_end = threading.Semaphore(0), threading.Semaphore(0)
    at_once = 0

    def slow(raw: InfoBytes, expected: Collection[str], *, max_values: int | None = None) -> Metainfo:
        nonlocal at_once
        if threading.current_thread() is not threading.main_thread():
            at_once += 1
            begun.release()
            assert may_end.acquire(timeout=30)
            assert at_once == 1
            at_once -= 1
        found = read_info(raw, expected, max_values=max_values)
        readers.append((found.name, threading.current_thread() is threading.main_thread()))
        return found

    async def test() -> None:
        one = Reading()
        asked = [asyncio.create_task(one.read(InfoBytes(raw), [sha1(raw)])) for raw in LARGE]
        assert await asyncio.to_thread(begun.acquire, timeout=30)
        for name, raw in (("small", SMALL), ("long", LONG)):  # the loop is not held up, nor who has little to read
            assert (await one.read(InfoBytes(raw), [sha1(raw)])).name == name
        for _ in LARGE:
            may_end.release()
        assert [found.name for found in await asyncio.gather(*asked)] == ["large 0", "large 1", "large 2"]

    monkeypatch.setattr(reading, "read_info", slow)
    asyncio.run(test())
    assert [name for name, in_the_loop in readers if in_the_loop] == ["small", "long"]


def test_one_that_is_read_for_nobody_any_more_keeps_its_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()
    readers: list[str] = []

    def slow(raw: InfoBytes, expected: Collection[str], *, max_values: int | None = None) -> Metainfo:
        found = read_info(raw, expected, max_values=max_values)
        readers.append(found.name)
        begun.release()
        assert may_end.wait(30)
        return found

    async def test() -> None:
        one = Reading()
        asked = [asyncio.create_task(one.read(InfoBytes(raw), [sha1(raw)])) for raw in LARGE]
        assert await asyncio.to_thread(begun.acquire, timeout=30)
        for task in asked[:2]:
            task.cancel()
        await asyncio.wait(asked[:2])
        assert await asyncio.gather(*(asyncio.to_thread(int, "7") for _ in range(50))) == [7] * 50
        assert readers == ["large 0"]
        may_end.set()
        assert (await asked[2]).name == "large 2"
        assert readers == ["large 0", "large 2"]

    monkeypatch.setattr(reading, "read_info", slow)
    asyncio.run(test())


@pytest.mark.parametrize("raw", [SMALL, LARGE[0]])
def test_whatever_goes_wrong_while_one_is_read_is_told(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    def no_memory(raw: InfoBytes, expected: Collection[str], *, max_values: int | None = None) -> Metainfo:
        if raw.raw == SMALL or max_values is None:
            raise MemoryError
        return read_info(raw, expected, max_values=max_values)

    async def test() -> None:
        told: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        Reading().begin(InfoBytes(raw), [sha1(raw)], told.set_result)
        async with asyncio.timeout(30):
            assert isinstance(await told, MemoryError)

    monkeypatch.setattr(reading, "read_info", no_memory)
    monkeypatch.setattr(reading, "_AT_ONCE_VALUES", 1000)
    asyncio.run(test())
