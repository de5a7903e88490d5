"""Where the output goes, whatever the streams are: files, terminals, full disks, readers that stop reading."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.conftest import PATIENCE_S, PROGRAM, Program, single_file_info, until
from tests.acceptance.test_hostile_serve import HeldTracker
from tests.acceptance.test_resolve import ALICE, REAL_NAMES
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes, magnet_link
from truename.store.database import FILE_NAME


@pytest.fixture
def truename(truename: Program) -> Program:
    return truename.has_run_before()


def test_names_go_to_the_file_also_when_the_errors_go_to_a_terminal(truename: Program, swarm: LocalSwarm) -> None:
    controller, terminal = pty.openpty()
    with (truename.home / "names.txt").open("wb") as out:
        ended = subprocess.run(
            [PROGRAM, "resolve", *swarm.magnets[:6]],
            env=truename.environment({"TERM": "xterm"}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=terminal,
            timeout=60,
            check=True,
        )
    os.close(terminal)
    os.close(controller)
    assert ended.returncode == 0
    lines = (truename.home / "names.txt").read_text().splitlines()
    assert dict(line.split("  ", 1) for line in lines) == REAL_NAMES


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_large_text_comes_whole_through_a_pipe_that_is_often_full(
    truename: Program, swarm: LocalSwarm, unbuffered: str
) -> None:
    text = f"{swarm.magnets[0]} and much more of it\n" * 4_000
    ended = truename("fix", stdin=text.encode(), environment={"PYTHONUNBUFFERED": unbuffered})
    assert ended.status == 0, ended.err
    assert ended.out == text.replace("&tr=", "&dn=alice.txt&tr=").encode()


@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [
        (("resolve", "{alice}"), ""),  # has a buffer of its own, and `fix` too
        (("fix", "note.txt"), "1"),
        (("settings",), ""),
        (("settings",), "1"),
        (("--version",), ""),
        (("--version",), "1"),
    ],
)
def test_a_full_disk_is_told_and_is_not_success(
    truename: Program, swarm: LocalSwarm, arguments: tuple[str, ...], unbuffered: str
) -> None:
    (truename.home / "note.txt").write_text(swarm.magnets[0])
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [PROGRAM, *(one.format(alice=swarm.magnets[0]) for one in arguments)],
            env=truename.environment({"PYTHONUNBUFFERED": unbuffered}),
            cwd=truename.home,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines() == ["truename: The output could not be written: No space left on device."]


def redirected(truename: Program, redirection: str, *arguments: str) -> tuple[int, str, str]:
    """How the program ends when a shell starts it with some of its streams closed: status, output, errors."""
    ended = subprocess.run(
        ["bash", "-c", f'"$0" "$@" {redirection}', PROGRAM, *arguments],
        env=truename.environment(),
        cwd=truename.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


@pytest.mark.parametrize("redirection", ["<&-", "2>&-"])
def test_closed_streams_are_no_reason_to_fail(truename: Program, swarm: LocalSwarm, redirection: str) -> None:
    assert redirected(truename, redirection, "resolve", swarm.magnets[0]) == (0, f"{ALICE}  alice.txt\n", "")


@pytest.mark.parametrize(
    ("redirection", "arguments"),
    [
        (">&-", ("resolve", "--json", "5")),
        (">&-", ("fix", "note.txt")),
        (">&-", ("fix", "--help")),
        ("<&- >&- 2>&-", ("resolve", "{alice}")),
        ("<&- >&- 2>&-", ("settings",)),
    ],
)
def test_answers_that_a_closed_output_loses_are_no_success(
    truename: Program, swarm: LocalSwarm, redirection: str, arguments: tuple[str, ...]
) -> None:
    (truename.home / "note.txt").write_text(swarm.magnets[0])
    given = [one.format(alice=swarm.magnets[0]) for one in arguments]
    told = "" if "2>&-" in redirection else "truename: The output could not be written: Bad file descriptor.\n"
    assert redirected(truename, redirection, *given) == (1, "", told)


def test_what_has_nothing_to_write_does_not_mind_a_closed_output(truename: Program, swarm: LocalSwarm) -> None:
    note = truename.home / "note.txt"
    note.write_text(swarm.magnets[0])
    assert redirected(truename, ">&-", "fix", "--in-place", "note.txt") == (0, "", "")
    assert "dn=alice.txt" in note.read_text()
    status, _, errors = redirected(truename, ">&-", "resolve", "5")
    assert (status, errors.count("\n")) == (1, 1)
    assert "info-hash" in errors


def test_json_is_json_also_in_an_encoding_that_has_not_every_character(
    truename: Program, seed: Callable[[bytes], str]
) -> None:
    name = "雨 😀 café"  # GBK has the first of these, and not the others
    magnet = seed(single_file_info(name.encode()))
    ended = truename("resolve", "--json", magnet, environment={"PYTHONIOENCODING": "gbk"})
    assert json.loads(ended.out.decode("gbk"))["name"] == name


def test_every_command_can_speak_chinese_to_a_terminal_that_cannot_show_it(truename: Program) -> None:
    environment = {"PYTHONIOENCODING": "latin-1", "LANG": "zh_CN.UTF-8"}
    for arguments in (("settings",), ("resolve", "--help"), ("resolve", "5")):
        assert "Traceback" not in truename(*arguments, environment=environment).err


def test_escapes_in_a_file_name_do_not_reach_the_terminal(truename: Program) -> None:
    name = "\x1b]0;title\x07"
    (truename.home / name).write_text("no magnet")
    for arguments in (("fix", name), ("fix", name + "missing")):
        ended = truename(*arguments)
        assert ended.err
        assert "\x1b" not in ended.err


def test_a_file_that_is_named_twice_is_fixed_once(truename: Program, swarm: LocalSwarm) -> None:
    file = truename.home / "note.txt"
    file.write_text(swarm.magnets[0])
    (truename.home / "link.txt").symlink_to(file)
    ended = truename("fix", "--in-place", "./note.txt", "note.txt", "link.txt")
    assert (ended.status, ended.err) == (0, "")
    assert "dn=alice.txt" in file.read_text()
    printed = truename("fix", "note.txt", "note.txt")
    assert printed.out == file.read_bytes() * 2


def test_a_folder_that_is_gone_is_no_reason_to_fail(truename: Program, swarm: LocalSwarm) -> None:
    ended = subprocess.run(
        ["bash", "-c", 'mkdir gone && cd gone && rmdir ../gone && "$0" resolve "$1"', PROGRAM, swarm.magnets[0]],
        env=truename.environment(),
        cwd=truename.home,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, f"{ALICE}  alice.txt\n".encode()), ended.stderr


def test_ctrl_c_ends_a_long_rename_at_once(truename: Program, swarm: LocalSwarm) -> None:
    file = truename.home / "long.txt"
    file.write_text(f"{swarm.magnets[0]}\n" * 400_000)
    with truename.started("fix", "long.txt", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as run:
        assert until(lambda: rss_bytes(run.pid) > 100_000_000)  # the text is in memory, and being scanned
        run.send_signal(signal.SIGINT)
        assert run.wait(5) == 130


@pytest.mark.parametrize("command", ["resolve", "fix"])
def test_ctrl_c_does_not_wait_for_a_reader_that_has_stopped_reading(
    truename: Program, swarm: LocalSwarm, command: str
) -> None:
    (truename.home / "many.txt").write_text(f"{swarm.magnets[0]}\n" * 4_000)
    arguments = ("resolve", "--file", "many.txt") if command == "resolve" else ("fix", "many.txt")
    with truename.started(*arguments, stdin=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        assert run.stdout.read(1)
        assert until(lambda: is_waiting_to_write(run.pid, stream=1))
        run.send_signal(signal.SIGINT)
        assert run.wait(5) == 130


@pytest.mark.parametrize("command", ["resolve", "fix"])
def test_ctrl_c_does_not_wait_for_a_reader_of_the_errors_either(truename: Program, command: str) -> None:
    (truename.home / "many.txt").write_text("magnet:?xt=urn:btih:5\n" * 4_000)
    arguments = ("resolve", "--file", "many.txt") if command == "resolve" else ("fix", "many.txt")
    with truename.started(*arguments, stdin=subprocess.DEVNULL) as run:
        assert run.stderr is not None
        assert run.stderr.read(1)
        assert until(lambda: is_waiting_to_write(run.pid, stream=2))
        run.send_signal(signal.SIGINT)
        assert run.wait(5) == 130


@pytest.mark.parametrize(
    ("stream", "arguments"), [(1, ("resolve", "--json")), (2, ("resolve", "--explain")), (2, ("fix", "many.txt"))]
)
def test_names_are_found_and_kept_while_the_reader_pauses(
    truename: Program, swarm: LocalSwarm, stream: int, arguments: tuple[str, ...]
) -> None:
    tracker = HeldTracker(swarm.addresses.peer)
    with tracker.serving():
        late = magnet_link(swarm.torrents[1].info_hash, tracker=tracker.url)
        others = [magnet_link(one) for one in dead_hashes(1000, seed=12)]  # nobody to ask: they end at once
        (truename.home / "many.txt").write_text("\n".join([late, *others]))
        if arguments[0] == "resolve":
            arguments = (*arguments, "--file", "many.txt")
        with truename.started(*arguments, stdin=subprocess.DEVNULL) as run:
            assert tracker.asked.wait(PATIENCE_S)
            assert until(lambda: is_waiting_to_write(run.pid, stream=stream))
            tracker.go.set()
            assert until(lambda: "Leaves of Grass by Walt Whitman.epub" in kept_names(truename))
            assert is_waiting_to_write(run.pid, stream=stream)
            out, err = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 1  # the others have no name
    assert b"Leaves" in out
    assert (out if stream == 1 else err).count(b"\n") >= len(others)


INTERRUPTED_WHILE_LOADED = """
import contextlib, signal, sys
with contextlib.suppress(BaseException):  # as Python itself does in some places
    signal.raise_signal(signal.SIGINT)
