"""The libtorrent session of the swarm resolver and the one thread that reads its alerts.

Alerts become plain events in that thread, since they die with the next `pop_alerts`; batches of events go to the event
loop. Commands are posted from the loop and never wait. Knows nothing of look-ups, deadlines or names.
Source: the libtorrent 2.1 reference; the settings that matter are explained in `docs/adr/0003-libtorrent-settings.md`.
"""

import asyncio
import errno
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import libtorrent as lt

from truename.resolvers.addresses import NOT_PUBLIC

log = logging.getLogger(__name__)

MAX_METADATA_BYTES = 8 << 20
_ALERT_WAIT_MS = 250
# libtorrent's error codes (error_code.hpp), which its Python binding does not name.
_MISSING_NAME = 7
_SELF_CONNECTION = 47
_BANNED_BY_FILTER, _TRACKER_UNREACHABLE, _SSRF_BLOCKED = 89, 180, 201
_NEVER_SENT = frozenset((_BANNED_BY_FILTER, _TRACKER_UNREACHABLE, _SSRF_BLOCKED))
# A broken pipe, a reset or a late answer mean that the question got there; other errors of the system, that it did not.
_GOT_THERE = frozenset((errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT))

Handle = lt.torrent_handle


@dataclass(frozen=True, slots=True)
class SwarmConfig:
    """What a person can choose about the swarm.

    `trackers` are the administrator's, asked for every hash; `magnet_trackers`: also ask those a magnet names.
    `allow_private`: peers, trackers and DHT nodes on private and loopback addresses are allowed.
    """

    listen_interfaces: str = "0.0.0.0:0,[::]:0"
    trackers: tuple[str, ...] = ()
    magnet_trackers: bool = True
    dht: bool = True
    dht_bootstrap: tuple[str, ...] = ()
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """A torrent is in the session, or is not: then `handle` is None."""

    hash: bytes
    handle: Handle | None


@dataclass(frozen=True, slots=True)
class MetadataCame:
    """The raw info dictionary; libtorrent has checked its digest, and so shall we."""

    handle: Handle
    raw: bytes
    also: Handle | None = None


@dataclass(frozen=True, slots=True)
class NameMissing:
    """The true info dictionary came, and libtorrent finds no name in it."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class TrackerAsked:
    """An announce is on its way from one of our sockets; with IPv4 and IPv6 a tracker is asked twice."""

    handle: Handle
    url: str
    socket: tuple[str, int]


@dataclass(frozen=True, slots=True)
class TrackerAnswered:
    """One announce has ended: with so many peers, or in an error; `reached`: the tracker was there at all."""

    handle: Handle
    url: str
    socket: tuple[str, int]
    peers: int
    reached: bool


@dataclass(frozen=True, slots=True)
class DhtAnswered:
    """The DHT knows so many peers."""

    handle: Handle
    peers: int


@dataclass(frozen=True, slots=True)
class MetOurselves:
    """One of the peers was this very session."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket is open, or could not be opened: then `error` says why."""

    address: str
    error: str


@dataclass(frozen=True, slots=True)
class DhtCounted:
    """How many nodes the DHT knows, and how many packets have come in from it since the session began."""

    nodes: int
    packets_in: int


@dataclass(frozen=True, slots=True)
class DhtSearching:
    """How many DHT look-ups are on their way."""

    searches: int


Event = (
    Added
    | MetadataCame
    | NameMissing
    | TrackerAsked
    | TrackerAnswered
    | DhtAnswered
    | MetOurselves
    | Listening
    | DhtCounted
    | DhtSearching
)
Deliver = Callable[[Sequence[Event]], None]


