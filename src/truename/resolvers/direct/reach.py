"""What all look-ups of the resolver share."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from truename.resolvers.direct.allowance import Room
from truename.resolvers.direct.config import Limits
from truename.resolvers.direct.dialer import Dialer
from truename.resolvers.direct.trackers import Trackers


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How to get anywhere, who we say we are, and bounds over all look-ups together.

    `port` is what we announce, and nobody listens there. `tasks` are all that run for one of them.
    """

    dialer: Dialer
    trackers: Trackers
    limits: Limits
    allow_private: bool
    peer_id: bytes
    port: int
    key: int
    connections: asyncio.Semaphore
    room: Room
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
