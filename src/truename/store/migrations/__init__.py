"""Alembic migrations; `migrate.py` runs them, and nobody edits one that was released."""

NEWEST = "0014"

KNOWN = tuple(f"{number:04}" for number in range(1, int(NEWEST) + 1))
"""All revisions that this version can read, without loading Alembic; a test holds them against the files."""
