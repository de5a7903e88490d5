"""`truename resolve`, typed as a person would."""

import hashlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import PROGRAM, Program, single_file_info
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes, magnet_link
from truename.names import is_hidden

REAL_NAMES = {
    "722fe65b2aa26d14f35b4ad627d20236e481d924": "alice.txt",
    "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36": "Leaves of Grass by Walt Whitman.epub",
    "c334138ef5bfc2d568ea7324e0e2a3a7ec229bdd": "Sintel.2010.4K.DMRip.x264.DD.DTS.SRT-MaLLIeHbKa.mkv",
    "89d97c2261a21b040cf11caa661a3ba7233bb7e6": "numbers",
    "114ead6243792ba56297edbb9a78dfba84d4fc00": "lots-of-numbers",
    "b88da2caac6648e6c7d7687e3f89085f7e230e6b": "folder",
}
ALICE = "722fe65b2aa26d14f35b4ad627d20236e481d924"
NASTY = "a\x1b]52;c;AAAA\x07\u202egpj.exe\u200b\nsecond\x9b2J"


@pytest.fixture
def truename(truename: Program) -> Program:
    return truename.has_run_before()


def dead_magnet(swarm: LocalSwarm) -> str:
    return magnet_link(dead_hashes(1, seed=7)[0], tracker=swarm.addresses.tracker)


def test_real_torrents_get_their_names_two_of_them_from_one_argument(truename: Program, swarm: LocalSwarm) -> None:
    ended = truename("resolve", f"{swarm.magnets[0]} {swarm.magnets[1]}", *swarm.magnets[2:6])
    assert ended.status == 0, ended.err
    assert dict(line.split("  ", 1) for line in ended.lines) == REAL_NAMES
    assert ended.err == ""


def test_a_pipe_is_read_line_by_line(truename: Program, swarm: LocalSwarm) -> None:
    text = f"# my list\n\n看 {swarm.magnets[0]} 和 {swarm.magnets[1]}\r\n"
    ended = truename("resolve", stdin=text.encode())
    assert ended.status == 0, ended.err
    assert sorted(ended.lines) == sorted(f"{key}  {name}" for key, name in list(REAL_NAMES.items())[:2])


def test_a_file_with_line_ends_of_all_kinds_is_read_and_the_same_hash_twice_gives_two_lines(
    truename: Program, swarm: LocalSwarm
) -> None:
    magnet = swarm.magnets[0]
    text = f"# 我的\r{magnet}\n# 列表\r\n看{magnet}&dn=other\r# 完"
    (truename.home / "list.txt").write_bytes(text.encode("gb18030"))
    ended = truename("resolve", "--file", "list.txt")
    assert ended.status == 0, ended.err
    assert ended.lines == [f"{ALICE}  alice.txt"] * 2


def test_a_dead_hash_says_that_nobody_has_it_and_what_was_done_for_each_is_explained(
    truename: Program, swarm: LocalSwarm
) -> None:
    ended = truename("resolve", "--explain", "--timeout", "1", dead_magnet(swarm), swarm.magnets[0])
    assert ended.status == 1
    assert "Nobody has this torrent" in ended.err
    assert ended.lines == [f"{ALICE}  alice.txt"]
    said = ended.err.splitlines()
    story = said[said.index(ALICE) + 1]  # the name itself has gone elsewhere
    assert story.startswith("    swarm: asked 1 tracker: 1 peer; ")
    assert story.endswith("; gave the name")
    assert {
        "    swarm: asked 1 tracker: 0 peers; deadline",
        "    Next: ask with other trackers, or with the DHT; the trackers that answered know nobody.",
    } <= set(said)


