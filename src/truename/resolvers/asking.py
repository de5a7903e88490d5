"""Whose turn it is to be asked about: announces in windows, DHT look-ups through a bucket.

Owns what has not been asked yet. A question starts the clocks of its conversation when it is sent, not before.
Source: the reasons for the pacing are in `docs/adr/0003-libtorrent-settings.md`.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Iterable, Iterator

from truename.resolvers.conversation import Conversation
from truename.resolvers.pacing import Turns
from truename.resolvers.session import SwarmSession
from truename.resolvers.tuning import ANNOUNCE_TIMEOUT_S

_UDP_ANNOUNCES_AT_ONCE = 100
_UDP_PATIENCE_S = 1.0
_DHT_LOOKUPS_AT_ONCE = 20
_DHT_PATIENCE_S = 5.0
_DOUBT_AFTER_S = 1.0
_DHT_AGAIN_S = (10.0, 50.0, 240.0, 1500.0)


class Asking:
    """Gives each conversation its turns. The clock is an argument."""

    def __init__(self, session: SwarmSession, *, dht: bool) -> None:
        self._session = session
        self._dht = dht
        # libtorrent makes so many HTTP announces at once and gives each so long. UDP has no such limit; there the
        # window only takes the edge off a burst, in which packets get lost.
        self._http = _Announces(size=session.room.http_announces, patience_s=ANNOUNCE_TIMEOUT_S)
        self._udp = _Announces(size=_UDP_ANNOUNCES_AT_ONCE, patience_s=_UDP_PATIENCE_S)
        self._dht_turns: Turns[Conversation] = Turns(size=_DHT_LOOKUPS_AT_ONCE, patience_s=_DHT_PATIENCE_S)
        self._dht_again: list[tuple[float, int, Conversation]] = []
        self._searching: set[Conversation] = set()
        self._order = itertools.count()
        self._doubtful: deque[tuple[float, Conversation]] = deque()
        self._counting = False
        self._searches = self._given_at_count = self._dht_nodes = 0

    @property
    def wants_dht(self) -> bool:
        """Whether anybody waits for a DHT look-up."""
        return bool(len(self._dht_turns))

    def begin(self, conversation: Conversation, trackers: Iterable[str], now: float) -> list[str]:
        """Queue trackers of a torrent that is not in the session yet. Output: those whose turn has come already."""
        at_once: list[str] = []
        for announces, urls in self._by_protocol(trackers):
            at_once += announces.begin(conversation, urls, now)
        return at_once

    def add(self, conversation: Conversation, trackers: Iterable[str]) -> None:
        """Queue more trackers of a torrent, be it in the session or not."""
        for announces, urls in self._by_protocol(trackers):
            announces.add(conversation, urls)

    def arrived(self, conversation: Conversation) -> None:
        """The torrent is in the session now: what is queued for it may have its turn."""
        for announces in (self._http, self._udp):
            announces.add(conversation, [])
        if self._dht:
            self._dht_turns.ask(conversation)

    def leave(self, conversation: Conversation) -> None:
        """There is nothing more to ask."""
        for announces in (self._http, self._udp):
            announces.leave(conversation)
        self._searching.discard(conversation)
        self._dht_turns.withdraw(conversation)  # a look-up under way goes on, also without its torrent

    def search(self, conversation: Conversation) -> None:
        """Look its peers up in the DHT once more, for whoever is not in the session and needs their addresses."""
        if self._dht:
            self._searching.add(conversation)
            self._dht_turns.ask(conversation)

    def tracker_answered(self, conversation: Conversation, url: str) -> None:
        """One announce has ended."""
        self._protocol(url).turns.give_back(conversation)

    def doubt(self, conversation: Conversation, now: float) -> None:
        """A tracker named peers for it for the first time; they may be ourselves."""
        self._doubtful.append((now + _DOUBT_AFTER_S, conversation))

    def settle_doubts(self, now: float) -> None:
        """Where the peers that were named have given nothing, ask how many the trackers count."""
        while self._doubtful and self._doubtful[0][0] <= now:
            conversation = self._doubtful.popleft()[1]
            if conversation.handle is not None:
                self._session.count_trackers(conversation.handle)

    def count(self) -> None:
        """Ask the session how many DHT look-ups are under way; those begun later are not in its answer."""
        if not self._counting:
            self._counting = True
            self._given_at_count = self._dht_turns.given
            self._searches = 0
            self._session.count()

    def dht_answered(self) -> None:
        """One look-up has found somebody. Whether it has ended too only the count can tell."""
        if self.wants_dht:
            self.count()

    def searching(self, searches: int) -> None:
        """So many are under way at one of our DHT nodes. Each look-up is made at all of them."""
        self._searches = max(self._searches, searches)

    def counted(self, dht_nodes: int) -> None:
        """All have told, and so many other nodes are known to ours.

        An unsuccessful look-up ends without a word, so this is how its place gets free.
        """
        self._dht_nodes = dht_nodes
        for conversation in self._dht_turns.holders:
            conversation.dht_counted(dht_nodes)
        self._counting = False
        self._dht_turns.keep(self._searches, given=self._given_at_count)

    def give_turns(self, now: float, *, dht_awake: bool) -> None:
        """Send the questions whose turn has come."""
        for announces in (self._http, self._udp):
            for conversation, urls in announces.next_ones(now):
                if conversation.handle is not None:
                    self._session.add_trackers(conversation.handle, urls)
                    conversation.question_sent()
        if not dht_awake:
            return
        while self._dht_again and self._dht_again[0][0] <= now:
            conversation = heapq.heappop(self._dht_again)[2]
            if conversation.handle is not None or conversation in self._searching:
                self._dht_turns.ask(conversation)
        for conversation in self._dht_turns.next_ones(now):
            self._ask_dht(conversation, now)

    def _ask_dht(self, conversation: Conversation, now: float) -> None:
        if conversation.handle is not None:
            self._session.ask_dht(conversation.handle)
        elif conversation not in self._searching:
            return
        if conversation in self._searching:
            self._session.search_dht(conversation.hash20)
        pause_s = _DHT_AGAIN_S[min(conversation.dht_asks, len(_DHT_AGAIN_S) - 1)]
        heapq.heappush(self._dht_again, (now + pause_s, next(self._order), conversation))
        conversation.dht_asked(now, nodes=self._dht_nodes)

    def _protocol(self, url: str) -> "_Announces":
        return self._udp if url.startswith("udp:") else self._http

    def _by_protocol(self, urls: Iterable[str]) -> "Iterator[tuple[_Announces, list[str]]]":
        sorted_urls: dict[_Announces, list[str]] = {}
        for url in urls:
            sorted_urls.setdefault(self._protocol(url), []).append(url)
        yield from sorted_urls.items()


class _Announces:
    """The announces of one protocol. Only torrents that are in the session queue up; the others have their lists."""

    def __init__(self, *, size: int, patience_s: float) -> None:
        self.turns: Turns[Conversation] = Turns(size=size, patience_s=patience_s)
        self._unasked: dict[Conversation, list[str]] = {}

    def begin(self, conversation: Conversation, urls: list[str], now: float) -> list[str]:
        if not self._unasked and self.turns.take(conversation, now, cost=len(urls)):
            return urls
        self._unasked[conversation] = urls
        return []

    def add(self, conversation: Conversation, urls: list[str]) -> None:
        unasked = self._unasked.get(conversation, []) + urls
        if unasked:
            self._unasked[conversation] = unasked
            if conversation.handle is not None:
                self.turns.ask(conversation, cost=len(unasked))

    def leave(self, conversation: Conversation) -> None:
        self._unasked.pop(conversation, None)
        self.turns.leave(conversation)

    def next_ones(self, now: float) -> Iterator[tuple[Conversation, list[str]]]:
        for conversation in self.turns.next_ones(now):
            yield conversation, self._unasked.pop(conversation, [])
