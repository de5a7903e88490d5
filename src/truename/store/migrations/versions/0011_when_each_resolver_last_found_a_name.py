"""When a resolver last found a name is kept by itself: its claim may have given way to a proof since."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema, with what the names that are there tell."""
    op.create_table(
        "last_success",
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_last_success")),
    )
    op.execute("INSERT INTO last_success (source, at) SELECT source, max(found_at) FROM torrent GROUP BY source")
