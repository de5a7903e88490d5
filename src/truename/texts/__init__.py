"""Every sentence a person reads, in English and Chinese. Pure; knows no code but the words it is asked for.

A text never holds an address, a path or a credential of its own; a command may add what it is about.
"""

from collections.abc import Mapping
from enum import Enum
from string import Formatter
from typing import Any

from truename.texts import commands, keeping, looking, pages, system, usage, web


class Language(Enum):
    """What a person reads. The value is the index into each pair of `TEXTS`."""

    ENGLISH = 0
    CHINESE = 1


def language_of(environment: Mapping[str, str]) -> Language:
    """The language of a command's user, by the variables that name it.

    Source: POSIX.1-2017, 8.2 (LC_ALL before LC_MESSAGES before LANG).
    """
    named = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "")
    return Language.CHINESE if named.lower().startswith("zh") else Language.ENGLISH


def say(word: str, language: Language, /, **fields: object) -> str:
    """The sentence for a word, with its fields filled in. A word without a sentence is a mistake: `KeyError`.

    `{count:link|links}` is the first when the field is 1, and else the second. `why` may be in the system's own words.
    """
    text = TEXTS[word][language.value]
    if language is Language.CHINESE and (why := system.CHINESE.get(str(fields.get("why")))):
        fields["why"] = why
    if "|" in text:
        return _BY_NUMBER.vformat(text, (), fields)
    return text.format(**fields) if fields else text


class _ByNumber(Formatter):
    """Knows the words that depend on a number."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, depends, more = format_spec.partition("|")
        if not depends:
            return str(super().format_field(value, format_spec))
        return one if str(value) == "1" else more


_BY_NUMBER = _ByNumber()

TEXTS: Mapping[str, tuple[str, str]] = {
    **looking.TEXTS,
    **commands.TEXTS,
    **usage.TEXTS,
    **keeping.TEXTS,
    **web.TEXTS,
    **pages.TEXTS,
}
