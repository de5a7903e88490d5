"""While private addresses are forbidden, `direct` touches none that a magnet, a tracker or the DNS names.

Canaries on loopback listen for that. Where something has to be reachable beside what is forbidden, the list of private
networks is replaced: 127.0.0.1 alone is private then.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest

from tests.contract.resolver_contract import DEAD, LONG_S, run
from tests.integration.test_swarm_private import SPELLINGS, naming
from tests.loopback import Canary, Tracker, UdpTracker
from tests.standing import Listener
from truename.demo.tracker import compact
from truename.errors import NotYet, ResolverDown
from truename.magnet import Magnet
from truename.resolvers.base import Trail
from truename.resolvers.chain import Chain
from truename.resolvers.direct.config import DirectConfig
from truename.resolvers.direct.hosts import LookUp, ask_system
from truename.resolvers.direct.resolver import DirectResolver
from truename.texts import Language
from truename.timeline import lines, next_steps, why

BRIEF_S = 0.4
"""Long enough for a canary on loopback to be touched, were it not forbidden."""

BARRIERS = ("truename.resolvers.direct.resolver", "truename.resolvers.direct.question")


@contextlib.asynccontextmanager
async def forbidding(*, look_up: LookUp = ask_system, **config: Any) -> AsyncIterator[DirectResolver]:
    """A resolver that may not speak to private addresses."""
    resolver = DirectResolver(DirectConfig(**config), look_up=look_up)
    try:
        yield resolver
    finally:
        await resolver.aclose()


async def nobody_is_asked(resolver: DirectResolver, magnet: Magnet) -> None:
    """The look-up ends at once, since nobody that it names may be asked."""
    with pytest.raises(ResolverDown) as ending:
        await resolver.resolve(magnet, deadline_s=10**6)
    assert ending.value.reason in ("nobody_to_ask", "nobody_usable")


def asking(tracker: str) -> Magnet:
    return Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&tr={tracker}")


@pytest.fixture
def only_one_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 is private, every other address of loopback passes for one of the internet."""
    monkeypatch.setattr("truename.networks.NOT_PUBLIC", (ip_network("127.0.0.1/32"),))


def test_no_spelling_of_loopback_is_asked() -> None:
    async def test() -> None:
        async with Canary().serving() as canary, forbidding() as resolver:
            for path in ("/announce", "/admin"):
                await nobody_is_asked(resolver, naming(SPELLINGS, canary.port, path=path))
            assert canary.touched == []

    run(test())


def test_loopback_of_ipv6_is_not_asked() -> None:
    async def test() -> None:
        async with Canary().serving("::1") as canary, forbidding() as resolver:
            await nobody_is_asked(resolver, naming(["[::1]", "localhost", "ip6-localhost"], canary.port))
            assert canary.touched == []

    run(test())


def test_a_name_of_the_internet_that_means_a_private_address_is_not_asked() -> None:
    meanings = {
        "tracker.example": ["127.0.0.1"],
        "six.example": ["::ffff:127.0.0.1"],
        "zone.example": ["fe80::1%lo"],
    }

    async def test() -> None:
        async with Canary().serving() as canary, forbidding(look_up=meanings.__getitem__) as resolver:
            for host in meanings:
                await nobody_is_asked(resolver, naming([host], canary.port))
            assert canary.touched == []

    run(test())


