"""A rank for each task: what its owner is told of the queue says nothing about others who asked for the same hash."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.add_column("task", sa.Column("rank", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
