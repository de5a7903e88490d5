"""Whom to ask for a hash, as it stands in a column."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from truename.infohash import InfoHash
from truename.magnet import MAX_SOURCE_BYTES, Magnet, in_turns, within_bounds

MAX_SOURCES = 100
_ASKED_AT_ONCE = 50
NOBODY = "[[], []]"
_REMEMBERED_CHARS = 1024


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

    @classmethod
    def in_turns(cls, several: Sequence["Sources"]) -> Self:
        """All of them, each once, in turns: whoever named a hundred has not taken the places of the others."""
        return cls(
            trackers=in_turns(*(one.trackers for one in several)), peers=in_turns(*(one.peers for one in several))
        )

    def joined(self, other: "Sources") -> "Sources":
        """Both, in turns. Of more than two this is not fair: the first ones move back each time.

        Output: itself when the other names nobody new.
        """
        if set(other.trackers) <= set(self.trackers) and set(other.peers) <= set(self.peers):
            return self
        return Sources.in_turns((self, other))

    def magnet(self, info_hash: str, info_hash_v2: str | None) -> Magnet:
        """What asks these for a row's hashes."""
        return Magnet(
            info_hash=InfoHash(info_hash),
            info_hash_v2=None if info_hash_v2 is None else InfoHash(info_hash_v2),
            trackers=self.trackers,
            peers=self.peers,
        )

    @property
    def is_crowded(self) -> bool:
        """Whether there are more than are asked at once, so that their order counts."""
        return max(len(self.trackers), len(self.peers)) > _ASKED_AT_ONCE

    def as_text(self) -> str:
        """For its column."""
        if not self.trackers and not self.peers:
            return NOBODY
        return json.dumps([self.trackers, self.peers])

    @classmethod
    def of_text(cls, text: str) -> "Sources":
        """Read its column. Short ones are remembered, since most magnets name the same few; look-ups share them."""
        return (_remembered if len(text) <= _REMEMBERED_CHARS else _read)(text)


def _read(text: str) -> Sources:
    trackers, peers = json.loads(text)
    if len(text) > MAX_SOURCE_BYTES and all(isinstance(one, str) for one in (*trackers, *peers)):
        # An earlier version kept any.
        trackers, peers = within_bounds(trackers), within_bounds(peers)
    return Sources(trackers=tuple(trackers), peers=tuple(peers))


_remembered = lru_cache(maxsize=1024)(_read)
