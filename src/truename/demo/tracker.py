"""An HTTP tracker on loopback whose table of peers never changes. Its clients are our own tests, demo and bench.

Source: BEP 3 (announce), BEP 23 (compact peers).
"""

import asyncio
from collections.abc import Mapping
from ipaddress import IPv4Address
from urllib.parse import unquote_to_bytes

_MAX_REQUEST_BYTES = 16 * 1024
_PATIENCE_S = 10.0


def compact(host: str, port: int) -> bytes:
    """One peer in the compact form: four bytes of address, two of port."""
    return IPv4Address(host).packed + port.to_bytes(2, "big")


class Tracker(asyncio.Protocol):
    """One connection to the tracker: for each announce a list of peers, until the client closes or says that it will.

    `peers` maps the 20 bytes of a hash to compact peers; a hash that is not in it has none.
    """

    def __init__(self, peers: Mapping[bytes, bytes]) -> None:
        self._peers = peers
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on, and not for ever."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._patience = asyncio.get_running_loop().call_later(_PATIENCE_S, transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody is left to lose patience with."""
        if self._patience is not None:
            self._patience.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the request is whole."""
        self._received += data
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        request, end, rest = self._received.partition(b"\r\n\r\n")
        while end and not transport.is_closing():
            self._received = rest
            self._answer(transport, request)
            request, end, rest = rest.partition(b"\r\n\r\n")
        if len(self._received) > _MAX_REQUEST_BYTES:
            transport.abort()

    def _answer(self, transport: asyncio.Transport, request: bytes) -> None:
        body = announce_answer(request, self._peers)
        if is_last(request):
            # Without a length the client waits for our end of the connection. Who ends one first keeps its port in
            # TIME_WAIT for a minute, and a client that asks thousands of times would run out of ports.
            transport.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body)
            transport.close()
        else:
            transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )


def is_last(request: bytes) -> bool:
    """Whether a client asks nothing more on the connection (RFC 9112, section 9.3)."""
    first, _, headers = request.lower().partition(b"\r\n")
    return not first.endswith(b" http/1.1") or b"\r\nconnection: close\r\n" in b"\r\n" + headers + b"\r\n"


def announce_answer(request: bytes, peers: Mapping[bytes, bytes]) -> bytes:
    """The bencoded answer to one HTTP request, whatever it says."""
    words = request.split(b"\r\n", 1)[0].split(b" ")
    path, _, query = words[1].partition(b"?") if len(words) == 3 else (b"", b"", b"")
    fields = dict(pair.split(b"=", 1) for pair in query.split(b"&") if b"=" in pair)
    if words[0] != b"GET" or not path.endswith(b"/announce") or b"info_hash" not in fields:
        return b"d14:failure reason15:not an announcee"
    found = peers.get(unquote_to_bytes(fields[b"info_hash"]), b"")
    return b"d8:intervali1800e5:peers%d:%se" % (len(found), found)
