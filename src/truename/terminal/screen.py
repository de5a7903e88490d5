"""Standard output for answers, standard error for all else, and on a terminal a line of progress below them."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from truename.texts import Language, say


class Screen:
    """What a command writes on. A context manager: the line of progress lives as long as it does."""

    def __init__(self, language: Language, *, progress: bool = True) -> None:
        self.language = language
        self.named = 0
        self.unnamed = 0
        self.last_name_at = time.monotonic()
        self._status: Status | None = None
        if progress and sys.stderr.isatty():
            self._status = Status(self._counts(), console=Console(stderr=True, highlight=False))
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def answer(self, line: str) -> None:
        """One line of standard output, there at once."""
        if self._status is not None and sys.stdout.isatty():
            self._above_the_progress(line)
        else:
            print(line, flush=True)

    def data(self, data: bytes) -> None:
        """Bytes of standard output, as they are."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def note(self, line: str) -> None:
        """One line of standard error."""
        if self._status is not None:
            self._above_the_progress(line)
        else:
            print(line, file=sys.stderr, flush=True)

    def say(self, word: str, **fields: object) -> None:
        """One sentence on standard error."""
        self.note(say(word, self.language, **fields))

    def count(self, *, named: bool) -> None:
        """One more input has its outcome."""
        if named:
            self.named += 1
            self.last_name_at = time.monotonic()
        self.unnamed += not named
        if self._status is not None:
            self._status.update(self._counts())

    def _above_the_progress(self, line: str) -> None:
        if self._status is not None:
            self._status.console.print(Text(line), soft_wrap=True)

    def _counts(self) -> str:
        return say("progress", self.language, named=self.named, unnamed=self.unnamed)
