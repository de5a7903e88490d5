"""What has to be done elsewhere before this process ends, on purpose or by Ctrl-C. Knows nobody who needs it.

Whoever leaves something behind with others adds how it is taken away, and removes that once it was. A process that is
killed does none of it.
"""

import atexit
import time
from collections.abc import Callable
from typing import Final

WITHIN_S: Final = 1.5
"""For all of them together: somebody waits for the prompt."""

Parting = Callable[[float], None]
"""Does it, in at most so many seconds, whatever state the event loop is in. Never raises."""

_partings: dict[Parting, None] = {}


def add(parting: Parting) -> None:
    """To be done at the end."""
    _partings[parting] = None


def remove(parting: Parting) -> None:
    """It was done, or there is nothing to do any more. Idempotent."""
    _partings.pop(parting, None)


def part() -> None:
    """Do them all, the last first."""
    end = time.monotonic() + WITHIN_S
    while _partings:
        parting, _ = _partings.popitem()
        parting(max(0.0, end - time.monotonic()))


atexit.register(part)
