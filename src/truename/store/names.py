"""The catalogue of names: found once, kept for ever. Every hash that a torrent turns out to have leads to its name.

A claimed name belongs to the hash that was asked for, and to no other: only a proof can tell which hashes are one
torrent's.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Self

from sqlalchemy import bindparam, delete, exists, func, insert, select, update

from truename.infohash import V1_DIGITS, V2_DIGITS
from truename.metainfo import TorrentFile
from truename.model import Outcome
from truename.store.database import Connection
from truename.store.portable import in_chunks, upsert
from truename.store.tables import last_failure, last_success, torrent, torrent_hash

_MAX_FILES = 200
_MAX_FILES_CHARS = 32_768


class _Torrent(NamedTuple):
    id: int
    name: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownName:
    """A true name and where it came from. `verified`: the digest of its info dictionary was checked.

    Size and number of files are known with a verified name only, and so is `info_hash_v2`, where the torrent has one.
    `guessed`: its bytes were not UTF-8, and it is the likeliest of their readings.
    """

    name: str
    source: str
    verified: bool
    guessed: bool = False
    size_bytes: int | None = None
    file_count: int | None = None
    info_hash_v2: str | None = None

    def beside(self, info_hash: str) -> str | None:
        """The v2 hash that is proven to be of one torrent with this hash, and is not that itself."""
        return self.info_hash_v2 if self.info_hash_v2 != info_hash else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """All that the catalogue knows of a torrent. `files` are the first of `file_count`; `found_at` epoch seconds."""

    known: KnownName
    found_at: float
    peers_seen: int | None
    files: tuple[TorrentFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A name that was just found, for all `hashes` of its torrent."""

    hashes: tuple[str, ...]
    known: KnownName
    raw_name: bytes | None = None
    peers_seen: int | None = None
    files: str | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """What an outcome with a name teaches."""
        torrent = outcome.torrent
        known = KnownName(
            name=outcome.name or "",
            source=outcome.source or "",
            verified=outcome.verified,
            guessed=outcome.name_guessed,
            size_bytes=torrent.size_bytes if torrent else None,
            file_count=torrent.file_count if torrent else None,
            info_hash_v2=next(filter(_is_v2, outcome.hashes), None) if outcome.verified else None,
        )
        return cls(
            hashes=outcome.hashes,
            known=known,
            raw_name=torrent.raw_name if torrent else None,
            peers_seen=outcome.peers_seen,
            files=_packed(torrent.files) if torrent else None,
        )


# Statements of the busy paths are built once: building one costs more than running it.
_OF_TORRENT = torrent_hash.alias("of_torrent")
_HASHES = torrent_hash.c.hash.in_(bindparam("hashes", expanding=True))
# A database of old times, and a backup of one, may have claims for hashes that stood beside the one that was asked for.
_IS_ITS_NAME = torrent.c.verified.is_(True) | (torrent.c.hash == torrent_hash.c.hash)
_V2_OF_TORRENT = (
    select(func.max(_OF_TORRENT.c.hash))
    .where(_OF_TORRENT.c.torrent_id == torrent.c.id, func.length(_OF_TORRENT.c.hash) == V2_DIGITS)
    .scalar_subquery()
)
_KNOWN = (
    select(
        torrent_hash.c.hash,
        torrent.c.id,
        torrent.c.name,
        torrent.c.source,
        torrent.c.verified,
        torrent.c.name_guessed,
        torrent.c.size_bytes,
        torrent.c.file_count,
        _V2_OF_TORRENT.label("info_hash_v2"),
    )
    .join(torrent, torrent.c.id == torrent_hash.c.torrent_id)
    .where(_HASHES, _IS_ITS_NAME)
)
_PROVENANCE = _KNOWN.add_columns(torrent.c.found_at, torrent.c.peers_seen, torrent.c.files)
_OTHER = torrent_hash.alias("other")
_V1 = (
    select(torrent_hash.c.hash, _OTHER.c.hash.label("v1"))
    .join(torrent, torrent.c.id == torrent_hash.c.torrent_id)
    .join(_OTHER, _OTHER.c.torrent_id == torrent.c.id)
    .where(
        _HASHES,
        torrent.c.verified.is_(True),
        func.length(_OTHER.c.hash) == V1_DIGITS,
        _OTHER.c.hash != func.substr(_V2_OF_TORRENT, 1, V1_DIGITS),
    )
)
_TOGETHER = (
    select(torrent_hash.c.hash, _OTHER.c.hash.label("other"))
    .join(torrent, torrent.c.id == torrent_hash.c.torrent_id)
    .join(_OTHER, _OTHER.c.torrent_id == torrent.c.id)
    .where(_HASHES, torrent.c.verified.is_(True))
)
_INSERT = insert(torrent)
_IDS_OF = select(torrent.c.hash, torrent.c.id).where(torrent.c.hash.in_(bindparam("hashes", expanding=True)))


