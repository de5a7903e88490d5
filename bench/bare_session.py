"""What the resolver is measured against: a libtorrent session tuned for metadata, read by the plainest loop there is.

It gives the raw info dictionary and nothing else: no deadlines, no turns, no digest of our own, no name.
"""

import time
from collections.abc import Sequence
from typing import Any

import libtorrent as lt

_KINDS = lt.alert.category_t
SETTINGS: Any = {
    "listen_interfaces": "127.0.0.1:0",
    "alert_queue_size": 200_000,
    "alert_mask": _KINDS.status_notification | _KINDS.error_notification,
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
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
    "stop_tracker_timeout": 0,
    "max_metadata_size": 4 << 20,
    "unchoke_slots_limit": 0,
    "aio_threads": 1,
    "hashing_threads": 1,
    "ssrf_mitigation": False,
    "no_connect_privileged_ports": True,
}


class BareSession:
    """One session. Its start is not measured, as that of the resolver is not."""

    def __init__(self) -> None:
        self._session = lt.session(SETTINGS)

    def seconds_to_resolve(self, magnets: Sequence[str], *, give_up_s: float) -> float:
        """How long until the last of the magnets has its info dictionary; infinity when some have none by then."""
        flags = lt.torrent_flags
        began = time.perf_counter()
        for magnet in magnets:
            params = lt.parse_magnet_uri(magnet)
            params.save_path = "unused"
            params.flags = flags.upload_mode | flags.default_dont_download | flags.duplicate_is_error
            self._session.async_add_torrent(params)
        missing = len(magnets)
        while missing:
            if time.perf_counter() - began > give_up_s:
                return float("inf")
            self._session.wait_for_alert(250)
            for alert in self._session.pop_alerts():
                if isinstance(alert, lt.metadata_received_alert):
                    info = alert.handle.torrent_file()
                    assert info is not None
                    info.info_section()
                    self._session.remove_torrent(alert.handle)
                    missing -= 1
        return time.perf_counter() - began
