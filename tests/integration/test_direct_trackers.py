"""How `direct` asks trackers over HTTP, HTTPS and UDP, what their failures mean to it, and libtorrent as a peer."""

import asyncio
import contextlib
import errno
import functools
import gc
import gzip
import os
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, SHORT_S, run
from tests.loopback import Tracker, UdpTracker, refusing_port
from tests.standing import listening
from tests.wire import Peer, encode, hybrid_info, info_named, sha1, sha256
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes
from truename.demo.tracker import compact
from truename.errors import NotYet, ResolverDown
from truename.magnet import Magnet
from truename.metainfo import read_info
from truename.resolvers.base import Trail
from truename.resolvers.direct import hosts, quest, question, trackers, udp_client
from truename.resolvers.direct.config import DirectConfig, Limits
from truename.resolvers.direct.hosts import ask_system
from truename.resolvers.direct.http_client import Get
from truename.resolvers.direct.quest import Quest
from truename.resolvers.direct.question import Question
from truename.resolvers.direct.race import PeerRace
from truename.resolvers.direct.resolver import DirectResolver

MAX_ANSWER_BYTES = Limits().tracker_bytes
INFO = info_named("told by a tracker")
NAME = "told by a tracker"


@contextlib.asynccontextmanager
async def resolver(
    *, trackers: tuple[str, ...] = (), magnet_trackers: bool = True, look_up: Any = ask_system, **limits: Any
) -> AsyncIterator[DirectResolver]:
    config = DirectConfig(
        trackers=trackers, magnet_trackers=magnet_trackers, allow_private=True, limits=Limits(**limits)
    )
    direct = DirectResolver(config, look_up=look_up)
    try:
        yield direct
    finally:
        await direct.aclose()


def magnet(info_hash: str, *trackers: str) -> Magnet:
    return Magnet.parse(f"magnet:?xt=urn:btih:{info_hash}" + "".join(f"&tr={url}" for url in trackers))


@contextlib.asynccontextmanager
async def a_tracker() -> AsyncIterator[Tracker]:
    """A tracker that knows of the only peer."""
    async with Peer(INFO).serving() as peer, Tracker({sha1(INFO): peer.compact}).serving() as tracker:
        yield tracker


async def name(direct: DirectResolver, *trackers: str) -> str:
    return (await direct.resolve(magnet(sha1(INFO), *trackers), deadline_s=LONG_S)).name


async def ending(
    direct: DirectResolver, *trackers: str, deadline_s: float = SHORT_S, trail: Trail | None = None
) -> str:
    """How a look-up without a name ends."""
    with pytest.raises((NotYet, ResolverDown)) as ended:
        await direct.resolve(magnet(DEAD, *trackers), deadline_s=deadline_s, trail=trail)
    return ended.value.code if isinstance(ended.value, NotYet) else ended.value.reason


# --- UDP ---------------------------------------------------------------------------------------------------------


class LosingPackets(UdpTracker):
    """Loses the first packets, and sends some that answer nothing before each true one."""

    to_lose = 3

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.to_lose:
            self.to_lose -= 1
            return
        transaction = struct.unpack_from(">I", data, 12)[0]
        for nonsense in (b"", b"\0", struct.pack(">II", 3, transaction ^ 1), struct.pack(">III", 1, transaction, 5)):
            self._transport.sendto(nonsense, addr)
        super().datagram_received(data, addr)


