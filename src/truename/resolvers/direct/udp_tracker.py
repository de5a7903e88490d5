"""The packets of a UDP tracker, as bytes and back: BEP 15, and its answers over IPv6. Pure."""

import struct
from dataclasses import dataclass

from truename.errors import TruenameError
from truename.resolvers.direct.announce import (
    LEFT_BYTES,
    MAX_PEERS,
    MAX_WAIT_S,
    PEERS_WANTED,
    Announce,
    Announced,
    read_compact,
)

PATIENCE_S = (1.5, 3.0, 6.0, 12.0)
"""How long each packet is waited for before it is sent again. BEP 15's own 15, 30, 60 s are for who has hours."""

CONNECTION_LIVES_S = 60.0

_PROTOCOL = 0x41727101980
_CONNECT, _ANNOUNCE = 0, 1
_STARTED = 2
_HEAD = struct.Struct(">II")
_CONNECT_QUESTION = struct.Struct(">QII")
_CONNECTED = struct.Struct(">IIQ")
_ANNOUNCE_QUESTION = struct.Struct(">QII20s20sQQQIIIiH")
_ANNOUNCED = struct.Struct(">IIIII")


class Malformed(TruenameError):  # noqa: N818 - named after what it is
    """A packet that is no answer to what was asked."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The tracker's leave to ask, for a minute."""

    connection: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The tracker says no, for a reason that is hostile."""

    said: bytes = b""


def build_connect(transaction: int) -> bytes:
    """Ask for a connection."""
    return _CONNECT_QUESTION.pack(_PROTOCOL, _CONNECT, transaction)


def build_announce(connection: int, transaction: int, announce: Announce) -> bytes:
    """Ask for peers."""
    return _ANNOUNCE_QUESTION.pack(
        connection,
        *(_ANNOUNCE, transaction, announce.hash20, announce.peer_id),
        *(0, LEFT_BYTES, 0, _STARTED),
        *(0, announce.key, PEERS_WANTED, announce.port),
    )


def transaction_of(packet: bytes) -> int | None:
    """The number of the question that a packet answers, or None when it is none."""
    return int(_HEAD.unpack_from(packet)[1]) if len(packet) >= _HEAD.size else None


def parse_answer(packet: bytes, *, address_bytes: int) -> Connected | Announced | Refused:
    """Read a packet. `address_bytes` of the peers in it are those of the tracker's own address. Errors: `Malformed`."""
    if len(packet) < _HEAD.size:
        raise Malformed
    match _HEAD.unpack_from(packet)[0]:
        case 0 if len(packet) >= _CONNECTED.size:
            return Connected(_CONNECTED.unpack_from(packet)[2])
        case 1 if len(packet) >= _ANNOUNCED.size:
            again_in_s = _ANNOUNCED.unpack_from(packet)[2]
            peers = dict.fromkeys(read_compact(packet[_ANNOUNCED.size :], address_bytes))
            return Announced(peers=tuple(peers)[:MAX_PEERS], again_in_s=min(again_in_s, MAX_WAIT_S))
        case 3:
            return Refused(packet[_HEAD.size :])
    raise Malformed
