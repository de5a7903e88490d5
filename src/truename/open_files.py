"""How many files this process may have open at once. Source: setrlimit(2)."""

import resource
from typing import Final

_MOST: Final = 65_536
FEW: Final = 256
"""With fewer, people and peers have to wait for one another: each of them takes one."""


def take_files() -> int:
    """Ask for as many open files as the system lets this process have; how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _MOST if soft == resource.RLIM_INFINITY else soft
