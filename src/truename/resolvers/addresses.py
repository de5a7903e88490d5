"""Which addresses of the network may be spoken to when a stranger's magnet names them. Pure.

This is the first barrier, and reads only what is written; the second is libtorrent's address filter, made of the same
list, which looks at what a host name turned out to mean.
Source: `truename.networks` (addresses), RFC 6761 (names).
"""

import socket
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from truename.networks import is_address, is_public
from truename.scanner import INVISIBLE

MAX_URL_CHARS = 2048
"""A longer one is nobody's tracker."""

_TRACKER_SCHEMES = frozenset(("http", "https", "udp"))
_REMEMBERED_CHARS = 256
_MAX_HOST_CHARS = 253
_MAX_LABEL_CHARS = 63
_AMBIGUOUS = frozenset(" \\")
_HOST_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")

# Names that a network answers for itself.
_OWN_DOMAINS = frozenset(
    ("arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "private")
)


def usable_trackers(urls: Iterable[str], *, allow_private: bool) -> list[str]:
    """Those trackers that may be asked, in order and each once, their scheme in lower case.

    White space around one is none of it, nor what nobody sees there: a list with line ends of another system leaves
    such, and a text that is written from right to left.
    """
    found = (_looked_at(_bare(url), allow_private=allow_private) for url in urls)
    return list(dict.fromkeys(url for url in found if url is not None))


def usable_peers(endpoints: Iterable[str], *, allow_private: bool) -> list[tuple[str, int]]:
    """Those `host:port` that are an address (never a name) and may be connected to, in order and each once."""
    peers: dict[tuple[str, int], None] = {}
    for endpoint in endpoints:
        host, port = _split(_bare(endpoint))
        try:
            address = ip_address(host)
        except ValueError:
            continue
        if port and (allow_private or is_public(address)):
            peers[str(address), port] = None
    return list(peers)


def usable_nodes(endpoints: Iterable[str], *, allow_private: bool, only_addresses: bool = False) -> list[str]:
    """Those `host:port` by which the DHT may be entered, in order and each once."""
    usable: dict[str, None] = {}
    for endpoint in endpoints:
        host, port = _split(endpoint)
        if only_addresses and not is_address(host):
            continue
        if port and _is_usable_host(host, allow_private=allow_private):
            usable[endpoint.strip()] = None
    return list(usable)


def _bare(written: str) -> str:
    return written.strip().strip(INVISIBLE).strip()


def _looked_at(url: str, *, allow_private: bool) -> str | None:
    """As `_tracker`. Short ones are remembered, since most magnets name the same few; long ones would fill memory."""
    if len(url) > MAX_URL_CHARS:
        return None
    return (_remembered if len(url) <= _REMEMBERED_CHARS else _tracker)(url, allow_private=allow_private)


def _tracker(url: str, *, allow_private: bool) -> str | None:
    """The URL, or None when nobody may ask it.

    Whatever two readers of a URL could understand differently (a backslash, a user name, an escaped host) is refused.
    """
    scheme, colon, rest = url.partition(":")
    scheme = scheme.lower()
    if scheme not in _TRACKER_SCHEMES:
        return None
    if not url.isprintable() or not _AMBIGUOUS.isdisjoint(url):
        return None
    url = scheme + colon + rest
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or port == 0 or (scheme == "udp" and port is None):
        return None
    # Not the host alone: that is in lower case already, and the Kelvin sign has become a `k`.
    if not parts.netloc.isascii() or "@" in parts.netloc or "%" in parts.netloc:
        return None
    return url if _is_usable_host(host, allow_private=allow_private) else None


_remembered = lru_cache(maxsize=4096)(_tracker)


def is_near(url: str) -> bool:
    """Whether a tracker is at a private or loopback address, from where we are seen by an address of our own."""
    try:
        address = _literal(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return address is not None and not is_public(address)


def _split(endpoint: str) -> tuple[str, int]:
    """Host and port; the port is 0 when there is no usable one."""
    host, _, port = endpoint.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    return host, number if number < 65536 else 0


def _is_usable_host(host: str, *, allow_private: bool) -> bool:
    address = _literal(host)
    if address is not None:
        return allow_private or is_public(address)
    return _is_name(host) and (allow_private or _is_public_name(host))


def _is_name(host: str) -> bool:
    """Whether it can stand in a question to the DNS; its last dot may be written (RFC 1035, 2.3.4)."""
    name = host.removesuffix(".")
    if not name.isascii() or not _HOST_CHARS.issuperset(name.lower()) or len(name) > _MAX_HOST_CHARS:
        return False
    return all(0 < len(label) <= _MAX_LABEL_CHARS for label in name.split("."))


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, in any spelling that the system's resolver takes for one, or None for a name.

    `127.1`, `0x7f000001`, `017700000001` and `2130706433` all are 127.0.0.1 to it.
    """
    host = host.rstrip(".")
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _is_public_name(host: str) -> bool:
    """Whether a name is one of the internet's: several labels, the last one not a number, not a network's own."""
    labels = host.lower().rstrip(".").split(".")
    return len(labels) > 1 and not labels[-1].isdigit() and labels[-1] not in _OWN_DOMAINS
