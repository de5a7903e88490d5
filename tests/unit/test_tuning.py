"""The settings of libtorrent: all of them exist, nothing is on that speaks unasked, and descriptors suffice."""

import libtorrent as lt
import pytest

from truename.resolvers.tuning import TORRENT_FLAGS, Room, settings_for

ROOM = Room(http_announces=10, connections=20)


def test_every_setting_is_one_of_libtorrents_and_of_its_type() -> None:
    known = lt.default_settings()
    for allow_private in (False, True):
        settings = settings_for(listen_interfaces="127.0.0.1:0", dht_nodes=[], allow_private=allow_private, room=ROOM)
        for name, value in settings.items():
            assert isinstance(value, type(known[name])), name


def test_nothing_speaks_to_the_network_unasked() -> None:
    settings = settings_for(listen_interfaces="127.0.0.1:0", dht_nodes=None, allow_private=False, room=ROOM)
    quiet = ("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp", "allow_idna")
    assert [name for name in quiet if settings[name]] == []
    guards = ("ssrf_mitigation", "apply_ip_filter_to_trackers", "apply_filter_to_dht", "validate_https_trackers")
    assert [name for name in guards if not settings[name]] == []
    assert settings["dht_bootstrap_nodes"] == ""


def test_the_dht_begins_only_where_it_is_told_to() -> None:
    for nodes in ([], ["router.org:6881", "1.1.1.1:6881"]):
        settings = settings_for(listen_interfaces="", dht_nodes=nodes, allow_private=False, room=ROOM)
        assert settings["enable_dht"]
        assert settings["dht_bootstrap_nodes"] == ",".join(nodes)


def test_a_torrent_downloads_nothing_and_is_not_managed() -> None:
    flags = lt.torrent_flags
    for flag in (flags.upload_mode, flags.default_dont_download, flags.apply_ip_filter, flags.duplicate_is_error):
        assert TORRENT_FLAGS & flag
    for flag in (flags.auto_managed, flags.stop_when_ready, flags.paused):
        assert not TORRENT_FLAGS & flag


@pytest.mark.parametrize("limit", [256, 512, 1024, 4096, 65536])
def test_peers_and_announces_together_leave_descriptors_for_the_program(limit: int) -> None:
    room = Room.for_descriptors(limit)
    assert room.http_announces + room.connections <= limit - 100
    assert room.http_announces >= 50
    assert room.connections >= 2 * room.http_announces - 1


@pytest.mark.parametrize("limit", [-1, 2**62])
def test_without_a_limit_there_is_room_for_what_is_useful(limit: int) -> None:
    assert Room.for_descriptors(limit) == Room(http_announces=400, connections=4000)


def test_with_next_to_no_descriptors_there_is_still_some_room() -> None:
    assert Room.for_descriptors(0) == Room(http_announces=10, connections=10)
