"""The example's READMEs name what is there, and both say the same."""

import re
import shutil
import subprocess
import sys

import pytest
import requests

from tests.integration.drop_in_support import EXAMPLE, PATIENCE_S, importable

READMES = [(EXAMPLE / name).read_text("utf-8") for name in ("README.md", "README.zh.md")]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def test_both_readmes_have_the_same_snippets():
    assert BLOCK.findall(READMES[0]) == BLOCK.findall(READMES[1])


@pytest.mark.parametrize("readme", READMES, ids=["en", "zh"])
def test_every_variable_that_is_read_stands_in_the_readme_and_no_other(readme):
    code = "".join(
        (EXAMPLE / name).read_text() for name in ("main.py", "calibrate_qbt_helper.py", "bot/services/modes.py")
    )
    read = set(re.findall(r'(?:environ|environment)\.get\("(\w+)"', code))
    rows = "\n".join(line for line in readme.splitlines() if line.startswith("| `"))
    first_cells = " ".join(row.split("|")[1] for row in rows.splitlines())
    assert read == set(re.findall(r"`([A-Z]\w+)`", first_cells))


@pytest.mark.parametrize("readme", READMES, ids=["en", "zh"])
def test_every_file_that_is_named_is_there(readme):
    named = re.findall(r"`((?:\w+/)*\w+\.(?:py|js))`", readme)
    assert len(named) >= 7
    assert [name for name in named if not (EXAMPLE / name).exists()] == []


def test_the_python_snippet_makes_an_application():
    (snippet,) = [text for language, text in BLOCK.findall(READMES[0]) if language == "python"]
    with importable():
        names: dict[str, object] = {}
        exec(compile(snippet, "README.md", "exec"), names)  # noqa: S102 - our own document
        assert names["app"].test_client().get("/login").status_code == 200


def test_the_python_snippet_serves_when_it_is_run_as_the_readme_says(tmp_path):
    blocks = BLOCK.findall(READMES[0])
    (at,) = [at for at, (language, _) in enumerate(blocks) if language == "python"]
    snippet, (_, command) = blocks[at][1], blocks[at + 1]
    name = command.split()[-1]
    here = shutil.copytree(EXAMPLE, tmp_path / "drop_in", ignore=shutil.ignore_patterns("__pycache__"))
    (here / name).write_text(snippet.replace("port=8000", "port=0"))
    with subprocess.Popen([sys.executable, name], cwd=here, stderr=subprocess.PIPE, text=True) as program:
        try:
            address = next(
                found[0] for line in program.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+", line))
            )
            assert requests.get(f"{address}/login", timeout=PATIENCE_S).status_code == 200
        finally:
            program.terminate()