sys.path.remove({folder!r})
del sys.modules[__name__]
import {module}
"""


@pytest.mark.parametrize(("before", "status"), [("", 130), ("trap '' INT;", 0)])
@pytest.mark.parametrize("module", ["uuid", "typer"])
def test_ctrl_c_while_the_program_is_loaded_ends_it_without_a_word_unless_it_is_ignored(
    truename: Program, module: str, before: str, status: int
) -> None:
    folder = truename.home / "instead"
    folder.mkdir()
    (folder / f"{module}.py").write_text(INTERRUPTED_WHILE_LOADED.format(folder=str(folder), module=module))
    ended = subprocess.run(
        ["bash", "-c", f'{before} exec "$0" --version', PROGRAM],
        env=truename.environment({"PYTHONPATH": str(folder)}),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (status, b"")
    assert ended.stdout.startswith(b"truename ") is (status == 0)


SIGNALLED_IN_A_FINALIZER = """
import asyncio, signal
from truename import cli
from truename.commands import process

class Last:
    def __del__(self):
        signal.raise_signal(signal.{name})

async def work():
    Last()
    await asyncio.Event().wait()

cli.app = lambda **_: process.run(work())
cli.main()
"""


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_that_python_drops_ends_the_command_all_the_same(truename: Program, name: str, status: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SIGNALLED_IN_A_FINALIZER.format(name=name)],
        env=truename.environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status, ended.stderr
    assert b"ignored in" in ended.stderr  # the exception was indeed dropped


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_waiting_to_write(pid: int, *, stream: int) -> bool:
    """Whether a thread sleeps inside write(2) to that stream: system call 1 on x86-64 and 64 on arm64."""
    calls = [(thread / "syscall").read_text().split() for thread in Path(f"/proc/{pid}/task").iterdir()]
    return any(call[0] in ("1", "64") and call[1] == hex(stream) for call in calls)


def kept_names(truename: Program) -> list[str]:
    with closing(sqlite3.connect(truename.data_dir / FILE_NAME)) as database:
        return [name for (name,) in database.execute("SELECT name FROM torrent")]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_breaks_a_lock_ends_the_command_all_the_same(number: int, status: int) -> None:
    broken = f"""
import os
from truename.commands.process import run

async def work():
    try:
        os.kill(os.getpid(), {number:d})
        while True:
            pass
    except SystemExit:
        raise RuntimeError("release unlocked lock")

run(work())
"""
    ended = subprocess.run([sys.executable, "-c", broken], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (status, b"")
