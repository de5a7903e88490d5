"""What host names of trackers mean: asked of the system in threads of our own, few at a time, and remembered a while.

The system's resolver cannot be cancelled, and a name may be made so that it takes half a minute. So the threads are not
those that the rest of the program waits for, and nobody waits for them at the end. The names that an administrator
chose do not queue behind those of strangers, nor those of one look-up behind those of another.
"""

import asyncio
import contextlib
import math
import socket
import sys
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from truename.resolvers.direct.fair_line import FairLine

LookUp = Callable[[str], list[str]]

_REMEMBERED = 4096
_REMEMBER_S = 60.0
_FAILED_S = 15.0
_THREADS = 32
_LOST_THREADS = 128
"""So many more may hang for longer than one likes to wait without keeping others from having a turn."""
_PATIENCE_S = 5.0
"""From a name's turn on."""


def ask_system(host: str) -> list[str]:
    """The addresses of a name. Blocks. Errors: `OSError`, `UnicodeError`."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@lru_cache(maxsize=1024)
def _literal(host: str) -> str | None:
    """The address that a host is, or None for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _future() -> "asyncio.Future[list[str] | None]":
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class _Name:
    """One host. `answer` is empty when there is no such host, and None when that took too long.

    `turn` is set when it is asked about. `wanted`: by which look-ups, and how often. `until`: how long it is good for.
    `place`: whose turn it has, of those that are counted. `lost`: its thread still hangs, and counts as one of those.
    """

    host: str
    turn: asyncio.Event = field(default_factory=asyncio.Event)
    answer: "asyncio.Future[list[str] | None]" = field(default_factory=_future)
    wanted: Counter[Hashable] = field(default_factory=Counter)
    until: float = 0.0
    place: Hashable | None = None
    lost: bool = False


class HostNames:
    """The names that were asked for lately. Belongs to one event loop.

    Invariant: at most `_THREADS` names have a place, and none of the look-ups has more of them than were left for all
    others when it took its last one.
    """

    def __init__(self, look_up: LookUp = ask_system) -> None:
        self._look_up = look_up
        self._known: OrderedDict[str, _Name] = OrderedDict()
        self._line: FairLine[Hashable, _Name] = FairLine(sys.maxsize)  # bounded by who waits for an answer
        self._places: Counter[Hashable] = Counter()
        self._lost = 0
        self._clocks: dict[_Name, asyncio.TimerHandle] = {}

    def known(self, host: str) -> list[str] | None:
        """The addresses of a host where nobody has to be asked, unchecked; else None."""
        if (literal := _literal(host)) is not None:
            return [literal]
        name = self._known.get(host)
        if name is None or not name.answer.done() or name.until < _now():
            return None
        return name.answer.result() or None

    async def addresses(
        self, host: str, *, whose: Hashable, ahead: bool, on_turn: Callable[[], None] = lambda: None
    ) -> list[str]:
        """The addresses of a host, unchecked, for the look-up `whose`. A literal address is its own.

        `ahead`: without waiting for a turn; `on_turn` is called when that has come and the network is asked.
        Errors: `OSError` when it has none, or when it takes longer than one likes to wait (`TimeoutError`).
        """
        if (literal := _literal(host)) is not None:
            return [literal]
        name = self._name(host)
        if not name.answer.done():
            name.wanted[whose] += 1
            try:
                self._queue_up(name, whose, ahead=ahead)
                await name.turn.wait()
                on_turn()
                await asyncio.shield(name.answer)
            finally:
                self._want_no_more(name, whose)
        found = name.answer.result()
        if found is None:
            on_turn()
            raise TimeoutError("the host's name takes too long")
        if not found:
            raise OSError("no such host")
        return found

    def close(self) -> None:
        """Ask no more; threads that are under way come to nothing."""
        for clock in self._clocks.values():
            clock.cancel()

    def _name(self, host: str) -> _Name:
        name = self._known.get(host)
        if name is None or (name.answer.done() and name.until < _now()):
            name = self._known[host] = _Name(host)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return name

    def _queue_up(self, name: _Name, whose: Hashable, *, ahead: bool) -> None:
        if name.turn.is_set():
            return
        if ahead:
            for each in name.wanted:
                self._line.drop(each, name)
            self._begin(name)
        else:
            self._line.put(whose, name)
            self._give_turns()

    def _want_no_more(self, name: _Name, whose: Hashable) -> None:
        name.wanted[whose] -= 1
        if name.wanted[whose]:
            return
        del name.wanted[whose]
        self._line.drop(whose, name)
        if not (name.wanted or name.turn.is_set()) and self._known.get(name.host) is name:
            del self._known[name.host]

    def _give_turns(self) -> None:
        while (taken := self._line.take(self._may_have_one)) is not None:
            whose, name = taken
            name.place = whose
            self._places[whose] += 1
            self._begin(name)

    def _may_have_one(self, whose: Hashable) -> bool:
        return self._places[whose] < _THREADS - self._places.total()

    def _begin(self, name: _Name) -> None:
        name.turn.set()
        loop = asyncio.get_running_loop()
        self._clocks[name] = loop.call_later(_PATIENCE_S, self._take_too_long, name)

        def run() -> None:
            try:
                found = self._look_up(name.host)
            except (OSError, UnicodeError):  # no such name; or no name at all
                found = []
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._ended, name, found)

        try:
            threading.Thread(target=run, name="truename-host-name", daemon=True).start()
        except RuntimeError:  # no more of them here
            loop.call_soon(self._ended, name, [])

    def _take_too_long(self, name: _Name) -> None:
        """Nobody waits for it any more, and nobody for its place, unless too many hang already."""
        del self._clocks[name]
        name.answer.set_result(None)
        name.until = math.inf
        if self._lost < _LOST_THREADS:
            self._lost += 1
            name.lost = True
            self._leave_place(name)

    def _ended(self, name: _Name, found: list[str]) -> None:
        clock = self._clocks.pop(name, None)
        if clock is None:
            name.answer = _future()
        else:
            clock.cancel()
        name.answer.set_result(found)
        name.until = _now() + (_REMEMBER_S if found else _FAILED_S)
        self._lost -= name.lost
        self._leave_place(name)

    def _leave_place(self, name: _Name) -> None:
        if name.place is not None:
            self._places[name.place] -= 1
            if not self._places[name.place]:
                del self._places[name.place]
            name.place = None
            self._give_turns()


def _now() -> float:
    return asyncio.get_running_loop().time()