class Late(UdpTracker):
    """Answers each packet later than anybody waits for it before asking again."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asyncio.get_running_loop().call_later(0.3, super().datagram_received, data, addr)


class ForgettingInSilence(UdpTracker):
    """Forgets its first connection at once, and is silent to whoever comes with it."""

    greetings = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        connection, action, transaction = struct.unpack_from(">QII", data)
        if action == 0:
            self.greetings += 1
            self._transport.sendto(struct.pack(">IIQ", 0, transaction, self.greetings), addr)
        elif connection != 1:
            super().datagram_received(data, addr)


class KeepingTheLast(UdpTracker):
    """Is slow, and knows only the connection that it gave last; others are refused."""

    given = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        connection, action, transaction = struct.unpack_from(">QII", data)
        send = functools.partial(asyncio.get_running_loop().call_later, 0.3, self._transport.sendto)
        if action == 0:
            self.given += 1
            send(struct.pack(">IIQ", 0, transaction, self.given), addr)
        elif connection != self.given:
            send(struct.pack(">II", 3, transaction) + b"not the last", addr)
        else:
            asyncio.get_running_loop().call_later(0.3, super().datagram_received, data, addr)


class GreetingForEver(UdpTracker):
    """Answers every packet with a new connection."""

    packets = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets += 1
        self._transport.sendto(struct.pack(">IIQ", 0, struct.unpack_from(">I", data, 12)[0], self.packets), addr)


class Forgetting(UdpTracker):
    """Forgets every connection after one announce, and says so to whoever comes with an old one."""

    def __init__(self, peers: bytes) -> None:
        super().__init__(peers)
        self.connection, self.refused = 0, 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        connection, action, transaction = struct.unpack_from(">QII", data)
        if action == 0:
            self.connection += 1
            self._transport.sendto(struct.pack(">IIQ", 0, transaction, self.connection), addr)
        elif connection != self.connection:
            self.refused += 1
            self._transport.sendto(struct.pack(">II", 3, transaction) + b"who are you", addr)
        else:
            self.connection += 1
            super().datagram_received(data, addr)


def test_a_udp_tracker_leads_to_the_name() -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, UdpTracker(peer.compact).serving() as tracker, resolver() as direct:
            assert await name(direct, tracker.url) == NAME
            assert tracker.asked == [bytes.fromhex(sha1(INFO))]

    run(test())


def test_a_burst_over_one_udp_tracker_is_named_whole() -> None:
    async def test() -> None:
        infos = [info_named(f"burst {number}") for number in range(300)]
        async with Peer(*infos).serving() as peer, UdpTracker(peer.compact).serving() as tracker, resolver() as direct:
            asked = [direct.resolve(magnet(sha1(info), tracker.url), deadline_s=LONG_S) for info in infos]
            assert [each.name for each in await asyncio.gather(*asked)] == [f"burst {n}" for n in range(300)]

    run(test())


def test_packets_that_are_lost_are_sent_again_and_strange_ones_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with (
            Peer(INFO).serving() as peer,
            LosingPackets(peer.compact).serving() as tracker,
            resolver() as direct,
        ):
            assert await name(direct, tracker.url) == NAME

    monkeypatch.setattr(udp_client, "PATIENCE_S", (0.05, 0.1, 0.2, 10.0, 10.0))
    run(test())


def test_a_packet_for_which_this_machine_has_no_room_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Crowded(socket.socket):
        left = 2

        def send(self, data: Any, flags: int = 0) -> int:
            if Crowded.left:
                Crowded.left -= 1
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            return super().send(data, flags)

    async def test() -> None:
        async with Peer(INFO).serving() as peer, UdpTracker(peer.compact).serving() as tracker, resolver() as direct:
            with monkeypatch.context() as patched:
                patched.setattr(udp_client.socket, "socket", Crowded)
                assert await name(direct, tracker.url) == NAME
        assert not Crowded.left

    monkeypatch.setattr(udp_client, "PATIENCE_S", (0.05, 0.1, 10.0))
    run(test())


@pytest.mark.parametrize(
    ("make", "patience_s"),
    [(Late, (0.2,) * 10), (ForgettingInSilence, (0.2,) * 10), (KeepingTheLast, (0.2, 5.0, 5.0))],
)
def test_an_answer_counts_though_the_question_has_been_sent_again_meanwhile(
    make: Callable[[bytes], UdpTracker], patience_s: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, make(peer.compact).serving() as tracker, resolver() as direct:
            assert await name(direct, tracker.url) == NAME
            assert await name(direct, tracker.url) == NAME, "over the connection that is remembered"

    monkeypatch.setattr(udp_client, "PATIENCE_S", patience_s)
    run(test())


@pytest.mark.parametrize("low", [80, 1023])
def test_a_peer_at_a_port_where_nobody_shares_files_is_not_called_and_was_named_all_the_same(low: int) -> None:
    async def test() -> None:
        async with Tracker({DEAD: compact("127.0.0.1", low)}).serving() as tracker, resolver() as direct:
            trail = Trail()
            assert await ending(direct, tracker.url, trail=trail) == "no_metadata"
            assert (trail.counts["tracker_peers"], trail.counts.get("tried", 0)) == (1, 0)

    run(test())


def test_a_udp_tracker_that_only_ever_greets_is_not_asked_for_ever() -> None:
    async def test() -> None:
        async with GreetingForEver().serving() as tracker, resolver() as direct:
            assert await ending(direct, tracker.url) == "no_peers"
            assert 2 <= tracker.packets <= 6

    run(test())


def test_a_udp_tracker_that_has_forgotten_us_is_greeted_anew() -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, resolver() as direct:
            forgetting = Forgetting(peer.compact)
            async with forgetting.serving(), UdpTracker().serving() as held:
                # A second hash keeps the socket to the tracker open, and with it the connection that it forgets.
                trackers = direct._reach.trackers
                trackers.take_udp("127.0.0.1", forgetting.port, exempt=False)
                for _ in range(3):
                    assert await name(direct, forgetting.url, held.url) == NAME
                trackers.leave_udp("127.0.0.1", forgetting.port)
            assert forgetting.refused == 2

    run(test())


def test_a_udp_tracker_that_says_nothing_ends_with_no_peers() -> None:
    async def test() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
            mute.bind(("127.0.0.1", 0))
            async with resolver() as direct:
                assert await ending(direct, f"udp://127.0.0.1:{mute.getsockname()[1]}/announce") == "no_peers"

    run(test())


def test_udp_over_ipv6_names_peers_of_ipv6() -> None:
    async def test() -> None:
        peer = Peer(INFO)
        # The same peer by way of the only IPv6 address of loopback.
        async with peer.serving() as there, listening(_passing_on(there.port), "::1") as proxy:
            tracker = UdpTracker(socket.inet_pton(socket.AF_INET6, "::1") + proxy.port.to_bytes(2, "big"))
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: tracker, local_addr=("::1", 0)
            )
            async with resolver() as direct:
                assert await name(direct, f"udp://[::1]:{transport.get_extra_info('sockname')[1]}/a") == NAME
            transport.close()

    run(test())


def _passing_on(port: int) -> Any:
    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", port)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65_536):
                    target.write(data)
            target.close()

        await asyncio.gather(copy(reader, here), copy(there, writer))

    return passed_on


# --- HTTP --------------------------------------------------------------------------------------------------------


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n".encode() + "".join(f"{header}\r\n" for header in headers).encode() + b"\r\n" + body


def chunks(body: bytes) -> bytes:
    return b"".join(b"1\r\n%c\r\n" % byte for byte in body)


@pytest.mark.parametrize(
    "kind",
    [
        *("with a length", "in chunks", "until the end", "after a provisional one"),
        *(
            "packed",
            "packed in chunks",
            "with an empty line behind it",
            "shorter than it says",
            "without its last chunk",
        ),
        *("with line feeds alone", "with its length twice", "longer than it says", "in chunks beside a length"),
        *(
            "with a space before the colon",
            "with two lengths",
            "in chunks with something behind them",
            "packed and longer than it says",
        ),
    ],
)
def test_an_answer_in_every_form_of_http_is_read(kind: str) -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, Tracker().serving() as tracker, resolver() as direct:
            body = encode({"interval": 1800, "peers": peer.compact})
            length, chunked = f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"
            packed = gzip.compress(body)
            tracker.response = {
                "with a length": response(body, length),
                "in chunks": response(chunks(body) + b"0\r\n\r\n", chunked),
                "until the end": response(body),
                "after a provisional one": response(b"", status="103 Early Hints") + response(body, length),
                "packed": response(packed, "Content-Encoding: gzip", f"Content-Length: {len(packed)}"),
                "packed in chunks": response(chunks(packed) + b"0\r\n\r\n", "Content-Encoding: X-GZip", chunked),
                "with an empty line behind it": response(body + b"\r\n"),
                "shorter than it says": response(body, "Content-Length: 500"),
                "without its last chunk": response(chunks(body), chunked),
                "with line feeds alone": response(b"", length).replace(b"\r", b"") + body,
                "with its length twice": response(body, length, length),
                "longer than it says": response(body, "Content-Length: 10"),
                "in chunks beside a length": response(chunks(body) + b"0\r\n\r\n", "Content-Length: 5", chunked),
                "with a space before the colon": response(body, length.replace(":", " :"), "X-Powered-By\t: PHP"),
                "with two lengths": response(body, "Content-Length: 5", length),
                "in chunks with something behind them": response(chunks(body) + b"0\r\n\r\n<!-- x -->", chunked),
                "packed and longer than it says": response(packed, "Content-Encoding: gzip", "Content-Length: 9"),
            }[kind]
            assert await name(direct, tracker.url) == NAME

    run(test())


@pytest.mark.parametrize("portion_bytes", [1, 7, 10_000])
@pytest.mark.parametrize("provisional", [b"", b"HTTP/1.1 103 Early Hints\nLink: x\n\n"])
def test_an_answer_that_says_its_length_is_whole_though_the_connection_stays(
    portion_bytes: int, provisional: bytes
) -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, resolver() as direct:
            body = encode({"interval": 1800, "peers": peer.compact})
            said = provisional + response(body, f"Content-Length: {len(body)}")

            async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await reader.readuntil(b"\r\n\r\n")
                for start in range(0, len(said), portion_bytes):
                    writer.write(said[start : start + portion_bytes])
                    await asyncio.sleep(0)
                with contextlib.suppress(OSError):
                    await reader.read()
                writer.close()

            async with listening(stay) as server:
                assert await name(direct, f"http://127.0.0.1:{server.port}/announce") == NAME

    run(test())


@pytest.mark.parametrize("said", [b"\xff" * 9, b"220 ftp.example ready\r\n"])
def test_what_is_no_http_is_not_waited_for(said: bytes) -> None:
    async def test() -> None:
        left = asyncio.Event()

        async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            with contextlib.suppress(OSError):
                await reader.read()
            left.set()
            writer.close()

        async with listening(stay) as server, resolver(http_s=10**6) as direct:
            url = f"http://127.0.0.1:{server.port}/announce"
            asking = asyncio.create_task(direct.resolve(magnet(sha1(INFO), url), deadline_s=LONG_S))
            await left.wait()
            asking.cancel()
            await asyncio.wait([asking])

    run(test())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff" * 1_000,
        b"HTTP/1.1 200 OK\r\n",
        response(b"<html>"),
        response(b"d5:peers0:", "Content-Length: 500"),
        response(b"5\r\nd5:pe", "Transfer-Encoding: chunked"),
        response(b"d5:peers%d:" % (MAX_ANSWER_BYTES * 2) + b"\x01" * MAX_ANSWER_BYTES * 2 + b"e"),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
        response(b"", status="404 Not Found"),
        response(b"", "Upgrade: x", "Connection: Upgrade", status="101 Switching Protocols"),
        response(b"busy", "Content-Length: 4", status="503 Busy"),
        response(b"d14:failure reason3:no!e"),
        response(b"", "Location: /announce", status="302 Found"),
        response(b"l" * 50_000 + b"e" * 50_000),
        response(b"", status="103 Early Hints"),
        response(b"d5:peers0:e", "Content-Encoding: gzip"),
        response(gzip.compress(b"d5:peers0:e", mtime=0)[:20], "Content-Encoding: gzip"),
        response(gzip.compress(b"x" * (64 << 20), mtime=0), "Content-Encoding: gzip"),
    ],
)
def test_a_tracker_that_gives_nothing_of_use_ends_with_no_peers(answer: bytes) -> None:
    async def test() -> None:
        async with Tracker(response=answer).serving() as tracker, resolver() as direct:
            trail = Trail()
            assert await ending(direct, tracker.url, deadline_s=0.3, trail=trail) == "no_peers"
            assert 1 <= len(tracker.asked) <= 1 + question._MAX_REDIRECTS
            assert trail.counts == {"trackers": 1}

    run(test())


@pytest.mark.parametrize("where", ["head", "body", "packed body"])
def test_an_answer_that_is_too_long_is_not_even_read(where: str) -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, Tracker().serving() as tracker, resolver() as direct:
            more = "x" * MAX_ANSWER_BYTES
            body = encode({"peers": peer.compact, "warning message": "" if where == "head" else more})
            if where == "packed body":
                body = gzip.compress(body)
            headers = {"head": ["X-More: " + more[:1000]] * 300, "packed body": ["Content-Encoding: gzip"]}
            tracker.response = response(body, f"Content-Length: {len(body)}", *headers.get(where, []))
            with pytest.raises(NotYet):
                await direct.resolve(magnet(sha1(INFO), tracker.url), deadline_s=SHORT_S / 2)
            assert not peer.met.is_set()

    run(test())


def test_all_that_a_tracker_says_in_a_look_up_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its answers is short enough, but it sends us on each time, and is asked again and again."""

    async def test() -> None:
        headers = ("Location: /announce", "Content-Length: 4000")
        endless = response(b"x" * 4_000, *headers, status="302 Found")
        async with (
            Tracker(response=endless).serving() as hostile,
            Tracker(response=response(b"", "Content-Length: 0", status="404 Not Found")).serving() as poor,
            a_tracker() as honest,
            resolver(tracker_bytes=50_000) as direct,
        ):
            held = honest.hold()
            asking = asyncio.create_task(name(direct, hostile.url, poor.url, honest.url))
            await poor.wait_for(lambda: len(poor.asked) == 500)
            assert 10 <= len(hostile.asked) <= 13
            held.set()
            assert await asking == NAME

    monkeypatch.setattr(quest, "_TRACKER_AGAIN_S", (0.0,))
    run(test())


