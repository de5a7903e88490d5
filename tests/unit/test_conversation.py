"""One hash in conversation: when a waiter's time begins, and what an empty swarm is told apart from.

The event loop here has a clock that a test turns by hand.
"""

import asyncio
from collections.abc import Iterator

import pytest

from truename.errors import NotYet, ResolverDown
from truename.infohash import InfoHash
from truename.metainfo import InfoBytes
from truename.resolvers.conversation import Conversation, Waiter
from truename.resolvers.whom import Others, Whom

UDP, HTTP = "udp://127.0.0.1:1", "http://127.0.0.1:2/announce"
US, THEM = ("127.0.0.1", 6), ("127.0.0.1", 7)


class HandTurnedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still but for `turn`."""

    def __init__(self) -> None:
        self.now = 100.0
        super().__init__()

    def time(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due by then."""
        self.now += seconds
        for _ in range(3):
            self.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def loop() -> Iterator[HandTurnedLoop]:
    loop = HandTurnedLoop()
    yield loop
    loop.close()


def waiting(loop: HandTurnedLoop, *conversations: Conversation, deadline_s: float = 30) -> Waiter:
    whom = Whom(tuple(url for conversation in conversations for url in conversation.trackers))
    waiter = Waiter(InfoHash("ab" * 20), deadline_s, loop, lambda _: None, whom=whom)
    for conversation in conversations:
        conversation.admit(waiter)
    return waiter


def ended(waiter: Waiter) -> str | None:
    """The code with which a waiter's time ended, or None when it goes on."""
    if waiter.answer is None:
        return None
    assert isinstance(waiter.answer, NotYet)
    return waiter.answer.code


def asked(*trackers: str) -> Conversation:
    conversation = Conversation("ab" * 20, trackers=dict.fromkeys(trackers))
    conversation.question_sent()
    for url in trackers:
        conversation.tracker_asked(url)
    return conversation


def test_time_does_not_run_before_the_first_question(loop: HandTurnedLoop) -> None:
    conversation = Conversation("ab" * 20)
    waiter = waiting(loop, conversation)
    loop.turn(1_000)
    assert ended(waiter) is None
    conversation.question_sent()
    loop.turn(29)
    assert ended(waiter) is None
    loop.turn(1)
    assert ended(waiter) == "no_peers"


def test_a_second_question_does_not_lengthen_the_time(loop: HandTurnedLoop) -> None:
    conversation = asked(HTTP)
    waiter = waiting(loop, conversation)
    loop.turn(20)
    conversation.question_sent()
    loop.turn(10)
    assert ended(waiter) == "no_peers"


def test_who_joins_later_has_the_whole_time(loop: HandTurnedLoop) -> None:
    conversation = asked(HTTP)
    first = waiting(loop, conversation)
    loop.turn(20)
    second = waiting(loop, conversation)
    loop.turn(10)
    assert (ended(first), ended(second)) == ("no_peers", None)
    loop.turn(20)
    assert ended(second) == "no_peers"


def test_a_question_that_never_left_gives_the_time_back(loop: HandTurnedLoop) -> None:
    conversation = asked(HTTP)
    waiter = waiting(loop, conversation)
    loop.turn(20)
    conversation.no_question_left()
    loop.turn(1_000)
    assert ended(waiter) is None
    conversation.question_sent()
    loop.turn(29)
    assert ended(waiter) is None
    loop.turn(1)
    assert ended(waiter) == "no_peers"


def test_with_two_hashes_time_begins_with_the_first_question_for_either(loop: HandTurnedLoop) -> None:
    first, second = Conversation("ab" * 20), Conversation("cd" * 20)
    waiter = waiting(loop, first, second)
    second.question_sent()
    loop.turn(20)
    first.question_sent()
    second.no_question_left()
    loop.turn(10)
    assert ended(waiter) == "no_peers"


def test_with_two_hashes_time_stops_only_when_nobody_is_asked_for_either(loop: HandTurnedLoop) -> None:
    first, second = asked(HTTP), asked(UDP)
    waiter = waiting(loop, first, second)
    loop.turn(20)
    first.no_question_left()
    second.no_question_left()
    loop.turn(1_000)
    assert ended(waiter) is None


def test_peers_seen_for_one_of_two_hashes_are_peers_seen(loop: HandTurnedLoop) -> None:
    first, second = asked(HTTP), asked(HTTP)
    waiter = waiting(loop, first, second)
    second.tracker_answered(HTTP, peers=3, reached=True)
    loop.turn(30)
    assert ended(waiter) == "no_metadata"


