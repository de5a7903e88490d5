"""When something that was put off is due, by a clock that somebody may set back."""

import math
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_


def is_due(moment: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a moment has come, or is further off than anything is ever put off. `due_values` fill it in."""
    return or_(moment <= bindparam("due_now"), moment > bindparam("due_never"))


def due_values(at: float, longest_delay_s: float) -> dict[str, float]:
    """The time now, and the longest that anything is put off, in seconds."""
    return {"due_now": at, "due_never": min(at + longest_delay_s, _LAST)}


_LAST = math.nextafter(math.inf, 0)
"""No time is later: a database may not know infinity."""
