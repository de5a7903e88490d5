"""Connections to HTTP trackers that stay for the next question: thousands of magnets name the same few trackers.

A tracker is asked to keep one only while others wait to ask it, since some never answer a second request, or end
nothing that they are not asked to close. So the first line that is used again is on trial while all others begin anew,
and whoever has no whole answer soon begins anew and asks for a close. Source: RFC 9112, section 9.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from truename.checked_net import Forbidden
from truename.resolvers.direct.dialer import Dialer, Dialled, Tls
from truename.resolvers.direct.lines import Line, Listener

_IDLE_S = 1.0
"""For so long a line waits for its next question."""

_PATIENCE_S = 1.5
"""For so long a question waits for a whole answer on a line that stays, or has."""

_REMEMBERED = 1024
_LEAVES_FOR_S = 600.0
"""A tracker that did not keep them was perhaps busy, or behind another server by then."""


class Address(NamedTuple):
    """Where a line leads, and by which name it is spoken to. What an administrator's trackers may use is never lent to
    a stranger's.
    """

    host: str
    port: int
    name: str
    exempt: bool
    tls: Tls | None


class Visited(Line, Protocol):
    """A line that can be left as it is."""

    def stays(self) -> bool:
        """Whether the tracker is to keep it when it has answered what is asked now."""

    def keep(self) -> None:
        """The next one may have it: it has brought an answer of use, and nothing is under way on it any more."""

    @property
    def was_kept_before(self) -> bool:
        """Whether the tracker is known to keep them: then what comes is about what was asked last."""

    def heard(self, *, of_use: bool) -> None:
        """A whole answer has come."""

    def begin_anew(self) -> bool:
        """What came is of no use. If somebody else used the line before, the visitor is connected once more."""


class Visitor(Protocol):
    """Who uses a line for one question; told as a `Listener` is. May be connected twice: then it asks once more."""

    def connection_made(self, line: Visited) -> None: ...

    def data_received(self, data: bytes) -> None: ...

    def connection_lost(self, error: Exception | None) -> None: ...


class _Custom(Enum):
    """What is known of a tracker's ways with connections."""

    UNTRIED = "nobody has used one again"
    ON_TRIAL = "somebody does"
    KEEPS = "it answers on one that was used before"
    LEAVES = "it does not"


@dataclass(slots=True)
class _Tracker:
    """`since`: when its custom was seen."""

    custom: _Custom = _Custom.UNTRIED
    since: float = 0.0
    idle: "list[_KeptLine]" = field(default_factory=list)

    def custom_at(self, now: float) -> _Custom:
        """What it is like now."""
        if self.custom is _Custom.LEAVES and now >= self.since + _LEAVES_FOR_S:
            self.custom = _Custom.UNTRIED
        return self.custom

    def is_like(self, custom: _Custom) -> None:
        """This has been seen."""
        self.custom, self.since = custom, asyncio.get_running_loop().time()


