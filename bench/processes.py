"""What processes cost, read from /proc: one alone, or one with all that it has started and that still lives."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def resident_mb(pids: Sequence[int]) -> float:
    """The memory that they hold now. Pages that they share count for each of them."""
    return sum(int(fields[21]) * PAGE for each in pids if (fields := _stat(each))) / 1e6


def used_s(pids: Sequence[int]) -> float:
    """The processor time that they have used, and their children that have ended."""
    return sum(sum(map(int, fields[11:15])) / TICKS for each in pids if (fields := _stat(each)))


async def busy_percent(pids: Sequence[int], seconds: float) -> float:
    """How much of one core they use in so many seconds from now."""
    began, used = time.perf_counter(), used_s(pids)
    await asyncio.sleep(seconds)
    return 100 * (used_s(pids) - used) / (time.perf_counter() - began)


def _stat(pid: int) -> list[str]:
    """The fields behind the name, so the first is the third of proc(5); none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