@pytest.mark.usefixtures("only_one_is_private")
def test_a_name_that_means_a_public_address_and_a_private_one_is_not_asked_at_either() -> None:
    async def test() -> None:
        async with two_canaries() as (private, public):
            for meaning in (["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]):
                async with forbidding(look_up=lambda _, meaning=meaning: meaning) as resolver:  # type: ignore[misc]
                    await nobody_is_asked(resolver, naming(["both.example"], public.port))
            assert private.touched == public.touched == []

    run(test())


@pytest.mark.usefixtures("only_one_is_private")
def test_a_name_whose_meaning_changes_is_asked_where_it_was_checked() -> None:
    meanings = [["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"]]
    asked: list[str] = []

    def look_up(host: str) -> list[str]:
        asked.append(host)
        return meanings[min(len(asked), len(meanings)) - 1]

    async def test() -> None:
        async with two_canaries() as (private, public), forbidding(look_up=look_up) as resolver:
            with pytest.raises(NotYet):
                await resolver.resolve(asking(f"http://changing.example:{public.port}/a"), deadline_s=BRIEF_S)
            assert asked == ["changing.example"]
            assert public.touched
            assert private.touched == []

    run(test())


@contextlib.asynccontextmanager
async def two_canaries() -> AsyncIterator[tuple[Canary, Canary]]:
    """One on 127.0.0.1 and one on 127.0.0.2, at the same port."""
    private, public = Canary(), Canary()
    async with public.serving("127.0.0.2"):
        try:
            listener = Listener(private._connected, port=public.port)
        except OSError:  # another program has the port there
            async with two_canaries() as others:
                yield others
            return
        try:
            yield private, public
        finally:
            await listener.close()


def test_the_second_barrier_holds_when_the_first_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with Canary().serving() as canary, forbidding() as resolver:
            await nobody_is_asked(resolver, naming(["127.0.0.1", "localhost", "127.1"], canary.port))
            assert canary.touched == []

    for module in BARRIERS:
        monkeypatch.setattr(f"{module}.usable_trackers", lambda urls, **_: list(urls))
    run(test())


def test_the_second_barrier_keeps_from_peers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with Canary().serving() as canary, forbidding() as resolver:
            monkeypatch.setattr(
                "truename.resolvers.direct.resolver.usable_peers", lambda _, **__: [("127.0.0.1", canary.port)]
            )
            monkeypatch.setattr("truename.resolvers.direct.reach.is_public", lambda _: True)
            with pytest.raises(NotYet):
                await resolver.resolve(Magnet.parse(DEAD), deadline_s=BRIEF_S)
            assert canary.touched == []

    run(test())


def test_with_private_addresses_allowed_the_same_magnet_does_reach_the_canary() -> None:
    """Without this, the canaries could be deaf."""

    async def test() -> None:
        async with Canary().serving() as canary, forbidding(allow_private=True) as resolver:
            with pytest.raises(NotYet):
                await resolver.resolve(naming(["127.0.0.1"], canary.port), deadline_s=BRIEF_S)
            assert {how.split()[0] for how in canary.touched} == {"TCP", "UDP"}

    run(test())


@pytest.mark.usefixtures("only_one_is_private")
def test_a_tracker_that_redirects_into_the_private_network_leads_nowhere() -> None:
    meaning = {"inside.example": ["127.0.0.1"]}

    async def test() -> None:
        async with (
            Canary().serving() as canary,
            Tracker().serving("127.0.0.2") as tracker,
            forbidding(look_up=meaning.__getitem__) as resolver,
        ):
            for host in ("127.0.0.1", "localhost", "127.1", "inside.example"):
                target = f"http://{host}:{canary.port}/announce".encode()
                tracker.response = b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"
                await nobody_is_asked(resolver, asking(f"http://127.0.0.2:{tracker.port}/announce"))
            assert len(tracker.asked) == 4
            assert canary.touched == []

    run(test())


@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_the_administrators_trackers_may_be_private_and_those_they_name_may_not(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with Canary().serving() as canary, Canary().serving("127.0.0.2") as allowed:
            both = compact("127.0.0.1", canary.port) + compact("127.0.0.2", allowed.port)
            async with Tracker({DEAD: both}).serving() as by_http, UdpTracker(both).serving() as by_udp:
                own = by_http.url if scheme == "http" else by_udp.url
                async with forbidding(trackers=(own,)) as resolver:
                    trail = Trail()
                    with pytest.raises(NotYet) as ending:
                        await resolver.resolve(Magnet.parse(DEAD), deadline_s=BRIEF_S, trail=trail)
                assert ending.value.peers_seen == 1
                assert (trail.counts["tracker_peers"], trail.counts["left_out"]) == (2, 1)
            assert allowed.touched
            assert canary.touched == []

    monkeypatch.setattr("truename.networks.NOT_PUBLIC", (ip_network("127.0.0.1/32"),))
    run(test())


def test_where_all_who_are_named_are_private_the_setting_that_lets_them_in_is_told() -> None:
    async def test() -> None:
        async with Canary().serving() as canary, Canary().serving("127.0.0.2") as second:
            both = compact("127.0.0.1", canary.port) + compact("127.0.0.2", second.port)
            async with Tracker({DEAD: both}).serving() as tracker, forbidding(trackers=(tracker.url,)) as resolver:
                outcome = await Chain([resolver]).look_up(Magnet.parse(DEAD), timeout_s=BRIEF_S)
            assert canary.touched == second.touched == []
        assert outcome.code == "no_peers"
        assert lines(outcome.accounts, Language.ENGLISH) == [
            "direct: asked 1 tracker: 2 peers, 2 at private addresses, left out; deadline"
        ]
        for language in Language:
            assert "TRUENAME_ALLOW_PRIVATE_NETWORK" in why(outcome.reason, outcome.accounts, language)
            assert "TRUENAME_ALLOW_PRIVATE_NETWORK=on" in next_steps(outcome.accounts, outcome.code, language)[0]

    run(test())


def test_who_shares_a_hash_is_told_of_those_alone_whom_its_own_trackers_named_and_left_out(
    only_one_is_private: None,
) -> None:
    async def test() -> None:
        async with Canary().serving("127.0.0.2") as public:
            theirs = Tracker({DEAD: compact("127.0.0.2", public.port)})
            own = Tracker({DEAD: compact("127.0.0.1", public.port)})
            async with own.serving(), theirs.serving("127.0.0.2"), forbidding(trackers=(own.url,)) as resolver:
                magnet = asking(f"http://127.0.0.2:{theirs.port}/announce")
                others = asyncio.create_task(resolver.resolve(magnet, deadline_s=LONG_S))
                await theirs.wait_for(lambda: bool(theirs.asked))
                trail = Trail()
                with pytest.raises(NotYet) as ending:
                    await resolver.resolve(Magnet.parse(DEAD), deadline_s=BRIEF_S, trail=trail)
                assert ending.value.code == "no_peers"
                assert trail.counts == {"trackers": 1, "trackers_answered": 1, "tracker_peers": 1, "left_out": 1}
                others.cancel()
                await asyncio.wait([others])

    run(test())


def test_the_leave_for_the_administrators_tracker_does_not_go_on_to_where_it_redirects() -> None:
    async def test() -> None:
        async with Canary().serving() as canary, Tracker().serving() as tracker:
            async with forbidding(trackers=(tracker.url,), look_up=lambda _: ["127.0.0.1"]) as resolver:
                for host in ("127.0.0.1", "inside.example"):
                    target = f"http://{host}:{canary.port}/admin".encode()
                    tracker.response = b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"
                    await nobody_is_asked(resolver, Magnet.parse(DEAD))
            assert len(tracker.asked) == 2
            assert canary.touched == []

    run(test())


def test_a_magnet_has_no_leave_to_ask_what_only_the_administrator_may_name() -> None:
    async def test() -> None:
        async with Tracker().serving() as own, Canary().serving() as canary:
            async with forbidding(trackers=(own.url,)) as resolver:
                magnet = asking(f"http://127.0.0.1:{canary.port}/announce")
                with pytest.raises(NotYet):
                    await resolver.resolve(magnet, deadline_s=BRIEF_S)
            assert canary.touched == []

    run(test())


def test_a_port_where_nobody_shares_files_is_not_asked() -> None:
    async def test() -> None:
        async with forbidding(allow_private=True) as resolver:
            await nobody_is_asked(resolver, Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&x.pe=127.0.0.1:22"))
            with pytest.raises(NotYet):
                await resolver.resolve(
                    Magnet.parse(f"magnet:?xt=urn:btih:{DEAD}&x.pe=127.0.0.1:1024"), deadline_s=BRIEF_S
                )

    run(test())
