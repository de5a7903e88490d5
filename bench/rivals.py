"""Programs that name magnets from the command line, each run as well as it can be: what `field.py` compares.

A way takes a load and gives what came of it. The clock runs from the start of the program to its last true name; it is
ended when there is nothing more to come, since a dead hash keeps most of them for long. All of them stay on loopback.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import family, used_s
from resolve import CLOSED_NETWORK

from truename import bencode
from truename.errors import BadMetadata

GIVE_UP_S = 120.0
LOOK_AGAIN_S = 0.01
LAST_WORDS = 60

MAGNET2TORRENT = """
import asyncio, sys
from magnet2torrent import Magnet2Torrent, httptracker
from magnet2torrent.bencode import bdecode
# It does not expect a tracker that names peers without counting them, as that of the local swarm does.
httptracker.bdecode = lambda answer: {b"complete": 1, b"incomplete": 0} | bdecode(answer)
async def name(magnet, places):
    async with places:
        try:
            _, torrent = await Magnet2Torrent(magnet).retrieve_torrent()
        except Exception:
            return
        print(bdecode(torrent)[b"info"][b"name"].decode(), flush=True)
async def main(magnets):
    places = asyncio.Semaphore(500)
    await asyncio.gather(*(name(magnet, places) for magnet in magnets))
asyncio.run(main(open(sys.argv[1]).read().split()))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Magnets, live and dead ones mixed; `names` are the true names of the live ones by hash.

    `first` is one more live magnet, with which a server can begin.
    """

    first: str
    magnets: tuple[str, ...]
    names: Mapping[str, str]
    tracker: str

    def hashes(self) -> list[str]:
        """Of all magnets."""
        return [magnet.partition("btih:")[2][:40] for magnet in self.magnets]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How many true names a way found, when the last of them came, and the processor time until then."""

    named: int
    seconds: float
    cpu_s: float
    error: str = ""


class Absent(Exception):  # noqa: N818 - named after what it is
    """The program cannot be run here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where the names of a program are, in the folder in which it runs: how many are there, and which."""

    count: Callable[[Path], int]
    names: Callable[[Path], list[str]]


def resolve_command(load: Load) -> Ended:
    """`truename resolve --file`, from the start of the command."""
    program = str(Path(sys.executable).with_name("truename"))
    with tempfile.TemporaryDirectory() as data:
        environment = CLOSED_NETWORK | {"TRUENAME_DATA_DIR": data, "LANG": "C.UTF-8"}
        return _run(load, lambda file: [program, "resolve", "--file", file], PRINTED, environment)


def aria2c(load: Load) -> Ended:
    """All at once, metadata only."""
    options = ["--no-conf", "--bt-metadata-only=true", "--bt-save-metadata=true", f"-j{len(load.magnets)}"]
    closed = ["--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false"]
    closed += ["--disable-ipv6=true", "--interface=lo", "--quiet=true"]
    return _run(load, lambda file: ["aria2c", *options, *closed, "-d.", f"-i{file}"], SAVED)


def demagnetize(venv: Path | None, load: Load) -> Ended:
    """`demagnetize batch`, which asks for 50 at once."""
    program = _program(venv, "demagnetize")
    return _run(load, lambda file: [program, "batch", "-o", "{hash}.torrent", file], SAVED)


def magnet2torrent(venv: Path | None, load: Load) -> Ended:
    """Its class, 500 at once."""
    _program(venv, "demagnetize")  # both come together
    return _run(load, lambda file: [_program(venv, "python"), "-c", MAGNET2TORRENT, file], PRINTED)


def _program(venv: Path | None, name: str) -> str:
    if venv is None or not (venv / "bin" / name).exists():
        raise Absent("not installed (--install)")
    return str(venv / "bin" / name)


def _run(
    load: Load,
    command: Callable[[str], Sequence[str]],
    output: Output,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Start it in a folder of its own, and look every few milliseconds how many names are there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "magnets").write_text("\n".join(load.magnets) + "\n")
        with open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
            began = time.perf_counter()
            try:
                run = subprocess.Popen(
                    command("magnets"),
                    cwd=folder,
                    env=os.environ | (environment or {}),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                )
            except FileNotFoundError as missing:
                raise Absent("not installed") from missing
        try:
            seconds = _until_it_has_all(run.pid, lambda: output.count(folder), len(load.names), began)
            cpu_s = used_s(family(run.pid))
        finally:
            _end(run)
        named = len(set(output.names(folder)) & set(load.names.values()))
        said = _last_words((folder / "err").read_text(errors="replace")) if not named else ""
        return Ended(named=named, seconds=seconds, cpu_s=cpu_s, error=said)


def _last_words(said: str) -> str:
    """The last error in what a program said, without the modules that it comes from."""
    errors = re.findall(r"(\w+Error: .*)", said)
    return errors[-1][:LAST_WORDS] if errors else ""


def _until_it_has_all(pid: int, count: Callable[[], int], wanted: int, began: float) -> float:
    """Seconds until the last name, all of them or not; a name seen here is as old as the look before it at most."""
    there, last_s = 0, 0.0
    while there < wanted and time.perf_counter() - began < GIVE_UP_S:
        has_ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        now = count()
        if now > there:
            there, last_s = now, time.perf_counter() - began
        if has_ended:
            break
        time.sleep(LOOK_AGAIN_S)
    return last_s or time.perf_counter() - began


def _end(run: subprocess.Popen[bytes]) -> None:
    run.terminate()
    with suppress(subprocess.TimeoutExpired):
        run.wait(5)
    run.kill()
    run.wait()


def _printed(folder: Path) -> list[str]:
    """Names on lines, whole ones only; a hash may stand before each."""
    lines = (folder / "out").read_text(errors="replace").split("\n")[:-1]
    return [line.rpartition("  ")[2] for line in lines]


def _files(folder: Path) -> list[Path]:
    return [folder / entry.name for entry in os.scandir(folder) if entry.name.endswith(".torrent")]


def _saved(folder: Path) -> list[str]:
    """The names in torrent files; one that was still being written has none."""
    names = []
    for file in _files(folder):
        with suppress(BadMetadata):
            torrent: Any = bencode.decode_first(file.read_bytes())[0]
            names.append(torrent[b"info"][b"name"].decode())
    return names


PRINTED = Output(count=lambda folder: len(_printed(folder)), names=_printed)
SAVED = Output(count=lambda folder: len(_files(folder)), names=_saved)
