"""What must be so in a database of the engine at any moment, and from one moment to the next; asked of the file itself.

The questions are plain SQL, so that no query of the program vouches for itself. Asked after every step of the model,
after every injected fault and after every kill.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from truename.magnet import find_magnets, replaced
from truename.store.contradictions import SENTENCES
from truename.store.revisions import RENAMED, changes_of

FINAL = ("completed", "failed", "timeout", "cancelled")

# Each question selects what breaks its sentence.
_AT_ANY_MOMENT = """
-- a task's status is one of six
SELECT id, status FROM task WHERE status NOT IN ('pending', 'running', 'completed', 'failed', 'timeout', 'cancelled');
-- a task that ended without a name says why, and no other does
SELECT id, status, code FROM task
WHERE (status IN ('failed', 'timeout', 'cancelled')) != (coalesce(code, '') != '');
-- what was cancelled is called so
SELECT id FROM task WHERE (status = 'cancelled') != (coalesce(code, '') = 'cancelled');
-- one active look-up for each hash
SELECT hash FROM lookup WHERE active = 1 GROUP BY hash HAVING count(*) > 1;
-- one active task for each person and hash
SELECT person_id, hash FROM task WHERE active = 1 GROUP BY person_id, hash HAVING count(*) > 1;
-- an active look-up has an active task
SELECT id FROM lookup
WHERE active = 1 AND NOT EXISTS (SELECT 1 FROM task t WHERE t.lookup_id = lookup.id AND t.active = 1);
-- a look-up has a task, ended or not
SELECT id FROM lookup WHERE NOT EXISTS (SELECT 1 FROM task t WHERE t.lookup_id = lookup.id);
-- a look-up's status is one of four
SELECT id FROM lookup WHERE status NOT IN ('pending', 'running', 'waiting', 'ended');
-- a look-up stands where the first of those does who wait for it
SELECT l.id, l.rank_high, l.rank_normal, l.rank_low
FROM lookup l LEFT JOIN task t ON t.lookup_id = l.id AND t.active = 1
WHERE l.active = 1 GROUP BY l.id
HAVING l.rank_high IS NOT min(CASE t.prio WHEN 0 THEN t.rank END)
OR l.rank_normal IS NOT min(CASE t.prio WHEN 1 THEN t.rank END)
OR l.rank_low IS NOT min(CASE t.prio WHEN 2 THEN t.rank END);
-- a verified name is that of the catalogue
SELECT t.id, t.name, c.name FROM task t
LEFT JOIN torrent_hash h ON h.hash = t.hash LEFT JOIN torrent c ON c.id = h.torrent_id
WHERE t.status = 'completed' AND t.verified AND t.name IS NOT c.name;
-- every name in the catalogue is some hash's
SELECT id FROM torrent WHERE NOT EXISTS (SELECT 1 FROM torrent_hash h WHERE h.torrent_id = torrent.id);
-- the revisions of a note are numbered without a gap
SELECT n.id FROM note n JOIN note_revision r ON r.note_id = n.id
GROUP BY n.id HAVING count(*) != n.version OR max(r.version) != n.version OR min(r.version) != 1;
-- rows refer to rows that are there
SELECT * FROM pragma_foreign_key_check;
"""


def _questions(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split("-- ")[1:]:
        sentence, _, question = part.partition("\n")
        yield sentence, question


AT_ANY_MOMENT: Mapping[str, str] = {**SENTENCES, **dict(_questions(_AT_ANY_MOMENT))}


def broken(connection: sqlite3.Connection) -> list[str]:
    """The invariants that do not hold, each with what breaks it."""
    found: list[str] = []
    for sentence, question in AT_ANY_MOMENT.items():
        rows = connection.execute(question).fetchmany(5)
        if rows:
            found.append(f"{sentence}: {[tuple(row) for row in rows]}")
    return found + _idle_renames(connection) + _indices_unlike_their_texts(connection)


def _idle_renames(connection: sqlite3.Connection) -> list[str]:
    """Those after which a note says what it said before."""
    rows = connection.execute("SELECT note_id, version, text, changes, cause FROM note_revision ORDER BY 1, 2")
    before, idle = "", []
    for note_id, version, text, changes, cause in rows.fetchall():
        now = text if changes is None else replaced(before, changes_of(changes))
        if cause == RENAMED and now == before:
            idle.append(f"a rename changes something: {(note_id, version)}")
        before = now
    return idle


def _indices_unlike_their_texts(connection: sqlite3.Connection) -> list[str]:
    """What is kept beside a note of its magnets: their hashes, and of which all names are the person's own."""
    found: list[str] = []
    for note_id, text in connection.execute("SELECT id, text FROM note"):
        written: dict[str, set[str | None]] = {}
        for span in find_magnets(text):
            for one in filter(None, (span.info_hash, span.info_hash_v2)):
                written.setdefault(one, set()).add(span.written_dn)
        kept: set[str] = set()
        for info_hash, own, typed, undone in connection.execute(
            "SELECT hash, own, typed, undone FROM note_magnet WHERE note_id = ?", (note_id,)
        ):
            kept.add(info_hash)
            theirs = {*json.loads(typed or "[]"), *json.loads(undone or "[]")}
            if own and not written.get(info_hash, set()) <= theirs:
                found.append(f"a name is the person's own: note {note_id}, {info_hash}")
        if kept != written.keys():
            found.append(f"a note's hashes are those of its text: {note_id}, {sorted(kept ^ written.keys())}")
    return found


