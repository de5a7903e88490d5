"""Who waits for which hash. Knows the event loop and no server.

Those who ask for one hash share an errand. So many errands have their turn together; the others wait, and so do their
clocks.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from truename.errors import NotYet, ResolverDown, TruenameError
from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.resolvers.base import Found, Trail
from truename.resolvers.qbittorrent.wire import Sources

FETCH, ADD = "fetch", "add"


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller of `resolve`. `answer` becomes what was found, or one of the port's errors.

    `heard`: the server has taken the question. Who waits for a server that hangs has an end of their time too.
    """

    deadline_s: float
    answer: asyncio.Future[Found]
    trail: Trail
    heard: bool = False
    clock: asyncio.TimerHandle | None = None

    def start_clock(self, *, heard: bool = True) -> None:
        """The server has been spoken to."""
        self.heard = self.heard or heard
        if self.clock is None and not self.answer.done():
            self.clock = self.answer.get_loop().call_later(self.deadline_s, self._time_is_over)
            self.trail.question_sent()

    def fail(self, error: TruenameError) -> None:
        """End with an error, unless it has ended."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def _time_is_over(self) -> None:
        self.fail(NotYet(peers_seen=None) if self.heard else ResolverDown("qbittorrent_silent"))


@dataclass(slots=True, eq=False)
class Errand:
    """The work for one hash.

    `magnet` has the trackers and peers of all who have asked for it; `told` are those that qBittorrent was told of, or
    cannot be told of, and `looked_at` is the magnet when that was seen to.
    `asked`: qBittorrent has been told of it; `fetching`: and is fetching its metadata.
    `refusals`: how often it could not make a .torrent file of what it has.
    `way`: `FETCH` asks by `fetchMetadata`, next at `ask_at`, at intervals of `every_s`; `ADD` adds a torrent.
    """

    magnet: Magnet
    told: Sources = field(default_factory=Sources)
    looked_at: Magnet | None = None
    waiters: dict[Waiter, None] = field(default_factory=dict)
    asked: bool = False
    fetching: bool = False
    added: int = 0
    refusals: int = 0
    way: str = ""
    ask_at: float = 0.0
    every_s: float = 0.0

    @property
    def info_hash(self) -> InfoHash:
        """What is asked for. A second hash of a magnet is a stranger's word, and would only narrow the search."""
        return self.magnet.info_hash

    def has_been_asked(self) -> None:
        """The clocks start."""
        self.asked = True
        for waiter in self.waiters:
            waiter.start_clock()

    def note_peers(self, count: int) -> None:
        """So many peers are connected now."""
        for waiter in self.waiters:
            if count > waiter.trail.counts.get("tried", 0):
                waiter.trail.note({"tried": count})

    def end(self, ending: Found | TruenameError) -> None:
        """Everybody gets the same."""
        for waiter in self.waiters:
            if isinstance(ending, TruenameError):
                waiter.fail(ending)
            elif not waiter.answer.done():
                waiter.answer.set_result(ending)


class Errands:
    """All of them: `turn` has those whose turn it is."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self.turn: dict[InfoHash, Errand] = {}
        self._later: dict[InfoHash, Errand] = {}

    def join(self, magnet: Magnet, waiter: Waiter) -> Errand:
        """Somebody waits for a hash."""
        errand = self.turn.get(magnet.info_hash) or self._later.get(magnet.info_hash)
        if errand is None:
            errand = Errand(magnet)
            self._later[magnet.info_hash] = errand
            self._move_up()
        errand.magnet = errand.magnet.joined_by(magnet)
        errand.waiters[waiter] = None
        if errand.asked:
            waiter.start_clock()
        return errand

    def leave(self, errand: Errand, waiter: Waiter) -> bool:
        """Somebody does not wait any more. Output: whether that was the last one."""
        if waiter.clock is not None:
            waiter.clock.cancel()
        errand.waiters.pop(waiter, None)
        if errand.waiters:
            return False
        for place in (self.turn, self._later):
            if place.get(errand.info_hash) is errand:
                del place[errand.info_hash]
        self._move_up()
        return True

    def fail_all(self, error: TruenameError) -> None:
        """Nobody can be asked."""
        for errand in self:
            errand.end(error)

    def __iter__(self) -> Iterator[Errand]:
        return iter([*self.turn.values(), *self._later.values()])

    def _move_up(self) -> None:
        while self._later and len(self.turn) < self._at_once:
            info_hash = next(iter(self._later))
            self.turn[info_hash] = self._later.pop(info_hash)
