"""What all look-ups of the resolver share."""

from dataclasses import dataclass, field
from ipaddress import ip_address

from truename.networks import is_public
from truename.resolvers.direct.allowance import Room
from truename.resolvers.direct.announce import Peer
from truename.resolvers.direct.config import Limits
from truename.resolvers.direct.dialer import Dialer
from truename.resolvers.direct.trackers import Trackers
from truename.resolvers.direct.turns import Turns
from truename.resolvers.ourselves import Ourselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How to get anywhere, who we say we are, and bounds over all look-ups together.

    `port` is what we announce where nobody of ours listens.
    """

    dialer: Dialer
    trackers: Trackers
    limits: Limits
    allow_private: bool
    peer_id: bytes
    port: int
    key: int
    ourselves: Ourselves = field(default_factory=Ourselves)
    connections: Turns
    room: Room

    @property
    def announced_port(self) -> int:
        """Where peers could reach us: a tracker that knows us by that already does not name us to ourselves."""
        return min(self.ourselves.ports, default=self.port)

    def may_call(self, address: str) -> bool:
        """Whether a peer at this address may be called."""
        return self.allow_private or is_public(ip_address(address))

    def is_ourselves(self, peer: Peer) -> bool:
        """Whether a peer that was named is this program."""
        return peer[1] == self.port or peer[1] in self.ourselves.ports
