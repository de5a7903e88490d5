"""What the commands read and print, without a network."""

import asyncio
import codecs
import errno
import json
import os
import stat
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename.magnet import InfoHash, Magnet
from truename.model import Outcome, TaskStatus
from truename.names import is_hidden
from truename.terminal.diff import unified_diff
from truename.terminal.requests import Request, lines_of, of_line, of_lines, of_stream
from truename.terminal.requests import of_argument as requests_of_argument
from truename.terminal.resolve import json_line, plain_line
from truename.terminal.textfile import Text, TextFile, Unusable
from truename.texts import Language, say

HASH = "722fe65b2aa26d14f35b4ad627d20236e481d924"
OTHER = "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36"
MAGNET = f"magnet:?xt=urn:btih:{HASH}"
NASTY = "a\x1b]52;c;AAAA\x07\u202egpj.exe\u200b\n\x9b2J\x7f"


def of_argument(text: str) -> Request:
    (request,) = requests_of_argument(text)
    return request


def hashes_of(requests: list[Request]) -> list[str | None]:
    return [request.magnet.info_hash if request.magnet else None for request in requests]


def named(name: str) -> Outcome:
    return Outcome(
        info_hash=InfoHash(HASH),
        status=TaskStatus.COMPLETED,
        name=name,
        source="swarm",
        verified=True,
        elapsed_s=0.01234,
    )


# --- requests ---------------------------------------------------------------------------------------------------------


def test_a_line_gives_every_magnet_or_else_itself_as_a_hash() -> None:
    assert hashes_of(list(of_line(f"see {MAGNET} and magnet:?xt=urn:btih:{OTHER}."))) == [HASH, OTHER]
    assert hashes_of(list(of_line(f"  {HASH.upper()}  "))) == [HASH]
    assert hashes_of(list(of_line("not a hash"))) == [None]


@pytest.mark.parametrize("line", ["", "   ", "\t\r", "# a remark", f"  # {MAGNET}", "\ufeff", "\ufeff  # a remark"])
def test_blank_lines_and_remarks_are_skipped(line: str) -> None:
    assert list(of_line(line)) == []


def test_a_byte_order_mark_is_not_part_of_a_hash() -> None:
    assert hashes_of(list(of_line(f"\ufeff{HASH}"))) == [HASH]
    assert hashes_of(list(of_line(f"\ufeff  {HASH}"))) == [HASH]


def test_a_broken_magnet_is_reported_and_the_others_go_on() -> None:
    found = list(of_line(f"magnet:?xt=urn:btih:12345 {MAGNET} magnet:?dn=x"))
    assert [request.problem for request in found] == ["invalid_info_hash", "", "missing_info_hash"]
    assert found[0].as_written == "magnet:?xt=urn:btih:12345"


@pytest.mark.parametrize(
    "argument",
    ["--help", "5", HASH[:39], HASH + "0", "0" * 40, f"\0{HASH}", f"{HASH[:20]}\0{HASH[21:]}", "magnet:?dn=x"],
)
def test_an_argument_that_is_no_hash_has_its_problem(argument: str) -> None:
    request = of_argument(argument)
    assert request.magnet is None
    assert say(request.problem, Language.ENGLISH)


def test_a_magnet_with_ten_thousand_trackers_or_a_megabyte_is_too_large() -> None:
    trackers = MAGNET + "&tr=u" * 5_000 + "&tr=http://t.example/" * 5_000
    assert of_argument(trackers).problem == "magnet_too_large"
    assert of_argument(MAGNET + "&dn=" + "a" * 1_000_000).problem == "magnet_too_large"
    assert [r.problem for r in of_line(MAGNET + "&dn=" + "a" * 1_000_000)] == ["magnet_too_large"]


def test_an_argument_with_two_magnets_asks_for_both() -> None:
    found = list(requests_of_argument(f"{MAGNET} magnet:?xt=urn:btih:{OTHER}"))
    assert hashes_of(found) == [HASH, OTHER]


def test_an_argument_is_given_back_as_it_was_written_however_large() -> None:
    large = MAGNET + "&dn=" + "a" * 1_000_000
    assert of_argument(large).as_written == large


def read_stream(*chunks: bytes) -> list[Request]:
    """What comes out of a pipe into which the chunks are written one by one."""
    reading, writing = os.pipe()

    async def read() -> list[Request]:
        return [request async for some in of_stream(reading, "the pipe") for request in some]

    def write() -> None:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(writing, view) :]
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        return asyncio.run(read())
    finally:
        os.close(reading)
        writer.join(30)