def test_what_others_have_named_is_not_ones_own(loop: HandTurnedLoop) -> None:
    conversation = asked(HTTP)
    waiter = waiting(loop, conversation)
    conversation.trackers[UDP] = None
    conversation.peers["127.0.0.1", 7] = None
    conversation.tracker_asked(UDP)
    conversation.tracker_answered(UDP, peers=3, reached=True)
    conversation.peers_looked_at([("127.0.0.1", 7)])
    waiter.note()
    assert {word: count for word, count in waiter.trail.counts.items() if count} == {"trackers": 1}
    conversation.dismiss(waiter)
    assert waiter.nobody_answered().code == "no_peers"
    assert conversation.peers_seen == 4


def test_of_peers_that_are_handed_over_nobody_is_told_of_those_whom_others_have_named(loop: HandTurnedLoop) -> None:
    conversation = asked(HTTP)
    waiter = waiting(loop, conversation)
    conversation.peers["127.0.0.1", 7] = None
    conversation.hand_over([("127.0.0.1", 7), ("127.0.0.1", 8)])
    assert waiter.trail.peers == ("127.0.0.1:8",)
    assert waiter.trail.stuck
    conversation.found_in_dht([("127.0.0.1", 7)])
    conversation.hand_over([])
    assert set(waiter.trail.peers) == {"127.0.0.1:7", "127.0.0.1:8"}


def test_what_was_seen_for_a_hash_that_one_has_left_was_seen(loop: HandTurnedLoop) -> None:
    first, second = asked(HTTP), asked(HTTP)
    waiter = waiting(loop, first, second)
    second.tracker_answered(HTTP, peers=3, reached=True)
    second.dismiss(waiter)
    loop.turn(30)
    assert ended(waiter) == "no_metadata"
    waiter.note()
    assert waiter.trail.counts["tracker_peers"] == 3


def test_who_is_dismissed_is_told_nothing_more(loop: HandTurnedLoop) -> None:
    conversation = asked(HTTP)
    waiter = waiting(loop, conversation)
    conversation.dismiss(waiter)
    loop.turn(1_000)
    assert ended(waiter) is None
    assert not conversation.waiters
    assert not waiter.conversations


def test_the_first_ending_counts(loop: HandTurnedLoop) -> None:
    waiter = waiting(loop, asked(HTTP))
    first, later = InfoBytes(b"raw"), InfoBytes(b"other")
    loop.call_soon(waiter.settle, first)
    loop.call_soon(waiter.settle, ResolverDown("stopping"))
    loop.call_soon(waiter.settle, later)
    loop.turn(1_000)
    assert waiter.answer is first


def test_a_tracker_that_knows_nobody_means_no_peers() -> None:
    conversation = asked(HTTP)
    conversation.tracker_answered(HTTP, peers=0, reached=True)
    assert conversation.peers_seen == 0
    assert conversation.has_somebody


def test_a_tracker_has_answered_when_it_said_whom_it_knows() -> None:
    conversation = asked(HTTP, UDP)
    conversation.tracker_answered(HTTP, peers=None, reached=True)
    conversation.tracker_answered(UDP, peers=None, reached=False)
    assert (conversation.counts()["trackers"], conversation.counts()["trackers_answered"]) == (2, 0)
    conversation.tracker_answered(HTTP, peers=0, reached=True)
    conversation.tracker_answered(HTTP, peers=None, reached=True)
    assert conversation.counts()["trackers_answered"] == 1


def test_of_the_trackers_that_wait_as_many_are_asked_as_others_have_left_places() -> None:
    first, second, third, fourth = (f"{HTTP}?{number}" for number in range(4))
    conversation = asked(HTTP, UDP)
    conversation.later = (first, HTTP, second, third, fourth)
    assert conversation.next_trackers(places=2, most=5) == []
    conversation.tracker_answered(HTTP, peers=0, reached=True)
    assert conversation.next_trackers(places=2, most=5) == [], "it has answered, and may again"
    conversation.tracker_answered(UDP, peers=None, reached=False)
    assert conversation.next_trackers(places=2, most=5) == [first]
    assert conversation.has_somebody
    conversation.tracker_asked(UDP)
    assert conversation.next_trackers(places=4, most=5) == [second], "it may yet answer"
    assert conversation.next_trackers(places=9, most=5) == [third], "of five in all"
    assert conversation.later == (fourth,)


def test_who_gave_the_metadata_was_tried_and_is_not_silent() -> None:
    never_looked_at, looked_at = asked(HTTP), asked(HTTP)
    looked_at.peers_looked_at([("127.0.0.1", 7), ("127.0.0.1", 8)])
    never_looked_at.answered = looked_at.answered = True
    assert [(each.counts()["tried"], each.counts()["silent"]) for each in (never_looked_at, looked_at)] == [
        (1, 0),
        (2, 1),
    ]


