"""One resolver's part in a look-up: what it was asked, how it goes on, how it ended.

Resolvers that have a `begin` (`base.Beginning`) need no task while they wait; the others are asked in one.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from truename.errors import BadName, Refused, ResolverDown
from truename.magnet import Magnet
from truename.metainfo import Metainfo
from truename.model import Account
from truename.resolvers.asked import Asked, Ended
from truename.resolvers.base import Found, Resolver, Trail
from truename.resolvers.verdict import FAILURES, Ending, word_of

log = logging.getLogger(__name__)


class Leg:
    """From the moment when the resolver is asked. `ended` is what came of it, None while it goes on or once stopped."""

    __slots__ = (
        "_asked",
        "_loop",
        "_started",
        "_wake",
        "asked_at",
        "elapsed_s",
        "ended",
        "magnet",
        "resolver",
        "trail",
    )

    def __init__(self, resolver: Resolver, magnet: Magnet, deadline_s: float, wake: Callable[[], None]) -> None:
        self.resolver = resolver
        self.magnet = magnet
        self.trail = Trail(wake)
        self.ended: Ending | None = None
        self.asked_at: float | None = None
        self.elapsed_s = 0.0
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._asked = self._ask(deadline_s)

    def stop(self) -> asyncio.Task[None] | None:
        """Ask no more. Output: what is still being put away, if it takes its time."""
        asked, self._asked = self._asked, None
        if asked is None:
            return None
        asked.stop()
        return asked.leaving if isinstance(asked, _InATask) else None

    @property
    def is_proof(self) -> bool:
        """Whether it proves a name, or that there is none."""
        return isinstance(self.ended, Metainfo | BadName)

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
            counts=dict(self.trail.counts),
            elapsed_s=self.elapsed_s,
        )

    def _ask(self, deadline_s: float) -> Asked[Found] | None:
        begin: Callable[..., Asked[Found]] | None = getattr(self.resolver, "begin", None)
        if begin is None:
            begin = partial(_InATask, self._loop, self.resolver)
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
        self._wake()


class _InATask(Asked[Found]):
    """A resolver that is asked by `resolve`."""

    __slots__ = ("_task",)

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        resolver: Resolver,
        magnet: Magnet,
        ended: Ended[Found],
        *,
        deadline_s: float,
        trail: Trail,
    ) -> None:
        super().__init__(loop, ended)
        self._task = loop.create_task(self._run(resolver, magnet, deadline_s, trail))

    @property
    def leaving(self) -> asyncio.Task[None] | None:
        """What has been stopped and still puts its things away."""
        return None if self._task.done() else self._task

    async def _run(self, resolver: Resolver, magnet: Magnet, deadline_s: float, trail: Trail) -> None:
        try:
            self.settle(await resolver.resolve(magnet, deadline_s=deadline_s, trail=trail))
        except asyncio.CancelledError:
            if self._task.cancelling():
                raise
            log.exception("a look-up was given up by its own resolver", extra={"resolver": resolver.name})
            self.settle(Refused(""))
        except Exception as error:
            self.settle(error)

    def _left(self) -> None:
        if not self._task.done():
            self._task.cancel()
