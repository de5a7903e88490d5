"""`truename fix`: everything else byte for byte as it was."""

import contextlib
import os
import re
import signal
import subprocess
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


def test_the_text_goes_to_standard_output_with_its_names(truename: Program, swarm: LocalSwarm) -> None:
    (truename.home / "note.txt").write_bytes(note(swarm.addresses.tracker).encode())
    from_file = truename("fix", "note.txt")
    assert from_file.status == 0, from_file.err
    assert from_file.out == fixed_note(swarm.addresses.tracker).encode()
    for arguments in (("fix",), ("fix", "-")):
        piped = truename(*arguments, stdin=note(swarm.addresses.tracker).encode())
        assert (piped.status, piped.out) == (0, from_file.out)
    assert (truename.home / "note.txt").read_bytes() == note(swarm.addresses.tracker).encode()


def test_fixing_twice_is_fixing_once_and_touches_nothing(truename: Program, swarm: LocalSwarm) -> None:
    file = truename.home / "note.txt"
    file.write_bytes(note(swarm.addresses.tracker).encode())
    file.chmod(0o604)
    assert truename("fix", "--in-place", "note.txt").status == 0
    assert file.read_bytes() == fixed_note(swarm.addresses.tracker).encode()
    first = file.stat()
    assert first.st_mode & 0o7777 == 0o604
    assert truename("fix", "-i", "note.txt").status == 0
    again = file.stat()
    assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert [path.name for path in truename.home.iterdir()] == ["note.txt"]


def test_a_diff_changes_nothing_and_patch_understands_it(truename: Program, swarm: LocalSwarm) -> None:
    file = truename.home / "note.txt"
    file.write_bytes(note(swarm.addresses.tracker).encode())
    ended = truename("fix", "--diff", "note.txt")
    assert ended.status == 0, ended.err
    assert file.read_bytes() == note(swarm.addresses.tracker).encode()
    subprocess.run(["patch", "-s", "--binary", "note.txt"], input=ended.out, cwd=truename.home, check=True)
    assert file.read_bytes() == fixed_note(swarm.addresses.tracker).encode()


@pytest.mark.parametrize("name", ["note.txt", "雨.txt", "🌧.txt"])
def test_patch_understands_the_diff_of_a_text_in_gb18030(truename: Program, swarm: LocalSwarm, name: str) -> None:
    file = truename.home / name
    file.write_bytes(note(swarm.addresses.tracker).encode("gb18030"))
    ended = truename("fix", "--diff", name)
    assert ended.status == 0, ended.err
    assert ended.out.startswith(f"--- {name}\n+++ {name}\n".encode())
    subprocess.run(["patch", "-s", "--binary", name], input=ended.out, cwd=truename.home, check=True)
    assert file.read_bytes() == fixed_note(swarm.addresses.tracker).encode("gb18030")


def test_the_diff_of_a_text_in_utf_16_can_be_read(truename: Program, swarm: LocalSwarm) -> None:
    (truename.home / "note.txt").write_bytes(note(swarm.addresses.tracker).encode("utf-16"))
    ended = truename("fix", "--diff", "note.txt")
    assert ended.status == 0, ended.err
    assert "+\ufeff收藏" in ended.out.decode()


def test_an_unnamed_magnet_stays_as_it_is_and_the_status_says_so(truename: Program, swarm: LocalSwarm) -> None:
    dead = magnet_link(dead_hashes(1, seed=8)[0], tracker=swarm.addresses.tracker, dn="as it was")
    text = f"{dead}\n{swarm.magnets[0]}\n"
    ended = truename("fix", "--timeout", "1", stdin=text.encode())
    assert ended.status == 1
    assert ended.out.decode().splitlines()[0] == dead
    assert "&dn=alice.txt" in ended.out.decode()
    assert dead_hashes(1, seed=8)[0] in ended.err


def test_a_magnet_that_lies_about_its_second_hash_lends_its_name_to_no_other(
    truename: Program, swarm: LocalSwarm
) -> None:
    liar = swarm.magnets[0].replace("&tr=", f"&xt=urn:btmh:1220{'ab' * 32}&tr=")
    other = f"magnet:?xt=urn:btmh:1220{'ab' * 32}&dn=as+it+was&tr={swarm.addresses.tracker}"
    ended = truename("fix", "--timeout", "1", stdin=f"{liar}\n{other}\n".encode())
    assert ended.status == 1
    assert "dn=alice.txt" in ended.out.decode().splitlines()[0]
    assert ended.out.decode().splitlines()[1] == other


def test_a_broken_magnet_is_reported_and_left(truename: Program, swarm: LocalSwarm) -> None:
    text = f"magnet:?xt=urn:btih:12345&dn=x {swarm.magnets[0]}"
    ended = truename("fix", stdin=text.encode())
    assert ended.status == 1
    assert ended.out.startswith(b"magnet:?xt=urn:btih:12345&dn=x ")
    assert b"dn=alice.txt" in ended.out
    assert "magnet:?xt=urn:btih:12345" in ended.err


