"""What host names of trackers mean: asked of the system in threads of our own, few at a time, and remembered a while.

The system's resolver cannot be cancelled, and a name may be made so that it takes half a minute. So the threads are not
those that the rest of the program waits for, nobody waits for them at the end, and the names that an administrator
chose do not queue behind those of strangers.
"""

import asyncio
import contextlib
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address

LookUp = Callable[[str], list[str]]

_REMEMBERED = 4096
_REMEMBER_S = 60.0
_THREADS = 16
_PATIENCE_S = 5.0

Answer = asyncio.Future[list[str]]
"""Empty: there is no such host."""


def ask_system(host: str) -> list[str]:
    """The addresses of a name. Blocks. Errors: `OSError`, `UnicodeError`."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


class HostNames:
    """The names that were asked for lately. Belongs to one event loop."""

    def __init__(self, look_up: LookUp = ask_system) -> None:
        self._look_up = look_up
        self._known: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._threads = asyncio.Semaphore(_THREADS)
        self._asking: set[asyncio.Task[None]] = set()

    async def addresses(self, host: str, *, ahead: bool) -> list[str]:
        """The addresses of a host, unchecked; `ahead`: without waiting for a turn. A literal address is its own.

        Errors: `OSError` when it has none, or when it takes longer than one likes to wait (`TimeoutError`).
        """
        with contextlib.suppress(ValueError):
            return [str(ip_address(host))]
        loop = asyncio.get_running_loop()
        until, answer = self._known.get(host, (0.0, None))
        if answer is None or (answer.done() and until < loop.time()):
            answer = loop.create_future()
            task = loop.create_task(self._ask(host, answer, ahead=ahead))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            self._known[host] = (loop.time() + _REMEMBER_S, answer)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        async with asyncio.timeout(_PATIENCE_S):
            found = await asyncio.shield(answer)
        if not found:
            raise OSError("no such host")
        return found

    async def aclose(self) -> None:
        """Ask no more; threads that are under way come to nothing."""
        tasks = list(self._asking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, host: str, answer: Answer, *, ahead: bool) -> None:
        try:
            async with contextlib.nullcontext() if ahead else self._threads:
                _settle(answer, await self._in_thread(host))
        finally:
            answer.cancel()

    async def _in_thread(self, host: str) -> list[str]:
        loop = asyncio.get_running_loop()
        told: Answer = loop.create_future()

        def run() -> None:
            try:
                found = self._look_up(host)
            except (OSError, UnicodeError):  # no such name; or no name at all
                found = []
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_settle, told, found)

        threading.Thread(target=run, name="truename-host-name", daemon=True).start()
        return await told


def _settle(answer: Answer, found: list[str]) -> None:
    if not answer.done():
        answer.set_result(found)
