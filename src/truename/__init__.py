"""Gives every magnet link its true name.

The Python face: the drop-in class, its words, and `calibrate`. Importing it is cheap and loads no engine: neither
asyncio nor libtorrent, nor anything that is not in the standard library.
"""

import logging

from truename.manager import AsyncCalibrationManager, get_async_calibration_manager
from truename.model import CalibrationTask, TaskStatus
from truename.warming import warming

__all__ = ["AsyncCalibrationManager", "CalibrationTask", "TaskStatus", "calibrate", "get_async_calibration_manager"]


# A library speaks only to those who listen: without this, Python prints warnings that nobody asked for.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def calibrate(info_hash_or_magnet: str, *, timeout: float = 30) -> tuple[str | None, str | None]:
    """Ask the swarm for the true name, and wait for the answer.

    Input:  an info-hash (40 hex, 32 base32 or 64 hex digits) or a whole magnet, whose trackers are then asked too.
    Output: `(name, None)`, or `(None, error)` with a sentence that says why there is no name. The digest of the info
            dictionary was checked, but not what a `script` says (setting `RESOLVERS`), which nobody can check. The name
            is otherwise unchanged: it may be hostile, escape it where it is shown.
    Units:  `timeout` is seconds from the first question for this hash; waiting for a turn does not count.
    Use:    thread-safe, one session for the whole process behind it; fits `AsyncCalibrationManager.submit_task` as
            its `calibration_func`. One try, nothing is kept.
    """
    with warming:
        from truename.blocking import calibrate as ask

    return ask(info_hash_or_magnet, timeout=timeout)
