"""What the line of progress says."""

import pytest

from truename.terminal import screen as module
from truename.terminal.screen import Screen
from truename.texts import Language


class Line:
    """A line of progress that nobody sees."""

    def __init__(self, *_: object) -> None:
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)


@pytest.mark.parametrize(("total", "end"), [(None, ""), (3, ", of 3")])
def test_the_line_of_progress_counts_and_says_of_how_many_where_that_is_known(
    total: int | None, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line()
    monkeypatch.setattr(module, "_progress_on", lambda _: line)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    screen = Screen(Language.ENGLISH)
    if total is not None:
        screen.expect(total)
    screen.count(named=True)
    screen.count(named=False)
    assert line.told[1:] == [f"named 1, not named 0{end}", f"named 1, not named 1{end}"]