def test_the_dht_is_explained_and_not_advised_where_it_was_asked(truename: Program) -> None:
    with LocalSwarm(SwarmPlan(real=False, invented=1, dht_nodes=16)) as swarm:
        dht = {"TRUENAME_DHT": "on", "TRUENAME_DHT_BOOTSTRAP": swarm.addresses.dht_node}
        listen = {"TRUENAME_LISTEN_INTERFACES": "127.0.2.1:0"}
        dead, live = dead_hashes(1, seed=7)[0], swarm.torrents[0].info_hash
        ended = truename("resolve", "--explain", "--timeout", "3", dead, live, environment=dht | listen)
    said = ended.err.splitlines()
    stories = sorted((line for line in said if "DHT" in line), key=lambda line: "name" in line)
    assert len(stories) == 2
    assert re.fullmatch(r"    swarm: DHT \d+ nodes: 0 peers; deadline", stories[0])
    assert re.fullmatch(r"    swarm: (DHT \d+ nodes|asked the DHT): [12] peers?; tried .*; gave the name", stories[1])
    assert "    Next: ask again later, or save the magnet in a note, where it is asked for again by itself." in said


def test_a_hash_that_nobody_can_be_asked_about_ends_at_once(truename: Program) -> None:
    ended = truename("resolve", "--json", "--timeout", "3600", ALICE)
    assert ended.status == 1
    (body,) = map(json.loads, ended.lines)
    assert (body["status"], body["code"]) == ("failed", "resolver_unavailable")


def test_json_is_one_object_for_every_input(truename: Program, swarm: LocalSwarm) -> None:
    ended = truename("resolve", "--json", "--timeout", "1", swarm.magnets[0], "5", dead_magnet(swarm), "--", "--help")
    assert ended.status == 1
    bodies = {body["input"]: body for body in map(json.loads, ended.lines)}
    assert set(bodies) == {swarm.magnets[0], "5", dead_magnet(swarm), "--help"}
    alice = bodies[swarm.magnets[0]]
    assert (alice["info_hash"], alice["name"], alice["status"]) == (ALICE, "alice.txt", "completed")
    assert (alice["source"], alice["verified"], alice["error"], alice["code"]) == ("swarm", True, None, None)
    assert bodies["5"]["code"] == bodies["--help"]["code"] == "invalid_info_hash"
    dead = bodies[dead_magnet(swarm)]
    assert (dead["status"], dead["code"], dead["name"]) == ("timeout", "no_peers", None)
    assert dead["elapsed_s"] >= 1


BAD = (
    "--help",
    "5",
    ALICE[:39],
    "0" * 40,
    "magnet:?dn=nothing",
    "magnet:?xt=urn:btih:" + "0" * 40,
    "magnet:?xt=urn:btih:" + ALICE + "&tr=http://t.example/announce" * 1200,
    f"magnet:?xt=urn:btih:{ALICE}" + "".join(f"&tr=u:{n}" for n in range(2000)),
)


def test_bad_input_is_reported_and_the_others_run(truename: Program, swarm: LocalSwarm) -> None:
    megabyte = f"magnet:?xt=urn:btih:{ALICE}&dn={'x' * 1_000_000}"
    ended = truename("resolve", swarm.magnets[0], "--", *BAD, "-", stdin=f"{megabyte}\n".encode())
    assert ended.status == 1
    assert ended.lines == [f"{ALICE}  alice.txt"]
    complaints = ended.err.splitlines()
    assert len(complaints) == len(BAD) + 1
    assert all(said.startswith(given[:40]) for said, given in zip(complaints, (*BAD, megabyte), strict=True))
    assert "too large" in complaints[-1]
    assert len(complaints[-1]) < 2000


@pytest.mark.parametrize(
    "name",
    ["empty", "binary"],  # a path that cannot be read, and a text that cannot, are one to the command
)
def test_a_file_that_cannot_be_read_is_status_2(truename: Program, name: str) -> None:
    (truename.home / "empty").write_bytes(b"")
    (truename.home / "binary").write_bytes(b"\x7fELF\0\0\0\1")
    ended = truename("resolve", "--file", name)
    assert ended.status == 2
    assert ended.out == b""
    assert ended.err.startswith("truename: ")
    assert len(ended.err.splitlines()) == 1


def test_a_magnet_that_stands_often_in_a_list_is_looked_up_once(truename: Program, swarm: LocalSwarm) -> None:
    few = {"TRUENAME_SLOTS": "5"}
    ended = truename(
        "resolve", "--json", "--timeout", "1", stdin=f"{dead_magnet(swarm)}\n".encode() * 200, environment=few
    )
    lines = [json.loads(line) for line in ended.lines]
    assert (ended.status, len(lines)) == (1, 200)
    assert {line["elapsed_s"] for line in lines} == {lines[0]["elapsed_s"]}, "all of one look-up"


