"""What the child does: a swarm resolver at the end of a socket.

It lives as long as the socket does. The end of that is the end of the process, at once and with nothing put away: there
is nothing in it that anybody will miss. It reads no names; what it sends are the raw bytes.
"""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any, NoReturn

from truename.asked import Asked
from truename.errors import Refused, ResolverDown
from truename.metainfo import InfoBytes
from truename.resolvers.base import ResolverHealth, Trail
from truename.resolvers.child import messages
from truename.resolvers.child.frames import encode
from truename.resolvers.child.log import Teller
from truename.resolvers.child.wire import Wire
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.verdict import FAILURES

log = logging.getLogger(__name__)

_AT_ONCE = 50
_NEWS_EVERY_S = 0.25
"""Most look-ups have ended by then, and what is new of them goes with their end."""


class Service:
    """Answers what comes over the socket. Belongs to the process's one event loop."""

    def __init__(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._wire = Wire(self._loop, sock, self._take, _end)
        self._resolver = SwarmResolver(SwarmConfig())
        self._asked: dict[int, _LookUp] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._said: deque[list[Any]] = deque()
        self._news: set[int] = set()
        self._bell: asyncio.TimerHandle | None = None
        logging.getLogger().addHandler(
            Teller(lambda message: self._loop.call_soon_threadsafe(self._wire.post, message))
        )

    def _take(self, said: list[list[Any]]) -> None:
        self._said.extend(said)
        if len(self._said) == len(said):
            self._read_on()

    def _read_on(self) -> None:
        """A few at a time: between them is heard what libtorrent says of those before, or it would pile up there."""
        try:
            for _ in range(min(_AT_ONCE, len(self._said))):
                self._hear(self._said.popleft())
        finally:
            if self._said:
                self._loop.call_soon(self._read_on)

    def _hear(self, message: list[Any]) -> None:
        match message[0]:
            case "ask":
                self._ask(messages.read_ask(message))
            case "cancel":
                if (asked := self._asked.pop(message[1], None)) is not None:
                    asked.stop()
            case "ping":
                self._begin(self._answer_ping(message[1]))
            case "health":
                self._begin(self._tell_health(message[1]))
            case "begin":
                self._open(SwarmConfig(**messages.read_begin(message)))

    def _open(self, config: SwarmConfig) -> None:
        """Begin the session. One that cannot begin says so to everybody who asks."""
        self._resolver = SwarmResolver(config)
        try:
            self._resolver.open()
        except ResolverDown:
            log.warning("no session", exc_info=True)
        self._wire.post('["up"]')

    def _ask(self, asked: messages.Asked) -> None:
        look_up = self._asked[asked.number] = _LookUp(asked.number, self)
        try:
            look_up.begin(self._resolver, asked)
        except ResolverDown as down:
            look_up.has_ended(down)
        except Exception:  # a defect is not the end of all the others
            log.exception("a look-up broke")
            look_up.has_ended(Refused(""))

    def ended(self, look_up: "_LookUp", answer: InfoBytes | Exception) -> None:
        """A look-up has its answer. Of one that nobody waits for any more nothing is said."""
        if self._asked.pop(look_up.number, None) is not look_up:
            return
        if isinstance(answer, InfoBytes):
            self._wire.post(messages.raw(look_up.number, look_up), answer.raw)
            return
        if not isinstance(answer, FAILURES):
            log.error("a look-up broke", exc_info=answer)
            answer = Refused("")
        self._wire.post(messages.ended(look_up.number, answer, look_up))

    def _begin(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _answer_ping(self, number: int) -> None:
        """Where libtorrent's threads stand still, there is no answer, and that is the end of this process."""
        await self._resolver.pulse()
        self._wire.post(encode(["pong", number]))

    async def _tell_health(self, number: int) -> None:
        try:
            state = await self._resolver.health()
        except Exception:
            log.exception("no health")
            state = ResolverHealth(able=False, reason="session_failed")
        self._wire.post(messages.health(number, state))

    def has_news(self, number: int) -> None:
        """There is something to tell of a look-up, which is done a little later, for many at once."""
        self._news.add(number)
        if self._bell is None:
            self._bell = self._loop.call_later(_NEWS_EVERY_S, self._tell_news)

    def _tell_news(self) -> None:
        news, self._news, self._bell = self._news, set(), None
        for number in news:
            if (look_up := self._asked.get(number)) is not None:
                self._wire.post(messages.news(number, look_up))


class _LookUp(Trail):
    """One look-up, which is the trail of its question too. Its counts are news as well."""

    __slots__ = ("_question", "_service", "number")

    def __init__(self, number: int, service: Service) -> None:
        super().__init__()
        self.number = number
        self._service = service
        self._question: Asked[InfoBytes] | None = None

    def begin(self, resolver: SwarmResolver, asked: messages.Asked) -> None:
        """Ask. Errors: `ResolverDown`."""
        self._question = resolver.ask(asked.magnet, self.has_ended, deadline_s=asked.deadline_s, trail=self)

    def has_ended(self, answer: InfoBytes | Exception) -> None:
        """There is the answer."""
        self._service.ended(self, answer)

    def stop(self) -> None:
        """Nobody waits any more."""
        if self._question is not None:
            self._question.stop()

    def note(self, counts: Mapping[str, int]) -> None:
        super().note(counts)
        self._tell()

    def _tell(self) -> None:
        self._service.has_news(self.number)


def _end(_: object) -> NoReturn:
    os._exit(0)
