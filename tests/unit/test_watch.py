"""What the watch asks for a hash of a person's notes."""

from truename.watch import _magnet_in

V1, V2 = "0d" * 20, "15" * 32


def test_of_a_hybrid_all_trackers_of_both_its_hashes_are_asked() -> None:
    hybrid = f"magnet:?xt=urn:btih:{V1}&xt=urn:btmh:1220{V2}"
    text = f"{hybrid}\nmagnet:?xt=urn:btih:{'9e' * 20}&tr=http://b.example/a\nmagnet:?xt=urn:btih:{V1}&tr=http://a.example/a"
    for watched in (V1, V2):
        magnet = _magnet_in([text], watched)
        assert magnet is not None
        assert (magnet.info_hash, magnet.trackers) == (watched, ("http://a.example/a",))
    assert _magnet_in([text], "77" * 20) is None
