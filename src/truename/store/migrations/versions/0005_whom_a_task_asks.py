"""A task remembers whom its own magnet named, so that asking again never asks whom others have named."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.add_column("task", sa.Column("sources", sa.Text(), server_default=sa.text("'[[], []]'"), nullable=False))