@pytest.mark.parametrize("length", [3_000, 200_000])
def test_where_a_tracker_has_moved_to_is_not_remembered_when_it_is_endless(length: int) -> None:
    async def test() -> None:
        target = f"http://127.0.0.1/{'a' * length}"
        answer = response(b"", f"Location: {target}", "Content-Length: 0", status="302 Found")
        async with Tracker(response=answer).serving() as tracker, resolver() as direct:
            assert await ending(direct, tracker.url, deadline_s=10**6) == "nobody_to_ask"
        assert looked_at == []

    looked_at: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(question, "urljoin", lambda _, location: looked_at.append(location))
        run(test())


def test_a_tracker_that_takes_its_time_keeps_nobody_waiting_longer_than_allowed() -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, Tracker().serving() as slow, resolver(http_s=0.2) as direct:
            slow.peers[bytes.fromhex(sha1(INFO))] = peer.compact
            held = slow.hold()
            asking = asyncio.create_task(name(direct, slow.url))
            await slow.wait_for(lambda: len(slow.asked) == 2)  # it was given up, and then asked again
            held.set()
            assert await asking == NAME

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quest, "_TRACKER_AGAIN_S", (0.0,))
        run(test())


def test_where_a_tracker_has_moved_to_is_asked() -> None:
    async def test() -> None:
        async with Peer(INFO).serving() as peer, Tracker().serving() as old, Tracker().serving() as new:
            new.peers[bytes.fromhex(sha1(INFO))] = peer.compact
            target = f"{new.url}?info_hash=" + "".join(f"%{byte:02x}" for byte in bytes.fromhex(sha1(INFO)))
            old.response = response(b"", f"Location: {target}", "Content-Length: 0", status="301 Moved")
            async with resolver() as direct:
                assert await name(direct, old.url) == NAME
            assert new.asked == [bytes.fromhex(sha1(INFO))]

    run(test())