def test_a_stream_gives_its_lines_however_they_are_cut() -> None:
    found = read_stream(b"# list\n" + HASH[:10].encode(), HASH[10:].encode() + b"\r\n\n", OTHER.encode())
    assert hashes_of(found) == [HASH, OTHER]


@pytest.mark.parametrize("chunks", [(), (b"# only a remark\n\n",), (b"\r\n", b"\n")])
def test_a_stream_with_nothing_in_it_asks_for_nothing(chunks: tuple[bytes, ...]) -> None:
    assert read_stream(*chunks) == []


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_lines_end_as_on_any_system(end: str, encoding: str) -> None:
    text = end.join((f"# a remark on {MAGNET}", HASH, "", f"雨 {MAGNET}", OTHER))
    assert hashes_of(list(of_lines(lines_of(text)))) == [HASH, HASH, OTHER]
    for whole in (text, text + end):
        assert hashes_of(read_stream(whole.encode(encoding))) == [HASH, HASH, OTHER]


def test_a_line_end_of_two_characters_may_come_in_two_pieces() -> None:
    found = read_stream(HASH.encode() + b"\r", b"\n" + OTHER.encode() + b"\r", b"\n\r", b"\n")
    assert hashes_of(found) == [HASH, OTHER]


def test_a_stream_in_utf_16_is_read_and_one_cut_inside_a_character_too() -> None:
    data = f"{HASH}\n雨 {OTHER}".encode("utf-16")
    assert hashes_of(read_stream(data)) == [HASH, None]
    utf8 = f"magnet:?xt=urn:btih:{HASH}&dn=雨".encode()
    assert read_stream(utf8[:-1], utf8[-1:])[0].as_written == utf8.decode()
    assert hashes_of(read_stream(HASH.encode() + b"\n\xe9")) == [HASH, None]


def test_a_line_of_a_stream_that_is_not_utf_8_is_read_as_a_text_of_a_file_is() -> None:
    written = f"{MAGNET}，后面的内容"
    gbk = written.encode("gbk")
    assert Text.decode(gbk, "it").text == written
    lines = [gbk, "雨".encode(), OTHER.encode(), MAGNET.encode() + b"&dn=\xff\xff", b"\xff\xfe" + MAGNET.encode()]
    whole = b"\n".join(lines)
    for found in (read_stream(whole), read_stream(whole[:61], whole[61:]), read_stream(whole + b"\r\n")):
        assert hashes_of(found) == [HASH, None, OTHER, HASH, HASH]
        assert found[0].as_written == MAGNET
    assert [one.as_written for one in read_stream("雨后的城市\n".encode("gbk"), b"\xe9\xff\n")] == [
        "雨后的城市",
        "\udce9\udcff",
    ]


def test_a_line_of_many_megabytes_in_pieces_is_read_once() -> None:
    found = read_stream(*([b" " * 1_000_000] * 20), HASH.encode())
    assert hashes_of(found) == [HASH]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_line_of_a_stream_is_there_before_the_stream_ends(end: bytes) -> None:
    async def scenario() -> str | None:
        reading, writing = os.pipe()
        try:
            stream = of_stream(reading, "the pipe")
            os.write(writing, HASH.encode() + end)
            (first,) = await asyncio.wait_for(anext(stream), 30)
            os.close(writing)
            assert [request async for some in stream for request in some] == []
            return first.magnet and first.magnet.info_hash
        finally:
            os.close(reading)

    assert asyncio.run(scenario()) == HASH


def test_a_stream_with_nul_bytes_is_refused() -> None:
    with pytest.raises(Unusable) as refused:
        read_stream(b"\x7fELF\0\0\0")
    assert refused.value.word == "binary_input"


def test_lines_before_the_nul_of_a_stream_are_read() -> None:
    async def scenario() -> list[Request]:
        reading, writing = os.pipe()
        os.write(writing, f"{HASH}\n{OTHER}\n\0".encode())
        os.close(writing)
        found: list[Request] = []
        try:
            async for some in of_stream(reading, "the pipe"):
                found += some
        except Unusable:
            return found
        finally:
            os.close(reading)
        raise AssertionError

    assert hashes_of(asyncio.run(scenario())) == [HASH, OTHER]


# --- answers ----------------------------------------------------------------------------------------------------------


def test_a_plain_line_is_the_hash_and_the_name() -> None:
    assert plain_line(of_argument(HASH), named("Tide Tables.mkv"), Language.ENGLISH) == f"{HASH}  Tide Tables.mkv"


def test_a_plain_line_shows_what_hides_and_raw_leaves_it() -> None:
    line = plain_line(of_argument(HASH), named(NASTY), Language.ENGLISH)
    assert not any(map(is_hidden, line))
    assert "⟨U+202E⟩" in line
    assert plain_line(of_argument(HASH), named(NASTY), Language.ENGLISH, raw=True) == f"{HASH}  {NASTY}"


