"""The race of the peers of one look-up: who is talked to next, who gives way, who is tried once more.

It begins when somebody names the first peer, and the first true dictionary ends it. Knows nothing of trackers.
"""

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterable
from functools import partial
from typing import Final, Protocol

from truename.metainfo import InfoBytes
from truename.resolvers.direct.allowance import Traffic
from truename.resolvers.direct.announce import Peer
from truename.resolvers.direct.fair_line import FairLine
from truename.resolvers.direct.peer import Conversation
from truename.resolvers.direct.places import Place, give_way
from truename.resolvers.direct.reach import Reach
from truename.resolvers.direct.talk import Talk, Trouble
from truename.resolvers.whom import FIRST_PEER_PORT

_PEER_AGAIN_S = (5.0, 15.0, 60.0, 300.0)
"""After the last of these a peer is given up."""

_ROOM_AGAIN_S = 1.0
"""Who was crowded out comes again as soon as that: it is no fault of the peer's, and no try of its own."""

_AGAIN: Final = "again"
"""Whoever named them, peers that are asked again have a turn as one."""

_MET_AS = {
    Trouble.UNREACHED: "refused",
    Trouble.LIED: "lied",
    Trouble.TOO_MUCH: "lied",
    Trouble.TOO_LARGE: "too_large",
}
"""As what somebody counts; whoever could be spoken to and gave nothing, as `silent`."""


class Course(Protocol):
    """What the race is part of."""

    @property
    def is_running(self) -> bool:
        """Whether it has begun, and goes on."""

    def question_sent(self) -> None:
        """Somebody is being asked."""

    def found(self, info: InfoBytes) -> None:
        """The dictionary is there, its digest checked."""


class _Over:
    """In the place of a course that has ended: no cycle is left for the collector of garbage."""

    is_running = False

    def question_sent(self) -> None:
        """See `Course`."""

    def found(self, info: InfoBytes) -> None:
        """See `Course`."""


_OVER = _Over()