def test_of_peers_from_which_metadata_came_none_is_silent() -> None:
    conversation = asked(HTTP)
    conversation.peers_looked_at([("127.0.0.1", 7)])
    assert conversation.counts()["silent"] == 1
    conversation.unread = "it cannot be read"
    assert conversation.counts()["silent"] == 0


def test_peers_named_by_anybody_are_seen() -> None:
    by_tracker, by_dht, by_magnet = asked(HTTP), Conversation("ab" * 20), Conversation("ab" * 20)
    by_tracker.tracker_answered(HTTP, peers=2, reached=True)
    by_dht.dht_asked(0, nodes=9)
    by_dht.dht_answered(2, 1)
    by_magnet.peers[("127.0.0.1", 1)] = None
    assert (by_tracker.peers_seen, by_dht.peers_seen, by_magnet.peers_seen) == (2, 2, 1)


def test_ourselves_named_by_a_tracker_are_not_a_peer() -> None:
    conversation = asked(HTTP)
    conversation.tracker_answered(HTTP, peers=1, reached=True)
    conversation.trackers_counted({HTTP: 1})
    assert conversation.peers_seen == 0


def test_a_tracker_that_leaves_us_out_of_its_answer_and_not_of_its_count_names_others() -> None:
    conversation = asked(HTTP, UDP)
    conversation.tracker_answered(HTTP, peers=1, reached=True)
    conversation.tracker_answered(UDP, peers=50, reached=True)
    conversation.trackers_counted({HTTP: 2, UDP: 300})
    assert conversation.peers_seen == 50
    conversation.trackers_counted({UDP: 1})
    assert conversation.peers_seen == 1


def test_a_tracker_that_does_not_count_is_believed() -> None:
    conversation = asked(HTTP, UDP)
    conversation.tracker_answered(HTTP, peers=1, reached=True)
    conversation.trackers_counted({UDP: 1})
    assert conversation.peers_seen == 1


def test_the_first_answers_of_the_dht_name_others_and_later_ones_us_as_well() -> None:
    conversation = Conversation("ab" * 20)
    conversation.dht_asked(100, nodes=9)
    conversation.dht_answered(1, 104)
    assert conversation.peers_seen == 0, "libtorrent has looked it up a second time by itself"
    conversation.dht_asked(110, nodes=9)
    conversation.dht_answered(1, 111)
    assert conversation.peers_seen == 0
    conversation.dht_answered(2, 111)
    assert conversation.peers_seen == 1


def test_peers_that_the_dht_names_before_it_was_our_turn_are_others_and_are_told_of() -> None:
    conversation = Conversation("ab" * 20)
    conversation.dht_answered(1, 100)
    assert conversation.peers_seen == 1
    assert (conversation.counts()["dht_nodes"], conversation.counts()["dht_peers"]) == (0, 1)
    conversation.dht_answered(2, 104)
    assert conversation.peers_seen == 1, "libtorrent has looked it up a second time by itself"


def test_we_are_not_a_peer_though_libtorrent_and_the_dht_take_us_for_one() -> None:
    alone, beside = Conversation("ab" * 20), Conversation("ab" * 20)
    for conversation, peers in ((alone, []), (beside, [("127.0.0.1", 7)])):
        conversation.dht_asked(100, nodes=9)
        conversation.dht_answered(1 + len(peers), 101)
        conversation.known = 1 + len(peers)
        conversation.us |= {US}
        conversation.peers_looked_at(peers)
    assert [each.peers_seen for each in (alone, beside)] == [0, 1]
    told = [(each.counts()["dht_peers"], each.counts()["tried"], each.counts()["silent"]) for each in (alone, beside)]
    assert told == [(0, 0, 0), (1, 1, 1)]
    assert not alone.counts()["refused"]
    beside.dht_answered(2, 105)
    assert beside.peers_seen == 1


@pytest.mark.parametrize("beside", ["", "dht", "x.pe", "a second tracker", "the same tracker"])
def test_who_names_us_takes_nobody_away_whom_somebody_else_names(beside: str) -> None:
    conversation = asked(HTTP, UDP)
    conversation.tracker_answered(HTTP, peers=1 + (beside == "the same tracker"), reached=True)
    conversation.tracker_answered(UDP, peers=int(beside == "a second tracker"), reached=True)
    conversation.us |= {US}
    conversation.known = 1 + bool(beside)
    if beside == "dht":
        conversation.dht_asked(100, nodes=9)
        conversation.dht_answered(1, 101)
    if beside == "x.pe":
        conversation.peers[THEM] = None
    assert bool(conversation.peers_seen) == bool(beside)


