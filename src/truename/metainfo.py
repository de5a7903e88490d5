"""The info dictionary of a torrent: is it the one that was asked for, and what does it say. Pure.

A name is believed only when the digest of the dictionary equals the info-hash; that check is `read_info`, and nothing
else in the program makes a `Metainfo` from bytes of the network.
Source: BEP 3 (info dictionary), BEP 52 (v2), and the `name.utf-8` key of old clients.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from truename import bencode
from truename.errors import BadMetadata, BadName
from truename.infohash import V2_DIGITS, InfoHash
from truename.names import decode_alike, decode_name, is_usable

MAX_NAME_BYTES = 32 * 1024
"""A magnet is not longer; what is, nobody has named anything with."""
MAX_PATH_BYTES = 4096
MAX_FILES_KEPT = 200
MAX_SIZE_BYTES = 2**63 - 1
V2_MARK = b"12:meta version"
"""No dictionary without this key is known by a SHA-256 (BEP 52)."""


class TorrentFile(NamedTuple):
    """One file of a torrent: the path as it is written there (hostile), and its size, if it is one that can be."""

    path: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metainfo:
    """What an info dictionary says, its digest having been checked.

    `name` is the true name, unchanged; `raw_name` its bytes; `name_guessed`: those bytes were not UTF-8.
    `files` holds at most `MAX_FILES_KEPT` of the `file_count`, none with a path over `MAX_PATH_BYTES`; `size_bytes`
    counts them all, and is None when one of them has none that can be.
    """

    info_hash: InfoHash
    info_hash_v2: InfoHash | None
    name: str
    raw_name: bytes
    name_guessed: bool
    size_bytes: int | None
    file_count: int
    files: tuple[TorrentFile, ...]


class InfoBytes:
    """An info dictionary as it came, and its digests, each made once and when it is first wanted: most torrents have no
    use for a v2.
    """

    __slots__ = ("_v1", "_v2", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._v1: InfoHash | None = None
        self._v2: InfoHash | None = None

    @property
    def v1(self) -> InfoHash:
        """Its SHA-1."""
        if self._v1 is None:
            self._v1 = InfoHash(hashlib.sha1(self.raw, usedforsecurity=False).hexdigest())
        return self._v1

    @property
    def v2(self) -> InfoHash:
        """Its SHA-256."""
        if self._v2 is None:
            self._v2 = InfoHash(hashlib.sha256(self.raw).hexdigest())
        return self._v2

    @property
    def hashes20(self) -> tuple[str, str]:
        """The hashes by which a swarm may know the torrent: SHA-1, and SHA-256 cut to 20 bytes; 40 hex digits each."""
        return self.v1, self.v2.hash20

    def is_one_of(self, expected: Collection[str]) -> bool:
        """Whether it is the info dictionary of one of the hashes.

        A 40-digit hash may also be a SHA-256 cut to 20 bytes: the DHT and some clients name v2 torrents that way, and
        160 bits of SHA-256 prove as much as SHA-1.
        """
        return self.v1 in expected or self.v2 in expected or self.v2.hash20 in expected


def read_info(raw: bytes | InfoBytes, expected: Collection[str], *, max_values: int | None = None) -> Metainfo:
    """Check and read an info dictionary.

    Input:  `raw` as it came from a peer; `expected` the hashes of the magnet, in canonical form; `max_values` how much
            of it to read at most.
    Errors: `BadMetadata` when it is not the dictionary asked for: somebody else may have it. `BadName` when it is, and
            has no usable name or cannot even be read: nobody can have a better one. `bencode.TooManyValues` when it has
            more than `max_values`.
    """
    digests = raw if isinstance(raw, InfoBytes) else InfoBytes(raw)
    if not digests.is_one_of(expected):
        raise BadMetadata("the digest is another one")
    try:
        info = bencode.decode_proven(digests.raw, max_tokens=max_values)
    except BadMetadata as error:
        if max_values is not None and isinstance(error, bencode.TooManyValues):
            raise
        raise BadName("unreadable") from error
    if not isinstance(info, dict):
        raise BadName("not a dictionary")
    raw_name, name, guessed = _name(info)
    size_bytes, file_count, files = _files(info, raw_name)
    info_hash, info_hash_v2 = _hashes(digests, info, expected)
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
            if is_usable(decoded.text):
                return raw, decoded.text, decoded.guessed
    raise BadName("no usable name")


def _hashes(
    digests: InfoBytes, info: dict[bytes, bencode.Value], expected: Collection[str]
) -> tuple[InfoHash, InfoHash | None]:
    """The hash this torrent goes by, and a hybrid's second one: v1 when it has v1 pieces, v2 when it says so.

    A hash by which it was asked for is one of them in any case.
    """
    asked_as_v2 = any(len(one) == V2_DIGITS for one in expected)
    has_v2 = info.get(b"meta version") == 2 or (asked_as_v2 and digests.v2 in expected)
    has_v1 = b"pieces" in info or digests.v1 in expected or not has_v2
    return (digests.v1, digests.v2 if has_v2 else None) if has_v1 else (digests.v2, None)


class _Entry(NamedTuple):
    """A file of a dictionary: the parts of its path, as many bytes as those have together, and its size."""

    path: Sequence[bytes]
    path_bytes: int
    size_bytes: int | None


def _files(info: dict[bytes, bencode.Value], raw_name: bytes) -> tuple[int | None, int, tuple[TorrentFile, ...]]:
    """The size of all files, their number, and the files that are kept."""
    entries: Iterator[_Entry]
    match info.get(b"files"), info.get(b"file tree"), info.get(b"length"):
        case list(listed), _, _:
            entries = _listed(listed)
        case _, _, int(length):
            entries = iter([_Entry((raw_name,), len(raw_name), _size(length))])
        case _, dict(tree), _:
            entries = _tree(tree)
        case _:
            entries = iter(())
    total = count = unknown = 0
    paths: list[bytes] = []
    sizes: list[int | None] = []
    for path, path_bytes, size_bytes in entries:
        total += size_bytes or 0
        unknown += size_bytes is None
        count += 1
        if len(paths) < MAX_FILES_KEPT and path_bytes + len(path) <= MAX_PATH_BYTES:
            paths.append(b"/".join(path))
            sizes.append(size_bytes)
    is_known = not unknown and total <= MAX_SIZE_BYTES
    return total if is_known else None, count, tuple(map(TorrentFile, decode_alike(paths), sizes))


def _listed(files: list[bencode.Value]) -> Iterator[_Entry]:
    """The files of a v1 dictionary; padding files (BEP 47) are not files."""
    for entry in files:
        if not isinstance(entry, dict):
            continue
        attributes, path = entry.get(b"attr"), entry.get(b"path.utf-8")
        if not isinstance(path, list):
            path = entry.get(b"path")
        is_padding = isinstance(attributes, bytes) and b"p" in attributes
        parts = [part for part in path if isinstance(part, bytes)] if isinstance(path, list) else []
        if parts and not is_padding:
            yield _Entry(parts, sum(map(len, parts)), _size(entry.get(b"length")))


def _tree(tree: dict[bytes, bencode.Value]) -> Iterator[_Entry]:
    """The files of a v2 file tree, where a file is a directory with the empty name in it.

    The path is one list that grows and shrinks, and its length a sum that does: many files may share a directory whose
    name is a megabyte long, or that is a hundred thousand levels deep.
    """
    path: list[bytes] = []
    path_bytes = 0
    open_directories = [iter(tree.items())]
    while open_directories:
        for name, below in open_directories[-1]:
            if not isinstance(below, dict):
                continue
            if name:
                path.append(name)
                path_bytes += len(name)
                open_directories.append(iter(below.items()))
                break
            if path:
                yield _Entry(path, path_bytes, _size(below.get(b"length")))
        else:
            open_directories.pop()
            if path:
                path_bytes -= len(path.pop())


def _size(value: bencode.Value | None) -> int | None:
    """A size that can be one."""
    return value if isinstance(value, int) and 0 <= value <= MAX_SIZE_BYTES else None
