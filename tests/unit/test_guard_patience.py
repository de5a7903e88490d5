"""How long a torrent with peers stays in a session that does not get its metadata."""

from typing import Any, cast

from truename.resolvers.events import Handle, Moved, Traffic
from truename.resolvers.guard import Guard
from truename.resolvers.session import SwarmSession

PATIENCE_S = 5.0


class Quiet:
    """A session that does nothing with what it is asked."""

    def watch(self, _: object) -> None:
        """Tell of nothing."""


class Watching:
    """A guard with one torrent, by a clock of the test's own; `said` is what it decided, and when."""

    def __init__(self) -> None:
        self.said: list[tuple[float, str]] = []
        self.now = 0.0
        self.handle = cast(Handle, object())
        self.guard = Guard(
            cast(SwarmSession, Quiet()),
            PATIENCE_S,
            stuck=lambda _: self._end("stuck"),
            lied_to=lambda _: self._end("lied to"),
            doubted=lambda _: self.said.append((self.now, "doubted")),
        )
        self.guard.begin(self.handle, self.now)

    def at(self, now: float, *, connected: int) -> None:
        """At that time it has so many peers."""
        self.now = now
        traffic: Any = Traffic(handle=self.handle, sent=0, received=0, connected=connected, known=connected)
        self.guard.moved(Moved((traffic,)), now)
        self.guard.look(now + 1 / 64)  # it does not look while libtorrent is busy with the last answer

    def _end(self, what: str) -> None:
        self.said.append((self.now, what))
        self.guard.left(self.handle)


def test_peers_are_told_of_twice_before_a_torrent_leaves() -> None:
    watching = Watching()
    for second in range(30):
        watching.at(float(second), connected=1)
    assert watching.said == [(5.0, "doubted"), (10.0, "doubted"), (15.0, "stuck")]


def test_who_has_lost_all_peers_has_its_time_again_with_others() -> None:
    watching = Watching()
    for second in range(40):
        watching.at(float(second), connected=0 if 8 <= second < 14 else 1)
    assert watching.said == [(5.0, "doubted"), (19.0, "doubted"), (24.0, "doubted"), (29.0, "stuck")]
