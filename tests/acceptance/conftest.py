"""The real program, as a person types it, on swarms that live on loopback."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest

from tests.databases import empty_database
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import magnet_link
from truename.store.database import FILE_NAME

PROGRAM = Path(sys.executable).with_name("truename")
CLOSED_NETWORK = {
    "TRUENAME_DHT": "off",
    "TRUENAME_LISTEN_INTERFACES": "127.0.0.1:0",
    "TRUENAME_ALLOW_PRIVATE_NETWORK": "on",
}
PATIENCE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a run of the program ended."""

    status: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.decode().splitlines()


class Program:
    """Runs `truename` in a folder of its own, with nothing in its environment but what is given."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.data_dir = folder / "data"
        self.home.mkdir()

    def has_run_before(self) -> "Program":
        """With a database that is there already, as at every run but the first."""
        self.data_dir.mkdir(mode=0o700)
        (self.data_dir / FILE_NAME).write_bytes(empty_database())
        return self

    def environment(self, extra: Mapping[str, str] = {}) -> dict[str, str]:
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        return base | CLOSED_NETWORK | {"TRUENAME_DATA_DIR": str(self.data_dir)} | dict(extra)

    def __call__(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] = {},
        **options: Any,
    ) -> Finished:
        ended = subprocess.run(
            [PROGRAM, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env=self.environment(environment),
            timeout=PATIENCE_S,
            check=False,
            **({"cwd": self.home} | options),
        )
        return Finished(status=ended.returncode, out=ended.stdout, err=ended.stderr.decode())

    @contextmanager
    def started(
        self, *arguments: str, environment: Mapping[str, str] = {}, **options: Any
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A run that goes on meanwhile, on pipes; it is over when the block is left.

        One that does not end in the time that the block gives it is made to say where it hangs.
        """
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        variables = {**self.environment(environment), "PYTHONFAULTHANDLER": "1"}
        with subprocess.Popen([PROGRAM, *arguments], env=variables, cwd=self.home, **(pipes | options)) as run:
            try:
                yield run
            except subprocess.TimeoutExpired as late:
                run.send_signal(signal.SIGABRT)
                _, said = run.communicate(timeout=30)
                raise AssertionError((said or b"").decode(errors="replace")) from late
            finally:
                run.kill()


@pytest.fixture
def truename(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def newcomer(tmp_path: Path) -> Program:
    """The program before its first run, where `truename` has run before."""
    return Program(tmp_path)


@pytest.fixture(scope="session")
def swarm() -> Iterator[LocalSwarm]:
    with LocalSwarm(SwarmPlan(invented=40)) as local:
        yield local


@pytest.fixture
def seed(tmp_path: Path) -> Iterator[Callable[[bytes], str]]:
    """Serves one info dictionary after the other; the result is a magnet that names the peer."""
    settings: Any = {
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "allow_multiple_connections_per_ip": True,
    }
    session = lt.session(settings)
    folder = tmp_path / "seeder"

    def add(info: bytes) -> str:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(b"d4:info" + info + b"e")
        params.save_path = str(folder)
        params.flags = lt.torrent_flags.upload_mode
        session.add_torrent(params)
        hashes = params.ti.info_hashes()
        info_hash = str(hashes.v1) if hashes.has_v1() else str(hashes.v2)
        return magnet_link(info_hash, peer=f"127.0.0.1:{session.listen_port()}")

    yield add
    session.pause()


def single_file_info(name: bytes) -> bytes:
    """An info dictionary of one small file with the given raw name."""
    return b"d6:lengthi20000e4:name%d:%s12:piece lengthi16384e6:pieces40:%se" % (len(name), name, bytes(range(40)))


def until(condition: Callable[[], bool], *, seconds: float = 30) -> bool:
    """Look again and again, briefly, until something outside this process has become true.

    Less often the longer it takes: each look may be work for those who are waited for.
    """
    end, pause_s = time.monotonic() + seconds, 0.02
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 0.2)
    return True
