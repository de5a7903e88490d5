"""Why a task has ended without a name: the words that programs read, in bodies, in JSON lines and in the database."""

from enum import StrEnum


class Code(StrEnum):
    """One of them. A word that a later version wrote may be none of these."""

    NO_PEERS = "no_peers"
    """Nobody was named who has the torrent, in the time given."""
    NO_METADATA = "no_metadata"
    """There were peers, and none gave the metadata in the time given."""
    DEADLINE = "deadline"
    """A script, qBittorrent or an ad-hoc function took too long."""
    BAD_NAME = "bad_name"
    """The metadata is there, and has no usable name."""
    RESOLVER_FAILED = "resolver_failed"
    """A resolver answered that it failed."""
    RESOLVER_UNAVAILABLE = "resolver_unavailable"
    """Nobody could be asked at all."""
    FUNCTION_FAILED = "function_failed"
    """An ad-hoc function said so, raised, or returned nonsense."""
    INTERRUPTED = "interrupted"
    """The process died before an ad-hoc function had ended."""
    CANCELLED = "cancelled"
    """A person did not want it any more."""


TIMEOUTS = frozenset((Code.NO_PEERS, Code.NO_METADATA, Code.DEADLINE))
WATCHED = TIMEOUTS | {Code.RESOLVER_UNAVAILABLE}
"""With these a watch begins; one that has begun ends with a name, or with the proof that there is none."""
