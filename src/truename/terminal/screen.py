"""Standard output for answers, standard error for all else, and on a terminal a line of progress below them."""

import asyncio
import io
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from truename.names import make_visible
from truename.texts import Language, say

if TYPE_CHECKING:
    from truename.terminal.progress import Progress


class Screen:
    """What a command writes on. A context manager: the line of progress lives as long as it does."""

    def __init__(self, language: Language, *, progress: bool = True) -> None:
        self.language = language
        self.named = 0
        self.unnamed = 0
        self._total: int | None = None
        self.last_name_at = time.monotonic()
        self._out = _buffered(sys.stdout)
        # Not `sys.stderr`, whose lock a thread that waits for a reader would hold against the end of the process.
        self._err = _buffered(sys.stderr)
        self._writer = ThreadPoolExecutor(1, "truename-screen")
        self._progress = _progress_on(self._err) if progress and sys.stderr.isatty() else None
        if self._progress is not None:
            self._progress.tell(self._counts())

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    @property
    def shows_everything(self) -> bool:
        """Whether standard output can hold every character as it is."""
        return self._out.encoding.lower().replace("-", "") == "utf8"

    @property
    def answers_are_seen(self) -> bool:
        """Whether standard output is what a person looks at."""
        return self._out.isatty()

    async def in_turn(self, write: Callable[[], None]) -> None:
        """Do some writing once all that was begun before is written, in a thread of its own: a reader that pauses holds
        up who awaits this, and nothing else.

        Errors: those of `write`. After a cancellation, `write` may still go on.
        """
        await asyncio.get_running_loop().run_in_executor(self._writer, write)

    def answer(self, line: str) -> None:
        """One line of standard output, there at once."""
        if self._progress is not None and self.answers_are_seen:
            self._progress.above(line)
        else:
            self._out.write(line + "\n")
            self._out.flush()

    def data(self, data: bytes) -> None:
        """Bytes of standard output, as they are. The line of progress ends, or it would be in the midst of them."""
        if self._progress is not None and self.answers_are_seen:
            self._progress.stop()
            self._progress = None
        self._out.flush()
        self._out.buffer.write(data)
        self._out.buffer.flush()

    def note(self, line: str) -> None:
        """One line of standard error."""
        if self._progress is not None:
            self._progress.above(line)
        else:
            self._err.write(line + "\n")
            self._err.flush()

    def say(self, word: str, **fields: object) -> None:
        """One sentence on standard error."""
        self.note(make_visible(say(word, self.language, **fields)))

    def expect(self, total: int) -> None:
        """So many inputs there are."""
        self._total = total

    def count(self, *, named: bool) -> None:
        """One more input has its outcome."""
        if named:
            self.named += 1
            self.last_name_at = time.monotonic()
        self.unnamed += not named
        if self._progress is not None:
            self._progress.tell(self._counts())

    def _counts(self) -> str:
        word = "progress" if self._total is None else "progress_of"
        fields = {"named": self.named, "unnamed": self.unnamed, "total": self._total}
        return say(word, self.language, **fields)


def _progress_on(stream: TextIO) -> "Progress | None":
    from truename.terminal.progress import Progress

    return Progress(stream)


def _buffered(stream: TextIO) -> io.TextIOWrapper:
    """The same stream with a buffer in any case: without one (`PYTHONUNBUFFERED`) a write may be cut short unseen."""
    return open(stream.fileno(), "w", encoding=stream.encoding, errors="backslashreplace", newline="\n", closefd=False)
