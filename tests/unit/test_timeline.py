"""What was done for a look-up, as it is kept and as it is told."""

import json
from dataclasses import replace

import pytest

from truename.model import COUNTS, Account
from truename.texts import TEXTS, Language
from truename.timeline import ENDINGS, lines, next_steps, own, pack, told, unpack, why

SWARM = Account(
    resolver="swarm",
    ended="no_metadata",
    counts={"trackers": 2, "trackers_answered": 2, "dht_nodes": 212, "dht_peers": 4}
    | {"tried": 4, "refused": 2, "silent": 2},
)
DIRECT = Account(resolver="direct", ended="resolver_unavailable", reason="nobody_to_ask")


def test_a_line_tells_whom_it_asked_and_what_they_said() -> None:
    assert lines([SWARM, DIRECT], Language.ENGLISH) == [
        "swarm: asked 2 trackers: 0 peers; DHT 212 nodes: 4 peers; tried 4 peers, 2 refused, 2 gave nothing; deadline",
        "direct: nobody to ask",
    ]
    assert told([SWARM, DIRECT], Language.CHINESE) == (
        "swarm：询问 2 个 tracker：0 个节点；DHT 212 个节点：4 个节点；尝试 4 个节点，2 个拒绝，2 个未给出元数据；超时"
        "。direct：无人可问"
    )


@pytest.mark.parametrize(
    ("ended", "words"), [("named", "gave the name"), ("bad_name", "the torrent has no usable name")]
)
def test_whoever_has_been_given_the_metadata_does_not_say_that_its_giver_gave_nothing(ended: str, words: str) -> None:
    given = replace(SWARM, ended=ended, counts={"tried": 3, "refused": 1, "silent": 2})
    assert lines([given], Language.ENGLISH) == [f"swarm: tried 3 peers, 1 refused; {words}"]


@pytest.mark.parametrize(
    ("asked", "answered", "peers", "english", "chinese"),
    [
        (1, 0, 0, "asked 1 tracker: no usable answer", "询问 1 个 tracker：没有有效应答"),
        (3, 0, 0, "asked 3 trackers: no usable answer", "询问 3 个 tracker：没有有效应答"),
        (3, 1, 0, "asked 3 trackers, 1 answered: 0 peers", "询问 3 个 tracker，1 个有效应答：0 个节点"),
        (3, 3, 1, "asked 3 trackers: 1 peer", "询问 3 个 tracker：1 个节点"),
        (1, 1, 0, "asked 1 tracker: 0 peers", "询问 1 个 tracker：0 个节点"),
        (1, 0, 2, "asked 1 tracker: 2 peers", "询问 1 个 tracker：2 个节点"),
    ],
)
def test_a_tracker_that_has_not_answered_is_not_said_to_know_nobody(
    asked: int, answered: int, peers: int, english: str, chinese: str
) -> None:
    counts = {"trackers": asked, "trackers_answered": answered, "tracker_peers": peers}
    account = Account(resolver="direct", ended="no_peers", counts=counts)
    assert lines([account], Language.ENGLISH) == [f"direct: {english}; deadline"]
    assert lines([account], Language.CHINESE) == [f"direct：{chinese}；超时"]


@pytest.mark.parametrize(
    ("counts", "english", "chinese"),
    [
        ({}, "", ""),
        ({"dht_nodes": 9}, "", ""),
        ({"dht_nodes": 0, "dht_peers": 0}, "asked the DHT: 0 peers; ", "询问 DHT：0 个节点；"),
        ({"dht_nodes": 1, "dht_peers": 1}, "DHT 1 node: 1 peer; ", "DHT 1 个节点：1 个节点；"),
        ({"dht_nodes": 9, "dht_peers": 0}, "DHT 9 nodes: 0 peers; ", "DHT 9 个节点：0 个节点；"),
    ],
)
def test_the_dht_is_told_of_where_it_had_a_turn(counts: dict[str, int], english: str, chinese: str) -> None:
    account = Account(resolver="swarm", ended="no_peers", counts=counts)
    assert lines([account], Language.ENGLISH) == [f"swarm: {english}deadline"]
    assert lines([account], Language.CHINESE) == [f"swarm：{chinese}超时"]


