"""The catalogue of names: found once, kept for ever. Every hash that a torrent turns out to have leads to its name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select, update

from truename.store.database import Connection
from truename.store.portable import in_chunks, upsert
from truename.store.tables import last_failure, torrent, torrent_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownName:
    """A true name and where it came from. `verified`: the digest of its info dictionary was checked."""

    name: str
    source: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A name that was just found, for all `hashes` of its torrent."""

    hashes: tuple[str, ...]
    known: KnownName
    raw_name: bytes | None = None
    name_guessed: bool = False
    size_bytes: int | None = None
    file_count: int | None = None


# Statements of the busy paths are built once: building one costs more than running it.
_HASHES = torrent_hash.c.hash.in_(bindparam("hashes", expanding=True))
_KNOWN = (
    select(torrent_hash.c.hash, torrent.c.id, torrent.c.name, torrent.c.source, torrent.c.verified)
    .join(torrent, torrent.c.id == torrent_hash.c.torrent_id)
    .where(_HASHES)
)
_INSERT = insert(torrent)
_IDS_OF = select(torrent.c.hash, torrent.c.id).where(torrent.c.hash.in_(bindparam("hashes", expanding=True)))


async def known_names(connection: Connection, hashes: Iterable[str]) -> dict[str, KnownName]:
    """What is known of these hashes, claimed names too."""
    found: dict[str, KnownName] = {}
    for some in in_chunks(hashes):
        for row in await connection.execute(_KNOWN, {"hashes": some}):
            found[row.hash] = KnownName(name=row.name, source=row.source, verified=row.verified)
    return found


async def learn(connection: Connection, findings: Sequence[Finding], *, at: float) -> None:
    """Keep names. A name that was verified once stays as it is; a claimed one gives way to a verified one."""
    before = await _torrents(connection, (one for finding in findings for one in finding.hashes))
    new: list[Finding] = []
    seen: set[str] = set()
    for finding in findings:
        there = [before[one] for one in finding.hashes if one in before]
        if not there and seen.isdisjoint(finding.hashes):
            new.append(finding)
        elif there and finding.known.verified and not any(verified for _, verified in there):
            await connection.execute(update(torrent).where(torrent.c.id == there[0][0]).values(_row(finding, at)))
        if there:
            missing = [one for one in finding.hashes if one not in before]
            await upsert(connection, torrent_hash, [{"hash": one, "torrent_id": there[0][0]} for one in missing])
        seen.update(finding.hashes)
    await _insert(connection, new, at)


async def note_failures(connection: Connection, codes: Mapping[str, str], *, at: float) -> None:
    """Remember for each hash why and when it was last without a name."""
    await upsert(connection, last_failure, [{"hash": one, "code": code, "at": at} for one, code in codes.items()])


async def _torrents(connection: Connection, hashes: Iterable[str]) -> dict[str, tuple[int, bool]]:
    found: dict[str, tuple[int, bool]] = {}
    for some in in_chunks(hashes):
        rows = await connection.execute(_KNOWN, {"hashes": some})
        found |= {row.hash: (row.id, row.verified) for row in rows}
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
        "name_guessed": finding.name_guessed,
        "source": finding.known.source,
        "verified": finding.known.verified,
        "size_bytes": finding.size_bytes,
        "file_count": finding.file_count,
        "found_at": at,
    }
