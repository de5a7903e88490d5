"""Where strangers may find this program, so that no resolver takes another one of ours for a peer."""

from collections.abc import Iterable


class Ourselves:
    """The ports on which we listen, as far as the system chose them: one that a person chose others may have, too.

    A tracker names us to ourselves by an address that we need not know, so that the port has to do.
    """

    def __init__(self) -> None:
        self.ports: frozenset[int] = frozenset()

    def listen_on(self, addresses: Iterable[str], *, wanted: str) -> None:
        """Input: `addresses` as `host:port`, and the setting they come from, in which port 0 is any."""
        chosen = {_port(each) for each in wanted.split(",")}
        self.ports = frozenset(map(_port, addresses)) - chosen - {0}


def _port(address: str) -> int:
    port = address.strip().rpartition(":")[2].rstrip("s")
    return int(port) if port.isascii() and port.isdigit() else 0
