"""The swarm resolver does what every resolver does."""

import pytest

from tests.contract.resolver_contract import MakeResolver, ResolverContract
from truename.errors import BadMetadata, BadName
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig


class TestSwarmResolver(ResolverContract):
    """`resolver_contract.py` with libtorrent as the engine, which gives no raw bytes of what it cannot read."""

    nameless = (BadName, BadMetadata)

    @pytest.fixture
    def make_resolver(self) -> MakeResolver:
        """Listens on loopback, without a DHT."""
        config = SwarmConfig(listen_interfaces="127.0.0.1:0", dht=False, allow_private=True)
        return lambda: SwarmResolver(config)

    def test_its_name_is_the_word_of_the_settings(self) -> None:
        assert SwarmResolver.name == "swarm"
