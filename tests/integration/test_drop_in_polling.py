"""The example's notes.js under Node, with a clock of its own: the proposal's test of the polling in the page."""

import os
import subprocess

from tests.integration.drop_in_support import EXAMPLE, PATIENCE_S
from tests.qbittorrent import program

NOTES_JS = EXAMPLE / "web" / "static" / "js" / "notes.js"
TESTS = EXAMPLE.parents[1] / "tests" / "integration" / "drop_in_notes.test.mjs"


def test_the_front_ends_polling_keeps_its_promises_under_node():
    ended = subprocess.run(
        [program("node"), "--test", "--test-reporter=tap", str(TESTS)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "NOTES_JS": NOTES_JS.as_uri()},
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "# fail 0\n" in ended.stdout
    assert "# pass 0\n" not in ended.stdout
