"""`truename fix`: everything else byte for byte as it was."""

import contextlib
import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable

import pytest

from tests.acceptance.conftest import PROGRAM, Program, single_file_info
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes, magnet_link
from truename.magnet import decode_dn

ALICE = "722fe65b2aa26d14f35b4ad627d20236e481d924"
LEAVES = "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36"
LEAVES_DN = "Leaves%20of%20Grass%20by%20Walt%20Whitman.epub"


@pytest.fixture
def truename(truename: Program) -> Program:
    return truename.has_run_before()


def note(tracker: str, *, alice_dn: str = "&dn=lie+here", leaves_dn: str = "") -> str:
    """A text with line ends of both kinds, two magnets, and no line end at its end."""
    return (
        f"收藏：(magnet:?xt=urn:btih:{ALICE}{alice_dn}&tr={tracker}) tail\r\n\n\x0b one\n"
        f'<a href="magnet:?xt=urn:btih:{LEAVES.upper()}{leaves_dn}&amp;tr={tracker}">x</a>\r\nend  '
    )


def fixed_note(tracker: str) -> str:
    return note(tracker, alice_dn="&dn=alice.txt", leaves_dn=f"&amp;dn={LEAVES_DN}")


def before(swarm: LocalSwarm, encoding: str) -> bytes:
    return note(swarm.addresses.tracker).encode(encoding)


def after(swarm: LocalSwarm, encoding: str) -> bytes:
    return fixed_note(swarm.addresses.tracker).encode(encoding)


def test_the_text_goes_to_standard_output_with_its_names(truename: Program, swarm: LocalSwarm) -> None:
    (truename.home / "note.txt").write_bytes(note(swarm.addresses.tracker).encode())
    from_file = truename("fix", "note.txt")
    assert from_file.status == 0, from_file.err
    assert from_file.out == fixed_note(swarm.addresses.tracker).encode()
    piped = truename("fix", "-", stdin=note(swarm.addresses.tracker).encode())
    assert (piped.status, piped.out) == (0, from_file.out)
    assert (truename.home / "note.txt").read_bytes() == note(swarm.addresses.tracker).encode()


@pytest.mark.parametrize("command", ["fix", "resolve"])
def test_a_pipe_in_which_nobody_else_wants_to_wait_is_waited_for(
    truename: Program, swarm: LocalSwarm, command: str
) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    text = note(swarm.addresses.tracker).encode()
    with truename.started(command, "-", stdin=reading) as running, open(writing, "wb", buffering=0) as pipe:
        pipe.write(text[:20])
        while struct.unpack("i", fcntl.ioctl(reading, termios.FIONREAD, b"\0" * 4))[0]:
            time.sleep(0.01)
        time.sleep(0.2)  # it has looked once more by now, and found nothing
        os.close(reading)
        pipe.write(text[20:])
        pipe.close()
        out, err = running.communicate(timeout=60)
    assert b"unavailable" not in err
    assert b"alice.txt" in out, err


def test_of_several_files_it_is_said_which_one_a_problem_is_in(truename: Program, swarm: LocalSwarm) -> None:
    broken = "magnet:?xt=urn:btih:zzzz&dn=b"
    (truename.home / "good.txt").write_text("nothing to see")
    (truename.home / "bad.txt").write_text(broken)
    assert f"bad.txt: {broken}  " in truename("fix", "-i", "good.txt", "bad.txt").err
    assert truename("fix", "bad.txt").err.startswith(broken)


def test_fixing_twice_is_fixing_once_and_touches_nothing_nor_a_dn_that_reads_as_the_name(
    truename: Program, swarm: LocalSwarm
) -> None:
    file, other = truename.home / "note.txt", truename.home / "other.txt"
    file.write_bytes(before(swarm, "utf-8"))
    file.chmod(0o604)
    plus_for_space = LEAVES_DN.replace("%20", "+")
    other.write_text(f"magnet:?xt=urn:btih:{LEAVES}&dn={plus_for_space}&tr={swarm.addresses.tracker}")
    seen = [other.read_bytes(), other.stat()]
    assert truename("fix", "--in-place", "note.txt", "other.txt").status == 0
    assert file.read_bytes() == after(swarm, "utf-8")
    first = file.stat()
    assert first.st_mode & 0o7777 == 0o604
    assert truename("fix", "-i", "note.txt").status == 0
    again = file.stat()
    assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert [other.read_bytes(), other.stat()] == seen
    assert sorted(path.name for path in truename.home.iterdir()) == ["note.txt", "other.txt"]


