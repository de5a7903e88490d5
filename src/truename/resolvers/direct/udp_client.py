"""Conversations with UDP trackers, each over one socket that hears nobody else. Source: BEP 15 (`udp_tracker.py`)."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator
from functools import partial

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

_Answer = Connected | Announced | Refused
_Future = asyncio.Future[_Answer]


class UdpTracker:
    """One tracker at one address, for as many questions at once as one likes. To be closed.

    The kernel lets only packets of that address through, and only one that has the number of a question is an answer.
    """

    def __init__(self, address: str, port: int, *, allow_private: bool) -> None:
        (address,) = checked((address,), allow_private=allow_private)
        self._loop = asyncio.get_running_loop()
        self._address_bytes = 16 if ":" in address else 4
        self._waiting: dict[int, _Future] = {}
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
        fresh = False
        with self._question() as connecting, self._question() as asking:
            for patience_s in PATIENCE_S:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        while True:
                            if self._connection is None or self._connected_until <= self._loop.time():
                                self._connected(await connecting.ask(build_connect))
                                fresh = True
                                asking.forget()  # what is said of an earlier connection
                            answer = await asking.ask(partial(self._announce_packet, announce))
                            if isinstance(answer, Announced):
                                return answer
                            if fresh:
                                raise TrackerRefused("it says no")
                            self._connection = None  # it may have forgotten the connection that we remember
                if not fresh:
                    self._connection = None
        raise TimeoutError("no answer")

    def _connected(self, answer: _Answer) -> None:
        if not isinstance(answer, Connected):
            raise TrackerRefused("no connection")
        self._connection = answer.connection
        self._connected_until = self._loop.time() + CONNECTION_LIVES_S

    def _announce_packet(self, announce: Announce, transaction: int) -> bytes:
        return build_announce(self._connection or 0, transaction, announce)

    @contextlib.contextmanager
    def _question(self) -> Iterator["_Question"]:
        question = _Question(self._open)
        try:
            yield question
        finally:
            for transaction in question.transactions:
                del self._waiting[transaction]

    def _open(self, build: Callable[[int], bytes], answer: _Future) -> int:
        """Send a packet with a number of its own, so that this future has its answer. Output: the number."""
        transaction = self._new_transaction()
        self._waiting[transaction] = answer
        self._send(build(transaction))
        return transaction

    def _new_transaction(self) -> int:
        while (transaction := secrets.randbits(32)) in self._waiting:
            pass
        return transaction

    def _send(self, packet: bytes) -> None:
        try:
            self._socket.send(packet)
        except BlockingIOError:
            pass  # as good as lost on the way: it will be sent again
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Nobody listens there: the kernel was told, and tells it once, to whoever sends or receives next."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(type(error)(*error.args))
                future.exception()  # perhaps nobody waits for it any more

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
        future = self._waiting.get(transaction_of(packet) or 0)
        if future is None or future.done():
            return
        with contextlib.suppress(Malformed):
            future.set_result(parse_answer(packet, address_bytes=self._address_bytes))


class _Question:
    """One that is sent again and again under new numbers. The answer to any of them counts, also a late one."""

    def __init__(self, send: Callable[[Callable[[int], bytes], _Future], int]) -> None:
        self.transactions: list[int] = []
        self._send = send
        self._answer: _Future | None = None

    def forget(self) -> None:
        """What was sent so far is answered to nobody any more."""
        self._answer = None

    async def ask(self, build: Callable[[int], bytes]) -> _Answer:
        """Send it once more, unless there is an answer meanwhile, and wait. Whoever gives up waiting may ask again."""
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
        answer = self._answer
        if not answer.done():
            self.transactions.append(self._send(build, answer))
        try:
            return await asyncio.shield(answer)
        finally:
            if answer.done():
                self._answer = None