@pytest.mark.parametrize(
    ("counts", "begins"),
    [
        ({"trackers": 2}, "Nobody was found: no tracker that was asked gave a usable answer"),
        ({"trackers": 2, "trackers_answered": 1}, "Nobody has this torrent"),
        ({"trackers": 2, "dht_nodes": 7}, "Nobody has this torrent"),
        ({"trackers": 2, "dht_nodes": 0}, "Nobody has this torrent"),
        ({}, "Nobody has this torrent"),
    ],
)
def test_that_nobody_has_it_is_said_when_somebody_was_asked_who_could_know(counts: dict[str, int], begins: str) -> None:
    accounts = [Account(resolver="direct", ended="no_peers", counts=counts)]
    assert why("no_peers", iter(accounts), Language.ENGLISH).startswith(begins)


def test_what_is_kept_comes_back() -> None:
    said = Account(resolver="script", ended="resolver_failed", said="no such torrent")
    assert unpack(pack([SWARM, DIRECT, said])) == (SWARM, DIRECT, said)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "{", "7", "[7]", '[{"resolver": 1}]', '[{"resolver":"a","ended":"b","counts":7}]'),
        '[{"resolver":"a","ended":"b","counts":{"tried":1e999}}]',
        "[" * 100_000,
    ],
)
def test_a_text_that_nobody_packed_is_nothing(text: str | None) -> None:
    assert unpack(text) == ()


def test_what_a_resolver_says_is_kept_short_and_shown_safely() -> None:
    said = Account(resolver="script", ended="resolver_failed", said="\x1b[31m\u202e" + "x" * 5000)
    assert len(pack([said])) < 1500
    (line,) = lines(unpack(pack([said])), Language.ENGLISH)
    assert line.startswith("script: said: ␛[31m⟨U+202E⟩xxx")
    assert why("resolver_failed", [said], Language.ENGLISH).startswith("A resolver answered: ␛[31m⟨U+202E⟩xxx")


def test_for_whom_alone_it_was_made_is_told_all_of_it() -> None:
    assert own([SWARM, DIRECT], joined=False) == (SWARM, DIRECT)


def test_whoever_joined_learns_who_answered_and_nothing_of_before() -> None:
    named = Account(resolver="direct", ended="named", counts={"trackers": 3}, elapsed_s=20.0)
    assert own([SWARM, named], joined=True) == (Account(resolver="direct", ended="named"),)


def test_whoever_joined_in_vain_learns_what_was_seen_and_nothing_of_trackers() -> None:
    script = Account(resolver="script", ended="resolver_failed", said="no such torrent")
    seen = {"dht_nodes": 212, "dht_peers": 4, "tried": 4, "refused": 2, "silent": 2}
    assert own([SWARM, DIRECT, script], joined=True) == (replace(SWARM, counts=seen), DIRECT, script)


@pytest.mark.parametrize(
    ("counts", "code", "begins"),
    [
        ({}, "no_peers", "Next: give a magnet with other trackers, or see with `truename doctor`"),
        ({"dht_nodes": 0}, "no_peers", "Next: ask again later"),
        ({"trackers": 2, "dht_nodes": 0}, "no_peers", "Next: ask again later"),
        ({"trackers": 2, "trackers_answered": 1}, "no_peers", "Next: ask with other trackers, or with the DHT; the"),
        ({"trackers": 2}, "no_peers", "Next: ask with other trackers, or with the DHT; none"),
        ({"trackers": 2, "dht_nodes": 2}, "no_peers", "Next: ask again later"),
        ({"dht_nodes": 2}, "no_peers", "Next: ask again later"),
        ({"refused": 2}, "no_metadata", "Next: check that TCP"),
        ({"silent": 2}, "no_metadata", "Next: ask again later"),
        ({"refused": 2, "silent": 1}, "no_metadata", "Next: check that TCP"),
        ({"refused": 1, "silent": 2}, "no_metadata", "Next: ask again later"),
        ({"refused": 1, "lied": 1}, "no_metadata", "Next: ask again later"),
        ({}, "deadline", "Next: ask again later, or give it more time"),
        ({"tried": 1}, "resolver_failed", "Next: ask in other ways as well"),
        ({"trackers": 1, "tried": 3, "too_large": 2, "silent": 1}, "no_metadata", "Next: add the magnet to a torrent"),
        ({"trackers": 1, "tried": 3, "too_large": 1, "silent": 2}, "no_metadata", "Next: ask again later, or save"),
    ],
)
def test_the_next_step_fits_what_happened(counts: dict[str, int], code: str, begins: str) -> None:
    (step,) = next_steps([Account(resolver="swarm", ended=code, counts=counts)], code, Language.ENGLISH)
    assert step.startswith(begins)


