"""The child process of the demo swarm: libtorrent sessions that serve metadata, the tracker, the DHT nodes.

Reads one line of JSON on standard input, prints one line with the addresses, and serves until its input ends, so that
it never outlives the process that started it. `python -m truename.demo.peers`.
"""

import asyncio
import contextlib
import json
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import libtorrent as lt

from truename.demo.torrents import DemoTorrent, invented_torrents, real_torrents
from truename.demo.tracker import Tracker, compact

_DHT_READY_NODES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmPlan:
    """What the child is asked to serve. `utp`: the seeder can also be reached over uTP, and not over TCP alone."""

    real: bool = True
    invented: int = 0
    info_bytes: int = 600
    seeders: bool = True
    utp: bool = True
    dht_nodes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmAddresses:
    """Where it serves: URL of the tracker, `host:port` of the seeder and of a DHT node (empty when there is none)."""

    tracker: str
    peer: str
    dht_node: str


def torrents_of(plan: SwarmPlan) -> tuple[DemoTorrent, ...]:
    """The torrents a plan means; parent and child agree on them without sending them."""
    return (real_torrents() if plan.real else ()) + invented_torrents(plan.invented, info_bytes=plan.info_bytes)


def main() -> None:
    """Serve until standard input ends."""
    plan = SwarmPlan(**json.loads(sys.stdin.readline()))
    with tempfile.TemporaryDirectory(prefix="truename-demo-") as folder, contextlib.suppress(BrokenPipeError):
        asyncio.run(_serve(plan, folder))


async def _serve(plan: SwarmPlan, folder: str) -> None:
    ended = await _end_of_input()
    torrents = torrents_of(plan)
    nodes = await _dht_net(plan.dht_nodes) if plan.dht_nodes else []
    seeder = _seeder(torrents, folder, nodes, utp=plan.utp) if plan.seeders else None
    with _nobody() as closed_port:
        # The tracker answers as if everybody were there, so that a name can only come from a seeder.
        port = seeder.listen_port() if seeder else closed_port
        table = {bytes.fromhex(torrent.info_hash)[:20]: compact("127.0.0.1", port) for torrent in torrents}
        server = await asyncio.get_running_loop().create_server(lambda: Tracker(table), "127.0.0.1", 0, backlog=4096)
        if seeder and nodes:
            await _publish(seeder, torrents)
        addresses = SwarmAddresses(
            tracker=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/announce",
            peer=f"127.0.0.1:{port}",
            dht_node=f"127.0.1.1:{nodes[0].listen_port()}" if nodes else "",
        )
        print(json.dumps(asdict(addresses)), flush=True)
        await ended.wait()
        server.close()


async def _end_of_input() -> asyncio.Event:
    """Set when the parent closes our standard input or dies, however it dies, and when we are told to terminate."""
    ended = asyncio.Event()

    class Input(asyncio.Protocol):
        def connection_lost(self, error: Exception | None) -> None:
            ended.set()

    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(Input, sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    return ended


def _seeder(torrents: Iterable[DemoTorrent], folder: str, nodes: list[lt.session], *, utp: bool) -> lt.session:
    session = _session(
        listen_interfaces="127.0.0.1:0",
        enable_incoming_utp=utp,
        enable_dht=bool(nodes),
        dht_bootstrap_nodes=f"127.0.1.1:{nodes[0].listen_port()}" if nodes else "",
        active_limit=10**6,
        active_seeds=10**6,
        connections_limit=8000,
        listen_queue_size=4096,  # of a thousand handshakes at once, libtorrent's own 5 lets one in ten time out
        allow_multiple_connections_per_ip=True,
        connection_speed=0,  # it is asked, and asks nobody
        alert_mask=0,
    )
    flags = lt.torrent_flags
    for torrent in torrents:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(b"d4:info" + torrent.info + b"e")
        params.save_path = folder
        params.flags = flags.upload_mode | flags.disable_dht | flags.disable_lsd | flags.disable_pex
        session.add_torrent(params)
    return session


async def _dht_net(count: int) -> list[lt.session]:
    """Nodes that know one another. Linking is repeated: a node that learns its address changes its id and forgets."""
    nodes = [
        _session(
            listen_interfaces=f"127.0.1.{index + 1}:0",
            enable_dht=True,
            dht_bootstrap_nodes="",
            alert_mask=0,
        )
        for index in range(count)
    ]
    for _ in range(20):
        for index, node in enumerate(nodes):
            for step in (1, 2, 3, 5):
                other = (index + step) % count
                node.add_dht_node((f"127.0.1.{other + 1}", nodes[other].listen_port()))
        await asyncio.sleep(0.5)
        if min(_known_nodes(node) for node in nodes) >= min(_DHT_READY_NODES, count - 1):
            break
    return nodes


def _session(**settings: Any) -> lt.session:
    everything: Any = {**_QUIET, **_LOCAL_DHT, **settings}
    return lt.session(everything)


def _known_nodes(session: lt.session) -> int:
    session.post_session_stats()
    while session.wait_for_alert(1000):
        for alert in session.pop_alerts():
            if isinstance(alert, lt.session_stats_alert):
                return int(alert.values["dht.dht_nodes"])
    return 0


async def _publish(seeder: lt.session, torrents: Iterable[DemoTorrent]) -> None:
    """Announce the seeder in the DHT, twice and slowly: bursts are dropped."""
    for _ in range(2):
        for torrent in torrents:
            seeder.dht_announce(lt.sha1_hash(bytes.fromhex(torrent.info_hash)[:20]), seeder.listen_port(), 0)
            await asyncio.sleep(0.02)


@contextlib.contextmanager
def _nobody() -> Iterator[int]:
    """A port on loopback that refuses connections: taken, so that no other program gets it, and not listening."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        yield port


_QUIET = {"enable_lsd": False, "enable_upnp": False, "enable_natpmp": False, "in_enc_policy": 1, "out_enc_policy": 1}
_LOCAL_DHT = {
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_prefer_verified_node_ids": False,
    "dht_enforce_node_id": False,
    "dht_ignore_dark_internet": False,
    "dht_block_ratelimit": 10**6,
    "dht_upload_rate_limit": 10**8,
    "dht_max_torrents": 50_000,
}

if __name__ == "__main__":
    main()
