"""The small world of torrents, magnets and texts in which the engine is asked by `test_engine_model`."""

from truename.calibration import Rules
from truename.magnet import InfoHash, Magnet

RULES = Rules(
    max_attempts=3, retry_delays_s=(5.0, 30.0), max_queued=9, max_queued_per_user=5, watch_delays_s=(60.0, 600.0)
)

A, B, D = (InfoHash(letter * 40) for letter in "abd")
C = InfoHash("c" * 64)
CUT = InfoHash("c" * 40)  # as the DHT cuts the hash of a v2 torrent
FIRST, HYBRID, LAST = (A,), (B, C, CUT), (D,)
TORRENTS = (FIRST, HYBRID, LAST)
TORRENT_OF = {one: torrent for torrent in TORRENTS for one in torrent}
NAME_OF = {FIRST: "first.mkv", HYBRID: "hybrid.mkv", LAST: "last.mkv"}
MAGNETS = {
    "first": Magnet(info_hash=A),
    "hybrid by v1": Magnet(info_hash=B),
    "hybrid": Magnet(info_hash=B, info_hash_v2=C, trackers=("http://t.example/announce",)),
    "hybrid by v2": Magnet(info_hash=C),
    "hybrid cut": Magnet(info_hash=CUT),
    "last": Magnet(info_hash=D),
    "a lie": Magnet(info_hash=D, info_hash_v2=C),  # these are two torrents
}
LINES: dict[str, tuple[tuple[str, ...], ...]] = {
    "first": ((A,),),
    "hybrid by v1, last": ((B,), (D,)),
    "hybrid": ((B, C),),
    "hybrid by v2": ((C,),),
    "first, hybrid": ((A,), (B, C)),
}
