"""The info dictionary of a torrent: is it the one that was asked for, and what does it say. Pure.

A name is believed only when the digest of the dictionary equals the info-hash; that check is `read_info`, and nothing
else in the program makes a `Metainfo` from bytes of the network.
Source: BEP 3 (info dictionary), BEP 52 (v2), and the `name.utf-8` key of old clients.
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from truename import bencode
from truename.errors import BadMetadata, BadName
from truename.magnet import InfoHash
from truename.names import decode_name

MAX_NAME_BYTES = 4096
MAX_FILES_KEPT = 1000
_MAX_TREE_DEPTH = bencode.MAX_DEPTH


class TorrentFile(NamedTuple):
    """One file of a torrent: the path as it is written there (hostile), and its size."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metainfo:
    """What an info dictionary says, its digest having been checked.

    `name` is the true name, unchanged; `raw_name` its bytes; `name_guessed`: those bytes were not UTF-8.
    `files` holds at most `MAX_FILES_KEPT` of the `file_count`; `size_bytes` counts them all.
    """

    info_hash: InfoHash
    info_hash_v2: InfoHash | None
    name: str
    raw_name: bytes
    name_guessed: bool
    size_bytes: int
    file_count: int
    files: tuple[TorrentFile, ...]


def matches(raw: bytes, expected: Collection[str]) -> bool:
    """Whether `raw` is the info dictionary of one of the hashes.

    A 40-digit hash may also be a SHA-256 cut to 20 bytes: the DHT and some clients name v2 torrents that way, and 160
    bits of SHA-256 prove as much as SHA-1.
    """
    sha256 = hashlib.sha256(raw).hexdigest()
    return not {hashlib.sha1(raw, usedforsecurity=False).hexdigest(), sha256, sha256[:40]}.isdisjoint(expected)


def read_info(raw: bytes, expected: Collection[str]) -> Metainfo:
    """Check and read an info dictionary.

    Input:  `raw` as it came from a peer; `expected` the hashes of the magnet, in canonical form.
    Errors: `BadMetadata` when it is not the dictionary asked for or is malformed; `BadName` when it has no usable name.
    """
    if not matches(raw, expected):
        raise BadMetadata("the digest is another one")
    info = bencode.decode(raw)
    if not isinstance(info, dict):
        raise BadMetadata("not a dictionary")
    raw_name, name, guessed = _name(info)
    size_bytes, file_count, files = _files(info, name)
    info_hash, info_hash_v2 = _hashes(raw, info)
    return Metainfo(
        info_hash=info_hash,
        info_hash_v2=info_hash_v2,
        name=name,
        raw_name=raw_name,
        name_guessed=guessed,
        size_bytes=size_bytes,
        file_count=file_count,
        files=files,
    )


def _name(info: dict[bytes, bencode.Value]) -> tuple[bytes, str, bool]:
    for key in (b"name.utf-8", b"name"):
        raw = info.get(key)
        if isinstance(raw, bytes) and len(raw) <= MAX_NAME_BYTES:
            decoded = decode_name(raw)
            if decoded.text.strip() and decoded.text not in (".", ".."):
                return raw, decoded.text, decoded.guessed
    raise BadName("no usable name")


def _hashes(raw: bytes, info: dict[bytes, bencode.Value]) -> tuple[InfoHash, InfoHash | None]:
    """The hash this torrent goes by, and a hybrid's second one: v1 when it has v1 pieces, v2 when it says so."""
    v1 = InfoHash(hashlib.sha1(raw, usedforsecurity=False).hexdigest())
    if info.get(b"meta version") != 2:
        return v1, None
    v2 = InfoHash(hashlib.sha256(raw).hexdigest())
    return (v1, v2) if b"pieces" in info else (v2, None)


def _files(info: dict[bytes, bencode.Value], name: str) -> tuple[int, int, tuple[TorrentFile, ...]]:
    length = info.get(b"length")
    entries: Iterator[TorrentFile]
    match info.get(b"files"), info.get(b"file tree"):
        case list(listed), _:
            entries = _listed(listed)
        case _, dict(tree) if not isinstance(length, int):
            entries = _tree(tree)
        case _:
            entries = iter([TorrentFile(name, max(0, length))] if isinstance(length, int) else [])
    total = count = 0
    kept: list[TorrentFile] = []
    for entry in entries:
        total += entry.size_bytes
        count += 1
        if len(kept) < MAX_FILES_KEPT:
            kept.append(entry)
    return total, count, tuple(kept)


def _listed(files: list[bencode.Value]) -> Iterator[TorrentFile]:
    """The files of a v1 dictionary; padding files (BEP 47) are not files."""
    for entry in files:
        if not isinstance(entry, dict):
            continue
        length, attributes = entry.get(b"length"), entry.get(b"attr")
        path = entry.get(b"path.utf-8")
        if not isinstance(path, list):
            path = entry.get(b"path")
        if (
            isinstance(length, int)
            and isinstance(path, list)
            and not (isinstance(attributes, bytes) and b"p" in attributes)
        ):
            parts = [decode_name(part).text for part in path if isinstance(part, bytes)]
            yield TorrentFile("/".join(parts), max(0, length))


def _tree(tree: dict[bytes, bencode.Value]) -> Iterator[TorrentFile]:
    """The files of a v2 file tree, where a file is a directory with the empty name in it."""
    waiting: list[tuple[str, dict[bytes, bencode.Value]]] = [("", tree)]
    while waiting:
        path, directory = waiting.pop()
        leaf = directory.get(b"")
        if isinstance(leaf, dict):
            length = leaf.get(b"length")
            yield TorrentFile(path, length if isinstance(length, int) and length > 0 else 0)
        for raw, below in reversed(directory.items()):
            if raw and isinstance(below, dict):
                name = decode_name(raw).text
                waiting.append((f"{path}/{name}" if path else name, below))
