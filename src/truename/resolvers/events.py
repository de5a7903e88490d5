"""What a swarm session tells: libtorrent's alerts as plain values.

An alert dies with the next `pop_alerts`, so it is read at once, in the thread that popped it. Knows nothing of
look-ups; only of what each alert means.
Source: the libtorrent 2.1 reference (alerts, error codes).
"""

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import libtorrent as lt

Handle = lt.torrent_handle

# libtorrent's error codes (error_code.hpp), which its Python binding does not name.
_MISMATCHING_HASH = 30
_UNSUPPORTED_SCHEME, _URL_UNREADABLE, _INVALID_HOST, _INVALID_PORT = 24, 25, 31, 32
_BANNED_BY_FILTER, _SOCKET_CLOSED, _NO_ROUTE, _SSRF_BLOCKED, _IDNA_BLOCKED = 89, 116, 180, 201, 202
_NEVER_SENT = frozenset(
    (
        *(_UNSUPPORTED_SCHEME, _URL_UNREADABLE, _INVALID_HOST, _INVALID_PORT),
        *(_BANNED_BY_FILTER, _SOCKET_CLOSED, _NO_ROUTE, _SSRF_BLOCKED, _IDNA_BLOCKED),
    )
)
# A broken pipe, a reset or a late answer mean that the question got there; other errors of the system, that it did not.
_GOT_THERE = frozenset((errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT))

_NOT_PLAIN = (
    lt.peer_info.connecting | lt.peer_info.handshake | lt.peer_info.rc4_encrypted | lt.peer_info.plaintext_encrypted
)


@dataclass(frozen=True, slots=True)
class Added:
    """A torrent is in the session, or is not: then `handle` is None."""

    hash20: str
    handle: Handle | None


@dataclass(frozen=True, slots=True)
class MetadataCame:
    """The raw info dictionary of one torrent, or of two that turn out to be the same one.

    libtorrent has checked its digest, and so will whoever reads it. `hash20` is what it found, for a quick way to those
    who have asked: the digest of a large one takes as long as everything else that is done for it.
    """

    raw: bytes
    hash20: str


@dataclass(frozen=True, slots=True)
class MetadataUnread:
    """The true info dictionary came, and libtorrent cannot read it: it does not know the bytes any more."""

    handle: Handle
    reason: str


@dataclass(frozen=True, slots=True)
class MetadataFalse:
    """Somebody sent what is not the info dictionary."""

    handle: Handle


@dataclass(frozen=True, slots=True)
class TrackerAsked:
    """An announce is on its way. A tracker is asked once for each of our sockets and each hash of a hybrid."""

    handle: Handle
    url: str


@dataclass(frozen=True, slots=True)
class TrackerAnswered:
    """One announce has ended: with so many peers, or (None) in an error; `reached`: the tracker was there at all."""

    handle: Handle
    url: str
    peers: int | None
    reached: bool


@dataclass(frozen=True, slots=True)
class DhtAnswered:
    """The DHT knows so many peers."""

    handle: Handle
    peers: int


@dataclass(frozen=True, slots=True)
class TrackersCounted:
    """How many seeders and leechers each tracker counts for a torrent, ourselves among them; by URL, if it says so."""

    handle: Handle
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one torrent has moved so far, in bytes; `connected` and `known` are numbers of peers."""

    handle: Handle
    sent: int
    received: int
    connected: int
    known: int


@dataclass(frozen=True, slots=True)
class Moved:
    """The torrents of which something is new."""

    torrents: tuple[Traffic, ...]


@dataclass(frozen=True, slots=True)
class PeersSeen:
    """With so many peers a torrent is in conversation now, without encryption."""

    handle: Handle
    plain: int


@dataclass(frozen=True, slots=True)
class PeersKnown:
    """The peers of a torrent that have not failed to be connected to, at most a hundred or so."""

    handle: Handle
    peers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DhtFound:
    """The DHT named these peers for a hash that was asked for without a torrent."""

    hash20: str
    peers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket is open, or could not be opened: then `error` says why."""

    address: str
    error: str


@dataclass(frozen=True, slots=True)
class DhtSearching:
    """How many look-ups one DHT node is making, of which there is one for each listening socket."""

    searches: int


@dataclass(frozen=True, slots=True)
class Counted:
    """The session's counters, which come after the `DhtSearching` of all nodes and, at first, after all `Listening`.

    `packets_in`: what has come in from the DHT since the session began.
    """

    dht_nodes: int
    packets_in: int


