"""How much of its bound on memory this process has taken. Source: setrlimit(2) RLIMIT_AS, proc(5) statm."""

import os
import resource
from pathlib import Path
from typing import Final

_MUCH: Final = 1 / 2
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STATM: Final = Path("/proc/self/statm")


class Memory:
    """Looks at this process. One without a bound, or where the system does not tell, is never short of it."""

    def __init__(self) -> None:
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        self._much_bytes = None if limit == resource.RLIM_INFINITY else limit * _MUCH

    def is_short(self) -> bool:
        """Whether more than half of it is taken: the rest is for what is claimed in the meantime."""
        if self._much_bytes is None:
            return False
        try:
            pages = int(_STATM.read_bytes().split()[0])
        except OSError:
            return False
        return pages * _PAGE_BYTES > self._much_bytes
