"""The line of progress below everything else on a terminal. Loaded where there is one: `rich` takes a while."""

from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text


class Progress:
    """Lives from `start` to `stop`."""

    def __init__(self, stream: TextIO) -> None:
        self._spinner = Spinner("dots")
        self._live = Live(
            self._spinner,
            console=Console(file=stream, highlight=False),
            transient=True,
            # Not redirected: an answer belongs on standard output, wherever that leads.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        """Show it."""
        self._live.start()

    def stop(self) -> None:
        """Take it away. Idempotent."""
        self._live.stop()

    def tell(self, text: str) -> None:
        """What it says from now on."""
        self._spinner.update(text=text)

    def above(self, line: str) -> None:
        """Write a line that stays."""
        self._live.console.print(Text(line), soft_wrap=True)
