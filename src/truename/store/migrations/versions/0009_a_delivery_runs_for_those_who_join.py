"""A running task knows in which strand of its delivery it is looked up: who joins has a time of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.add_column("task", sa.Column("strand", sa.Integer, nullable=False, server_default=sa.text("0")))
