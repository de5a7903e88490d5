"""What the child has to tell an administrator goes over the socket into the log of the program, and out again there.

Of an error its kind and place are told, never its text, which may hold what a stranger wrote.
"""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from truename.resolvers.child.frames import BadFrame, encode

log = logging.getLogger(__name__)

_MAX_CHARS = 500
_MAX_FIELDS = 20
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


def tell_again(message: list[Any]) -> None:
    """In the program: says what the child has said. Errors: `BadFrame`."""
    match message:
        case ["log", int(level), str(text), dict(fields)]:
            known = {str(name): value for name, value in fields.items() if name not in _OF_EVERY_RECORD}
            log.log(min(max(level, logging.DEBUG), logging.CRITICAL), text[:_MAX_CHARS], extra=_bounded(known))
        case _:
            raise BadFrame("no record")


def _bounded(fields: dict[str, Any]) -> dict[str, str]:
    return {name[:_MAX_CHARS]: str(value)[:_MAX_CHARS] for name, value in list(fields.items())[:_MAX_FIELDS]}


def _kind_and_place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
