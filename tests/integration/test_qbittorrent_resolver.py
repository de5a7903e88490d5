"""The resolver `qbittorrent` against Debian's real qBittorrent: names, and nothing of the person's touched."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.loopback import Canary, Tracker
from tests.qbittorrent import PASSWORD, PATIENCE_S, USERNAME, QBittorrent
from tests.wire import Peer, encode, hybrid_info, info_named, sha1, sha256, v2_info
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes
from truename.errors import NotYet, ResolverDown
from truename.magnet import InfoHash, Magnet
from truename.metainfo import Metainfo, read_info
from truename.resolvers.base import Claim, Trail
from truename.resolvers.qbittorrent.config import Limits, QbittorrentConfig
from truename.resolvers.qbittorrent.marks import CATEGORY, Run
from truename.resolvers.qbittorrent.resolver import QbittorrentResolver

LONG_S = 50.0
SHORT_S = 1.0
DEAD = dead_hashes(60, seed=5)
# Of a person's torrent, what would show that somebody touched it.
TOUCHABLE = (
    *("hash", "name", "category", "tags", "save_path", "magnet_uri"),
    *("force_start", "auto_tmm", "dl_limit", "up_limit", "ratio_limit", "seq_dl", "super_seeding"),
)


@pytest.fixture(scope="module")
def qbittorrent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QBittorrent]:
    settings = {"bittorrent_protocol": 1}  # TCP: the peers of these tests have no uTP, which would be tried first
    with QBittorrent(tmp_path_factory.mktemp("qbittorrent"), settings=settings).running() as running:
        yield running


@pytest.fixture
def clean(qbittorrent: QBittorrent) -> Iterator[QBittorrent]:
    """The same qBittorrent, empty before and after the test."""
    client = qbittorrent.client()
    assert not client.torrents_info()
    yield qbittorrent
    left = client.torrents_info()
    assert not [torrent["name"] for torrent in left if Run.of(torrent["tags"])]
    assert not [tag for tag in client.torrents_tags() if Run.of(tag)]
    assert not [path for path in qbittorrent.downloads.rglob("*") if "truename" in path.name]
    assert client.transfer_info()["dl_info_data"] == 0
    client.torrents_delete(delete_files=True, torrent_hashes="all")
    client.torrents_delete_tags(tags=client.torrents_tags())
    client.torrents_remove_categories(categories=list(client.torrents_categories()))


def config_for(qbittorrent: QBittorrent, **changes: Any) -> QbittorrentConfig:
    config = QbittorrentConfig(url=qbittorrent.url, username=USERNAME, password=PASSWORD, allow_private=True)
    return replace(config, **changes)


@contextlib.asynccontextmanager
async def resolving(config: QbittorrentConfig) -> AsyncIterator[QbittorrentResolver]:
    resolver = QbittorrentResolver(config)
    try:
        yield resolver
    finally:
        await resolver.aclose()


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test

    asyncio.run(bounded())


async def until(condition: Callable[[], Any]) -> Any:
    """Look again and again until another program has done something."""
    async with asyncio.timeout(PATIENCE_S):
        while not (seen := await asyncio.to_thread(condition)):
            await asyncio.sleep(0.03)
        return seen


def with_trackers(client: Any) -> tuple[Any, Any] | None:
    """The torrents that are there, and the trackers of the first; None while there is none."""
    there = client.torrents_info()
    return (there, client.torrents_trackers(torrent_hash=there[0]["hash"])) if there else None


def tags_of(torrent: Any) -> set[str]:
    return set(torrent["tags"].split(", "))


def touchable(client: Any) -> list[tuple[object, ...]]:
    """Whether it is stopped is somebody's wish; what else its state says comes and goes by itself."""
    return sorted(
        (*(torrent[field] for field in TOUCHABLE), torrent["state"].startswith("paused"))
        for torrent in client.torrents_info()
    )


