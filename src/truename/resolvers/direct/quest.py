"""The quest for one info dictionary: its trackers are asked, the peers they name are raced, the first true one wins.

Owns what is asked of which tracker and when again, and the end. Knows nothing of who waits for the name. It has no task
of its own: thousands of them are cheap.
"""

import asyncio
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from operator import attrgetter
from typing import Protocol

from truename.metainfo import InfoBytes
from truename.resolvers.direct.allowance import Allowance
from truename.resolvers.direct.announce import Announce, Announced, Peer
from truename.resolvers.direct.question import Question, Unanswered
from truename.resolvers.direct.race import PeerRace
from truename.resolvers.direct.reach import Reach
from truename.resolvers.direct.trackers import Tracker
from truename.resolvers.whom import NO_OTHERS, Others, Whom

_TRACKER_AGAIN_S = (5.0, 15.0, 60.0)
"""After the last of these always at that pace."""

_ANSWERED_AGAIN_S = (300.0, 3600.0)
"""A tracker that answered is asked again when it says, within these bounds."""

_MOST_COUNTED = 1000
"""Of those that trackers name; nobody needs to know more exactly."""


@dataclass(slots=True, eq=False)
class _Asking:
    """One tracker of a quest. `failures`: the last ones in a row; `again`: when it is asked the next time.

    `named`: the most peers that it has named at once, `left_out` of those at a private address, where nobody is called.
    `has_left`: another one has its place, so it is not asked again. `said`: its reason for naming nobody, hostile.
    """

    tracker: Tracker
    may_say: Allowance
    asked: bool = False
    answered: bool = False
    unreached: bool = False
    has_left: bool = False
    failures: int = 0
    named: int = 0
    left_out: int = 0
    said: str = ""
    question: Question | None = None
    again: asyncio.TimerHandle | None = None

    def leave(self) -> None:
        """Ask it no more."""
        if self.question is not None:
            self.question.stop()
        if self.again is not None:
            self.again.cancel()


class Over(Enum):
    """Why a quest has ended without the dictionary."""

    NOBODY = "there is nobody to ask"
    STOPPED = "it was stopped"


class Client(Protocol):
    """Whoever a quest is for."""

    def asked(self) -> None:
        """The first question is being sent."""

    def over(self, ending: InfoBytes | Over) -> None:
        """It has ended, and nobody is asked any more.

        With the dictionary, whose digest is the hash; with `Over` as soon as there is nobody to ask, and after `stop`.
        """


class _Nobody:
    """In the place of a client who has heard of the end: no cycle is left for the collector of garbage."""

    def asked(self) -> None:
        """See `Client`."""

    def over(self, ending: InfoBytes | Over) -> None:
        """See `Client`."""


_NOBODY = _Nobody()


