"""Connections of `direct`, on loopback: who is told what, and that one's trouble is nobody else's."""

import asyncio
import contextlib
import gc
import os
import socket
from collections.abc import AsyncIterator

import pytest

from tests.contract.resolver_contract import run
from truename.resolvers.direct.lines import Line, Lines, Listener


class Told(Listener):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self.heard = b""
        self.made = asyncio.Event()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, line: Line) -> None:
        self.line = line
        self.made.set()

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(error)


class Broken(Told):
    def data_received(self, data: bytes) -> None:
        raise ZeroDivisionError


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[Lines, socket.socket, int]]:
    """Connections, and whoever they lead to, who is spoken for by the test."""
    lines = Lines()
    with socket.create_server(("127.0.0.1", 0)) as there:
        there.setblocking(False)
        try:
            yield lines, there, there.getsockname()[1]
        finally:
            lines.close()


async def accepted(there: socket.socket) -> socket.socket:
    return (await asyncio.get_running_loop().sock_accept(there))[0]


def test_what_is_said_arrives_however_slowly_it_is_taken() -> None:
    said = os.urandom(8 << 20)

    async def test() -> None:
        loop = asyncio.get_running_loop()
        async with listening() as (lines, there, port):
            told = Told()
            lines.dial("127.0.0.1", port, told)
            await told.made.wait()
            assert told.line is not None
            with await accepted(there) as peer:
                told.line.write(said)  # far more than the kernel keeps
                told.line.write(b"and more")
                heard = b""
                while len(heard) < len(said) + 8:
                    heard += await loop.sock_recv(peer, 1 << 20)
                assert heard == said + b"and more"
                await loop.sock_sendall(peer, b"answer")
            assert await told.lost is None
            assert told.heard == b"answer"

    run(test())


def test_nobody_there_is_told_as_lost_and_never_as_made() -> None:
    async def test() -> None:
        async with listening() as (lines, there, port):
            there.close()
            told = Told()
            lines.dial("127.0.0.1", port, told)
            assert isinstance(await told.lost, ConnectionRefusedError)
            assert told.line is None

    run(test())


@pytest.mark.parametrize("is_made", [False, True])
def test_after_its_end_nobody_is_told_anything(*, is_made: bool) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        async with listening() as (lines, there, port):
            told = Told()
            line = lines.dial("127.0.0.1", port, told)
            if is_made:
                await told.made.wait()
            with await accepted(there) as peer:
                line.abort()
                line.abort()
                line.write(b"nothing")
                with contextlib.suppress(ConnectionResetError):
                    assert await loop.sock_recv(peer, 1) == b""
            assert (told.heard, told.lost.done(), told.line is None) == (b"", False, not is_made)

    run(test())


def test_what_breaks_in_one_conversation_ends_that_one_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        async with listening() as (lines, there, port):
            broken, well = Broken(), Told()
            for told in (broken, well):
                lines.dial("127.0.0.1", port, told)
                await told.made.wait()
            with await accepted(there) as first, await accepted(there) as second:
                for peer in (first, second):
                    await loop.sock_sendall(peer, b"hello")
                assert isinstance(await broken.lost, ZeroDivisionError)
                while well.heard != b"hello":
                    await asyncio.sleep(0)
                assert not well.lost.done()

    run(test())
    assert [record.message for record in caplog.records] == ["a conversation broke"]


def test_whoever_has_the_number_of_one_that_ended_a_moment_ago_is_not_taken_for_it() -> None:
    """Both are ready in one look; the first one ends the second, and a third gets the second's descriptor."""

    async def test() -> None:
        loop = asyncio.get_running_loop()
        async with listening() as (lines, there, port):
            seconds = Told()
            thirds: list[Told] = []

            class Ending(Told):
                def data_received(self, data: bytes) -> None:
                    second.abort()
                    thirds.append(Told())
                    lines.dial("127.0.0.1", port, thirds[0])

            first = Ending()
            lines.dial("127.0.0.1", port, first)
            second = lines.dial("127.0.0.1", port, seconds)
            await first.made.wait()
            await seconds.made.wait()
            with await accepted(there) as one, await accepted(there) as two:
                for peer in (one, two):  # before the loop looks again
                    peer.send(b"hello")
                while not thirds:
                    await asyncio.sleep(0)
                await thirds[0].made.wait()
                with await accepted(there) as three:
                    await loop.sock_sendall(three, b"third")
                    while not thirds[0].heard:
                        await asyncio.sleep(0)
                assert (seconds.heard, thirds[0].heard) == (b"", b"third")

    run(test())


def test_whoever_is_left_without_being_closed_leaves_nothing_behind() -> None:
    async def use(port: int) -> None:
        told, lines = Told(), Lines()
        line = lines.dial("127.0.0.1", port, told)
        await told.made.wait()
        line.abort()

    async def test() -> None:
        async with listening() as (_, _, port):
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(10):
                await use(port)
            gc.collect()
            assert len(os.listdir("/proc/self/fd")) == before

    run(test())


def test_at_the_end_every_connection_is_closed() -> None:
    async def test() -> None:
        async with listening() as (lines, there, port):
            told = Told()
            lines.dial("127.0.0.1", port, told)
            await told.made.wait()
            lines.dial("127.0.0.1", port, Told())
            with await accepted(there) as peer:
                lines.close()
                lines.close()
                with contextlib.suppress(ConnectionResetError):
                    assert await asyncio.get_running_loop().sock_recv(peer, 1) == b""

    run(test())