def test_a_dn_that_reads_as_the_name_stays_also_with_plus_for_space(truename: Program, swarm: LocalSwarm) -> None:
    text = f"magnet:?xt=urn:btih:{LEAVES}&dn={LEAVES_DN.replace('%20', '+')}&tr={swarm.addresses.tracker}"
    ended = truename("fix", stdin=text.encode())
    assert (ended.status, ended.out) == (0, text.encode())


@pytest.mark.parametrize(
    ("encoding", "before", "after"),
    [
        ("gb18030", "雨后的城市：", "。后面的文字很重要"),
        ("big5", "電影：", "。後面的文字很重要，請勿刪除"),
        ("shift_jis", "映画：", "。後ろの言葉"),
        ("utf-16", "雨后的城市", "。后面"),
        ("utf-8-sig", "雨后的城市", "。后面"),
        ("latin-1", "café ", " café"),
    ],
)
def test_a_text_in_another_encoding_keeps_it(
    truename: Program, swarm: LocalSwarm, encoding: str, before: str, after: str
) -> None:
    text = f"{before}{swarm.magnets[0]}{after}\r\n"
    ended = truename("fix", stdin=text.encode(encoding))
    assert ended.status == 0, ended.err
    expected = text.replace("&tr=", "&dn=alice.txt&tr=")
    assert ended.out == expected.encode(encoding)
    (truename.home / "list").write_bytes(text.encode(encoding))
    assert truename("resolve", "--file", "list").out.endswith(b"  alice.txt\n")


def test_a_text_of_windows_keeps_the_quotes_around_its_magnets(truename: Program, swarm: LocalSwarm) -> None:
    """Of this one only what is ASCII is read, since it reads as Chinese too."""
    magnet = f"magnet:?xt=urn:btih:{ALICE}&tr={swarm.addresses.tracker}&dn=old"
    text = f"“caf\xe9 {magnet}” [b]{magnet}[/b]’ {magnet}\xa0end\r\n"
    ended = truename("fix", stdin=text.encode("cp1252"))
    assert (ended.status, ended.out) == (0, text.replace("old", "alice.txt").encode("cp1252"))


def test_any_name_is_written_so_that_it_reads_back(truename: Program, seed: Callable[[bytes], str]) -> None:
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
    ended = truename("fix", stdin="".join(f"before {magnet} after\n" for magnet in magnets).encode())
    assert ended.status == 0, ended.err
    for line, magnet, name in zip(ended.out.splitlines(), magnets, names, strict=True):
        found = re.fullmatch(rb"before (magnet:\?xt=urn:btih:[0-9a-f]{40})&dn=([\x21-\x7e]+?)(&x\.pe=\S+) after", line)
        assert found, line
        assert (found[1] + found[3]).decode() == magnet
        assert decode_dn(found[2].decode()) == name


def test_a_magnet_that_would_become_too_large_is_reported_and_stays(
    truename: Program, seed: Callable[[bytes], str]
) -> None:
    magnet = seed(single_file_info(("长" * 1300).encode()))
    large = f"{magnet}&tr=http://127.0.0.1:9/{'a' * 25_000}"
    ended = truename("fix", stdin=large.encode())
    assert (ended.status, ended.out) == (1, large.encode())
    assert "too large" in ended.err


def test_a_text_without_magnets_comes_back_with_a_word_about_it(truename: Program) -> None:
    ended = truename("fix", stdin=b"nothing here\r\n")
    assert (ended.status, ended.out) == (0, b"nothing here\r\n")
    assert "no magnet" in ended.err


def test_a_text_with_nothing_in_it_comes_back_and_holds_up_no_other(truename: Program, swarm: LocalSwarm) -> None:
    empty, good = truename.home / "empty", truename.home / "good"
    empty.write_bytes(b"")
    good.write_text(swarm.magnets[0])
    for options in ((), ("--diff",), ("--in-place",)):
        ended = truename("fix", *options, "empty")
        assert (ended.status, ended.out) == (0, b"")
        assert ended.err == "empty: holds no magnet; it stays as it is.\n"
    ended = truename("fix", stdin=b"")
    assert (ended.status, ended.out) == (0, b"")
    assert ended.err == "standard input: holds no magnet; it stays as it is.\n"
    assert truename("fix", "--in-place", "empty", "good").status == 0
    assert "dn=alice.txt" in good.read_text()
    assert empty.read_bytes() == b""


@pytest.mark.parametrize("name", ["missing", "folder", "binary", "pipe"])
def test_a_file_that_cannot_be_used_stops_it_before_anything_is_asked_or_changed(
    truename: Program, swarm: LocalSwarm, name: str
) -> None:
    (truename.home / "folder").mkdir()
    (truename.home / "binary").write_bytes(b"magnet\0\0")
    os.mkfifo(truename.home / "pipe")
    good = truename.home / "good"
    good.write_text(swarm.magnets[0])
    ended = truename("fix", "--in-place", "good", name)
    assert (ended.status, ended.out) == (2, b"")
    assert name in ended.err
    assert ("is not a regular file" in ended.err) == (name in ("folder", "pipe"))
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
