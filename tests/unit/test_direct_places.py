"""Who has to leave their place in a quest to others."""

from typing import cast

from truename.resolvers.direct.places import Place, give_way
from truename.resolvers.direct.talk import Talk

TURN_S = 3.0


class Bringing:
    """A talk that has so much of the metadata."""

    def __init__(self, share: float) -> None:
        self.share = share


def leaving(talking: dict[str, tuple[float, float]], waiting: int) -> str:
    """Who leaves, of those who have brought such a share of the metadata in so many seconds."""
    left: list[str] = []
    places = {
        name: Place(cast(Talk, Bringing(share)), 100.0 - seconds, leave=lambda name=name: left.append(name))  # type: ignore[misc]
        for name, (share, seconds) in talking.items()
    }
    for _ in range(2):  # nobody leaves twice
        give_way(set(places.values()), waiting, 100.0, turn_s=TURN_S)
        waiting = 0
    return "".join(left)


def test_whoever_has_brought_least_for_its_time_leaves() -> None:
    talking = {"a": (0.5, 5.0), "b": (0.1, 5.0), "c": (0.0, 4.0), "d": (0.6, 20.0), "e": (0.9, 4.0)}
    assert [leaving(talking, waiting) for waiting in range(4)] == ["", "c", "cb", "cbd"]


def test_everybody_has_a_turn_first() -> None:
    assert leaving({"a": (0.0, 2.9), "b": (0.0, 3.0), "c": (0.5, 1.0)}, 20) == "b"


def test_a_quarter_stays_when_it_brings_anything() -> None:
    slow = {name: (0.01 * number, 10.0) for number, name in enumerate("abcdefgh", 1)}
    assert leaving(slow, 100) == "abcdef"
    assert len(leaving(dict.fromkeys("abcdefgh", (0.0, 10.0)), 100)) == 8
    assert leaving({"a": (0.01, 10.0)}, 100) == ""
