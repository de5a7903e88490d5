"""Where a connection may go: a name is looked up once, its addresses are checked, and one of them is connected to.

What a name means a moment later is nothing to a connection, so an answer of the DNS that changes leads nowhere. Knows
nothing of who connects, or why. Source: `truename.networks` (which addresses are public).
"""

from collections.abc import Iterable
from ipaddress import ip_address

from truename.errors import TruenameError
from truename.networks import is_public


class Forbidden(TruenameError):  # noqa: N818 - named after what it is
    """It leads into a private network, or nowhere."""


def checked(addresses: Iterable[str], *, allow_private: bool) -> list[str]:
    """The addresses, each once and without its zone.

    Errors: `Forbidden` when there is none, or when one is private: a name that leads into both worlds is a trick.
    """
    found = list(dict.fromkeys(address.partition("%")[0] for address in addresses))
    if not found or not (allow_private or all(is_public(ip_address(address)) for address in found)):
        raise Forbidden
    return found