ALL_PRIVATE = Account(
    resolver="direct",
    ended="no_peers",
    counts={"trackers": 1, "trackers_answered": 1, "tracker_peers": 1, "left_out": 1},
)


@pytest.mark.parametrize(("others", "code"), [({}, "no_peers"), ({"tracker_peers": 1}, "no_metadata")])
def test_where_all_who_were_named_are_at_private_addresses_the_setting_is_told(
    others: dict[str, int], code: str
) -> None:
    swarm = Account(resolver="swarm", ended=code, counts={"trackers": 1, "trackers_answered": 1} | others)
    accounts = [swarm, ALL_PRIVATE]
    for language in Language:
        assert "TRUENAME_ALLOW_PRIVATE_NETWORK" in why(code, accounts, language)
        assert "TRUENAME_ALLOW_PRIVATE_NETWORK=on" in next_steps(accounts, code, language)[0]
    assert lines([ALL_PRIVATE], Language.ENGLISH) == [
        "direct: asked 1 tracker: 1 peer, 1 at a private address, left out; deadline"
    ]
    assert lines([ALL_PRIVATE], Language.CHINESE) == [
        "direct：询问 1 个 tracker：1 个节点，其中 1 个位于私有地址，未连接；超时"
    ]


@pytest.mark.parametrize("others", [{"tried": 1}, {"dht_nodes": 9, "dht_peers": 1}])
def test_where_others_were_named_or_tried_the_setting_is_not_told(others: dict[str, int]) -> None:
    accounts = [Account(resolver="swarm", ended="no_metadata", counts=others), ALL_PRIVATE]
    part = [replace(ALL_PRIVATE, counts=ALL_PRIVATE.counts | {"tracker_peers": 2})]
    for some in (accounts, part):
        assert "PRIVATE" not in why("no_metadata", some, Language.ENGLISH)
        assert "PRIVATE" not in next_steps(some, "no_metadata", Language.ENGLISH)[0]


def test_whoever_joined_is_not_told_whom_trackers_of_others_have_named() -> None:
    assert own([ALL_PRIVATE], joined=True) == (replace(ALL_PRIVATE, counts={}),)


@pytest.mark.parametrize("code", ["bad_name", "resolver_unavailable", "cancelled", None])
def test_where_the_error_says_all_there_is_no_next_step(code: str | None) -> None:
    assert next_steps([SWARM], code, Language.ENGLISH) == []


MISSING = Account(resolver="script", ended="resolver_unavailable", reason="script_missing")
BANNED = Account(resolver="qbittorrent", ended="resolver_unavailable", reason="qbittorrent_banned")


def test_of_a_resolver_that_is_wrong_itself_it_is_told_how_to_mend_it() -> None:
    accounts = [MISSING, SWARM, BANNED]
    for language in Language:
        later, *mends = next_steps(accounts, "no_metadata", language)
        assert later == TEXTS["step_later"][language is Language.CHINESE]
        for account, mend in zip((MISSING, BANNED), mends, strict=True):
            assert account.resolver in mend
            assert TEXTS[account.reason][language is Language.CHINESE] in mend


