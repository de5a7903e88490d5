"""Files that are there whole or not at all: made in a workshop beside their place, flushed, then renamed.

A workshop is locked while somebody works in it. What a killed program left in one is cleared away by the next, which
finds it unlocked; a file system without such locks keeps it for a person to delete.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".truename-"
_ABANDONED_AFTER_S = 60.0


@contextmanager
def workshop(folder: Path) -> Iterator[Path]:
    """A new folder inside another one, for its owner's eyes alone, gone when the block is left."""
    _clear_abandoned(folder)
    bench = Path(tempfile.mkdtemp(dir=folder, prefix=PREFIX))
    descriptor = os.open(bench, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield bench
    finally:
        os.close(descriptor)
        shutil.rmtree(bench, ignore_errors=True)


def new_file(path: Path) -> None:
    """Make an empty file that only its owner can read, now and later."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def put_in_place(made: Path, target: Path) -> None:
    """Give a finished file its name, in the place of what has it now. Both are in one file system."""
    _flush(made)
    made.replace(target)
    with suppress(OSError):  # not every file system flushes a folder
        _flush(target.parent)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear_abandoned(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            about = left.lstat()
            if about.st_uid != os.getuid() or about.st_mtime > time.time() - _ABANDONED_AFTER_S:
                continue
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)
