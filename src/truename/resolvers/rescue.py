"""What is done for a conversation that the first session does not bring to its end.

Its torrent is put out when the guard says so, its peers are handed over to whoever else may do better with them, and
the second session is asked. Owns the guard and the second session; who waits, and for how long, is not its business.
"""

import heapq
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from truename.resolvers.asking import Asking
from truename.resolvers.conversation import Conversation
from truename.resolvers.events import Handle, MetadataCame, MetadataFalse, MetadataUnread, Moved, PeersKnown, PeersSeen
from truename.resolvers.guard import Guard
from truename.resolvers.second import SecondSession, Told
from truename.resolvers.session import SwarmSession
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.whom import Peer

log = logging.getLogger(__name__)

_NOT_YET_ASKED_S = 1.0


@dataclass(frozen=True, slots=True)
class Endings:
    """How conversations end through what is found here; and `arrived`: there is something to `look` at."""

    arrived: Callable[[], None]
    came: Callable[[MetadataCame], None]
    unread: Callable[[Conversation], None]


class Rescue:
    """Beside a switchboard, for as long as it lives. `by_handle` are the torrents of the first session."""

    def __init__(
        self,
        config: SwarmConfig,
        asking: Asking,
        session: SwarmSession,
        by_handle: dict[Handle, Conversation],
        endings: Endings,
    ) -> None:
        self._config = config
        self._asking = asking
        self._session = session
        self._by_handle = by_handle
        self._endings = endings
        self._guard = Guard(session, config.guard_s, stuck=self._stuck, lied_to=self._lied_to, doubted=self._doubted)
        told = Told(endings.arrived, endings.came, self._unread_there, self._out_there)
        self._second = SecondSession(config, told, session.time)
        self._later: list[tuple[float, int, Conversation]] = []
        self._alone: set[Conversation] = set()  # nobody is known whom the second session could ask
        self._order = itertools.count()

    # --- what the switchboard does -------------------------------------------------------------------------------

    def begun(self, conversation: Conversation) -> None:
        """There is a new conversation."""
        self._put_off(conversation, self._session.time() + self._config.utp_s)

    def peers_named(self, conversation: Conversation) -> None:
        """Somebody has named peers for it, perhaps the first."""
        if conversation in self._alone:
            self._alone.remove(conversation)
            self._put_off(conversation, self._session.time() + self._config.utp_s)

    def arrived(self, handle: Handle) -> None:
        """A torrent is in the first session."""
        self._guard.begin(handle, self._session.time())
        self._endings.arrived()

    def forget(self, conversation: Conversation) -> None:
        """Nobody waits any more."""
        self._alone.discard(conversation)
        self._second.drop(conversation)
        if conversation.leaving is not None:
            del self._by_handle[conversation.leaving]
            conversation.leaving = None
        if conversation.handle is not None:
            self._guard.left(conversation.handle)

    def look(self, now: float) -> float | None:
        """Let the guards look. Output: in how many seconds to do so again; None: when there is another torrent."""
        return min((each for each in (self._guard.look(now), self._second.look(now)) if each is not None), default=None)

    def tick(self, now: float) -> None:
        """To be called now and then."""
        while self._later and self._later[0][0] <= now:
            conversation = heapq.heappop(self._later)[2]
            if conversation.waiters:
                self._try_second(conversation, now)
        self._second.tick()

    def last_look(self, conversation: Conversation) -> None:
        """The time of somebody who waits is nearly over: find out how its peers are doing."""
        if conversation.handle is not None and conversation.known:
            self._session.tell_peers(conversation.handle)

    async def close(self, timeout_s: float) -> None:
        """End the second session. Idempotent."""
        await self._second.close(timeout_s)

    # --- what the first session says -----------------------------------------------------------------------------

    def moved(self, event: Moved, now: float) -> None:
        """Torrents have moved bytes, or have other peers."""
        for traffic in event.torrents:
            conversation = self._by_handle.get(traffic.handle)
            if conversation is not None:
                conversation.known = max(conversation.known, traffic.known)
        self._guard.moved(event, now)

    def peers_seen(self, event: PeersSeen) -> None:
        """Who the peers of a suspicious torrent are."""
        self._guard.peers_seen(event)

    def metadata_false(self, conversation: Conversation, event: MetadataFalse) -> None:
        """One of the peers lies. libtorrent goes on, but it may take long; somebody else can begin at once."""
        if not conversation.lied_to and conversation.handle is not None:
            self._session.tell_peers(event.handle)
        conversation.lied_to = True

    def metadata_unread(self, conversation: Conversation, event: MetadataUnread) -> None:
        """Only the raw bytes can tell what the name is, and libtorrent has thrown them away."""
        conversation.unread = event.reason
        self._take_out(conversation)

    def peers_known(self, conversation: Conversation, event: PeersKnown) -> None:
        """Who the peers of a torrent are, be it in the session or just put out."""
        conversation.peers_looked_at(event.peers)
        if conversation.leaving == event.handle:
            del self._by_handle[event.handle]
            conversation.leaving = None
            conversation.hand_over(event.peers)
            if conversation.unread:
                self._endings.unread(conversation)
                return
            log.info("a torrent was put out", extra={"info_hash": conversation.hash20, "peers": len(event.peers)})
            self._asking.search(conversation)
        elif conversation.lied_to or conversation.doubted:
            conversation.hand_over(event.peers)
        conversation.note()

    def dht_found(self, conversation: Conversation, peers: Sequence[Peer]) -> None:
        """Peers for one that is not, or not only, asked for in the first session."""
        self.peers_named(conversation)
        self._second.add_peers(conversation, peers)
        if conversation.is_out or conversation.doubted:
            conversation.hand_over(peers)

    # --- putting out ---------------------------------------------------------------------------------------------

    def _stuck(self, handle: Handle) -> None:
        self._take_out(self._by_handle[handle])

    def _lied_to(self, handle: Handle) -> None:
        self._by_handle[handle].lied_to = True
        self._take_out(self._by_handle[handle])

    def _doubted(self, handle: Handle) -> None:
        """It goes on, and may be right to; somebody else can begin at once."""
        self._by_handle[handle].doubted = True
        self._session.tell_peers(handle)

    def _take_out(self, conversation: Conversation) -> None:
        """Put the torrent out. Its peers are known a moment later, and what it still had to say is heard until then."""
        handle = conversation.handle
        if handle is None:
            return
        conversation.handle, conversation.leaving, conversation.is_out = None, handle, True
        self._guard.left(handle)
        self._asking.leave(conversation)
        self._session.take_out(handle)

    # --- the second session --------------------------------------------------------------------------------------

    def _put_off(self, conversation: Conversation, until: float) -> None:
        heapq.heappush(self._later, (until, next(self._order), conversation))

    def _try_second(self, conversation: Conversation, now: float) -> None:
        """Ask there, once the first session has had its time with peers."""
        since = conversation.asked_since
        if since is None:
            self._put_off(conversation, now + _NOT_YET_ASKED_S)
        elif now < since + self._config.utp_s:
            self._put_off(conversation, since + self._config.utp_s)
        elif not conversation.peers_seen:
            self._alone.add(conversation)
        else:
            self._second.begin(conversation)
            self._asking.search(conversation)

    def _unread_there(self, conversation: Conversation, reason: str, peers: Sequence[Peer]) -> None:
        conversation.unread = reason
        conversation.hand_over(peers)
        self._endings.unread(conversation)

    @staticmethod
    def _out_there(conversation: Conversation, peers: Sequence[Peer]) -> None:
        conversation.hand_over(peers)
