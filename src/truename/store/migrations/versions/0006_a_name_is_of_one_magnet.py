"""A person's own name is that of a magnet, and no longer of all magnets of its hash in a note."""

import json

import sqlalchemy as sa
from alembic import op

from truename.scanner import find_magnets

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_note_magnet = sa.table("note_magnet", sa.column("note_id"), sa.column("hash"), sa.column("own"), sa.column("typed"))
_note = sa.table("note", sa.column("id"), sa.column("text"))


def upgrade() -> None:
    """Change the schema. Whatever the magnets of an own hash are called now was left alone, and stays so by every hash
    that they carry.
    """
    op.add_column("note_magnet", sa.Column("typed", sa.Text()))
    op.add_column("note_magnet", sa.Column("undone", sa.Text()))
    connection = op.get_bind()
    own: dict[int, set[str]] = {}
    for note_id, one in connection.execute(
        sa.select(_note_magnet.c.note_id, _note_magnet.c.hash).where(_note_magnet.c.own == sa.true())
    ).all():
        own.setdefault(note_id, set()).add(one)
    change = (
        sa.update(_note_magnet)
        .where(_note_magnet.c.note_id == sa.bindparam("of_note"), _note_magnet.c.hash == sa.bindparam("of_hash"))
        .values(own=sa.bindparam("is_own"), typed=sa.bindparam("names"))
    )
    for note_id, hashes in own.items():
        text = connection.execute(sa.select(_note.c.text).where(_note.c.id == note_id)).scalar_one()
        rows = [
            {"of_note": note_id, "of_hash": one, "is_own": kept == every, "names": json.dumps(list(kept))}
            for one, (every, kept) in _names(text, hashes).items()
            if kept
        ]
        if rows:
            connection.execute(change, rows)


_Names = dict[str | None, None]


def _names(text: str, own: set[str]) -> dict[str, tuple[_Names, _Names]]:
    """For each hash of a text, the names of all its magnets, and of those that carry an own hash."""
    found: dict[str, tuple[_Names, _Names]] = {}
    for span in find_magnets(text):
        hashes = [one for one in (span.info_hash, span.info_hash_v2) if one is not None]
        for one in hashes:
            every, kept = found.setdefault(one, ({}, {}))
            every[span.written_dn] = None
            if not own.isdisjoint(hashes):
                kept[span.written_dn] = None
    return found
