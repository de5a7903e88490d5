"""The quest for one info dictionary: its trackers are asked, the peers they name are raced, the first true one wins.

Owns what is asked of whom and when again, within the bounds of one look-up. Knows nothing of who waits for the name.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

from truename.errors import ResolverDown
from truename.networks import is_public
from truename.resolvers.direct.allowance import Allowance, Room, Traffic
from truename.resolvers.direct.announce import Announce, Peer, TrackerRefused
from truename.resolvers.direct.config import Limits
from truename.resolvers.direct.dialer import Dialer
from truename.resolvers.direct.fair_line import FairLine
from truename.resolvers.direct.peer import converse
from truename.resolvers.direct.places import Place, give_way
from truename.resolvers.direct.talk import Talk, TalkFailed, Trouble
from truename.resolvers.direct.trackers import Tracker, Trackers, TrackerSilent, TrackerUnreached

_PEER_AGAIN_S = (5.0, 15.0, 60.0, 300.0)
"""After the last of these a peer is given up."""

_TRACKER_AGAIN_S = (5.0, 15.0, 60.0)
"""After the last of these always at that pace."""

_ANSWERED_AGAIN_S = (300, 3600)
"""A tracker that answered is asked again when it says, within these bounds."""

_FIRST_PORT = 1024
"""Nobody who shares files listens below; a magnet or a tracker that says so means somebody else."""

_MOST_COUNTED = 1000
"""Of those that trackers name; nobody needs to know more exactly."""

_AGAIN: Final = "again"
"""Whoever named them, peers that are asked again have a turn as one."""

_MET_AS = {
    Trouble.UNREACHED: "refused",
    Trouble.HUNG_UP: "refused",
    Trouble.STRANGER: "refused",
    Trouble.LIED: "lied",
    Trouble.TOO_MUCH: "lied",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What all quests of a resolver share: how to get anywhere, who we say we are, and bounds over all of them.

    `port` is what we announce, and nobody listens there.
    """

    dialer: Dialer
    trackers: Trackers
    limits: Limits
    allow_private: bool
    peer_id: bytes
    port: int
    key: int
    connections: asyncio.Semaphore
    room: Room


