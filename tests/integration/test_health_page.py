"""The page that says what works and what does not, and the lines of `doctor` about resolvers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.integration.live_support import Live, with_live
from tests.integration.web_support import ENGLISH, PAGE
from truename.health import resolver_states
from truename.resolvers.base import ResolverHealth
from truename.texts import Language

HASH = "1a" * 20
WELL = ResolverHealth(able=True, listening=("127.0.0.1:6881",), dht_enabled=True, dht_nodes=212)
ILL = ResolverHealth(able=False, reason="cannot_listen", subject="192.0.2.1:6881 (address in use)", dht_enabled=True)


def with_health(site: Live, *states: tuple[str, ResolverHealth]) -> None:
    async def health() -> Sequence[tuple[str, ResolverHealth]]:
        return states

    site.application.state.work = replace(site.work, health=health)


def test_everybody_sees_how_the_resolvers_are_and_only_the_owner_where(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        with_health(site, ("swarm", WELL), ("direct", ResolverHealth(able=True)))
        alice, owner = await site.signed_in(), await site.signed_in("owner", admin=True)
        theirs = (await alice.get("/health", headers=PAGE | ENGLISH)).text
        assert "All is well." in theirs
        assert "212 nodes known" in theirs
        assert "direct: ready" in theirs
        assert "127.0.0.1:6881" not in theirs
        assert "slots are in use" not in theirs
        whole = (await owner.get("/health", headers=PAGE | ENGLISH)).text
        assert "127.0.0.1:6881" in whole
        assert "slots are in use" in whole
        assert "backup:" in whole

    with_live(tmp_path, scenario)


def test_what_does_not_work_is_said_with_the_next_step(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        with_health(site, ("swarm", ILL), ("direct", ResolverHealth(able=True)))
        alice = await site.signed_in()
        text = (await alice.get("/health", headers=PAGE | ENGLISH)).text
        assert "Something needs attention." in text
        assert "TRUENAME_LISTEN_INTERFACES" in text
        assert "192.0.2.1" not in text

    with_live(tmp_path, scenario)


def test_it_says_when_each_last_found_a_name(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        with_health(site, ("swarm", WELL), ("direct", ResolverHealth(able=True)))
        alice = await site.signed_in()
        before = (await alice.get("/health", headers=PAGE | ENGLISH)).text
        assert before.count("no name found yet") == 2
        answer = await alice.post("/api/calibrate/async", json={"info_hash": HASH})
        await site.ended(alice, answer.json()["task_id"])
        after = (await alice.get("/health", headers=PAGE | ENGLISH)).text
        assert after.count("no name found yet") == 1
        assert "last name" in after

    with_live(tmp_path, scenario)


def test_a_resolver_that_does_not_say_holds_the_page_up_for_a_moment_only(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        async def silent() -> Sequence[tuple[str, ResolverHealth]]:
            await asyncio.Event().wait()
            raise AssertionError

        site.application.state.work = replace(site.work, health=silent)
        alice = await site.signed_in()
        text = (await alice.get("/health", headers=PAGE | ENGLISH)).text
        assert "swarm: has not said yet" in text

    with_live(tmp_path, scenario)


def test_a_stranger_is_sent_to_the_door(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        answer = await site.browser().get("/health", headers=PAGE)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")

    with_live(tmp_path, scenario)


def test_the_lines_of_a_resolver_are_those_of_its_state() -> None:
    assert list(resolver_states("swarm", ILL, Language.ENGLISH))[-1] == (
        False,
        "swarm: tried 192.0.2.1:6881 (address in use)",
    )
    broken = ResolverHealth(able=False, reason="script_missing")
    ((well, line),) = resolver_states("script", broken, Language.ENGLISH)
    assert not well
    assert line.startswith("script: The script")
