"""The swarm in a child process does what every resolver does."""

import pytest

from tests.contract.resolver_contract import MakeResolver, ResolverContract
from truename.errors import BadMetadata, BadName
from truename.resolvers.child.resolver import SwarmProcess
from truename.resolvers.swarm_config import SwarmConfig


class TestSwarmProcess(ResolverContract):
    """`resolver_contract.py` with libtorrent in another process as the engine."""

    nameless = (BadName, BadMetadata)

    @pytest.fixture
    def make_resolver(self) -> MakeResolver:
        """Listens on loopback, without a DHT."""
        config = SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True)
        return lambda: SwarmProcess(config)

    def test_its_name_is_the_word_of_the_settings(self) -> None:
        assert SwarmProcess.name == "swarm"
