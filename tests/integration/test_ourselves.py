"""A dead hash at a tracker that keeps whoever has asked: our own announces are not taken for peers."""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.resolver_contract import SilentPeer
from tests.standing import listening
from tests.wire import encode
from truename.magnet import Magnet
from truename.model import Outcome
from truename.resolvers.ourselves import Ourselves
from truename.settings import Settings
from truename.ways import open_chain

DEAD = "ab" * 20


class Keeping:
    """A tracker as they are: it names everybody who has asked to everybody else, and nobody to themselves.

    `naive`: to themselves as well.
    """

    def __init__(self, *, naive: bool = False) -> None:
        self.naive = naive
        self.asked: set[bytes] = set()
        self.known: set[bytes] = set()
        self.url = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Keeping"]:
        async with listening(self._answer) as server:
            self.url = f"http://127.0.0.1:{server.port}/announce"
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        peer_id, port = _field(head, b"peer_id"), int(_field(head, b"port"))
        endpoint = socket.inet_aton(writer.get_extra_info("peername")[0]) + struct.pack(">H", port)
        self.known.add(endpoint)
        others = [each for each in self.known if self.naive or each != endpoint]
        self.asked.add(peer_id)
        body = encode({"interval": 1800, "peers": b"".join(others)})
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()


def _field(head: bytes, name: bytes) -> bytes:
    found = re.search(rb"[?&]" + name + rb"=([^& ]+)", head)
    assert found, head
    return found[1]


async def look_up(
    folder: Path, tracker: Keeping, *resolvers: str, listen: tuple[str, ...] = ("127.0.0.1:0",)
) -> Outcome:
    settings = Settings.model_validate(
        {
            "data_dir": folder,
            "dht": False,
            "listen_interfaces": listen,
            "allow_private_network": True,
            "resolvers": resolvers,
        }
    )
    async with open_chain(settings) as chain:
        asked = Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&tr={tracker.url}")
        return await chain.look_up(asked, timeout_s=3.0)


def test_what_the_swarm_has_announced_is_no_peer_for_direct(tmp_path: Path) -> None:
    async def test() -> None:
        async with asyncio.timeout(60), Keeping().serving() as tracker:
            outcome = await look_up(tmp_path, tracker, "swarm", "direct")
            assert len(tracker.asked) == 2
            assert len(tracker.known) == 1
            assert outcome.code == "no_peers"

    asyncio.run(test())


@pytest.mark.parametrize("naive", [False, True])
@pytest.mark.parametrize("listen", [("127.0.0.1:0",), ("127.0.0.2:0", "127.0.0.3:0", "127.0.0.4:0")])
def test_what_the_swarm_has_announced_is_no_peer_of_its_own_either(
    tmp_path: Path, naive: bool, listen: tuple[str, ...]
) -> None:
    async def test() -> None:
        async with asyncio.timeout(60), Keeping(naive=naive).serving() as tracker:
            outcome = await look_up(tmp_path, tracker, "swarm", listen=listen)
            assert len(tracker.known) == len(listen)
            assert outcome.code == "no_peers"
            counts = outcome.accounts[0].counts
            assert (counts["tracker_peers"], counts["tried"], counts["refused"]) == (0, 0, 0)

    asyncio.run(test())


def test_a_peer_beside_us_at_a_naive_tracker_is_one(tmp_path: Path) -> None:
    async def test() -> None:
        async with asyncio.timeout(60), Keeping(naive=True).serving() as tracker, SilentPeer().serving() as silent:
            host, _, port = silent.endpoint.rpartition(":")
            tracker.known.add(socket.inet_aton(host) + struct.pack(">H", int(port)))
            outcome = await look_up(tmp_path, tracker, "swarm")
            counts = outcome.accounts[0].counts
            assert (outcome.code, counts["tracker_peers"], counts["tried"]) == ("no_metadata", 1, 1)

    asyncio.run(test())


def test_a_port_that_a_person_chose_may_be_that_of_others_too() -> None:
    ourselves = Ourselves()
    ourselves.listen_on(("0.0.0.0:50001", "[::]:50002"), wanted="0.0.0.0:0,[::]:0")
    assert ourselves.ports == {50001, 50002}
    ourselves.listen_on(("0.0.0.0:6881", "[::]:50003"), wanted="0.0.0.0:6881s,[::]:0")
    assert ourselves.ports == {50003}
    ourselves.listen_on((), wanted="eth0:0")
    assert ourselves.ports == frozenset()
