"""The pure parts of the resolver `qbittorrent`: its circuit, its marks, its listing, and what it sends."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire import decode
from truename.errors import BadMetadata
from truename.magnet import InfoHash, Magnet
from truename.resolvers.qbittorrent import listing, marks
from truename.resolvers.qbittorrent.circuit import _TO_BE_MENDED, Circuit
from truename.resolvers.qbittorrent.config import QbittorrentConfig
from truename.resolvers.qbittorrent.listing import Entry, Listing, Unreadable
from truename.resolvers.qbittorrent.marks import CATEGORY, Run, last_part
from truename.resolvers.qbittorrent.session import REASONS
from truename.resolvers.qbittorrent.wire import api_version, info_in, is_a_name, magnet_for
from truename.texts import TEXTS

V1, V2 = InfoHash("ab" * 20), InfoHash("cd" * 32)
CONFIG = QbittorrentConfig(url="http://127.0.0.1:1", username="u", password="hush")
RUN = Run("0123abcd", 77, 99)


# The circuit


def test_every_reason_has_its_sentence() -> None:
    assert set(REASONS) <= set(TEXTS)
    assert set(REASONS) >= _TO_BE_MENDED


def test_a_server_that_is_down_is_tried_again_after_seconds_and_at_last_each_minute() -> None:
    circuit, now, waited = Circuit(), 1000.0, []
    assert not circuit.is_open(now)
    for _ in range(7):
        circuit.failed("qbittorrent_down", now)
        waited.append(circuit.until - now)
        assert circuit.is_open(circuit.until - 0.1)
        now = circuit.until
        assert not circuit.is_open(now)
    assert waited == [5, 10, 20, 40, 60, 60, 60]
    circuit.worked()
    circuit.failed("qbittorrent_down", now)
    assert circuit.until - now == 5


def test_a_wrong_password_is_tried_fewer_times_than_qbittorrent_takes_within_an_hour() -> None:
    circuit, now, tries = Circuit(), 0.0, 0
    while now < 3600:
        tries += 1
        circuit.failed("qbittorrent_password", now)
        now = circuit.until
    assert tries == 3


def test_the_password_does_not_stand_in_what_is_shown_of_the_settings() -> None:
    assert "hush" not in repr(CONFIG)


# The marks


def test_this_run_is_not_over_and_an_ended_one_is() -> None:
    mine = Run.mine()
    assert Run.of(mine.tag) == mine
    assert mine.is_over() is False
    assert mine._replace(started=mine.started + 1).is_over() is True
    assert mine._replace(machine="00000000").is_over() is None
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet buried
        assert mine._replace(pid=process.pid).is_over() is True
    assert mine._replace(pid=process.pid).is_over() is True


def test_of_a_run_on_a_machine_with_the_same_host_name_nobody_here_knows_whether_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "_MACHINE_ID", tmp_path / "no identity")
    here = Run.mine()
    assert here.is_over() is False
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(marks, "_MACHINE_ID", tmp_path / "machine-id")
    assert here.is_over() is None
    assert not Run.mine().may_remove(here, 1000.0, now=1010.0)


@pytest.mark.parametrize("tag", ["", "truename", "truename-1", "truename-0123abcd-1-2 ", "my-truename-0123abcd-1-2"])
def test_another_tag_is_nobodys_run(tag: str) -> None:
    assert Run.of(tag) is None


@pytest.mark.parametrize("path", ["/a/b", "/a/b/", "C:\\a\\b", "C:\\a\\b\\", "b"])
def test_the_folder_of_a_torrent_is_read_on_any_system(path: str) -> None:
    assert last_part(path) == "b"


# The listing


def told(listing: Listing, rid: int = 1, **more: object) -> bool:
    return listing.take({"rid": rid} | more)


def entry(**fields: object) -> dict[str, object]:
    return {"infohash_v1": str(V1), "name": "n", "state": "metaDL", "total_size": -1} | fields


def test_a_listing_is_kept_up_by_differences() -> None:
    listing = Listing()
    assert told(listing, full_update=True, torrents={V1: entry()}, tags=["a"])
    assert told(listing, 2, torrents={V1: {"total_size": 5, "name": "found"}}, tags=["b"], tags_removed=["a"])
    found = listing.find(V1)
    assert found is not None
    assert (found.name, found.state, found.has_metadata, listing.tags) == ("found", "metaDL", True, {"b"})
    assert told(listing, 3, torrents={V1: {"total_size": 2**63, "num_seeds": -7, "added_on": 9}})
    kept = listing.find(V1)
    assert kept is not None
    assert (kept.total_size, kept.num_seeds, kept.added_on) == (5, found.num_seeds, 9)
    assert not told(listing, 3)
    assert told(listing, 4, torrents_removed=[V1])
    assert listing.find(V1) is None
    assert listing.rid == 4


def test_a_torrent_is_found_by_any_of_its_hashes_and_after_it_has_changed_its_id() -> None:
    listing = Listing()
    told(listing, full_update=True, torrents={V1: entry()})
    told(listing, 2, torrents_removed=[V1], torrents={V2[:40]: entry(infohash_v2=str(V2))})
    first = listing.find(V1)
    assert first is not None
    assert first is listing.find(V2) is listing.find(InfoHash(V2[:40]))


def test_a_full_update_forgets_what_was() -> None:
    listing = Listing()
    told(listing, full_update=True, torrents={V1: entry()}, tags=["a"])
    told(listing, 2, full_update=True)
    assert (listing.find(V1), listing.tags) == (None, set())


OURS = {"category": CATEGORY, "tags": f"x, {RUN.tag}", "save_path": f"/d/{RUN.tag}"}


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ({}, True),
        ({"category": ""}, False),
        ({"tags": "x"}, False),
        ({"save_path": "/d"}, False),
        ({"save_path": f"/d/{RUN.tag}x"}, False),
        ({"save_path": "/d/" + RUN._replace(pid=1).tag}, False),
    ],
)
def test_what_lacks_one_mark_is_the_persons(changes: dict[str, object], ours: bool) -> None:
    listing = Listing()
    told(listing, full_update=True, torrents={V1: entry(**OURS) | changes})
    assert [run for _, run in listing.ours()] == ([RUN] if ours else [])
    told(listing, 2, torrents={V1: {"category": "mine"}})
    assert not list(listing.ours())
    assert listing.borne() == (set() if changes.get("tags") else {RUN.tag})


def test_what_two_runs_need_is_held_by_both_and_may_be_removed_when_the_other_has_let_go_or_ended() -> None:
    def shared(*runs: Run, **changes: str) -> Entry:
        fields = entry(**OURS, added_on=1000) | {"tags": ", ".join(run.tag for run in runs)} | changes
        return Entry(torrent_id=V1).changed(fields)

    mine, ended = Run.mine(), Run.mine()._replace(started=1)
    elsewhere, folder = RUN, f"/d/{mine.tag}"
    added = shared(mine, elsewhere, save_path=folder)
    assert (added.run(), added.is_held_by(mine), added.is_held_by(elsewhere)) == (mine, True, True)
    assert not added.may_be_removed_by(mine, now=1010.0)
    assert added.may_be_removed_by(mine, now=1000.0 + 3601)
    for runs in ((mine,), (mine, ended)):
        assert shared(*runs, save_path=folder).may_be_removed_by(mine, now=1010.0)
    assert not shared(mine, save_path=folder).is_held_by(elsewhere)
    persons = shared(mine, save_path="/d")
    assert not persons.is_held_by(mine)
    assert not persons.may_be_removed_by(mine, now=1010.0)


@pytest.mark.parametrize(
    "answer",
    [None, [], "x", {}, {"rid": "1"}, {"rid": True}, {"rid": 1, "torrents": []}, {"rid": 1, "torrents": {"a": 1}}],
)
def test_an_answer_that_is_none_of_qbittorrents_is_refused(answer: object) -> None:
    with pytest.raises(Unreadable):
        Listing().take(answer)


@pytest.mark.parametrize(
    "news",
    [
        lambda turn: {"tags": [f"tag {turn}"]},
        lambda turn: {"torrents": {f"{turn:040x}": {}}},
        lambda turn: {"torrents": {"a" * 40: {"name": "x" * turn * 100}}},
    ],
)
def test_of_a_server_that_tells_ever_more_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, news: Callable[[int], dict[str, object]]
) -> None:
    monkeypatch.setattr(listing, "MAX_CHARS", 100_000)
    kept = Listing()

    def listen() -> None:
        for turn in range(1, 10_000):
            kept.take({"rid": turn, **news(turn)})

    with pytest.raises(Unreadable):
        listen()
    assert (kept.rid, kept.tags, kept.find(InfoHash("a" * 40))) == (0, set(), None)
    assert kept.take({"rid": 1, "full_update": True, "torrents": {"a" * 40: {"name": "Dunes"}}})


def test_a_torrent_that_keeps_changing_takes_no_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_CHARS", 100_000)
    kept = Listing()
    for turn in range(5_000):
        kept.take({"rid": turn, "torrents": {"a" * 40: {"infohash_v2": f"{turn:08x}{0:056x}", "name": f"{turn}"}}})
    assert kept.find(InfoHash(f"{4_999:08x}{0:056x}")) is not None
    assert kept.find(InfoHash(f"{4_998:08x}{0:056x}")) is None


def test_fields_of_a_wrong_type_are_passed_over() -> None:
    listing = Listing()
    told(listing, full_update=True, torrents={V1: entry(name=7, total_size="9", tags=None, save_path=[])})
    found = listing.find(V1)
    assert found is not None
    assert (found.name, found.total_size, found.tags) == ("", -1, "")


# What is sent and read

REBUILT = re.compile(r"magnet:\?xt=urn:bt(ih:[0-9a-f]{40}|mh:1220[0-9a-f]{64})(&(tr|x\.pe)=[A-Za-z0-9._~%:\[\]-]+)*")


@given(
    st.lists(st.text(max_size=40) | st.text(max_size=30).map("http://1.2.3.4/".__add__)),
    st.lists(st.text(max_size=40) | st.just("[2001:4860::1]:80") | st.just("1.2.3.4:5")),
    st.booleans(),
    st.booleans(),
)
def test_a_magnet_that_is_sent_is_made_of_hashes_and_checked_parts_only(
    trackers: list[str], peers: list[str], v2: bool, twice: bool
) -> None:
    magnet = Magnet(info_hash=V2 if v2 else V1, display_name="&x", trackers=tuple(trackers), peers=tuple(peers))
    sent = magnet_for(magnet, CONFIG, twice_decoded=twice)
    assert REBUILT.fullmatch(sent)
    if twice:  # what undoes the escapes once more finds the same parameters
        assert unquote(sent).count("&") == sent.count("&")
        assert unquote(sent).count("=") >= sent.count("=")
        assert "%" not in unquote(sent)


OWN, SURE = "http://127.0.0.1:1/announce", "udp://9.9.9.9:3/announce"
LOOPBACK = "http://127.0.0.1:2/announce"
BY_NAME = (
    "udp://tracker.example:3",
    "http://9.9.9.9:4/announce",
    "https://tracker.example/announce",
    "udp://9.9.2313:4",
)


def sent_trackers(*named: str, stopped: bool = False, **config: Any) -> list[str]:
    magnet = Magnet(info_hash=V1, trackers=named, peers=("10.0.0.1:4",))
    sent = magnet_for(magnet, QbittorrentConfig(url="", **config), stopped=stopped)
    return parse_qs(urlsplit(sent).query).get("tr", [])


def test_trackers_are_those_of_the_administrator_and_those_of_the_magnet_that_can_lead_nowhere_else() -> None:
    assert sent_trackers(LOOPBACK, *BY_NAME, SURE, trackers=(OWN,)) == [OWN, SURE]
    assert sent_trackers(SURE, magnet_trackers=False, trackers=(OWN,)) == [OWN]


def test_where_private_addresses_are_allowed_all_trackers_of_a_magnet_are_passed_on() -> None:
    assert sent_trackers(LOOPBACK, *BY_NAME, SURE, allow_private=True) == [LOOPBACK, *BY_NAME, SURE]


def test_what_is_sent_stopped_keeps_its_trackers_with_a_public_name() -> None:
    assert sent_trackers(LOOPBACK, *BY_NAME[:3], SURE, stopped=True) == [*BY_NAME[:3], SURE]


def test_the_info_dictionary_is_cut_out_byte_for_byte() -> None:
    odd = b"d4:name1:n4:listli1ed1:ai2eee3:agei5ee"  # its keys out of order
    decode(odd)
    assert info_in(b"d8:announce3:url13:creation datei5e4:info" + odd + b"4:tail1:xe") == odd
    assert info_in(b"d4:info" + odd) == odd


@pytest.mark.parametrize(
    "torrent", [b"", b"d", b"de", b"<html>", b"4:info", b"d4:infod", b"d4:info9:", b"d" + b"1:ai1e" * 200 + b"e"]
)
def test_what_is_no_torrent_has_no_info_dictionary(torrent: bytes) -> None:
    with pytest.raises(BadMetadata):
        info_in(torrent)


@pytest.mark.parametrize(
    ("name", "usable"),
    [("A", True), ("😀", True), ("", False), ("..", False), (V1.upper(), False), ("half \ud83d of one", False)],
)
def test_the_hash_is_not_a_name_nor_is_half_of_a_character(name: str, usable: bool) -> None:
    assert is_a_name(name, V1) is usable


@pytest.mark.parametrize(("text", "version"), [("2.8.19", (2, 8, 19)), ("2.11.9\n", (2, 11, 9)), ("<html>", None)])
def test_versions_are_numbers(text: str, version: tuple[int, ...] | None) -> None:
    assert api_version(text) == version
