"""What is in qBittorrent, kept up by the differences that `sync/maindata` tells. Pure; every answer may be hostile.

Source: wiki page "WebUI API" of qBittorrent, "Get main data".
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from truename.infohash import InfoHash
from truename.resolvers.qbittorrent.marks import CATEGORY, Run, last_part

_MOST = 2**53
_FIELDS: Final = {
    "name": str,
    "state": str,
    "category": str,
    "tags": str,
    "save_path": str,
    "infohash_v1": str,
    "infohash_v2": str,
    "total_size": int,
    "added_on": int,
    "num_seeds": int,
    "num_leechs": int,
}


MAX_CHARS: Final = 64 << 20
"""Of all that is kept; a real qBittorrent with a hundred thousand torrents has half as much."""

_CHARS_EACH = 200


class Unreadable(ValueError):  # noqa: N818 - named after what it is
    """The answer is not one of qBittorrent's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One torrent. `total_size` is negative until qBittorrent has its metadata."""

    torrent_id: str
    name: str = ""
    state: str = ""
    category: str = ""
    tags: str = ""
    save_path: str = ""
    infohash_v1: str = ""
    infohash_v2: str = ""
    total_size: int = -1
    added_on: int = 0
    num_seeds: int = 0
    num_leechs: int = 0

    def changed(self, fields: dict[str, Any]) -> Self:
        """With those fields in the place of the old ones."""
        news = {name: fields[name] for name, kind in _FIELDS.items() if _may_be(kind, fields.get(name))}
        return replace(self, **news)

    @property
    def hashes(self) -> tuple[str, ...]:
        """All that it is called by."""
        return (self.torrent_id, self.infohash_v1, self.infohash_v2, self.infohash_v2[:40])

    @property
    def chars(self) -> int:
        """How much room it takes, about."""
        texts = (self.torrent_id, self.name, self.state, self.category, self.tags, self.save_path)
        return _CHARS_EACH + sum(map(len, (*texts, self.infohash_v1, self.infohash_v2)))

    @property
    def has_metadata(self) -> bool:
        """Whether qBittorrent knows what is in it."""
        return self.total_size >= 0

    @property
    def is_queued(self) -> bool:
        """Whether it waits behind other downloads."""
        return self.state == "queuedDL" and not self.has_metadata

    @property
    def asks_nobody(self) -> bool:
        """Whether it is stopped, and does not know what is in it."""
        return self.state in ("pausedDL", "stoppedDL") and not self.has_metadata

    def runs(self) -> list[Run]:
        """The runs of this program whose tag it bears, which anybody may have put there."""
        if CATEGORY not in self.tags:
            return []
        return [run for tag in self.tags.split(",") if (run := Run.of(tag.strip()))]

    def run(self) -> Run | None:
        """The run of this program that added it; None: it is the person's."""
        if self.category != CATEGORY:
            return None
        return next((run for run in self.runs() if last_part(self.save_path) == run.tag), None)

    def is_held_by(self, run: Run) -> bool:
        """Whether a run needs it, whichever has added it."""
        return self.run() is not None and run in self.runs()

    def may_be_removed_by(self, mine: Run, *, now: float) -> bool:
        """Whether no other run that goes on needs it. Units: epoch seconds."""
        return self.run() is not None and all(mine.may_remove(run, self.added_on, now=now) for run in self.runs())


class Listing:
    """All torrents and tags of a qBittorrent, as it told last."""

    def __init__(self) -> None:
        self.rid = 0
        self.tags: set[str] = set()
        self._entries: dict[str, Entry] = {}
        self._ids: dict[str, str] = {}
        self._ours: dict[str, Run] = {}
        self._borne: dict[str, list[Run]] = {}
        self._chars = 0

    def take(self, answer: object) -> bool:
        """Take in an answer. Output: whether a torrent has changed. Errors: `Unreadable`."""
        if not isinstance(answer, dict) or type(answer.get("rid")) is not int:
            raise Unreadable
        if answer.get("full_update") is True:
            self._forget()
        self.rid = answer["rid"]
        self._take_tags(_texts(answer.get("tags")), removed=_texts(answer.get("tags_removed")))
        changed = answer.get("torrents", {})
        removed = _texts(answer.get("torrents_removed"))
        if not isinstance(changed, dict):
            raise Unreadable
        for torrent_id in removed:
            self._remove(torrent_id)
        for torrent_id, fields in changed.items():
            if not isinstance(fields, dict):
                raise Unreadable
            self._put(self._entries.get(torrent_id, Entry(torrent_id=torrent_id)).changed(fields))
            self._refuse_too_much()
        return bool(changed or removed)

    def find(self, info_hash: InfoHash) -> Entry | None:
        """The torrent of a hash."""
        torrent_id = self._ids.get(info_hash) or self._ids.get(info_hash.hash20)
        return None if torrent_id is None else self._entries[torrent_id]

    def ours(self) -> Iterator[tuple[Entry, Run]]:
        """What this program has added, in this run or another one."""
        for torrent_id, run in self._ours.items():
            yield self._entries[torrent_id], run

    def borne(self, *, without: Container[str] = ()) -> set[str]:
        """Tags of ours that some torrent bears, whosever it is, not counting those torrents."""
        return {run.tag for torrent_id, runs in self._borne.items() if torrent_id not in without for run in runs}

    def __contains__(self, torrent_id: str) -> bool:
        return torrent_id in self._entries

    def _take_tags(self, tags: Iterable[str], *, removed: Iterable[str]) -> None:
        self._chars -= sum(len(one) + _CHARS_EACH for one in self.tags)
        self.tags.update(tags)
        self.tags.difference_update(removed)
        self._chars += sum(len(one) + _CHARS_EACH for one in self.tags)
        self._refuse_too_much()

    def _refuse_too_much(self) -> None:
        """Nothing of a server that tells ever more is kept; it has to begin from the beginning."""
        if self._chars > MAX_CHARS:
            self._forget()
            self.rid = 0
            raise Unreadable

    def _forget(self) -> None:
        for each in (self.tags, self._entries, self._ids, self._ours, self._borne):
            each.clear()
        self._chars = 0

    def _put(self, entry: Entry) -> None:
        self._remove(entry.torrent_id)  # and with it hashes that it has no more
        self._chars += entry.chars
        self._entries[entry.torrent_id] = entry
        for known in entry.hashes:
            if known:
                self._ids[known] = entry.torrent_id
        run, runs = entry.run(), entry.runs()
        if runs:
            self._borne[entry.torrent_id] = runs
        if run is not None:
            self._ours[entry.torrent_id] = run

    def _remove(self, torrent_id: str) -> None:
        self._ours.pop(torrent_id, None)
        self._borne.pop(torrent_id, None)
        entry = self._entries.pop(torrent_id, None)
        if entry is None:
            return
        self._chars -= entry.chars
        for known in entry.hashes:
            if self._ids.get(known) == torrent_id:
                del self._ids[known]


def _texts(given: object) -> list[str]:
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def _may_be(kind: type, value: object) -> bool:
    """Whether a field may have this value; a number that no torrent has could be kept nowhere."""
    return type(value) is kind and (not isinstance(value, int) or -1 <= value <= _MOST)