def test_real_torrents_are_named_and_proven_and_nothing_stays_behind(
    clean: QBittorrent, local_swarm: LocalSwarm
) -> None:
    async def test() -> None:
        async with resolving(config_for(clean)) as resolver:
            magnets = [Magnet.parse(text) for text in local_swarm.magnets[:50]]
            trails = [Trail() for _ in magnets]
            found = await asyncio.gather(
                *(
                    resolver.resolve(one, deadline_s=LONG_S, trail=trail)
                    for one, trail in zip(magnets, trails, strict=True)
                )
            )
            for torrent, one in zip(local_swarm.torrents, found, strict=False):
                assert one == read_info(torrent.info, (torrent.info_hash,))
            assert all(trail.asked for trail in trails)
            await until(lambda: not clean.client().torrents_info())
        assert not clean.client().torrents_tags()

    run(test())


def test_health_tells_the_version(clean: QBittorrent) -> None:
    async def test() -> None:
        async with resolving(config_for(clean)) as resolver:
            health = await resolver.health()
            assert health.able
            assert health.subject.startswith("qBittorrent v4.5")

    run(test())


@contextlib.asynccontextmanager
async def a_peer(*infos: bytes) -> AsyncIterator[tuple[Peer, Callable[..., Magnet]]]:
    """A peer that has these torrents, and what makes a magnet by which it is found."""
    peer = Peer(*infos)
    async with peer.serving(), Tracker({key.hex(): b"" for key in peer.infos}).serving() as tracker:
        tracker.peers |= dict.fromkeys(peer.infos, peer.compact)

        def magnet(*hashes: str) -> Magnet:
            topics = "&".join(f"xt=urn:btih:{one}" if len(one) == 40 else f"xt=urn:btmh:1220{one}" for one in hashes)
            return Magnet.parse(f"magnet:?{topics}&tr={tracker.url}")

        yield peer, magnet


def test_a_hybrid_is_found_by_each_hash_one_after_the_other(clean: QBittorrent) -> None:
    async def test() -> None:
        info = hybrid_info("Both ways")
        async with a_peer(info) as (_, magnet), resolving(config_for(clean)) as resolver:
            for hashes in ([sha1(info), "ee" * 32], [sha256(info)]):
                found = await resolver.resolve(magnet(*hashes), deadline_s=LONG_S)
                assert found == read_info(info, hashes[:1])

    run(test())


def test_names_come_back_unchanged(clean: QBittorrent) -> None:
    async def test() -> None:
        names = ["../../etc/passwd", "photo\u202egpj.exe", "\x1b]52;c\x07\r\n", "<img src=x>", "AC/DC", b"caf\xe9"]
        infos = [info_named(name) for name in names] + [v2_info("Version two")]
        hashes = [*map(sha1, infos[:-1]), sha256(infos[-1])]
        async with a_peer(*infos) as (_, magnet), resolving(config_for(clean)) as resolver:
            found = await asyncio.gather(*(resolver.resolve(magnet(one), deadline_s=LONG_S) for one in hashes))
            assert found == [read_info(info, (one,)) for info, one in zip(infos, hashes, strict=True)]

    run(test())


def test_a_torrent_that_qbittorrent_cannot_export_is_claimed_by_the_name_it_shows(clean: QBittorrent) -> None:
    async def test() -> None:
        tree = {"Many pieces": {"": {"length": 100_000, "pieces root": b"\x07" * 32}}}
        # Without the hashes of its pieces, which do not come with the metadata, it is no torrent that can be written.
        info = encode({"file tree": tree, "meta version": 2, "name": "Many pieces", "piece length": 16384})
        async with a_peer(info) as (_, magnet), resolving(config_for(clean)) as resolver:
            assert await resolver.resolve(magnet(sha256(info)), deadline_s=LONG_S) == Claim("Many pieces")

    run(test())


def test_the_administrators_trackers_and_the_peers_of_a_magnet_are_asked(clean: QBittorrent) -> None:
    async def test() -> None:
        info = info_named("by their own ways")
        async with a_peer(info) as (peer, magnet):
            bare = Magnet.parse(sha1(info))
            trackers = magnet(sha1(info)).trackers
            async with resolving(config_for(clean, trackers=trackers, allow_private=False)) as resolver:
                assert isinstance(await resolver.resolve(bare, deadline_s=LONG_S), Metainfo)
            async with resolving(config_for(clean)) as resolver:
                bare = replace(bare, peers=(peer.endpoint,))
                assert isinstance(await resolver.resolve(bare, deadline_s=LONG_S), Metainfo)

    run(test())


