"""Whose turn it is: announces in windows, DHT look-ups through a bucket, and what a count of them frees.

The session here only writes down what it is told to do.
"""

from typing import Any, cast

from truename.resolvers.asking import Asking
from truename.resolvers.conversation import Conversation
from truename.resolvers.session import SwarmSession
from truename.resolvers.tuning import Room

HTTP, UDP = "http://127.0.0.1:1/announce", "udp://127.0.0.1:1"


class Notebook:
    """Stands for the session: which hashes were asked about, and how often it was told to count."""

    def __init__(self) -> None:
        self.dht: list[str] = []
        self.trackers: list[tuple[str, tuple[str, ...]]] = []
        self.doubted: list[str] = []
        self.counts = 0
        self.room = Room(http_announces=400, connections=4000)

    def ask_dht(self, handle: str) -> None:
        self.dht.append(handle)

    def add_trackers(self, handle: str, trackers: list[str]) -> None:
        self.trackers.append((handle, tuple(trackers)))

    def count(self) -> None:
        self.counts += 1

    def count_trackers(self, handle: str) -> None:
        self.doubted.append(handle)


def asking(*, dht: bool = True) -> tuple[Asking, Notebook]:
    notebook = Notebook()
    return Asking(cast(SwarmSession, notebook), dht=dht), notebook


def arrived(asking: Asking, number: int, *trackers: str) -> Conversation:
    """A conversation whose torrent is in the session, its handle being its number."""
    conversation = Conversation(f"{number:040x}")
    conversation.handle = cast(Any, str(number))
    asking.add(conversation, trackers)
    asking.arrived(conversation)
    return conversation


def numbers(upto: int) -> list[str]:
    return list(map(str, range(upto)))


def test_twenty_dht_look_ups_go_out_at_once_in_the_order_of_coming() -> None:
    ask, session = asking()
    conversations = [arrived(ask, number) for number in range(30)]
    ask.give_turns(0, dht_awake=True)
    assert session.dht == numbers(20)
    assert [conversation.asked for conversation in conversations] == [True] * 20 + [False] * 10


def test_nobody_asks_a_sleeping_dht() -> None:
    ask, session = asking()
    conversation = arrived(ask, 0)
    ask.give_turns(0, dht_awake=False)
    assert session.dht == []
    assert not conversation.asked
    assert ask.wants_dht


def test_without_a_dht_nobody_waits_for_it() -> None:
    ask, session = asking(dht=False)
    arrived(ask, 0)
    ask.give_turns(0, dht_awake=False)
    assert not ask.wants_dht
    assert session.dht == []


def test_a_count_frees_the_places_of_look_ups_that_have_ended_without_a_word() -> None:
    ask, session = asking()
    for number in range(30):
        arrived(ask, number)
    ask.give_turns(0, dht_awake=True)
    ask.count()
    ask.searching(15)
    ask.counted(9)
    ask.give_turns(1, dht_awake=True)
    assert session.dht == numbers(25)


def test_of_two_nodes_the_busier_one_counts() -> None:
    ask, session = asking()
    for number in range(30):
        arrived(ask, number)
    ask.give_turns(0, dht_awake=True)
    ask.count()
    ask.searching(18)
    ask.searching(0)
    ask.counted(9)
    ask.give_turns(1, dht_awake=True)
    assert session.dht == numbers(22)


def test_a_count_frees_no_place_that_was_taken_after_it_was_asked_for() -> None:
    ask, session = asking()
    for number in range(10):
        arrived(ask, number)
    ask.give_turns(0, dht_awake=True)
    ask.count()
    for number in range(10, 30):
        arrived(ask, number)
    ask.give_turns(1, dht_awake=True)
    ask.searching(10)
    ask.counted(9)
    ask.give_turns(2, dht_awake=True)
    assert session.dht == numbers(20)


def test_who_asks_the_dht_knows_of_the_nodes_that_are_known_then_and_of_more_while_it_looks_up() -> None:
    ask, _ = asking()
    ask.counted(3)
    first = arrived(ask, 0)
    ask.give_turns(0, dht_awake=True)
    assert first.dht_nodes == 3
    ask.count()
    ask.searching(1)
    ask.counted(8)
    assert first.dht_nodes == 8
    ask.count()
    ask.searching(0)
    ask.counted(9)
    ask.counted(212)
    assert first.dht_nodes == 9, "its look-up was over"


def test_one_count_is_under_way_at_a_time() -> None:
    ask, session = asking()
    ask.count()
    ask.count()
    assert session.counts == 1
    ask.counted(9)
    ask.count()
    assert session.counts == 2


