"""When something that was put off is due, by a clock that somebody may set back.

It is due when its moment has come, and also when that is further off than anything is ever put off. To find what is due
among much that is not, ask for each by itself: no index serves both at once.
"""

import math
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_


def has_come(moment: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a moment has come. `due_values` fill it in, and the others here."""
    return moment <= bindparam("due_now")


def is_too_far_off(moment: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a moment is further off than anything is put off."""
    return moment > bindparam("due_never")


def is_due(moment: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether it is either, for rows that are known already."""
    return or_(has_come(moment), is_too_far_off(moment))


def due_values(at: float, longest_delay_s: float) -> dict[str, float]:
    """The time now, and the longest that anything is put off, in seconds."""
    return {"due_now": at, "due_never": min(at + longest_delay_s, _LAST)}


_LAST = math.nextafter(math.inf, 0)
"""No time is later: a database may not know infinity."""
