"""The setting PROXY: what is one, what is refused, and what is shown of it."""

from pathlib import Path

import libtorrent as lt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename.health import resolver_states
from truename.proxy import Proxy
from truename.resolvers.base import ResolverHealth
from truename.resolvers.child.messages import begin, read_begin
from truename.resolvers.swarm_config import SwarmConfig
from truename.resolvers.tuning import Room, settings_for
from truename.settings import PREFIX, Settings, SettingsError, load, shown_value
from truename.texts import Language, say

PLAIN = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    import os

    for variable in list(os.environ):
        if variable.startswith((PREFIX, "QBT_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("TRUENAME_DATA_DIR", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("socks5://127.0.0.1:1080", Proxy(host="127.0.0.1", port=1080)),
        ("socks5h://proxy.example:9050/", Proxy(host="proxy.example", port=9050)),
        ("socks5://[2001:db8::1]:1080", Proxy(host="2001:db8::1", port=1080)),
        ("socks5://a:b@p:1", Proxy(host="p", port=1, username="a", password="b")),
        ("socks5://a%40b:p%3Aq%2Fr@p:1", Proxy(host="p", port=1, username="a@b", password="p:q/r")),
    ],
)
def test_a_url_of_a_proxy_is_read(url: str, proxy: Proxy) -> None:
    assert Proxy.of(url) == proxy


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:1080",
        "http://127.0.0.1:1080",
        "socks4://127.0.0.1:1080",
        "socks5://127.0.0.1",
        "socks5://127.0.0.1:0",
        "socks5://127.0.0.1:70000",
        "socks5://:1080",
        "socks5://a@p:1080",
        "socks5://a b:1080",
        "socks5://:b@p:1080",
        "socks5://p:1080/path",
        "socks5://p:1080?x=1",
        "socks5://p:1080#x",
        "socks5://ü:b@p:1080",
        "socks5://a:b%00@p:1080",
        "socks5://a:b%0A@p:1080",
        f"socks5://a:{'b' * 256}@p:1080",
    ],
)
def test_anything_else_is_refused_and_not_shown(url: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TRUENAME_PROXY", url)
    with pytest.raises(SettingsError) as error:
        load()
    said = error.value.text(Language.ENGLISH)
    assert "TRUENAME_PROXY" in said
    assert url not in said


@given(PLAIN, PLAIN)
def test_every_plain_login_comes_through_escapes(username: str, password: str) -> None:
    from urllib.parse import quote

    proxy = Proxy.of(f"socks5://{quote(username, safe='')}:{quote(password, safe='')}@p:1")
    assert (proxy.username, proxy.password) == (username, password)


def test_the_password_is_never_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TRUENAME_PROXY", "socks5://alice:wonderland@p:1")
    settings = load().settings
    about = Settings.known()["proxy"]
    assert "p:1" not in shown_value(about, settings.proxy, Language.ENGLISH)
    assert "wonderland" not in repr(Proxy.of(settings.proxy))


@pytest.mark.parametrize("resolver", ["script", "qbittorrent"])
def test_programs_that_go_their_own_way_are_refused_beside_a_proxy(
    resolver: str, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("TRUENAME_RESOLVERS", f"swarm,{resolver}")
    environment.setenv("QBT_URL", "http://127.0.0.1:1")
    assert load().settings.resolvers == ("swarm", resolver)
    environment.setenv("TRUENAME_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(SettingsError) as error:
        load()
    assert error.value.word == "around_the_proxy"
    assert resolver in error.value.text(Language.ENGLISH)


@pytest.mark.parametrize("login", ["", "a:b@"])
def test_libtorrent_is_told_to_let_nothing_past_it(login: str) -> None:
    room = Room(http_announces=10, connections=20)
    proxy = Proxy.of(f"socks5://{login}127.0.0.1:1080")
    settings = settings_for(listen_interfaces="", dht_nodes=None, allow_private=False, room=room, proxy=proxy)
    known = dict.fromkeys(settings, "") | lt.default_settings()  # which has no text that is empty
    assert [name for name, value in settings.items() if not isinstance(value, type(known[name]))] == []
    kind = lt.proxy_type_t.socks5_pw if login else lt.proxy_type_t.socks5
    assert (settings["proxy_type"], settings["proxy_hostname"], settings["proxy_port"]) == (kind, "127.0.0.1", 1080)
    everything = ("proxy_hostnames", "proxy_peer_connections", "proxy_tracker_connections", "anonymous_mode")
    assert all(settings[name] for name in everything)


def test_of_the_dhts_entrances_only_addresses_are_used() -> None:
    nodes = ("router.org:6881", "8.8.8.8:6881", "[2606:4700::1]:6881", "0x08080808:6881", "127.0.0.1:6881")
    through = SwarmConfig(dht_bootstrap=nodes, proxy="socks5://127.0.0.1:1080")
    assert through.dht_entrances == ["8.8.8.8:6881", "[2606:4700::1]:6881"]
    assert through.asks_dht
    assert not SwarmConfig(dht_bootstrap=nodes[:1], proxy=through.proxy).asks_dht
    assert SwarmConfig(dht_bootstrap=nodes[:1]).asks_dht


def test_the_child_is_told_of_it() -> None:
    import json

    config = SwarmConfig(proxy="socks5://a:b@127.0.0.1:1080")
    assert SwarmConfig(**read_begin(json.loads(begin(config)))) == config


@pytest.mark.parametrize(
    ("health", "said"),
    [
        (ResolverHealth(able=True, proxied=True, dht_enabled=True, dht_nodes=3), [True, True]),
        (ResolverHealth(able=True, proxied=True, reason="dht_needs_address"), [True, True]),
        (ResolverHealth(able=False, proxied=True, dht_enabled=True, reason="no_dht_through_proxy"), [True, False]),
        (ResolverHealth(able=False, proxied=True, reason="proxy_down"), [False]),
    ],
)
def test_doctor_says_how_the_swarm_is_behind_it(health: ResolverHealth, said: list[bool]) -> None:
    lines = list(resolver_states("swarm", health, Language.ENGLISH))
    assert [well for well, _ in lines] == said
    if health.reason:
        assert say(health.reason, Language.ENGLISH) in lines[-1][1]
