"""Runs one program and leaves nothing of it behind: `python -I -S script_keeper.py PROGRAM [ARGUMENT]...`.

It ends when the program does, with its status; and by the signal `CANNOT_BE_RUN` when there is nothing that could be
run, which no program can imitate, since this one tells of signals by a status. Standard input is the line to whoever
started it: a byte there lets the program begin, so that nothing is left of a keeper that is killed before; the end of
the line, also by their death, is the end of the program. A process of the program's that loses its parent becomes a
child of this one, whatever it has done to its group, its session or its environment; so when there is no child, nothing
is left.
Loads nothing of truename, since it starts with each look-up. Source: prctl(2), proc(5).
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
CANNOT_BE_RUN = signal.SIGUSR1

_LINE = 0
_POLITE_S = 0.5
_MOST_S = 3.0
"""For what cannot be killed: it has become another user, or hangs in the kernel."""
_PAUSE_S = 0.001
_NOT_BEGUN, _BY_SIGNAL = 125, 128
_NOT_FOR_US = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AS_AT_FIRST = (*_NOT_FOR_US, signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores the last two


def main() -> int:
    """The program's status, or 128 and the signal that ended it, or 125 when it was not to begin."""
    for number in _NOT_FOR_US:
        signal.signal(number, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    news = _children_news()
    if not os.read(_LINE, 1):
        return _NOT_BEGUN
    program = _begin(sys.argv[1:])
    if program is None:
        os.kill(os.getpid(), CANNOT_BE_RUN)
        return _NOT_BEGUN
    try:
        status = _wait(program, news, within_s=None, line=_LINE)
        if status is None:
            _signal(program, signal.SIGTERM)
            status = _wait(program, news, within_s=_POLITE_S)
        if status is None:
            _signal(program, signal.SIGKILL)
    finally:
        _end_all()
    if status is None:
        return _BY_SIGNAL + signal.SIGKILL
    return status if status >= 0 else _BY_SIGNAL - status


def _prctl(option: int, value: int) -> None:
    """Only Linux has it."""
    import ctypes

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _children_news() -> int:
    """A file descriptor that has something to read when a child has ended."""
    news, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return news


def _begin(command: list[str]) -> int | None:
    """Start the program. Output: it, which hears by now what its group is told; None when it cannot be run."""
    keeper = os.getpid()
    ready, making_ready = os.pipe()
    program = os.fork()
    if program == 0:
        _become(command, keeper, making_ready)
    os.close(making_ready)
    complaint = os.read(ready, 1)  # else nothing but the end: the other side closes where it becomes the program
    os.close(ready)
    return None if complaint else program


def _become(command: list[str], keeper: int, making_ready: int) -> None:
    """In the child: be the program. It does not outlive this keeper, where the system can see to that."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(_NOT_BEGUN)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), _LINE)
    for number in _AS_AT_FIRST:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError:
        os.write(making_ready, b"!")
    os._exit(_NOT_BEGUN)


def _signal(program: int, number: int) -> None:
    """Tell the program and its group, which may be another user's by now."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(program, number)


def _wait(program: int, news: int, *, within_s: float | None, line: int | None = None) -> int | None:
    """Wait for the program, burying others. Output: its status, or None when the time or the line has ended before."""
    end = None if within_s is None else time.monotonic() + within_s
    waiting = select.poll()
    for each in (news, line):
        if each is not None:
            waiting.register(each, select.POLLIN)
    while True:
        for pid, status in _buried():
            if pid == program:
                return os.waitstatus_to_exitcode(status)
        left_ms = None if end is None else max(0.0, end - time.monotonic()) * 1000
        ready = dict(waiting.poll(left_ms))
        if news in ready:
            os.read(news, 4096)
        elif not ready or line in ready:
            return None


def _buried() -> Iterator[tuple[int, int]]:
    """The children that have ended. Errors: `ChildProcessError` when there are none at all any more."""
    while (ended := os.waitpid(-1, os.WNOHANG))[0]:
        yield ended


def _end_all() -> None:
    """Kill whoever descends from here until there is nobody. What forks as fast as it can meets its turn in the end."""
    end = time.monotonic() + _MOST_S
    while time.monotonic() < end:
        try:
            for _ in _buried():
                pass
        except ChildProcessError:
            return
        for pid in _descendants(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)


def _descendants(pid: int) -> Iterator[int]:
    """Parents before their children."""
    to_come = [pid]
    while to_come:
        children = list(_children(to_come.pop()))
        yield from children
        to_come += children


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as listed:
                yield from map(int, listed.read().split())


if __name__ == "__main__":
    sys.exit(main())
