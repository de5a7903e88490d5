"""Each snippet of both READMEs runs, and shows what they say it shows."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import PATIENCE_S, PROGRAM, Program
from truename.demo.swarm import LocalSwarm

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh.md")


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / readme).read_text("utf-8"), re.DOTALL)


@pytest.fixture
def environment(truename: Program, swarm: LocalSwarm) -> dict[str, str]:
    """As on the internet: the hash alone is enough, here because the tracker of the demo is asked for every hash."""
    given = truename.environment({"TRUENAME_TRACKERS": swarm.addresses.tracker})
    return given | {"PATH": f"{PROGRAM.parent}:{given['PATH']}"}


def both(language: str) -> list[tuple[str, str]]:
    """The snippets of both, each beside its other."""
    return list(zip(*(blocks(readme, language) for readme in READMES), strict=True))


def test_console_snippets_show_what_they_say(environment: dict[str, str], tmp_path: Path) -> None:
    """They are the same in both languages."""
    (tmp_path / "list.txt").write_text("magnet:?xt=urn:btih:722fe65b2aa26d14f35b4ad627d20236e481d924\n")
    (tmp_path / "notes.txt").write_text(
        "magnet:?xt=urn:btih:d2474e86c95b19b8bcfdb92bc12c9d44667cfa36&dn=Leaves+of+Gr (the epub!)\n"
    )
    seen = both("console")
    assert len(seen) == 3
    for block, other in seen:
        assert block == other
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            ended = subprocess.run(
                ["bash", "-c", command],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                timeout=PATIENCE_S,
                check=True,
            )
            assert without_time(ended.stdout.decode()) == without_time(expected), command
            assert ended.stderr == b""


def test_python_snippets_print_the_name(environment: dict[str, str], tmp_path: Path) -> None:
    """They differ in their remarks alone."""
    seen = both("python")
    assert len(seen) == 2
    for block, other in seen:
        assert ast.dump(ast.parse(block)) == ast.dump(ast.parse(other))
        ended = subprocess.run(
            [sys.executable, "-c", block],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            timeout=PATIENCE_S,
            check=True,
        )
        assert (ended.stdout, ended.stderr) == (b"alice.txt\n", b"")


def without_time(text: str) -> object:
    return [{**json.loads(line), "elapsed_s": None} if line.startswith("{") else line for line in text.splitlines()]


def test_make_has_the_targets_that_are_named() -> None:
    named = {target for readme in READMES for target in re.findall(r"make (\w+)", (ROOT / readme).read_text("utf-8"))}
    assert named
    for target in named:
        subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=True)