def test_a_reason_stands_in_the_place_of_a_name() -> None:
    dead = Outcome(info_hash=InfoHash(HASH), status=TaskStatus.TIMEOUT, code="no_peers", reason="no_peers")
    assert plain_line(of_argument(HASH), dead, Language.CHINESE) == f"{HASH}  {say('no_peers', Language.CHINESE)}"


def test_json_has_exactly_the_fields_of_the_contract() -> None:
    body = json.loads(json_line(of_argument(MAGNET), named("Tide.mkv"), Language.ENGLISH))
    assert body == {
        "input": MAGNET,
        "info_hash": HASH,
        "status": "completed",
        "name": "Tide.mkv",
        "source": "swarm",
        "verified": True,
        "elapsed_s": 0.012,
        "error": None,
        "code": None,
    }
    invalid = json.loads(json_line(of_argument("5"), None, Language.ENGLISH))
    assert invalid["code"] == "invalid_info_hash"
    assert invalid["error"]
    assert invalid["info_hash"] is None
    assert set(invalid) == set(body)


@given(st.text())
def test_json_carries_every_name_unchanged_and_hides_nothing(name: str) -> None:
    line = json_line(Request(as_written=name), named(name), Language.ENGLISH)
    assert json.loads(line)["name"] == name
    assert not any(map(is_hidden, line))


@pytest.mark.parametrize("ascii_only", [False, True])
def test_json_of_what_is_no_text_is_valid_utf_8(ascii_only: bool) -> None:
    (request,) = of_line("\udce9\udcff 😀")
    line = json_line(request, None, Language.ENGLISH, ascii_only=ascii_only)
    assert json.loads(line.encode("ascii" if ascii_only else "utf-8"))["input"] == "\ufffd\ufffd 😀"


def test_json_leaves_readable_what_can_be_read() -> None:
    assert "雨后的城市" in json_line(of_argument(HASH), named("雨后的城市"), Language.ENGLISH)


# --- texts on disk ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        "雨 café\r\n\n".encode(),
        "雨后的城市 magnet\n".encode("gb18030"),
        b"caf\xe9 \xff\xfe\x80 end\n",
        codecs.BOM_UTF8 + b"marked\n",
        codecs.BOM_UTF16_LE + "雨\r\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "雨\r\n".encode("utf-16-be"),
        b"\r\r\n\x0b\x0c\x1c\x85 no end",
        b"\x93" + MAGNET.encode() + b"\x94 as cp1252 quotes it",
    ],
)
def test_a_text_is_given_back_byte_for_byte(data: bytes) -> None:
    content = Text.decode(data, "it")
    assert content.encode(content.text) == data
    assert (MAGNET in content.text) == (MAGNET.encode() in data)


@pytest.mark.parametrize("end", [b"\xe9|second|", b"\xe9]my words", b"\xe9` `b", b"\xa0tail"])
def test_a_text_of_the_west_is_not_read_as_chinese_where_that_swallows_the_end_of_a_magnet(end: bytes) -> None:
    content = Text.decode(b"|" + MAGNET.encode() + b"&dn=caf" + end + b"\n", "it")
    assert content.errors == "surrogateescape"


def test_nothing_is_a_text_too() -> None:
    assert Text.decode(b"", "it").encode("") == b""


@given(st.binary())
def test_any_bytes_are_given_back_or_refused(data: bytes) -> None:
    try:
        content = Text.decode(data, "it")
    except Unusable:
        assert b"\0" in data or data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    else:
        assert content.encode(content.text) == data


@pytest.mark.parametrize(
    ("data", "word"),
    [(b"a\0b", "binary_input"), ("text".encode("utf-32"), "binary_input")],
)
def test_what_is_no_text_is_refused(data: bytes, word: str) -> None:
    with pytest.raises(Unusable) as refused:
        Text.decode(data, "it")
    assert refused.value.word == word


def test_replacing_keeps_the_mode_and_the_link_and_leaves_nothing_else(tmp_path: Path) -> None:
    target, link = tmp_path / "list.txt", tmp_path / "link.txt"
    target.write_text("before")
    target.chmod(0o640)
    with suppress(OSError):  # not every file system has them
        os.setxattr(target, "user.comment", b"kept")
    attributes = {name: os.getxattr(target, name) for name in os.listxattr(target)}
    link.symlink_to(target)
    TextFile.read(link).replace("after")
    assert target.read_text() == "after"
    assert {name: os.getxattr(target, name) for name in os.listxattr(target)} == attributes
    assert target.stat().st_mode & 0o7777 == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.txt", "list.txt"]


