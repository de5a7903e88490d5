"""Ids of tasks: 62 random bits nobody can guess, after a clock by which what was asked for together lies together.

With purely random ids ten thousand tasks are ten thousand places all over the trees of the database.
Source: RFC 9562, 4.1, 5.4 and 6.11 (the form of a version 4; a clock in it; ids are opaque to whoever gets them).
"""

import secrets
import time

_BITS = 62
_STEP_BITS = 10  # about a microsecond
_last = [0]


def new_task_id() -> str:
    """A fresh id. Of two made by one process, the later one is the greater one.

    It tells when it was made, and nothing of what others have made meanwhile.
    """
    at = _last[0] = max(_last[0] + 1, time.time_ns() >> _STEP_BITS)
    luck = secrets.randbits(_BITS)
    clock = f"{at >> 28 & 0xFFFFFFFF:08x}-{at >> 12 & 0xFFFF:04x}-4{at & 0xFFF:03x}"
    return f"{clock}-{0x8000 | luck >> 48:04x}-{luck & 0xFFFFFFFFFFFF:012x}"
