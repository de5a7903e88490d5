"""The program in a network of its own, whose only way out is a tunnel that this script holds the other end of.

So every packet that would have left the machine is seen, and none does. Run as `unshare --net --mount python -m
tests.sealed FOLDER`; prints for each run of the program how it ended and what has come out of the tunnel.
"""

import asyncio
import fcntl
import json
import os
import struct
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.loopback import Tracker
from tests.socks import SocksServer, free_port
from tests.wire import Peer, info_named, sha1
from truename.demo.tracker import compact

INFO = info_named("Sealed.mkv")
PEER, DEAD_PEER, TRACKER, NODE = "93.184.216.40", "93.184.216.35", "93.184.216.34", "93.184.216.41"
_TUNSETIFF, _TUN, _NO_INFO = 0x400454CA, 0x0001, 0x1000
_OF_THE_KERNEL = (0, 2, 58)
"""Hop-by-hop options, IGMP and ICMPv6: what a new interface says by itself."""


def seal(folder: Path) -> int:
    """Make the tunnel the way to everywhere, and a server behind it the one for names. Output: its other end."""
    tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tunnel, _TUNSETIFF, struct.pack("16sH22x", b"tun0", _TUN | _NO_INFO))
    names = folder / "resolv.conf"
    names.write_text("nameserver 192.0.2.53\noptions timeout:1 attempts:1\n")
    for command in (
        *("link set lo up", "addr add 10.9.0.1/24 dev tun0", "-6 addr add fd00::1/64 dev tun0", "link set tun0 up"),
        *("route add default dev tun0", "-6 route add default dev tun0"),
    ):
        subprocess.run(["ip", *command.split()], check=True)
    subprocess.run(["mount", "--bind", names, "/etc/resolv.conf"], check=True)
    return tunnel


def read_packets(tunnel: int) -> list[str]:
    """Where the packets that have come out wanted to go: protocol, address, port."""
    found = []
    while True:
        try:
            packet = os.read(tunnel, 65536)
        except BlockingIOError:
            return sorted(set(found))
        if packet[0] >> 4 == 4:
            kind, where, rest = packet[9], packet[16:20], packet[(packet[0] & 15) * 4 :]
        else:
            kind, where, rest = packet[6], packet[24:40], packet[40:]
        if kind not in _OF_THE_KERNEL:
            found.append(f"{kind} {ip_address(where)} {struct.unpack('!H', rest[2:4])[0]}")


async def resolve(folder: Path, magnet: str, settings: dict[str, str]) -> dict[str, Any]:
    """Run the program in a new folder, with no settings but these."""
    folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    program = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("truename"), "resolve", "--timeout", "3", magnet),
        env=environment | {"TRUENAME_DATA_DIR": str(folder / "data")} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )
    out, err = await program.communicate()
    return {"status": program.returncode, "out": out.decode(), "err": err.decode()}


async def main(folder: Path) -> dict[str, Any]:
    """Some runs, each with the same magnet and an empty catalogue."""
    tunnel = seal(folder)
    peer, tracker = Peer(INFO), Tracker()
    proxy = SocksServer({"tracker.example": "127.0.0.1", PEER: "127.0.0.1"})
    async with peer.serving(), tracker.serving(), proxy.serving():
        tracker.peers[bytes.fromhex(sha1(INFO))] = compact(DEAD_PEER, 6882) + compact(PEER, peer.port)
        port = tracker.port
        trackers = (
            *(f"http://{TRACKER}/announce", f"udp://{TRACKER}:6969/announce", f"udp://tracker.example:{port}/announce"),
            f"http://tracker.example:{port}/announce",
        )
        magnet = "&".join(
            [f"magnet:?xt=urn:btih:{sha1(INFO)}", f"x.pe={DEAD_PEER}:6881", *(f"tr={one}" for one in trackers)]
        )
        runs: dict[str, dict[str, str]] = {
            "offline": {"TRUENAME_OFFLINE": "on"},
            "down": {"TRUENAME_PROXY": f"socks5://127.0.0.1:{free_port()}"},
            "proxied": {"TRUENAME_PROXY": proxy.url},
            "swarm alone": {
                "TRUENAME_PROXY": proxy.url,
                "TRUENAME_RESOLVERS": "swarm",
                "TRUENAME_DHT_BOOTSTRAP": f"{NODE}:6881,router.example:6881",
            },
            "direct alone": {"TRUENAME_PROXY": proxy.url, "TRUENAME_RESOLVERS": "direct"},
            "open": {},
        }
        told: dict[str, Any] = {}
        for name, settings in runs.items():
            read_packets(tunnel)
            proxy.asked.clear()
            told[name] = await resolve(folder / name, magnet, settings)
            told[name] |= {"left": read_packets(tunnel), "proxy": proxy.asked.copy()}
    return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