@pytest.mark.parametrize("target", ["udp://127.0.0.1:1/announce", "ftp://127.0.0.1/", "http://[", "", "http://a b/"])
def test_a_tracker_that_has_moved_to_nowhere_is_none(target: str) -> None:
    async def test() -> None:
        answer = response(b"", f"Location: {target}", "Content-Length: 0", status="302 Found")
        async with Tracker(response=answer).serving() as tracker, resolver() as direct:
            assert await ending(direct, tracker.url) in ("nobody_to_ask", "no_peers")

    run(test())


@pytest.mark.parametrize("scheme", ["http", "https", "udp"])
def test_nobody_at_the_address_of_a_tracker_ends_without_waiting(scheme: str) -> None:
    async def test() -> None:
        with refusing_port() as port:
            async with resolver() as direct:
                url = f"{scheme}://127.0.0.1:{port}/announce"
                assert await ending(direct, url, url + "2", deadline_s=10**6) == "nobody_to_ask"

    run(test())


def test_a_tracker_that_is_not_there_hinders_no_other() -> None:
    async def test() -> None:
        with refusing_port() as port:
            async with a_tracker() as tracker, resolver() as direct:
                dead = f"http://127.0.0.1:{port}/announce"
                assert await name(direct, dead, tracker.url, dead.replace("http", "udp")) == NAME

    run(test())


