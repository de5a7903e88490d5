"""The polling of the pages under Node, with a clock of the tests' own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import truename.web

NOTES_JS = Path(truename.web.__file__).parent / "static" / "js" / "notes.js"
TESTS = ("notes.test.mjs", "live_pages.test.mjs")
PATIENCE_S = 60


@pytest.mark.parametrize("tests", TESTS)
def test_the_polling_keeps_its_promises(tests: str) -> None:
    node = shutil.which("node")
    assert node is not None, "Node is needed: requirements/debian.txt"
    ended = subprocess.run(
        [node, "--test", "--test-reporter=tap", str(Path(__file__).with_name(tests))],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "NOTES_JS": NOTES_JS.as_uri()},
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "# fail 0\n" in ended.stdout
    assert "# pass 0\n" not in ended.stdout
