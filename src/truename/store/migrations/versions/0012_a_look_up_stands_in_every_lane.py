"""A look-up has a place in each priority in which somebody waits for it; a lane ends with its person's last task."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_RANKS = ("rank_high", "rank_normal", "rank_low")


def upgrade() -> None:
    """Change the schema; where look-ups stand follows from the tasks."""
    op.drop_index("ix_lookup_take", "lookup")
    for prio, rank in enumerate(_RANKS):
        op.add_column("lookup", sa.Column(rank, sa.BigInteger))
        op.execute(
            f"UPDATE lookup SET {rank} = (SELECT min(rank) FROM task"  # noqa: S608 - names and numbers of our own
            f" WHERE task.lookup_id = lookup.id AND task.active = 1 AND task.prio = {prio}) WHERE active = 1"
        )
    for column in ("prio", "person_id", "rank"):
        op.drop_column("lookup", column)
    for rank in _RANKS:
        waiting = sa.text(f"status = 'pending' AND {rank} IS NOT NULL")
        op.create_index(f"ix_lookup_{rank}", "lookup", [rank, "id"], sqlite_where=waiting, postgresql_where=waiting)
    op.drop_table("lane")
    active = sa.text("active = 1")
    columns = ["person_id", "prio", "rank"]
    op.create_index("ix_task_lane", "task", columns, sqlite_where=active, postgresql_where=active)
