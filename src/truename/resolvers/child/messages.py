"""What the two processes say to one another. Pure.

The program asks, and is not asked. It does not trust the child, which parses what strangers send in C++: every message
from there is taken apart with care here, and names are proven from the raw bytes in the program itself.

To the child:

    begin, config                        first of all, and not on the command line: trackers may hold passkeys
    ask, number, seconds, hash, hash v2, trackers, peers
    cancel, number                       nobody waits for that look-up any more
    health, number
    ping, number

From the child:

    up                                   the session has begun
    raw, number, trail, bytes            a look-up has ended, with this info dictionary
    ended, number, failure, trail        it has ended, without
    news, number, trail                  it goes on, and this is how far it is
    health, number, its fields
    pong, number
    log, level, text, fields             for the log of the program
"""

import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

from truename.errors import BadMetadata, BadName, NotYet, Refused, ResolverDown
from truename.infohash import InfoHash
from truename.magnet import Magnet
from truename.model import COUNTS
from truename.resolvers.base import ResolverHealth, Trail
from truename.resolvers.child.frames import BadFrame, encode
from truename.resolvers.swarm_config import SwarmConfig
from truename.texts import TEXTS

Failure = NotYet | BadName | BadMetadata | Refused | ResolverDown

_MAX_PEERS = 1000
_MAX_TEXT_CHARS = 500
_MAX_COUNT = 10**9
_COUNTS = {word: word for word in COUNTS}
"""The text of each word once, and not once for each message."""


# --- to the child -----------------------------------------------------------------------------------------------------


def begin(config: SwarmConfig) -> str:
    """The first message."""
    return encode(["begin", asdict(config)])


def read_begin(message: list[Any]) -> dict[str, Any]:
    """The fields of the config of `begin`."""
    fields: dict[str, Any] = message[1]
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def ask(number: int, deadline_s: float, magnet: Magnet) -> str:
    """A look-up."""
    return encode(["ask", number, deadline_s, magnet.info_hash, magnet.info_hash_v2, magnet.trackers, magnet.peers])


@dataclass(frozen=True, slots=True)
class Asked:
    """A look-up, as the child reads it."""

    number: int
    deadline_s: float
    magnet: Magnet


def read_ask(message: list[Any]) -> Asked:
    """The look-up of `ask`."""
    _, number, deadline_s, info_hash, info_hash_v2, trackers, peers = message
    magnet = Magnet(
        info_hash=InfoHash(info_hash),
        info_hash_v2=None if info_hash_v2 is None else InfoHash(info_hash_v2),
        trackers=tuple(map(sys.intern, trackers)),  # many look-ups ask the same ones
        peers=tuple(peers),
    )
    return Asked(number, deadline_s, magnet)


# --- from the child ---------------------------------------------------------------------------------------------------


def raw(number: int, trail: Trail) -> str:
    """A look-up's good end; the info dictionary goes with it as it is."""
    return f'["raw",{number},{_trail(trail)}]'


def ended(number: int, failure: Failure, trail: Trail) -> str:
    """A look-up's bad end."""
    return f'["ended",{number},{encode(_words_of(failure))},{_trail(trail)}]'


def news(number: int, trail: Trail) -> str:
    """How far a look-up is."""
    return f'["news",{number},{_trail(trail)}]'


def health(number: int, state: ResolverHealth) -> str:
    """How the swarm is doing."""
    return encode(["health", number, asdict(state)])


def read_failure(words: Any) -> Failure:
    """The error that a look-up ended with. Errors: `BadFrame`, as in all that follow."""
    match words:
        case ["not_yet", None]:
            return NotYet(peers_seen=None)
        case ["not_yet", int(peers)]:
            return NotYet(peers_seen=peers)
        case ["bad_name", str(text)]:
            return BadName(text[:_MAX_TEXT_CHARS])
        case ["bad_metadata", str(text)]:
            return BadMetadata(text[:_MAX_TEXT_CHARS])
        case ["refused", str(said)]:
            return Refused(said[:_MAX_TEXT_CHARS])
        case ["down", str(reason), str(subject)]:
            return ResolverDown(_known(reason), subject[:_MAX_TEXT_CHARS])
    raise BadFrame("no failure")


def read_trail(words: Any, trail: Trail) -> None:
    """Write down what the child has written down for a look-up."""
    match words:
        case [bool(asked), bool(stuck), list(peers), dict(counts)]:
            if counts:
                trail.note({_COUNTS[key]: each for key, each in counts.items() if key in _COUNTS and _is_count(each)})
            if asked:
                trail.question_sent()
            if stuck:
                trail.needs_help(tuple(each for each in peers[:_MAX_PEERS] if _is_short(each)))
        case _:
            raise BadFrame("no trail")


def read_health(words: Any) -> ResolverHealth:
    """How the swarm is doing."""
    match words:
        case {
            "able": bool(able),
            "listening": list(listening),
            "dht_enabled": bool(dht_enabled),
            "dht_nodes": int(dht_nodes),
            "reason": str(reason),
            "subject": str(subject),
            "coming_up": bool(coming_up),
            "dht_for_s": float(dht_for_s),
        } if math.isfinite(dht_for_s):
            return ResolverHealth(
                able=able,
                listening=tuple(each for each in listening if _is_short(each)),
                dht_enabled=dht_enabled,
                dht_nodes=dht_nodes,
                reason=_known(reason) if reason else "",
                subject=subject[:_MAX_TEXT_CHARS],
                coming_up=coming_up,
                dht_for_s=max(0.0, dht_for_s),
            )
    raise BadFrame("no health")


def _trail(trail: Trail) -> str:
    if not (trail.stuck or trail.counts or trail.peers):
        return "[true,false,[],{}]" if trail.asked else "[false,false,[],{}]"
    return encode([trail.asked, trail.stuck, trail.peers[:_MAX_PEERS], trail.counts])


def _words_of(failure: Failure) -> list[Any]:
    match failure:
        case NotYet():
            return ["not_yet", failure.peers_seen]
        case BadName():
            return ["bad_name", str(failure)]
        case BadMetadata():
            return ["bad_metadata", str(failure)]
        case Refused():
            return ["refused", failure.said]
        case ResolverDown():
            return ["down", failure.reason, failure.subject]


def _known(reason: str) -> str:
    """Only a word that has a sentence may come through."""
    return reason if reason in TEXTS else "session_failed"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value <= _MAX_COUNT


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT_CHARS