def test_no_peer_of_a_magnet_is_passed_on_that_is_private_and_no_tracker_that_may_be_or_become_it(
    clean: QBittorrent,
) -> None:
    async def test() -> None:
        async with Canary().serving() as canary, resolving(config_for(clean, allow_private=False)) as resolver:
            hosts = ("127.0.0.1", "localhost", "tracker.example")
            named = [f"http://{host}:{canary.port}/announce" for host in hosts]
            named += [f"udp://{host}:{canary.port}" for host in hosts]
            asked = Magnet(
                info_hash=InfoHash(DEAD[0]), trackers=tuple(named), peers=(f"127.0.0.1:{canary.port}", "10.0.0.1:7")
            )
            asking = asyncio.create_task(resolver.resolve(asked, deadline_s=SHORT_S))
            ((added,), trackers) = await until(lambda: with_trackers(clean.client()))
            assert parse_qs(urlsplit(added["magnet_uri"]).query).keys() == {"xt"}
            assert [each["url"] for each in trackers if not each["url"].startswith("** [")] == []
            with pytest.raises(NotYet):
                await asking
            assert canary.touched == []

    run(test())


def test_a_dead_hash_ends_at_its_deadline_and_is_taken_away(clean: QBittorrent) -> None:
    async def test() -> None:
        async with resolving(config_for(clean)) as resolver:
            trail = Trail()
            with pytest.raises(NotYet) as ending:
                await resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=SHORT_S, trail=trail)
            assert ending.value.code == "deadline"
            assert trail.asked
            await until(lambda: not clean.client().torrents_info())

    run(test())


def test_what_is_cancelled_is_taken_away_while_others_go_on_waiting(clean: QBittorrent) -> None:
    async def test() -> None:
        async with resolving(config_for(clean)) as resolver:
            client = clean.client()
            first, again, other = (
                asyncio.create_task(resolver.resolve(Magnet.parse(one), deadline_s=LONG_S))
                for one in (DEAD[0], DEAD[0], DEAD[1])
            )
            await until(lambda: len(client.torrents_info()) == 2)
            first.cancel()
            other.cancel()
            await until(lambda: [one["hash"] for one in client.torrents_info()] == [DEAD[0]])
            assert not again.done()
            again.cancel()
            await until(lambda: not client.torrents_info())

    run(test())


def test_what_is_under_way_when_the_resolver_is_closed_is_taken_away(clean: QBittorrent) -> None:
    async def test() -> None:
        async with resolving(config_for(clean)) as resolver:
            trail = Trail()
            asking = asyncio.create_task(resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=LONG_S, trail=trail))
            await until(lambda: trail.asked)
        with pytest.raises(ResolverDown, match="stopping"):
            await asking
        assert not clean.client().torrents_info()

    run(test())


def test_those_over_the_bound_wait_for_their_turn_and_their_clocks_with_them(clean: QBittorrent) -> None:
    async def test() -> None:
        async with resolving(config_for(clean, limits=Limits(at_once=2))) as resolver:
            trails = [Trail() for _ in range(3)]
            first, *rest = (
                asyncio.create_task(resolver.resolve(Magnet.parse(one), deadline_s=LONG_S, trail=trail))
                for one, trail in zip(DEAD, trails, strict=False)
            )
            await until(lambda: len(clean.client().torrents_info()) == 2)
            assert [trail.asked for trail in trails] == [True, True, False]
            first.cancel()
            await until(lambda: trails[2].asked)
            for one in rest:
                one.cancel()

    run(test())


