"""Alembic migrations; `migrate.py` runs them, and nobody edits one that was released."""

NEWEST = "0003"
