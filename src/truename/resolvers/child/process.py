"""One child process, from its start to its end: its socket, its pulse, its death. Knows no look-up.

It is started without asyncio's watcher of children, which has a thread for each of them; a pidfd tells the loop of its
end. Source: pidfd_open(2), socketpair(2).
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from truename.resolvers.child.frames import BadFrame, encode
from truename.resolvers.child.limits import OUT_OF_MEMORY
from truename.resolvers.child.wire import Wire

COMMAND: Final = (sys.executable, "-P", "-m", "truename.resolvers.child.main")
"""Takes two more arguments: the number of its socket, and that of its parent process."""

_ENVIRONMENT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
_OF_ITS_OWN = {"MALLOC_ARENA_MAX": "1"}
"""What one of its threads has given back, another one takes. glibc keeps a place for each, and megabytes lie idle."""

_BY_OTHERS = tuple(-number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT))
"""How a child ends that did nothing wrong itself."""

_FIRST_FREE = 3
_REAP_S = 1.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """How long a child may be silent, in seconds; `start_s`: until its session has begun."""

    every_s: float = 2.0
    silence_s: float = 10.0
    start_s: float = 30.0


class Child:
    """A running child. Belongs to the event loop in whose thread it was made.

    `up` is called when its session has begun, which is the time to ask it anything; `take` with each message from then
    on, pongs left out, and it may raise `BadFrame`; `ended` once, after its death and all that it still had to say.
    """

    def __init__(
        self,
        command: Sequence[str],
        pulse: Pulse,
        *,
        up: Callable[[], None],
        take: Callable[[list[Any]], None],
        ended: Callable[[], None],
    ) -> None:
        """Errors: `OSError` when there is no room for another process or socket, or before Linux 5.3."""
        self._loop = asyncio.get_running_loop()
        self._pulse = pulse
        self._up = up
        self._take = take
        self._ended = ended
        self._owner = os.getpid()
        self._process, ours, self._pidfd = _start(command)
        self._wire = Wire(self._loop, ours, self._take_all, self._broken)
        self._loop.add_reader(self._pidfd, self._gone)
        self._born = self._loop.time()
        self._pings = self._pongs = 0
        self._awaiting: list[tuple[int, Callable[[], None]]] = []
        self.is_up = False
        self.how = ""
        self.was_killed = False
        self.over = asyncio.Event()
        self._beat = self._loop.call_later(pulse.every_s, self._look)
        _living.add(self)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def now(self) -> float:
        """The time of its loop."""
        return self._loop.time()

    @property
    def is_silent(self) -> bool:
        """Whether it owes more than the last answer."""
        return self._pings - self._pongs > 1

    def post(self, message: str) -> None:
        """Say something, at the end of this turn of the loop."""
        self._wire.post(message)

    def when_it_has_read(self, then: Callable[[], None]) -> None:
        """Call `then` when it has come to the end of everything said so far; never, if it does not."""
        self._awaiting.append((self._ping(), then))

    def kill(self, how: str = "") -> None:
        """End it, whatever it does. A forked copy of this process has no say in it."""
        self.how = self.how or how
        if self._owner == os.getpid():
            self._process.kill()

    async def close(self, timeout_s: float) -> None:
        """Hang up, which ends it, and kill it when that takes longer or this is cancelled. Idempotent."""
        if self._owner != os.getpid():
            return
        self._wire.close()
        try:
            await self._end_within(timeout_s)
        finally:
            if not self.over.is_set():
                self.kill()
                await self._end_within(_REAP_S)

    def forget(self) -> None:
        """In a forked copy of this process: the child is somebody else's, and so is what the loop watches."""
        self._wire.forget()
        os.close(self._pidfd)
        self._process.returncode = 0  # else the copy complains about a process that it never had

    async def _end_within(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.over.wait()

    def _look(self) -> None:
        """Each so often: is it still there? Its pings are counted, so that a machine that was asleep is not blamed."""
        self._beat = self._loop.call_later(self._pulse.every_s, self._look)
        if not self.is_up:
            if self._loop.time() - self._born > self._pulse.start_s:
                self.kill("did not start")
        elif (self._pings - self._pongs) * self._pulse.every_s >= self._pulse.silence_s:
            self.kill("did not answer")
        else:
            self._ping()

    def _ping(self) -> int:
        self._pings += 1
        self.post(encode(["ping", self._pings]))
        return self._pings

    def _take_all(self, messages: list[list[Any]]) -> None:
        for message in messages:
            match message:
                case ["pong", int(number)]:
                    self._pong(number)
                case ["up"]:
                    self.is_up = True
                    self._up()
                case _:
                    self._take(message)

    def _pong(self, number: int) -> None:
        self._pongs = max(self._pongs, min(number, self._pings))
        done = [then for mark, then in self._awaiting if mark <= number]
        self._awaiting = [(mark, then) for mark, then in self._awaiting if mark > number]
        for then in done:
            then()

    def _broken(self, error: BadFrame | None) -> None:
        self.kill("" if error is None else f"sent what cannot be read: {error}")

    def _gone(self) -> None:
        """It is dead. What it said before is still in the socket."""
        if self.over.is_set():
            return
        _living.discard(self)
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._beat.cancel()
        while self._wire.read():
            pass
        self._wire.close()
        status = self._process.poll()
        self.was_killed = not self.how and status in _BY_OTHERS
        self.how = self.how or _told(status)
        self.over.set()
        self._ended()


def _start(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """A process, our end of the socket to it, and its pidfd. Of all that is open here it holds the other end alone."""
    if not hasattr(os, "pidfd_open"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    with contextlib.ExitStack() as stack:
        ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
        # Where a standard stream was closed, the socket may have taken its number.
        passed = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
        stack.callback(os.close, passed)
        process = subprocess.Popen(
            [*command, str(passed), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[passed],
            start_new_session=True,  # Ctrl-C in the terminal is for the program alone
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | _OF_ITS_OWN,
        )
        try:
            pidfd = os.pidfd_open(process.pid)
        except OSError:
            process.kill()
            process.wait()
            raise
        return process, socket.socket(fileno=ours.detach()), pidfd


_living: "weakref.WeakSet[Child]" = weakref.WeakSet()


def _forget_children() -> None:
    for child in _living:
        child.forget()
    _living.clear()


os.register_at_fork(after_in_child=_forget_children)


def _told(status: int | None) -> str:
    if status is None:
        return ""
    if status == OUT_OF_MEMORY:
        return "out of memory"
    return f"signal {-status}" if status < 0 else f"status {status}"
