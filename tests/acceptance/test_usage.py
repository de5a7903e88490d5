"""Wrong usage and the help, in the language of the person who types it."""

import re

import pytest

from tests.acceptance.conftest import Program

CHINESE = {"LANG": "zh_CN.UTF-8"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("resolve --foo", "没有选项 --foo"),
        ("resolve --jso", "没有选项 --jso（相近的选项：--json）"),
        ("resolve --json=3", "选项 '--json' 不能带值。"),
        ("resolve --timeout", "选项 '--timeout' 需要一个值。"),
        ("resolve --timeout soon", "'--timeout' 的值无效：应为数字"),
        ("foo", "没有命令 'foo'。"),
        ("resolv", "没有命令 'resolv'。是否想用 'resolve', 'restore'？"),
        ("user foo", "没有命令 'foo'。"),
        ("restore", "缺少参数 'FILE'。"),
        ("user add", "缺少参数 'NAME'。"),
        ("settings a b", "多余的参数：a b"),
        ("tasks --limit x", "'--limit' 的值无效：应为整数"),
        ("tasks --limit 0", "'--limit' 的值无效：不能小于 1"),
        ("tasks --limit 1000001", "'--limit' 的值无效：不能大于 1000000"),
        ("tasks --status x", "'--status' 的值无效：'x' 不是以下之一："),
    ],
)
def test_wrong_usage_is_told_in_the_language_of_lang(truename: Program, line: str, said: str) -> None:
    ended = truename(*line.split(), environment=CHINESE)
    assert (ended.status, ended.out) == (2, b"")
    assert ended.err.splitlines()[-1].startswith(f"错误：{said}")


def test_wrong_usage_is_told_in_english_to_everybody_else(truename: Program) -> None:
    ended = truename("resolve", "--foo")
    assert (ended.status, ended.out) == (2, b"")
    assert ended.err.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    "line", ["--help", "resolve -h", "restore --help", "tasks -h", "tasks cancel -h", "user add -h"]
)
def test_no_english_sentence_is_left_in_the_help(truename: Program, line: str) -> None:
    ended = truename(*line.split(), environment=CHINESE)
    assert (ended.status, ended.err) == (0, "")
    text = ended.out.decode()
    assert text.startswith("用法：truename ")
    assert "显示此帮助。" in text
    assert re.search("Usage|Options:|Commands:|Arguments:|Show|required|default", text) is None


def test_help_that_is_given_because_nothing_was_asked_is_chinese_too(truename: Program) -> None:
    for arguments in ((), ("user",)):
        ended = truename(*arguments, environment=CHINESE)
        assert (ended.status, ended.out) == (2, b"")
        assert ended.err.startswith("用法：truename ")
        assert "命令：" in ended.err
