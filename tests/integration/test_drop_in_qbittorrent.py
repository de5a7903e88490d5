"""The helper script and Debian's qBittorrent, on a swarm of this machine: names, reasons, and nothing left behind."""

import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import libtorrent as lt
import pytest

from tests.integration.drop_in_support import HELPER, importable, serving
from tests.qbittorrent import PASSWORD, PATIENCE_S, QBittorrent
from tests.qbittorrent_stand_in import Queueing
from tests.wire import decode
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes
from truename.demo.tracker import announce_answer, compact

DEAD = dead_hashes(8, seed=1)
# Of a person's torrent, what would show that somebody touched it.
TOUCHABLE = (
    "hash",
    "name",
    "state",
    "category",
    "tags",
    "save_path",
    "magnet_uri",
    "force_start",
    "seq_dl",
    "auto_tmm",
)


CHANGED_BY_TESTS = ("add_trackers", "max_active_downloads", "max_active_torrents")


class Ended:
    """How a run of the helper ended."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        out, err = process.communicate(timeout=PATIENCE_S)
        self.status, self.name, self.reason = process.returncode, out.decode(), err.decode().strip()


def started(environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, HELPER, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | environment,
    )


def ask(environment: dict[str, str], *arguments: str) -> Ended:
    with started(environment, *arguments) as process:
        return Ended(process)


def until(condition) -> None:
    """Look again and again until another program has done something."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


class Answering:
    """A web server of loopback that answers everything alike, and tells whether anybody came."""

    def __init__(self, answer) -> None:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, body = answer(self.requestline.encode())
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - http.server's name

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self.asked: list[str] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Answering":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def always(status: int, body: bytes = b"", **headers: str):
    return Answering(lambda request: (status, headers, body))


@pytest.fixture(scope="module")
def swarm() -> Iterator[LocalSwarm]:
    with LocalSwarm(SwarmPlan()) as swarm:
        yield swarm


