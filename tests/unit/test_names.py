"""Names as bytes, as text, and as something safe to look at."""

import contextlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truename import names
from truename.names import MAX_SHOWN_CHARS, decode_alike, decode_name, is_hidden, make_visible, shown

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ZERO_WIDTH = "\u00ad\u034f\u180e\u200b\u200c\u200d\u2060\u2061\u2064\ufeff\ufe0f\ufe00\U000e0100\U000e0041\u115f\u3164"
CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))

IN_OTHER_ENCODINGS = [
    *(
        ("gb18030", name)
        for name in ("你好", "测试", "[字幕组] 流浪的星球 S01E05 1080p.mkv", "古典音乐精选集 Vol.3 [FLAC]")
    ),
    *(("big5", name) for name in ("臺灣", "[字幕組] 流浪的星球 S01E05 1080p.mkv", "週末郊遊照片2019", "紅樓夢")),
    *(("shift_jis", name) for name in ("テスト", "写真集", "[字幕] さまよう星 S01E05 1080p.mkv", "日本の山")),
    *(("cp1251", name) for name in ("Тест", "Ёлка", "Блуждающая планета (2019) BDRip.mkv", "Big City - Большой город")),
    *(("cp1252", name) for name in ("café", "Señor Niño", "Übung für Anfänger 2019.mkv")),
    *(("cp1252", name) for name in ("L'année 2010.mkv", "Le très grand.avi", "Soirée - 2010", "Après.avi", "créé")),
    *(("shift_jis", name) for name in ("CD盤", "A面", "第1話 旅立ち")),
]


@given(st.text())
def test_utf8_is_read_exactly_and_never_called_a_guess(text: str) -> None:
    assert decode_name(text.encode()) == (text, "utf-8", False)


@pytest.mark.parametrize(("encoding", "text"), IN_OTHER_ENCODINGS)
def test_another_encoding_is_guessed_and_marked(encoding: str, text: str) -> None:
    decoded = decode_name(text.encode(encoding))
    assert (decoded.text, decoded.guessed) == (text, True)


@given(st.binary())
def test_any_bytes_are_read_exactly_and_nothing_is_replaced(raw: bytes) -> None:
    decoded = decode_name(raw)
    assert decoded.guessed == (decoded.encoding != "utf-8")
    assert raw.decode(decoded.encoding) == decoded.text


@pytest.mark.parametrize(
    "raw", [b"\xff", b"\xff\xfe", b"\x80", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\x81\xff\x00"]
)
def test_bytes_of_no_encoding_are_kept_as_something(raw: bytes) -> None:
    decoded = decode_name(raw)
    assert decoded.guessed
    assert decoded.text
    assert "\ufffd" not in decoded.text


def test_names_from_one_machine_are_read_in_one_encoding() -> None:
    texts = ["海", "海边的风景", "readme.txt", "Ночной поезд", "的"]
    encodings = ["gb18030", "gb18030", "ascii", "utf-8", "gb18030"]
    raws = [text.encode(encoding) for text, encoding in zip(texts, encodings, strict=True)]
    assert decode_alike(raws) == texts
    assert decode_alike([]) == []


def test_a_name_that_was_cut_within_a_letter_does_not_spoil_the_guess_of_the_others() -> None:
    texts = [f"海边的风景{number}" for number in range(5)]
    raws = [text.encode("gb18030") for text in texts]
    cut = "海边".encode("gb18030")[:-1]
    assert decode_alike([cut, *raws])[1:] == texts


def readings(raw: bytes) -> set[str]:
    """What these bytes may mean."""
    found = set()
    for encoding in ("utf-8", "gb18030", "big5", "shift_jis", "cp1251", "cp1252", "latin-1"):
        with contextlib.suppress(UnicodeDecodeError):
            found.add(raw.decode(encoding))
    return found


@given(st.lists(st.binary(max_size=12), max_size=6))
def test_any_bytes_are_read_among_others_and_nothing_is_replaced(raws: list[bytes]) -> None:
    for raw, text in zip(raws, decode_alike(raws), strict=True):
        assert text in readings(raw)


def test_the_guess_looks_at_the_beginning_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of a stranger's bytes would otherwise cost seconds."""
    judged: list[str] = []

    def watched(text: str, encoding: str) -> float:
        judged.append(text)
        return strangeness(text, encoding)

    strangeness = names._strangeness
    monkeypatch.setattr(names, "_strangeness", watched)
    text = "海边的风景" * 200
    assert decode_name(text.encode("gb18030")) == (text, "gb18030", True)
    assert max(map(len, judged)) < len(text)


@given(st.text(st.characters()))
def test_nothing_hidden_is_left(text: str) -> None:
    visible = make_visible(text)
    assert not any(map(is_hidden, visible))
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in visible)
    assert visible.encode().decode() == visible
    assert make_visible(visible) == visible


@given(st.text(st.characters()))
def test_what_hides_nothing_is_shown_as_it_is(text: str) -> None:
    if not any(map(is_hidden, text)):
        assert make_visible(text) == text


@pytest.mark.parametrize("char", [*BIDI, *ZERO_WIDTH, *CONTROLS, "\u2028", "\u2029", "\ud800", "\ue000", "\uffff"])
def test_what_hides_or_deceives_is_marked(char: str) -> None:
    visible = make_visible(f"photo{char}gpj.exe")
    assert char not in visible
    assert visible.startswith("photo")
    assert visible.endswith("gpj.exe")
    assert len(visible) > len("photogpj.exe")


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("photo\u202egpj.exe", "photo⟨U+202E⟩gpj.exe"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x9b2J", "⟨U+009B⟩2J"),
        ("a\nb\tc\0\x7f", "a␊b␉c␀␡"),
        ("\U000e0041", "⟨U+E0041⟩"),
    ],
)
def test_marks_say_what_was_there(text: str, visible: str) -> None:
    assert make_visible(text) == visible


@pytest.mark.parametrize(
    "text", ["Night Train", "你好 こんにちは 한국어", "e\u0301té", "😀", "a\u00a0b\u3000c", "עברית العربية", ""]
)
def test_ordinary_writing_is_not_touched(text: str) -> None:
    assert make_visible(text) == text


def test_a_name_is_shown_whole_up_to_a_length() -> None:
    longest = "x" * MAX_SHOWN_CHARS
    assert shown(longest) == longest
    assert shown(longest + "x") == "x" * (MAX_SHOWN_CHARS - 1) + "…"


@given(st.text(st.characters(), min_size=600))
def test_a_long_name_is_cut_before_it_is_made_visible(text: str) -> None:
    assert shown(text) == make_visible(text[: MAX_SHOWN_CHARS - 1]) + "…"
