"""What a person can choose about the resolver `direct`, and the bounds it keeps to."""

import resource
from dataclasses import dataclass, field
from typing import Self

from truename.resolvers.whom import AT_ONCE, IN_ALL

_MOST_CONNECTIONS = 2000
_MOST_HTTP_ANNOUNCES = 400
_FEWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds over all look-ups together, then those of one look-up, then those of one conversation.

    Of the `trackers_in_all` of a hash so many as `trackers` are asked at once, as many of the administrator's beside
    them; those that wait have the places of those that failed.
    Of the announces under way fewer go to one tracker (`http_announces_to_one`, `udp_announces_to_one`), so that a slow
    one leaves turns to the others; larger bursts over UDP are lost.
    What is over a bound waits for its turn, except bytes: `held_bytes` of metadata that is not whole yet, `heard_bytes`
    from all peers of one hash beyond the first `heard_bytes_of_each` of a conversation, `tracker_bytes` of HTTP from
    each tracker in all its answers about one hash (two hundred peers are 4 KiB).
    Most peers that are named are gone: whoever has said nothing for `quiet_s` takes nobody's place of the
    `peers_at_once`, while there are no more than `calls_at_once` in all and half of the `connections` are free.
    Whoever lacks something in its greeting has `grace_s` to make up for it, beside the `peers_at_once` and no more than
    those. When others wait, a conversation has at least `turn_s`, and more only if it brings more than most. Of
    `talks_in_all` whoever names peers (a tracker, a magnet) has no more than are left for all others.
    """

    connections: int = _MOST_CONNECTIONS
    http_announces: int = _MOST_HTTP_ANNOUNCES
    http_announces_to_one: int = 100
    udp_announces: int = 400
    udp_announces_to_one: int = 100
    held_bytes: int = 64 << 20

    trackers: int = AT_ONCE
    trackers_in_all: int = IN_ALL
    tracker_bytes: int = 256 << 10
    peers_waiting: int = 200
    peers_at_once: int = 20
    calls_at_once: int = 60
    talks_in_all: int = 1000
    heard_bytes: int = 32 << 20
    heard_bytes_of_each: int = 256 << 10

    quiet_s: float = 0.5
    connect_s: float = 5.0
    silence_s: float = 8.0
    grace_s: float = 2.0
    talk_s: float = 30.0
    turn_s: float = 3.0
    http_s: float = 8.0

    @classmethod
    def of_this_process(cls) -> Self:
        """Those for as many files as this process may open (`ulimit -n`); most of them are left to others."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if files < 0:
            return cls()
        return cls(
            connections=max(_FEWEST, min(_MOST_CONNECTIONS, files // 4)),
            http_announces=max(_FEWEST, min(_MOST_HTTP_ANNOUNCES, files // 8)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectConfig:
    """What a person can choose.

    `trackers` are the administrator's: asked for every hash, on private addresses too. `magnet_trackers`: also ask
    those a magnet names. `allow_private`: what magnets and trackers name may be on private and loopback addresses.
    """

    trackers: tuple[str, ...] = ()
    magnet_trackers: bool = True
    allow_private: bool = False
    limits: Limits = field(default_factory=Limits.of_this_process)
