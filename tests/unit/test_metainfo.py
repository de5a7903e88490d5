"""Info dictionaries: is it the one that was asked for, and what does it say."""

import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence

import libtorrent as lt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truename import metainfo, names
from truename.bencode import Value
from truename.demo.torrents import DemoTorrent, real_torrents
from truename.errors import BadMetadata, BadName
from truename.metainfo import MAX_FILES_KEPT, MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_SIZE_BYTES, Metainfo, read_info
from truename.names import decode_alike

PIECES: dict[bytes, Value] = {b"piece length": 16384, b"pieces": b"x" * 20}
LEAF: Value = {b"": {b"length": 5, b"pieces root": b"r" * 32}}
UNUSABLE: list[Value] = [b"", b" ", b"\t\n", b".", b"..", "\u3000\u00a0".encode(), 5, [], {}, [b"a"]]
UNUSABLE += [b"x" * (MAX_NAME_BYTES + 1)]


def encode(value: Value) -> bytes:
    match value:
        case int():
            return b"i%de" % value
        case bytes():
            return b"%d:%s" % (len(value), value)
        case list():
            return b"l%se" % b"".join(map(encode, value))
        case dict():
            return b"d%se" % b"".join(encode(key) + encode(value[key]) for key in sorted(value))


def sha1(raw: bytes) -> str:
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def read(info: Mapping[bytes, Value]) -> Metainfo:
    raw = encode(dict(info))
    return read_info(raw, [sha1(raw)])


def as_libtorrent_reads(raw: bytes) -> lt.torrent_info:
    info = lt.load_torrent_buffer(b"d4:info" + raw + b"e").ti
    assert info is not None
    return info


def file(length: Value, *path: bytes) -> Value:
    return {b"length": length, b"path": list(path)}


def single(**keys: Value) -> dict[bytes, Value]:
    named: dict[bytes, Value] = {b"name": b"A name", b"length": 7, **PIECES}
    return named | {key.encode().replace(b"_", b" "): value for key, value in keys.items()}


# The digest


@pytest.mark.parametrize("torrent", real_torrents(), ids=lambda torrent: torrent.info_hash[:8])
def test_real_dictionaries_read_as_libtorrent_reads_them(torrent: DemoTorrent) -> None:
    found = read_info(torrent.info, [torrent.info_hash])
    theirs = as_libtorrent_reads(torrent.info)
    layout = theirs.layout()
    assert found.info_hash == str(theirs.info_hashes().v1)
    assert found.info_hash_v2 is None
    assert found.name == theirs.name()
    assert found.raw_name == found.name.encode()
    assert not found.name_guessed
    assert found.size_bytes == theirs.total_size()
    assert found.file_count == layout.num_files()
    prefix = "" if found.file_count == 1 and found.files[0].path == found.name else found.name + "/"
    assert [(prefix + file.path, file.size_bytes) for file in found.files] == [
        (layout.file_path(n), layout.file_size(n)) for n in range(layout.num_files())
    ]


def test_a_dictionary_with_another_digest_is_refused_before_it_is_read() -> None:
    raw = encode(single())
    for damaged in (raw + b" ", raw[:-1], raw.replace(b"A name", b"B name"), b"", b"not bencoded"):
        with pytest.raises(BadMetadata):
            read_info(damaged, [sha1(raw), sha256(raw)])


def test_without_a_hash_to_compare_with_nothing_is_believed() -> None:
    with pytest.raises(BadMetadata):
        read_info(encode(single()), [])


@pytest.mark.parametrize(
    "raw", [b"", b"i5e", b"4:name", b"le", b"d4:name", b"\xff", b"d1:ai5", b"d1:a5:x4:name1:xe", b"di1e4:name1:xe"]
)
def test_what_has_the_right_digest_and_is_no_dictionary_has_no_name(raw: bytes) -> None:
    with pytest.raises(BadName):
        read_info(raw, [sha1(raw)])