class KeptLines:
    """The lines to HTTP trackers of one event loop; at most `most` of them wait for somebody."""

    def __init__(self, dialer: Dialer, *, most: int) -> None:
        self._dialer = dialer
        self._most = most
        self._trackers: OrderedDict[Address, _Tracker] = OrderedDict()
        self._idle: dict[_KeptLine, float] = {}  # the longest first, and until when
        self._clock: asyncio.TimerHandle | None = None

    def call(self, address: Address, visitor: Visitor, *, others_wait: Callable[[], bool]) -> Dialled:
        """Get a line for the visitor, who hears of it later and not from within.

        Input:  `others_wait` tells whether somebody waits to ask this tracker.
        Errors: `Forbidden`; `OSError` when no connection can begin.
        """
        tracker = self._tracker(address)
        custom = tracker.custom_at(asyncio.get_running_loop().time())
        if tracker.idle and custom in (_Custom.UNTRIED, _Custom.KEEPS):
            line = tracker.idle.pop()
            del self._idle[line]
            is_trial = custom is _Custom.UNTRIED
            if is_trial:
                tracker.is_like(_Custom.ON_TRIAL)
            line.serve_again(visitor, others_wait, is_trial=is_trial)
            return line
        return self.dial(address, visitor, others_wait)

    def dial(
        self,
        address: Address,
        visitor: Visitor,
        others_wait: Callable[[], bool],
        *,
        is_second: bool = False,
        is_trial: bool = False,
    ) -> "_KeptLine":
        """A new line, see `call`.

        Input:  `is_second`: it takes the place of one on which nothing of use came, which was `is_trial` or not.
        """
        line = _KeptLine(self, address, self._tracker(address), is_second=is_second, is_trial=is_trial)
        line.begin(self._dialer, visitor, others_wait)
        return line

    def take_back(self, line: "_KeptLine", tracker: _Tracker) -> None:
        """Nobody uses it any more."""
        if tracker.custom is _Custom.LEAVES or len(self._idle) >= self._most:
            line.abort()
            return
        loop = asyncio.get_running_loop()
        tracker.idle.append(line)
        self._idle[line] = until = loop.time() + _IDLE_S
        if self._clock is None:
            self._clock = loop.call_at(until, self._end_idle_ones)

    def forget(self, line: "_KeptLine", tracker: _Tracker) -> None:
        """It has ended while nobody used it."""
        if self._idle.pop(line, None) is not None:
            tracker.idle.remove(line)

    def close(self) -> None:
        """End all that wait. Idempotent."""
        if self._clock is not None:
            self._clock.cancel()
        self._most = 0
        for line in list(self._idle):
            line.abort()

    def _tracker(self, address: Address) -> _Tracker:
        tracker = self._trackers.get(address)
        if tracker is None:
            tracker = self._trackers[address] = _Tracker()
            if len(self._trackers) > _REMEMBERED:
                self._trackers.popitem(last=False)
        self._trackers.move_to_end(address)
        return tracker

    def _end_idle_ones(self) -> None:
        self._clock = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for line in [line for line, until in self._idle.items() if until <= now]:
            line.abort()
        if self._idle:
            self._clock = loop.call_at(next(iter(self._idle.values())), self._end_idle_ones)


