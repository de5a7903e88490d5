"""Whom to ask for a hash, as it stands in a column."""

import json
from dataclasses import dataclass

MAX_SOURCES = 100
NOBODY = "[[], []]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Whom to ask: the trackers and peers that magnets have named."""

    trackers: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()

    def joined(self, other: "Sources") -> "Sources":
        """Both, each once, and not more than can be asked."""
        return Sources(
            trackers=tuple(dict.fromkeys((*self.trackers, *other.trackers)))[:MAX_SOURCES],
            peers=tuple(dict.fromkeys((*self.peers, *other.peers)))[:MAX_SOURCES],
        )

    def as_text(self) -> str:
        """For its column."""
        if not self.trackers and not self.peers:
            return NOBODY
        return json.dumps([self.trackers, self.peers])

    @classmethod
    def of_text(cls, text: str) -> "Sources":
        """Read its column."""
        if text == NOBODY:
            return cls()
        trackers, peers = json.loads(text)
        return cls(trackers=tuple(trackers), peers=tuple(peers))
