"""Where a request comes from, and what it calls this server. Pure: headers and settings in, a `Visitor` out.

Headers of a proxy count only when the peer is a trusted one, and then the part that this proxy wrote: the last.
Source: RFC 9110, 4.3 and 7.2; RFC 6454 (origins); the Fetch standard (Sec-Fetch-Site, Origin).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port")
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\.?")
_MAX_HOPS = 32

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """One request from outside. `address` is the client's as far as it can be believed."""

    address: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """What a browser calls this server."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{name}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the settings say about the way to this server."""

    proxies: tuple[Network, ...]
    hosts: frozenset[str]

    @classmethod
    def of(cls, *, host: str, allowed_hosts: Iterable[str], trusted_proxies: Iterable[str]) -> "Surroundings":
        """No hosts named: the loopback names and the one that is listened on."""
        named = tuple(map(_bare, allowed_hosts)) or (*LOOPBACK_NAMES, _bare(host))
        return cls(proxies=tuple(map(ip_network, trusted_proxies)), hosts=frozenset(named))

    def trusts(self, address: str) -> bool:
        """Whether what stands in headers from there is believed."""
        if not self.proxies:
            return False
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self.proxies)


def look(
    surroundings: Surroundings, *, peer: str, scheme: str, headers: Sequence[tuple[bytes, bytes]]
) -> Visitor | None:
    """Who this is; None when it does not say clearly what it calls this server."""
    named = [value.decode("latin-1") for name, value in headers if name == b"host"]
    if len(named) != 1:
        return None
    address, host = peer, named[0]
    if surroundings.trusts(peer):
        forwarded = _last_of(headers)
        address = _client(surroundings, peer, headers)
        host = forwarded.get(b"x-forwarded-host", host)
        scheme = forwarded.get(b"x-forwarded-proto", scheme).lower()
    scheme = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    split = split_host(host)
    if split is None or scheme not in _PORTS:
        return None
    return Visitor(address=address, scheme=scheme, host=split[0], port=split[1] or _PORTS[scheme])


def split_host(text: str) -> tuple[str, int | None] | None:
    """The name and the port of a `Host`, or None when it is neither a name nor an address."""
    text = text.strip().lower()
    if text.startswith("["):
        name, closing, rest = text[1:].partition("]")
        rest = rest if closing else "bad"
        try:
            name = str(IPv6Address(name))
        except ValueError:
            return None
    else:
        name, colon, port = text.partition(":")
        rest = colon + port
        if not _NAME.fullmatch(name):
            return None
        name = name.removesuffix(".")
    if not rest:
        return name, None
    digits = rest[1:]
    if rest[0] != ":" or not digits.isascii() or not digits.isdigit() or len(digits) > 5 or int(digits) > 65535:
        return None
    return name, int(digits)


def is_foreign(visitor: Visitor, method: str, headers: Mapping[str, str]) -> bool:
    """Whether a page of somebody else sends this, to change something here.

    A browser tells; what tells nothing is not a browser. `Origin: null` comes from a page that hides itself, so it
    counts as foreign unless the browser says that it is ours.
    """
    if method in SAFE_METHODS:
        return False
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return True
    if origin is None or (origin == "null" and site == "same-origin"):
        return False
    return not is_own_origin(visitor, origin)


def is_own_origin(visitor: Visitor, origin: str) -> bool:
    """Whether an `Origin` is this server as the visitor calls it."""
    scheme, separator, rest = origin.partition("://")
    split = split_host(rest)
    if not separator or split is None or scheme.lower() not in _PORTS:
        return False
    own = (visitor.scheme, visitor.host, visitor.port)
    return (scheme.lower(), split[0], split[1] or _PORTS[scheme.lower()]) == own


def _bare(host: str) -> str:
    bare = host.strip("[]").lower()
    return str(IPv6Address(bare)) if ":" in bare else bare.removesuffix(".")


def _last_of(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """What the nearest proxy wrote into each of its headers."""
    return {
        name: value.decode("latin-1").rpartition(",")[2].strip()
        for name, value in headers
        if name in FORWARDED and value.strip()
    }


def _client(surroundings: Surroundings, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The nearest address that is not one of the trusted proxies; what stands before it anybody can have written."""
    chain = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
    address = peer
    for hop in list(reversed(chain.split(",")))[:_MAX_HOPS]:
        candidate = _without_port(hop.strip())
        try:
            ip_address(candidate)
        except ValueError:
            return address
        address = candidate
        if not surroundings.trusts(candidate):
            return address
    return address


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
