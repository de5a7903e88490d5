"""The libtorrent session of the swarm resolver, and the thread that sees it to its end.

Alerts become plain events in the event loop, in batches: libtorrent writes to a socket when there are some. Commands
are posted from the loop and never wait. Knows nothing of look-ups, deadlines or names.
Source: the libtorrent 2.1 reference.
"""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import libtorrent as lt

from truename.networks import NOT_PUBLIC
from truename.proxy import Proxy
from truename.resolvers.events import Event, Handle, read_alert
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.tuning import SLOW_BYTES_A_S, TORRENT_FLAGS, Room, settings_for

log = logging.getLogger(__name__)

_LOOK_ROUND_S = 0.1
_RINGS = 4096

Deliver = Callable[[Sequence[Event]], None]


class SwarmSession:
    """One libtorrent session. `deliver` is called in the event loop with each batch of events, in their order.

    The session ends with `close`, or by itself when the event loop is closed or the main thread has ended: nothing of
    it may be left when the interpreter goes, or libtorrent aborts the process. Commands after its end do nothing.
    """

    def __init__(self, config: SwarmConfig, deliver: Deliver, *, only_utp: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._closing = threading.Event()
        self._ended = asyncio.Event()
        self.room = Room.of_this_process()
        settings: Any = settings_for(
            listen_interfaces=config.listen_interfaces,
            dht_nodes=config.dht_entrances if config.asks_dht else None,
            allow_private=config.allow_private,
            room=self.room,
            only_utp=only_utp,
            proxy=Proxy.of(config.proxy) if config.proxy else None,
        )
        # Guarded by the lock, so that no command holds the session when the thread lets go of it: its end takes time,
        # and falls to whoever was the last to hold it.
        self._lock = threading.Lock()
        self._session: lt.session | None = lt.session(settings)
        if not config.allow_private:
            self._session.set_ip_filter(_public_only())
        self._bell, self._rope = socket.socketpair()
        for end in (self._bell, self._rope):
            end.setblocking(False)  # noqa: FBT003 - the standard library's own
        self._loop.add_reader(self._bell, self._read)
        self._session.set_alert_fd(self._rope.fileno())
        self.count()
        self._thread = threading.Thread(target=self._run, name="truename-swarm", daemon=False)
        self._thread.start()

    def time(self) -> float:
        """The clock of the event loop."""
        return self._loop.time()

    def add(self, hash20: str, trackers: Sequence[str], peers: Sequence[tuple[str, int]]) -> None:
        """Take a torrent in; `Added` will tell.

        A v2 torrent too is known by 20 bytes, in the DHT, to trackers and between peers, and libtorrent takes a
        truncated SHA-256 for a proof of its metadata. So it is asked for as if those were a v1 hash.
        """
        params = lt.add_torrent_params()
        params.info_hashes = lt.info_hash_t(lt.sha1_hash(bytes.fromhex(hash20)))
        params.trackers = list(trackers)
        params.peers = list(peers)
        params.save_path = "/unused"  # nothing is written; a relative one would need a working directory
        params.flags = TORRENT_FLAGS
        with self._lock:
            if self._session is not None:
                self._session.async_add_torrent(params)

    def add_trackers(self, handle: Handle, trackers: Sequence[str]) -> None:
        """Let a torrent that is here already ask these trackers too."""
        with self._lock:
            if self._session is not None:
                for url in trackers:
                    handle.add_tracker({"url": url})

    def add_peers(self, handle: Handle, peers: Sequence[tuple[str, int]]) -> None:
        """Let a torrent that is here already ask these peers too."""
        with self._lock:
            if self._session is not None:
                for peer in peers:
                    handle.connect_peer(peer, 0, 0)  # no claim that it speaks uTP or encryption

    def ask_dht(self, handle: Handle) -> None:
        """Look one torrent's peers up in the DHT at once, past libtorrent's queue of one every four seconds."""
        with self._lock:
            if self._session is not None:
                handle.force_dht_announce()

    def knock(self, nodes: Sequence[tuple[str, int]]) -> None:
        """Speak to these nodes of the DHT.

        Behind a proxy libtorrent's own first words are lost, since the way is not open yet, and it waits long with the
        next.
        """
        with self._lock:
            if self._session is not None:
                for node in nodes:
                    self._session.add_dht_node(node)

    def search_dht(self, hash20: str) -> None:
        """Look peers up in the DHT for a torrent that need not be here; `DhtFound` will tell, perhaps several times."""
        with self._lock:
            if self._session is not None:
                self._session.dht_get_peers(lt.sha1_hash(bytes.fromhex(hash20)))

    def watch(self, handles: Sequence[Handle]) -> None:
        """Ask for a `Moved` of all torrents of which something is new since the last time, and one of each of these."""
        with self._lock:
            if self._session is not None:
                self._session.post_torrent_updates(0)
                for handle in handles:
                    handle.post_status(0)

    def look_at_peers(self, handle: Handle) -> None:
        """Ask for a `PeersSeen`."""
        with self._lock:
            if self._session is not None:
                handle.post_peer_info()

    def slow_down(self, handle: Handle) -> None:
        """Let a torrent receive no more than `SLOW_BYTES_A_S` from now on; the limit is shared out once in a tick."""
        with self._lock:
            if self._session is not None:
                handle.set_download_limit(SLOW_BYTES_A_S)

    def tell_peers(self, handle: Handle) -> None:
        """Ask for a `PeersKnown`, also of a torrent that libtorrent has stopped."""
        with self._lock:
            if self._session is not None:
                handle.save_resume_data()

    def count_trackers(self, handle: Handle) -> None:
        """Ask for a `TrackersCounted`."""
        with self._lock:
            if self._session is not None:
                handle.post_trackers()

    def take_out(self, handle: Handle) -> None:
        """Put a torrent out of the session and ask for its `PeersKnown`, which comes nevertheless."""
        with self._lock:
            if self._session is not None:
                handle.save_resume_data()
                self._session.remove_torrent(handle)

    def remove(self, handle: Handle) -> None:
        """Put a torrent out of the session."""
        with self._lock:
            if self._session is not None:
                self._session.remove_torrent(handle)

    def count(self) -> None:
        """Ask for a `DhtSearching` of each DHT node and then a `Counted`."""
        with self._lock:
            if self._session is not None:
                self._session.post_dht_stats()
                self._session.post_session_stats()

    def listen_again(self) -> None:
        """Open the sockets anew; `Listening` and then `Counted` will tell, as at the beginning."""
        with self._lock:
            if self._session is not None:
                self._session.reopen_network_sockets(0)
                self._session.post_session_stats()

    async def close(self, timeout_s: float) -> None:
        """End the session and its thread, waiting at most so long for them. Idempotent."""
        if not self._closing.is_set():
            self._closing.set()
            self._loop.remove_reader(self._bell)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
                self._thread.join()

    def _run(self) -> None:
        while not self._is_over():
            self._closing.wait(_LOOK_ROUND_S)
        with self._lock:
            session, self._session = self._session, None
        del session  # blocks this thread, and no other, until libtorrent has cleaned up
        self._bell.close()
        self._rope.close()
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile, and nobody is left to tell
            self._loop.call_soon_threadsafe(self._ended.set)

    def _read(self) -> None:
        """Pass on what there is. libtorrent rings again only when all of it has been taken."""
        with contextlib.suppress(BlockingIOError, InterruptedError):
            self._bell.recv(_RINGS)
        with self._lock:
            alerts = self._session.pop_alerts() if self._session is not None else ()
            events = [event for alert in alerts if (event := _read(alert)) is not None]
        if events:
            self._deliver(events)

    def _is_over(self) -> bool:
        return self._closing.is_set() or self._loop.is_closed() or not threading.main_thread().is_alive()


def _read(alert: Any) -> Event | None:
    """What an alert says. One that cannot be read must not end the thread on which all the others depend."""
    try:
        return read_alert(alert)
    except Exception:
        log.exception("alert not understood", extra={"alert": type(alert).__name__})
        return None


def _public_only() -> lt.ip_filter:
    blocked = lt.ip_filter()
    for network in NOT_PUBLIC:
        blocked.add_rule(str(network[0]), str(network[-1]), 1)
    return blocked
