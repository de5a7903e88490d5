"""Whether the session can speak to anybody: what its sockets and the DHT's packets say about that."""

import pytest

from truename.resolvers.connectivity import DhtPulse, Sockets
from truename.resolvers.events import Counted, Listening

V4, V6 = "192.0.2.1:6881", "[2001:db8::1]:6881"


def opened(sockets: Sockets, address: str) -> None:
    sockets.note(Listening(address, ""))
    sockets.note(Listening(address, ""))


def test_nothing_is_said_before_all_sockets_have_told() -> None:
    sockets = Sockets(f"{V6},{V4}")
    sockets.note(Listening(V6, "address family not supported"))
    assert sockets.failure is None
    assert not sockets.settled.is_set()


def test_one_open_address_is_enough() -> None:
    sockets = Sockets(f"{V6},{V4}")
    sockets.note(Listening(V6, "address family not supported"))
    opened(sockets, V4)
    sockets.settle()
    assert sockets.failure is None
    assert sockets.open == (V4,)


def test_an_address_is_open_for_tcp_and_udp_or_not_at_all() -> None:
    sockets = Sockets(V4)
    sockets.note(Listening(V4, ""))
    sockets.settle()
    assert sockets.open == ()
    assert sockets.failure is not None


def test_a_failure_says_what_was_wanted_and_each_reason_once() -> None:
    sockets = Sockets(f"{V6},{V4}")
    for address in (V6, V4, V4):
        sockets.note(Listening(address, "address already in use"))
    sockets.settle()
    assert sockets.failure is not None
    assert sockets.failure.reason == "cannot_listen"
    assert sockets.failure.subject == f"{V6},{V4} (address already in use)"


def test_an_interface_that_does_not_exist_fails_without_a_reason() -> None:
    sockets = Sockets("eth9:0")
    sockets.settle()
    assert sockets.failure is not None
    assert sockets.failure.subject == "eth9:0"


def test_a_later_failure_does_not_matter_while_something_is_open() -> None:
    sockets = Sockets(V4)
    opened(sockets, V4)
    sockets.settle()
    sockets.note(Listening(V4, "no such device"))
    assert sockets.failure is None


def test_a_socket_that_opens_later_ends_the_failure() -> None:
    sockets = Sockets(V4)
    sockets.settle()
    opened(sockets, V4)
    assert sockets.failure is None


def test_beginning_again_forgets_what_failed() -> None:
    sockets = Sockets(V4)
    sockets.note(Listening(V4, "address already in use"))
    sockets.settle()
    sockets.begin_again()
    assert sockets.failure is None
    sockets.settle()
    assert sockets.failure is not None
    assert sockets.failure.subject == V4


def test_a_dht_that_is_off_is_hopeless_from_the_start() -> None:
    pulse = DhtPulse(enabled=False, has_entrance=True)
    assert pulse.is_hopeless(0)
    assert not pulse.is_awake(0)


@pytest.mark.parametrize("counted", [Counted(1, 0), Counted(0, 1)])
def test_a_node_or_a_packet_wakes_the_dht(counted: Counted) -> None:
    pulse = DhtPulse(enabled=True, has_entrance=True)
    pulse.count(Counted(0, 0), 0)
    assert not pulse.woke
    pulse.count(counted, 1)
    assert pulse.woke
    assert pulse.is_awake(1)
    assert pulse.nodes == counted.dht_nodes


def test_a_silent_dht_has_its_time_to_wake_up_and_is_hopeless_then() -> None:
    pulse = DhtPulse(enabled=True, has_entrance=True)
    assert not pulse.is_hopeless(1_000), "nothing has been counted yet"
    pulse.count(Counted(0, 0), 1_000)
    assert not pulse.is_hopeless(1_000 + pulse.grace_s - 1)
    assert pulse.is_hopeless(1_000 + pulse.grace_s)


def test_a_dht_without_an_entrance_is_hopeless_as_soon_as_it_was_looked_at() -> None:
    pulse = DhtPulse(enabled=True, has_entrance=False)
    assert not pulse.is_hopeless(1_000)
    pulse.count(Counted(0, 0), 1_000)
    assert pulse.is_hopeless(1_000)
    pulse.count(Counted(1, 1), 1_001)
    assert not pulse.is_hopeless(1_001)


def test_the_dht_tells_for_how_long_it_has_been_as_it_is() -> None:
    pulse = DhtPulse(enabled=True, has_entrance=True)
    assert pulse.for_s(5) == 0
    pulse.count(Counted(0, 0), 10)
    assert pulse.for_s(12) == 2
    pulse.count(Counted(1, 1), 13)
    pulse.count(Counted(1, 2), 53)
    assert pulse.for_s(53) == 40
    pulse.count(Counted(0, 2), 200)
    assert pulse.for_s(200) == 200 - 53
    pulse.count(Counted(1, 3), 201)
    assert pulse.for_s(203) == 2


def test_a_dht_that_falls_silent_is_asleep_after_a_minute_and_wakes_with_the_next_packet() -> None:
    pulse = DhtPulse(enabled=True, has_entrance=True)
    pulse.count(Counted(0, 5), 0)
    pulse.count(Counted(0, 5), 59)
    assert pulse.is_awake(59)
    pulse.count(Counted(0, 5), 61)
    assert not pulse.is_awake(61)
    assert pulse.is_hopeless(61)
    pulse.count(Counted(0, 6), 62)
    assert pulse.is_awake(62)
