"""Who waits for which info-hash, and what the session says about it.

Owns all conversations of one session, from the first question to the moment when the torrent leaves it. A magnet with
two hashes waits in two conversations, and the first answer that is the dictionary of its own hash ends both: so a lie
about a second hash is nothing to anybody, and both hashes of a hybrid lead to its name.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from truename.asked import Ended
from truename.errors import BadMetadata, ResolverDown, TruenameError
from truename.magnet import Magnet
from truename.metainfo import V2_MARK, InfoBytes
from truename.resolvers import addresses
from truename.resolvers.addresses import usable_peers, usable_trackers
from truename.resolvers.asking import Asking
from truename.resolvers.base import Trail
from truename.resolvers.connectivity import DhtPulse, Sockets
from truename.resolvers.conversation import Conversation, Waiter
from truename.resolvers.events import (
    AboutOne,
    Added,
    Counted,
    DhtAnswered,
    DhtFound,
    DhtSearching,
    Event,
    Handle,
    Listening,
    MetadataCame,
    MetadataFalse,
    MetadataUnread,
    Moved,
    PeersKnown,
    PeersSeen,
    TrackerAnswered,
    TrackerAsked,
    TrackersCounted,
)
from truename.resolvers.guard import LOOK_S
from truename.resolvers.rescue import Endings, Rescue
from truename.resolvers.session import SwarmSession
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.whom import AT_ONCE, FIRST_PEER_PORT, IN_ALL, Peer, Whom, remembering

log = logging.getLogger(__name__)

_MAX_PEERS_GIVEN = 50  # of one magnet, to libtorrent
_TICK_S = 0.25
_COUNT_EVERY_S = 1.0


class Switchboard:
    """All conversations of one session, which begins and ends with it. Belongs to one event loop."""

    def __init__(self, config: SwarmConfig) -> None:
        self._config = config
        own = usable_trackers(config.trackers, allow_private=config.allow_private)
        self._own_trackers = config.askable(own)
        self._leaves_own = len(self._own_trackers) < len(own)
        self.dht = DhtPulse(enabled=config.asks_dht, has_entrance=bool(config.dht_entrances))
        self.sockets = Sockets(config.listen_interfaces, only_udp=bool(config.proxy))
        self._loop = asyncio.get_running_loop()
        self._session = SwarmSession(config, self._take)
        self._asking = Asking(self._session, dht=config.asks_dht)
        self._whom_to_ask = remembering(self._choose)
        self._by_hash: dict[str, Conversation] = {}
        self._by_handle: dict[Handle, Conversation] = {}
        self._patrol: asyncio.TimerHandle | None = None
        endings = Endings(arrived=self._begin_looking, came=self._named, unread=self._unread)
        self._rescue = Rescue(config, self._asking, self._session, self._by_handle, endings)
        self._asked_early: list[TrackerAsked] = []
        self._without_hope: set[Conversation] = set()
        self._looked = asyncio.Event()
        self._closed = False
        self._count_at = 0.0
        self._ticker = self._loop.call_soon(self._tick)

    def ask(
        self, magnet: Magnet, deadline_s: float, trail: Trail, ended: Ended[InfoBytes], *, after_s: float = 0
    ) -> Waiter:
        """Ask for the raw info dictionary of one of the magnet's hashes, now or in a while. Errors: none here."""
        whom = self._whom_to_ask(magnet)
        waiter = Waiter(magnet.info_hash, deadline_s, self._loop, ended, trail=trail, whom=whom, patrons=self)
        if whom.is_left:
            trail.needs_help()
        if after_s > 0:
            self._loop.call_later(after_s, self._join, waiter, magnet)
        else:
            self._join(waiter, magnet)
        return waiter

    def has_gone(self, waiter: Waiter) -> None:
        """See `Patrons`."""
        for conversation in list(waiter.conversations):
            self._dismiss(conversation, waiter)

    def look_a_last_time(self, waiter: Waiter) -> None:
        """See `Patrons`."""
        for conversation in waiter.conversations:
            self._rescue.last_look(conversation)

    async def look_around(self) -> None:
        """Bring `dht` and `sockets` up to date, and wait for that."""
        looked = self._looked
        self._session.count()
        await looked.wait()

    async def close(self, timeout_s: float) -> None:
        """End everything, waiting at most so long for libtorrent. Idempotent."""
        if not self._closed:
            self._ticker.cancel()
            self._closed = True  # from here on no torrent is put out one by one: the session goes as a whole
            self._end_all(lambda _: ResolverDown("stopping"))
            self._looked.set()
            if self._patrol is not None:
                self._patrol.cancel()
        await asyncio.gather(self._session.close(timeout_s), self._rescue.close(timeout_s))

    def _listen_again(self) -> None:
        """What was in the way may be gone. If not, all who ask are told so, as at the beginning."""
        self.sockets.begin_again()
        self._session.listen_again()

    # --- who waits -----------------------------------------------------------------------------------------------

    def _join(self, waiter: Waiter, magnet: Magnet) -> None:
        if self._closed:
            waiter.settle(ResolverDown("stopping"))
        if waiter.is_over:
            return
        if self.sockets.failure is not None:
            self._listen_again()
        try:
            self._talk_about(waiter, magnet)
        except Exception as error:  # a defect must leave nobody behind
            waiter.settle(error)

    def _talk_about(self, waiter: Waiter, magnet: Magnet) -> None:
        joined = []  # asked when all are there, for one in which nobody can be asked is no end beside another
        for hash20 in dict.fromkeys(info_hash.hash20 for info_hash in magnet.hashes):
            conversation = self._by_hash.get(hash20)
            if conversation is None:
                self._begin(hash20, waiter)
            else:
                conversation.admit(waiter)
                joined.append(conversation)
        for conversation in joined:
            self._ask_more(conversation, waiter.whom)

    def _choose(self, named: Sequence[str], peers: Sequence[str]) -> Whom:
        """The administrator's trackers come first, and take nobody's place."""
        private, own = self._config.allow_private, self._own_trackers
        named = named if self._config.magnet_trackers else ()
        usable = usable_trackers(named, allow_private=private)
        askable = self._config.askable(usable)
        trackers = tuple(dict.fromkeys((*own[:AT_ONCE], *askable[:AT_ONCE])))
        later = (*askable[AT_ONCE:], *own[AT_ONCE:])
        given = usable_peers(peers, allow_private=private)
        callable_peers = [peer for peer in given if peer[1] >= FIRST_PEER_PORT]
        return Whom(
            trackers,
            later,
            tuple(callable_peers[:_MAX_PEERS_GIVEN]),
            is_unusable=bool(named or peers) and not (usable or given or own or self._config.asks_dht),
            is_left=len(askable) < len(usable) or self._leaves_own,
        )

    def _begin(self, hash20: str, waiter: Waiter) -> None:
        trackers, later, peers, *_ = waiter.whom
        conversation = Conversation(hash20, trackers=dict.fromkeys(trackers), peers=dict.fromkeys(peers), later=later)
        at_once = self._asking.begin(conversation, trackers, self._loop.time())
        self._session.add(hash20, at_once, peers)
        self._by_hash[hash20] = conversation
        conversation.admit(waiter)
        self._rescue.begun(conversation)
        if at_once or peers:
            conversation.question_sent()

    def _ask_more(self, conversation: Conversation, whom: Whom) -> None:
        """A second magnet of the hash may name trackers and peers that the first did not."""
        room = IN_ALL - len(conversation.trackers)
        new_trackers = [url for url in whom.trackers if url not in conversation.trackers][: max(0, room)]
        room = IN_ALL - len(conversation.peers)
        new_peers = [peer for peer in whom.peers if peer not in conversation.peers][: max(0, room)]
        if whom.later:
            conversation.later = tuple(dict.fromkeys((*conversation.later, *whom.later)))[:IN_ALL]
        conversation.trackers |= dict.fromkeys(new_trackers)
        conversation.peers |= dict.fromkeys(new_peers)
        if new_peers:
            self._rescue.peers_named(conversation)
        if conversation.is_out:
            new_peers = [peer for peer in new_peers if peer not in conversation.handed]
            if new_trackers or new_peers:
                self._come_back(conversation, new_trackers, new_peers)
            return
        conversation.peers_ahead += new_peers
        self._asking.add(conversation, new_trackers)
        self._ask_peers_ahead(conversation)
        self._look_for_hope(conversation)
        self._give_turns()

    def _come_back(self, conversation: Conversation, trackers: list[str], peers: list[Peer]) -> None:
        """A torrent that was put out comes in again for the sake of these, and without those it had."""
        conversation.is_out = False
        at_once = self._asking.begin(conversation, trackers, self._loop.time())
        self._session.add(conversation.hash20, at_once, peers)
        conversation.question_sent()

    def _ask_peers_ahead(self, conversation: Conversation) -> None:
        if conversation.handle is not None and conversation.peers_ahead:
            self._session.add_peers(conversation.handle, conversation.peers_ahead)
            conversation.peers_ahead = []
            conversation.question_sent()

    def _dismiss(self, conversation: Conversation, waiter: Waiter) -> None:
        waiter.note()
        conversation.dismiss(waiter)
        if not conversation.waiters:
            self._forget(conversation)

    def _forget(self, conversation: Conversation) -> None:
        """Nobody waits any more. A torrent that is still on its way in is put out when it has arrived."""
        self._without_hope.discard(conversation)
        if self._closed:
            return
        self._rescue.forget(conversation)
        handle = conversation.handle
        if handle is None and not conversation.is_out:
            return
        conversation.handle, conversation.is_out = None, False
        self._asking.leave(conversation)
        del self._by_hash[conversation.hash20]
        if handle is not None:
            del self._by_handle[handle]
            self._session.remove(handle)

    def _end(
        self, conversation: Conversation, error: Callable[[Waiter], TruenameError], *, also_elsewhere: bool
    ) -> None:
        """Fail those who wait, unless they wait for another hash too and the error is not about that one as well."""
        for waiter in list(conversation.waiters):
            if also_elsewhere:
                waiter.settle(error(waiter))
            self._leads_nowhere(conversation, waiter, error)
        self._forget(conversation)

    @staticmethod
    def _leads_nowhere(conversation: Conversation, waiter: Waiter, error: Callable[[Waiter], TruenameError]) -> None:
        """This hash does not help somebody any more; the end, unless they wait for another one as well."""
        waiter.note()
        conversation.dismiss(waiter)
        if not (waiter.conversations or waiter.is_over):
            waiter.settle(error(waiter))

    def _end_all(self, error: Callable[[Waiter], TruenameError]) -> None:
        for conversation in list(self._by_hash.values()):
            self._end(conversation, error, also_elsewhere=True)

    # --- what the session says -----------------------------------------------------------------------------------

    def _take(self, events: Sequence[Event]) -> None:
        if self._closed:
            return
        for event in events:
            match event:
                case Added():
                    self._added(event)
                case MetadataCame():
                    self._named(event)
                case Moved() | PeersSeen() | DhtFound():
                    self._for_rescue(event)
                case Listening():
                    self.sockets.note(event)
                case DhtSearching(searches):
                    self._asking.searching(searches)
                case Counted():
                    self._counted(event)
                case _:
                    conversation = self._by_handle.get(event.handle)
                    if conversation is not None:
                        self._about(conversation, event)
                    elif isinstance(event, TrackerAsked):
                        self._asked_early.append(event)
        self._give_turns()

    def _for_rescue(self, event: Moved | PeersSeen | DhtFound) -> None:
        match event:
            case Moved():
                self._rescue.moved(event, self._loop.time())
            case PeersSeen():
                self._rescue.peers_seen(event)
            case DhtFound(hash20=hash20):
                if (conversation := self._by_hash.get(hash20)) is not None:
                    others = self._note_us(conversation, event.peers)
                    conversation.found_in_dht(others)
                    self._rescue.dht_found(conversation, others)

    def _about(self, conversation: Conversation, event: AboutOne) -> None:
        match event:
            case TrackerAsked():
                conversation.tracker_asked(event.url)
            case TrackerAnswered():
                self._tracker_answered(conversation, event)
            case DhtAnswered():
                conversation.dht_answered(event.peers, self._loop.time())
                self._rescue.peers_named(conversation)
                self._asking.dht_answered()
            case TrackersCounted(sizes=sizes):  # whoever is near names us by an address that we know
                conversation.trackers_counted({url: size for url, size in sizes.items() if not addresses.is_near(url)})
            case MetadataFalse():
                self._rescue.metadata_false(conversation, event)
            case MetadataUnread():
                self._rescue.metadata_unread(conversation, event)
            case PeersKnown():
                others = self._note_us(conversation, event.peers)
                self._rescue.peers_known(conversation, PeersKnown(event.handle, others))

    def _tracker_answered(self, conversation: Conversation, event: TrackerAnswered) -> None:
        if event.peers and not conversation.named_by_trackers:
            self._asking.doubt(conversation, self._loop.time())
        conversation.tracker_answered(event.url, peers=event.peers, reached=event.reached)
        if event.peers:
            self._rescue.peers_named(conversation)
        self._asking.tracker_answered(conversation, event.url)
        self._ask_next(conversation)
        self._look_for_hope(conversation)

    def _note_us(self, conversation: Conversation, peers: Sequence[Peer]) -> tuple[Peer, ...]:
        """The DHT and trackers name us too, and libtorrent takes us for a peer like any other. Output: the others."""
        us = {peer for peer in peers if self.sockets.are_at(*peer)}
        conversation.us |= us
        return tuple(peer for peer in peers if peer not in us)

    def _ask_next(self, conversation: Conversation) -> None:
        """Trackers that have failed leave their places to those that wait for one."""
        if conversation.later and conversation.handle is not None:
            places = AT_ONCE + min(AT_ONCE, len(self._own_trackers))
            self._asking.add(conversation, conversation.next_trackers(places=places, most=IN_ALL))

    def _added(self, event: Added) -> None:
        asked_early, self._asked_early = self._asked_early, []
        conversation = self._by_hash.get(event.hash20)
        if conversation is None:
            return
        if event.handle is None:
            self._not_added(conversation)
            return
        conversation.handle = event.handle
        self._by_handle[event.handle] = conversation
        self._rescue.arrived(event.handle)
        if not conversation.waiters:
            self._forget(conversation)
            return
        # libtorrent tells of the first announces right before it tells that the torrent is there.
        for asked in asked_early:
            if asked.handle == event.handle:
                conversation.tracker_asked(asked.url)
        self._asking.arrived(conversation)
        self._ask_peers_ahead(conversation)
        self._look_for_hope(conversation)

    def _not_added(self, conversation: Conversation) -> None:
        """The other hash of a hybrid that has just been named is in the way; it is leaving."""
        if conversation.waiters and not conversation.second_try:
            conversation.second_try = True
            self._session.add(conversation.hash20, list(conversation.trackers), list(conversation.peers))
            return
        del self._by_hash[conversation.hash20]
        self._asking.leave(conversation)
        self._end(conversation, lambda _: ResolverDown("session_failed"), also_elsewhere=False)

    def _named(self, came: MetadataCame) -> None:
        """An info dictionary has come. What is asked for by its other hash has its answer too.

        To somebody who asked for another torrent by one hash more, those who have this one, if any, have given nothing.
        """
        info = InfoBytes(came.raw)
        is_plain_v1 = came.hash20 in self._by_hash and V2_MARK not in came.raw
        for hash20 in (came.hash20,) if is_plain_v1 else info.hashes20:
            conversation = self._by_hash.get(hash20)
            if conversation is None:
                continue
            conversation.answered = True
            for waiter in list(conversation.waiters):
                if waiter.info_hash == hash20 or info.is_one_of((waiter.info_hash,)):
                    waiter.settle(info)
                self._leads_nowhere(conversation, waiter, Waiter.nobody_answered)
            self._forget(conversation)

    def _unread(self, conversation: Conversation) -> None:
        """The end for those who asked for this very hash; for others it was one more way that leads nowhere."""
        conversation.answered = True
        for waiter in list(conversation.waiters):
            if waiter.info_hash.hash20 == conversation.hash20:
                waiter.note()
                waiter.settle(BadMetadata(conversation.unread))
            self._leads_nowhere(conversation, waiter, Waiter.nobody_answered)
        self._forget(conversation)

    def _counted(self, event: Counted) -> None:
        self.dht.count(event, self._loop.time())
        self._asking.counted(event.dht_nodes)
        self._looked.set()
        self._looked = asyncio.Event()
        if not self.sockets.settled.is_set():
            self.sockets.settle()
            if (failure := self.sockets.failure) is not None:
                log.warning("cannot listen", extra={"subject": failure.subject})
                self._end_all(lambda _: ResolverDown(failure.reason, failure.subject))

    # --- turns ---------------------------------------------------------------------------------------------------

    def _give_turns(self) -> None:
        now = self._loop.time()
        self._asking.give_turns(now, dht_awake=self.dht.is_awake(now))

    def _look_for_hope(self, conversation: Conversation) -> None:
        """End a conversation at once when nobody can be asked; while the DHT may still wake up, it waits for that."""
        if conversation.has_somebody:
            self._without_hope.discard(conversation)
            return
        conversation.no_question_left()
        if self.dht.is_hopeless(self._loop.time()):
            self._end(conversation, lambda waiter: waiter.whom.nobody_to_ask(), also_elsewhere=False)
        else:
            self._without_hope.add(conversation)

    def _tick(self) -> None:
        now = self._loop.time()
        self._ticker = self._loop.call_later(_TICK_S, self._tick)
        if self._config.asks_dht and (now >= self._count_at or self._asking.wants_dht):
            self._count_at = now + _COUNT_EVERY_S
            self._asking.count()
            if self._config.proxy and not self.dht.woke:
                self._session.knock(usable_peers(self._config.dht_entrances, allow_private=self._config.allow_private))
        for conversation in list(self._without_hope):
            self._look_for_hope(conversation)
        self._asking.settle_doubts(now)
        self._rescue.tick(now)
        self._give_turns()

    def _begin_looking(self) -> None:
        if self._patrol is None:
            self._patrol = self._loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        again_in_s = self._rescue.look(self._loop.time())
        self._patrol = self._loop.call_later(again_in_s, self._look) if again_in_s is not None else None