def test_a_full_queue_of_the_persons_downloads_does_not_hold_a_name_up(
    clean: QBittorrent, local_swarm: LocalSwarm
) -> None:
    async def test() -> None:
        client = clean.client()
        client.torrents_add(urls=[f"magnet:?xt=urn:btih:{one}" for one in DEAD[:5]])
        await until(lambda: "queuedDL" in [torrent["state"] for torrent in client.torrents_info()])
        before = touchable(client)
        async with resolving(config_for(clean)) as resolver:
            assert await resolver.resolve(Magnet.parse(local_swarm.magnets[0]), deadline_s=LONG_S)
        assert touchable(client) == before

    run(test())


# What is the person's


def test_a_torrent_that_was_there_is_read_and_not_touched_though_it_was_renamed(clean: QBittorrent) -> None:
    async def test() -> None:
        client, info = clean.client(), info_named("the true one")
        client.torrents_add(torrent_files=b"d4:info" + info + b"e", is_stopped=True, rename="my title", tags="mine")
        await until(lambda: [torrent["state"] for torrent in client.torrents_info()] == ["pausedDL"])
        before = touchable(client)
        async with resolving(config_for(clean)) as resolver:
            found = await resolver.resolve(Magnet.parse(sha1(info)), deadline_s=LONG_S)
            assert found == read_info(info, (sha1(info),))
        assert touchable(client) == before

    run(test())


def test_a_magnet_of_the_person_without_metadata_is_waited_for_and_not_touched(clean: QBittorrent) -> None:
    async def test() -> None:
        client = clean.client()
        client.torrents_add(urls=f"magnet:?xt=urn:btih:{DEAD[0]}&dn=a+claim", tags="mine")
        await until(lambda: [torrent["state"] for torrent in client.torrents_info()] == ["metaDL"])
        before, trail = touchable(client), Trail()
        async with resolving(config_for(clean)) as resolver:
            with pytest.raises(NotYet):
                await resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=SHORT_S, trail=trail)
        assert trail.asked
        assert touchable(client) == before

    run(test())


