"""Which addresses of the network may be spoken to when a stranger's magnet names them. Pure.

Source: the IANA special-purpose registries (RFC 6890 and what was added to them since).
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

_TRACKER_SCHEMES = frozenset(("http", "https", "udp"))
_MAX_URL_CHARS = 2048

# In IPv6 only 2000::/3 is given out at all, so everything before and after it is closed as a whole.
_NOT_PUBLIC = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "::/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/2",
    "8000::/1",
)
NOT_PUBLIC: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, _NOT_PUBLIC))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the internet and not to a private, local or special network."""
    return not any(address in network for network in NOT_PUBLIC if network.version == address.version)


def usable_trackers(urls: Iterable[str], *, allow_private: bool) -> list[str]:
    """Those trackers that may be asked, in order and each once.

    A host name passes here: it is looked at again by libtorrent's address filter once it has been looked up.
    """
    return list(dict.fromkeys(url for url in urls if _is_usable_tracker(url, allow_private=allow_private)))


def usable_peers(endpoints: Iterable[str], *, allow_private: bool) -> list[tuple[str, int]]:
    """Those `host:port` that are an address (never a name) and may be connected to."""
    peers: dict[tuple[str, int], None] = {}
    for endpoint in endpoints:
        host, colon, port = endpoint.rpartition(":")
        try:
            address = ip_address(host.removeprefix("[").removesuffix("]"))
        except ValueError:
            continue
        if colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536 and _may(address, allow_private):
            peers[str(address), int(port)] = None
    return list(peers)


def _is_usable_tracker(url: str, *, allow_private: bool) -> bool:
    if len(url) > _MAX_URL_CHARS or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme not in _TRACKER_SCHEMES or not host or port == 0 or (parts.scheme == "udp" and port is None):
        return False
    try:
        return _may(ip_address(host), allow_private)
    except ValueError:
        return True


def _may(address: IPv4Address | IPv6Address, allow_private: bool) -> bool:  # noqa: FBT001 - private, and obvious
    return allow_private or is_public(address)