def test_a_diff_changes_nothing_and_patch_understands_it_in_every_encoding_but_utf_16(
    truename: Program, swarm: LocalSwarm
) -> None:
    """Which can be read."""
    encodings = {"note.txt": "utf-8", "gb.txt": "gb18030", "雨.txt": "gb18030", "🌧.txt": "gb18030"}
    files = {truename.home / name: encoding for name, encoding in encodings.items()}
    for file, encoding in files.items():
        file.write_bytes(note(swarm.addresses.tracker).encode(encoding))
    (truename.home / "wide.txt").write_bytes(note(swarm.addresses.tracker).encode("utf-16"))
    ended = truename("fix", "--diff", *encodings, "wide.txt")
    assert ended.status == 0, ended.err
    assert [file.name for file, encoding in files.items() if file.read_bytes() != before(swarm, encoding)] == []
    diffs, wide, diff_of_wide = ended.out.partition(b"--- wide.txt\n+++ wide.txt\n")
    assert wide
    assert "+\ufeff收藏" in diff_of_wide.decode()
    heads = [line.decode() for line in diffs.splitlines() if line.startswith((b"--- ", b"+++ "))]
    assert heads == [f"{mark} {name}" for name in encodings for mark in ("---", "+++")]
    subprocess.run(["patch", "-s", "--binary", "-p0"], input=diffs, cwd=truename.home, check=True)
    assert [file.name for file, encoding in files.items() if file.read_bytes() != after(swarm, encoding)] == []


def test_an_unnamed_magnet_stays_also_where_one_that_lies_about_its_second_hash_has_a_name(
    truename: Program, swarm: LocalSwarm
) -> None:
    """And the status says so: the liar lends its name to no other."""
    dead = magnet_link(dead_hashes(1, seed=8)[0], tracker=swarm.addresses.tracker, dn="as it was")
    liar = swarm.magnets[0].replace("&tr=", f"&xt=urn:btmh:1220{'ab' * 32}&tr=")
    other = f"magnet:?xt=urn:btmh:1220{'ab' * 32}&dn=as+it+was&tr={swarm.addresses.tracker}"
    ended = truename("fix", "--timeout", "1", stdin=f"{dead}\n{liar}\n{other}\n".encode())
    assert ended.status == 1
    lines = ended.out.decode().splitlines()
    assert (lines[0], "dn=alice.txt" in lines[1], lines[2]) == (dead, True, other)
    assert {line.split("  ")[0] for line in ended.err.splitlines()} == {dead_hashes(1, seed=8)[0], "ab" * 32}


def test_a_broken_magnet_is_reported_and_left(truename: Program, swarm: LocalSwarm) -> None:
    text = f"magnet:?xt=urn:btih:12345&dn=x {swarm.magnets[0]}"
    ended = truename("fix", stdin=text.encode())
    assert ended.status == 1
    assert ended.out.startswith(b"magnet:?xt=urn:btih:12345&dn=x ")
    assert b"dn=alice.txt" in ended.out
    assert "magnet:?xt=urn:btih:12345" in ended.err


def test_a_text_in_another_encoding_keeps_it(truename: Program, swarm: LocalSwarm) -> None:
    """Of those of Windows only what is ASCII is read, since they read as Chinese too."""
    magnet = swarm.magnets[0]
    texts = {
        "gb18030": f"雨后的城市：{magnet}。后面的文字很重要\r\n",
        "big5": f"電影：{magnet}。後面的文字很重要，請勿刪除\r\n",
        "shift_jis": f"映画：{magnet}。後ろの言葉\r\n",
        "utf-16": f"雨后的城市{magnet}。后面\r\n",
        "utf-8-sig": f"雨后的城市{magnet}。后面\r\n",
        "latin-1": f"café {magnet} café\r\n",
        "cp1252": f"“caf\xe9 {magnet}” [b]{magnet}[/b]’ {magnet}\xa0end\r\n",
    }
    for encoding, text in texts.items():
        (truename.home / encoding).write_bytes(text.encode(encoding))
    ended = truename("fix", *texts)
    assert ended.status == 0, ended.err
    out = ended.out
    for encoding, text in texts.items():
        expected = text.replace("&tr=", "&dn=alice.txt&tr=").encode(encoding)
        assert out[: len(expected)] == expected, encoding
        out = out[len(expected) :]
    assert out == b""


def test_a_name_whose_encoding_is_guessed_is_marked_when_it_is_found_and_when_it_is_known(
    truename: Program, seed: Callable[[bytes], str]
) -> None:
    magnet = seed(single_file_info("海边的风景".encode("gb18030")))
    info_hash = magnet.partition("btih:")[2][:40]
    said = f"{info_hash}  The torrent does not say in which encoding its name is; this is the likeliest reading."
    for command in ("fix", "resolve"):
        for _ in ("found", "known"):
            ended = truename(command, stdin=magnet.encode(), environment={"TRUENAME_OFFLINE": "off"})
            assert (ended.status, ended.err.splitlines()) == (0, [said]), command
    assert json.loads(truename("resolve", "--json", magnet).out)["name_guessed"] is True


