"""Against what people have now: names a second of the old design, of other programs, and of truename, in one run.

    .venv/bin/python bench/field.py --install --write [--names 1000] [--old 30] [--rounds 3]

Local swarms serve the torrents. First the peers know TCP alone, which is what slows a client down that tries uTP first,
as libtorrent does by itself; all hashes live, then half of them dead; then all live with peers that know uTP as well.
The old design and whatever is slow run once, the old design with few names. `--install` brings demagnetize and
magnet2torrent into a folder that is thrown away (`--venv` names one that has them); aria2c and qBittorrent are Debian's
(`apt-get install aria2 qbittorrent-nox`). What is not there or does not run has its error in its row. `--write` puts
the table and the plot into `bench/results/`. Goals, for the first column: the server names at least 500 times as many
as the old design, at least 4 times as many as qBittorrent used well.
"""

import argparse
import asyncio
import datetime
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from by_qbittorrent import old_design, tuned, used_well
from chart import bars
from processes import family, used_s
from resolve import add_info_bytes, conditions, wait_for_ports
from rivals import Absent, Ended, Load, aria2c, demagnetize, magnet2torrent, resolve_command
from whole_path import begun_server, seconds_of_batch

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes, magnet_link
from truename.metainfo import read_info

TIMES_OLD, TIMES_USED_WELL = 500.0, 4.0
RESULTS = Path(__file__).parent / "results"
OLD, WELL, SERVER = "old design, 5 helpers", "qBittorrent used well", "truename, HTTP batch, stored"
TUNED = "qBittorrent tuned for this"
PACKAGES = ("demagnetize==0.3.0", "magnet2torrent==1.2.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How names are found. `few`: it gets this many of the names only; `once`: whatever the rounds."""

    run: Callable[[Load], Ended]
    once: bool = False
    few: int | None = None


def server_batch(load: Load) -> Ended:
    """One HTTP batch to a server that has begun, until all are named and stored."""

    async def measure() -> Ended:
        async with begun_server(load.first) as (server, connection, file):
            used = used_s(family(server.pid))
            seconds = await seconds_of_batch(connection, file, load.magnets, live=len(load.names))
            named = len(load.names) if seconds < float("inf") else 0
            return Ended(named=named, seconds=seconds, cpu_s=used_s(family(server.pid)) - used)

    return asyncio.run(measure())


def live(swarm: LocalSwarm) -> Load:
    """All that the swarm has, but for the first."""
    names = {str(each.info_hash): read_info(each.info, [each.info_hash]).name for each in swarm.torrents[1:]}
    first, *magnets = swarm.magnets
    return Load(first=first, magnets=tuple(magnets), names=names, tracker=swarm.addresses.tracker)


def half_dead(load: Load) -> Load:
    """As many magnets, of which half are dead, mixed."""
    dead = [magnet_link(each, tracker=load.tracker) for each in dead_hashes(len(load.magnets) // 2)]
    living = len(load.magnets) - len(dead)
    magnets = [*load.magnets[:living], *dead]
    random.Random(1).shuffle(magnets)
    return replace(load, magnets=tuple(magnets), names=dict(list(load.names.items())[:living]))


def fewer(load: Load, count: int) -> Load:
    """The first of them."""
    some = replace(load, magnets=load.magnets[:count])
    return replace(some, names={each: load.names[each] for each in some.hashes() if each in load.names})


def measured(way: Way, load: Load, rounds: int) -> Ended:
    """The round in the middle."""
    load = fewer(load, way.few) if way.few else load
    found = []
    for _ in range(1 if way.once else rounds):
        wait_for_ports(len(load.magnets))
        try:
            found.append(way.run(load))
        except Absent as absent:
            return Ended(named=0, seconds=0, cpu_s=0, error=str(absent))
    middle = sorted(found, key=a_second)[len(found) // 2]
    missing = "" if middle.named == len(load.names) else f"{middle.named} of {len(load.names)} named"
    return replace(middle, error=", ".join(filter(None, (missing, middle.error))))


def a_second(ended: Ended) -> float:
    """Names a second."""
    return ended.named / ended.seconds if ended.named else 0.0


@contextmanager
def tools(asked: argparse.Namespace) -> Iterator[Path | None]:
    """The folder in which the programs from PyPI are."""
    if not asked.install:
        yield asked.venv
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for package in PACKAGES:
            subprocess.run(
                [*pip, package], capture_output=True, check=False
            )  # the row of one that does not come says so
        yield Path(folder)


def ways(venv: Path | None, old: int) -> dict[str, Way]:
    """All of them, as the rows of the table."""
    return {
        OLD: Way(run=old_design, once=True, few=old),
        WELL: Way(run=used_well, once=True),
        TUNED: Way(run=tuned),
        "aria2c, all at once": Way(run=aria2c),
        "demagnetize batch": Way(run=partial(demagnetize, venv), once=True),
        "magnet2torrent, 500 at once": Way(run=partial(magnet2torrent, venv)),
        "truename resolve --file": Way(run=resolve_command),
        SERVER: Way(run=server_batch),
    }


def short(value: float) -> str:
    """Two or more digits of a number, without an exponent."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def table(rows: Mapping[str, Sequence[Ended]], titles: Sequence[str]) -> str:
    """The rows in Markdown; `times` is beside the old design with the same load."""
    lines = ["| |" + "".join(f" {title}: names/s | times | CPU s for 1,000 |" for title in titles) + " |"]
    lines.append("|---|" + "---:|---:|---:|" * len(titles) + "---|")
    for name, found in rows.items():
        cells = []
        for each, old in zip(found, rows[OLD], strict=True):
            beside = a_second(each) / a_second(old) if old.named else 0.0
            cpu = 1000 * each.cpu_s / each.named if each.named else 0.0
            cells.append(
                f" {short(a_second(each))} | {short(beside)} | {short(cpu)} |" if each.named else " - | - | - |"
            )
        remarks = "; ".join(dict.fromkeys(each.error for each in found if each.error))
        lines.append(f"| {name} |" + "".join(cells) + f" {remarks} |")
    return "\n".join(lines)


def times(rows: Mapping[str, Sequence[Ended]], name: str, load: int) -> float:
    """How many times the names that another way finds the server finds."""
    other = a_second(rows[name][load])
    return a_second(rows[SERVER][load]) / other if other else 0.0


def write(head: str, text: str, plot: str) -> None:
    """Append the table to the results of today, and put the plot beside them."""
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    (RESULTS / f"{today}-field.svg").write_text(plot)
    with open(RESULTS / f"{today}.md", "a") as results:
        command = " ".join(["python bench/field.py", *sys.argv[1:]])
        results.write(f"\n`{command}`: {head}.\n\n{text}\n\n![names a second, by program]({today}-field.svg)\n")


def main() -> int:
    """Measure all. Status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--old", type=int, default=30, help="names for the old design")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--venv", type=Path)
    parser.add_argument("--write", action="store_true")
    add_info_bytes(parser)
    asked = parser.parse_args()
    head = conditions(asked.info_bytes)
    print(head, flush=True)
    titles = (f"{asked.names} live, TCP only", "50 % dead, TCP only", f"{asked.names} live, with uTP")
    plan = SwarmPlan(real=False, invented=asked.names + 1, info_bytes=asked.info_bytes)
    rows: dict[str, list[Ended]] = {}
    with LocalSwarm(replace(plan, utp=False)) as plain, LocalSwarm(plan) as modern, tools(asked) as venv:
        loads = (live(plain), half_dead(live(plain)), live(modern))
        for name, way in ways(venv, asked.old).items():
            rows[name] = [measured(way, load, asked.rounds) for load in loads]
            told = (f"{a_second(each):8.2f} names/s {each.error}" for each in rows[name])
            print(f"{name:32}", *told, flush=True)
    text = table(rows, titles)
    values = {name: [a_second(each) if each.named else each.error for each in found] for name, found in rows.items()}
    plot = bars("Names a second on a local swarm (logarithmic)", titles, values)
    times_old, times_well, times_tuned = (times(rows, each, 0) for each in (OLD, WELL, TUNED))
    text += f"\n\nThe server, beside the old design (goal {TIMES_OLD:.0f}), qBittorrent used well (goal "
    text += f"{TIMES_USED_WELL:.0f}) and the one tuned for nothing else: {times_old:.0f}, {times_well:.1f} and "
    text += f"{times_tuned:.1f} times as many; where the peers know uTP, "
    text += ", ".join(f"{times(rows, other, 2):.1f}" for other in (OLD, WELL, TUNED))
    text += f". The round in the middle of {asked.rounds}."
    print(f"\n{text}")
    if asked.write:
        write(head, text, plot)
    return 0 if times_old >= TIMES_OLD and times_well >= TIMES_USED_WELL else 1


if __name__ == "__main__":
    sys.exit(main())
