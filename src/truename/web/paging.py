"""Lists in pieces: how many rows an answer has, and whether there are more. Pure."""

from collections.abc import Sequence
from typing import TypeVar

from truename.web.errors import Refusal

MAX_LIMIT = 500
DEFAULT_LIMIT = 50

Row = TypeVar("Row")


def rows_wanted(limit: str) -> int:
    """How many rows a `limit` asks for; empty: `DEFAULT_LIMIT`. Errors: `Refusal` 400 for what is no count."""
    if not limit:
        return DEFAULT_LIMIT
    digits = limit.lstrip("0") if limit.isascii() and limit.isdigit() else ""
    if not digits:
        raise Refusal("web_bad_request")
    return min(int(digits[:4]), MAX_LIMIT)  # four digits are more than there may be


def page_of(rows: Sequence[Row], count: int) -> tuple[Sequence[Row], bool]:
    """The rows of a page, of which one more was read, and whether others follow."""
    return rows[:count], len(rows) > count
