"""The resolver `direct` does what every resolver does."""

import pytest

from tests.contract.resolver_contract import MakeResolver, ResolverContract
from truename.resolvers.direct.config import DirectConfig
from truename.resolvers.direct.resolver import DirectResolver


class TestDirectResolver(ResolverContract):
    """`resolver_contract.py` with our own client as the engine."""

    @pytest.fixture
    def make_resolver(self) -> MakeResolver:
        """May speak to loopback."""
        config = DirectConfig(allow_private=True)
        return lambda: DirectResolver(config)

    def test_its_name_is_the_word_of_the_settings(self) -> None:
        assert DirectResolver.name == "direct"
