"""How much of its bound on memory this process has taken. Source: setrlimit(2) RLIMIT_AS, proc(5) statm."""

import os
import resource
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STATM: Final = Path("/proc/self/statm")


class Memory:
    """Looks at this process. One without a bound, or where the system does not tell, has room for everything."""

    def __init__(self) -> None:
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        self._bound_bytes = None if limit == resource.RLIM_INFINITY else limit

    def beyond(self, share: float) -> int:
        """How many bytes more than this share of the bound are taken; 0 where it is not more."""
        if self._bound_bytes is None:
            return 0
        try:
            pages = int(_STATM.read_bytes().split()[0])
        except OSError:
            return 0
        return max(0, pages * _PAGE_BYTES - int(self._bound_bytes * share))
