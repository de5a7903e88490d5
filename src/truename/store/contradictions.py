"""What rows of a database say together, where each alone would do: asked of a file before its rows are trusted.

Plain SQL on a plain connection. What contradicts itself here would wait for ever, or could not be changed any more.
"""

import sqlite3
import unicodedata
from collections.abc import Mapping
from typing import Final

from truename.store.people import folded
from truename.store.revisions import WHOLE_EACH, replay

SENTENCES: Final[Mapping[str, str]] = {
    "a task is active until it is final": """
        SELECT id FROM task WHERE coalesce(active, 0) != (status IN ('pending', 'running'))
    """,
    "a completed task has its name, and no other has one": """
        SELECT id FROM task WHERE (status = 'completed') != (name IS NOT NULL)
    """,
    "a final task has its end, and no other has one": """
        SELECT id FROM task WHERE (status IN ('pending', 'running')) != (completed_at IS NULL)
    """,
    "a running task has begun and been tried": """
        SELECT id FROM task
        WHERE attempt < 0 OR (status = 'running' AND (attempt < 1 OR started_at IS NULL OR next_attempt_at IS NOT NULL))
    """,
    "an active task has an active look-up of its hash": """
        SELECT t.id FROM task t LEFT JOIN lookup l ON l.id = t.lookup_id AND l.hash = t.hash
        WHERE t.active = 1 AND l.active IS NOT 1
    """,
    "a running task has a running look-up": """
        SELECT t.id FROM task t JOIN lookup l ON l.id = t.lookup_id WHERE t.status = 'running' AND l.status != 'running'
    """,
    "a look-up is active until it has ended": """
        SELECT id FROM lookup WHERE coalesce(active, 0) = (status = 'ended')
    """,
    "a running look-up is out in a delivery, and no other is": """
        SELECT id FROM lookup WHERE (status = 'running') != (delivery IS NOT NULL)
    """,
    "a waiting look-up has its time, and no other has one": """
        SELECT id FROM lookup WHERE (status = 'waiting') != (due_at IS NOT NULL)
    """,
    "a batch counts its active tasks": """
        SELECT id FROM batch WHERE active != (
            SELECT count(*) FROM batch_task m JOIN task t ON t.id = m.task_id
            WHERE m.batch_id = batch.id AND t.active = 1
        )
    """,
    "a batch has ended when none of its tasks is active": """
        SELECT id FROM batch WHERE (active = 0) != (ended_at IS NOT NULL)
    """,
    "a batch holds its owner's tasks": """
        SELECT m.task_id FROM batch_task m JOIN batch b ON b.id = m.batch_id JOIN task t ON t.id = m.task_id
        WHERE t.person_id != b.person_id
    """,
    "a note says what its newest revision says": """
        SELECT n.id FROM note n LEFT JOIN note_revision r ON r.note_id = n.id AND r.version = n.version
        WHERE r.note_id IS NULL OR (r.changes IS NULL AND r.text != n.text) OR EXISTS (
            SELECT 1 FROM note_revision later WHERE later.note_id = n.id AND later.version > n.version
        )
    """,
}
"""Each selects what breaks its sentence."""

_STEPS = """
    SELECT version, text, changes FROM note_revision WHERE note_id = ? AND version <= ? AND version > ?
    ORDER BY version DESC
"""


def contradiction_in(connection: sqlite3.Connection) -> str | None:
    """The first sentence that does not hold, with a row that breaks it; None: all of them hold."""
    for sentence, question in SENTENCES.items():
        row = connection.execute(question).fetchone()
        if row is not None:
            return f"{sentence}: {row[0]}"
    if (changed := _note_unlike_its_changes(connection)) is not None:
        return f"a note says what its newest revision says: {changed}"
    for username, found_by in connection.execute("SELECT username, username_folded FROM person"):
        is_known = all(unicodedata.category(each) != "Cn" for each in username)  # a newer Unicode may fold the others
        if is_known and found_by != folded(username):
            return f"a person is found by the name they bear: {username}"
    return None


def _note_unlike_its_changes(connection: sqlite3.Connection) -> int | None:
    """A note whose newest revision tells only what was replaced, and does not lead to what the note says."""
    renamed = connection.execute("""
        SELECT n.id, n.version, n.text FROM note n JOIN note_revision r ON r.note_id = n.id AND r.version = n.version
        WHERE r.changes IS NOT NULL
    """)
    for note_id, version, text in renamed:
        if replay(version, connection.execute(_STEPS, (note_id, version, version - WHOLE_EACH))) != text:
            return int(note_id)
    return None