def test_odd_characters_in_an_address_reach_the_tracker_escaped() -> None:
    async def test() -> None:
        async with a_tracker() as tracker, resolver() as direct:
            asked = Magnet(info_hash=magnet(sha1(INFO)).info_hash, trackers=(tracker.url + "/ü?a=é",))
            assert (await direct.resolve(asked, deadline_s=LONG_S)).name == NAME

    run(test())


def test_more_announces_than_may_be_sent_at_once_wait_without_losing_time() -> None:
    async def test() -> None:
        async with Tracker().serving() as tracker, Peer(INFO).serving() as peer, resolver(http_announces=2) as direct:
            tracker.peers[bytes.fromhex(sha1(INFO))] = peer.compact
            held = tracker.hold()
            dead = [
                asyncio.create_task(direct.resolve(magnet(each, tracker.url), deadline_s=1.5 * SHORT_S))
                for each in dead_hashes(2)
            ]
            await tracker.wait_for(lambda: len(tracker.asked) == 2)
            late = asyncio.create_task(direct.resolve(magnet(sha1(INFO), tracker.url), deadline_s=SHORT_S))
            await asyncio.wait(dead)
            held.set()
            assert (await late).name == NAME

    run(test())


# --- trackers that break something -------------------------------------------------------------------------------