def over() -> Run:
    """A run that has ended."""
    with subprocess.Popen(
        [sys.executable, "-c", "from truename.resolvers.qbittorrent.marks import Run; print(Run.mine().tag)"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        said, _ = process.communicate(timeout=PATIENCE_S)
    run = Run.of(said.strip())
    assert run is not None
    return run


@pytest.mark.parametrize("wanted", [0, 1], ids=["wanted", "not wanted"])
@pytest.mark.parametrize(
    ("tagged", "in_folder"), [("", False), ("over", False), ("over elsewhere", True), ("alive", True)]
)
def test_a_torrent_in_our_category_without_all_the_marks_of_an_ended_run_is_not_touched(
    clean: QBittorrent, tagged: str, in_folder: bool, wanted: int
) -> None:
    async def test() -> None:
        client = clean.client()
        ended = over()
        tag = {"": "mine", "over": ended.tag, "over elsewhere": ended._replace(machine="0" * 8).tag}.get(tagged)
        with subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from truename.resolvers.qbittorrent.marks import Run; print(Run.mine().tag, flush=True); input()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as alive:
            tag = tag or alive.stdout.readline().strip()  # type: ignore[union-attr]
            client.torrents_add(
                urls=f"magnet:?xt=urn:btih:{DEAD[0]}",
                category=CATEGORY,
                tags=tag,
                save_path=f"{clean.downloads}/{tag}" if in_folder else None,
                is_stopped=True,
            )
            await until(client.torrents_info)
            before = touchable(client)
            async with resolving(config_for(clean)) as resolver:
                assert (await resolver.health()).able
                with pytest.raises(NotYet):
                    await resolver.resolve(Magnet.parse(DEAD[wanted]), deadline_s=SHORT_S / 2)
            assert touchable(client) == before
            alive.communicate("\n", timeout=PATIENCE_S)
        client.torrents_delete(delete_files=True, torrent_hashes="all")
        client.torrents_delete_tags(tags=tag)

    run(test())


KILLED = """
import asyncio, sys
from truename.magnet import Magnet
from truename.resolvers.base import Trail
from truename.resolvers.qbittorrent.config import QbittorrentConfig
from truename.resolvers.qbittorrent.resolver import QbittorrentResolver

async def main(url, username, password, *hashes):
    resolver = QbittorrentResolver(QbittorrentConfig(url=url, username=username, password=password))
    await asyncio.gather(*(resolver.resolve(Magnet.parse(one), deadline_s=1000) for one in hashes))

asyncio.run(main(*sys.argv[1:]))
"""


async def killed_while_asking(qbittorrent: QBittorrent, hashes: Sequence[str]) -> str:
    """Have a process look for hashes until their torrents are there, and kill it. Output: the tag that they bear."""
    client = qbittorrent.client()
    arguments = [sys.executable, "-c", KILLED, qbittorrent.url, USERNAME, PASSWORD, *hashes]
    with subprocess.Popen(arguments, env=os.environ | {"PYTHONPATH": "src"}) as process:
        await until(lambda: len(client.torrents_info()) == len(hashes))
        process.kill()
    (tag,) = client.torrents_tags()
    return str(tag)


def test_what_a_killed_process_left_is_removed_at_the_next_start_before_anybody_asks(clean: QBittorrent) -> None:
    async def test() -> None:
        client = clean.client()
        await killed_while_asking(clean, DEAD[:3])
        client.torrents_add(urls=f"magnet:?xt=urn:btih:{DEAD[9]}", category=CATEGORY, is_stopped=True)
        await until(lambda: len(client.torrents_info()) == 4)
        async with resolving(config_for(clean)):
            await until(lambda: [torrent["hash"] for torrent in client.torrents_info()] == [DEAD[9]])
            await until(lambda: not client.torrents_tags())

    run(test())


def test_what_a_killed_process_left_is_kept_for_the_look_up_that_is_resumed_and_removed_when_that_has_ended(
    clean: QBittorrent,
) -> None:
    async def test() -> None:
        client = clean.client()
        tag = await killed_while_asking(clean, DEAD[:3])
        async with resolving(config_for(clean)) as resolver:
            asking = asyncio.create_task(resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=SHORT_S))
            held = {tag, Run.mine().tag}
            await until(lambda: [(one["hash"], tags_of(one)) for one in client.torrents_info()] == [(DEAD[0], held)])
            with pytest.raises(NotYet):
                await asking
            await until(lambda: not client.torrents_info() and client.torrents_tags() == [Run.mine().tag])

    run(test())


async def one_after_the_other(resolver: QbittorrentResolver, first: Magnet, second: Magnet) -> list[Any]:
    """Both ask for the same hash, the second when qBittorrent has been told of the first."""
    trail = Trail()
    asking = asyncio.create_task(resolver.resolve(first, deadline_s=LONG_S, trail=trail))
    await until(lambda: trail.asked)
    return list(await asyncio.gather(asking, resolver.resolve(second, deadline_s=LONG_S)))


@pytest.mark.parametrize("by", ["tracker", "peer"])
def test_whom_somebody_else_names_for_a_hash_that_is_being_asked_for_is_asked_too(clean: QBittorrent, by: str) -> None:
    async def test() -> None:
        info = info_named("known to the second")
        async with a_peer(info) as (peer, magnet), resolving(config_for(clean)) as resolver:
            bare = Magnet.parse(sha1(info))
            second = magnet(sha1(info)) if by == "tracker" else replace(bare, peers=(peer.endpoint,))
            assert await one_after_the_other(resolver, bare, second) == [read_info(info, (sha1(info),))] * 2

    run(test())


def test_whom_a_look_up_names_is_asked_for_what_a_killed_process_left_too(clean: QBittorrent) -> None:
    async def test() -> None:
        client, info = clean.client(), info_named("asked for in vain before")
        client.torrents_add(urls=f"magnet:?xt=urn:btih:{sha1(info)}", **left_by(over(), clean))
        await until(client.torrents_info)
        async with a_peer(info) as (_, magnet), resolving(config_for(clean)) as resolver:
            found = await resolver.resolve(magnet(sha1(info)), deadline_s=LONG_S)
            assert found == read_info(info, (sha1(info),))

    run(test())


def test_a_torrent_of_the_person_is_given_no_trackers(clean: QBittorrent) -> None:
    async def test() -> None:
        client, info = clean.client(), info_named("the person's own")
        client.torrents_add(urls=f"magnet:?xt=urn:btih:{sha1(info)}")
        await until(client.torrents_info)
        async with a_peer(info) as (_, magnet), resolving(config_for(clean)) as resolver:
            with pytest.raises(NotYet):
                await resolver.resolve(magnet(sha1(info)), deadline_s=2 * SHORT_S)
        urls = [tracker["url"] for tracker in client.torrents_trackers(torrent_hash=sha1(info))]
        assert not [url for url in urls if url.startswith("http")]

    run(test())


def left_by(ended: Run, qbittorrent: QBittorrent) -> dict[str, Any]:
    """What makes a torrent one that a run has left."""
    return {"category": CATEGORY, "tags": ended.tag, "save_path": f"{qbittorrent.downloads}/{ended.tag}"}


def test_what_a_killed_process_left_names_a_look_up_and_is_removed(clean: QBittorrent) -> None:
    async def test() -> None:
        client, info = clean.client(), info_named("found while nobody waited")
        torrent = b"d4:info" + info + b"e"
        client.torrents_add(torrent_files=torrent, is_stopped=True, **left_by(over(), clean))
        await until(client.torrents_info)
        async with resolving(config_for(clean)) as resolver:
            found = await resolver.resolve(Magnet.parse(sha1(info)), deadline_s=LONG_S)
            assert found == read_info(info, (sha1(info),))
            await until(lambda: not client.torrents_info() and client.torrents_tags() == [Run.mine().tag])

    run(test())


def test_what_a_killed_process_left_in_a_queue_does_not_stay_there_while_it_is_wanted(clean: QBittorrent) -> None:
    async def test() -> None:
        client = clean.client()
        client.torrents_add(urls=[f"magnet:?xt=urn:btih:{one}" for one in DEAD[:5]])
        await until(lambda: "queuedDL" in [torrent["state"] for torrent in client.torrents_info()])
        client.torrents_add(urls=f"magnet:?xt=urn:btih:{DEAD[5]}", **left_by(over(), clean))
        await until(lambda: len(client.torrents_info()) == 6)
        async with resolving(config_for(clean)) as resolver:
            asking = asyncio.create_task(resolver.resolve(Magnet.parse(DEAD[5]), deadline_s=LONG_S))
            await until(lambda: [one["force_start"] for one in client.torrents_info(torrent_hashes=DEAD[5])] == [True])
            asking.cancel()

    run(test())


def test_an_orderly_stop_removes_what_a_killed_process_left_though_it_is_wanted_and_nothing_of_others(
    clean: QBittorrent,
) -> None:
    async def test() -> None:
        client = clean.client()
        tag = await killed_while_asking(clean, DEAD[:1])
        elsewhere = over()._replace(machine="0" * 8)
        client.torrents_add(urls=f"magnet:?xt=urn:btih:{DEAD[7]}", **left_by(elsewhere, clean))
        client.torrents_add(urls=f"magnet:?xt=urn:btih:{DEAD[8]}", tags=tag, is_stopped=True)
        client.torrents_add(urls=f"magnet:?xt=urn:btih:{DEAD[9]}", category=CATEGORY, is_stopped=True)
        await until(lambda: len(client.torrents_info()) == 4)
        before = [torrent for torrent in touchable(client) if DEAD[0] not in torrent]
        async with resolving(config_for(clean)) as resolver:
            trail = Trail()
            asking = asyncio.create_task(resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=LONG_S, trail=trail))
            await until(lambda: trail.asked)
            assert [tags_of(one) for one in client.torrents_info(torrent_hashes=DEAD[0])] == [{tag, Run.mine().tag}]
        with pytest.raises(ResolverDown, match="stopping"):
            await asking
        assert touchable(client) == before
        client.torrents_delete(delete_files=True, torrent_hashes="all")
        client.torrents_delete_tags(tags=[tag, elsewhere.tag])

    run(test())


