"""What else was learnt with a name, and what the resolvers did for a task that has ended."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.add_column("torrent", sa.Column("peers_seen", sa.Integer(), nullable=True))
    op.add_column("torrent", sa.Column("files", sa.Text(), nullable=True))
    op.add_column("task", sa.Column("trackers", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("task", sa.Column("detail", sa.Text(), nullable=True))
