"""Logging that costs nobody anything: a log may be on a full disk, and whoever filters it may raise."""

import logging
import traceback
from contextlib import suppress


def tell(logger: logging.Logger, level: int, text: str, *given: object) -> None:
    """Log, and go on whatever the log does; what it raised goes to standard error, if that takes it."""
    try:
        logger.log(level, text, *given, stacklevel=2)
    except Exception:
        with suppress(Exception):
            traceback.print_exc()
