"""What tests of several folders share: the demo swarm, started once."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm

# A busy machine is slow; how long an example takes says nothing about the code.
settings.register_profile("truename", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("truename")


@pytest.fixture(scope="session")
def local_swarm() -> Iterator[LocalSwarm]:
    """The real torrents and two hundred invented ones, on loopback, with an HTTP tracker and seeders in a child."""
    with LocalSwarm(SwarmPlan(invented=200)) as swarm:
        yield swarm
