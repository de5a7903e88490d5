"""The second session, for peers that do not answer over TCP: it speaks uTP only, and begins when it is first needed.

The first session tries no uTP, since a peer without it would cost seconds. What it does not name in time, though there
are peers, is asked for here as well, with the same guard. There is no DHT here; the first session looks peers up.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from truename.resolvers.conversation import Conversation
from truename.resolvers.events import Added, Event, Handle, MetadataCame, MetadataUnread, Moved, PeersKnown, PeersSeen
from truename.resolvers.guard import Guard
from truename.resolvers.pacing import Turns
from truename.resolvers.session import SwarmSession
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.whom import Peer

log = logging.getLogger(__name__)

_AT_ONCE = 50
_PATIENCE_S = 1.0
_AGAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the second session says goes to whoever owns the conversations.

    `arrived`: a torrent is there, and there is something to `look` at. `came`: an info dictionary, which tells whose
    it is; `unread`: one that cannot be read, `put_out`: a torrent that had to leave; both tell of its peers.
    """

    arrived: Callable[[], None]
    came: Callable[[MetadataCame], None]
    unread: Callable[[Conversation, str, Sequence[Peer]], None]
    put_out: Callable[[Conversation, Sequence[Peer]], None]


class SecondSession:
    """Conversations that the first session has not ended. Belongs to the event loop of its owner."""

    def __init__(self, config: SwarmConfig, told: Told, clock: Callable[[], float]) -> None:
        self._config = replace(config, listen_interfaces=_any_port(config.listen_interfaces), dht=False)
        self._told = told
        self._clock = clock
        self._session: SwarmSession | None = None
        self._guard: Guard | None = None
        self._turns: Turns[Conversation] = Turns(size=_AT_ONCE, patience_s=_PATIENCE_S)
        self._coming: dict[str, Conversation] = {}
        self._in: dict[Handle, Conversation] = {}
        self._handles: dict[Conversation, Handle] = {}
        self._leaving: dict[Handle, str] = {}  # and the reason, where the metadata could not be read
        self._closed = False
        self._not_before = 0.0

    def begin(self, conversation: Conversation) -> None:
        """Ask here too, when its turn comes."""
        self._turns.ask(conversation)
        self._give_turns()

    def add_peers(self, conversation: Conversation, peers: Sequence[Peer]) -> None:
        """Ask these too; those of a conversation that is still on its way in stand in it."""
        handle = self._handles.get(conversation)
        if handle is not None and self._session is not None and handle not in self._leaving:
            self._session.add_peers(handle, peers)

    def drop(self, conversation: Conversation) -> None:
        """Nobody waits for it any more."""
        self._turns.leave(conversation)
        handle = self._handles.pop(conversation, None)
        if handle is None or self._session is None:
            return
        del self._in[handle]
        if self._leaving.pop(handle, None) is None:
            self._left(handle)
            self._session.remove(handle)

    def look(self, now: float) -> float | None:
        """See `Guard.look`."""
        return self._guard.look(now) if self._guard is not None else None

    def tick(self) -> None:
        """To be called now and then."""
        self._give_turns()

    async def close(self, timeout_s: float) -> None:
        """End the session, if there is one. Idempotent."""
        self._closed = True
        if self._session is not None:
            await self._session.close(timeout_s)

    def _give_turns(self) -> None:
        for conversation in self._turns.next_ones(self._clock()):
            if self._closed or not conversation.waiters:
                continue
            session = self._started()
            if session is None:
                self._turns.ask(conversation)  # it may begin before their time is over
                continue
            is_coming = conversation.hash20 in self._coming
            self._coming[conversation.hash20] = conversation
            if not is_coming:
                session.add(conversation.hash20, list(conversation.trackers), list(conversation.peers))

    def _started(self) -> SwarmSession | None:
        if self._session is None and not self._closed and self._clock() >= self._not_before:
            try:
                self._session = SwarmSession(self._config, self._take, only_utp=True)
                self._guard = Guard(
                    self._session,
                    self._config.guard_s,
                    stuck=self._take_out,
                    lied_to=self._lied_to,
                    doubted=lambda _: None,  # nobody else can speak to these peers
                )
            except (OSError, RuntimeError, TypeError, ValueError):
                self._not_before = self._clock() + _AGAIN_S
                log.warning("no second session", exc_info=True)
        return None if self._closed else self._session

    def _take(self, events: Sequence[Event]) -> None:
        if self._closed or self._guard is None:
            return
        for event in events:
            match event:
                case Added():
                    self._added(event)
                case Moved():
                    self._guard.moved(event, self._clock())
                case PeersSeen():
                    self._guard.peers_seen(event)
                case MetadataCame():
                    self._told.came(event)
                case MetadataUnread():
                    self._take_out(event.handle, event.reason)
                case PeersKnown():
                    self._peers_known(event)

    def _added(self, event: Added) -> None:
        conversation = self._coming.pop(event.hash20, None)
        if conversation is None or self._session is None:
            return
        if event.handle is None:
            self._ask_again(conversation)
            return
        if not conversation.waiters:
            self._session.remove(event.handle)
            return
        self._in[event.handle] = conversation
        self._handles[conversation] = event.handle
        if self._guard is not None:
            self._guard.begin(event.handle, self._clock())
            self._told.arrived()

    def _ask_again(self, conversation: Conversation) -> None:
        """The other hash of a hybrid that has just been named is in the way; it is leaving."""
        self._turns.leave(conversation)
        if conversation.waiters:
            self._turns.ask(conversation)

    def _take_out(self, handle: Handle, unread: str = "") -> None:
        if handle in self._in and handle not in self._leaving and self._session is not None:
            self._leaving[handle] = unread
            self._left(handle)
            self._session.take_out(handle)

    def _lied_to(self, handle: Handle) -> None:
        self._in[handle].lied_to = True
        self._take_out(handle)

    def _peers_known(self, event: PeersKnown) -> None:
        conversation = self._in.pop(event.handle, None)
        if conversation is None:
            return
        del self._handles[conversation]
        unread = self._leaving.pop(event.handle, "")
        if unread:
            self._told.unread(conversation, unread, event.peers)
        else:
            self._told.put_out(conversation, event.peers)

    def _left(self, handle: Handle) -> None:
        if self._guard is not None:
            self._guard.left(handle)


def _any_port(interfaces: str) -> str:
    """The same interfaces with a port that the system chooses, since the other session has those that are named."""
    places = (place.strip().rpartition(":")[0] for place in interfaces.split(","))
    return ",".join(f"{place}:0" for place in places if place)
