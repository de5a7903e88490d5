"""A question to a tracker and what it says, over HTTP: BEP 3, BEP 23 and BEP 7 (compact peers). Pure.

One announce for the whole look-up: what a magnet names are not tiers (BEP 12), so all its trackers are asked at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from socket import inet_ntoa
from urllib.parse import quote_from_bytes

from truename import bencode
from truename.errors import BadMetadata, TruenameError

Peer = tuple[str, int]
"""An address as text, and a port that is not 0."""

PEERS_WANTED = 50
LEFT_BYTES = 16 * 1024
"""How much we lack: not known before the metadata is there, and not 0, or we would be shown to nobody but leechers."""

MAX_PEERS = 200
MAX_WAIT_S = 24 * 3600
_V4_BYTES, _V6_BYTES = 4, 16
_MAX_TOKENS = 20_000
"""A peer in BEP 3's list is eight; no tracker names two thousand."""


MAX_SAID_BYTES = 800
"""Of a tracker's reason; it is text for a person."""


class TrackerRefused(TruenameError):  # noqa: N818 - named after what it is
    """The tracker answered, and not with peers. `said` is its reason, hostile, and empty when it gave none."""

    def __init__(self, text: str, said: object = b"") -> None:
        super().__init__(text)
        self.said = said[:MAX_SAID_BYTES].decode("utf-8", "replace") if isinstance(said, bytes) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """What is asked. `port` is where peers could reach us, if we listened; `key` tells us apart behind one address."""

    hash20: bytes
    peer_id: bytes
    port: int
    key: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What a tracker said; we may be among the peers. `again_in_s` 0: not said."""

    peers: tuple[Peer, ...]
    again_in_s: int = 0


def build_target(path_and_query: str, announce: Announce) -> str:
    """The target of the HTTP request (BEP 3, BEP 23). What stands in the tracker's own query stays as it is."""
    fields = (
        f"info_hash={quote_from_bytes(announce.hash20, safe='')}&peer_id={_quoted(announce.peer_id)}"
        f"&port={announce.port}&uploaded=0&downloaded=0&left={LEFT_BYTES}&compact=1&no_peer_id=1"
        f"&numwant={PEERS_WANTED}&event=started&key={announce.key:08x}"
    )
    return f"{path_and_query or '/'}{'&' if '?' in path_and_query else '?'}{fields}"


def parse_announced(body: bytes) -> Announced:
    """Read the body of an HTTP answer; whatever stands behind its dictionary is passed over, as libtorrent does.

    Errors: `TrackerRefused`.
    """
    try:
        said, _ = bencode.decode_first(body, max_tokens=_MAX_TOKENS)
    except BadMetadata as error:
        raise TrackerRefused("not understood") from error
    if not isinstance(said, dict):
        raise TrackerRefused("not understood")
    if b"failure reason" in said:
        raise TrackerRefused("it says no", said[b"failure reason"])
    if not isinstance(said.get(b"peers", b""), bytes | list) and not isinstance(said.get(b"peers6"), bytes):
        raise TrackerRefused("not understood")
    peers = [*_listed(said.get(b"peers")), *_compact_field(said.get(b"peers6"), _V6_BYTES)]
    waits = (said.get(key) for key in (b"interval", b"min interval"))
    return Announced(
        peers=tuple(dict.fromkeys(peers))[:MAX_PEERS],
        again_in_s=max((min(wait, MAX_WAIT_S) for wait in waits if isinstance(wait, int) and wait > 0), default=0),
    )


def read_compact(peers: bytes, address_bytes: int) -> Iterator[Peer]:
    """Peers as addresses of so many bytes (4, or 16 for IPv6), each with its port; half a one at the end is dropped."""
    step = address_bytes + 2
    for at in range(0, len(peers) - step + 1, step):
        port = int.from_bytes(peers[at + address_bytes : at + step], "big")
        if port:
            address = peers[at : at + address_bytes]
            yield inet_ntoa(address) if address_bytes == _V4_BYTES else str(ip_address(address)), port


@lru_cache(maxsize=16)
def _quoted(peer_id: bytes) -> str:
    """Ours is the same in all announces."""
    return quote_from_bytes(peer_id, safe="")


def _compact_field(field: bencode.Value | None, address_bytes: int) -> Iterator[Peer]:
    return read_compact(field[: MAX_PEERS * 18], address_bytes) if isinstance(field, bytes) else iter(())


def _listed(field: bencode.Value | None) -> Iterator[Peer]:
    """The peers of BEP 3's list; a peer may be a host name there, and those are not for us."""
    if not isinstance(field, list):
        yield from _compact_field(field, _V4_BYTES)
        return
    for entry in field[:MAX_PEERS]:
        if not isinstance(entry, dict):
            continue
        host, port = entry.get(b"ip"), entry.get(b"port")
        if isinstance(host, bytes) and isinstance(port, int) and 0 < port < 65536:
            try:
                yield str(ip_address(host.decode("ascii"))), port
            except ValueError:
                continue
