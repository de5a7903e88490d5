"""Names from a real qBittorrent on loopback: as the old design asked it, and as it can be asked at best."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from processes import family, used_s
from rivals import GIVE_UP_S, Absent, Ended, Load

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # the tests know how a qBittorrent of one's own is started

if TYPE_CHECKING:
    from tests.qbittorrent import QBittorrent

HELPERS, OLD_TIMEOUT_S, POLL_S = 5, 10, 0.5
OLD_HELPER = f"""
import sys
sys.path.insert(0, {str(ROOT / "examples" / "drop_in")!r})
import calibrate_qbt_helper as helper
helper.POLL_S = {POLL_S}
sys.exit(helper.main(sys.argv[1:]))
"""
USED_WELL = {"queueing_enabled": False}
TUNED = USED_WELL | {
    "max_connec": 4000,
    "max_connec_per_torrent": 100,
    "max_concurrent_http_announces": 400,
    "connection_speed": 500,
    "bittorrent_protocol": 1,  # TCP alone: uTP first costs seconds for each peer
    "enable_multi_connections_from_same_ip": True,
}


@contextmanager
def _running(**settings: Any) -> "Iterator[tuple[QBittorrent, int]]":
    """A new qBittorrent and its process."""
    if which("qbittorrent-nox") is None:
        raise Absent("not installed")
    from tests.qbittorrent import QBittorrent

    with tempfile.TemporaryDirectory() as folder:
        before = set(family(os.getpid()))
        with QBittorrent(Path(folder), settings=settings).running() as running:
            (pid,) = set(family(os.getpid())) - before
            yield running, pid


def old_design(load: Load) -> Ended:
    """Five helpers at a time, each a process that logs in, adds, looks every half second, removes, and ends."""
    with _running(add_trackers_enabled=True, add_trackers=load.tracker) as (qbittorrent, pid):
        environment = os.environ | qbittorrent.environment(QBT_TIMEOUT_S=str(OLD_TIMEOUT_S))
        helpers, used = resource.getrusage(resource.RUSAGE_CHILDREN), used_s([pid])
        began = time.perf_counter()

        def ask(info_hash: str) -> float | None:
            command = [sys.executable, "-c", OLD_HELPER, info_hash]
            said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
            return time.perf_counter() - began if said.strip() == load.names.get(info_hash) else None

        with ThreadPoolExecutor(HELPERS) as pool:
            named = [after for after in pool.map(ask, load.hashes()) if after is not None]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - helpers.ru_utime - helpers.ru_stime + used_s([pid]) - used
    return Ended(named=len(named), seconds=max(named, default=0), cpu_s=cpu_s)


def used_well(load: Load) -> Ended:
    """All added by one request, told to stop with their metadata, and one poll of what has changed for all of them.

    Its queue, which would ask for five at a time, is off.
    """
    return _at_once(load, USED_WELL)


def tuned(load: Load) -> Ended:
    """The same with every other setting that makes it faster here, whatever that would mean elsewhere."""
    return _at_once(load, TUNED)


def _at_once(load: Load, settings: Mapping[str, Any]) -> Ended:
    with _running(**settings) as (qbittorrent, pid):
        client = qbittorrent.client()
        used, began = used_s([pid]), time.perf_counter()
        client.torrents_add(urls=list(load.magnets), stop_condition="MetadataReceived", is_stopped=False)
        named: set[str] = set()
        seconds = response = 0.0
        while len(named) < len(load.names) and time.perf_counter() - began < GIVE_UP_S:
            news: Any = client.sync_maindata(rid=int(response))
            response = news["rid"]
            torrents = news.get("torrents", {})
            fresh = {each for each, torrent in torrents.items() if torrent.get("name", "") == load.names.get(each)}
            if fresh - named:
                named |= fresh
                seconds = time.perf_counter() - began
            time.sleep(POLL_S / 2)
        return Ended(named=len(named), seconds=seconds, cpu_s=used_s([pid]) - used)
