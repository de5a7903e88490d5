"""One info-hash in conversation with the swarm: who waits for it, who has been asked, what they said.

Owns the deadlines: each waiter's time begins with the first question sent for the hash after the waiter came, and a
question that never left (refused, no route) does not count as one. Knows nothing of libtorrent's alerts or of turns.
"""

import asyncio
from dataclasses import dataclass, field

from truename.errors import NotYet
from truename.magnet import InfoHash, Magnet
from truename.resolvers.session import Handle


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller of `resolve`. `answer` becomes the raw info dictionary, or one of the port's errors."""

    magnet: Magnet
    deadline_s: float
    answer: asyncio.Future[bytes]
    timer: asyncio.TimerHandle | None = None
    second_try: bool = False

    def fail(self, error: Exception) -> None:
        """End with an error, unless it has ended."""
        self.stop_clock()
        if not self.answer.done():
            self.answer.set_exception(error)

    def succeed(self, raw: bytes) -> None:
        """End with the dictionary, unless it has ended."""
        self.stop_clock()
        if not self.answer.done():
            self.answer.set_result(raw)

    def stop_clock(self) -> None:
        """Its time does not run any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(slots=True, eq=False)
class Conversation:
    """Invariant: the clocks of the waiters run exactly while `asked` is true."""

    key: bytes
    hashes: tuple[InfoHash, ...]
    waiters: dict[Waiter, None] = field(default_factory=dict)
    handle: Handle | None = None
    trackers: dict[str, None] = field(default_factory=dict)
    queued: list[str] = field(default_factory=list)
    peers: dict[tuple[str, int], None] = field(default_factory=dict)
    asked: bool = False
    dht_asks: int = 0
    _open: set[tuple[str, tuple[str, int]]] = field(default_factory=set)
    _unreached: set[str] = field(default_factory=set)
    _reached: set[str] = field(default_factory=set)
    _reported: int = 0
    _ourselves: int = 0

    def admit(self, waiter: Waiter) -> None:
        """Somebody else waits, with the whole of their own time."""
        self.waiters[waiter] = None
        if self.asked:
            self._start_clock(waiter)

    def question_sent(self) -> None:
        """Somebody is being asked: the clocks run."""
        if not self.asked:
            self.asked = True
            for waiter in self.waiters:
                self._start_clock(waiter)

    def no_question_left(self) -> None:
        """It turns out that nobody was asked: the clocks go back to the beginning."""
        self.asked = False
        for waiter in self.waiters:
            waiter.stop_clock()

    def tracker_asked(self, url: str, socket: tuple[str, int]) -> None:
        """An announce is on its way."""
        self._open.add((url, socket))

    def tracker_answered(self, url: str, socket: tuple[str, int], *, peers: int, reached: bool) -> None:
        """An announce has ended."""
        self._open.discard((url, socket))
        if reached:
            self._reached.add(url)
            self._unreached.discard(url)
        elif url not in self._reached and not any(url == open_url for open_url, _ in self._open):
            self._unreached.add(url)
        self._reported = max(self._reported, peers)

    def dht_answered(self, peers: int) -> None:
        """The DHT named peers. From the second time on we are one of them, since a look-up there announces us."""
        self._reported = max(self._reported, peers - (self.dht_asks > 1))

    def met_ourselves(self) -> None:
        """One of the reported peers was this session."""
        self._ourselves += 1

    @property
    def peers_seen(self) -> int:
        """How many peers somebody named, ourselves left out."""
        return len(self.peers) + max(0, self._reported - self._ourselves)

    @property
    def has_somebody(self) -> bool:
        """Whether there is anybody outside the DHT who was reached, or may yet be."""
        return bool(self.peers_seen or len(self.trackers) > len(self._unreached))

    def _start_clock(self, waiter: Waiter) -> None:
        loop = waiter.answer.get_loop()
        waiter.timer = loop.call_later(waiter.deadline_s, self._time_is_over, waiter)

    def _time_is_over(self, waiter: Waiter) -> None:
        waiter.fail(NotYet(peers_seen=self.peers_seen))
