"""What a person can choose about the swarm. Known without libtorrent, which lives in another process."""

from collections.abc import Sequence
from dataclasses import dataclass

from truename.resolvers.addresses import usable_nodes

GUARD_S = 5.0


@dataclass(frozen=True, slots=True)
class SwarmConfig:
    """`trackers` are the administrator's, asked for every hash; `magnet_trackers`: also ask those a magnet names.

    `allow_private`: peers, trackers and DHT nodes on private and loopback addresses are allowed.
    `proxy`: the URL of the proxy that all of it goes through. The names of DHT nodes would be looked up here, beside
    it, so then the DHT is asked only where nodes are given by their addresses.
    `guard_s`: after how long with peers and without metadata others are told of them, and three times that until the
    torrent leaves; `utp_s`: from the first question until peers that do
    not answer over TCP are tried over uTP.
    """

    listen_interfaces: str = "0.0.0.0:0,[::]:0"
    trackers: tuple[str, ...] = ()
    magnet_trackers: bool = True
    dht: bool = True
    dht_bootstrap: tuple[str, ...] = ()
    allow_private: bool = False
    guard_s: float = GUARD_S
    utp_s: float = 5.0
    proxy: str = ""

    @property
    def dht_entrances(self) -> list[str]:
        """Those nodes of `dht_bootstrap` that may be spoken to."""
        return usable_nodes(self.dht_bootstrap, allow_private=self.allow_private, only_addresses=bool(self.proxy))

    def askable(self, trackers: Sequence[str]) -> Sequence[str]:
        """Those that libtorrent may be told of; the others are left to who checks where a tracker sends us on to.

        Behind a proxy libtorrent follows a redirect wherever it leads, and its address filter sees the proxy alone.
        """
        if not self.proxy or self.allow_private:
            return trackers
        return [url for url in trackers if url.startswith("udp:")]

    @property
    def asks_dht(self) -> bool:
        """Whether the DHT is asked."""
        return self.dht and (not self.proxy or bool(self.dht_entrances))