def test_whom_others_ask_and_we_ourselves_hide_nobody_whom_ones_own_tracker_names() -> None:
    of_others = [(f"127.0.0.{number}", 9) for number in range(1, 11)]
    conversation = asked(HTTP)
    conversation.peers |= dict.fromkeys([*of_others, US])
    conversation.tracker_answered(HTTP, peers=1, reached=True)
    conversation.us |= {US}
    conversation.known = 2  # peers at such ports are not taken, and whoever names us brings nobody
    assert conversation.seen(Others(trackers=set(), peers={*of_others, US})) == 1


def test_a_dht_that_names_ourselves_alone_names_nobody_though_others_are_known() -> None:
    conversation = asked(HTTP)
    conversation.tracker_answered(HTTP, peers=1, reached=True)
    conversation.dht_asked(100, nodes=9)
    conversation.dht_answered(1, 101)
    conversation.us |= {US}
    conversation.known = 2
    assert conversation.seen(Others(trackers={HTTP}, peers=set())) == 0


def test_a_peer_that_was_met_was_seen_though_the_dht_named_it_so_late_that_it_might_have_been_us() -> None:
    conversation = Conversation("ab" * 20)
    conversation.dht_asked(100, nodes=9)
    conversation.dht_answered(1, 104)
    assert conversation.peers_seen == 0
    conversation.known = 1
    conversation.peers_looked_at([("127.0.0.1", 7)])
    assert conversation.peers_seen == 1


def test_each_of_our_addresses_is_ours() -> None:
    conversation = Conversation("ab" * 20)
    conversation.dht_asked(100, nodes=9)
    conversation.known = 3
    conversation.peers_looked_at([])
    assert conversation.counts()["refused"] == 3
    conversation.us |= {US, ("127.0.0.2", 6), ("127.0.0.3", 6)}
    conversation.dht_answered(3, 104)
    counts = conversation.counts()
    assert (counts["tried"], counts["refused"], counts["silent"], counts["dht_peers"]) == (0, 0, 0, 0)
    conversation.found_in_dht([("127.0.0.1", 7)])
    assert conversation.peers_seen == 1


def test_one_peer_named_by_the_dht_at_once_is_a_peer_seen() -> None:
    conversation = Conversation("ab" * 20)
    conversation.dht_asked(100, nodes=9)
    conversation.dht_answered(1, 101)
    conversation.dht_answered(1, 104)
    assert conversation.peers_seen == 1


def test_the_dht_counts_once_it_had_a_turn_with_the_most_nodes_that_were_known_meanwhile(loop: HandTurnedLoop) -> None:
    conversation = asked(HTTP)
    waiter = waiting(loop, conversation)
    waiter.note()
    assert not {"dht_nodes", "dht_peers"} & waiter.trail.counts.keys()
    conversation.dht_asked(0, nodes=0)
    assert waiter.trail.counts["dht_nodes"] == 0, "whoever is not waited for any longer has told it nevertheless"
    conversation.dht_counted(9)
    conversation.dht_counted(7)
    conversation.dht_answered(2, 1)
    waiter.note()
    assert (waiter.trail.counts["dht_nodes"], waiter.trail.counts["dht_peers"]) == (9, 2)


def test_nobody_is_left_once_every_tracker_proved_unreachable() -> None:
    conversation = asked(UDP, HTTP)
    conversation.tracker_answered(UDP, peers=None, reached=False)
    assert conversation.has_somebody
    conversation.tracker_answered(HTTP, peers=None, reached=False)
    assert not conversation.has_somebody


def test_a_tracker_counts_as_reached_when_one_of_its_announces_got_there() -> None:
    conversation = asked(HTTP)
    conversation.tracker_asked(HTTP)
    conversation.tracker_answered(HTTP, peers=None, reached=False)
    assert conversation.has_somebody, "the announce from the other socket is still on its way"
    conversation.tracker_answered(HTTP, peers=0, reached=True)
    conversation.tracker_answered(HTTP, peers=None, reached=False)
    assert conversation.has_somebody


def test_a_tracker_that_comes_back_is_somebody_again() -> None:
    conversation = asked(HTTP)
    conversation.tracker_answered(HTTP, peers=None, reached=False)
    assert not conversation.has_somebody
    conversation.tracker_asked(HTTP)
    conversation.tracker_answered(HTTP, peers=0, reached=True)
    assert conversation.has_somebody


def test_without_trackers_only_the_dht_or_a_peer_is_somebody() -> None:
    conversation = Conversation("ab" * 20)
    assert not conversation.has_somebody
    conversation.dht_asked(0, nodes=9)
    assert conversation.has_somebody
