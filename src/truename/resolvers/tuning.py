"""How libtorrent is set for one purpose: metadata of very many magnets, fast, and nothing else of what it can do.

libtorrent's own defaults name 0.6 magnets a second; with these it is hundreds. Which setting does what is told in
`docs/adr/0003-libtorrent-settings.md`.
"""

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import libtorrent as lt

from truename.proxy import Proxy
from truename.resolvers.base import MAX_METADATA_BYTES

SLOW_BYTES_A_S = 2 << 20
"""With it the largest metadata still comes in time. It is set while a torrent runs and never from the start, since a
limit makes the first reads wait for ticks."""

ANNOUNCE_TIMEOUT_S = 8

TORRENT_FLAGS = (
    lt.torrent_flags.upload_mode
    | lt.torrent_flags.default_dont_download
    | lt.torrent_flags.duplicate_is_error
    | lt.torrent_flags.apply_ip_filter
    | lt.torrent_flags.update_subscribe
)
"""Metadata only, with news of what they move. Not `auto_managed`, which queues; not `stop_when_ready`, which stops
before the metadata is there."""


_MOST_CONNECTIONS = 4000
_MOST_HTTP_ANNOUNCES = 400
_OTHER_DESCRIPTORS = 100


@dataclass(frozen=True, slots=True)
class Room:
    """How many sockets a session may have at once: each peer and each HTTP announce takes a file descriptor.

    Where they run out, announces fail as if the trackers were not there. Beyond `http_announces` libtorrent would queue
    them itself, where the clock of a look-up runs for nothing.
    """

    http_announces: int
    connections: int

    @classmethod
    def for_descriptors(cls, limit: int) -> Self:
        """Shares out what a process may have (`limit` below 0: no limit), leaving some for the rest of the program."""
        free = limit - _OTHER_DESCRIPTORS if limit >= 0 else _MOST_CONNECTIONS + _MOST_HTTP_ANNOUNCES
        http_announces = max(10, min(_MOST_HTTP_ANNOUNCES, free // 3))
        return cls(http_announces, max(10, min(_MOST_CONNECTIONS, free - http_announces)))

    @classmethod
    def of_this_process(cls) -> Self:
        """By the limit that this process has now (`ulimit -n`)."""
        return cls.for_descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def settings_for(
    *,
    listen_interfaces: str,
    dht_nodes: Sequence[str] | None,
    allow_private: bool,
    room: Room,
    only_utp: bool = False,
    proxy: Proxy | None = None,
) -> dict[str, Any]:
    """The settings pack of a session; `dht_nodes` is None for no DHT at all. `only_utp`: peers over uTP and not TCP."""
    settings = {
        "connections_limit": room.connections,
        "max_concurrent_http_announces": room.http_announces,
        "listen_interfaces": listen_interfaces,
        "enable_dht": dht_nodes is not None,
        "dht_bootstrap_nodes": ",".join(dht_nodes or ()),
        "ssrf_mitigation": not allow_private,
    }
    transport = _ONLY_UTP if only_utp else {}
    closed = _CLOSED_NETWORK_DHT if allow_private else {}
    return _METADATA_ONLY | settings | transport | closed | (_behind(proxy) if proxy else {})


def _behind(proxy: Proxy) -> dict[str, Any]:
    """Everything through the proxy, host names of trackers too; then libtorrent opens no TCP port to listen on.

    The names of DHT nodes it would look up itself, so it must not be given any.
    """
    return {
        "proxy_type": lt.proxy_type_t.socks5_pw if proxy.username else lt.proxy_type_t.socks5,
        "proxy_hostname": proxy.host,
        "proxy_port": proxy.port,
        "proxy_username": proxy.username,
        "proxy_password": proxy.password,
        "proxy_hostnames": True,
        "proxy_peer_connections": True,
        "proxy_tracker_connections": True,
        "anonymous_mode": True,
    }


_METADATA_ONLY: dict[str, Any] = {
    "alert_mask": lt.alert.category_t.status_notification
    | lt.alert.category_t.error_notification
    | lt.alert.category_t.tracker_notification
    | lt.alert.category_t.dht_operation_notification,
    "alert_queue_size": 200_000,
    # A port that is taken is an error to be told, not a reason to take another one.
    "max_retry_port_bind": 0,
    "listen_system_port_fallback": False,
    "listen_queue_size": 100,
    # One look-up takes some fifty packets; libtorrent's own 8 kB/s would be spent by two look-ups a second.
    "dht_upload_rate_limit": 100_000,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # A peer without uTP would cost 4.4 s; with TCP first it costs three round trips.
    "enable_outgoing_utp": False,
    "out_enc_policy": 1,
    "in_enc_policy": 1,
    "allow_multiple_connections_per_ip": True,
    "connection_speed": 500,
    "torrent_connect_boost": 50,
    "tick_interval": 100,  # ms; a peer that is named after the first ones waits for the next tick
    "smooth_connects": False,
    "peer_connect_timeout": 4,
    "handshake_timeout": 5,
    "min_reconnect_time": 2,  # s; a peer that speaks encrypted only is tried so the second time
    "max_failcount": 2,
    "max_peerlist_size": 200,
    "active_limit": 10**6,
    "active_downloads": 10**6,
    "active_tracker_limit": 10**6,
    "active_dht_limit": 10**6,
    "announce_to_all_trackers": True,
    "announce_to_all_tiers": True,
    "num_want": 50,
    "tracker_completion_timeout": ANNOUNCE_TIMEOUT_S,
    "tracker_receive_timeout": 5,
    # No goodbyes: they double the announces, one under way at the end holds the session up for its whole timeout, and
    # a tracker forgets us by itself, as the DHT does.
    "stop_tracker_timeout": 0,
    # So much memory is set aside per torrent as soon as a peer claims that its metadata is so large.
    "max_metadata_size": MAX_METADATA_BYTES,
    "unchoke_slots_limit": 0,
    "aio_threads": 1,
    "hashing_threads": 1,
    "apply_ip_filter_to_trackers": True,
    "apply_filter_to_dht": True,
    "validate_https_trackers": True,
    "allow_idna": False,
    "no_connect_privileged_ports": True,
}

_ONLY_UTP: dict[str, Any] = {
    "enable_outgoing_utp": True,
    "enable_outgoing_tcp": False,
    "enable_incoming_tcp": False,
    "max_concurrent_http_announces": 50,  # file descriptors beyond the `Room` that the first session has taken
    "utp_connect_timeout": 1000,  # ms, doubled at each of two resends; the end of the session waits for the first
}

# Nodes of a closed network share address ranges, which on the internet would be an attack.
_CLOSED_NETWORK_DHT: dict[str, Any] = {
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_prefer_verified_node_ids": False,
    "dht_enforce_node_id": False,
    "dht_ignore_dark_internet": False,
    "dht_block_ratelimit": 10**6,
}
