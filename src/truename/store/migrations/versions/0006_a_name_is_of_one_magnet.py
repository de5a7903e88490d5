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
    """Change the schema. Whatever the magnets of an own hash are called now was left alone, and stays so."""
    op.add_column("note_magnet", sa.Column("typed", sa.Text()))
    op.add_column("note_magnet", sa.Column("undone", sa.Text()))
    connection = op.get_bind()
    own = sa.select(_note_magnet.c.note_id, _note_magnet.c.hash).where(_note_magnet.c.own == sa.true())
    for note_id, one in connection.execute(own).all():
        text = connection.execute(sa.select(_note.c.text).where(_note.c.id == note_id)).scalar_one()
        names = {span.written_dn: None for span in find_magnets(text) if one in (span.info_hash, span.info_hash_v2)}
        this = sa.and_(_note_magnet.c.note_id == note_id, _note_magnet.c.hash == one)
        connection.execute(sa.update(_note_magnet).where(this).values(typed=json.dumps(list(names))))
