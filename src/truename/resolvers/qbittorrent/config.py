"""What a person can choose about the resolver `qbittorrent`, and the bounds it keeps to."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds.

    `at_once`: look-ups that are in qBittorrent together; the others wait for their turn. `answer_bytes`, `answer_s`: of
    one answer of the server. `named_per_session`: what was fetched stays in its memory as long as the session.
    """

    at_once: int = 500
    answer_bytes: int = 32 << 20
    answer_s: float = 8.0
    named_per_session: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class QbittorrentConfig:
    """What a person can choose.

    `url` is the administrator's and may be private. `trackers`, `magnet_trackers`, `allow_private`: as in `direct`, but
    what a tracker's name means only qBittorrent knows; so without `allow_private` it is told of hardly any by magnets.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    trackers: tuple[str, ...] = ()
    magnet_trackers: bool = True
    allow_private: bool = False
    limits: Limits = field(default_factory=Limits)
