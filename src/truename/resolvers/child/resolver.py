"""The port `Resolver` in front of the child process: starts it, asks it, and asks the next one where it left off.

A look-up does not notice the end of a child. It is asked again of the next one, with all of its time where nobody had
been asked for it, and else with what is left; only one that kills every child it is in is given up (`trials`). A child
that cannot even start is tried a few times, and then everybody is told so for a while.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Final

from truename.asked import Asked, Ended, answer_of
from truename.errors import NotYet, Refused, ResolverDown
from truename.magnet import Magnet
from truename.metainfo import InfoBytes, Metainfo
from truename.model import peers_in
from truename.resolvers.base import ResolverHealth, Trail
from truename.resolvers.child import messages
from truename.resolvers.child.frames import BadFrame, encode
from truename.resolvers.child.log import Retelling
from truename.resolvers.child.process import COMMAND, Child, Pulse
from truename.resolvers.child.trials import Trials
from truename.resolvers.ourselves import Ourselves
from truename.resolvers.reading import Reading
from truename.resolvers.swarm_config import SwarmConfig

log = logging.getLogger(__name__)

_WHERE: Final = 0
"""The number of the question that each child is asked first, for which nobody waits: where it listens."""

_CLOSE_S = 0.1
_HEALTH_S = 60.0
_LAST_WORD_S = 5.0
"""The child keeps the time of each look-up; one that it forgets ends here, so much later."""


@dataclass(frozen=True, slots=True)
class Care:
    """How the resolver treats its children. `starts`: in vain, one after the other, before it rests for `rest_s`.

    `again_s` is waited before the second start, and longer before the next ones; `trial_s` is how long look-ups are
    watched that may have killed a child, at first. A look-up that no child has taken after `taken_s`, or whose
    child is silent then or later, calls for help.
    """

    pulse: Pulse = field(default_factory=Pulse)
    starts: int = 3
    again_s: float = 0.1
    rest_s: float = 5.0
    trial_s: float = 1.0
    taken_s: float = 5.0


class _Question(Asked[Metainfo]):
    """One look-up that waits. `inside`: the living child has been asked. `asked_at`: when it asked somebody.

    `peers_seen`: the most that any of its children has told of. `clock` is for whatever it waits for next.
    """

    __slots__ = (
        *("_asker", "_reads", "asked_at", "clock", "deadline_s", "inside", "magnet", "number", "peers_seen"),
        "trail",
    )

    def __init__(
        self, asker: "SwarmProcess", magnet: Magnet, ended: Ended[Metainfo], *, deadline_s: float, trail: Trail
    ) -> None:
        super().__init__(asyncio.get_running_loop(), ended)
        self._asker = asker
        self.number = asker.next_number()
        self.magnet = magnet
        self.deadline_s = deadline_s
        self.trail = trail
        self.inside = False
        self.asked_at: float | None = None
        self.peers_seen = 0
        self.clock: asyncio.TimerHandle | None = None
        self._reads: asyncio.Task[None] | None = None

    def left_s(self, now: float) -> float:
        """What it still has of its time."""
        return self.deadline_s if self.asked_at is None else self.asked_at + self.deadline_s - now

    def follow(self, trail: Any) -> None:
        """Write down what the child tells of it. Errors: `BadFrame`."""
        messages.read_trail(trail, self.trail)
        self.peers_seen = max(self.peers_seen, peers_in(self.trail.counts))

    def fail_late(self) -> None:
        """End it, its time being over."""
        self.settle(NotYet(peers_seen=self.peers_seen))

    def ring_in(self, seconds: float, what: "Callable[[_Question], None]") -> None:
        """Let this be called then, and nothing else."""
        if self.clock is not None:
            self.clock.cancel()
        self.clock = self.loop.call_later(seconds, what, self)

    def read(self, raw: bytes, reading: Reading) -> None:
        """The child has found it, and is not asked any more."""
        self._leave_the_child()
        self.trail.has_found = True
        self._reads = reading.begin(InfoBytes(raw), self.magnet.hashes, self.settle)

    def _left(self) -> None:
        self._leave_the_child()
        if self._reads is not None:
            self._reads.cancel()

    def _leave_the_child(self) -> None:
        if self.clock is not None:
            self.clock.cancel()
            self.clock = None
        self._asker.forget(self)


class SwarmProcess:
    """`SwarmResolver` in a child process, which begins with the first question. Belongs to one event loop."""

    name: Final = "swarm"

    def __init__(
        self,
        config: SwarmConfig,
        *,
        care: Care | None = None,
        command: Sequence[str] = COMMAND,
        ourselves: Ourselves | None = None,
    ) -> None:
        self._config = config
        self._ourselves = ourselves or Ourselves()
        self._care = care or Care()
        self._command = command
        self.next_number = partial(next, count(1))
        self._waiting: dict[int, _Question] = {}
        self._unwell: dict[int, asyncio.Future[ResolverHealth]] = {}
        self._reading = Reading()
        self._retelling = Retelling()
        self._trials = Trials()
        self._trial_end: asyncio.TimerHandle | None = None
        self._child: Child | None = None
        self._again: asyncio.TimerHandle | None = None
        self._failed_starts = 0
        self._rests_until = 0.0
        self._closed = False

    async def resolve(self, magnet: Magnet, *, deadline_s: float, trail: Trail | None = None) -> Metainfo:
        """See `Resolver.resolve`."""
        return await answer_of(partial(self.begin, magnet, deadline_s=deadline_s, trail=trail or Trail()))

    def begin(self, magnet: Magnet, ended: Ended[Metainfo], *, deadline_s: float, trail: Trail) -> Asked[Metainfo]:
        """See `Beginning.begin`."""
        self._ready()
        question = _Question(self, magnet, ended, deadline_s=deadline_s, trail=trail)
        self._waiting[question.number] = question
        question.ring_in(self._care.taken_s, self._call_for_help)
        if not self._trials.on_trial:
            self._ask(question)
        return question

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`."""
        number = self.next_number()
        try:
            loop = self._ready()
            self._unwell[number] = answer = loop.create_future()
            self._say(encode(["health", number]))
            async with asyncio.timeout(_HEALTH_S):
                state: ResolverHealth = await answer
            return state
        except TimeoutError:
            return ResolverHealth(able=False, reason="session_failed", dht_enabled=self._config.asks_dht)
        except ResolverDown as down:
            return ResolverHealth(
                able=False, reason=down.reason, subject=down.subject, dht_enabled=self._config.asks_dht
            )
        finally:
            self._unwell.pop(number, None)

    async def aclose(self) -> None:
        """See `Resolver.aclose`. The child is gone when this returns, or is cancelled."""
        self._closed = True
        self._end_all(ResolverDown("stopping"))
        for timer in (self._again, self._trial_end):
            if timer is not None:
                timer.cancel()
        if self._child is not None:
            await self._child.close(_CLOSE_S)

    # --- children ---------------------------------------------------------------------------------------------------

    def _ready(self) -> asyncio.AbstractEventLoop:
        """See to it that there is a child, or will be one. Errors: `ResolverDown`."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ResolverDown("stopping")
        if self._child is None and self._again is None:
            if loop.time() < self._rests_until:
                raise ResolverDown("session_failed")
            self._start_in(0)
        return loop

    def _start_in(self, seconds: float) -> None:
        self._again = asyncio.get_running_loop().call_later(seconds, self._start)

    def _start(self) -> None:
        """Start a child, if there is still somebody who waits for one."""
        self._again = None
        if not (self._waiting or self._unwell):
            return
        try:
            child = Child(self._command, self._care.pulse, up=self._child_up, take=self._take, ended=self._child_ended)
        except OSError as error:
            log.warning("the swarm's process cannot be started", extra={"why": error.strerror})
            self._not_started()
            return
        self._child = child
        child.post(messages.begin(self._config))

    def _child_up(self) -> None:
        """It is asked nothing before, so that what it dies of until then is nobody's fault."""
        self._failed_starts = 0
        for number in (_WHERE, *self._unwell):
            self._say(encode(["health", number]))
        self._ask_all()

    def _child_ended(self) -> None:
        child, self._child = self._child, None
        if child is None or self._closed:
            return
        inside = [question for question in self._waiting.values() if question.inside]
        for question in inside:
            question.inside = False
        log.warning("the swarm's process has ended", extra={"how": child.how, "lookups": len(inside)})
        if not child.is_up:
            self._not_started()
            return
        numbers = [question.number for question in inside]
        for number in self._trials.killed(numbers) if child.was_killed else self._trials.crashed(numbers):
            log.error(
                "a look-up has killed the swarm's process", extra={"hash": self._waiting[number].magnet.info_hash}
            )
            self._waiting[number].settle(Refused(""))
        self._start_in(0)

    def _not_started(self) -> None:
        loop = asyncio.get_running_loop()
        self._failed_starts += 1
        if self._failed_starts < self._care.starts:
            self._start_in(self._care.again_s * 2**self._failed_starts)
            return
        self._failed_starts = self._care.starts - 1  # after the rest, once more
        self._rests_until = loop.time() + self._care.rest_s
        self._end_all(ResolverDown("session_failed"))

    def _end_all(self, error: ResolverDown) -> None:
        for question in self._waiting.values():
            question.settle(ResolverDown(error.reason))
        for answer in self._unwell.values():
            if not answer.done():
                answer.set_exception(ResolverDown(error.reason))

    # --- questions --------------------------------------------------------------------------------------------------

    def _say(self, message: str) -> None:
        """To a child that is up; the next one is told in `_child_up`."""
        if self._child is not None and self._child.is_up:
            self._child.post(message)

    def _ask(self, question: _Question) -> None:
        """The same with a look-up."""
        if self._child is None or not self._child.is_up or question.is_over:
            return
        left_s = question.left_s(self._child.now)
        if left_s <= 0:
            question.fail_late()
            return
        try:
            self._child.post(messages.ask(question.number, left_s, question.magnet))
        except BadFrame:
            question.settle(ResolverDown("nobody_usable"))
        else:
            question.inside = True

    def _call_for_help(self, question: _Question) -> None:
        """Whoever comes next need not wait for a child that does not start, or hangs; once asked, it has its time."""
        if not question.inside or self._child is None or self._child.is_silent:
            question.trail.needs_help()
        if question.asked_at is not None:
            late_s = question.left_s(question.loop.time()) + _LAST_WORD_S
            question.ring_in(late_s, _Question.fail_late)
        elif not question.trail.stuck:
            question.ring_in(self._care.pulse.every_s, self._call_for_help)

    def _ask_all(self) -> None:
        """Ask the child what it has not been asked; while some are on trial, nothing but those."""
        on_trial = self._trials.on_trial
        for question in list(self._waiting.values()):
            if not question.inside and (not on_trial or question.number in on_trial):
                self._ask(question)
        if self._trial_end is not None:
            self._trial_end.cancel()
            self._trial_end = None
        if on_trial and self._child is not None and self._child.is_up:
            self._watch(self._child)

    def _watch(self, child: Child) -> None:
        """Let a trial have its time, and the child a moment more to show that it lives."""

        def passed() -> None:
            if self._child is child and self._trial_end is timer:
                self._trials.passed()
                self._ask_all()

        trial_s = self._care.trial_s * self._trials.patience
        loop = asyncio.get_running_loop()
        self._trial_end = timer = loop.call_later(trial_s, child.when_it_has_read, passed)

    def forget(self, question: _Question) -> None:
        """Nobody waits for it any more."""
        if self._waiting.pop(question.number, None) is None:
            return
        if question.inside:
            self._say(encode(["cancel", question.number]))
        if self._trials.forget(question.number):
            self._ask_all()

    # --- what the child says ----------------------------------------------------------------------------------------

    def _take(self, message: list[Any]) -> None:
        match message:
            case ["raw", int(number), trail, bytes(info)]:
                if (question := self._ended(number, trail)) is not None:
                    question.read(info, self._reading)
            case ["ended", int(number), words, trail]:
                failure = messages.read_failure(words)
                if (question := self._ended(number, trail)) is not None:
                    if isinstance(failure, NotYet):
                        failure = NotYet(peers_seen=max(question.peers_seen, failure.peers_seen or 0))
                    question.settle(failure)
            case ["news", int(number), trail]:
                if (question := self._waiting.get(number)) is not None:
                    question.follow(trail)
                    self._keep_time(question)
            case ["health", int(number), words]:
                state = messages.read_health(words)
                self._ourselves.listen_on(state.listening, wanted=self._config.listen_interfaces)
                if (answer := self._unwell.get(number)) is not None and not answer.done():
                    answer.set_result(state)
            case ["log", *_]:
                self._retelling.tell_again(message)
            case _:
                raise BadFrame("no message")

    def _ended(self, number: int, trail: Any) -> _Question | None:
        """The look-up that has an end now; None when nobody waits for it any more."""
        question = self._waiting.get(number)
        if question is None or question.is_over:
            return None
        question.follow(trail)
        question.inside = False
        return question

    def _keep_time(self, question: _Question) -> None:
        if question.trail.asked and question.asked_at is None:
            question.asked_at = question.loop.time()
            if question.trail.stuck:
                question.ring_in(question.deadline_s + _LAST_WORD_S, _Question.fail_late)