# Another run that goes on


@contextlib.contextmanager
def another_run() -> Iterator[Run]:
    """The run of a process that lives until the end of the block."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as alive:
        fields = Path(f"/proc/{alive.pid}/stat").read_text().rpartition(")")[2].split()
        yield Run.mine()._replace(pid=alive.pid, started=int(fields[19]))
        alive.communicate(b"\n", timeout=PATIENCE_S)


@contextlib.asynccontextmanager
async def two_runs(qbittorrent: QBittorrent) -> AsyncIterator[tuple[QbittorrentResolver, QbittorrentResolver]]:
    """A resolver of this run, and one of another that goes on."""
    with another_run() as run_of_other:
        async with resolving(config_for(qbittorrent)) as other:
            other._rounds.mine = run_of_other  # type: ignore[misc]
            async with resolving(config_for(qbittorrent)) as mine:
                yield mine, other


async def asking_for(resolver: QbittorrentResolver, magnet: Magnet) -> asyncio.Task[Any]:
    """A look-up that qBittorrent has been told of."""
    trail = Trail()
    asking = asyncio.create_task(resolver.resolve(magnet, deadline_s=LONG_S, trail=trail))
    await until(lambda: trail.asked)
    return asking


@pytest.mark.parametrize("leaves", ["by cancelling", "by closing"])
def test_what_another_run_still_needs_is_left_to_it_and_removed_when_that_is_done(
    clean: QBittorrent, leaves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truename.resolvers.qbittorrent.resolver._FAREWELL_S", 0.2)

    async def test() -> None:
        client = clean.client()
        async with two_runs(clean) as (mine, other):
            first = await asking_for(other, Magnet.parse(DEAD[0]))
            ((added,), _) = await until(lambda: with_trackers(client))
            second = await asking_for(mine, Magnet.parse(DEAD[0]))
            if leaves == "by cancelling":
                first.cancel()
                before = other._rounds.ran
                await until(lambda: other._rounds.ran > before + 2)
            else:
                await other.aclose()
                with pytest.raises(ResolverDown):
                    await first
            (kept,) = client.torrents_info()
            assert (kept["hash"], kept["save_path"]) == (DEAD[0], added["save_path"])
            second.cancel()
            await until(lambda: not any(Run.mine().tag in one["tags"] for one in client.torrents_info()))
        await removed_at_a_start(clean)

    run(test())


async def removed_at_a_start(qbittorrent: QBittorrent) -> None:
    """Who comes next finds that both have ended, if anything has been left to one that had not."""
    client = qbittorrent.client()
    async with resolving(config_for(qbittorrent)):
        await until(lambda: not (client.torrents_info() or client.torrents_tags()))


def test_whom_a_look_up_names_is_asked_for_what_another_run_has_added_too(clean: QBittorrent) -> None:
    async def test() -> None:
        info = info_named("known to the second run")
        async with a_peer(info) as (_, magnet), two_runs(clean) as (mine, other):
            first = await asking_for(other, Magnet.parse(sha1(info)))
            found = await mine.resolve(magnet(sha1(info)), deadline_s=LONG_S)
            assert [found, await first] == [read_info(info, (sha1(info),))] * 2

    run(test())


def test_what_is_only_there_to_end_another_runs_fetch_is_not_held(clean: QBittorrent) -> None:
    async def test() -> None:
        client = clean.client()
        with another_run() as other:
            client.torrents_add(urls=f"magnet:?xt=urn:btih:{DEAD[0]}", is_stopped=True, **left_by(other, clean))
            await until(client.torrents_info)
            async with resolving(config_for(clean)) as resolver:
                asking = await asking_for(resolver, Magnet.parse(DEAD[0]))
                client.torrents_delete(delete_files=True, torrent_hashes=DEAD[0])
                await until(lambda: [tags_of(one) for one in client.torrents_info()] == [{Run.mine().tag}])
                asking.cancel()
        client.torrents_delete_tags(tags=other.tag)

    run(test())


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one after the other"])
def test_two_commands_that_ask_for_the_same_leave_nothing_when_they_are_interrupted(
    clean: QBittorrent, tmp_path: Path, at_once: bool
) -> None:
    async def test() -> None:
        client = clean.client()
        environment = os.environ | clean.environment()
        environment |= {"TRUENAME_RESOLVERS": "qbittorrent"}
        with contextlib.ExitStack() as stack:
            first, second = (
                stack.enter_context(
                    subprocess.Popen(
                        [sys.executable, "-m", "truename", "resolve", *DEAD],
                        env=environment | {"TRUENAME_DATA_DIR": str(tmp_path / name)},
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                )
                for name in ("first", "second")
            )
            await until(lambda: [len(tags_of(one)) for one in client.torrents_info()] == [2] * len(DEAD))
            for process in (first, second):
                process.send_signal(signal.SIGINT)
                if not at_once:
                    assert await asyncio.to_thread(process.wait, PATIENCE_S) == 130
            for process in (first, second):
                assert await asyncio.to_thread(process.wait, PATIENCE_S) == 130
        assert not client.torrents_info()
        assert not client.torrents_tags()

    run(test())


def test_a_command_that_is_interrupted_takes_away_what_it_added(clean: QBittorrent, tmp_path: Path) -> None:
    async def test() -> None:
        client = clean.client()
        environment = os.environ | clean.environment()
        environment |= {"TRUENAME_RESOLVERS": "qbittorrent", "TRUENAME_DATA_DIR": str(tmp_path)}
        with subprocess.Popen(
            [sys.executable, "-m", "truename", "resolve", *DEAD],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            await until(lambda: len(client.torrents_info()) == len(DEAD))
            process.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(process.wait, PATIENCE_S) == 130
        assert not client.torrents_info()
        assert not client.torrents_tags()

    run(test())


# Trouble


def test_a_wrong_password_is_tried_once_and_then_rests(tmp_path: Path) -> None:
    async def test() -> None:
        with QBittorrent(tmp_path, settings={"web_ui_max_auth_fail_count": 2}).running() as strict:
            async with resolving(config_for(strict, password="wrong")) as resolver:
                for _ in range(5):
                    with pytest.raises(ResolverDown) as ending:
                        await resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=LONG_S)
                    assert ending.value.reason == "qbittorrent_password"
                health = await resolver.health()
                assert (health.able, health.reason) == (False, "qbittorrent_password")
            assert strict.client().app_version()  # not banned
            for _ in range(2):
                async with resolving(config_for(strict, password="wrong")) as resolver:
                    await resolver.health()
            async with resolving(config_for(strict)) as resolver:
                assert (await resolver.health()).reason == "qbittorrent_banned"

    run(test())


def test_a_server_that_stops_and_comes_back_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truename.resolvers.qbittorrent.circuit._SOON", (0.05,))

    async def test() -> None:
        server, info = QBittorrent(tmp_path, settings={"bittorrent_protocol": 1}), info_named("after the storm")
        async with contextlib.AsyncExitStack() as stack:
            running = stack.enter_context(contextlib.ExitStack())
            running.enter_context(server.running())
            _, magnet = await stack.enter_async_context(a_peer(info))
            resolver = await stack.enter_async_context(resolving(config_for(server)))
            trail = Trail()
            asking = asyncio.create_task(resolver.resolve(Magnet.parse(DEAD[0]), deadline_s=LONG_S, trail=trail))
            await until(lambda: trail.asked)
            running.close()
            with pytest.raises(ResolverDown) as ending:
                await asking
            assert ending.value.reason == "qbittorrent_down"
            with pytest.raises(ResolverDown):
                await resolver.resolve(magnet(sha1(info)), deadline_s=LONG_S)
            running.enter_context(server.running())

            async def named() -> bool:
                with contextlib.suppress(ResolverDown):
                    return bool(await resolver.resolve(magnet(sha1(info)), deadline_s=LONG_S))
                return False

            while not await named():
                await asyncio.sleep(0.05)
            # It has kept what was being asked when it was stopped.
            client = server.client()
            await until(lambda: not client.torrents_info())

    run(test())
