"""Whom to ask for a hash, as it stands in a column."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from truename.magnet import in_turns

MAX_SOURCES = 100
NOBODY = "[[], []]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Whom to ask: the trackers and peers that magnets have named."""

    trackers: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()

    @classmethod
    def of(cls, trackers: Iterable[str], peers: Iterable[str]) -> Self:
        """Each once, and not more than can be asked."""
        return cls(
            trackers=tuple(dict.fromkeys(trackers))[:MAX_SOURCES], peers=tuple(dict.fromkeys(peers))[:MAX_SOURCES]
        )

    def joined(self, other: "Sources") -> "Sources":
        """Both, each once, in turns: whoever named a hundred has not taken the places of those whom the next one names.

        Output: itself when the other names nobody new.
        """
        if set(other.trackers) <= set(self.trackers) and set(other.peers) <= set(self.peers):
            return self
        return Sources(trackers=in_turns(self.trackers, other.trackers), peers=in_turns(self.peers, other.peers))

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