class Quest:
    """One quest, from `run` to its end. `asked`: the first question has been sent; `on_asked` is called then."""

    def __init__(self, hash20: str, reach: Reach, *, on_asked: Callable[[], None]) -> None:
        self.asked = False
        self._hash20 = bytes.fromhex(hash20)
        self._reach = reach
        self._on_asked = on_asked
        self._announce = Announce(hash20=self._hash20, peer_id=reach.peer_id, port=reach.port, key=reach.key)
        self._traffic = Traffic(reach.limits.heard_bytes, reach.limits.heard_bytes_of_each)
        self._over: asyncio.Future[bytes | ResolverDown] = asyncio.get_running_loop().create_future()
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._trackers: dict[str, Tracker] = {}
        self._unreached: set[str] = set()
        self._line: FairLine[Hashable, Peer] = FairLine(reach.limits.peers_waiting)
        self._met: dict[Peer, int] = {}  # those who have had a turn, and how often each has failed
        self._talks = 0
        self._talks_left = reach.limits.talks_in_all
        self._talks_of: Counter[Hashable] = Counter()  # by who named them, or `_AGAIN`
        self._places: set[Place] = set()
        self._look: asyncio.TimerHandle | None = None
        self._second_tries: set[asyncio.TimerHandle] = set()
        self._asked_trackers: set[str] = set()
        self._answered: set[str] = set()
        self._named: set[Peer] = set()
        self._called: set[Peer] = set()
        self._trouble: dict[Peer, Trouble] = {}  # the last one with each

    @property
    def peers_seen(self) -> int:
        """How many peers somebody named, without ourselves."""
        return len({*self._met, *self._line})

    def counts(self) -> dict[str, int]:
        """What was done so far, by the words of `truename.model.COUNTS`."""
        met = Counter(_MET_AS.get(trouble, "silent") for trouble in self._trouble.values())
        if not self._over.done():  # who is in conversation has not said anything of use yet
            met["silent"] += len(self._called - self._trouble.keys())
        done = {
            "trackers": len(self._asked_trackers),
            "trackers_answered": len(self._answered),
            "tracker_peers": len(self._named),
            "tried": len(self._called),
            **met,
        }
        return {word: count for word, count in done.items() if count}

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or is about to; whoever comes now has to begin another one."""
        return self._over.done()

    def add(self, trackers: Iterable[Tracker], peers: Iterable[Peer]) -> None:
        """Ask these too, as far as the bounds allow; before `run` as well as during it."""
        for tracker in trackers:
            if tracker.url not in self._trackers and len(self._trackers) < self._reach.limits.trackers:
                self._trackers[tracker.url] = tracker
                if self._group is not None:
                    self._begin(self._keep_asking(tracker))
        self._take_peers(peers, object())

    async def run(self) -> bytes:
        """Ask until the dictionary is there.

        Output: an info dictionary whose digest is the hash.
        Errors: `ResolverDown` as soon as there is nobody to ask. It knows no deadline; cancellation ends everything.
        """
        try:
            async with asyncio.TaskGroup() as self._group:
                for tracker in self._trackers.values():
                    self._begin(self._keep_asking(tracker))
                self._talk_to_more()
                self._look_for_hope()
                ending = await self._over
                for task in self._tasks:
                    task.cancel()
        finally:
            self._over.cancel()
            for timer in (*self._second_tries, *([self._look] if self._look else ())):
                timer.cancel()
        if isinstance(ending, ResolverDown):
            raise ending
        return ending

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something run beside everything else, until all is over."""
        if self._group is None or self._over.done():
            work.close()
            return
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _question_sent(self) -> None:
        if not self.asked:
            self.asked = True
            self._on_asked()

    def _end(self, ending: bytes | ResolverDown) -> None:
        if not self._over.done():
            self._over.set_result(ending)

    def _look_for_hope(self) -> None:
        if not self._met and not self._line and len(self._unreached) == len(self._trackers):
            self._end(ResolverDown("nobody_to_ask"))

    # --- trackers ------------------------------------------------------------------------------------------------

    async def _keep_asking(self, tracker: Tracker) -> None:
        failures = 0
        may_say = Allowance(self._reach.limits.tracker_bytes)
        asking = partial(self._asking, tracker)
        while may_say.left:
            pause_s = _TRACKER_AGAIN_S[min(failures, len(_TRACKER_AGAIN_S) - 1)]
            try:
                said = await self._reach.trackers.ask(tracker, self._announce, may_say=may_say, on_turn=asking)
            except TrackerUnreached:
                failures += 1
                self._unreached.add(tracker.url)
                self._look_for_hope()
            except (TrackerSilent, TrackerRefused):
                failures += 1
                self._unreached.discard(tracker.url)
            else:
                failures = 0
                self._unreached.discard(tracker.url)
                self._answered.add(tracker.url)
                others = [peer for peer in said.peers if peer[1] != self._reach.port]
                if len(self._named) < _MOST_COUNTED:
                    self._named.update(others)
                self._take_peers(others, tracker.url)
                shortest_s, longest_s = _ANSWERED_AGAIN_S
                pause_s = max(shortest_s, min(said.again_in_s, longest_s))
            await asyncio.sleep(pause_s)

    def _asking(self, tracker: Tracker) -> None:
        self._asked_trackers.add(tracker.url)
        self._question_sent()

    # --- peers ---------------------------------------------------------------------------------------------------

    def _take_peers(self, peers: Iterable[Peer], named_by: Hashable) -> None:
        for peer in peers:
            if peer not in self._met and self._may_ask(peer):
                self._line.put(named_by, peer)
        self._talk_to_more()

    def _may_ask(self, peer: Peer) -> bool:
        address, port = peer
        return port >= _FIRST_PORT and (self._reach.allow_private or is_public(ip_address(address)))

    def _talk_to_more(self) -> None:
        if self._group is None:
            return
        while self._talks < self._reach.limits.peers_at_once and (taken := self._line.take(self._may_begin)):
            named_by, peer = taken
            self._met.setdefault(peer, 0)
            self._talks_of[named_by] += 1
            self._talks_left -= 1
            self._talks += 1
            self._begin(self._talk_to(peer))
        if self._look is None and self._line.waiting(self._may_begin):
            self._look = asyncio.get_running_loop().call_later(self._reach.limits.turn_s / 3, self._look_at_places)

    def _may_begin(self, named_by: Hashable) -> bool:
        return self._talks_of[named_by] < self._talks_left

    def _look_at_places(self) -> None:
        """Those who wait may have the places of those who bring little."""
        self._look = None
        self._let_leave(self._line.waiting(self._may_begin))
        self._talk_to_more()

    def _let_leave(self, waiting: int) -> None:
        give_way(self._places, waiting, asyncio.get_running_loop().time(), turn_s=self._reach.limits.turn_s)

    async def _talk_to(self, peer: Peer) -> None:
        reach = self._reach
        talk = Talk(self._hash20, reach.peer_id, room=reach.room, traffic=self._traffic)
        try:
            async with reach.connections, self._place(talk):
                self._question_sent()
                self._called.add(peer)
                self._end(await converse(reach.dialer, talk, peer, reach.limits))
        except TalkFailed as failed:
            if failed.trouble is Trouble.NO_ROOM:
                self._let_leave(len(self._places))  # what is set aside for those who bring little, others need now
            self._failed(peer, failed.trouble)
        except TimeoutError:
            self._failed(peer, Trouble.SILENT)
        self._talks -= 1
        self._talk_to_more()

    @contextlib.asynccontextmanager
    async def _place(self, talk: Talk) -> AsyncIterator[None]:
        """A place for a conversation. Errors: `TimeoutError` when it has to leave it to others."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as turn:
            place = Place(talk, loop.time(), leave=lambda: turn.reschedule(loop.time()))
            self._places.add(place)
            try:
                yield
            finally:
                self._places.discard(place)

    def _failed(self, peer: Peer, trouble: Trouble) -> None:
        self._trouble[peer] = trouble
        if trouble is Trouble.OURSELVES:
            self._trouble.pop(peer)
            self._called.discard(peer)
            del self._met[peer]  # and if it is named once more, it costs a handshake once more
        elif trouble.may_pass and self._met[peer] < len(_PEER_AGAIN_S) and not self._over.done():
            pause_s = _PEER_AGAIN_S[self._met[peer]]
            self._met[peer] += 1
            timer = asyncio.get_running_loop().call_later(pause_s, self._second_try, peer)
            self._second_tries.add(timer)

    def _second_try(self, peer: Peer) -> None:
        now = asyncio.get_running_loop().time()
        self._second_tries = {timer for timer in self._second_tries if timer.when() > now}
        self._line.put(_AGAIN, peer)
        self._talk_to_more()
