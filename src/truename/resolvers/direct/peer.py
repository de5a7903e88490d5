"""One conversation with one peer: a connection around a `Talk`, with a bound on its time."""

import asyncio
from typing import cast

from truename.checked_net import Forbidden
from truename.resolvers.direct.announce import Peer
from truename.resolvers.direct.config import Limits
from truename.resolvers.direct.dialer import Dialer
from truename.resolvers.direct.talk import Talk, TalkFailed, Trouble


async def converse(dialer: Dialer, talk: Talk, peer: Peer, limits: Limits) -> bytes:
    """The info dictionary from this peer, its digest checked.

    Errors: `TalkFailed`. In every case, cancellation too, the connection is closed before this ends.
    """
    try:
        async with asyncio.timeout(limits.connect_s):
            connection = await dialer.connect(lambda: _Connection(talk, limits.silence_s), *peer)
    except (OSError, Forbidden) as error:  # a time-out is an OSError too
        talk.close()
        raise TalkFailed(Trouble.UNREACHED) from error
    except asyncio.CancelledError:
        talk.close()
        raise
    try:
        async with asyncio.timeout(limits.talk_s):
            return await connection.raw
    except TimeoutError as error:
        raise TalkFailed(Trouble.SILENT) from error
    finally:
        connection.close()
        talk.close()


class _Connection(asyncio.Protocol):
    """`raw` becomes the dictionary, or a `TalkFailed`. A peer that brings nothing new for `silence_s` has ended it."""

    def __init__(self, talk: Talk, silence_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.raw: asyncio.Future[bytes] = self._loop.create_future()
        self.raw.add_done_callback(_was_seen)
        self._talk = talk
        self._silence_s = silence_s
        self._steps = -1
        self._transport: asyncio.Transport | None = None
        self._clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._talk.opening())
        self._look()

    def data_received(self, data: bytes) -> None:
        if self.raw.done() or self._transport is None:
            return
        try:
            answer = self._talk.hear(data)
        except TalkFailed as failed:
            self._fail(failed)
            return
        if answer:
            self._transport.write(answer)
        if self._talk.raw is not None:
            self.raw.set_result(self._talk.raw)

    def connection_lost(self, error: Exception | None) -> None:
        if self._clock is not None:
            self._clock.cancel()
        self._fail(TalkFailed(Trouble.HUNG_UP))

    def close(self) -> None:
        """At once, whatever is on its way."""
        if self._clock is not None:
            self._clock.cancel()
        if self._transport is not None:
            self._transport.abort()
        self.raw.cancel()

    def _look(self) -> None:
        if self._talk.steps == self._steps:
            self._fail(TalkFailed(Trouble.SILENT))
            return
        self._steps = self._talk.steps
        self._clock = self._loop.call_later(self._silence_s, self._look)

    def _fail(self, failed: TalkFailed) -> None:
        if not self.raw.done():
            self.raw.set_exception(failed)


def _was_seen(raw: asyncio.Future[bytes]) -> None:
    """Who was to wait for it may have been cancelled meanwhile, and then it is no news that it failed."""
    if not raw.cancelled():
        raw.exception()
