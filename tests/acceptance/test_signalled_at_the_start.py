"""A signal that comes while the loop of a command is being made."""

import subprocess
import sys

import pytest

from tests.acceptance.conftest import Program

SIGNALLED = """
import asyncio, signal, socket
from truename import cli
from truename.commands import process

make = socket.socketpair

def pair(*given):
    signal.raise_signal(signal.{name})
    return make(*given)

socket.socketpair = pair
cli.app = lambda **_: process.run(asyncio.Event().wait())
cli.main()
"""


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_the_loop_is_made_ends_the_command_without_a_word(
    truename: Program, name: str, status: int
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SIGNALLED.format(name=name)],
        env=truename.environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, b"", b"")