@pytest.mark.parametrize(
    ("accounts", "code", "resolvers"),
    [
        ([MISSING], "resolver_unavailable", []),
        ([MISSING, BANNED, DIRECT], "resolver_unavailable", ["qbittorrent"]),
        (
            [replace(MISSING, ended="resolver_failed", reason="script_failed"), BANNED],
            "resolver_failed",
            ["Next", "qbittorrent"],
        ),
        ([MISSING, replace(SWARM, ended="named")], None, ["script"]),
        ([replace(MISSING, reason="proxy_down"), replace(BANNED, reason="proxy_down")], None, ["script"]),
    ],
)
def test_what_the_error_says_is_not_said_twice(accounts: list[Account], code: str | None, resolvers: list[str]) -> None:
    assert [step.split(":")[0] for step in next_steps(accounts, code, Language.ENGLISH)] == resolvers


def test_a_tracker_is_quoted_to_who_named_it_and_not_taken_for_the_resolver() -> None:
    account = Account(
        resolver="direct", ended="no_peers", tracker_said="unregistered\x1b torrent", counts={"trackers": 1}, reason=""
    )
    (line,) = lines([account], Language.ENGLISH)
    assert line == "direct: asked 1 tracker: no usable answer; a tracker said: unregistered␛ torrent; deadline"
    assert "unregistered" not in why("resolver_failed", [account], Language.ENGLISH)
    assert "unregistered" not in lines([replace(account, ended="named")], Language.ENGLISH)[0]
    (theirs,) = own([account], joined=True)
    assert theirs.tracker_said == ""
    assert unpack(pack([account])) == (account,)


def test_only_ways_that_were_not_tried_are_proposed() -> None:
    script = Account(resolver="script", ended="resolver_failed", said="nope")
    (step,) = next_steps([script], "resolver_failed", Language.ENGLISH)
    assert "adding swarm, direct to TRUENAME_RESOLVERS" in step
    (step,) = next_steps([SWARM, DIRECT, script], "resolver_failed", Language.ENGLISH)
    assert step.startswith("Next: ask again later, or save")


def test_every_ending_has_its_words() -> None:
    assert {f"ended_{word}" for word in ENDINGS} == {word for word in TEXTS if word.startswith("ended_")}
    unforeseen = Account(resolver="swarm", ended="a word of tomorrow")
    assert lines([unforeseen], Language.ENGLISH) == ["swarm: failed"]


def test_only_counts_that_have_a_meaning_come_back() -> None:
    kept = json.dumps([{"resolver": "swarm", "ended": "no_peers", "counts": {"trackers": 1, "passwords": 7}}])
    (account,) = unpack(kept)
    assert set(account.counts) <= set(COUNTS)


@pytest.mark.parametrize("reason", ["nobody_usable", "left_to_direct"])
def test_whoever_joined_is_not_told_what_kind_of_sources_others_have_named(reason: str) -> None:
    (told_to_me,) = own([Account(resolver="swarm", ended="resolver_unavailable", reason=reason)], joined=True)
    assert told_to_me.reason == "nobody_to_ask"


@pytest.mark.parametrize(
    ("other", "told_of_it"),
    [("no_peers", "deadline"), ("resolver_unavailable", "deadline"), ("named", "not waited for any longer")]
    + [(decided, "not waited for any longer") for decided in ("claimed", "bad_name")],
)
def test_who_was_stopped_is_late_unless_somebody_else_has_decided(other: str, told_of_it: str) -> None:
    accounts = [Account(resolver="swarm", ended=other), Account(resolver="script", ended="stopped")]
    assert lines(accounts, Language.ENGLISH)[1] == f"script: {told_of_it}"


@pytest.mark.parametrize("reason", ["nobody_usable", "left_to_direct"])
def test_what_a_magnet_of_somebody_else_names_is_no_reason_that_others_are_told(reason: str) -> None:
    account = Account(resolver="direct", ended="resolver_unavailable", reason=reason)
    for language in Language:
        assert why(reason, own([account], joined=False), language) == TEXTS[reason][language.value]
        assert why(reason, own([account], joined=True), language) == TEXTS["nobody_to_ask"][language.value]