class _KeptLine(Listener):
    """One line, and who uses it now, if anybody does."""

    __slots__ = (
        *("_address", "_dialled", "_is_second", "_is_trial", "_is_used_again", "_is_welcome", "_line", "_lines"),
        *("_others_wait", "_patience", "_successor", "_tracker", "_visitor"),
    )

    def __init__(
        self, lines: KeptLines, address: Address, tracker: _Tracker, *, is_second: bool, is_trial: bool
    ) -> None:
        self._lines = lines
        self._address = address
        self._tracker = tracker
        self._visitor: Visitor | None = None
        self._others_wait: Callable[[], bool] = bool
        self._dialled: Dialled | None = None
        self._line: Line | None = None
        self._is_second = is_second
        self._is_trial = is_trial
        self._is_used_again = False
        self._is_welcome = True
        self._patience: asyncio.TimerHandle | None = None  # until the answer is whole
        self._successor: Dialled | None = None  # what the last visitor has got in its place

    def begin(self, dialer: Dialer, visitor: Visitor, others_wait: Callable[[], bool]) -> None:
        """Call the tracker. Errors: see `KeptLines.call`."""
        host, port, _, exempt, tls = self._address
        self._visitor, self._others_wait = visitor, others_wait
        self._dialled = dialer.dial(host, port, self, exempt=exempt, tls=tls)

    def serve_again(self, visitor: Visitor, others_wait: Callable[[], bool], *, is_trial: bool) -> None:
        """Somebody else uses it."""
        self._visitor, self._others_wait, self._is_trial = visitor, others_wait, is_trial
        self._is_used_again = True
        self._is_welcome = False
        asyncio.get_running_loop().call_soon(self._welcome)

    # --- Visited -------------------------------------------------------------------------------------------------

    def stays(self) -> bool:
        """See `Visited`."""
        loop = asyncio.get_running_loop()
        is_to_stay = (
            not self._is_second and self._tracker.custom_at(loop.time()) is not _Custom.LEAVES and self._others_wait()
        )
        if is_to_stay or self._is_used_again:
            self._patience = loop.call_later(_PATIENCE_S, self._patience_is_over)
        return is_to_stay

    def write(self, data: bytes) -> None:
        """See `Line`."""
        if self._line is not None:
            self._line.write(data)

    @property
    def was_kept_before(self) -> bool:
        """See `Visited`."""
        return self._tracker.custom is _Custom.KEEPS

    def heard(self, *, of_use: bool) -> None:
        """See `Visited`. If the second line brings nothing of use either, that was not the first one's fault."""
        if self._is_second:
            self._is_second = False
            if of_use:
                self._leaves()
            self._no_longer_on_trial()

    def keep(self) -> None:
        """See `Visited`."""
        if self._is_used_again and self._tracker.custom is not _Custom.LEAVES:
            self._tracker.is_like(_Custom.KEEPS)
        self._is_trial = False
        self._part()
        self._lines.take_back(self, self._tracker)

    def begin_anew(self) -> bool:
        """See `Visited`."""
        if self._visitor is None or not self._is_used_again:
            return False
        self._replace(self._visitor, is_second=True)
        return True

    def abort(self) -> None:
        """See `Line`."""
        self._no_longer_on_trial()
        self._part()
        self._end()
        if self._successor is not None:
            self._successor.abort()
            self._successor = None

    # --- Listener ------------------------------------------------------------------------------------------------

    def connection_made(self, line: Line) -> None:
        """See `Listener`."""
        self._line = line
        if self._visitor is None:
            self._end()
        self._welcome()

    def data_received(self, data: bytes) -> None:
        """See `Listener`."""
        if self._visitor is None:
            self._end()  # nobody has asked it anything
        elif self._is_welcome:
            self._visitor.data_received(data)
        else:
            self._was_gone(self._visitor)

    def connection_lost(self, error: Exception | None) -> None:
        """See `Listener`."""
        if self._visitor is None:
            self._end()
        elif self._is_welcome:
            self._visitor.connection_lost(error)
        else:
            self._was_gone(self._visitor)

    # --- the next one --------------------------------------------------------------------------------------------

    def _welcome(self) -> None:
        self._is_welcome = True
        if self._visitor is not None:
            self._visitor.connection_made(self)

    def _was_gone(self, visitor: Visitor) -> None:
        """It ended, or spoke, while it waited for somebody; who was to have it has asked nothing yet."""
        self._no_longer_on_trial()
        self._replace(visitor, is_second=False)

    def _patience_is_over(self) -> None:
        """Whatever it is, a new line on which a close is asked for is what everybody understands. Nobody else is to
        wait so long.
        """
        if self._visitor is not None:
            self._leaves()
            self._replace(self._visitor, is_second=True)

    def _leaves(self) -> None:
        """It has not kept a line. One that has kept others is tried once more."""
        has_kept = self._tracker.custom is _Custom.KEEPS
        self._tracker.is_like(_Custom.UNTRIED if has_kept else _Custom.LEAVES)

    def _no_longer_on_trial(self) -> None:
        if self._is_trial and self._tracker.custom is _Custom.ON_TRIAL:
            self._tracker.is_like(_Custom.UNTRIED)
        self._is_trial = False

    def _replace(self, visitor: Visitor, *, is_second: bool) -> None:
        """The visitor gets a new line. What is still to be heard of this one is nothing to them."""
        others_wait, is_trial = self._others_wait, self._is_trial
        self._part()
        self._end()
        try:
            self._successor = self._lines.dial(
                self._address, visitor, others_wait, is_second=is_second, is_trial=is_trial
            )
            self._is_trial = False
        except (OSError, Forbidden) as error:
            self._no_longer_on_trial()
            visitor.connection_lost(error)

    def _part(self) -> None:
        """Nobody uses it any more."""
        self._visitor = None
        self._is_used_again = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end(self) -> None:
        self._lines.forget(self, self._tracker)
        for one in (self._line, self._dialled):
            if one is not None:
                one.abort()
        self._line = self._dialled = None
