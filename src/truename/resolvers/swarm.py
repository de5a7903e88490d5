"""The swarm resolver: asks trackers, DHT and peers through one long-lived libtorrent session.

Every hash that is asked for is in the session from the start, where peers can find it; what waits for turns are the
questions we send. Names and digests are judged by `metainfo.py` from the raw bytes, never by libtorrent.
Source: BEP 3, 5, 9, 10, 15; the reasons for the pacing are in `docs/adr/0003-libtorrent-settings.md`.
"""

import asyncio
import heapq
import itertools
import logging
from collections.abc import Sequence
from typing import Final

from truename.errors import BadMetadata, BadName, ResolverDown, TruenameError
from truename.magnet import InfoHash, Magnet
from truename.metainfo import Metainfo, matches, read_info
from truename.resolvers.addresses import usable_peers, usable_trackers
from truename.resolvers.base import ResolverHealth
from truename.resolvers.connectivity import DHT_GRACE_S, DhtPulse, Sockets
from truename.resolvers.conversation import Conversation, Waiter
from truename.resolvers.pacing import Turns
from truename.resolvers.session import (
    Added,
    DhtAnswered,
    DhtCounted,
    DhtSearching,
    Event,
    Handle,
    Listening,
    MetadataCame,
    MetOurselves,
    NameMissing,
    SwarmConfig,
    SwarmSession,
    TrackerAnswered,
    TrackerAsked,
)

log = logging.getLogger(__name__)

MAX_TRACKERS_ASKED = 50
MAX_PEERS_ASKED = 50
_DHT_AGAIN_S = (10.0, 50.0, 240.0, 1500.0)
_TICK_S = 0.25
_COUNT_EVERY_S = 1.0
_CLOSE_S = 3.0
_LARGE_BYTES = 256 * 1024


