"""What processes cost, read from /proc: one alone, or one with all that it has started and that still lives."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


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
    """The memory that they hold now, all together; pages of a file that they share, such as a library, count once."""
    private, shared = 0, Counter[str]()
    for pid in pids:
        for place, (own, common) in _mappings(pid).items():
            private += own
            shared[place] = max(shared[place], common)
    return (private + shared.total()) * 1024 / 1e6


def used_s(pids: Sequence[int]) -> float:
    """The processor time that they have used, and their children that have ended."""
    return sum(sum(map(int, fields[11:15])) / TICKS for each in pids if (fields := _stat(each)))


async def busy_percent(pids: Sequence[int], seconds: float) -> float:
    """How much of one core they use in so many seconds from now."""
    began, used = time.perf_counter(), used_s(pids)
    await asyncio.sleep(seconds)
    return 100 * (used_s(pids) - used) / (time.perf_counter() - began)


def _mappings(pid: int) -> dict[str, tuple[int, int]]:
    """Of each place in a file, and of what is in none: the kB that this process alone holds, and those it shares."""
    held: dict[str, tuple[int, int]] = {}
    place = ""
    try:
        lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return held
    for line in lines:
        word, *rest = line.split()
        if not word.endswith(":"):  # addresses, rights, offset, device, inode, path
            place = f"{rest[4]} {rest[1]} {rest[3]}" if len(rest) > 4 else f"{pid} {word}"
        elif word in ("Private_Clean:", "Private_Dirty:", "Shared_Clean:", "Shared_Dirty:"):
            own, common = held.get(place, (0, 0))
            size = int(rest[0])
            held[place] = (own + size, common) if word.startswith("Private") else (own, common + size)
    return held


def _stat(pid: int) -> list[str]:
    """The fields behind the name, so the first is the third of proc(5); none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
