"""How torrents that this program added are told from a person's own, also after it was killed.

Each bears three marks: the category `truename`, a tag that names this run of the program, and a folder of that name.
A torrent that lacks one of them is somebody's own: moved into the category, or taken out of our hands.
The tags are also how runs that use one qBittorrent share a torrent: one that needs what another has added puts its own
tag beside the first, and takes it away when it is done. Only who added it, or all who come after its end, remove the
torrent, and not before every other run that goes on has taken its tag away.
"""

import hashlib
import os
import re
import socket
from pathlib import Path
from typing import Final, NamedTuple, Self

CATEGORY = "truename"
_TAG = re.compile(r"truename-([0-9a-f]{8})-([0-9]{1,10})-([0-9]{1,20})")
_STATE, _STARTED = 0, 19  # fields of /proc/<pid>/stat after the name, which may hold anything: proc(5)
_MACHINE_ID: Final = Path("/etc/machine-id")  # machine-id(5)
_ELSEWHERE_S: Final = 3600.0
"""What a run on another machine has added is nobody's by then: no look-up takes so long."""


class Run(NamedTuple):
    """One run of the program: its machine, and the process and when that was started."""

    machine: str
    pid: int
    started: int

    @classmethod
    def mine(cls) -> Self:
        """This one."""
        state = _process(os.getpid())
        return cls(_this_machine(), os.getpid(), 0 if state is None else state[1])

    @classmethod
    def of(cls, tag: str) -> Self | None:
        """The run that a tag names, or None for a tag of somebody else."""
        parts = _TAG.fullmatch(tag)
        return None if parts is None else cls(parts[1], int(parts[2]), int(parts[3]))

    @property
    def tag(self) -> str:
        """What its torrents bear, and what their folder is called."""
        return f"{CATEGORY}-{self.machine}-{self.pid}-{self.started}"

    def is_over(self) -> bool | None:
        """Whether it has ended; None when it was on another machine and nobody here can know."""
        if self.machine != _this_machine():
            return None
        state = _process(self.pid)
        return state is None or state[0] == "Z" or state[1] != self.started

    def may_remove(self, adder: Self, added_on: float, *, now: float) -> bool:
        """Whether a run whose tag a torrent bears is this one, or has ended. Units: epoch seconds."""
        if adder == self:
            return True
        over = adder.is_over()
        return now > added_on + _ELSEWHERE_S if over is None else over


def last_part(path: str) -> str:
    """The name at the end of a path of any system."""
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def _this_machine() -> str:
    """Machines may share a host name, and containers of one image the identity that systemd gives."""
    try:
        identity = _MACHINE_ID.read_bytes()
    except OSError:
        identity = b""
    return hashlib.sha256(socket.gethostname().encode(errors="replace") + b"\n" + identity).hexdigest()[:8]


def _process(pid: int) -> tuple[str, int] | None:
    """State and start of a process, or None when there is none. Where there is no /proc, all starts are 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[_STATE], int(fields[_STARTED])
    except (OSError, IndexError, ValueError):
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return "R", 0
