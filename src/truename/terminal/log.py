"""What a server tells its administrator while it runs: a line for each event, on standard error.

A line says when, how bad, who, what, and its fields; nothing in it can begin another line or reach a terminal raw. An
error is told by its kind and the places it went through, never by its text, which may hold what a person wrote or is
called. What happens again and again is told once in a while, with how often.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from truename.names import make_visible

AGAIN_AFTER_S = 10.0
_MAX_CHARS = 300
_MAX_PLACES = 6
_MAX_CAUSES = 3
_MAX_KINDS = 1000
_OF_EVERY_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


@contextmanager
def telling(stream: TextIO) -> Iterator[None]:
    """Tell whatever is worth an administrator's while, from every part of the program, until the block is left."""
    handler = _Handler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def line_of(record: logging.LogRecord, more: int = 0) -> str:
    """A record as one line. `more`: how many like it were not told."""
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    parts = [when, record.levelname, f"{record.name}:", _safe(record.getMessage().partition("\n")[0])]
    fields = {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
    if record.exc_info and record.exc_info[1] is not None:
        fields["error"] = _way_of(record.exc_info[1])
    if more:
        fields["more"] = more
    return " ".join((*parts, *(f"{name}={_safe(str(value))}" for name, value in fields.items())))


class _Handler(logging.StreamHandler[TextIO]):
    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setLevel(logging.WARNING)
        self._told: dict[tuple[str, str], float] = {}
        self._untold: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.name, str(record.msg)
        # A clock that was set back makes what was told later than what is to be told now.
        if 0 <= record.created - self._told.get(kind, float("-inf")) < AGAIN_AFTER_S:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return False
        if len(self._told) >= _MAX_KINDS:
            self._told.clear()
            self._untold.clear()
        self._told[kind] = record.created
        return bool(super().filter(record))

    def format(self, record: logging.LogRecord) -> str:
        return line_of(record, self._untold.pop((record.name, str(record.msg)), 0))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as the library calls it
        """Where nothing can be written there is nobody to tell."""


def _safe(text: str) -> str:
    shown = make_visible(text[:_MAX_CHARS])
    return shown if len(text) <= _MAX_CHARS else shown + "…"


def _way_of(error: BaseException) -> str:
    """The kind of an error and the places it came through, the innermost first, and then those of its causes.

    Of several at once the first; it is what ended the others.
    """
    told: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(told) < _MAX_CAUSES:
        while isinstance(seen, BaseExceptionGroup):
            seen = seen.exceptions[0]
        frames = traceback.extract_tb(seen.__traceback__)[: -_MAX_PLACES - 1 : -1]
        places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
        told.append(f"{type(seen).__name__} at {places}" if places else type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return ", from ".join(told)