class SwarmSession:
    """One libtorrent session. `deliver` is called in the event loop with each batch of events, in their order."""

    def __init__(self, config: SwarmConfig, deliver: Deliver) -> None:
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._closing = threading.Event()
        self._session = lt.session(_settings(config))
        if not config.allow_private:
            self._session.set_ip_filter(_public_only())
        self._thread = threading.Thread(target=self._read_alerts, name="truename-swarm", daemon=True)
        self._thread.start()

    def add(self, hashes: Sequence[str], trackers: Sequence[str], peers: Sequence[tuple[str, int]]) -> bytes:
        """Take a torrent in; `Added` will tell. The result is the `hash` that event will carry."""
        params = lt.add_torrent_params()
        params.info_hashes = _info_hashes(hashes)
        params.trackers = list(trackers)
        params.peers = list(peers)
        params.save_path = "unused"
        params.flags = _FLAGS
        self._session.async_add_torrent(params)
        return _key(params.info_hashes)

    def add_trackers(self, handle: Handle, trackers: Sequence[str]) -> None:
        """Let a torrent that is here already ask these trackers too."""
        for url in trackers:
            handle.add_tracker({"url": url})

    def add_peers(self, handle: Handle, peers: Sequence[tuple[str, int]]) -> None:
        """Let a torrent that is here already ask these peers too."""
        for peer in peers:
            handle.connect_peer(peer)

    def ask_dht(self, handle: Handle) -> None:
        """Look one torrent's peers up in the DHT at once, past libtorrent's queue of one every four seconds."""
        handle.force_dht_announce()

    def remove(self, handle: Handle) -> None:
        """Put a torrent out of the session."""
        self._session.remove_torrent(handle)

    def count_dht(self) -> None:
        """Ask for a `DhtCounted` and a `DhtSearching`."""
        self._session.post_session_stats()
        self._session.post_dht_stats()

    def close(self) -> None:
        """End the session, without waiting for it. Idempotent."""
        if not self._closing.is_set():
            self._closing.set()
            self._session.post_session_stats()  # wakes the thread

    def join(self, timeout_s: float) -> None:
        """Wait until the session has ended, at most so long."""
        self._thread.join(timeout_s)

    def _read_alerts(self) -> None:
        session = self._session
        while not self._closing.is_set():
            if session.wait_for_alert(_ALERT_WAIT_MS) is None:
                continue
            events = [event for alert in session.pop_alerts() if (event := _event(alert)) is not None]
            if events:
                try:
                    self._loop.call_soon_threadsafe(self._deliver, events)
                except RuntimeError:  # the loop is closed, and nobody is left to tell
                    break
        del session, self._session  # blocks this thread, and no other, until the last announce has ended


def _event(alert: Any) -> Event | None:
    reader = _READERS.get(type(alert))
    return reader(alert) if reader is not None else None


def _added(alert: Any) -> Event:
    return Added(_key(alert.params.info_hashes), None if alert.error.value() else alert.handle)


def _metadata(alert: Any) -> Event:
    return MetadataCame(alert.handle, alert.handle.torrent_file().info_section())


def _metadata_failed(alert: Any) -> Event | None:
    return NameMissing(alert.handle) if alert.error.value() == _MISSING_NAME else None


def _conflict(alert: Any) -> Event | None:
    info = alert.metadata
    return MetadataCame(alert.handle, info.info_section(), alert.conflicting_torrent) if info else None


def _tracker_error(alert: Any) -> Event:
    return TrackerAnswered(alert.handle, alert.tracker_url(), alert.local_endpoint, 0, _was_reached(alert.error))


def _was_reached(error: Any) -> bool:
    category, code = error.category().name(), error.value()
    if category == "system":
        return code in _GOT_THERE
    return not category.startswith("asio.netdb") and not (category == "libtorrent" and code in _NEVER_SENT)


def _stats(alert: Any) -> Event:
    values = alert.values
    return DhtCounted(values["dht.dht_nodes"], values["dht.dht_messages_in"])


def _disconnected(alert: Any) -> Event | None:
    return MetOurselves(alert.handle) if alert.error.value() == _SELF_CONNECTION else None


def _listen_failed(alert: Any) -> Event:
    return Listening(f"{alert.address}:{alert.port}", alert.error.message())


