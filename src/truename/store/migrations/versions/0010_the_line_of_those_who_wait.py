"""Places in the line are counted by the tasks that wait, so there is an index of those."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    waiting = sa.text("status = 'pending'")
    op.create_index(
        "ix_task_waiting",
        "task",
        ["prio", "rank", "created_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
