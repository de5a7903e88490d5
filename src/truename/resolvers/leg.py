"""One resolver's part in a look-up: what it was asked, how it goes on, how it ended.

Resolvers that have a `begin` (`base.Beginning`) need no task while they wait; the others are asked in one.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from truename.asked import Asked, InATask
from truename.errors import BadName, Refused, ResolverDown
from truename.magnet import Magnet
from truename.metainfo import Metainfo
from truename.model import Account
from truename.resolvers.base import Found, Resolver, Trail
from truename.resolvers.verdict import FAILURES, Ending, word_of

log = logging.getLogger(__name__)


class Race(Protocol):
    """Those who run it together."""

    def wake(self) -> None:
        """One of them has news; the resolver is in the midst of something."""

    def look(self) -> None:
        """One of them has ended, in a turn of the loop of its own."""


class Leg:
    """From the moment when the resolver is asked.

    `ended` is what came of it, None while it goes on or when it was stopped.
    """

    __slots__ = (
        "_asked",
        "_loop",
        "_race",
        "_started",
        "asked_at",
        "elapsed_s",
        "ended",
        "magnet",
        "resolver",
        "trail",
    )

    def __init__(self, resolver: Resolver, magnet: Magnet, deadline_s: float, race: Race) -> None:
        self.resolver = resolver
        self.magnet = magnet
        self.trail = Trail(race.wake)
        self.ended: Ending | None = None
        self.asked_at: float | None = None
        self.elapsed_s = 0.0
        self._race = race
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._asked = self._ask(deadline_s)

    def stop(self) -> asyncio.Task[None] | None:
        """Ask no more. Output: what is still being put away, if it takes its time."""
        asked, self._asked = self._asked, None
        if asked is None:
            return None
        self.elapsed_s = self._loop.time() - self._started
        asked.stop()
        return asked.leaving

    @property
    def is_proof(self) -> bool:
        """Whether it proves a name, or that there is none."""
        return isinstance(self.ended, Metainfo | BadName)

    @property
    def is_about_to_end(self) -> bool:
        """Whether it has an answer that the race will be told in the next turn of the loop."""
        return self._asked is not None and self._asked.is_answered

    @property
    def is_reading(self) -> bool:
        """Whether it has what was asked for: nobody else can do better, and asking it anew would begin anew."""
        return self._asked is not None and self.trail.has_found

    def is_late(self, now: float, late_s: float) -> bool:
        """Whether the next resolver is to be asked as well."""
        if self.ended is not None or self.trail.stuck:
            return True
        return self.asked_at is not None and now >= self.asked_at + late_s

    def account(self) -> Account:
        """What it did, for a person."""
        reason = self.ended.reason if isinstance(self.ended, ResolverDown | Refused) else ""
        said = self.ended.said if isinstance(self.ended, Refused) else ""
        return Account(
            resolver=self.resolver.name,
            ended=word_of(self.ended),
            reason=reason,
            said=said,
            tracker_said=self.trail.said,
            counts=dict(self.trail.counts),
            elapsed_s=self.elapsed_s,
        )

    def _ask(self, deadline_s: float) -> Asked[Found] | None:
        begin: Callable[..., Asked[Found]] | None = getattr(self.resolver, "begin", None)
        if begin is None:
            ask = partial(self.resolver.resolve, self.magnet, deadline_s=deadline_s, trail=self.trail)
            return InATask(ask, self._has_ended)
        try:
            return begin(self.magnet, self._has_ended, deadline_s=deadline_s, trail=self.trail)
        except Exception as error:
            self._loop.call_soon(self._has_ended, error)
            return None

    def _has_ended(self, answer: Found | Exception) -> None:
        if isinstance(answer, Exception) and not isinstance(answer, FAILURES):
            # A defect of one resolver is not the end of the look-up.
            log.error("a resolver broke", extra={"resolver": self.resolver.name}, exc_info=answer)
            answer = Refused("")
        self.ended = answer
        self.elapsed_s = self._loop.time() - self._started
        self._asked = None
        self._race.look()
