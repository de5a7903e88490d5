"""The stand-in servers leave nothing open, whenever somebody comes: what they lose, another test fails for."""

import asyncio
import contextlib
import gc
import socket

import pytest

from tests.standing import listening


async def _nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.mark.parametrize("turns", range(8))
def test_who_comes_when_the_server_is_closed_is_let_go(turns: int) -> None:
    async def test() -> None:
        async with listening(_nothing) as server:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", server.port))
            for _ in range(turns):
                await asyncio.sleep(0)

    with socket.socket() as client:
        asyncio.run(test())
        client.setblocking(True)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    gc.collect()
