"""What the child has to tell an administrator goes over the socket into the log of the program, and out again there.

Of an error its kind and place are told, never its text, which may hold what a stranger wrote.
"""

import logging
import math
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from truename.resolvers.child.frames import BadFrame, encode

log = logging.getLogger(__name__)

_MAX_CHARS = 500
_MAX_FIELDS = 20
_MOST_IN_A_SECOND = 10
_OF_EVERY_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class Teller(logging.Handler):
    """In the child: posts what is worth a warning. `post` may be called in any thread."""

    def __init__(self, post: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._post = post

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        fields = {name: str(value) for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = _kind_and_place(record.exc_info[1])
        text = record.getMessage().partition("\n")[0]
        self._post(encode(["log", record.levelno, text[:_MAX_CHARS], _bounded(fields)]))


class Retelling:
    """In the program: says what the children have said, and no more than `most` of it in a second."""

    def __init__(self, *, most: int = _MOST_IN_A_SECOND, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._since = -math.inf
        self._told = 0

    def tell_again(self, message: list[Any]) -> None:
        """Say it, unless much has been said just now. Errors: `BadFrame`."""
        match message:
            case ["log", int(level), str(text), dict(fields)]:
                known = {str(name): value for name, value in fields.items() if name not in _OF_EVERY_RECORD}
            case _:
                raise BadFrame("no record")
        if self._may_tell():
            log.log(min(max(level, logging.DEBUG), logging.CRITICAL), text[:_MAX_CHARS], extra=_bounded(known))

    def _may_tell(self) -> bool:
        now = self._clock()
        if now >= self._since + 1:
            self._since, self._told = now, 0
        self._told += 1
        if self._told == self._most + 1:
            log.warning("the swarm's process says more than is told here")
        return self._told <= self._most


def _bounded(fields: dict[str, Any]) -> dict[str, str]:
    return {name[:_MAX_CHARS]: str(value)[:_MAX_CHARS] for name, value in list(fields.items())[:_MAX_FIELDS]}


def _kind_and_place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
