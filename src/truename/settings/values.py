"""Which values a setting may have: one pure check for each kind, and the types made of them."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from truename.proxy import Proxy

MAX_SECONDS = 86_400
MAX_TTL_S = 10 * 365 * 86_400
RESOLVERS = frozenset(("swarm", "direct", "qbittorrent", "script"))
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_ROOT_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


def split_list(value: Any) -> Any:
    """A list may be one text with commas."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def no_switch(value: Any) -> Any:
    """A number, and not true or false, which Python takes for numbers."""
    if isinstance(value, bool):
        raise ValueError(value)
    return value


def tracker_urls(urls: tuple[str, ...]) -> tuple[str, ...]:
    """URLs of trackers."""
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "udp") or not parts.hostname or parts.port == 0 or "@" in parts.netloc:
            raise ValueError(url)
        if parts.scheme == "udp" and parts.port is None:
            raise ValueError(url)
    return urls


def host_ports(values: tuple[str, ...]) -> tuple[str, ...]:
    """`host:port` each."""
    for value in values:
        host, _, port = value.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(value)
        if host.startswith("["):
            ip_address(host.strip("[]"))
    return values


def not_empty(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """At least one."""
    if not values:
        raise ValueError(values)
    return values


def known_resolvers(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of resolvers, each once."""
    if not names or len(set(names)) != len(names) or not RESOLVERS.issuperset(names):
        raise ValueError(names)
    return names


def host_name(value: str) -> str:
    """A host name or an IP address."""
    bare = value.strip("[]")
    if ":" in bare:
        ip_address(bare)
    elif not _HOST.fullmatch(bare):
        raise ValueError(value)
    return bare.lower()


def host_names(values: tuple[str, ...]) -> tuple[str, ...]:
    """The same, many."""
    return tuple(map(host_name, values))


def ip_networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses or networks."""
    for value in values:
        ip_network(value)
    return values


def expanded(value: Path) -> Path:
    """A path in which `~` has its meaning."""
    try:
        return value.expanduser()
    except RuntimeError as error:  # no such user
        raise ValueError(str(value)) from error


def web_url(url: str) -> str:
    """An http or https URL whose host can be looked up, or nothing."""
    parts = urlsplit(url)
    is_web = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    if url and not (is_web and url.isascii() and len(url.split()) == 1):
        raise ValueError(url)
    (parts.hostname or "").encode("idna")
    return url


def server_url(url: str) -> str:
    """The http or https URL of a server, with a path at most, or nothing."""
    parts = urlsplit(web_url(url))
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(url)
    return url


def proxy_url(url: str) -> str:
    """The URL of a SOCKS5 proxy, or nothing."""
    if url:
        Proxy.of(url)
    return url


def url_path(value: str) -> str:
    """A path of URLs, without a slash at its end."""
    path = value.rstrip("/")
    if not _ROOT_PATH.fullmatch(path):
        raise ValueError(value)
    return path


Count = Annotated[int, BeforeValidator(no_switch), Field(ge=1, le=10_000_000)]
Delays = Annotated[
    tuple[Annotated[float, Field(gt=0, le=MAX_TTL_S, allow_inf_nan=False)], ...],
    NoDecode,
    BeforeValidator(split_list),
    AfterValidator(not_empty),
]
List = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
