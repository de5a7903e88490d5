"""How many trackers a task named is known from its sources, and is not kept beside them any more."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.drop_column("task", "trackers")
