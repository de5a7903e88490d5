"""The places of one quest for conversations: who gives theirs up when others wait. Pure; the clock is an argument.

A peer that drips takes as much room as one that gives all it has, so with no more than a bound on conversations a few
of them keep everybody else out. A bound for each address would make one peer of all who share an address.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from truename.resolvers.direct.talk import Talk


@dataclass(slots=True, eq=False)
class Place:
    """Somebody in conversation `since` a time of the clock. `leave` ends it, and is called once."""

    talk: Talk
    since: float
    leave: Callable[[], None]
    is_left: bool = False

    def pace(self, now: float) -> float:
        """How much of the metadata it brings a second: of a small one as of a large one a share."""
        return self.talk.share / max(now - self.since, 1e-3)


def give_way(places: Collection[Place], waiting: int, now: float, *, turn_s: float) -> None:
    """End the slowest conversations that had their turn, as many as `waiting`.

    A quarter of the places is safe for those that bring most for their time, so that metadata which takes longer than
    a turn comes whole in the end.
    """
    talking = sorted((place for place in places if not place.is_left), key=lambda place: place.pace(now))
    safe = max(1, len(talking) // 4)
    slow = [place for place in talking if now - place.since >= turn_s]
    best = {place for place in talking[-safe:] if place.talk.share}
    for place in [place for place in slow if place not in best][:waiting]:
        place.is_left = True
        place.leave()
