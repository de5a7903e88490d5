"""What the file system says of a place that is written to: how much fits there, and whether anything may be."""

import math
import os
from pathlib import Path


def free_bytes(folder: Path) -> float:
    """How much may still be written there; infinity where the file system does not say."""
    there = _said(folder)
    return there.f_bavail * there.f_frsize if there is not None and there.f_blocks else math.inf


def is_read_only(folder: Path) -> bool:
    """Whether nobody may write there, whoever it is."""
    there = _said(folder)
    return there is not None and bool(there.f_flag & os.ST_RDONLY)


def _said(folder: Path) -> os.statvfs_result | None:
    try:
        return os.statvfs(folder)
    except OSError:
        return None