class PeerRace:
    """The peers of one info-hash, of which some are talked to at once."""

    def __init__(self, hash20: bytes, reach: Reach, course: Course) -> None:
        self._hash20 = hash20
        self._reach = reach
        self._course = course
        self._traffic = Traffic(reach.limits.heard_bytes, reach.limits.heard_bytes_of_each)
        self._line: FairLine[Hashable, Peer] = FairLine(reach.limits.peers_waiting)
        self._met: dict[Peer, int] = {}  # those who have had a turn, and how often each has failed
        self._talks_left = reach.limits.talks_in_all
        self._talks_of: Counter[Hashable] = Counter()  # by who named them, or `_AGAIN`
        self._conversations: dict[Conversation, None] = {}
        self._places: dict[Conversation, Place] = {}
        self._look: asyncio.TimerHandle | None = None
        self._second_tries: set[asyncio.TimerHandle] = set()
        self._passed_over: set[Peer] = set()
        self._called: set[Peer] = set()
        self._trouble: dict[Peer, Trouble] = {}  # the last one with each

    @property
    def is_empty(self) -> bool:
        """Whether there is nobody who was talked to, or will be."""
        return not self._met and not self._line

    @property
    def peers(self) -> int:
        """How many there are, without ourselves, be it that they are not called."""
        return len({*self._met, *self._line}) + len(self._passed_over)

    def counts(self) -> Counter[str]:
        """How many were tried, and what became of them, by the words of `truename.model.COUNTS`."""
        met = Counter(_MET_AS.get(trouble, "silent") for trouble in self._trouble.values())
        if self._course.is_running:  # who is in conversation has not said anything of use yet
            met["silent"] += len(self._called - self._trouble.keys())
        met["tried"] = len(self._called)
        return met

    def add(self, peers: Iterable[Peer], named_by: Hashable) -> None:
        """These too, in the turns of whoever named them."""
        for peer in peers:
            if peer in self._met or not self._reach.may_call(peer[0]):
                continue
            if peer[1] >= FIRST_PEER_PORT:
                self._line.put(named_by, peer)
            elif len(self._passed_over) < self._reach.limits.peers_waiting:
                self._passed_over.add(peer)
        self.go_on()

    def go_on(self) -> None:
        """Talk to those whose turn has come."""
        if not self._course.is_running or not self._line:
            return
        limits = self._reach.limits
        busy = len(self._conversations) - len(self._resting())
        free = limits.peers_at_once - busy
        if 2 * self._reach.connections.free >= limits.connections:  # else other look-ups may need what is left
            free = max(free, min(free + self._quiet(), limits.calls_at_once - busy))
        while free > 0 and (taken := self._line.take(self._may_begin)):
            free -= 1
            named_by, peer = taken
            self._met.setdefault(peer, 0)
            self._talks_of[named_by] += 1
            self._talks_left -= 1
            self._talk_to(peer)
        if self._look is None and self._line.waiting(self._may_begin):
            pause_s = min(limits.turn_s / 3, limits.quiet_s)
            self._look = asyncio.get_running_loop().call_later(pause_s, self._look_at_places)

    def stop(self) -> None:
        """All is over."""
        for timer in (*self._second_tries, *([self._look] if self._look else ())):
            timer.cancel()
        still_waiting = [each for each in self._conversations if each not in self._places]
        for conversation in (*still_waiting, *self._places):
            conversation.stop()
            self._reach.connections.leave(conversation)
        self._conversations.clear()
        self._places.clear()
        self._course = _OVER

    def _may_begin(self, named_by: Hashable) -> bool:
        return self._talks_of[named_by] < self._talks_left

    def _look_at_places(self) -> None:
        """Those who wait may have the places of those who bring little."""
        self._look = None
        self._let_leave(self._line.waiting(self._may_begin))
        self.go_on()

    def _let_leave(self, waiting: int) -> None:
        asking = [place for place in self._places.values() if place.talk.lacking is None]
        give_way(asking, waiting, asyncio.get_running_loop().time(), turn_s=self._reach.limits.turn_s)

    def _resting(self) -> list[Place]:
        """The conversations in which nothing can be asked for the time being; they take nobody's place."""
        return [place for place in self._places.values() if place.talk.lacking is not None and not place.is_left]

    def _quiet(self) -> int:
        """How many have not brought us nearer at all, though they had time for it."""
        before = asyncio.get_running_loop().time() - self._reach.limits.quiet_s
        return sum(place.since <= before and not place.talk.steps for place in self._places.values())

    def _one_rests(self) -> None:
        """One more; of too many, the one that has had longest goes."""
        resting = self._resting()
        if len(resting) > self._reach.limits.peers_at_once:
            oldest = min(resting, key=lambda place: place.since)
            oldest.is_left = True
            oldest.leave()
        self.go_on()

    def _talk_to(self, peer: Peer) -> None:
        """Its turn among the peers of this hash has come; now for that among all connections."""
        conversation = Conversation(
            Talk(self._hash20, self._reach.peer_id, room=self._reach.room, traffic=self._traffic),
            self._reach.limits,
            on_rest=self._one_rests,
            on_end=partial(self._ended, peer),
        )
        self._conversations[conversation] = None
        self._reach.connections.take(conversation, partial(self._call, conversation, peer))

    def _call(self, conversation: Conversation, peer: Peer) -> None:
        self._places[conversation] = Place(conversation.talk, asyncio.get_running_loop().time(), conversation.leave)
        self._called.add(peer)
        self._course.question_sent()
        conversation.begin(self._reach.dialer, peer)

    def _ended(self, peer: Peer, conversation: Conversation, end: InfoBytes | Trouble) -> None:
        del self._conversations[conversation], self._places[conversation]
        self._reach.connections.leave(conversation)
        if isinstance(end, InfoBytes):
            self._course.found(end)
            return
        if end in (Trouble.NO_ROOM, Trouble.CROWDED):
            self._let_leave(len(self._places))  # what is set aside for those who bring little, others need now
        self._failed(peer, end)
        self.go_on()

    def _failed(self, peer: Peer, trouble: Trouble) -> None:
        self._trouble[peer] = trouble
        if trouble is Trouble.OURSELVES:
            self._trouble.pop(peer)
            self._called.discard(peer)
            del self._met[peer]  # and if it is named once more, it costs a handshake once more
        elif trouble is Trouble.CROWDED:
            self._try_again_in(_ROOM_AGAIN_S, peer)
        elif trouble.may_pass and self._met[peer] < len(_PEER_AGAIN_S):
            self._met[peer] += 1
            self._try_again_in(_PEER_AGAIN_S[self._met[peer] - 1], peer)

    def _try_again_in(self, pause_s: float, peer: Peer) -> None:
        if self._course.is_running:
            timer = asyncio.get_running_loop().call_later(pause_s, self._second_try, peer)
            self._second_tries.add(timer)

    def _second_try(self, peer: Peer) -> None:
        now = asyncio.get_running_loop().time()
        self._second_tries = {timer for timer in self._second_tries if timer.when() > now}
        self._line.put(_AGAIN, peer)
        self.go_on()
