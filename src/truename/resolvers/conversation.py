"""One info-hash in conversation with the swarm: who waits for it, who has been asked, what they said.

Owns the deadlines: a waiter's time begins with the first question sent for one of its hashes after it came, and a
question that never left (refused, no route) does not count as one. Knows nothing of libtorrent's alerts or of turns.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from truename.asked import Asked, Ended
from truename.errors import NotYet, ResolverDown
from truename.infohash import InfoHash
from truename.metainfo import InfoBytes
from truename.resolvers.base import Trail
from truename.resolvers.events import Handle
from truename.resolvers.whom import NO_OTHERS, NOBODY, Others, Peer, Whom

_FIRST_ANSWERS_S = 3.5
"""Beside the look-ups that it is told to make, libtorrent makes one of its own every 4 s."""

_LAST_LOOK_S = 0.5
"""How long before a waiter's end its peers are looked at once more."""


class Waiter(Asked[InfoBytes]):
    """One question, in one conversation for each hash of its magnet.

    The answer is the raw info dictionary of `info_hash`, or one of the port's errors. A second hash of the magnet is
    one more way to find that dictionary; if it leads to another torrent, that is nothing to this waiter.
    `whom` its own magnet let us ask: of what others have named it is told nothing. `asked_since`: when its time began,
    by the clock of its loop; None when nobody is asked.
    Invariant: its clock runs exactly while one of its conversations is `asked` and it has no answer.
    """

    __slots__ = (
        *("_clock", "_left_asked", "_left_counts", "_left_seen", "asked_since", "conversations", "deadline_s"),
        *("info_hash", "patrons", "trail", "whom"),
    )

    def __init__(
        self,
        info_hash: InfoHash,
        deadline_s: float,
        loop: asyncio.AbstractEventLoop,
        ended: Ended[InfoBytes],
        *,
        trail: Trail | None = None,
        whom: Whom = NOBODY,
        patrons: "Patrons | None" = None,
    ) -> None:
        super().__init__(loop, ended)
        self.info_hash = info_hash
        self.deadline_s = deadline_s
        self.trail = trail or Trail()
        self.whom = whom
        self.patrons = patrons
        self.conversations: list[Conversation] = []
        self.asked_since: float | None = None
        self._left_counts: dict[str, int] | None = None
        self._left_seen = 0
        self._left_asked = False
        self._clock: asyncio.TimerHandle | None = None

    def settle(self, answer: InfoBytes | Exception) -> None:
        """See `Asked.settle`."""
        super().settle(answer)
        self._stop_clock()

    def look_at_the_clock(self) -> None:
        """Start or stop it, according to whether anybody is being asked."""
        if not any(conversation.asked for conversation in self.conversations):
            self._stop_clock()
        elif self._clock is None and not self.is_answered:
            self.asked_since = self.loop.time()
            early_s = max(self.deadline_s - _LAST_LOOK_S, self.deadline_s / 2)
            self._clock = self.loop.call_later(early_s, self._time_is_nearly_over)
            self.trail.question_sent()

    def note(self) -> None:
        """Write the numbers of its conversations into its trail. Those of two hashes of one torrent are not added.

        Whoever gave it the dictionary was tried, and be it that only others have named them.
        """
        given = {"tried": int(isinstance(self.answer, InfoBytes))}
        counts = (each.counts(each.others(self.whom)) for each in self.conversations)
        self.trail.note(_most([self._left_counts or {}, given, *counts]))

    def leave(self, conversation: "Conversation") -> None:
        """One of its hashes helps no more; what was done for that remains done."""
        if conversation not in self.conversations:
            return
        self.conversations.remove(conversation)
        if self.conversations or not self.is_answered:  # else nobody will ask for it
            others = conversation.others(self.whom)
            self._left_counts = _most([self._left_counts or {}, conversation.counts(others)])
            self._left_seen = max(self._left_seen, conversation.seen(others))
            self._left_asked = self._left_asked or conversation.asks_for(others)
            self.look_at_the_clock()

    def nobody_answered(self) -> NotYet | ResolverDown:
        """What to say when it was asked in vain, or would have been, had it had anybody to ask."""
        waits = [(each, each.others(self.whom)) for each in self.conversations]
        if not self._left_asked and not any(each.asks_for(others) for each, others in waits):
            return self.whom.nobody_to_ask()
        return NotYet(peers_seen=max((self._left_seen, *(each.seen(others) for each, others in waits))))

    def _left(self) -> None:
        self._stop_clock()
        if self.patrons is not None:
            self.patrons.has_gone(self)

    def _stop_clock(self) -> None:
        self.asked_since = None
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _time_is_nearly_over(self) -> None:
        if self.patrons is not None:
            self.patrons.look_a_last_time(self)
        if self.asked_since is not None:
            at = self.asked_since + self.deadline_s
            self._clock = self.loop.call_at(at, self._time_is_over)

    def _time_is_over(self) -> None:
        self.settle(self.nobody_answered())


