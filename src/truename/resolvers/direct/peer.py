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
        end = await connection.end
    except (OSError, Forbidden) as error:  # a time-out is an OSError too
        raise TalkFailed(Trouble.UNREACHED) from error
    finally:
        connection.close()
        talk.close()
    if isinstance(end, Trouble):
        raise TalkFailed(end)
    return end


class _Connection(Listener):
    """`end` becomes the dictionary, or the trouble: an error would know all frames, and what was held in them.

    A peer that brings nothing new for `silence_s` has ended it; and so has one that takes longer than `talk_s` in all,
    give or take `silence_s`, or that does not make up within `grace_s` for what its greeting lacked.
    """

    def __init__(self, talk: Talk, limits: Limits, rests: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.end: asyncio.Future[bytes | Trouble] = self._loop.create_future()
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
        if self.end.done() or self._line is None:
            return
        try:
            answer = self._talk.hear(data)
        except TalkFailed as failed:
            self._fail(failed.trouble)
            return
        if answer:
            self._line.write(answer)
        if self._talk.raw is not None and not self.end.done():
            self.end.set_result(self._talk.raw)
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
        self.end.cancel()

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
        """The end; nothing more is heard of this peer, so that it can send no more of anything."""
        if self._line is not None:
            self._line.abort()
        if not self.end.done():
            self.end.set_result(trouble)
