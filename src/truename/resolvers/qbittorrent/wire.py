"""What goes to qBittorrent and what comes back from it, as values. Pure.

Source: WebAPI_Changelog.md and the wiki page "WebUI API" of qBittorrent; BEP 3, 9.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import quote, urlsplit

from truename import bencode
from truename.errors import BadMetadata
from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.metainfo import MAX_NAME_BYTES
from truename.networks import is_address
from truename.resolvers.addresses import usable_peers, usable_trackers
from truename.resolvers.qbittorrent.config import QbittorrentConfig

_T = TypeVar("_T")

_MAX_TRACKERS = 30
_MAX_PEERS = 30
_MOST_TOLD = 2 * _MAX_TRACKERS
"""Of each kind for one torrent, however many people ask for its hash and whomever they name."""

_MAX_KEYS = 100
_AMBIGUOUS = frozenset("%&#+;")


def magnet_for(magnet: Magnet, config: QbittorrentConfig, *, twice_decoded: bool = False, stopped: bool = False) -> str:
    """The magnet that qBittorrent is given, made anew: the hash, and those trackers and peers that may be asked.

    Input: `twice_decoded`: `fetchMetadata` undoes the escapes of its source once more than it should. What could then
           turn into another parameter is left out.
           `stopped`: it asks nobody until a person has looked at it.
    """
    sources = sources_in(magnet, config, stopped=stopped)
    trackers = [tracker for tracker in sources.trackers if not twice_decoded or _AMBIGUOUS.isdisjoint(tracker)]
    return "&".join(
        (
            topic(magnet.info_hash),
            *(f"tr={quote(tracker, safe='')}" for tracker in trackers),
            *(f"x.pe={peer}" for peer in sources.peers),
        )
    )


@dataclass(frozen=True, slots=True)
class Sources:
    """Announce URLs of trackers, and peers as `host:port`."""

    trackers: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()

    def besides(self, known: Self) -> Self:
        """Those that are not among the known ones, as many as there may be of both together."""
        trackers = [tracker for tracker in self.trackers if tracker not in known.trackers]
        peers = [peer for peer in self.peers if peer not in known.peers]
        return type(self)(
            tuple(trackers[: max(0, _MOST_TOLD - len(known.trackers))]),
            tuple(peers[: max(0, _MOST_TOLD - len(known.peers))]),
        )

    def __add__(self, more: Self) -> Self:
        return type(self)(self.trackers + more.trackers, self.peers + more.peers)

    def __bool__(self) -> bool:
        return bool(self.trackers or self.peers)


def sources_in(magnet: Magnet, config: QbittorrentConfig, *, stopped: bool = False) -> Sources:
    """The trackers and peers that qBittorrent may be told of, the administrator's first.

    Input: `stopped`: it asks nobody until a person has looked at it.
    """
    named = usable_trackers(magnet.trackers if config.magnet_trackers else (), allow_private=config.allow_private)
    if not (config.allow_private or stopped):
        named = list(filter(_leads_nowhere_else, named))
    trackers = dict.fromkeys((*usable_trackers(config.trackers, allow_private=True), *named))
    peers = usable_peers(magnet.peers, allow_private=config.allow_private)[:_MAX_PEERS]
    return Sources(
        tuple(trackers)[:_MAX_TRACKERS],
        tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in peers),
    )


def _leads_nowhere_else(tracker: str) -> bool:
    """Whether it is where it says: a name may come to mean a private address, and over HTTP one may be led there.

    qBittorrent's own mitigation lets loopback through where the path is `/announce`, and private networks always.
    """
    parts = urlsplit(tracker)
    return parts.scheme == "udp" and is_address(parts.hostname or "")


def topic(info_hash: InfoHash) -> str:
    """The magnet of a hash and nothing else. Source: BEP 9, and BEP 52 for the multihash of v2."""
    return f"magnet:?xt=urn:btmh:1220{info_hash}" if info_hash.is_v2 else f"magnet:?xt=urn:btih:{info_hash}"


def info_in(torrent: bytes) -> bytes:
    """The bytes of the info dictionary, exactly as they stand in a .torrent file.

    Errors: `BadMetadata` when it is no such file.
    """
    if torrent[:1] != b"d":
        raise BadMetadata("not a torrent")
    rest = torrent[1:]
    for _ in range(_MAX_KEYS):
        key, end = bencode.decode_first(rest)
        rest = rest[end:]
        _, end = bencode.decode_first(rest)
        if key == b"info":
            return rest[:end]
        rest = rest[end:]
    raise BadMetadata("no info dictionary")


def is_a_name(text: str, info_hash: InfoHash) -> bool:
    """Whether a name that qBittorrent shows can be the torrent's: without metadata it shows the hash."""
    name = text.strip()
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a character, which JSON can say and no file is called
        return False
    if name in ("", ".", "..") or size > MAX_NAME_BYTES:
        return False
    return not (len(name) >= 40 and info_hash.startswith(name.lower()))


def api_version(text: str) -> tuple[int, ...] | None:
    """A version of the Web API as numbers, or None when it is none."""
    parts = text.strip().split(".")
    if not 2 <= len(parts) <= 4 or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        return None
    return tuple(map(int, parts))


def portions(given: Iterable[_T], size: int) -> list[list[_T]]:
    """The same in lists of at most `size`."""
    items = list(given)
    return [items[at : at + size] for at in range(0, len(items), size)]
