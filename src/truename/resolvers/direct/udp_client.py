"""Conversations with UDP trackers, each over one socket that hears nobody else. Source: BEP 15 (`udp_tracker.py`)."""

import asyncio
import contextlib
import errno
import secrets
import socket

from truename.checked_net import checked
from truename.resolvers.direct.announce import Announce, Announced, TrackerRefused
from truename.resolvers.direct.udp_tracker import (
    CONNECTION_LIVES_S,
    PATIENCE_S,
    Connected,
    Malformed,
    Refused,
    build_announce,
    build_connect,
    parse_answer,
    transaction_of,
)

_MAX_PACKET_BYTES = 8 * 1024
_PACKETS_AT_ONCE = 64

_NO_ROOM = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)
"""This machine has no room for the packet just now. Source: send(2)."""

_Answer = Connected | Announced | Refused


class UdpTracker:
    """One tracker at one address, for as many questions at once as one likes. To be closed.

    The kernel lets only packets of that address through, and only one that has the number of a question is an answer.
    """

    def __init__(self, address: str, port: int, *, allow_private: bool) -> None:
        (address,) = checked((address,), allow_private=allow_private)
        self._loop = asyncio.get_running_loop()
        self._address_bytes = 16 if ":" in address else 4
        self._waiting: dict[int, _Talk] = {}
        self._connection: int | None = None
        self._connected_until = 0.0
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)  # noqa: FBT003
            self._socket.connect((address, port))
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        """End all of it."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    async def announce(self, announce: Announce) -> Announced:
        """Ask, again and again with growing patience.

        Errors: `TrackerRefused`; `OSError` when nobody is there; `TimeoutError` when nobody answers.
        """
        talk = _Talk()
        try:
            for patience_s in PATIENCE_S:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        self._ask(talk, announce)
                        return await self._announced(talk, announce)
                self._connection = None  # it may have forgotten the connection, and say nothing
        finally:
            for transaction in talk.open:
                self._waiting.pop(transaction, None)
        raise TimeoutError("no answer")

    async def _announced(self, talk: "_Talk", announce: Announce) -> Announced:
        """Go on until it names peers. A late answer counts, but no refusal of what was asked over another connection.

        What does not answer what it is sent for is a refusal as well, so that it cannot go on for ever.
        """
        while True:
            transaction, answer = await talk.next_answer()
            is_greeting = transaction in talk.greetings
            if isinstance(answer, Announced) and not is_greeting:
                return answer
            if isinstance(answer, Connected) and is_greeting:
                self._connection = answer.connection
                self._connected_until = self._loop.time() + CONNECTION_LIVES_S
                talk.connections += 1
            elif talk.open[transaction] < talk.connections:
                continue
            elif talk.is_refused():
                raise TrackerRefused("it says no", answer.said if isinstance(answer, Refused) else b"")
            else:
                self._connection = None
            self._ask(talk, announce)

    def _ask(self, talk: "_Talk", announce: Announce) -> None:
        """Send what comes next: the announce where there is a connection, or else a greeting."""
        transaction = self._new_transaction()
        self._waiting[transaction] = talk
        talk.open[transaction] = talk.connections
        if self._connection is None or self._connected_until <= self._loop.time():
            talk.greetings.add(transaction)
            self._send(build_connect(transaction))
        else:
            self._send(build_announce(self._connection, transaction, announce))

    def _new_transaction(self) -> int:
        while (transaction := secrets.randbits(32)) in self._waiting:
            pass
        return transaction

    def _send(self, packet: bytes) -> None:
        try:
            self._socket.send(packet)
        except OSError as error:
            if error.errno not in _NO_ROOM:  # else as good as lost on the way: it will be sent again
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Nobody listens there: the kernel was told, and tells it once, to whoever sends or receives next."""
        for talk in set(self._waiting.values()):
            talk.put(0, type(error)(*error.args))

    def _read(self) -> None:
        for _ in range(_PACKETS_AT_ONCE):
            try:
                packet = self._socket.recv(_MAX_PACKET_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(error)
                return
            self._take(packet)

    def _take(self, packet: bytes) -> None:
        transaction = transaction_of(packet) or 0
        talk = self._waiting.get(transaction)
        if talk is None:
            return
        with contextlib.suppress(Malformed):
            talk.put(transaction, parse_answer(packet, address_bytes=self._address_bytes))
            del self._waiting[transaction]


class _Talk:
    """What was sent for one announce, and what has been answered.

    `open`: the numbers of all packets, and how many `connections` were known when each was sent; some are `greetings`.
    """

    def __init__(self) -> None:
        self.open: dict[int, int] = {}
        self.connections = 0
        self.greetings: set[int] = set()
        self._refused = False
        self._answers: asyncio.Queue[tuple[int, _Answer | OSError]] = asyncio.Queue()

    def put(self, transaction: int, answer: _Answer | OSError) -> None:
        """An answer to a packet, or that nobody is there."""
        self._answers.put_nowait((transaction, answer))

    async def next_answer(self) -> tuple[int, _Answer]:
        """Errors: `OSError` when nobody is there."""
        transaction, answer = await self._answers.get()
        if isinstance(answer, OSError):
            raise answer
        return transaction, answer

    def is_refused(self) -> bool:
        """Whether a refusal is final. Once the reason may be that a connection is an old one, or was replaced."""
        was_refused, self._refused = self._refused, True
        return was_refused or (self.connections > 0 and len(self.greetings) == 1)