@pytest.mark.parametrize(
    "raw",
    [
        b"d4:name7:A name.e\n",
        b"d4:name07:A name.e",
        b"d6:lengthi0100e4:name7:A name.e",
        b"d5:mtimei-0e4:name7:A name.e",
        b"d5:mtimeie4:name7:A name.e",
        b"d5:mtimei" + b"9" * 5000 + b"e4:name7:A name.e",
        b"d1:a" + b"l" * 5000 + b"e" * 5000 + b"4:name7:A name.e",
    ],
)
def test_what_is_odd_elsewhere_in_a_proven_dictionary_takes_nobody_the_name(raw: bytes) -> None:
    assert read_info(raw, [sha1(raw)]).name == "A name."


@given(
    st.binary()
    | st.lists(st.sampled_from([b"d", b"l", b"e", b"4:name", b"1:a", b"5:filesl", b"i1e", b"9:file treed"])).map(
        b"".join
    )
)
def test_whatever_has_the_right_digest_is_read_or_has_no_name(raw: bytes) -> None:
    with contextlib.suppress(BadName):
        read_info(raw, [sha1(raw)])


VALUES = st.recursive(
    st.integers(-(10**20) + 1, 10**20 - 1) | st.sampled_from([b"", b"p", b"a", b"..", b"\xff\xfe", b"\0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([b"", b"a", b"length", b"path", b"attr", b"path.utf-8"]), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = [b"name", b"name.utf-8", b"length", b"files", b"file tree", b"meta version", b"pieces"]


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_no_value_of_any_key_is_more_than_a_missing_name(info: dict[bytes, Value]) -> None:
    raw = encode(info)
    with contextlib.suppress(BadName):
        found = read_info(raw, [sha256(raw)])
        assert found.name.strip() not in {"", ".", ".."}
        assert found.size_bytes is None or 0 <= found.size_bytes <= MAX_SIZE_BYTES
        assert len(found.files) <= found.file_count
        assert sha256(raw) in (found.info_hash, found.info_hash_v2)


# Names


def test_the_name_is_kept_exactly() -> None:
    name = "../AC\\DC\n\x1b[0m\u202egpj.exe \0 e\u0301 "
    found = read(single(name=name.encode()))
    assert (found.name, found.raw_name, found.name_guessed) == (name, name.encode(), False)


def test_a_name_in_another_encoding_is_a_guess_with_its_bytes_kept() -> None:
    raw_name = "海边的风景".encode("gb18030")
    found = read(single(name=raw_name))
    assert (found.name, found.raw_name, found.name_guessed) == ("海边的风景", raw_name, True)


def test_name_utf8_comes_before_name() -> None:
    assert read(single() | {b"name.utf-8": "Ночной поезд".encode()}).name == "Ночной поезд"
    assert read({b"name.utf-8": b"Night Train", b"length": 1, **PIECES}).name == "Night Train"


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_an_unusable_name_utf8_gives_way_to_name(unusable: Value) -> None:
    assert read(single() | {b"name.utf-8": unusable}).name == "A name"


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_an_unusable_name_is_no_name(unusable: Value) -> None:
    for info in (single(name=unusable), single(name=unusable) | {b"name.utf-8": unusable}):
        with pytest.raises(BadName):
            read(info)


def test_a_missing_name_is_no_name() -> None:
    with pytest.raises(BadName):
        read({b"length": 5, **PIECES})


@pytest.mark.parametrize("name", ["...", ". .", "./", "\u200b", "\ufeff", "0" * 40, "x" * MAX_NAME_BYTES, "-", "\0"])
def test_strange_names_are_names(name: str) -> None:
    assert read(single(name=name.encode())).name == name


def test_the_first_of_two_names_counts_as_in_libtorrent() -> None:
    raw = b"d6:lengthi7e4:name1:a4:name1:b12:piece lengthi16384e6:pieces20:%se" % (b"x" * 20)
    assert read_info(raw, [sha1(raw)]).name == as_libtorrent_reads(raw).name() == "a"


# v1, v2, hybrid


def test_a_v1_torrent_has_one_hash() -> None:
    raw = encode(single())
    found = read_info(raw, [sha1(raw)])
    assert (found.info_hash, found.info_hash_v2) == (sha1(raw), None)


V2: dict[bytes, Value] = {b"name": b"A name", b"meta version": 2, b"piece length": 16384, b"file tree": {b"f": LEAF}}


def test_a_v2_torrent_goes_by_its_sha256_however_it_was_asked_for() -> None:
    raw = encode(V2)
    for asked in (sha256(raw), sha256(raw)[:40]):
        found = read_info(raw, [asked])
        assert (found.info_hash, found.info_hash_v2) == (sha256(raw), None)
    theirs = as_libtorrent_reads(raw).info_hashes()
    assert (str(theirs.v2), theirs.has_v1()) == (sha256(raw), False)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_hybrid_has_both_hashes_whichever_was_asked_for(which: int) -> None:
    raw = encode(V2 | {b"files": [file(5, b"f")], **PIECES})
    asked = (sha1(raw), sha256(raw), sha256(raw)[:40])[which]
    found = read_info(raw, [asked, "0" * 39 + "1"])
    assert (found.info_hash, found.info_hash_v2) == (sha1(raw), sha256(raw))


def test_the_hash_that_was_asked_for_is_one_of_the_torrents_in_any_case() -> None:
    v1_only, v2_only = encode(single()), encode(V2)
    found = read_info(v1_only, [sha256(v1_only)])
    assert (found.info_hash, found.info_hash_v2) == (sha1(v1_only), sha256(v1_only))
    found = read_info(v2_only, [sha1(v2_only)])
    assert (found.info_hash, found.info_hash_v2) == (sha1(v2_only), sha256(v2_only))


# Files


def paths(found: Metainfo) -> list[tuple[str, int]]:
    return [(file.path, file.size_bytes) for file in found.files]


def several(*files: Value) -> Metainfo:
    return read({b"name": b"A folder", b"files": list(files), **PIECES})


def test_a_single_file_has_the_name_of_the_torrent() -> None:
    found = read(single())
    assert (found.size_bytes, found.file_count, paths(found)) == (7, 1, [("A name", 7)])


def test_padding_is_not_a_file() -> None:
    found = several(
        file(5, b"a", b"b.mkv"),
        {b"length": 11, b"path": [b".pad", b"11"], b"attr": b"p"},
        {b"length": 3, b"path": [b"c"], b"attr": b"x"},
    )
    assert (found.size_bytes, found.file_count, paths(found)) == (8, 2, [("a/b.mkv", 5), ("c", 3)])


def test_path_utf8_comes_before_path() -> None:
    found = several({b"length": 5, b"path": [b"?"], b"path.utf-8": ["海".encode()]})
    assert paths(found) == [("海", 5)]


def test_hostile_paths_are_kept_as_they_are() -> None:
    found = several(file(1, b"..", b"..", b"etc", b"passwd"), {b"length": 1, b"path": [b"\x1b[2J\0"]})
    assert [file.path for file in found.files] == ["../../etc/passwd", "\x1b[2J\0"]


@pytest.mark.parametrize("entry", [5, b"a", [], {}, {b"path": []}, {b"path": b"a"}, {b"length": 5}, {b"path": [5]}])
def test_an_entry_without_a_path_is_no_file(entry: Value) -> None:
    assert paths(several(entry, file(2, b"a"))) == [("a", 2)]


@pytest.mark.parametrize("length", [-1, -(2**63), 2**63, 10**20 - 1, b"5", [], {}])
def test_a_size_that_cannot_be_one_is_not_known(length: Value) -> None:
    found = several(file(length, b"a"), file(2, b"b"))
    assert (paths(found), found.size_bytes, found.file_count) == ([("a", None), ("b", 2)], None, 2)
    assert read({b"name": b"A name", b"length": length, **PIECES}).size_bytes in (None, 0)
    assert read(V2 | {b"file tree": {b"a": {b"": {b"length": length}}}}).size_bytes is None


def test_a_sum_of_sizes_that_cannot_be_one_is_not_known() -> None:
    found = several(*(file(MAX_SIZE_BYTES, b"%d" % n) for n in range(3)))
    assert found.size_bytes is None
    assert several(file(MAX_SIZE_BYTES, b"a")).size_bytes == MAX_SIZE_BYTES


def test_only_some_of_many_files_are_kept_and_all_are_counted() -> None:
    found = several(*(file(2, b"%d" % n) for n in range(MAX_FILES_KEPT + 5)))
    assert (found.file_count, len(found.files)) == (MAX_FILES_KEPT + 5, MAX_FILES_KEPT)
    assert found.size_bytes == 2 * (MAX_FILES_KEPT + 5)


def test_the_files_of_a_v2_tree_are_found_in_order() -> None:
    tree: Value = {b"a": {b"b": LEAF, b"c": {b"d": LEAF}}, b"e": LEAF}
    found = read(V2 | {b"file tree": tree})
    assert paths(found) == [("a/b", 5), ("a/c/d", 5), ("e", 5)]
    assert (found.size_bytes, found.file_count) == (15, 3)


@pytest.mark.parametrize("tree", [5, b"a", [], {}, {b"a": 5}, {b"": LEAF}, {b"": {b"length": 5}}, {b"a": {b"": 5}}])
def test_a_hostile_file_tree_has_no_files_and_does_not_hide_the_name(tree: Value) -> None:
    found = read(V2 | {b"file tree": tree})
    assert found.name == "A name"
    assert (found.file_count, found.size_bytes) in {(0, 0), (1, 0)}


def test_a_tree_of_many_levels_costs_no_more_than_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the whole path of each file would be one at thirteen million names here."""
    looked_at = 0

    def counting(values: Iterable[int]) -> int:
        nonlocal looked_at
        every = list(values)
        looked_at += len(every)
        return sum(every)

    monkeypatch.setattr(metainfo, "sum", counting, raising=False)
    levels = 5_000
    body = b"0:d6:lengthi1ee1:ad" * levels + b"0:d6:lengthi1ee" + b"e" * levels
    top = b"x" * (MAX_PATH_BYTES + 1)
    raw = b"d9:file treed%d:%sd%see12:meta versioni2e4:name5:alicee" % (len(top), top, body)
    found = read_info(raw, [sha256(raw)])
    assert (found.name, found.file_count, found.size_bytes, found.files) == ("alice", levels + 1, levels + 1, ())
    assert looked_at <= levels


def test_a_tree_as_deep_as_bencoding_allows_is_read() -> None:
    tree: Value = {b"": {b"length": 5}}
    for _ in range(96):
        tree = {b"a": tree}
    assert paths(read(V2 | {b"file tree": tree})) == [("/".join("a" * 96), 5)]


def test_long_paths_are_counted_and_not_kept() -> None:
    fits, long = b"x" * (MAX_PATH_BYTES - 1), b"x" * MAX_PATH_BYTES
    found = several(file(1, fits), file(2, long), file(4, b"a", fits))
    assert (found.size_bytes, found.file_count, paths(found)) == (7, 3, [(fits.decode(), 1)])


def test_many_files_in_a_folder_with_an_endless_name_cost_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each path written out would be a megabyte: forty gigabytes from a dictionary of two megabytes."""
    joined: list[bytes] = []

    def watched(raws: Sequence[bytes]) -> list[str]:
        joined.extend(raws)
        return decode_alike(raws)

    monkeypatch.setattr("truename.metainfo.decode_alike", watched)
    files: dict[bytes, Value] = {b"%d" % n: {b"": {b"length": 1}} for n in range(40_000)}
    found = read(V2 | {b"file tree": {b"x" * 1_000_000: files}})
    assert (found.file_count, found.files) == (40_000, ())
    assert joined == []


def test_the_encoding_of_very_many_paths_is_guessed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guess takes milliseconds, and the loop waits for it."""
    judged: list[str] = []

    def watched(text: str, encoding: str) -> float:
        judged.append(text)
        return strangeness(text, encoding)

    strangeness = names._strangeness
    monkeypatch.setattr(names, "_strangeness", watched)
    path = "海边的风景".encode("gb18030") * 20
    found = several(*(file(1, path, b"%d" % n) for n in range(1_000)))
    assert [each.path for each in found.files] == [f"{path.decode('gb18030')}/{n}" for n in range(MAX_FILES_KEPT)]
    assert len(judged) <= 5
    assert sum(map(len, judged)) <= 5 * 512