class Patrons(Protocol):
    """Whoever looks after those who wait."""

    def look_a_last_time(self, waiter: Waiter) -> None:
        """Its time is nearly over."""

    def has_gone(self, waiter: Waiter) -> None:
        """It does not wait any more."""


@dataclass(slots=True, eq=False)
class Conversation:
    """`hash20` is what the swarm knows the torrent by: a v1 hash, or the first 20 bytes of a v2 hash, in hex.

    `handle` is None until the torrent is in the session, and again once it has been put out.
    `trackers` and `peers` are all that were or will be asked; `peers_ahead` those to be asked once the torrent is in,
    and `later` the trackers to be asked when others have failed.
    `is_out`: it was put out since it gets no metadata there; `leaving` is its handle until its peers are known.
    `dht_asks`: how often the DHT was asked; `dht_nodes`: the most nodes that stood in our routing tables when it was,
    or until its look-up had ended. A DHT that is entered by one node alone answers though none stands there.
    `answered`: its metadata has come; `unread`: why that could not be read.
    `handed`: peers that somebody else was told of.
    `known`: how many peers libtorrent has; `us`: those that are ourselves, as the DHT names us too once we have asked
    it, and a tracker that names everybody who has asked. When the peers were looked at last, so many of `known` were
    `_gone` (had failed, or are ourselves); `_alive` are the most that had not.
    """

    hash20: str
    waiters: list[Waiter] = field(default_factory=list)
    handle: Handle | None = None
    second_try: bool = False
    trackers: dict[str, None] = field(default_factory=dict)
    peers: dict[Peer, None] = field(default_factory=dict)
    peers_ahead: list[Peer] = field(default_factory=list)
    later: tuple[str, ...] = ()
    asked: bool = False
    dht_asks: int = 0
    dht_nodes: int = 0
    leaving: Handle | None = None
    is_out: bool = False
    answered: bool = False
    unread: str = ""
    lied_to: bool = False
    doubted: bool = False
    handed: dict[Peer, None] = field(default_factory=dict)
    known: int = 0
    us: Set[Peer] = frozenset()
    _gone: int = 0
    _alive: int = 0
    _told: "dict[str, _Told]" = field(default_factory=dict)
    _named_by_dht_first: int = 0
    _named_by_dht_later: int = 0
    _found_in_dht: Set[Peer] = frozenset()
    _dht_since: float | None = None

    def admit(self, waiter: Waiter) -> None:
        """Somebody else waits, with the whole of their own time."""
        self.waiters.append(waiter)
        waiter.conversations.append(self)
        waiter.look_at_the_clock()
        if self.handed or self.is_out:
            self._tell_of_handed(waiter)

    def dismiss(self, waiter: Waiter) -> None:
        """Somebody does not wait any more, for this hash."""
        if waiter in self.waiters:
            self.waiters.remove(waiter)
        waiter.leave(self)

    def question_sent(self) -> None:
        """Somebody is being asked."""
        self._set_asked(asked=True)

    def no_question_left(self) -> None:
        """It turns out that nobody was asked."""
        self._set_asked(asked=False)

    def tracker_asked(self, url: str) -> None:
        """An announce is on its way."""
        self._of(url).under_way += 1

    def tracker_answered(self, url: str, *, peers: int | None, reached: bool) -> None:
        """An announce has ended, `peers` None: without an answer of use, such as a refusal or nonsense.

        A tracker is unreached when none of those sent to it reached it.
        """
        told = self._of(url)
        told.under_way = max(0, told.under_way - 1)
        if reached:
            told.reached = True
        elif not told.under_way and told.reached is None:
            told.reached = False
        if peers is not None:
            told.peers = max(told.peers or 0, peers)

    def next_trackers(self, *, places: int, most: int) -> list[str]:
        """Take as many of `later` as trackers that failed have left places; of `most` in all."""
        if not self.later:
            return []
        failed = sum(not told.under_way and told.peers is None for told in self._told.values())
        room = max(0, min(places - (len(self.trackers) - failed), most - len(self.trackers)))
        waiting = [url for url in self.later if url not in self.trackers]
        self.later = tuple(waiting[room:])
        self.trackers |= dict.fromkeys(waiting[:room])
        return waiting[:room]

    def dht_asked(self, now: float, *, nodes: int) -> None:
        """A look-up is on its way; so many nodes are known."""
        self._dht_begins(now)
        self.dht_asks += 1
        self.dht_nodes = max(self.dht_nodes, nodes)
        self.question_sent()
        for waiter in self.waiters:  # in the end it is told whom they named; who is stopped before that, had a turn
            waiter.trail.note({"dht_nodes": self.dht_nodes})

    def dht_counted(self, nodes: int) -> None:
        """While its look-up is on its way, so many nodes are known."""
        self.dht_nodes = max(self.dht_nodes, nodes)

    def dht_answered(self, peers: int, now: float) -> None:
        """The DHT named so many. A look-up announces us when it ends, so all but the first answers name us as well.

        Right after the session's beginning those may be of a look-up that libtorrent makes before ours has its turn.
        """
        if self.dht_asks > 1 or now - self._dht_begins(now) > _FIRST_ANSWERS_S:
            self._named_by_dht_later = max(self._named_by_dht_later, peers)
        else:
            self._named_by_dht_first = max(self._named_by_dht_first, peers)

    def found_in_dht(self, others: Iterable[Peer]) -> None:
        """The DHT named these peers, and we are not among them."""
        self._found_in_dht |= set(others)

    def trackers_counted(self, sizes: Mapping[str, int]) -> None:
        """The size of the swarm as each tracker counts it, with us: nobody else can be more than that without us."""
        for url, size in sizes.items():
            told = self._told.get(url)
            if told is not None and told.peers is not None:
                told.peers = min(told.peers, max(0, size - 1))

    @property
    def named_by_trackers(self) -> int:
        """How many peers a tracker named, which may be ourselves until `trackers_counted`."""
        return self._named_by_those_but(NO_OTHERS)

    @property
    def named_by_dht(self) -> int:
        """How many peers the DHT named, without us: its first answers may name us too, the later ones do."""
        us = len(self.us)
        return max(0, self._named_by_dht_first - us, self._named_by_dht_later - max(1, us), len(self._found_in_dht))

    def others(self, whom: Whom) -> Others:
        """Of those whom it asks, or will, the ones that are not of these."""
        return Others(
            trackers=set(self.trackers).difference(whom.trackers, whom.later),
            peers=set(self.peers).difference(whom.peers),
        )

    @property
    def peers_seen(self) -> int:
        """How many peers somebody named, ourselves left out as far as that is known."""
        return self.seen(NO_OTHERS)

    def seen(self, others: Others) -> int:
        """The same without what others brought. Who names nobody has no part in peers that showed themselves."""
        named = max(self._named_by_those_but(others), self.named_by_dht)
        showed = 0 if any(others) else max(self._alive, bool(self.handed or self.answered))
        return max(len(self.peers.keys() - others.peers) + named, showed)

    @property
    def has_somebody(self) -> bool:
        """Whether there is anybody who was reached, or may yet be."""
        return self.is_out or self._has_somebody_but(NO_OTHERS)

    def asks_for(self, others: Others) -> bool:
        """Whether somebody is asked, and not only on behalf of others."""
        return self.asked and (not any(others) or self._has_somebody_but(others))

    @property
    def asked_since(self) -> float | None:
        """When the time of the first who waits began; None when nobody is asked."""
        return min((since for waiter in self.waiters if (since := waiter.asked_since) is not None), default=None)

    def hand_over(self, peers: Sequence[Peer]) -> None:
        """Somebody else may do better with these peers."""
        self.handed |= dict.fromkeys(peers)
        for waiter in self.waiters:
            self._tell_of_handed(waiter)

    def _tell_of_handed(self, waiter: Waiter) -> None:
        """Whom only others have named is left to them, as far as that is known."""
        others = self.others(waiter.whom).peers - self._found_in_dht
        waiter.trail.needs_help(tuple(endpoint(peer) for peer in self.handed if peer not in others))

    def peers_looked_at(self, peers: Sequence[Peer]) -> None:
        """Of the peers that are known, these have not failed; we are not among them."""
        self.known = max(self.known, len(peers) + len(self.us))
        self._gone = self.known - len(peers)
        self._alive = max(self._alive, len(peers))

    def counts(self, others: Others = NO_OTHERS) -> dict[str, int]:
        """What has been done, by the words of `COUNTS`, without what others brought."""
        known = max(0, self.known - len(self.us))
        failed = max(0, self._gone - len(self.us))
        tried = {
            "tried": max(known, int(self.answered)),
            "refused": failed,
            "silent": 0 if self.unread else max(0, known - failed - self.lied_to - self.answered),
            "lied": int(self.lied_to),
        }
        if any(others) and not self.seen(others):
            tried = dict.fromkeys(tried, 0)
        counts = {
            "trackers": len(self._told.keys() - others.trackers),
            "trackers_answered": sum(told.peers is not None for told in self._told_by_those_but(others)),
            "tracker_peers": self._named_by_those_but(others),
            **tried,
        }
        if self.dht_asks or self.named_by_dht:
            counts |= {"dht_nodes": self.dht_nodes, "dht_peers": self.named_by_dht}
        return counts

    def note(self) -> None:
        """Write the numbers into the trails of all who wait."""
        for waiter in self.waiters:
            waiter.note()

    def _has_somebody_but(self, others: Others) -> bool:
        unreached = sum(told.reached is False for told in self._told_by_those_but(others))
        trackers = len(self.trackers.keys() - others.trackers) - unreached
        return bool(self.dht_asks or trackers > 0 or self.seen(others))

    def _named_by_those_but(self, others: Others) -> int:
        named = (told.peers for told in self._told_by_those_but(others) if told.peers is not None)
        return self._without_us(max(named, default=0))

    def _of(self, url: str) -> "_Told":
        told = self._told.get(url)
        if told is None:
            told = self._told[url] = _Told()
        return told

    def _told_by_those_but(self, others: Others) -> "Iterable[_Told]":
        return (told for url, told in self._told.items() if url not in others.trackers)

    def _without_us(self, named: int) -> int:
        """Of so many peers that a tracker named, no more can be others than libtorrent has besides ourselves."""
        return min(named, max(0, self.known - len(self.us))) if self.us else named

    def _dht_begins(self, now: float) -> float:
        """When it was first asked, or answered."""
        if self._dht_since is None:
            self._dht_since = now
        return self._dht_since

    def _set_asked(self, *, asked: bool) -> None:
        if self.asked is not asked:
            self.asked = asked
            for waiter in self.waiters:
                waiter.look_at_the_clock()


@dataclass(slots=True, eq=False)
class _Told:
    """What came of asking one tracker. `under_way`: so many announces; `peers`: the most it has named.

    `reached`: one of the announces got there; False: those that have ended did not.
    """

    under_way: int = 0
    reached: bool | None = None
    peers: int | None = None


def _most(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    most: dict[str, int] = {}
    for counts in several:
        for word, count in counts.items():
            most[word] = max(count, most.get(word, 0))
    return most


def endpoint(peer: Peer) -> str:
    """A peer as a magnet names one."""
    address, port = peer
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
