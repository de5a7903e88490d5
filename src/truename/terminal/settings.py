"""`truename settings`: what is set, where that comes from, and what it means."""

import sys
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from truename.names import make_visible
from truename.settings import FILE_NAME, Loaded, Settings, shown_value
from truename.texts import Language, say

_TABLE_COLUMNS = 100
"""In less room than that, the columns of a table would be a few letters wide."""
_WIDE = 240  # columns, where no terminal says how many there are
_INDENT = 4


def show_settings(loaded: Loaded, language: Language) -> None:
    """Print the settings: values, where each comes from, what it means."""
    if sys.stdout.isatty():
        console = Console(highlight=False, markup=False)
        for each in shown_settings(loaded, language, console.width):
            console.print(each)
        return
    console = Console(highlight=False, markup=False, width=_WIDE)
    with console.capture() as captured:
        for each in shown_settings(loaded, language, _WIDE):
            console.print(each)
    sys.stdout.writelines(line.rstrip() + "\n" for line in captured.get().splitlines())


def shown_settings(loaded: Loaded, language: Language, columns: int) -> Iterator[RenderableType]:
    """A table, or a list where it has no room. Names are there to be copied, and are never broken."""
    title = say("settings_title", language, file=make_visible(str(loaded.settings.data_dir / FILE_NAME)))
    rows = [
        (
            about.variable,
            make_visible(shown_value(about, getattr(loaded.settings, about.name), language)),
            say(loaded.origin[about.name], language),
            about.help[language],
        )
        for about in Settings.known().values()
    ]
    yield Text(title, style="italic")
    if columns < _TABLE_COLUMNS:
        for name, value, origin, meaning in rows:
            yield Text(f"{name}={value}  ({origin})", overflow="fold")
            yield Padding(Text(meaning), (0, 0, 0, _INDENT), expand=False)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column(say("column_name", language), no_wrap=True, overflow="ignore")
    for column in ("value", "from", "help"):
        table.add_column(say(f"column_{column}", language), overflow="fold")
    for row in rows:
        table.add_row(*row)
    yield table
