"""What a child process does to itself before it touches anything of the network.

It is done here and not between fork and exec, where hardly anything may be done.
Source: prctl(2), setrlimit(2), proc(5).
"""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_MEMORY_BYTES = 1 << 30
_MOST_FILES = 65_536
_ORPHANED = 3
_OOM_SCORE = Path("/proc/self/oom_score_adj")


def settle(parent: int) -> None:
    """Die with the parent, and have bounds: on memory, on open files, and no core dump, which would be full of names.

    The kernel kills this process when the thread that started it ends. A parent that died before this could be asked
    for is noticed by the number of the process that has taken its place.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(_ORPHANED)
    with contextlib.suppress(OSError):
        _OOM_SCORE.write_text("500")  # where memory runs out, the one to take is this process
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_AS, _MEMORY_BYTES)
    take_files()


def take_files() -> None:
    """Ask for as many open files as the system lets this process have: each peer takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _lower(which: int, wanted: int) -> None:
    hard = resource.getrlimit(which)[1]
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (limit, limit))
