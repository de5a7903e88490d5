"""The catalogue of names as commands use it, with its database."""

import asyncio
from pathlib import Path

from truename.magnet import InfoHash
from truename.model import Outcome, TaskStatus
from truename.terminal.catalogue import open_catalogue

HASH = InfoHash("1a" * 20)


def ended(code: str) -> Outcome:
    return Outcome(info_hash=HASH, status=TaskStatus.FAILED, code=code, reason=code, elapsed_s=2.0)


def test_a_claim_goes_before_every_failure_but_the_proof_that_there_is_no_name(tmp_path: Path) -> None:
    async def scenario() -> None:
        claim = Outcome(info_hash=HASH, status=TaskStatus.COMPLETED, name="Dunes", source="script")
        proof = Outcome(info_hash=HASH, status=TaskStatus.COMPLETED, name="True", source="swarm", verified=True)
        async with open_catalogue(tmp_path) as (catalogue, _):
            catalogue.keep(claim)
        async with open_catalogue(tmp_path) as (catalogue, _):
            assert await catalogue.known([HASH]) == {}
            given = catalogue.or_claimed(ended("no_peers"))
            assert (given.status, given.name, given.source, given.verified) == (claim.status, "Dunes", "script", False)
            assert (given.code, given.reason, given.elapsed_s) == (None, "", 2.0)
            assert catalogue.or_claimed(ended("bad_name")) == ended("bad_name")
            assert catalogue.or_claimed(proof) == proof

    asyncio.run(scenario())