class SwarmResolver:
    """The port `Resolver` over a swarm session, which begins with the first question.

    Belongs to one event loop. Any number of `resolve` calls may run at once; those for one hash share a conversation.
    """

    name: Final = "swarm"

    def __init__(self, config: SwarmConfig) -> None:
        self._config = config
        self._session: SwarmSession | None = None
        self._closed = False
        self._by_hash: dict[InfoHash, Conversation] = {}
        self._by_key: dict[bytes, Conversation] = {}
        self._by_handle: dict[Handle, Conversation] = {}
        self._without_hope: set[Conversation] = set()
        self._tracker_turns: Turns[Conversation] = Turns(size=400, patience_s=8)
        self._dht_turns: Turns[Conversation] = Turns(size=20, patience_s=5)
        self._dht_again: list[tuple[float, int, Conversation]] = []
        self._order = itertools.count()
        self._dht = DhtPulse(enabled=config.dht)
        self._sockets = Sockets()
        self._ticker: asyncio.TimerHandle | None = None
        self._count_at = 0.0

    async def resolve(self, magnet: Magnet, *, deadline_s: float) -> Metainfo:
        """See `Resolver.resolve`. The torrent leaves the session as soon as nobody waits for it."""
        session = self._started()
        self._sockets.check()
        waiter = Waiter(magnet, deadline_s, asyncio.get_running_loop().create_future())
        self._join(session, waiter)
        try:
            raw = await waiter.answer
        finally:
            waiter.stop_clock()
            self._leave(waiter)
        if len(raw) > _LARGE_BYTES:
            return await asyncio.to_thread(read_info, raw, magnet.hashes)
        return read_info(raw, magnet.hashes)

    async def health(self) -> ResolverHealth:
        """See `Resolver.health`; waits for the DHT as long as a look-up would."""
        try:
            self._started()
            async with asyncio.timeout(DHT_GRACE_S):
                await self._sockets.settled.wait()
                if self._config.dht:
                    await self._dht.woke.wait()
            self._sockets.check()
        except TimeoutError:
            pass
        except ResolverDown as down:
            return ResolverHealth(able=False, reason=down.reason, subject=down.subject, dht_enabled=self._config.dht)
        asleep = self._config.dht and not self._dht.woke.is_set()
        return ResolverHealth(
            able=not asleep,
            listening=self._sockets.open,
            dht_enabled=self._config.dht,
            dht_nodes=self._dht.nodes,
            reason="no_dht_node" if asleep else "",
        )

    async def aclose(self) -> None:
        """See `Resolver.aclose`."""
        self._closed = True
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        for conversation in set(self._by_hash.values()):
            self._end(conversation, ResolverDown("stopping"))
        session, self._session = self._session, None
        if session is not None:
            session.close()
            await asyncio.to_thread(session.join, _CLOSE_S)

    # --- conversations -------------------------------------------------------------------------------------------

    def _started(self) -> SwarmSession:
        if self._closed:
            raise ResolverDown("stopping")
        if self._session is None:
            try:
                self._session = SwarmSession(self._config, self._take)
            except (RuntimeError, TypeError, ValueError) as error:
                raise ResolverDown("session_failed") from error
            self._tick()
        return self._session

    def _join(self, session: SwarmSession, waiter: Waiter) -> None:
        for info_hash in waiter.magnet.hashes:
            conversation = self._by_hash.get(info_hash)
            if conversation is not None:
                self._ask_more(session, conversation, waiter.magnet)
                conversation.admit(waiter)
                return
        self._begin(session, waiter)

    def _begin(self, session: SwarmSession, waiter: Waiter) -> None:
        magnet = waiter.magnet
        trackers, peers = self._whom_to_ask(magnet)
        conversation = Conversation(b"", magnet.hashes)
        conversation.trackers = dict.fromkeys(trackers)
        conversation.peers = dict.fromkeys(peers)
        conversation.admit(waiter)
        for info_hash in magnet.hashes:
            self._by_hash[info_hash] = conversation
        at_once = bool(trackers) and self._tracker_turns.ask_now(conversation, self._now(), cost=len(trackers))
        conversation.queued = [] if at_once else trackers
        conversation.key = session.add(magnet.hashes, trackers if at_once else [], peers)
        self._by_key[conversation.key] = conversation
        if at_once or peers:
            conversation.question_sent()

    def _ask_more(self, session: SwarmSession, conversation: Conversation, magnet: Magnet) -> None:
        """A second magnet of the hash may name trackers and peers that the first did not."""
        trackers, peers = self._whom_to_ask(magnet)
        new_trackers = [url for url in trackers if url not in conversation.trackers]
        new_peers = [peer for peer in peers if peer not in conversation.peers]
        room = MAX_TRACKERS_ASKED * 2 - len(conversation.trackers)
        conversation.trackers |= dict.fromkeys(new_trackers[: max(0, room)])
        conversation.queued += new_trackers[: max(0, room)]
        if conversation.queued:
            self._tracker_turns.ask(conversation, cost=len(conversation.queued))
        if conversation.handle is not None and len(conversation.peers) <= MAX_PEERS_ASKED:
            conversation.peers |= dict.fromkeys(new_peers)
            session.add_peers(conversation.handle, new_peers)
            if new_peers:
                conversation.question_sent()
        self._without_hope.discard(conversation)
        self._give_turns()

    def _whom_to_ask(self, magnet: Magnet) -> tuple[list[str], list[tuple[str, int]]]:
        private = self._config.allow_private
        named = magnet.trackers if self._config.magnet_trackers else ()
        trackers = usable_trackers((*self._config.trackers, *named), allow_private=private)
        return trackers[:MAX_TRACKERS_ASKED], usable_peers(magnet.peers, allow_private=private)[:MAX_PEERS_ASKED]

    def _leave(self, waiter: Waiter) -> None:
        for info_hash in waiter.magnet.hashes:
            conversation = self._by_hash.get(info_hash)
            if conversation is not None and waiter in conversation.waiters:
                del conversation.waiters[waiter]
                if not conversation.waiters:
                    self._forget(conversation)
                return

    def _forget(self, conversation: Conversation) -> None:
        """Nobody waits any more. A torrent that is still on its way in is put out when it has arrived."""
        self._tracker_turns.leave(conversation)
        self._dht_turns.leave(conversation)
        self._without_hope.discard(conversation)
        if conversation.handle is None:
            return
        self._unlist(conversation)
        if self._by_handle.pop(conversation.handle, None) is not None and self._session is not None:
            self._session.remove(conversation.handle)

    def _unlist(self, conversation: Conversation) -> None:
        for info_hash in conversation.hashes:
            if self._by_hash.get(info_hash) is conversation:
                del self._by_hash[info_hash]

    def _end(self, conversation: Conversation, ending: TruenameError) -> None:
        for waiter in conversation.waiters:
            waiter.fail(ending)
        conversation.waiters.clear()
        self._forget(conversation)

    # --- what the session says -----------------------------------------------------------------------------------

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Added():
                    self._added(event)
                case MetadataCame():
                    self._metadata_came(event)
                case Listening():
                    self._sockets.note(event)
                case DhtCounted():
                    self._dht.count(event, self._now())
                case DhtSearching(searches):
                    self._dht_turns.keep(searches)
                case _:
                    conversation = self._by_handle.get(event.handle)
                    if conversation is not None:
                        self._about(conversation, event)
        if self._sockets.failed:
            for conversation in set(self._by_hash.values()):
                self._end(conversation, self._sockets.failure())
        self._give_turns()

    def _about(
        self,
        conversation: Conversation,
        event: TrackerAsked | TrackerAnswered | DhtAnswered | MetOurselves | NameMissing,
    ) -> None:
        match event:
            case TrackerAsked():
                conversation.tracker_asked(event.url, event.socket)
            case TrackerAnswered():
                conversation.tracker_answered(event.url, event.socket, peers=event.peers, reached=event.reached)
                self._tracker_turns.give_back(conversation)
                self._look_for_hope(conversation)
            case DhtAnswered(peers=peers):
                conversation.dht_answered(peers)
                self._dht_turns.leave(conversation)
            case MetOurselves():
                conversation.met_ourselves()
            case NameMissing():
                self._end(conversation, BadName("libtorrent found no name"))

    def _added(self, event: Added) -> None:
        conversation = self._by_key.pop(event.hash, None)
        if conversation is None or self._session is None:
            return
        if event.handle is None:
            self._unlist(conversation)
            self._end(conversation, ResolverDown("session_failed"))
            return
        conversation.handle = event.handle
        self._by_handle[event.handle] = conversation
        if not conversation.waiters:
            self._forget(conversation)
            return
        if conversation.queued:
            self._tracker_turns.ask(conversation, cost=len(conversation.queued))
        if self._config.dht:
            self._dht_turns.ask(conversation)
        self._look_for_hope(conversation)

    def _metadata_came(self, event: MetadataCame) -> None:
        for handle in (event.handle, event.also):
            conversation = self._by_handle.get(handle) if handle is not None else None
            if conversation is None:
                continue
            waiters, conversation.waiters = conversation.waiters, {}
            self._forget(conversation)
            for waiter in waiters:
                self._answer(waiter, event.raw)

    def _answer(self, waiter: Waiter, raw: bytes) -> None:
        """Two magnets can share one hash and lie about the other: who got the wrong torrent asks alone."""
        if matches(raw, waiter.magnet.hashes):
            waiter.succeed(raw)
        elif waiter.second_try or self._session is None:
            waiter.fail(BadMetadata("the digest is another one"))
        else:
            waiter.second_try = True
            waiter.stop_clock()
            self._join(self._session, waiter)

    # --- turns ---------------------------------------------------------------------------------------------------

    def _give_turns(self) -> None:
        session = self._session
        if session is None:
            return
        now = self._now()
        for conversation in self._tracker_turns.next_ones(now):
            self._ask_trackers(session, conversation)
        if self._dht.is_awake(now):
            while self._dht_again and self._dht_again[0][0] <= now:
                conversation = heapq.heappop(self._dht_again)[2]
                if conversation.handle in self._by_handle:
                    self._dht_turns.ask(conversation)
            for conversation in self._dht_turns.next_ones(now):
                self._ask_dht(session, conversation, now)

    def _ask_trackers(self, session: SwarmSession, conversation: Conversation) -> None:
        if conversation.handle is None:  # still on its way in; `_added` asks again
            self._tracker_turns.leave(conversation)
            return
        session.add_trackers(conversation.handle, conversation.queued)
        conversation.queued = []
        conversation.question_sent()

    def _ask_dht(self, session: SwarmSession, conversation: Conversation, now: float) -> None:
        if conversation.handle is None:
            return
        session.ask_dht(conversation.handle)
        pause_s = _DHT_AGAIN_S[min(conversation.dht_asks, len(_DHT_AGAIN_S) - 1)]
        heapq.heappush(self._dht_again, (now + pause_s, next(self._order), conversation))
        conversation.dht_asks += 1
        conversation.question_sent()
        self._without_hope.discard(conversation)

    def _look_for_hope(self, conversation: Conversation) -> None:
        """End a conversation at once when nobody can be asked; while the DHT may still wake up, it waits for that."""
        if conversation.has_somebody or conversation.dht_asks:
            return
        conversation.no_question_left()
        if self._dht.is_hopeless(self._now()):
            self._end(conversation, ResolverDown("nobody_to_ask"))
        else:
            self._without_hope.add(conversation)

    def _tick(self) -> None:
        if self._session is None or self._closed:
            return
        now = self._now()
        self._ticker = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        if now >= self._count_at or len(self._dht_turns):
            self._count_at = now + _COUNT_EVERY_S
            self._session.count_dht()
        if self._without_hope and self._dht.is_hopeless(now):
            for conversation in list(self._without_hope):
                self._end(conversation, ResolverDown("nobody_to_ask"))
        self._give_turns()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
