"""The torrents of the demo swarm: each is a whole info dictionary whose hash is the one it is asked for by."""

import hashlib

import pytest

from tests.wire import decode
from truename.demo.torrents import DemoTorrent, dead_hashes, invented_torrents, magnet_link, real_torrents
from truename.magnet import Magnet
from truename.metainfo import read_info

# As parse-torrent and libtorrent read the `.torrent` files of webtorrent-fixtures 2.0.3.
REAL = {
    "alice.txt": "722fe65b2aa26d14f35b4ad627d20236e481d924",
    "Leaves of Grass by Walt Whitman.epub": "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36",
    "Sintel.2010.4K.DMRip.x264.DD.DTS.SRT-MaLLIeHbKa.mkv": "c334138ef5bfc2d568ea7324e0e2a3a7ec229bdd",
    "numbers": "89d97c2261a21b040cf11caa661a3ba7233bb7e6",
    "lots-of-numbers": "114ead6243792ba56297edbb9a78dfba84d4fc00",
    "folder": "b88da2caac6648e6c7d7687e3f89085f7e230e6b",
}


def name_of(torrent: DemoTorrent) -> str:
    return read_info(torrent.info, [torrent.info_hash]).name


def test_the_real_torrents_have_their_real_hashes_and_names() -> None:
    assert {name_of(torrent): torrent.info_hash for torrent in real_torrents()} == REAL


@pytest.mark.parametrize("info_bytes", [1, 600, 6_000, 20_000, 300_000])
def test_an_invented_torrent_is_one_whole_info_dictionary_of_about_the_length_asked_for(info_bytes: int) -> None:
    for torrent in invented_torrents(3, info_bytes=info_bytes):
        assert isinstance(decode(torrent.info), dict)
        assert name_of(torrent).endswith(".mkv")
        assert torrent.info_hash == hashlib.sha1(torrent.info, usedforsecurity=False).hexdigest()
        assert abs(len(torrent.info) - info_bytes) <= 250


def test_the_same_seed_invents_the_same_torrents_and_another_seed_others() -> None:
    assert invented_torrents(5) == invented_torrents(5)
    assert invented_torrents(3) == invented_torrents(5)[:3]
    assert not {t.info_hash for t in invented_torrents(5)} & {t.info_hash for t in invented_torrents(5, seed=1)}


def test_dead_hashes_are_hashes_that_no_torrent_has() -> None:
    dead = dead_hashes(50)
    assert len(set(dead)) == 50
    assert not set(dead) & {torrent.info_hash for torrent in (*real_torrents(), *invented_torrents(50))}


def test_a_magnet_link_reads_back_as_what_it_was_made_of() -> None:
    link = magnet_link("ab" * 20, tracker="http://127.0.0.1:1/announce?a=b&c", dn="A & B", peer="127.0.0.1:6881")
    magnet = Magnet.parse(link)
    assert magnet.info_hash == "ab" * 20
    assert magnet.trackers == ("http://127.0.0.1:1/announce?a=b&c",)
    assert magnet.peers == ("127.0.0.1:6881",)
    assert magnet.display_name == "A & B"


def test_a_magnet_link_of_a_v2_hash_is_a_btmh() -> None:
    assert Magnet.parse(magnet_link("cd" * 32)).info_hash == "cd" * 32