async def known_names(connection: Connection, hashes: Iterable[str]) -> dict[str, KnownName]:
    """What is known of these hashes, claimed names too."""
    found: dict[str, KnownName] = {}
    for some in in_chunks(hashes):
        for row in await connection.execute(_KNOWN, {"hashes": some}):
            found[row.hash] = _known(row)
    return found


async def provenance_of(connection: Connection, hashes: Iterable[str]) -> dict[str, Provenance]:
    """All that is known of these hashes."""
    found: dict[str, Provenance] = {}
    for some in in_chunks(hashes):
        for row in await connection.execute(_PROVENANCE, {"hashes": some}):
            found[row.hash] = Provenance(
                known=_known(row),
                found_at=row.found_at,
                peers_seen=row.peers_seen,
                files=_unpacked(row.files),
            )
    return found


async def v1_of(connection: Connection, hashes: Iterable[str]) -> dict[str, str]:
    """The v1 hash of each of these, which are v2 or the first half of one, where it is proven to be a hybrid's."""
    found: dict[str, str] = {}
    for some in in_chunks(hashes):
        found |= {row.hash: row.v1 for row in await connection.execute(_V1, {"hashes": some})}
    return found


async def together(connection: Connection, hashes: Iterable[str]) -> dict[str, list[str]]:
    """For each of these hashes, all that are proven to be of its torrent, itself too."""
    found: dict[str, list[str]] = {}
    for some in in_chunks(hashes):
        for row in await connection.execute(_TOGETHER, {"hashes": some}):
            found.setdefault(row.hash, []).append(row.other)
    return found


async def last_found(connection: Connection) -> dict[str, float]:
    """When each resolver last found a name."""
    return {row.source: row.at for row in await connection.execute(select(last_success))}


async def count(connection: Connection) -> int:
    """How many names are known."""
    known: int = (await connection.execute(select(func.count()).select_from(torrent))).scalar_one()
    return known


async def learn(connection: Connection, findings: Sequence[Finding], *, at: float) -> dict[str, str]:
    """Keep names. A name that was verified once stays as it is; a claimed one gives way to whatever comes later.

    Output: by hash, the claimed names that have given way.
    Two torrents of which one proof has the hashes were one from the beginning, and become one; a mere claim makes
    nothing one.
    """
    there = await _torrents(connection, (one for finding in findings for one in finding.hashes))
    new: list[Finding] = []
    moved: dict[str, int] = {}
    over: set[_Torrent] = set()
    seen: set[str] = set()
    for finding in sorted(findings, key=lambda one: not one.known.verified):
        before = {there[one] for one in finding.hashes if one in there}
        kept = min((one for one in before if _is_proven(one, finding)), default=None)
        counts = finding.known.verified or not any(one.verified for one in before)
        is_new = kept is None and counts and seen.isdisjoint(finding.hashes)
        if kept is not None:
            moved |= {one: kept.id for one in finding.hashes if there.get(one) != kept}
        elif is_new:
            new.append(finding)
        if finding.known.verified or is_new:
            over |= before - {kept}
        seen.update(finding.hashes)
    sources = dict.fromkeys(finding.known.source for finding in findings)
    await upsert(connection, last_success, [{"source": source, "at": at} for source in sources])
    await _give_way(connection, over)
    await upsert(connection, torrent_hash, [{"hash": one, "torrent_id": kept_id} for one, kept_id in moved.items()])
    await _insert(connection, new, at)
    await _forget_empty(connection, over)
    return {info_hash: one.name for info_hash, one in there.items() if one in over and not one.verified}