def test_an_answer_of_the_dht_has_the_look_ups_counted_only_when_somebody_waits() -> None:
    ask, session = asking()
    for number in range(20):
        arrived(ask, number)
    ask.give_turns(0, dht_awake=True)
    ask.dht_answered()
    assert session.counts == 0
    arrived(ask, 20)
    ask.dht_answered()
    assert session.counts == 1


def test_a_look_up_that_nobody_waits_for_any_more_keeps_its_place_and_is_not_repeated() -> None:
    ask, session = asking()
    conversations = [arrived(ask, number) for number in range(21)]
    ask.give_turns(0, dht_awake=True)
    conversations[0].handle = None
    ask.leave(conversations[0])
    ask.give_turns(1, dht_awake=True)
    assert session.dht == numbers(20)
    ask.give_turns(6, dht_awake=True)
    assert session.dht == numbers(21)
    ask.give_turns(11, dht_awake=True)
    assert "0" not in session.dht[21:]


def test_the_dht_is_asked_again_at_a_falling_rate() -> None:
    ask, session = asking()
    arrived(ask, 0)
    asked_at = []
    for now in range(4_000):
        before = len(session.dht)
        ask.give_turns(now, dht_awake=True)
        asked_at += [now] * (len(session.dht) - before)
    assert asked_at == [0, 10, 60, 300, 1_800, 3_300]


def test_trackers_whose_turn_has_come_are_asked_with_the_torrent_and_the_others_later() -> None:
    ask, session = asking(dht=False)
    first, second = Conversation("a" * 40), Conversation("b" * 40)
    many = [f"{HTTP}?{number}" for number in range(399)]
    assert ask.begin(first, [*many, UDP], 0) == [*many, UDP]
    assert ask.begin(second, [HTTP, f"{HTTP}?2", f"{UDP}2"], 0) == [f"{UDP}2"]
    second.handle = cast(Any, "second")
    ask.arrived(second)
    ask.give_turns(1, dht_awake=False)
    assert session.trackers == []
    ask.tracker_answered(first, many[0])
    ask.give_turns(1, dht_awake=False)
    assert session.trackers == [("second", (HTTP, f"{HTTP}?2"))]
    assert second.asked


def test_who_comes_later_does_not_overtake_those_whose_torrents_are_still_arriving() -> None:
    ask, session = asking(dht=False)
    first, second, third = (Conversation(letter * 40) for letter in "abc")
    assert ask.begin(first, [f"{HTTP}?{number}" for number in range(400)], 0)
    assert ask.begin(second, [HTTP], 0) == []
    ask.tracker_answered(first, HTTP)
    assert ask.begin(third, [HTTP], 0) == []
    for name, conversation in (("second", second), ("third", third)):
        conversation.handle = cast(Any, name)
        ask.arrived(conversation)
    ask.give_turns(0, dht_awake=False)
    assert session.trackers == [("second", (HTTP,))]


def test_http_and_udp_trackers_do_not_wait_for_one_another() -> None:
    ask, session = asking(dht=False)
    for number in range(500):
        arrived(ask, number, HTTP)
    udp = [arrived(ask, number, UDP) for number in range(500, 700)]
    ask.give_turns(0, dht_awake=False)
    assert len(session.trackers) == 500
    assert session.trackers[:400] == [(str(number), (HTTP,)) for number in range(400)]
    assert session.trackers[400:] == [(str(number), (UDP,)) for number in range(500, 600)]
    ask.give_turns(1, dht_awake=False)
    assert all(conversation.asked for conversation in udp), "a silent UDP tracker holds nobody up for longer"


def test_who_leaves_asks_no_tracker_any_more() -> None:
    ask, session = asking(dht=False)
    full = arrived(ask, 0, *(f"{HTTP}?{number}" for number in range(400)))
    waiting = arrived(ask, 1, HTTP)
    ask.give_turns(0, dht_awake=False)
    ask.leave(waiting)
    ask.leave(full)
    ask.give_turns(0, dht_awake=False)
    assert [handle for handle, _ in session.trackers] == ["0"]


def test_peers_that_give_nothing_are_doubted_once_and_those_of_named_torrents_never() -> None:
    ask, session = asking(dht=False)
    waiting, named = arrived(ask, 0), arrived(ask, 1)
    ask.doubt(waiting, 0)
    ask.doubt(named, 0)
    named.handle = None
    ask.settle_doubts(0.9)
    assert session.doubted == []
    ask.settle_doubts(1.0)
    ask.settle_doubts(2.0)
    assert session.doubted == ["0"]