def opened(file: Path) -> sqlite3.Connection:
    """A database file, to be read beside whoever writes it."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def broken_in(file: Path) -> list[str]:
    """The same for a file, which besides is asked whether it is whole."""
    with closing(opened(file)) as connection:
        whole = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        return broken(connection) + ([] if whole == ["ok"] else whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What tasks and notes there were, and how far the events had come."""

    tasks: Mapping[str, Mapping[str, object]]
    notes: Mapping[int, int]
    seq: int


class Chronicle:
    """Looks at a database again and again, and says what must not have happened in between."""

    def __init__(self) -> None:
        self._before = Moment(tasks={}, notes={}, seq=0)

    def look(self, connection: sqlite3.Connection) -> list[str]:
        """What is wrong with the way from the last look to this one."""
        connection.execute("BEGIN")
        try:
            now = Moment(
                tasks={row["id"]: dict(row) for row in connection.execute("SELECT * FROM task")},
                notes={row["id"]: row["version"] for row in connection.execute("SELECT id, version FROM note")},
                seq=connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0] or self._before.seq,
            )
            told = connection.execute(
                "SELECT seq, person_id, task_id, note_id FROM event WHERE seq > ? ORDER BY seq", (self._before.seq,)
            ).fetchall()
        finally:
            connection.execute("COMMIT")
        wrong = [*self._of_tasks(now, told), *self._of_notes(now, told)]
        self._before = now
        return wrong

    def _of_tasks(self, now: Moment, told: list[sqlite3.Row]) -> Iterator[str]:
        heard = {(row["person_id"], row["task_id"]) for row in told}
        for task_id, task in now.tasks.items():
            before = self._before.tasks.get(task_id)
            owner = (task["person_id"], task_id)
            if (before is None or before["status"] != task["status"]) and owner not in heard:
                yield f"no event for {before and before['status']} -> {task['status']}: {task_id}"
            if before is None:
                continue
            if before["status"] in FINAL:
                if task != before:
                    yield f"a final task changed: {before} -> {task}"
                if owner in heard:
                    yield f"an event for a task that was final: {task_id}"
            elif not _is_step(before, task):
                yield f"no such step: {before} -> {task}"
        for task_id, task in self._before.tasks.items():
            if task_id not in now.tasks and task["status"] not in FINAL:
                yield f"a task was forgotten before its end: {task_id}"
        if {one for _, one in heard} - now.tasks.keys() - self._before.tasks.keys() - {None}:
            yield "an event for a task that nobody has"

    def _of_notes(self, now: Moment, told: list[sqlite3.Row]) -> Iterator[str]:
        heard = {row["note_id"] for row in told}
        for note_id, version in now.notes.items():
            if version < self._before.notes.get(note_id, 0):
                yield f"a note went back: {note_id}"
            if version != self._before.notes.get(note_id) and note_id not in heard:
                yield f"no event for a change of note {note_id}"


def _is_step(before: Mapping[str, object], task: Mapping[str, object]) -> bool:
    """Whether tries and haste went the right way. Only a running task, which goes back, may lose its try."""
    was, tries = int(str(before["attempt"])), int(str(task["attempt"]))
    if tries < was:
        return was - tries == 1 and before["status"] == "running"
    if int(str(task["prio"])) > int(str(before["prio"])):
        return False
    return all(before[name] == task[name] for name in ("person_id", "hash", "created_at", "lookup_id"))
