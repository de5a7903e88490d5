"""The page that says what works and what does not, and the lines of `doctor` about resolvers."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.live_support import Live, with_live
from tests.integration.web_support import ENGLISH, PAGE
from tests.loopback import Canary
from tests.qbittorrent_stand_in import silence
from truename.health import resolver_states
from truename.resolvers.base import ResolverHealth
from truename.resolvers.chain import Chain
from truename.resolvers.looks import when_up
from truename.resolvers.qbittorrent.config import QbittorrentConfig
from truename.resolvers.qbittorrent.resolver import QbittorrentResolver
from truename.resolvers.swarm import SwarmResolver
from truename.resolvers.swarm_config import SwarmConfig
from truename.store.files import Summary
from truename.store.shelf import Failed, Made, Record, Shelf
from truename.texts import Language

HASH = "1a" * 20
AT = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
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


def keep_record(data_dir: Path, file: str, *, made: float = AT, failed: float = AT + 3600) -> None:
    """What the server would have kept of its last two backups."""
    summary = Summary(revision="1", people=1, notes=2, names=3, newest=None)
    record = Record(
        made=Made(at=made, file=file, summary=summary),
        failed=Failed(at=failed, word="backup_failed", what="x", why="y"),
    )
    Shelf(data_dir=data_dir, folder=data_dir, keep=1).remember(record)


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server whose own clock is eight hours ahead."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_its_moments_are_all_told_by_one_clock(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        file = tmp_path / "a <b>2023-11-14<!-- \x7f.db"
        file.touch()
        keep_record(tmp_path, str(file))
        owner = await site.signed_in("owner", admin=True)
        text = (await owner.get("/health", headers=PAGE | ENGLISH)).text
        assert '<time datetime="2023-11-14T22:13:20+00:00">2023-11-14 22:13 UTC</time>, checked; notes: 2' in text
        assert '<time datetime="2023-11-14T23:13:20+00:00">2023-11-14 23:13 UTC</time> failed.' in text
        assert "a &lt;b&gt;2023-11-14&lt;!-- ␡.db" in text
        assert text.count("<time") == 2
        keep_record(tmp_path, str(file), made=1e300, failed=-1e300)
        text = (await owner.get("/health", headers=PAGE | ENGLISH)).text
        assert ", of -, checked" in text
        assert "<time" not in text

    with_live(tmp_path, scenario, backup_interval_s=0)


def test_each_says_what_it_knows_beside_one_that_hangs_and_that_one_says_it_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(site: Live) -> None:
        async with Canary().serving() as deaf:
            bootstrap = f"127.0.0.1:{deaf.port}"
            with silence() as url:
                swarm = SwarmResolver(
                    SwarmConfig("127.0.0.1:0", dht=True, dht_bootstrap=(bootstrap,), allow_private=True)
                )
                hanging = QbittorrentResolver(QbittorrentConfig(url=url))
                chain = Chain([hanging, swarm, site.oracle])
                site.application.state.work = replace(site.work, health=chain.glance)
                alice = await site.signed_in()
                first = (await alice.get("/health", headers=PAGE | ENGLISH)).text
                assert "qbittorrent: has not said yet" in first
                assert "DHT: has not answered yet, " in first
                assert "DHT: off; only trackers" in first
                for look in list(chain._looks._running.values()):
                    await look
                await when_up(swarm)
                again = (await alice.get("/health", headers=PAGE | ENGLISH)).text
                assert "qBittorrent does not answer in time" in again
                assert "check that UDP may leave this machine" in again
                assert "DHT: silent for " in again
                await chain.aclose()

    monkeypatch.setattr("truename.resolvers.chain._GLANCE_S", 0.5)
    monkeypatch.setattr("truename.resolvers.qbittorrent.resolver._HEALTH_S", 1.0)
    monkeypatch.setattr("truename.resolvers.connectivity._GRACE_S", 2.0)
    with_live(tmp_path, scenario)


def test_a_dht_that_answers_says_since_when() -> None:
    for for_s, said in ((90, "90 s"), (150, "2 min"), (3 * 3600, "3 h"), (200_000, "2 days")):
        lines = list(resolver_states("swarm", replace(WELL, dht_for_s=for_s), Language.ENGLISH))
        assert (True, f"DHT: 212 nodes known, answering for {said}") in lines


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
