"""The number of a note that is gone is not given again: a page that still shows the old note would change the new."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema. PostgreSQL gives no number twice; SQLite has to be told when it makes the table.

    Source: https://www.sqlite.org/lang_altertable.html#otheralter; no foreign keys are looked at here.
    """
    if op.get_bind().dialect.name != "sqlite":
        return
    op.create_table(
        "new_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_note_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO new_note (id, person_id, version, text, created_at, updated_at) "
        "SELECT id, person_id, version, text, created_at, updated_at FROM note"
    )
    op.drop_table("note")
    op.rename_table("new_note", "note")
    op.create_index("ix_note_person_id_id", "note", ["person_id", "id"])