def _is_proven(one: _Torrent, finding: Finding) -> bool:
    """Whether the catalogue has what a proof says. A verified name that is another one was lent by a claim once."""
    return one.verified and finding.known.verified and one.name == finding.known.name


async def _give_way(connection: Connection, over: Iterable[_Torrent]) -> None:
    """Claims go, with every hash that leads to them; what is verified keeps the hashes for which nothing else is."""
    for some in in_chunks(one.id for one in over if not one.verified):
        await connection.execute(delete(torrent).where(torrent.c.id.in_(some)))
    for some in in_chunks(one.id for one in over if one.verified):
        await connection.execute(update(torrent).where(torrent.c.id.in_(some)).values(hash=None))


async def _forget_empty(connection: Connection, over: Iterable[_Torrent]) -> None:
    for some in in_chunks(one.id for one in over if one.verified):
        empty = ~exists().where(torrent_hash.c.torrent_id == torrent.c.id)
        await connection.execute(delete(torrent).where(torrent.c.id.in_(some), empty))


async def note_failures(connection: Connection, codes: Mapping[str, str], *, at: float) -> None:
    """Remember for each hash why and when it was last without a name."""
    await upsert(connection, last_failure, [{"hash": one, "code": code, "at": at} for one, code in codes.items()])


async def _torrents(connection: Connection, hashes: Iterable[str]) -> dict[str, _Torrent]:
    found: dict[str, _Torrent] = {}
    for some in in_chunks(hashes):
        rows = await connection.execute(_KNOWN, {"hashes": some})
        found |= {row.hash: _Torrent(row.id, row.name, row.verified) for row in rows}
    return found


async def _insert(connection: Connection, findings: Sequence[Finding], at: float) -> None:
    if not findings:
        return
    await connection.execute(_INSERT, [{"hash": finding.hashes[0], **_row(finding, at)} for finding in findings])
    ids: dict[str, int] = {}
    for some in in_chunks(finding.hashes[0] for finding in findings):
        ids |= {row.hash: row.id for row in await connection.execute(_IDS_OF, {"hashes": some})}
    hashes = [{"hash": one, "torrent_id": ids[finding.hashes[0]]} for finding in findings for one in finding.hashes]
    await upsert(connection, torrent_hash, hashes)


def _row(finding: Finding, at: float) -> Mapping[str, object]:
    return {
        "name": finding.known.name,
        "raw_name": finding.raw_name,
        "name_guessed": finding.known.guessed,
        "source": finding.known.source,
        "verified": finding.known.verified,
        "size_bytes": finding.known.size_bytes,
        "file_count": finding.known.file_count,
        "found_at": at,
        "peers_seen": finding.peers_seen,
        "files": finding.files,
    }


def _known(row: Any) -> KnownName:
    return KnownName(
        name=row.name,
        source=row.source,
        verified=row.verified,
        guessed=row.name_guessed,
        size_bytes=row.size_bytes,
        file_count=row.file_count,
        info_hash_v2=row.info_hash_v2 if row.verified else None,
    )


def _is_v2(info_hash: str) -> bool:
    return len(info_hash) == V2_DIGITS


def _packed(files: Iterable[TorrentFile]) -> str:
    """The first files as JSON, as many as fit into what is kept of one torrent."""
    kept: list[str] = []
    size = 0
    for file in islice(files, _MAX_FILES):
        one = json.dumps([file.path, file.size_bytes], ensure_ascii=True)
        size += len(one)
        if size > _MAX_FILES_CHARS:
            break
        kept.append(one)
    return f"[{','.join(kept)}]"


def _unpacked(text: str | None) -> tuple[TorrentFile, ...]:
    try:
        return tuple(
            TorrentFile(str(path), None if size_bytes is None else int(size_bytes))
            for path, size_bytes in json.loads(text or "[]")
        )
    except (ValueError, TypeError):  # a file that came from elsewhere
        return ()
