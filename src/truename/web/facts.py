"""What is known of a torrent beside its name, and of how a look-up went, as a person reads it. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from truename.metainfo import TorrentFile
from truename.names import shown
from truename.store.names import KnownName, Provenance
from truename.store.tasks import TaskRow
from truename.texts import Language, say
from truename.timeline import lines, next_steps, told, unpack

MAX_FILES_SHOWN = 20
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class FileLine(NamedTuple):
    """One file as it stands on a page: its path made visible, its size in words."""

    path: str
    size: str


def size_in_words(size_bytes: int) -> str:
    """A size with three digits that count: `512 B`, `1.4 GiB`."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in _UNITS:
        size /= 1024
        if size < 999.5 or unit == _UNITS[-1]:
            break
    return f"{size:.0f} {unit}" if size >= 99.95 else f"{size:.1f} {unit}"


def facts_of(known: KnownName, language: Language) -> list[str]:
    """Size, number of files, where the name came from and whether it is proven."""
    facts = []
    if known.size_bytes is not None:
        facts.append(size_in_words(known.size_bytes))
    if known.file_count is not None and known.file_count != 1:
        facts.append(say("fact_files", language, count=f"{known.file_count:,}"))
    if known.guessed:
        facts.append(say("fact_guessed", language))
    source = say("task_source", language, source=known.source)
    return [*facts, source + say("task_verified" if known.verified else "task_claimed", language)]


def file_lines(files: Sequence[TorrentFile]) -> list[FileLine]:
    """The first files of a torrent."""
    return [
        FileLine(shown(file.path), "" if file.size_bytes is None else size_in_words(file.size_bytes))
        for file in files[:MAX_FILES_SHOWN]
    ]


def story_of(row: TaskRow, language: Language) -> list[str]:
    """What was done for a task that has ended, a line for each resolver, and what a person can do next."""
    accounts = unpack(row.detail)
    return lines(accounts, language) + (next_steps(accounts, row.code, language) if accounts else [])


def detail_of(row: TaskRow, language: Language) -> str | None:
    """The same in one line, for programs; None when nothing was done or it has not ended."""
    accounts = unpack(row.detail)
    if not accounts:
        return None
    steps = " ".join(next_steps(accounts, row.code, language))
    return told(accounts, language) + (say("told_then", language) + steps if steps else "")


def provenance_body(about: Provenance) -> dict[str, Any]:
    """What a status says of a name that was found."""
    body: dict[str, Any] = {"found_at": about.found_at}
    if about.known.size_bytes is not None:
        body["size_bytes"] = about.known.size_bytes
    if about.known.file_count is not None:
        body["file_count"] = about.known.file_count
        body["files"] = [_file_body(file) for file in about.files]
    if about.peers_seen is not None:
        body["peers_seen"] = about.peers_seen
    if about.known.guessed:
        body["name_guessed"] = True
    return body


def _file_body(file: TorrentFile) -> dict[str, Any]:
    return {"path": file.path, **({} if file.size_bytes is None else {"size_bytes": file.size_bytes})}
