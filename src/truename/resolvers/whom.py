"""Whom a magnet lets us ask, and who of those that are asked for a hash was named by others. Pure.

Look-ups that meet at one hash share whom they ask, so that each finds the name if any does. What each is told when it
does not is what its own magnet could have led to: the others' trackers and peers are not its business.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import NamedTuple, TypeVar

from truename.errors import ResolverDown
from truename.magnet import Magnet

_REMEMBERED_CHARS = 1024

Peer = tuple[str, int]

AT_ONCE = 50
"""So many trackers that a magnet names are asked for a hash at once, and so many of the administrator's beside them."""

IN_ALL = 500
"""So many trackers, and so many peers that magnets name, are asked for a hash, whoever has joined."""

FIRST_PEER_PORT = 1024
"""Nobody who shares files listens below; a magnet or a tracker that says so means somebody else."""


class Whom(NamedTuple):
    """Whom a magnet and the administrator let us ask: trackers now, `later` when some of those have failed; peers.

    `is_unusable`: the magnet names somebody, and none of them may be asked. `is_left`: some are others' to ask.
    """

    trackers: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()
    is_unusable: bool = False
    is_left: bool = False

    def nobody_to_ask(self) -> ResolverDown:
        """What to say when there is nobody else either."""
        why = "left_to_direct" if self.is_left else "nobody_usable" if self.is_unusable else "nobody_to_ask"
        return ResolverDown(why)


NOBODY = Whom()
Chosen = TypeVar("Chosen")


def remembering(choose: Callable[[Sequence[str], Sequence[str]], Chosen]) -> Callable[[Magnet], Chosen]:
    """Whom a magnet lets us ask, out of the trackers and peers it names: most magnets name the same few trackers.

    Peers are each magnet's own, and long ones would fill memory.
    """
    remembered = lru_cache(maxsize=256)(choose)

    def chosen(magnet: Magnet) -> Chosen:
        is_plain = not magnet.peers and sum(map(len, magnet.trackers)) <= _REMEMBERED_CHARS
        return (remembered if is_plain else choose)(magnet.trackers, magnet.peers)

    return chosen


class Others(NamedTuple):
    """Those who are asked for a hash and whom only somebody else's magnet has named."""

    trackers: AbstractSet[str] = frozenset()
    peers: AbstractSet[Peer] = frozenset()


NO_OTHERS = Others()
