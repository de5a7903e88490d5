"""The sentences a person reads."""

import ast
import errno
import os
import re
from pathlib import Path
from string import Formatter

import pytest

import truename
from truename.commands.usage import told
from truename.texts import TEXTS, Language, language_of, say

SOURCES = sorted(Path(truename.__file__).parent.rglob("*.py"))
ADDRESS_OR_PATH = re.compile(r"\d+\.\d+\.\d+\.\d+|[a-z]+://|(?<![\w<])/[a-z]")


def spoken_words() -> set[str]:
    """Literal words given to `say` or to an error that becomes a sentence, anywhere in the program."""
    speakers = {"say", "refuse", "Unusable", "SettingsError", "InvalidInput", "ResolverDown"}
    words: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in speakers and isinstance(node.args[0].value, str):
                    words.add(node.args[0].value)
    return words


def test_every_word_that_is_spoken_has_its_sentence() -> None:
    words = spoken_words()
    assert len(words) > 20
    assert words <= set(TEXTS)


@pytest.mark.parametrize("word", TEXTS)
def test_both_languages_take_the_same_fields(word: str) -> None:
    english, chinese = ({field for _, field, _, _ in Formatter().parse(text) if field} for text in TEXTS[word])
    assert english == chinese


@pytest.mark.parametrize("word", TEXTS)
def test_each_sentence_is_there_in_both_languages(word: str) -> None:
    english, chinese = TEXTS[word]
    assert english.strip()
    assert english.isascii()
    assert chinese.strip()
    assert chinese != english


@pytest.mark.parametrize("word", TEXTS)
def test_no_sentence_holds_an_address_or_a_path(word: str) -> None:
    shown = [text.replace("127.0.0.1", "") for text in TEXTS[word]]
    assert not any(ADDRESS_OR_PATH.search(text) for text in shown)


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, Language.ENGLISH),
        ({"LANG": "zh_CN.UTF-8"}, Language.CHINESE),
        ({"LANG": "zh_TW"}, Language.CHINESE),
        ({"LANG": "C.UTF-8"}, Language.ENGLISH),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, Language.ENGLISH),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, Language.CHINESE),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, Language.CHINESE),
    ],
)
def test_the_language_is_that_of_the_environment(environment: dict[str, str], language: Language) -> None:
    assert language_of(environment) is language


PAGE = """Usage: truename tasks [OPTIONS] COMMAND

Arguments:
  NAME <str>  a line of one's own  [required]

Options:
  --limit N   so many  [default: 50; 1<=x<=99]
  -h, --help  Show this message and exit.
Error: Invalid value for '--status': Value error, 'x' is not one of 'pending', 'running'."""


def test_what_typer_says_is_told_in_chinese_down_to_its_reasons() -> None:
    assert (
        told(PAGE, Language.CHINESE)
        == """用法：truename tasks [OPTIONS] COMMAND

参数：
  NAME <str>  a line of one's own  [必填]

选项：
  --limit N   so many  [默认：50; 1<=x<=99]
  -h, --help  显示此帮助。
错误：'--status' 的值无效：'x' 不是以下之一：'pending', 'running'。"""
    )


def test_what_typer_says_stays_in_english_as_it_is_and_what_is_not_known_in_any_language() -> None:
    assert told(PAGE, Language.ENGLISH) == PAGE.replace("Value error, ", "")
    assert told("Usage\nOptions: none\n", Language.CHINESE) == "Usage\nOptions: none\n"


@pytest.mark.parametrize(("count", "words"), [(0, "0 peers"), (1, "1 peer"), ("1", "1 peer"), ("1,000", "1,000 peers")])
def test_a_word_that_depends_on_a_number_is_that_of_the_number(count: object, words: str) -> None:
    assert say("told_peers", Language.ENGLISH, count=count) == words


def test_what_the_system_says_is_told_in_chinese_too() -> None:
    full = os.strerror(errno.ENOSPC)
    assert say("output_failed", Language.CHINESE, why=full) == "无法写出结果：磁盘空间不足。"
    assert say("output_failed", Language.ENGLISH, why=full) == f"The output could not be written: {full}."
    assert say("output_failed", Language.CHINESE, why="what nobody knows") == "无法写出结果：what nobody knows。"


def test_a_word_without_a_sentence_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        say("no such word", Language.ENGLISH)


def test_a_field_with_braces_is_shown_as_it_is() -> None:
    assert "{0}" in say("no_magnet_in", Language.ENGLISH, what="{0}")