@pytest.fixture(scope="module")
def hybrids(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Hybrids"]:
    with Hybrids(tmp_path_factory.mktemp("hybrids")).serving() as hybrids:
        yield hybrids


@pytest.fixture(scope="module")
def qbittorrent(swarm, tmp_path_factory) -> Iterator[QBittorrent]:
    settings = {"add_trackers_enabled": True, "add_trackers": swarm.addresses.tracker}
    with QBittorrent(tmp_path_factory.mktemp("qbittorrent"), settings=settings).running() as running:
        yield running


@pytest.fixture
def clean(qbittorrent: QBittorrent) -> Iterator[QBittorrent]:
    """The same qBittorrent, with nothing in it and its own settings before and after the test."""
    client = qbittorrent.client()
    assert not client.torrents_info()
    before = client.app_preferences()
    yield qbittorrent
    client.app_set_preferences({name: before[name] for name in CHANGED_BY_TESTS})
    client.torrents_delete(delete_files=True, torrent_hashes="all")
    until(lambda: not client.torrents_info())


@pytest.fixture
def helper():
    with importable():
        import calibrate_qbt_helper

        yield calibrate_qbt_helper


def assert_nothing_of_ours(qbittorrent: QBittorrent) -> None:
    client = qbittorrent.client()
    assert not [torrent for torrent in client.torrents_info() if torrent["category"]]
    assert not client.torrents_categories()
    assert not [path for path in qbittorrent.downloads.rglob("*") if "truename" in path.name]


class Hybrids:
    """A hybrid and a v2 torrent, made and served here, with a tracker that knows them by all their hashes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.hybrid = self._made("Both Ways 混合", 0)
        self.v2 = self._made("Only the Second", lt.create_torrent.v2_only)

    def _made(self, name: str, flags: int) -> lt.torrent_info:
        content = self._folder / name
        content.mkdir()
        for file in ("one.bin", "two.bin"):
            (content / file).write_bytes(os.urandom(40_000))
        torrent = lt.create_torrent(lt.list_files(str(content)), 16 * 1024, flags)
        lt.set_piece_hashes(torrent, str(self._folder))
        return lt.torrent_info(lt.bencode(torrent.generate()))

    @contextlib.contextmanager
    def serving(self) -> Iterator["Hybrids"]:
        session = lt.session(
            {
                "listen_interfaces": "127.0.0.1:0",
                "enable_dht": False,
                "enable_lsd": False,
                "enable_upnp": False,
                "enable_natpmp": False,
                "allow_multiple_connections_per_ip": True,
                "connection_speed": 0,  # it is asked, and asks nobody
            }
        )
        peers = {}
        for torrent in (self.hybrid, self.v2):
            params = lt.add_torrent_params()
            params.ti, params.save_path = torrent, str(self._folder)
            params.flags = lt.torrent_flags.seed_mode | lt.torrent_flags.upload_mode
            session.add_torrent(params)
            hashes = torrent.info_hashes()
            peer = compact("127.0.0.1", session.listen_port())
            peers |= {bytes.fromhex(str(known))[:20]: peer for known in (hashes.v1, hashes.v2)}

        def announce(request: bytes):
            return 200, {}, announce_answer(request, peers)

        with Answering(announce) as tracker:
            self.tracker = f"{tracker.url}/announce"
            yield self
        session.pause()


# Names


def test_the_helper_names_the_real_torrents_side_by_side_and_leaves_nothing_behind(clean, swarm):
    runs = [started(clean.environment(), torrent.info_hash) for torrent in swarm.torrents]
    ended = [Ended(run) for run in runs]
    for torrent, run in zip(swarm.torrents, ended, strict=True):
        assert (run.status, run.reason) == (0, "")
        assert run.name == decode(torrent.info)[b"name"].decode() + "\n"
    assert not clean.client().torrents_info()
    assert_nothing_of_ours(clean)


def test_a_hash_may_be_written_in_any_way(clean, swarm):
    assert ask(clean.environment(), f"  {swarm.torrents[0].info_hash.upper()} ").name == "alice.txt\n"


def test_a_hybrid_torrent_is_found_by_either_hash_and_a_v2_torrent_by_its_own(clean, hybrids):
    clean.client().app_set_preferences({"add_trackers": hybrids.tracker})
    both, second = hybrids.hybrid.info_hashes(), hybrids.v2.info_hashes()
    asked = [(both.v1, "Both Ways 混合\n"), (both.v2, "Both Ways 混合\n"), (second.v2, "Only the Second\n")]
    for info_hash, name in asked:
        ended = ask(clean.environment(), str(info_hash))
        assert (ended.status, ended.name) == (0, name), ended.reason
    assert_nothing_of_ours(clean)
    # These have content to give. Metadata does not count as payload.
    assert clean.client().transfer_info()["dl_info_data"] == 0


def test_a_full_queue_of_the_persons_downloads_does_not_hold_a_name_up(clean, swarm):
    client = clean.client()
    client.app_set_preferences({"max_active_downloads": 1, "max_active_torrents": 1})
    client.torrents_add(urls=[f"magnet:?xt=urn:btih:{info_hash}" for info_hash in DEAD[:4]])
    until(lambda: sorted(t["state"] for t in client.torrents_info()) == ["metaDL"] + ["queuedDL"] * 3)
    assert ask(clean.environment(), swarm.torrents[1].info_hash).name == "Leaves of Grass by Walt Whitman.epub\n"
    assert len(client.torrents_info()) == 4


@pytest.mark.parametrize(("turn_s", "forced"), [(0.5, False), (60, True)])
def test_only_what_stays_in_a_queue_is_started_by_force(turn_s, forced, swarm):
    wanted = swarm.torrents[0]
    with Queueing(b"d4:info" + wanted.info + b"e", turn_s=turn_s).serving() as server:
        ended = ask({"QBT_URL": server.url}, wanted.info_hash)
        assert (ended.status, ended.name) == (0, "alice.txt\n"), ended.reason
        assert (server.times("torrents/setForceStart") > 0, server.resumed) == (forced, False)


# What is the person's


def test_a_torrent_that_was_there_is_read_and_not_touched_even_when_it_was_renamed(clean, swarm):
    client = clean.client()
    alice, leaves = swarm.torrents[:2]
    client.torrents_add(
        torrent_files=b"d4:info" + alice.info + b"e", is_stopped=True, rename="my own title", tags="mine"
    )
    until(lambda: [t["state"] for t in client.torrents_info()] == ["pausedDL"])
    before = touchable(client)
    assert ask(clean.environment(), alice.info_hash).name == "alice.txt\n"
    assert ask(clean.environment(), leaves.info_hash).status == 0
    assert touchable(client) == before


def test_a_magnet_of_the_person_that_has_no_metadata_yet_is_waited_for_and_not_touched(clean):
    client = clean.client()
    client.torrents_add(urls=f"magnet:?xt=urn:btih:{DEAD[0]}&dn=a+claim", tags="mine")
    until(lambda: [t["state"] for t in client.torrents_info()] == ["metaDL"])
    before = touchable(client)
    ended = ask(clean.environment(QBT_TIMEOUT_S="1"), DEAD[0])
    assert (ended.status, ended.name) == (124, "")
    assert touchable(client) == before


def test_a_hybrid_torrent_of_the_person_is_read_by_the_hash_it_does_not_go_by(clean, hybrids):
    client = clean.client()
    client.torrents_add(torrent_files=lt.bencode({b"info": lt.bdecode(hybrids.hybrid.info_section())}), is_stopped=True)
    until(lambda: [t["state"] for t in client.torrents_info()] == ["pausedDL"])
    before = touchable(client)
    for info_hash in (hybrids.hybrid.info_hashes().v1, hybrids.hybrid.info_hashes().v2):
        assert ask(clean.environment(), str(info_hash)).name == "Both Ways 混合\n"
    assert touchable(client) == before
    assert_nothing_of_ours(clean)


def test_a_file_of_the_person_with_the_torrents_name_is_not_removed_with_it(clean, swarm):
    own = clean.downloads / "alice.txt"
    own.write_text("written by the person")
    assert ask(clean.environment(), swarm.torrents[0].info_hash).name == "alice.txt\n"
    assert own.read_text() == "written by the person"
    own.unlink()


def touchable(client) -> list[tuple[object, ...]]:
    return [tuple(torrent[field] for field in TOUCHABLE) for torrent in client.torrents_info()]


# Reasons


def test_a_dead_hash_ends_in_a_reason_and_nothing_stays_behind(clean):
    ended = ask(clean.environment(QBT_TIMEOUT_S="1.5"), DEAD[0])
    assert (ended.status, ended.name) == (124, "")
    assert ended.reason == "Nobody gave this torrent's metadata within 1.5 seconds; try again later."
    assert not clean.client().torrents_info()
    assert_nothing_of_ours(clean)


def test_the_reason_is_in_the_readers_language():
    assert ask({"LANG": "zh_CN.UTF-8"}, "--help").reason == "info-hash 无效。"
    assert ask({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, "--help").reason == "This is not an info-hash."


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_helper_that_is_told_to_end_takes_its_torrent_away_first(clean, number):
    client = clean.client()
    with started(clean.environment(), DEAD[1]) as process:
        until(client.torrents_info)
        process.send_signal(number)
        ended = Ended(process)
    assert (ended.status, ended.reason) == (1, "The look-up was stopped.")
    assert not client.torrents_info()
    assert_nothing_of_ours(clean)


def test_a_wrong_password_and_then_a_ban_are_said_in_a_sentence(tmp_path):
    with QBittorrent(tmp_path, settings={"web_ui_max_auth_fail_count": 1}).running() as strict:
        wrong = ask(strict.environment(QBT_PASSWORD="wrong"), DEAD[0])
        assert (wrong.status, wrong.name) == (1, "")
        assert wrong.reason.startswith("qBittorrent refuses the user name or the password; ")
        banned = ask(strict.environment(), DEAD[0])
        assert (banned.status, banned.name) == (1, "")
        assert banned.reason.startswith("qBittorrent has banned this machine after too many wrong passwords; ")


def refused_address() -> str:
    with always(200) as gone:
        return gone.url


def test_a_server_that_is_down_is_said_in_a_sentence():
    ended = ask({"QBT_URL": refused_address(), "QBT_USERNAME": "keeper", "QBT_PASSWORD": PASSWORD}, DEAD[0])
    assert ended.status == 1
    assert ended.reason.startswith("qBittorrent cannot be reached; ")


def version(number: bytes):
    return Answering(lambda request: (200, {}, b"Ok." if b"login" in request else number))


STRANGERS = {
    "a page": (lambda: always(200, b"<!doctype html><title>Welcome</title>"), "is not qBittorrent's Web UI"),
    "an empty page": (lambda: always(200), "is not qBittorrent's Web UI"),
    "not found": (lambda: always(404, b"<h1>404</h1>"), "is not qBittorrent's Web UI"),
    "elsewhere": (lambda: always(302, Location="http://127.0.0.1:1/"), "is not qBittorrent's Web UI"),
    "a gateway": (lambda: always(502, b"<h1>Bad Gateway</h1>"), "cannot be reached"),
    "host refused": (lambda: always(401, b"Unauthorized"), "refuses the host name"),
    "old": (lambda: version(b"2.8.3"), "too old"),
    "odd answers": (lambda: version(b"2.9.0"), "another torrent"),
}


@pytest.mark.parametrize(("server", "words"), STRANGERS.values(), ids=STRANGERS)
def test_what_is_no_qbittorrent_is_said_in_a_sentence(server, words):
    with server() as stranger:
        ended = ask({"QBT_URL": stranger.url, "QBT_USERNAME": "keeper", "QBT_PASSWORD": PASSWORD}, DEAD[0])
    assert ended.status == 1
    assert words in ended.reason
    assert "\n" not in ended.reason
    assert PASSWORD not in ended.reason


def test_a_server_that_never_answers_costs_the_time_given_and_no_more():
    may_end = threading.Event()

    def silent(request: bytes):
        may_end.wait(PATIENCE_S)
        return 200, {}, b""

    with Answering(silent) as server:
        ended = ask({"QBT_URL": server.url, "QBT_TIMEOUT_S": "0.8"}, DEAD[0])
        may_end.set()
    assert (ended.status, ended.reason) == (124, "qBittorrent did not answer within 0.8 seconds.")


def test_the_password_does_not_follow_a_redirect():
    with always(200) as canary, always(307, Location=f"{canary.url}/api/v2/auth/login") as server:
        assert ask({"QBT_URL": server.url, "QBT_USERNAME": "keeper", "QBT_PASSWORD": PASSWORD}, DEAD[0]).status == 1
        assert server.asked
        assert not canary.asked


WRONG_USE = [[], ["--help"], ["-h"], ["5"], ["0" * 40], [DEAD[0], DEAD[1]], ["--", DEAD[0]], [DEAD[0] + ";id"]]
UNUSABLE = [
    ({}, "QBT_URL"),
    ({"QBT_URL": "127.0.0.1:8080"}, "QBT_URL"),
    ({"QBT_URL": "file:///etc/passwd"}, "QBT_URL"),
    ({"QBT_URL": "http://["}, "QBT_URL"),
    ({"QBT_URL": "http://127.0.0.1:99999"}, "QBT_URL"),
    ({"QBT_URL": "http://127.0.0.1:1", "QBT_TIMEOUT_S": "nan"}, "QBT_TIMEOUT_S"),
    ({"QBT_URL": "http://127.0.0.1:1", "QBT_TIMEOUT_S": "-1"}, "QBT_TIMEOUT_S"),
    ({"QBT_URL": "http://127.0.0.1:1", "QBT_TIMEOUT_S": "soon"}, "QBT_TIMEOUT_S"),
]


def test_wrong_use_is_said_before_anybody_is_asked(helper, monkeypatch, capfd):
    with always(200) as canary:
        monkeypatch.setenv("QBT_URL", canary.url)
        monkeypatch.setenv("LC_ALL", "C.UTF-8")
        for arguments in WRONG_USE:
            assert helper.main(arguments) == 2, arguments
            name, reason = capfd.readouterr()
            assert name == "", arguments
            assert reason.strip() in ("Give exactly one info-hash.", "This is not an info-hash."), arguments
        ended = ask({"QBT_URL": canary.url}, *WRONG_USE[-1])
        assert (ended.status, ended.name, ended.reason) == (2, "", "This is not an info-hash.")
        assert not canary.asked


def test_unusable_settings_are_named(helper, monkeypatch, capfd):
    for environment, word in UNUSABLE:
        for name in ("QBT_URL", "QBT_TIMEOUT_S"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert helper.main([DEAD[0]]) == 2, environment
        name, reason = capfd.readouterr()
        assert name == "", environment
        assert word in reason, environment
    ended = ask(environment, DEAD[0])
    assert (ended.status, ended.name) == (2, "")
    assert word in ended.reason


# What an exported file may hold


def test_only_metadata_with_the_right_digest_has_a_name(helper, swarm):
    alice, leaves = swarm.torrents[:2]
    exported = b"d8:announce3:url13:creation datei5e4:info" + alice.info + b"4:listl1:a1:bee"
    assert helper.name_in(exported, alice.info_hash) == "alice.txt"
    for wrong, info_hash in ((exported, leaves.info_hash), (exported.replace(b"alice", b"alyce"), alice.info_hash)):
        with pytest.raises(helper.Reason, match="another"):
            helper.name_in(wrong, info_hash)


@pytest.mark.parametrize(
    "torrent",
    [b"", b"d", b"de", b"<html>", b"d4:info", b"d4:infod", b"d4:info99999:e", b"i5e", b"d4:infoi5", b"l" * 9999],
)
def test_a_file_that_is_no_torrent_has_no_name(helper, torrent):
    with pytest.raises(helper.Reason, match="another"):
        helper.name_in(torrent, DEAD[0])


def test_the_example_names_a_torrent_through_the_real_qbittorrent(clean, swarm):
    """All of it together: program, routes, manager, runner, helper, qBittorrent."""
    import requests

    environment = clean.environment(APP_PASSWORD="a pass phrase for the example")
    with serving(environment) as (_, address), requests.Session() as browser:
        browser.post(
            f"{address}login", {"username": "admin", "password": environment["APP_PASSWORD"]}, timeout=PATIENCE_S
        )
        asked = {"info_hash": swarm.torrents[0].info_hash}
        task = browser.post(f"{address}api/calibrate/async", json=asked, timeout=PATIENCE_S).json()["task_id"]
        status = f"{address}api/calibrate/status/{task}"
        until(lambda: browser.get(status, timeout=PATIENCE_S).json()["status"] not in ("pending", "running"))
        assert browser.get(status, timeout=PATIENCE_S).json()["result"] == "alice.txt"
    assert_nothing_of_ours(clean)
