"""What the child says is told again, in bounds."""

import logging

import pytest

from truename.resolvers.child.log import Retelling


def test_a_flood_of_different_words_is_a_few_lines_a_second(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    retelling = Retelling(most=3, clock=lambda: now)
    for number in range(20_000):
        retelling.tell_again(["log", logging.WARNING, f"message {number}", {}])
    assert caplog.messages == [
        "message 0",
        "message 1",
        "message 2",
        "the swarm's process says more than is told here",
    ]
    now = 1.0
    retelling.tell_again(["log", logging.WARNING, "another second", {}])
    assert caplog.messages[4:] == ["another second"]
