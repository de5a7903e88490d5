"""Help and wrong usage in the person's language. Typer says both in English only: its sentences are told in our words.

What it says is taken line by line; a line that `texts.usage` does not know stays as it is.
"""

import io
import re
from collections.abc import Callable, Iterator
from string import Formatter
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import CommandFunctionType

from truename.commands.process import DONE, LANGUAGE, NOT_ALL
from truename.texts import Language, say
from truename.texts.usage import TEXTS


class App(typer.Typer):
    """Commands whose help is in the person's language."""

    def __init__(self, **about: Any) -> None:
        super().__init__(cls=_Group, add_completion=False, rich_markup_mode=None, **about)

    def command(self, name: str | None = None, **about: Any) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """A command of these."""
        return super().command(name, cls=_Command, **about)


class _Command(TyperCommand):
    def get_help(self, ctx: Any) -> str:
        _set_width(ctx)
        return told(super().get_help(ctx), LANGUAGE)


class _Group(TyperGroup):
    def get_help(self, ctx: Any) -> str:
        _set_width(ctx)
        return told(super().get_help(ctx), LANGUAGE)


def _set_width(ctx: Any) -> None:
    """English lines are folded where the terminal ends; what is to be told in other words comes in whole ones."""
    if LANGUAGE is not Language.ENGLISH:
        ctx.terminal_width = _COLUMNS


def run_app(app: Callable[..., object]) -> object:
    """Run the command line; what is wrong with its arguments is said. Output: the exit status."""
    try:
        ended = app(standalone_mode=False)
    except typer.Abort:
        typer.echo(told("Aborted!", LANGUAGE), err=True)
        return NOT_ALL
    except typer.TyperException as error:
        words = io.StringIO()
        error.show(words)  # type: ignore[attr-defined]  # all that the command line raises have it
        typer.echo(told(words.getvalue(), LANGUAGE), err=True, nl=False)
        return error.exit_code
    return DONE if ended is None else ended


def told(text: str, language: Language) -> str:
    """What Typer says, in another language."""
    return "\n".join(_sentence(line, language) for line in text.split("\n"))


def _sentence(sentence: str, language: Language) -> str:
    for word, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(sentence):
            parts = {field: _sentence(part, language) for field, part in found.groupdict().items()}
            return say(word, language, **parts)
    return sentence


def _pattern(sentence: str) -> re.Pattern[str]:
    def pieces() -> Iterator[str]:
        for literal, field, _, _ in Formatter().parse(sentence):
            yield re.escape(literal)
            if field is not None:
                yield f"(?P<{field}>.*)"

    return re.compile("".join(pieces()))


_COLUMNS = 80  # as wide as Typer's help becomes

_SAID = {word: english for word, (english, _) in TEXTS.items()}
_SAID["usage_no_choice"] = "Value error, " + _SAID["usage_no_choice"]
_PATTERNS = {word: _pattern(english) for word, english in _SAID.items()}