class Quest:
    """One quest, from `begin` to its end. It knows no deadline."""

    __slots__ = (
        *("_asked", "_begun", "_client", "_ending", "_given", "_hash20", "_named", "_race", "_reach", "_trackers"),
        "_waiting",
    )

    def __init__(self, hash20: str, reach: Reach, client: Client) -> None:
        self._hash20 = bytes.fromhex(hash20)
        self._reach = reach
        self._client = client
        self._begun = False
        self._asked = False
        self._ending: InfoBytes | Over | None = None
        self._trackers: dict[str, _Asking] = {}
        self._waiting: dict[str, Tracker] | None = None  # those without a place yet; few magnets name so many
        self._named: dict[Peer, bool] | None = None  # by trackers, and whether it may be called
        self._given: set[Peer] | None = None  # those that magnets name; few do
        self._race: PeerRace | None = None

    @property
    def asked(self) -> bool:
        """Whether the first question has been sent."""
        return self._asked

    def others(self, whom: Whom) -> Others:
        """Of those whom it asks, or will, the ones that are not of these."""
        return Others(
            trackers={*self._trackers, *(self._waiting or ())}.difference(whom.trackers),
            peers=(self._given or set()).difference(whom.peers),
        )

    def seen(self, others: Others = NO_OTHERS) -> int:
        """How many peers somebody named, without ourselves and without what others brought."""
        if any(others):
            named = (one.named - one.left_out for one in self._own_trackers(others))
            return len((self._given or set()) - others.peers) + max(named, default=0)
        return self._race.peers if self._race is not None else 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or is about to; whoever comes now has to begin another one."""
        return self._ending is not None

    @property
    def is_running(self) -> bool:
        """Whether it has begun, and goes on."""
        return self._begun and self._ending is None

    def asks_for(self, others: Others) -> bool:
        """Whether somebody was reached, or may yet be, and not only on behalf of others."""
        if not self._asked or isinstance(self._ending, Over):
            return False
        own = self._own_trackers(others)
        waits = (self._waiting or {}).keys() - others.trackers
        return not any(others) or bool(waits or self.seen(others) or not all(one.unreached for one in own))

    def counts(self, others: Others = NO_OTHERS) -> dict[str, int]:
        """What was done so far, by the words of `truename.model.COUNTS`, without what others brought."""
        own = self._own_trackers(others)
        everybody = self._named or {}
        named, left_out = len(everybody), sum(not may_be_called for may_be_called in everybody.values())
        if others.trackers:  # then who named whom is known by number alone
            fullest = max(own, key=lambda one: (one.named, -one.left_out), default=None)
            named, left_out = (fullest.named, fullest.left_out) if fullest is not None else (0, 0)
        done = {
            "trackers": sum(one.asked for one in own),
            "trackers_answered": sum(one.answered for one in own),
            "tracker_peers": named,
            "left_out": left_out,
            **(self._race.counts() if self._race is not None and self.seen(others) else {}),
        }
        return {word: count for word, count in done.items() if count}

    def said(self, others: Others = NO_OTHERS) -> str:
        """The reason of a tracker of a magnet that has named nobody, if one gave any.

        What the administrator's trackers say, of a key for one, is not for everybody.
        """
        magnets = (one for one in self._own_trackers(others) if not one.tracker.exempt)
        return next((one.said for one in magnets if one.said and not one.named), "")

    def add(self, trackers: Iterable[Tracker], peers: Sequence[Peer]) -> None:
        """Ask these too, as far as the bounds allow; before `begin` as well as later.

        Whoever joins what runs already has places of their own, for those who began have no use for them.
        """
        places = self._reach.limits.trackers if self._begun else 0
        for tracker in trackers:
            if tracker.url not in self._trackers:
                is_joiners = places > 0 and len(self._trackers) < self._reach.limits.trackers_in_all
                (self._admit if is_joiners or self._has_place_for(tracker) else self._let_wait)(tracker)
                places -= is_joiners
        if peers:
            self._given = {*(self._given or ()), *peers}
        self._take_peers(peers, object())

    def begin(self) -> None:
        """Ask until the dictionary is there."""
        self._begun = True
        for asking in self._trackers.values():
            self._ask(asking)
        if self._race is not None:
            self._race.go_on()
        self._look_for_hope()

    def stop(self) -> None:
        """End it at once."""
        self._end(Over.STOPPED)

    # --- the course of the race ----------------------------------------------------------------------------------

    def question_sent(self) -> None:
        """Somebody is being asked."""
        if not self._asked:
            self._asked = True
            self._client.asked()

    def found(self, info: InfoBytes) -> None:
        """The dictionary is there, its digest checked."""
        self._end(info)

    def _end(self, ending: InfoBytes | Over) -> None:
        if self._ending is not None:
            return
        self._ending = ending
        unasked_first = sorted(self._trackers.values(), key=attrgetter("asked"))  # or a turn that gets free begins them
        for asking in unasked_first:
            asking.leave()
        if self._race is not None:
            self._race.stop()
        asyncio.get_running_loop().call_soon(self._client.over, ending)
        self._client = _NOBODY

    def _look_for_hope(self) -> None:
        is_alone = self._race is None or self._race.is_empty
        if is_alone and all(asking.unreached for asking in self._trackers.values()):
            self._end(Over.NOBODY)

    # --- trackers ------------------------------------------------------------------------------------------------

    def _has_place_for(self, tracker: Tracker) -> bool:
        """The administrator's trackers have places of their own."""
        places = self._reach.limits.trackers
        if len(self._trackers) < places:
            return True
        alike = (one for one in self._trackers.values() if one.tracker.exempt is tracker.exempt)
        return sum(not one.has_left for one in alike) < places

    def _admit(self, tracker: Tracker) -> None:
        asking = self._trackers[tracker.url] = _Asking(tracker, Allowance(self._reach.limits.tracker_bytes))
        if self._begun:
            self._ask(asking)

    def _let_wait(self, tracker: Tracker) -> None:
        if self._waiting is None:
            self._waiting = {}
        if len(self._trackers) + len(self._waiting) < self._reach.limits.trackers_in_all:
            self._waiting.setdefault(tracker.url, tracker)

    def _ask(self, asking: _Asking) -> None:
        reach = self._reach
        asking.again = None
        asking.question = Question(
            reach.trackers,
            asking.tracker,
            Announce(hash20=self._hash20, peer_id=reach.peer_id, port=reach.announced_port, key=reach.key),
            may_say=asking.may_say,
            on_turn=partial(self._asks, asking),
            on_end=partial(self._answered, asking),
        )
        asking.question.begin()

    def _answered(self, asking: _Asking, said: Announced | Unanswered) -> None:
        if asking.question is not None:
            asking.said = "" if isinstance(said, Announced) else asking.question.said or asking.said
        asking.question = None
        pause_s = _TRACKER_AGAIN_S[min(asking.failures, len(_TRACKER_AGAIN_S) - 1)]
        if isinstance(said, Announced):
            asking.failures = 0
            asking.unreached, asking.answered = False, True
            self._take_named(asking, [peer for peer in said.peers if not self._reach.is_ourselves(peer)])
            shortest_s, longest_s = _ANSWERED_AGAIN_S
            pause_s = max(shortest_s, min(float(said.again_in_s), longest_s))
        else:
            asking.failures += 1
            asking.unreached = said is Unanswered.UNREACHED
        if not self.is_running:
            return
        if self._waiting and asking.failures:
            asking.has_left = True
            self._admit(self._waiting.pop(next(iter(self._waiting))))
            return
        if asking.unreached:
            self._look_for_hope()
        if asking.may_say.left and self.is_running:
            asking.again = asyncio.get_running_loop().call_later(pause_s, self._ask, asking)

    def _own_trackers(self, others: Others) -> list[_Asking]:
        return [one for url, one in self._trackers.items() if url not in others.trackers]

    def _take_named(self, asking: _Asking, peers: Sequence[Peer]) -> None:
        named = {peer: self._reach.may_call(peer[0]) for peer in peers}
        if len(named) >= asking.named:
            asking.named, asking.left_out = len(named), sum(not may_be_called for may_be_called in named.values())
        if named and len(self._named or ()) < _MOST_COUNTED:
            self._named = (self._named or {}) | named
        self._take_peers(peers, asking.tracker.url)

    def _asks(self, asking: _Asking) -> None:
        asking.asked = True
        self.question_sent()

    def _take_peers(self, peers: Sequence[Peer], named_by: Hashable) -> None:
        if self._race is None:
            if not peers:
                return
            self._race = PeerRace(self._hash20, self._reach, self)
        self._race.add(peers, named_by)