UNASKABLE = ["http://trac\u212aer.example.com/announce", "http://a..b.com/announce", f"http://{'a' * 70}.com/announce"]


@pytest.mark.parametrize("barrier", ["closed", "open"])
def test_a_tracker_that_cannot_be_asked_hinders_no_other(
    barrier: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first barrier leaves such URLs out. Where one gets through, it is only one tracker that does not answer."""

    async def test() -> None:
        async with a_tracker() as tracker, resolver(look_up=lambda _: ["127.0.0.1"]) as direct:
            unaskable = Magnet(info_hash=magnet(sha1(INFO)).info_hash, trackers=tuple(UNASKABLE))
            everybody = replace(unaskable, trackers=(*UNASKABLE, tracker.url))
            assert (await direct.resolve(everybody, deadline_s=LONG_S)).name == NAME
            with pytest.raises(ResolverDown) as ending:
                await direct.resolve(unaskable, deadline_s=10**6)
            assert ending.value.reason == ("nobody_to_ask" if barrier == "open" else "nobody_usable")

    if barrier == "open":
        monkeypatch.setattr("truename.resolvers.direct.resolver.usable_trackers", lambda urls, **_: list(urls))
    run(test())
    said = [record.message for record in caplog.records if record.name == trackers.__name__]
    assert said == (["asking a tracker broke"] if barrier == "open" else [])  # once, though it was asked twice


# --- host names --------------------------------------------------------------------------------------------------


def test_a_name_is_looked_up_once_for_many() -> None:
    asked: list[str] = []

    def look_up(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async def test() -> None:
        async with a_tracker() as tracker, resolver(look_up=look_up) as direct:
            url = f"http://tracker.example:{tracker.port}/announce"
            assert await asyncio.gather(*(name(direct, f"{url}?{number}") for number in range(20))) == [NAME] * 20
            assert asked == ["tracker.example"]

    run(test())


def test_names_that_hang_hinder_no_administrators(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    hang, all_hang = threading.Event(), threading.Semaphore(0)

    def look_up(host: str) -> list[str]:
        asked.append(host)
        if host.startswith("slow"):
            all_hang.release()
            hang.wait(60)
        return ["127.0.0.1"] if host.endswith("example") else []

    async def test() -> None:
        async with a_tracker() as tracker:
            own = f"http://tracker.example:{tracker.port}/announce"
            async with resolver(trackers=(own,), look_up=look_up) as direct:
                slow = [f"http://slow{number}.example:{tracker.port}/announce" for number in range(40)]
                hanging = asyncio.create_task(direct.resolve(magnet(DEAD, *slow), deadline_s=LONG_S))
                await asyncio.to_thread(lambda: [all_hang.acquire(timeout=60) for _ in range(16)])
                looked_up = asked.count("tracker.example")
                assert await name(direct) == NAME
                assert asked.count("tracker.example") > looked_up
                assert sum(host.startswith("slow") for host in asked) == 16
                hanging.cancel()
                await asyncio.wait([hanging])
            hang.set()

    monkeypatch.setattr(hosts, "_REMEMBER_S", 0.0)
    run(test())
    for thread in threading.enumerate():
        if thread.name == "truename-host-name":
            thread.join(60)


def test_names_that_hang_hinder_no_other_look_up() -> None:
    hang = threading.Event()

    def look_up(host: str) -> list[str]:
        if host.startswith("slow"):
            hang.wait(60)
        return ["127.0.0.1"]

    async def test() -> None:
        async with a_tracker() as tracker, resolver(look_up=look_up) as direct:
            slow = [f"http://slow{number}.example:{tracker.port}/announce" for number in range(50)]
            hanging = asyncio.create_task(direct.resolve(magnet(DEAD, *slow), deadline_s=LONG_S))
            await asyncio.sleep(0)
            assert await name(direct, f"http://tracker.example:{tracker.port}/announce") == NAME
            hanging.cancel()
            await asyncio.wait([hanging])
        hang.set()

    run(test())


def test_a_name_that_does_not_exist_is_nobody_to_ask() -> None:
    async def test() -> None:
        async with resolver(look_up=lambda _: []) as direct:
            urls = ("http://nowhere.example/announce", "udp://nowhere.example:1/announce")
            assert await ending(direct, *urls, deadline_s=10**6) == "nobody_to_ask"

    run(test())


# --- HTTPS -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "trusted"), [("tracker.example", True), ("other.example", True), ("tracker.example", False)]
)
def test_an_https_tracker_has_to_prove_its_name(certificate: tuple[Path, Path], host: str, trusted: bool) -> None:
    async def test() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        async with Peer(INFO).serving() as peer:
            tracker = Tracker({sha1(INFO): peer.compact})
            async with (
                listening(tracker._serve, context=context) as server,
                resolver(look_up=lambda _: ["127.0.0.1"]) as direct,
            ):
                url = f"https://{host}:{server.port}/announce"
                if trusted:
                    direct._reach.trackers.tls.load_verify_locations(certificate[0])
                if trusted and host == "tracker.example":
                    assert await name(direct, url) == NAME
                else:
                    assert await ending(direct, url, deadline_s=10**6) == "nobody_to_ask"
                    assert tracker.asked == []

    run(test())


# --- whom the settings name --------------------------------------------------------------------------------------


def test_the_administrators_trackers_are_asked_for_every_hash() -> None:
    async def test() -> None:
        async with a_tracker() as tracker, resolver(trackers=(tracker.url,), magnet_trackers=False) as direct:
            assert await name(direct) == NAME

    run(test())


def test_trackers_of_magnets_can_be_left_out() -> None:
    async def test() -> None:
        async with Tracker().serving() as tracker, resolver(magnet_trackers=False) as direct:
            assert await ending(direct, tracker.url, deadline_s=10**6) == "nobody_to_ask"
            assert tracker.asked == []

    run(test())


# --- libtorrent on the other side --------------------------------------------------------------------------------


def test_libtorrent_gives_all_its_names(local_swarm: LocalSwarm) -> None:
    async def test() -> None:
        async with resolver() as direct:
            asked = [Magnet.parse(each) for each in local_swarm.magnets]
            found = await asyncio.gather(*(direct.resolve(each, deadline_s=LONG_S) for each in asked))
            assert found == [read_info(each.info, (each.info_hash,)) for each in local_swarm.torrents]

    run(test())


def test_libtorrent_gives_a_hybrid_by_both_its_hashes() -> None:
    info = hybrid_info("hybrid from libtorrent")

    async def test(folder: str) -> None:
        seeder = lt.session(
            {"listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False}
            | {"enable_upnp": False, "enable_natpmp": False, "allow_multiple_connections_per_ip": True}
        )
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(b"d4:info" + info + b"e")
        params.save_path = folder
        params.flags = lt.torrent_flags.upload_mode
        seeder.add_torrent(params)
        async with resolver() as direct:
            for topics in (f"btih:{sha1(info)}", f"btmh:1220{sha256(info)}"):
                asked = Magnet.parse(f"magnet:?xt=urn:{topics}&x.pe=127.0.0.1:{seeder.listen_port()}")
                found = await direct.resolve(asked, deadline_s=LONG_S)
                assert (found.name, found.info_hash) == ("hybrid from libtorrent", sha1(info))
                assert found.info_hash_v2 == sha256(info)

    with tempfile.TemporaryDirectory() as folder:
        run(test(folder))


# --- very many ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
def test_the_reason_of_a_tracker_that_refuses_is_told(status: str) -> None:
    async def test() -> None:
        said = b"d14:failure reason%d:%se" % (len(b"unregistered torrent"), b"unregistered torrent")
        async with Tracker(response=response(said, status=status)).serving() as tracker, resolver() as direct:
            trail = Trail()
            assert await ending(direct, tracker.url, deadline_s=0.3, trail=trail) == "no_peers"
            assert trail.said == "unregistered torrent"

    run(test())


def test_what_a_tracker_of_the_administrators_says_is_told_to_nobody() -> None:
    async def test() -> None:
        said = response(b"d14:failure reason19:unknown passkey 12x!e")
        async with Tracker(response=said).serving() as tracker, resolver(trackers=(tracker.url,)) as direct:
            trail = Trail()
            assert await ending(direct, deadline_s=0.3, trail=trail) == "no_peers"
            assert (trail.counts["trackers"], trail.said) == (1, "")

    run(test())


def many(url: str, count: int) -> list[str]:
    """So many trackers, all of them at one address."""
    return [f"{url}%3Fn={number}" for number in range(count)]


def test_when_the_first_trackers_fail_the_others_have_their_turn() -> None:
    """Fifty are asked at once; of those here only the very last one leads anywhere."""

    async def test() -> None:
        with refusing_port() as port:
            async with (
                Tracker(response=response(b"d14:failure reason2:noe")).serving() as refusing,
                a_tracker() as honest,
                resolver() as direct,
            ):
                closed = many(f"http://127.0.0.1:{port}/announce", 200)
                assert await name(direct, *closed, *many(refusing.url, 200), honest.url) == NAME
                assert len(refusing.asked) == 200

    run(test())


def test_no_more_than_fifty_trackers_are_asked_at_once_for_a_hash() -> None:
    async def test() -> None:
        async with Tracker().serving() as slow, resolver() as direct:
            slow.hold()
            assert await ending(direct, *many(slow.url, 500)) == "no_peers"
            assert len(slow.asked) == 50

    run(test())


def test_hundreds_of_trackers_that_are_not_there_end_the_look_up_when_all_were_asked() -> None:
    async def test() -> None:
        with refusing_port() as port:
            async with resolver() as direct:
                trail = Trail()
                closed = many(f"http://127.0.0.1:{port}/announce", 500)
                assert await ending(direct, *closed, deadline_s=10**6, trail=trail) == "nobody_to_ask"
                assert trail.counts == {"trackers": 500}

    run(test())


def test_the_administrators_trackers_take_nobodys_place() -> None:
    async def test() -> None:
        async with Tracker().serving() as slow, a_tracker() as honest:
            slow.hold()
            own = tuple(f"{slow.url}?own={number}" for number in range(60))
            async with resolver(trackers=own) as direct:
                assert await name(direct, *many(slow.url, 49), honest.url) == NAME

    run(test())


def test_whoever_joins_has_places_for_trackers_where_those_who_began_have_taken_all() -> None:
    async def test() -> None:
        async with Tracker().serving() as empty, a_tracker() as honest, resolver() as direct:
            asking = asyncio.create_task(direct.resolve(magnet(sha1(INFO), *many(empty.url, 55)), deadline_s=LONG_S))
            await empty.wait_for(lambda: len(empty.asked) == 50)
            assert await name(direct, honest.url) == NAME
            assert (await asking).name == NAME
            assert len(empty.asked) == 50

    run(test())


def test_a_tracker_that_waits_for_its_turn_is_not_asked_when_all_is_over() -> None:
    """The turn that the first one leaves is nobody's of a look-up that has its name."""

    async def test() -> None:
        trail = Trail()
        async with (
            Peer(INFO).serving() as peer,
            Tracker().serving() as first,
            Tracker().serving() as second,
            resolver(http_announces=1) as direct,
        ):
            first.hold()
            magnet = f"magnet:?xt=urn:btih:{sha1(INFO)}&tr={first.url}&tr={second.url}&x.pe=127.0.0.1:{peer.port}"
            found = await direct.resolve(Magnet.parse(magnet), deadline_s=LONG_S, trail=trail)
        assert (found.name, trail.counts["trackers"], second.asked) == (NAME, 1, [])

    run(test())


@pytest.mark.parametrize("how", ["answered", "stopped"])
def test_what_is_over_waits_for_no_collector_of_garbage(how: str) -> None:
    """Ten thousand hashes that nobody has took twenty megabytes more while they did."""

    async def test() -> None:
        async with a_tracker() as tracker, resolver() as direct:
            nobody = magnet(dead_hashes(1)[0], tracker.url)
            gc.collect()
            gc.disable()
            try:
                before = {id(one) for one in gc.get_objects() if isinstance(one, Question | Get | Quest | PeerRace)}
                trail = Trail()
                time_s = SHORT_S if how == "answered" else LONG_S
                asking = asyncio.create_task(direct.resolve(nobody, deadline_s=time_s, trail=trail))
                while not trail.asked:
                    await asyncio.sleep(0.01)
                if how == "stopped":
                    asking.cancel()
                await asyncio.wait([asking])
                await asyncio.sleep(0.05)
                left = [
                    one
                    for one in gc.get_objects()
                    if isinstance(one, Question | Get | Quest | PeerRace) and id(one) not in before
                ]
                assert left == []
            finally:
                gc.enable()

    run(test())
