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
    # Where nobody else has joined, what the look-up knows is what the task's own magnet named.
    op.execute(
        """
        UPDATE task SET sources = (SELECT lookup.sources FROM lookup WHERE lookup.id = task.lookup_id)
        WHERE EXISTS (SELECT 1 FROM lookup WHERE lookup.id = task.lookup_id AND lookup.sources <> '[[], []]')
        AND NOT EXISTS (
            SELECT 1 FROM task AS other
            WHERE other.lookup_id = task.lookup_id AND other.person_id <> task.person_id
        )
        """
    )
