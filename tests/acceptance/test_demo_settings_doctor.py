"""`truename demo --once`, `settings` and `doctor`."""

import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Program, until
from tests.acceptance.test_resolve import REAL_NAMES


def test_the_demo_names_six_real_torrents_and_neither_dead_one_whatever_the_settings_and_the_folder(
    truename: Program,
) -> None:
    for name in ("random.py", "json.py", "truename.py"):
        (truename.home / name).write_text("open('executed', 'w')")
    of_a_real_swarm = {
        "TRUENAME_DHT": "on",
        "TRUENAME_ALLOW_PRIVATE_NETWORK": "off",
        "TRUENAME_TRACKERS": "http://127.0.0.1:9/announce",
    }
    ended = truename("demo", "--once", environment=of_a_real_swarm)
    assert not (truename.home / "executed").exists()  # no file of the folder was run
    assert ended.status == 0, ended.err
    assert dict(line.split("  ", 1) for line in ended.lines) == REAL_NAMES
    assert ended.err.count("Nobody has this torrent") == 2
    assert "6 of 6" in ended.err


def test_without_seeders_the_demo_names_nothing(truename: Program) -> None:
    ended = truename("demo", "--once", "--no-seeders")
    assert (ended.status, ended.out) == (1, b"")
    assert "0 of 6" in ended.err


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_both_swarms_of_the_demo_end_with_it_however_it_ends(
    truename: Program, how: signal.Signals, status: int
) -> None:
    with truename.started("demo", "--once", stdin=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.readline()
        serving, asking = children_of(run.pid)
        run.send_signal(how)
        assert run.wait(30) == status
        assert b"could not be started" not in run.stderr.read()
    assert until(lambda: not Path(f"/proc/{serving}").exists() and not Path(f"/proc/{asking}").exists())


def test_settings_shows_values_and_origins_and_no_secret(truename: Program) -> None:
    truename.data_dir.mkdir()
    (truename.data_dir / "truename.toml").write_text("slots = 77\nbogus = 1\n")
    theirs = {"QBT_URL": "not an address"}  # another program's: the doctor alone tells of it
    ended = truename("settings", environment=theirs | {"TRUENAME_TRACKERS": "http://t.example/hush/announce"})
    assert ended.status == 0
    rows = {line.split()[0]: line for line in ended.lines if line.startswith("TRUENAME_")}
    assert "77" in rows["TRUENAME_SLOTS"]
    assert "file" in rows["TRUENAME_SLOTS"]
    assert "environment" in rows["TRUENAME_TRACKERS"]
    assert "default" in rows["TRUENAME_LOOKUP_TIMEOUT_S"]
    assert "hush" not in ended.out.decode() + ended.err
    (warning,) = ended.err.splitlines()
    assert "bogus" in warning


def test_settings_speak_chinese(truename: Program) -> None:
    assert "环境变量" in truename("settings", environment={"LC_ALL": "zh_CN.UTF-8"}).out.decode()


def test_the_doctor_finds_a_closed_network_well_and_tells_of_an_address_of_another_program(truename: Program) -> None:
    ended = truename("doctor", environment={"QBT_URL": "not an address"})
    assert ended.status == 0, ended.out
    assert ended.err.startswith("truename: QBT_URL holds no address")
    assert "listening on 127.0.0.1:" in ended.out.decode()
    assert "DHT: off" in ended.out.decode()


def test_the_doctor_says_what_to_do_about_a_dht_that_does_not_answer(truename: Program) -> None:
    ended = truename("doctor", environment={"TRUENAME_DHT": "on", "TRUENAME_DHT_BOOTSTRAP": "127.0.0.1:9"})
    assert ended.status == 1
    assert "TRUENAME_DHT_BOOTSTRAP" in ended.out.decode()


def test_the_doctor_says_what_is_wrong_with_settings_and_data_folder(truename: Program) -> None:
    truename.data_dir.write_text("a file in the folder's place")
    ended = truename("doctor", environment={"TRUENAME_SLOTZ": "1"})
    assert ended.status == 1
    assert "TRUENAME_SLOTZ" in ended.out.decode()


def test_too_few_open_files_are_told_by_the_doctor_and_by_a_server_that_starts(truename: Program) -> None:
    few: Any = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))}
    ended = truename("doctor", **few)
    assert ended.status == 1
    assert "✗ open files: only 50 at once" in ended.out.decode()
    with truename.started("serve", **few) as run:
        assert run.stderr is not None
        assert "LimitNOFILE" in run.stderr.readline().decode()


@pytest.mark.parametrize(
    ("hosts", "proxies", "at"),
    [
        ("names.example", "127.0.0.1", "names.example/n/setup"),
        ("names.example", "", "http://names.example:"),
        ("fd00::5", "", "http://[fd00::5]:"),
        ("names.example,127.0.0.1", "", "http://127.0.0.1:"),
    ],
)
def test_the_first_person_is_led_to_an_address_by_which_the_server_may_be_called(
    truename: Program, hosts: str, proxies: str, at: str
) -> None:
    behind = {"TRUENAME_ALLOWED_HOSTS": hosts, "TRUENAME_ROOT_PATH": "/n", "TRUENAME_PORT": "0"}
    behind |= {"TRUENAME_TRUSTED_PROXIES": proxies}
    with truename.started("serve", environment=behind) as run:
        assert run.stderr is not None
        assert b"http://127.0.0.1:" in run.stderr.readline()
        assert f"Open {at}" in run.stderr.readline().decode()


def test_an_address_that_is_none_is_refused_where_it_is_needed(truename: Program) -> None:
    needed = {"QBT_URL": "not an address", "TRUENAME_RESOLVERS": "qbittorrent"}
    refused = truename("settings", environment=needed)
    assert refused.status == 2
    assert refused.err.startswith("truename: QBT_URL: 'not an address' cannot be used")


def test_the_version_is_told(truename: Program) -> None:
    ended = truename("--version")
    assert ended.status == 0
    assert ended.out.startswith(b"truename ")


def test_help_stands_in_both_languages(truename: Program) -> None:
    assert b"standard input" in truename("resolve", "--help").out
    assert "标准输入" in truename("resolve", "--help", environment={"LANG": "zh_CN.UTF-8"}).out.decode()


def test_the_environment_of_the_tests_names_no_foreign_network(truename: Program) -> None:
    assert not [name for name in truename.environment() if name.lower().endswith("_proxy")]
    assert os.environ.get("TRUENAME_DHT_BOOTSTRAP") is None
