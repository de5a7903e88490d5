"""What a child process does to itself before it touches anything of the network.

It is done here and not between fork and exec, where hardly anything may be done.
Source: prctl(2), setrlimit(2), mallopt(3), proc(5), signal(7).
"""

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path
from typing import Final

from truename.open_files import take_files

_PR_SET_PDEATHSIG = 1
MEMORY_BYTES: Final = 1 << 30
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 1 << 20
_ORPHANED = 3
OUT_OF_MEMORY: Final = 4
"""The statuses with which it ends by itself."""

_OOM_SCORE = Path("/proc/self/oom_score_adj")


def settle(parent: int) -> None:
    """Die with the parent, and have bounds: on memory, on open files, and no core dump, which would be full of names.

    What is said to a whole group of processes, by a service manager or a terminal, is for the parent: it may still need
    this one, which ends with the socket.
    The kernel kills this process when the thread that started it ends. A parent that died before this could be asked
    for is noticed by the number of the process that has taken its place.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os._exit(_ORPHANED)
    with contextlib.suppress(OSError):
        _OOM_SCORE.write_text("500")  # where memory runs out, the one to take is this process
    with contextlib.suppress(AttributeError):  # glibc: what is large goes back to the system when it is freed
        system.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_AS, MEMORY_BYTES)
    take_files()


def _lower(which: int, wanted: int) -> None:
    hard = resource.getrlimit(which)[1]
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (limit, limit))
