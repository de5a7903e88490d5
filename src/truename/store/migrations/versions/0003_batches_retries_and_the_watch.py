"""Batches, tries that are due later, and the watch over hashes that sleep."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "batch",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("active", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("tell_at", sa.Float(), nullable=True),
        sa.Column("told", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_batch_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index(op.f("ix_batch_person_id"), "batch", ["person_id"])
    op.create_index(op.f("ix_batch_ended_at"), "batch", ["ended_at"])
    op.create_index(op.f("ix_batch_tell_at"), "batch", ["tell_at"])
    op.create_table(
        "batch_task",
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_task_batch_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_batch_task_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("batch_id", "task_id", name=op.f("pk_batch_task")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_batch_task_task_id"), "batch_task", ["task_id"])
    op.create_table(
        "watch",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_watch_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", "hash", name=op.f("pk_watch")),
    )
    op.create_index(op.f("ix_watch_hash"), "watch", ["hash"])
    op.create_index(op.f("ix_watch_next_at"), "watch", ["next_at"])
    op.add_column("lookup", sa.Column("due_at", sa.Float(), nullable=True))
    waiting = sa.text("status = 'waiting'")
    op.create_index("ix_lookup_due_at", "lookup", ["due_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.add_column("task", sa.Column("next_attempt_at", sa.Float(), nullable=True))
    op.add_column("task", sa.Column("watched", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    op.add_column("torrent", sa.Column("hash", sa.String(length=64), nullable=True))
    with op.batch_alter_table("torrent") as torrent:
        torrent.create_unique_constraint(op.f("uq_torrent_hash"), ["hash"])
    ended = sa.text("completed_at IS NOT NULL")
    op.drop_index(op.f("ix_task_completed_at"), "task")
    op.create_index("ix_task_completed_at", "task", ["completed_at"], sqlite_where=ended, postgresql_where=ended)
    active = sa.text("active = 1")
    op.drop_index("uq_task_active", "task")
    op.create_index(
        "uq_task_active", "task", ["hash", "person_id"], unique=True, sqlite_where=active, postgresql_where=active
    )
    op.drop_index("ix_task_person_id_hash", "task")
    op.create_index("ix_task_hash_person_id", "task", ["hash", "person_id"])