_READERS: dict[type, Callable[[Any], Event | None]] = {
    lt.add_torrent_alert: _added,
    lt.metadata_received_alert: _metadata,
    lt.metadata_failed_alert: _metadata_failed,
    lt.torrent_conflict_alert: _conflict,
    lt.tracker_announce_alert: lambda a: TrackerAsked(a.handle, a.tracker_url(), a.local_endpoint),
    lt.tracker_reply_alert: lambda a: TrackerAnswered(
        a.handle, a.tracker_url(), a.local_endpoint, a.num_peers, reached=True
    ),
    lt.tracker_error_alert: _tracker_error,
    lt.dht_reply_alert: lambda a: DhtAnswered(a.handle, a.num_peers),
    lt.dht_stats_alert: lambda a: DhtSearching(len(a.active_requests)),
    lt.session_stats_alert: _stats,
    lt.peer_disconnected_alert: _disconnected,
    lt.listen_succeeded_alert: lambda a: Listening(f"{a.address}:{a.port}", ""),
    lt.listen_failed_alert: _listen_failed,
}


def _info_hashes(hashes: Sequence[str]) -> Any:
    v1: Any = next((lt.sha1_hash(bytes.fromhex(one)) for one in hashes if len(one) == 40), None)
    v2: Any = next((lt.sha256_hash(bytes.fromhex(one)) for one in hashes if len(one) == 64), None)
    if v1 is not None and v2 is not None:
        return lt.info_hash_t(v1, v2)
    return lt.info_hash_t(v1) if v1 is not None else lt.info_hash_t(v2)


def _key(info_hashes: Any) -> bytes:
    """What a torrent is known by before it has a handle."""
    return bytes(info_hashes.v1.to_bytes() + info_hashes.v2.to_bytes())


def _public_only() -> lt.ip_filter:
    blocked = lt.ip_filter()
    for network in NOT_PUBLIC:
        blocked.add_rule(str(network[0]), str(network[-1]), 1)
    return blocked


_FLAGS = (
    lt.torrent_flags.upload_mode
    | lt.torrent_flags.default_dont_download
    | lt.torrent_flags.duplicate_is_error
    | lt.torrent_flags.apply_ip_filter
)


def _settings(config: SwarmConfig) -> Any:
    kinds = lt.alert.category_t
    settings = {
        "listen_interfaces": config.listen_interfaces,
        "max_retry_port_bind": 0,
        "alert_queue_size": 200_000,
        "alert_mask": kinds.status_notification
        | kinds.error_notification
        | kinds.tracker_notification
        | kinds.connect_notification
        | kinds.stats_notification,
        "enable_dht": config.dht,
        "dht_bootstrap_nodes": ",".join(config.dht_bootstrap),
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        # A peer without uTP would cost 4.4 s; with TCP first it costs three round trips.
        "enable_outgoing_utp": False,
        "out_enc_policy": 1,
        "in_enc_policy": 1,
        "allow_multiple_connections_per_ip": True,
        "connections_limit": 4000,
        "connection_speed": 500,
        "torrent_connect_boost": 50,
        "smooth_connects": False,
        "peer_connect_timeout": 4,
        "handshake_timeout": 5,
        "min_reconnect_time": 10,
        "max_failcount": 2,
        "max_peerlist_size": 200,
        "active_limit": 10**6,
        "active_downloads": 10**6,
        "active_tracker_limit": 10**6,
        "active_dht_limit": 10**6,
        "announce_to_all_trackers": True,
        "announce_to_all_tiers": True,
        "max_concurrent_http_announces": 400,
        "num_want": 50,
        "tracker_completion_timeout": 8,
        "tracker_receive_timeout": 5,
        "stop_tracker_timeout": 1,
        "max_metadata_size": MAX_METADATA_BYTES,
        "unchoke_slots_limit": 0,
        "aio_threads": 1,
        "hashing_threads": 1,
        "ssrf_mitigation": not config.allow_private,
        "allow_idna": False,
        "no_connect_privileged_ports": True,
    }
    return settings | (_CLOSED_NETWORK_DHT if config.allow_private else {})


# Nodes of a closed network share address ranges, which on the internet would be an attack.
_CLOSED_NETWORK_DHT = {
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_prefer_verified_node_ids": False,
    "dht_enforce_node_id": False,
    "dht_ignore_dark_internet": False,
    "dht_block_ratelimit": 10**6,
}
