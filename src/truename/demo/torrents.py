"""The torrents of the demo swarm: six real info dictionaries, and as many invented ones as one wants. Pure."""

import hashlib
import random
from dataclasses import dataclass
from importlib import resources
from urllib.parse import quote

from truename.magnet import InfoHash

_REAL = ("alice", "leaves", "sintel", "numbers", "lots-of-numbers", "folder")
_SUBJECTS = (
    "Harbour",
    "Glacier",
    "Lantern",
    "Orchard",
    "Railway",
    "Meadow",
    "Observatory",
    "Tide",
    "山间小路",
    "雨后的城市",
)
_KINDS = ("Field Recordings", "Survey Photographs", "Lecture Notes", "Slow Television", "Open Maps", "现场录音")
_PIECE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTorrent:
    """One torrent of the swarm: its info dictionary as bytes, and the hash by which it is asked for."""

    info_hash: InfoHash
    info: bytes


def real_torrents() -> tuple[DemoTorrent, ...]:
    """The real ones; `fixtures/ORIGIN.md` says where they come from."""
    folder = resources.files("truename.demo") / "fixtures"
    return tuple(_torrent((folder / f"{name}.info").read_bytes()) for name in _REAL)


def invented_torrents(count: int, *, seed: int = 0, info_bytes: int = 600) -> tuple[DemoTorrent, ...]:
    """`count` single-file torrents with invented names; the same `seed` gives the same ones.

    Units: `info_bytes` is about how long each info dictionary is; 6,000 is common, 20,000 needs two blocks.
    """
    return tuple(_invented(index, random.Random(f"{seed}/{index}"), info_bytes) for index in range(count))  # noqa: S311


def dead_hashes(count: int, *, seed: int = 0) -> tuple[InfoHash, ...]:
    """Hashes that no torrent of the swarm has."""
    return tuple(
        InfoHash(hashlib.sha1(f"nobody has {seed}/{index}".encode(), usedforsecurity=False).hexdigest())
        for index in range(count)
    )


def magnet_link(info_hash: str, *, tracker: str | None = None, dn: str | None = None, peer: str | None = None) -> str:
    """A magnet as people paste it."""
    kind = "btmh:1220" if len(info_hash) == 64 else "btih:"
    fields = [f"magnet:?xt=urn:{kind}{info_hash}"]
    fields += [f"{key}={quote(value, safe='')}" for key, value in (("dn", dn), ("tr", tracker)) if value]
    if peer:
        fields.append(f"x.pe={peer}")  # BEP 9 writes it plainly, and libtorrent reads it only so
    return "&".join(fields)


def _torrent(info: bytes) -> DemoTorrent:
    return DemoTorrent(info_hash=InfoHash(hashlib.sha1(info, usedforsecurity=False).hexdigest()), info=info)


def _invented(index: int, chance: random.Random, info_bytes: int) -> DemoTorrent:
    name = f"{chance.choice(_SUBJECTS)} {chance.choice(_KINDS)} {index:05d}.mkv".encode()
    pieces = chance.randbytes(20 * max(1, info_bytes // 20 - 5))
    length = len(pieces) // 20 * _PIECE_BYTES
    return _torrent(
        b"d6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%se"
        % (length, len(name), name, _PIECE_BYTES, len(pieces), pieces)
    )
