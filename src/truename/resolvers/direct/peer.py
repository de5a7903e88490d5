"""One conversation with one peer: a connection around a `Talk`, with a bound on its time."""

import asyncio
from collections.abc import Callable

from truename.checked_net import Forbidden
from truename.metainfo import InfoBytes
from truename.resolvers.direct.announce import Peer
from truename.resolvers.direct.config import Limits
from truename.resolvers.direct.dialer import Dialer, Dialled
from truename.resolvers.direct.lines import Line, Listener
from truename.resolvers.direct.talk import Talk, TalkFailed, Trouble


class Conversation(Listener):
    """`on_end` is told the info dictionary, its digest checked, or the trouble; once, and never from within `begin`.

    `on_rest` is called when nothing can be asked for the time being, since the peer's greeting lacks something.
    A peer that brings nothing new for `silence_s` has ended it; and so has one that takes longer than `talk_s` in all,
    give or take `silence_s`, or that does not make up within `grace_s` for what its greeting lacked.
    """

    __slots__ = (
        *("_clock", "_dialled", "_grace", "_limits", "_line", "_look_at", "_loop", "_on_end", "_on_rest", "_steps"),
        *("_until", "talk"),
    )

    def __init__(
        self,
        talk: Talk,
        limits: Limits,
        *,
        on_rest: Callable[[], None],
        on_end: Callable[["Conversation", InfoBytes | Trouble], None],
    ) -> None:
        self.talk = talk
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._on_rest = on_rest
        self._on_end: Callable[[Conversation, InfoBytes | Trouble], None] | None = on_end
        self._steps = 0
        self._until: float | None = None  # not connected yet
        self._look_at = 0.0
        self._dialled: Dialled | None = None
        self._line: Line | None = None
        self._clock: asyncio.Handle | None = None
        self._grace: asyncio.TimerHandle | None = None

    def begin(self, dialer: Dialer, peer: Peer) -> None:
        """Call the peer."""
        try:
            self._dialled = dialer.dial(*peer, self)
        except (OSError, Forbidden):
            self._clock = self._loop.call_soon(self._end, Trouble.UNREACHED)
        else:
            self._look_at = self._loop.time() + self._limits.connect_s
            self._clock = self._loop.call_at(self._look_at, self._look_at_the_clock)

    def leave(self) -> None:
        """It has to make room for others, and ends soon, as one that was too slow."""
        self._loop.call_soon(lambda: self._end(self.talk.lacking or Trouble.SILENT))

    def stop(self) -> None:
        """End it; nobody is told. Idempotent."""
        self._on_end = None
        for timer in (self._clock, self._grace):
            if timer is not None:
                timer.cancel()
        for line in (self._line, self._dialled):
            if line is not None:
                line.abort()
        self._line = self._dialled = None
        self.talk.close()

    # --- Listener ------------------------------------------------------------------------------------------------

    def connection_made(self, line: Line) -> None:
        """See `Listener`."""
        if self._on_end is None:
            line.abort()
            return
        now = self._loop.time()
        self._until = now + self._limits.talk_s
        self._line = line
        self._look_no_later_than(now + self._limits.silence_s)
        line.write(self.talk.opening())

    def data_received(self, data: bytes) -> None:
        """See `Listener`."""
        if self._on_end is None:
            return
        try:
            answer = self.talk.hear(data)
        except TalkFailed as failed:
            self._end(failed.trouble)
            return
        if self.talk.info is not None:
            self._end(self.talk.info)
        elif self.talk.lacking is not None and self._grace is None:
            self._grace = self._loop.call_later(self._limits.grace_s, self._grace_is_over)
            self._on_rest()
        if answer and self._line is not None:
            self._line.write(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """See `Listener`."""
        self._end(Trouble.UNREACHED if self._until is None else self.talk.lacking or Trouble.HUNG_UP)

    # --- the end -------------------------------------------------------------------------------------------------

    def _look_no_later_than(self, moment: float) -> None:
        """Most have ended by the time at which it would have been seen whether they could be connected."""
        if moment < self._look_at and self._clock is not None:
            self._clock.cancel()
            self._clock = self._loop.call_at(moment, self._look_at_the_clock)
        self._look_at = moment

    def _look_at_the_clock(self) -> None:
        now = self._loop.time()
        if self._until is None:
            self._end(Trouble.UNREACHED)
            return
        if self._look_at <= now:
            if self.talk.steps == self._steps or now > self._until:
                self._end(Trouble.SILENT)
                return
            self._steps = self.talk.steps
            self._look_at = now + self._limits.silence_s
        self._clock = self._loop.call_at(self._look_at, self._look_at_the_clock)

    def _grace_is_over(self) -> None:
        if (trouble := self.talk.lacking) is not None:
            self._end(trouble)

    def _end(self, end: InfoBytes | Trouble) -> None:
        """Nothing more is heard of this peer, so that it can send no more of anything."""
        on_end = self._on_end
        self.stop()
        if on_end is not None:
            on_end(self, end)