AboutOne = MetadataUnread | MetadataFalse | TrackerAsked | TrackerAnswered | DhtAnswered | TrackersCounted | PeersKnown
Event = Added | MetadataCame | AboutOne | Moved | PeersSeen | DhtFound | Listening | DhtSearching | Counted


def read_alert(alert: Any) -> Event | None:
    """What an alert says, or None when it is nothing to us."""
    reader = _READERS.get(type(alert))
    return reader(alert) if reader is not None else None


def _added(alert: Any) -> Event:
    return Added(str(alert.params.info_hashes.v1), None if alert.error.value() else alert.handle)


def _metadata(alert: Any) -> Event | None:
    info = alert.handle.torrent_file()  # None once the torrent has been removed
    return _came(info) if info is not None else None


def _came(info: Any) -> Event:
    return MetadataCame(info.info_section(), str(info.info_hashes().v1))


def _metadata_failed(alert: Any) -> Event:
    if alert.error.value() == _MISMATCHING_HASH:
        return MetadataFalse(alert.handle)
    return MetadataUnread(alert.handle, alert.error.message())


def _conflict(alert: Any) -> Event | None:
    info = alert.metadata
    return _came(info) if info is not None else None


def _tracker_replied(alert: Any) -> Event:
    return TrackerAnswered(alert.handle, alert.tracker_url(), alert.num_peers, reached=True)


def _tracker_failed(alert: Any) -> Event:
    return TrackerAnswered(alert.handle, alert.tracker_url(), None, _was_reached(alert.error))


def _was_reached(error: Any) -> bool:
    category, code = error.category().name(), error.value()
    if category == "system":
        return code in _GOT_THERE
    return not category.startswith(("asio.netdb", "asio.ssl")) and not (
        category == "libtorrent" and code in _NEVER_SENT
    )


def _trackers_counted(alert: Any) -> Event | None:
    # The alert carries them too, in a form that the Python binding does not know.
    try:
        trackers = alert.handle.trackers()
    except RuntimeError:  # the torrent has been removed
        return None
    sizes = {
        tracker["url"]: tracker["scrape_complete"] + tracker["scrape_incomplete"]
        for tracker in trackers
        if tracker["scrape_complete"] >= 0 and tracker["scrape_incomplete"] >= 0
    }
    return TrackersCounted(alert.handle, sizes)


def _moved(alert: Any) -> Event | None:
    statuses = alert.status
    if not statuses:
        return None
    return Moved(
        tuple(
            Traffic(each.handle, each.total_upload, each.total_download, each.num_peers, each.list_peers)
            for each in statuses
        )
    )


def _peers_seen(alert: Any) -> Event | None:
    try:
        peers = alert.handle.get_peer_info()  # the binding does not know the form in which the alert carries them
    except RuntimeError:  # the torrent has been removed
        return None
    return PeersSeen(alert.handle, sum(not each.flags & _NOT_PLAIN for each in peers))


def _listening(alert: Any) -> Event:
    return Listening(f"{alert.address}:{alert.port}", "")


def _listen_failed(alert: Any) -> Event:
    return Listening(f"{alert.address}:{alert.port}", alert.error.message())


def _counters(alert: Any) -> Event:
    values = alert.values
    return Counted(values["dht.dht_nodes"], values["dht.dht_messages_in"])


_READERS: dict[type, Callable[[Any], Event | None]] = {
    lt.add_torrent_alert: _added,
    lt.metadata_received_alert: _metadata,
    lt.metadata_failed_alert: _metadata_failed,
    lt.torrent_conflict_alert: _conflict,
    lt.tracker_announce_alert: lambda alert: TrackerAsked(alert.handle, alert.tracker_url()),
    lt.tracker_reply_alert: _tracker_replied,
    lt.tracker_error_alert: _tracker_failed,
    lt.dht_reply_alert: lambda alert: DhtAnswered(alert.handle, alert.num_peers),
    lt.tracker_list_alert: _trackers_counted,
    lt.state_update_alert: _moved,
    lt.peer_info_alert: _peers_seen,
    lt.save_resume_data_alert: lambda alert: PeersKnown(alert.handle, tuple(alert.params.peers)),
    lt.save_resume_data_failed_alert: lambda alert: PeersKnown(alert.handle, ()),
    lt.dht_get_peers_reply_alert: lambda alert: DhtFound(str(alert.info_hash), tuple(alert.peers())),
    lt.listen_succeeded_alert: _listening,
    lt.listen_failed_alert: _listen_failed,
    lt.dht_stats_alert: lambda alert: DhtSearching(len(alert.active_requests)),
    lt.session_stats_alert: _counters,
}
