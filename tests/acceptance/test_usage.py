"""Wrong usage and the help, in the language of the person who types it."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.acceptance.conftest import PATIENCE_S, Program

CHINESE = {"LANG": "zh_CN.UTF-8"}

WRONG = (
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
)
HELP = ("--help", "resolve -h", "restore --help", "tasks -h", "tasks cancel -h", "user add -h")
NOTHING_ASKED = ("", "user")

SEVERAL = """
import contextlib, io, json, sys
from truename import cli
from truename.commands.usage import run_app

told = {}
for line in json.load(sys.stdin):
    sys.argv = ["truename", *line.split()]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = run_app(cli.app)
    told[line] = [status, out.getvalue(), err.getvalue()]
print(json.dumps(told))
"""


@pytest.fixture(scope="module", params=["80", "44"])
def told(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Any]:
    """How each of these command lines ends in Chinese: status, output, errors. All in one process, and nothing is asked
    but the parser of arguments. On a usual terminal, and on one so narrow that Typer would fold its sentences."""
    lines = [*(line for line, _ in WRONG), *HELP, *NOTHING_ASKED]
    ended = subprocess.run(
        [sys.executable, "-c", SEVERAL],
        env=Program(tmp_path_factory.mktemp("usage")).environment(CHINESE | {"COLUMNS": request.param}),
        input=json.dumps(lines).encode(),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    each: dict[str, Any] = json.loads(ended.stdout)
    return each


@pytest.mark.parametrize(("line", "said"), WRONG)
def test_wrong_usage_is_told_in_the_language_of_lang(told: dict[str, Any], line: str, said: str) -> None:
    status, out, err = told[line]
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"错误：{said}")


def test_the_program_tells_it_so_itself_and_in_english_to_everybody_else(truename: Program) -> None:
    for environment, said in ((CHINESE, "错误：没有选项 --foo"), ({}, "Error: ")):
        ended = truename("resolve", "--foo", environment=environment)
        assert (ended.status, ended.out) == (2, b"")
        assert ended.err.splitlines()[-1].startswith(said)


@pytest.mark.parametrize("line", HELP)
def test_no_english_sentence_is_left_in_the_help(told: dict[str, Any], line: str) -> None:
    status, text, err = told[line]
    assert (status, err) == (0, "")
    assert text.startswith("用法：truename ")
    assert "显示此帮助。" in text
    assert re.search("Usage|Options:|Commands:|Arguments:|Show|required|default", text) is None


@pytest.mark.parametrize("line", NOTHING_ASKED)
def test_help_that_is_given_because_nothing_was_asked_is_chinese_too(told: dict[str, Any], line: str) -> None:
    status, out, err = told[line]
    assert (status, out) == (2, "")
    assert err.startswith("用法：truename ")
    assert "命令：" in err