@pytest.mark.parametrize(
    ("mode", "matters"), [(0o640, True), (0o664, True), (0o604, True), (0o644, False), (0o600, False)]
)
def test_a_group_that_may_be_kept_is_and_else_the_file_is_left_alone_if_that_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, matters: bool
) -> None:
    def as_somebody_in(groups: set[int]) -> None:
        def fchown(descriptor: int, user: int, group: int) -> None:
            if user != -1 or group not in groups:
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
            kept.append(group)

        monkeypatch.setattr(os, "fchown", fchown)

    kept: list[int] = []
    target = tmp_path / "list.txt"
    target.write_text("before")
    target.chmod(mode)
    group = target.stat().st_gid
    as_somebody_in(set())
    for write in (TextFile.check_writable, lambda file: file.replace("after")):
        try:
            write(TextFile.read(target))
            refused = ""
        except Unusable as error:
            refused = error.word
        assert refused == ("group_is_lost" if matters else "")
    assert (target.read_text(), kept) == ("before" if matters else "after", [])
    as_somebody_in({group})
    TextFile.read(target).replace("later")
    assert (target.read_text(), kept) == ("later", [group])
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "list.txt"
    target.write_text("before")
    file = TextFile.read(target)
    target.write_text("somebody else was here")
    with pytest.raises(Unusable) as refused:
        file.replace("after")
    assert refused.value.word == "changed_meanwhile"
    assert target.read_text() == "somebody else was here"
    assert [path.name for path in tmp_path.iterdir()] == ["list.txt"]


def test_a_long_file_name_leaves_room_for_the_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / ("长" * 84)
    target.write_text("before")
    TextFile.read(target).replace("after")
    assert target.read_text() == "after"


def test_what_is_no_regular_file_cannot_be_replaced(tmp_path: Path) -> None:
    file = TextFile(path=tmp_path, data=b"x", content=Text.decode(b"x", "it"))
    with pytest.raises(Unusable) as refused:
        file.check_writable()
    assert refused.value.word == "not_a_file"


def test_a_pipe_that_nobody_writes_is_refused_without_reading_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "link"):
        with pytest.raises(Unusable) as refused:
            TextFile.read_to_replace(path)
        assert refused.value.word == "not_a_file"


def test_a_path_with_nul_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("a\0b")):
        for read in (TextFile.read, TextFile.read_to_replace):
            with pytest.raises(Unusable) as refused:
                read(path)
            assert refused.value.sentence(Language.CHINESE)


# --- diff -------------------------------------------------------------------------------------------------------------


def patched(before: str, diff: str, tmp_path: Path) -> str:
    """What `patch` makes of it."""
    (tmp_path / "text").write_bytes(before.encode())
    subprocess.run(["patch", "-s", "--binary", "text"], input=diff.encode(), cwd=tmp_path, check=True)
    return (tmp_path / "text").read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a", "b"),
        ("a\nb", "a\nB"),
        ("".join(f"{n}\n" for n in range(30)), "".join(f"{n * 10 if n in (3, 4, 20) else n}\n" for n in range(30))),
        ("x\r\ny\r\n", "x\r\nz\r\n"),
        ("a\x0cb\nc\n", "a\x0cd\nc\n"),
    ],
)
def test_patch_makes_the_new_text_from_the_diff(before: str, after: str, tmp_path: Path) -> None:
    assert patched(before, "".join(unified_diff(before, after, "text")), tmp_path) == after


@pytest.mark.parametrize("name", ["a b", "a  b.txt", "雨\u3000后 1"])
def test_patch_finds_a_file_with_white_space_in_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("a\nb\n")
    diff = "".join(unified_diff("a\nb\n", "a\nB\n", name))
    subprocess.run(["patch", "-s", "--binary"], input=diff.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / name).read_text() == "a\nB\n"


def test_equal_texts_have_no_diff() -> None:
    assert list(unified_diff("a\nb", "a\nb", "text")) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1), st.booleans())
def test_a_diff_says_the_old_and_the_new_lines(lines: list[tuple[str, bool]], ended: bool) -> None:
    end = "\n" if ended else ""
    before = "\n".join(line for line, _ in lines) + end
    after = "\n".join(line.upper() if changed else line for line, changed in lines) + end
    diff = "".join(unified_diff(before, after, "text"))
    assert diff.count("\n-") == sum(changed for _, changed in lines)
    assert diff.count("\n+") == sum(changed for _, changed in lines) + bool(diff)


def test_of_lines_keeps_the_order() -> None:
    assert hashes_of(list(of_lines([OTHER, "", MAGNET]))) == [OTHER, HASH]
    assert Magnet.parse(MAGNET).info_hash == HASH
