"""A SOCKS5 proxy as the setting names it. Pure. Source: RFC 1928, RFC 1929."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

_SCHEMES = ("socks5", "socks5h")
"""The second is what some programs call a proxy that looks names up itself; here it always does."""

_MAX_CHARS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Where it is, and who we are there; user name and password are both empty or neither."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Read `socks5://[user:password@]host:port`. Errors: `ValueError`, for whatever could be read in two ways."""
        parts = urlsplit(url)
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
        said = (parts.hostname or "", username, password)
        if parts.scheme not in _SCHEMES or not parts.hostname or not parts.port or parts.path.strip("/"):
            raise ValueError("no proxy")
        if parts.query or parts.fragment or " " in parts.hostname or bool(username) != bool(password):
            raise ValueError("no proxy")
        if any(len(each) > _MAX_CHARS or not each.isascii() or not each.isprintable() for each in said):
            raise ValueError("no proxy")
        return cls(host=parts.hostname, port=parts.port, username=username, password=password)
