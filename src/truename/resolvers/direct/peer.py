"""One conversation with one peer: a connection around a `Talk`, with a bound on its time."""

import asyncio
from collections.abc import Callable

from truename.checked_net import Forbidden
from truename.resolvers.direct.announce import Peer
from truename.resolvers.direct.config import Limits
from truename.resolvers.direct.dialer import Dialer, Line, Listener
from truename.resolvers.direct.talk import Talk, TalkFailed, Trouble


async def converse(dialer: Dialer, talk: Talk, peer: Peer, limits: Limits, *, rests: Callable[[], None]) -> bytes:
    """The info dictionary from this peer, its digest checked.

    `rests` is called when nothing can be asked for the time being, since the peer's greeting lacks something.
    Errors: `TalkFailed`. In every case, cancellation too, the connection is closed before this ends.
    """
    connection = _Connection(talk, limits, rests)
    try:
        async with asyncio.timeout(limits.connect_s):
            await dialer.connect(lambda: connection, *peer)
        return await connection.raw
    except (OSError, Forbidden) as error:  # a time-out is an OSError too
        raise TalkFailed(Trouble.UNREACHED) from error
    finally:
        connection.close()
        talk.close()
        del connection, talk  # an error knows this frame, and the connection the error: a ring that would stay for long


class _Connection(Listener):
    """`raw` becomes the dictionary, or a `TalkFailed`.

    A peer that brings nothing new for `silence_s` has ended it; and so has one that takes longer than `talk_s` in all,
    give or take `silence_s`, or that does not make up within `grace_s` for what its greeting lacked.
    """

    def __init__(self, talk: Talk, limits: Limits, rests: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.raw: asyncio.Future[bytes] = self._loop.create_future()
        self.raw.add_done_callback(_was_seen)
        self._talk = talk
        self._limits = limits
        self._rests = rests
        self._steps = -1
        self._until = 0.0
        self._line: Line | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._grace: asyncio.TimerHandle | None = None

    def connection_made(self, line: Line) -> None:
        """See `Listener`."""
        self._line = line
        self._until = self._loop.time() + self._limits.talk_s
        self._look_at_the_clock()
        line.write(self._talk.opening())

    def data_received(self, data: bytes) -> None:
        """See `Listener`."""
        if self.raw.done() or self._line is None:
            return
        try:
            answer = self._talk.hear(data)
        except TalkFailed as failed:
            self._fail(failed.trouble)
            return
        if answer:
            self._line.write(answer)
        if self._talk.raw is not None and not self.raw.done():
            self.raw.set_result(self._talk.raw)
        if self._talk.lacking is not None and self._grace is None:
            self._grace = self._loop.call_later(self._limits.grace_s, self._grace_is_over)
            self._rests()

    def connection_lost(self, error: Exception | None) -> None:
        """See `Listener`."""
        self._fail(self._talk.lacking or Trouble.HUNG_UP)

    def close(self) -> None:
        """At once, whatever is on its way."""
        for timer in (self._clock, self._grace):
            if timer is not None:
                timer.cancel()
        if self._line is not None:
            self._line.abort()
        self._line = None
        self.raw.cancel()

    def _look_at_the_clock(self) -> None:
        if self._talk.steps == self._steps or self._loop.time() > self._until:
            self._fail(Trouble.SILENT)
            return
        self._steps = self._talk.steps
        self._clock = self._loop.call_later(self._limits.silence_s, self._look_at_the_clock)

    def _grace_is_over(self) -> None:
        if (trouble := self._talk.lacking) is not None:
            self._fail(trouble)

    def _fail(self, trouble: Trouble) -> None:
        """The end; nothing more is heard of this peer, so that it can send no more of anything.

        The error is a new one: the one that was raised remembers where, and all that was held there, for as long as it
        is there itself.
        """
        if self._line is not None:
            self._line.abort()
        if not self.raw.done():
            self.raw.set_exception(TalkFailed(trouble))


def _was_seen(raw: asyncio.Future[bytes]) -> None:
    """Who was to wait for it may have been cancelled meanwhile, and then it is no news that it failed."""
    if not raw.cancelled():
        raw.exception()