def test_any_name_is_written_so_that_it_reads_back_unless_its_magnet_would_become_too_large(
    truename: Program, seed: Callable[[bytes], str]
) -> None:
    """Which is reported, and stays."""
    names = (
        "AC\\DC \\1 \\g<0> $& %s {0}",
        "Tom & Jerry #1",
        "100% C++",
        "a\nb\r\x1b[2J",
        "\u202egpj.exe",
        "x" * 3000,
        "?=&;",
    )
    magnets = [seed(single_file_info(name.encode())) for name in names]
    large = f"{seed(single_file_info(('长' * 1300).encode()))}&tr=http://127.0.0.1:9/{'a' * 25_000}"
    text = "".join(f"before {magnet} after\n" for magnet in (*magnets, large))
    ended = truename("fix", stdin=text.encode())
    assert ended.status == 1
    (complaint,) = ended.err.splitlines()
    assert "too large" in complaint
    *lines, line_of_large = ended.out.splitlines()
    assert line_of_large.decode() == f"before {large} after"
    for line, magnet, name in zip(lines, magnets, names, strict=True):
        found = re.fullmatch(rb"before (magnet:\?xt=urn:btih:[0-9a-f]{40})&dn=([\x21-\x7e]+?)(&x\.pe=\S+) after", line)
        assert found, line
        assert (found[1] + found[3]).decode() == magnet
        assert decode_dn(found[2].decode()) == name


def test_a_text_without_magnets_comes_back_with_a_word_about_it_and_holds_up_no_other(
    truename: Program, swarm: LocalSwarm
) -> None:
    without, empty, good = (truename.home / name for name in ("without", "empty", "good"))
    without.write_bytes(b"nothing here\r\n")
    empty.write_bytes(b"")
    good.write_text(swarm.magnets[0])
    told = [f"{name}: holds no magnet; it stays as it is." for name in ("without", "empty", "standard input")]
    printed = truename("fix", "without", "empty", "-", stdin=b"")
    assert (printed.status, printed.out, printed.err.splitlines()) == (0, b"nothing here\r\n", told)
    diff = truename("fix", "--diff", "without", "empty")
    assert (diff.status, diff.out, diff.err.splitlines()) == (0, b"", told[:2])
    assert truename("fix", "--in-place", "without", "empty", "good").status == 0
    assert "dn=alice.txt" in good.read_text()
    assert (without.read_bytes(), empty.read_bytes()) == (b"nothing here\r\n", b"")


@pytest.mark.parametrize("name", ["binary", "pipe"])
def test_a_file_that_cannot_be_used_stops_it_before_anything_is_asked_or_changed(
    truename: Program, swarm: LocalSwarm, name: str
) -> None:
    (truename.home / "binary").write_bytes(b"magnet\0\0")
    os.mkfifo(truename.home / "pipe")
    good = truename.home / "good"
    good.write_text(swarm.magnets[0])
    ended = truename("fix", "--in-place", "good", name)
    assert (ended.status, ended.out) == (2, b"")
    assert name in ended.err
    assert ("is not a regular file" in ended.err) == (name == "pipe")
    assert good.read_text() == swarm.magnets[0]


def test_standard_input_cannot_be_fixed_in_place(truename: Program) -> None:
    ended = truename("fix", "--in-place", stdin=b"x")
    assert (ended.status, ended.out) == (2, b"")


def test_a_read_only_folder_is_told_before_anything_is_asked(truename: Program, swarm: LocalSwarm) -> None:
    folder = truename.home / "kept"
    folder.mkdir()
    file = folder / "note.txt"
    file.write_text(swarm.magnets[0])
    folder.chmod(0o555)
    # Permissions do not bind root, unless it gives that power away.
    bound = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.getuid() == 0 else []
    ended = subprocess.run(
        [*bound, PROGRAM, "fix", "--in-place", "note.txt"],
        cwd=folder,
        env=truename.environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    folder.chmod(0o755)
    assert (ended.returncode, ended.stdout) == (2, b""), ended.stderr
    assert b"cannot be written" in ended.stderr
    assert file.read_text() == swarm.magnets[0]
    assert [path.name for path in folder.iterdir()] == ["note.txt"]


def test_on_a_terminal_the_progress_is_gone_before_the_text_comes(truename: Program, swarm: LocalSwarm) -> None:
    (truename.home / "note.txt").write_text(swarm.magnets[0])  # no line end: the line of progress would rub it out
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        [PROGRAM, "fix", "note.txt"],
        env=truename.environment({"TERM": "xterm"}),
        cwd=truename.home,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    seen = b""
    with contextlib.suppress(OSError):  # Linux tells so of the end
        while said := os.read(controller, 4096):
            seen += said
    assert process.wait(30) == 0
    os.close(controller)
    assert b"named" in seen
    assert seen.endswith(swarm.magnets[0].replace("&tr=", "&dn=alice.txt&tr=").encode()), seen


def test_ctrl_c_leaves_the_file_as_it_was(truename: Program, swarm: LocalSwarm) -> None:
    dead = magnet_link(dead_hashes(1, seed=9)[0], tracker=swarm.addresses.tracker)
    file = truename.home / "note.txt"
    file.write_text(f"{dead} {swarm.magnets[0]}")
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        [PROGRAM, "fix", "-i", "note.txt"],
        env=truename.environment({"TERM": "xterm"}),
        cwd=truename.home,
        stderr=terminal,
    )
    os.close(terminal)
    seen = b""
    while b"named 1" not in seen:  # alice's name is here, the dead one is still being asked for
        seen += os.read(controller, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    os.close(controller)
    assert file.read_text() == f"{dead} {swarm.magnets[0]}"
    assert [path.name for path in truename.home.iterdir()] == ["note.txt"]