def test_of_a_list_without_an_end_no_more_is_read_than_may_wait(truename: Program, swarm: LocalSwarm) -> None:
    magnet = dead_magnet(swarm)
    run = subprocess.Popen(
        [PROGRAM, "resolve", "-", "--timeout", "60"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=truename.environment(),
    )
    assert run.stdin is not None
    os.set_blocking(run.stdin.fileno(), False)
    lines, sent, stuck_since = f"{magnet}\n".encode() * 1000, 0, time.monotonic()
    while time.monotonic() - stuck_since < 2:
        try:
            sent += os.write(run.stdin.fileno(), lines)
            stuck_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
        assert sent < 10_000_000, "it goes on reading"
    run.kill()
    run.wait()
    run.stdin.close()


def test_a_file_that_is_called_a_dash_is_the_pipe(truename: Program, swarm: LocalSwarm) -> None:
    ended = truename("resolve", swarm.magnets[0], "--file", "-", stdin=swarm.magnets[1].encode())
    assert ended.status == 0, ended.err
    assert sorted(ended.lines) == sorted(f"{key}  {name}" for key, name in list(REAL_NAMES.items())[:2])


@pytest.mark.parametrize("stdin", [b"# only a remark\n\n", b"\0\0"])
def test_a_pipe_with_nothing_in_it_is_status_2(truename: Program, stdin: bytes) -> None:
    ended = truename("resolve", stdin=stdin)
    assert (ended.status, ended.out) == (2, b"")
    assert len(ended.err.splitlines()) == 1


def test_a_time_that_is_none_is_wrong_usage(truename: Program) -> None:
    ended = truename("resolve", "--timeout", "nan", ALICE)
    assert (ended.status, ended.out) == (2, b"")
    assert "timeout" in ended.err


def test_hostile_names_are_shown_raw_only_when_asked_for_and_cut_in_a_line_and_whole_in_json(
    truename: Program, seed: Callable[[bytes], str]
) -> None:
    name = "长" * 1365  # four kilobytes
    nasty, long = seed(single_file_info(NASTY.encode())), seed(single_file_info(name.encode()))
    plain = truename("resolve", nasty, long)
    assert plain.status == 0, plain.err
    line, cut = sorted(plain.lines, key=len)
    assert not any(map(is_hidden, line))
    assert "⟨U+202E⟩gpj.exe" in line
    assert cut.endswith("…")
    assert len(cut) < 600
    bodies = truename("resolve", "--json", nasty, long).lines
    assert not any(map(is_hidden, "".join(bodies)))
    names = {body["input"]: body["name"] for body in map(json.loads, bodies)}
    assert names == {nasty: NASTY, long: name}
    assert NASTY.encode() in truename("resolve", "--raw", nasty).out


def test_a_second_hash_of_another_torrent_gives_no_name(
    truename: Program, swarm: LocalSwarm, seed: Callable[[bytes], str]
) -> None:
    """However fast the other torrent answers: the name asked for is that of the magnet's own hash."""
    stranger = seed(single_file_info(b"A stranger.mkv"))
    other = hashlib.sha256(single_file_info(b"A stranger.mkv")).hexdigest()
    peer = stranger.partition("&x.pe=")[2]
    liar = f"{swarm.magnets[0]}&xt=urn:btmh:1220{other}&x.pe={peer}"
    named = truename("resolve", liar)
    assert (named.status, named.lines) == (0, [f"{ALICE}  alice.txt"])
    dead = f"magnet:?xt=urn:btih:{dead_hashes(1, seed=11)[0]}&xt=urn:btmh:1220{other}&x.pe={peer}"
    unnamed = truename("resolve", "--timeout", "2", dead)
    assert (unnamed.status, unnamed.out) == (1, b"")


def test_the_language_is_that_of_lang(truename: Program, swarm: LocalSwarm) -> None:
    ended = truename("resolve", "--timeout", "1", dead_magnet(swarm), environment={"LANG": "zh_CN.UTF-8"})
    assert "没有人持有该种子" in ended.err


def test_a_port_in_use_is_told_and_the_way_out(truename: Program, swarm: LocalSwarm) -> None:
    with socket.socket() as taken, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken_udp:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        taken_udp.bind(("127.0.0.1", port))
        address = {"TRUENAME_LISTEN_INTERFACES": f"127.0.0.1:{port}", "TRUENAME_RESOLVERS": "swarm"}
        ended = truename("resolve", swarm.magnets[0], environment=address)
        assert ended.status == 1
        assert "TRUENAME_LISTEN_INTERFACES" in ended.err
        examined = truename("doctor", environment=address)
        assert examined.status == 1
        assert f"127.0.0.1:{port}" in examined.out.decode()


def test_a_wrong_setting_is_refused(truename: Program, swarm: LocalSwarm) -> None:
    refused = truename("resolve", swarm.magnets[0], environment={"TRUENAME_SLOTS": "none"})
    assert (refused.status, refused.out) == (2, b"")
    assert "TRUENAME_SLOTS" in refused.err


def test_more_look_ups_than_slots_are_all_named_and_an_unknown_setting_is_warned_about(
    truename: Program, swarm: LocalSwarm
) -> None:
    environment = {"TRUENAME_SLOTS": "3", "TRUENAME_SLOTZ": "5"}
    ended = truename("resolve", stdin="\n".join(swarm.magnets).encode(), environment=environment)
    assert ended.status == 0, ended.err
    assert len(set(ended.lines)) == len(swarm.magnets)
    (warning,) = ended.err.splitlines()
    assert "TRUENAME_SLOTZ" in warning


def test_names_come_while_the_pipe_is_still_open(truename: Program, swarm: LocalSwarm) -> None:
    with truename.started("resolve", "-") as run:
        assert run.stdin is not None
        assert run.stdout is not None
        for magnet, name in zip(swarm.magnets[:2], list(REAL_NAMES.values())[:2], strict=True):
            run.stdin.write(magnet.encode() + b"\n")
            run.stdin.flush()
            assert run.stdout.readline().decode().endswith(f"  {name}\n")
        run.stdin.close()
        assert run.wait(30) == 0


@pytest.mark.parametrize("from_pipe", [False, True])
def test_ctrl_c_ends_it_with_130_and_without_a_traceback(truename: Program, swarm: LocalSwarm, from_pipe: bool) -> None:
    with truename.started("resolve", *(("-",) if from_pipe else (swarm.magnets[0], dead_magnet(swarm)))) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        assert run.stderr is not None
        if from_pipe:
            run.stdin.write(swarm.magnets[0].encode() + b"\n")
            run.stdin.flush()
        assert run.stdout.readline()  # it is at work now
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 130
        assert run.stderr.read() == b""


def test_a_reader_that_has_seen_enough_is_no_error_message(truename: Program, swarm: LocalSwarm) -> None:
    with truename.started("resolve", *swarm.magnets) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.wait(30) == 1
        assert b"Traceback" not in run.stderr.read()


def test_a_terminal_sees_progress_and_the_cursor_again(truename: Program, swarm: LocalSwarm, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "resolve", "--timeout", "1", swarm.magnets[0], dead_magnet(swarm)],
        env=truename.environment({"TERM": "xterm"}),
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    seen = b""
    try:
        while chunk := os.read(controller, 4096):
            seen += chunk
    except OSError:  # Linux says so when the other side has closed
        pass
    finally:
        os.close(controller)
    assert process.wait(30) == 1
    assert b"named 1" in seen
    assert f"{ALICE}  alice.txt".encode() in seen
    assert seen.rindex(b"\x1b[?25h") > seen.rindex(b"\x1b[?25l")


def test_no_argument_at_a_terminal_is_wrong_usage(truename: Program) -> None:
    controller, terminal = pty.openpty()
    ended = subprocess.run(
        [PROGRAM, "resolve"], stdin=terminal, capture_output=True, env=truename.environment(), timeout=30, check=False
    )
    os.close(terminal)
    os.close(controller)
    assert ended.returncode == 2
    assert b"Nothing to look up" in ended.stderr
