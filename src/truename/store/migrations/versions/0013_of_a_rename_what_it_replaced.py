"""Of a rename only what it replaced is kept, and not the whole note again for each name. What is there stays whole."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.add_column("note_revision", sa.Column("changes", sa.Text(), nullable=True))
