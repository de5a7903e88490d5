"""One test for each trap in which programs that rewrite magnets are known to fall."""

import itertools
import string

import pytest

from truename.errors import InvalidInput
from truename.magnet import InfoHash, Magnet, decode_dn, encode_dn, find_magnets, rename

HEX = "cfe1119f124881ca70f7306f32e292194c88c195"
BASE32 = "Z7QRDHYSJCA4U4HXGBXTFYUSDFGIRQMV"
OTHER = "08ada5a7a6183aae1e09d831df6748d566095a10"
V2 = "caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e"
XT = f"xt=urn:btih:{HEX}"
XT_V2 = f"xt=urn:btmh:1220{V2}"
BARE = f"magnet:?{XT}"
NAMES = {HEX: "Night Train"}
DN = "dn=Night%20Train"


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in find_magnets(text)]


def hashes(text: str) -> list[str]:
    return [str(span.info_hash) for span in find_magnets(text)]


def dn_of(text: str) -> str | None:
    (span,) = find_magnets(text)
    return span.display_name


# Hash forms


@pytest.mark.parametrize("digits", [HEX, HEX.upper(), HEX.title(), BASE32, BASE32.lower(), BASE32.title()])
def test_hex_and_base32_in_any_case_are_one_hash(digits: str) -> None:
    assert InfoHash.parse(digits) == HEX
    assert hashes(f"magnet:?xt=urn:btih:{digits}") == [HEX]


@pytest.mark.parametrize("digits", [V2, V2.upper()])
def test_a_v2_hash_is_read_from_a_multihash_in_any_case(digits: str) -> None:
    (span,) = find_magnets(f"magnet:?xt=urn:btmh:1220{digits}")
    assert (span.info_hash, span.info_hash_v2) == (V2, None)
    assert InfoHash.parse(digits) == V2


@pytest.mark.parametrize(
    "xt",
    [
        "urn:btih:zz",
        "urn:btih:",
        "urn:btih:" + HEX[:39],
        "urn:btih:" + HEX + "0",
        "urn:btih:" + HEX[:32],  # 32 characters, but 0, 1, 8 and 9 are not base32
        "urn:btih:" + "a" * 33,
        "urn:btih:" + "a" * 31,
        "urn:btih:" + "g" * 40,
        "urn:btih:" + V2,
        "urn:btih:1220" + V2,
        "urn:btih:" + BASE32[:-1] + "1",
        "urn:btih:" + BASE32[:-1] + "=",
        "urn:btih:0x" + HEX[2:],
        "urn:btih:" + "1_" * 20,
        "urn:btih: " + HEX,
        "urn:btih:" + "１" * 40,  # full-width digits are digits to int()
        "urn:btih:" + "0" * 40,
        "urn:btih:" + "A" * 32,
        "urn:btmh:" + V2,
        "urn:btmh:1220" + V2[:63],
        "urn:btmh:1220" + V2 + "0",
        "urn:btmh:1114" + HEX,
        "urn:btmh:1114" + V2,
        "urn:btmh:1220" + "0" * 64,
        "urn:btmh:1220" + BASE32,
        "urn:btih" + HEX,
        "btih:" + HEX,
        "urn:sha1:" + BASE32,
        "urn:tree:tiger:7N5OAMRNGMSSEUE3ORHOKWN4WWIQ5X4EBOOTLJY",
        "urn:ed2k:354b15e68fb8f36d7cd88ff94116cdc1",
        HEX,
    ],
)
def test_what_is_nearly_a_hash_is_none(xt: str) -> None:
    text = f"magnet:?xt={xt}&dn=x"
    assert found(text) == []
    assert rename(text, NAMES) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "zz",
        HEX[:39],
        HEX + "0",
        "--help",
        "5",
        "\0" * 40,
        "0" * 40,
        "0" * 64,
        "A" * 32,
        "１" * 40,
        HEX[:20] + "  " + HEX[22:],
        HEX + "\0",
    ],
)
def test_what_a_person_types_instead_of_a_hash_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        InfoHash.parse(text)
    assert refusal.value.code in {"missing_info_hash", "invalid_info_hash"}


def test_base32_is_not_found_inside_a_longer_word() -> None:
    assert found("magnet:?xt=urn:btih:" + "a" * 32 + "bcdefg") == []
    assert found("magnet:?xt=urn:btih:" + "a" * 40) == ["magnet:?xt=urn:btih:" + "a" * 40]


def test_a_hash_of_forty_letters_is_hex_and_not_a_cut_base32() -> None:
    assert hashes("magnet:?xt=urn:btih:" + "ABCDE" * 8) == ["abcde" * 8]


# v2, hybrid, several xt


@pytest.mark.parametrize("order", list(itertools.permutations([XT, XT_V2, "dn=old", "xt=urn:tree:tiger:ABC"])))
def test_a_hybrid_has_both_hashes_in_every_order(order: tuple[str, ...]) -> None:
    (span,) = find_magnets("magnet:?" + "&".join(order))
    assert (span.info_hash, span.info_hash_v2, span.display_name) == (HEX, V2, "old")


@pytest.mark.parametrize("known", [HEX, V2])
def test_a_hybrid_takes_the_name_of_either_hash(known: str) -> None:
    assert rename(f"magnet:?{XT}&{XT_V2}&dn=old", {known: "Night Train"}) == f"magnet:?{XT}&{XT_V2}&{DN}"


@pytest.mark.parametrize("key", ["xt", "XT", "Xt", "xt.1", "XT.2", "xt.10"])
def test_numbered_and_capital_xt_are_xt(key: str) -> None:
    assert hashes(f"magnet:?{key}=urn:btih:{HEX}") == [HEX]


@pytest.mark.parametrize("key", ["xtx", "x.xt", "axt", "xt.", "xt.a", "xt1", "xs"])
def test_other_keys_are_not_xt(key: str) -> None:
    assert found(f"magnet:?{key}=urn:btih:{HEX}") == []


@pytest.mark.parametrize(
    "xt",
    [
        "urn%3Abtih%3A" + HEX,
        "urn%3abtih%3a" + HEX,
        "URN:BTIH:" + HEX,
        "urn:btih:%63" + HEX[1:],
        "urn%3Abtih%3A" + BASE32,
    ],
)
def test_an_escaped_or_capital_urn_is_read(xt: str) -> None:
    assert hashes(f"magnet:?xt={xt}") == [HEX]
    assert rename(f"magnet:?xt={xt}&tr=x", NAMES) == f"magnet:?xt={xt}&{DN}&tr=x"


def test_an_unknown_xt_is_kept_and_ignored() -> None:
    first = "xt=urn:ed2k:354b15e68fb8f36d7cd88ff94116cdc1"
    assert rename(f"magnet:?{first}&{XT}&xt=urn:tree:tiger:ABC", NAMES) == (
        f"magnet:?{first}&{DN}&{XT}&xt=urn:tree:tiger:ABC"
    )


def test_the_first_of_two_hashes_of_one_kind_counts() -> None:
    assert hashes(f"{BARE}&xt=urn:btih:{OTHER}") == [HEX]
    assert hashes(f"magnet:?{XT_V2}&xt=urn:btmh:1220{V2[::-1]}") == [V2]


@pytest.mark.parametrize(
    "order", list(itertools.permutations([XT, "dn=old", "tr=udp%3A%2F%2Ftracker.example%3A80", "xl=5"]))
)
def test_the_order_of_parameters_does_not_matter(order: tuple[str, ...]) -> None:
    text = "magnet:?" + "&".join(order)
    assert rename(text, NAMES) == text.replace("dn=old", DN)


# Case


def test_scheme_and_keys_are_read_in_any_case_and_kept() -> None:
    text = f"MaGnEt:?XT=URN:BTIH:{HEX.upper()}&dN=old&TR=http%3A%2F%2Fa.example%2F"
    (span,) = find_magnets(text)
    assert (span.info_hash, span.display_name) == (HEX, "old")
    assert Magnet.of(span).trackers == ("http://a.example/",)
    assert rename(text, NAMES) == text.replace("dN=old", "dN=Night%20Train")


# Reading and writing dn


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("a+b", "a b"),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("C%2B%2B", "C++"),
        ("100%", "100%"),
        ("100%25", "100%"),
        ("%zz%4", "%zz%4"),
        ("%", "%"),
        ("%%41", "%A"),
        ("a#b", "a#b"),
        ("a=b", "a=b"),
        ("%E4%BD%A0%e5%a5%bd", "你好"),
        ("你好", "你好"),
        ("你%E5%A5%BD", "你好"),
        ("%2526", "%26"),
        ("", ""),
        ("%00%0A%1b", "\0\n\x1b"),
        ("%3Cb%3E", "<b>"),
        ("😀%F0%9F%98%80", "😀😀"),
    ],
)
def test_a_dn_is_decoded_once(raw: str, read: str) -> None:
    assert decode_dn(raw) == read
    assert dn_of(f"{BARE}&dn={raw}") == read


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        ("你好", "gb18030"),
        ("流浪地球 全集", "gb18030"),
        ("中国的山水风景.mkv", "gb18030"),
        ("臺灣的風景照片", "big5"),
        ("我們的夏天 第一集", "big5"),
        ("夏の思い出アルバム", "shift_jis"),
        ("東京の夜景コレクション.mp4", "shift_jis"),
        ("Война и мир", "cp1251"),
        ("Большое путешествие 2019", "cp1251"),
    ],
)
def test_a_dn_in_another_coding_is_guessed(text: str, coding: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in text.encode(coding))
    assert decode_dn(escaped) == text


@pytest.mark.parametrize("raw", ["%FF", "%FF%FE", "%80", "a%C3", "%ED%A0%80", "%F5%80%80%80", "%C0%AF"])
def test_bytes_of_no_coding_never_become_replacement_characters(raw: str) -> None:
    assert "\ufffd" not in decode_dn(raw)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("C++ in a Week", "C%2B%2B%20in%20a%20Week"),
        ("100%", "100%25"),
        ("Tom & Jerry #1", "Tom%20%26%20Jerry%20%231"),
        ("a/b\\c?d=e", "a%2Fb%5Cc%3Fd%3De"),
        ("a\nb\tc\0", "a%0Ab%09c%00"),
        ("(x) [y]", "%28x%29%20%5By%5D"),
        ("你好", "%E4%BD%A0%E5%A5%BD"),
        ("\u202egpj.exe", "%E2%80%AEgpj.exe"),
        ("a-b_c.d~e", "a-b_c.d~e"),
        ('<img src="x">', "%3Cimg%20src%3D%22x%22%3E"),
        ("magnet:?xt=urn:btih:" + OTHER, "magnet%3A%3Fxt%3Durn%3Abtih%3A" + OTHER),
        ("\xe9", "%C3%A9"),
        ("e\u0301", "e%CC%81"),  # stored as it is: no normal form is forced on it
        ("\u1112\u1161\u11ab", "%E1%84%92%E1%85%A1%E1%86%AB"),
    ],
)
def test_a_written_dn_is_percent_encoded_utf8(name: str, written: str) -> None:
    assert encode_dn(name) == written
    assert rename(BARE, {HEX: name}) == f"{BARE}&dn={written}"
    assert rename(f"{BARE}&dn=old&tr=x", {HEX: name}) == f"{BARE}&dn={written}&tr=x"


@pytest.mark.parametrize("name", [r"\1 \g<0> \D", "AC\\DC", r"a\nb", "$& $1", "%s %(x)s", "{0} {name}", r"\\", "%41"])
def test_a_name_is_never_a_template(name: str) -> None:
    assert dn_of(rename(f"{BARE}&dn=old", {HEX: name})) == name


@pytest.mark.parametrize(
    "dn", ["Night%20Train", "Night+Train", "%4eight%20Train", "Night%20%54rain", "%4E%69ght+Train"]
)
def test_a_dn_that_reads_as_the_name_is_left_alone(dn: str) -> None:
    text = f"{BARE}&dn={dn}&tr=x"
    assert rename(text, NAMES) == text


@pytest.mark.parametrize("dn", ["night%20train", "Night%2BTrain", "Night%20Train.", "Night%2520Train", "Night", ""])
def test_a_dn_that_reads_differently_is_changed(dn: str) -> None:
    assert rename(f"{BARE}&dn={dn}&tr=x", NAMES) == f"{BARE}&{DN}&tr=x"


@pytest.mark.parametrize("dn", ["C++", "C%2B+", "C%2B%2B"])
def test_a_raw_plus_sign_may_be_read_as_one(dn: str) -> None:
    assert rename(f"{BARE}&dn={dn}", {HEX: "C++"}) == f"{BARE}&dn={dn}"
    assert rename(f"{BARE}&dn={dn}", {HEX: "C  "}) == (f"{BARE}&dn={dn}" if dn == "C++" else f"{BARE}&dn=C%20%20")


@pytest.mark.parametrize(("name", "written"), [("Tom&Jerry", "Tom%26Jerry"), ("a#b", "a%23b")])
def test_an_unescaped_sign_at_which_others_stop_reading_is_escaped(name: str, written: str) -> None:
    assert dn_of(f"{BARE}&dn={name}") == name
    assert rename(f"{BARE}&dn={name}", {HEX: name}) == f"{BARE}&dn={written}"


@pytest.mark.parametrize("char", ["\u0130", "\u212a", "\u1e9e", "\u03a3", "😀"])
def test_letters_whose_small_form_has_another_length_shift_nothing(char: str) -> None:
    text = f"magnet:?tr={char}&dn={char}&{XT}&xl=5"
    assert dn_of(text) == char
    assert rename(text, NAMES) == text.replace(f"dn={char}", DN)


def test_the_kelvin_sign_is_no_letter_of_base32() -> None:
    assert found("magnet:?xt=urn:btih:" + "k" * 32) == ["magnet:?xt=urn:btih:" + "k" * 32]
    assert found("magnet:?xt=urn:btih:" + "\u212a" * 32) == []


@pytest.mark.parametrize("before", [":?", "x:?", "magnet:?", "t:?", "agnet:?", "magnet:", "magnet"])
def test_the_end_of_another_scheme_does_not_hide_a_magnet(before: str) -> None:
    assert found(before + BARE) == [BARE]


def test_a_guessed_dn_is_written_anew_in_utf8() -> None:
    text = f"{BARE}&dn=%C4%E3%BA%C3"
    assert rename(text, {HEX: "你好"}) == f"{BARE}&dn=%E4%BD%A0%E5%A5%BD"


# Unescaped ampersands


@pytest.mark.parametrize(
    ("tail", "read"),
    [
        ("dn=Tom&Jerry", "Tom&Jerry"),
        ("dn=Tom&Jerry&tr=x", "Tom&Jerry"),
        ("dn=Tom%20&%20Jerry&tr=x", "Tom & Jerry"),
        ("dn=a&b&c&xl=5", "a&b&c"),
        ("dn=Tom&tr=x", "Tom"),
        ("dn=Tom&unknown=x", "Tom"),
        ("dn=Tom&tr&x=y", "Tom"),
        ("dn=Tom&&tr=x", "Tom"),
        ("dn=Tom&", "Tom"),
        ("dn=Tom&dn", "Tom"),
        ("dn=Tom&amp;tr&amp;x=y", "Tom"),
        ("dn=Tom&amp;&amp;x=y", "Tom"),
        ("dn=Tom&dn=Jerry", "Tom"),
    ],
)
def test_an_unescaped_ampersand_belongs_to_the_name_unless_a_parameter_follows(tail: str, read: str) -> None:
    assert dn_of(f"{BARE}&{tail}") == read
    once = rename(f"{BARE}&{tail}", NAMES)
    assert dn_of(once) == "Night Train"
    assert rename(once, NAMES) == once


def test_the_whole_of_a_name_with_an_unescaped_ampersand_is_replaced() -> None:
    assert rename(f"{BARE}&dn=Tom&Jerry&tr=x", NAMES) == f"{BARE}&{DN}&tr=x"


def test_white_space_ends_a_name_and_what_follows_is_the_persons() -> None:
    assert rename(f"{BARE}&dn=Tom & Jerry #1", NAMES) == f"{BARE}&{DN} & Jerry #1"


def test_an_empty_parameter_does_not_swallow_an_inserted_dn() -> None:
    for tail in ("&", "&&", "&x", "&x&tr=y", "&dn", "&=", "&dn&tr=y"):
        once = rename(f"{BARE}{tail}", NAMES)
        assert dn_of(once) == "Night Train"
        assert rename(once, NAMES) == once


# Where a magnet ends

ENDS = [*" \t\n\r\x0b\x0c\0\x1b\x7f\x85\x9b\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000", *'<>"`|']
CJK_ENDS = [*"）］｝】」』》〉〕〗〙〛〞〟｠｣”’﹂﹞、。，．；：！？｡､﹐﹖"]


@pytest.mark.parametrize("end", ENDS + CJK_ENDS)
def test_white_space_control_quotes_and_closing_cjk_punctuation_end_a_magnet(end: str) -> None:
    for magnet in (BARE, f"{BARE}&dn=old", f"{BARE}&tr=x"):
        assert found(f"{magnet}{end}rest") == [magnet]
        assert found(f"{magnet}{end}&dn=other") == [magnet]
    assert rename(f"{BARE}{end}&dn=mine", NAMES) == f"{BARE}&{DN}{end}&dn=mine"
    assert rename(f"{BARE}&dn=old{end}words", NAMES) == f"{BARE}&{DN}{end}words"


@pytest.mark.parametrize("coding", [f"cp{number}" for number in range(1250, 1259)])
def test_what_ends_a_magnet_in_utf_8_ends_it_in_the_code_pages_of_windows_too(coding: str) -> None:
    magnet = f"{BARE}&dn=old"
    for raw in (bytes((byte,)) for byte in range(0x80, 0x100)):
        ends = [found(f"{magnet}{char}rest") == [magnet] for char in (raw.decode(coding, "replace"), as_read(raw))]
        assert ends in ([True, True], [False, False]), raw


@pytest.mark.parametrize(
    "pair", ["\u00ab\u00bb", "\u00bb\u00ab", "\u201e\u201c", "\u201a\u2018", "\u2039\u203a", "\u203a\u2039", "''"]
)
@pytest.mark.parametrize("coding", ["utf-8", "cp1252"])
def test_quotes_of_other_languages_end_a_magnet_that_stands_in_them(pair: str, coding: str) -> None:
    opening, closing = (as_read(one.encode(coding)) for one in pair)
    for magnet in (BARE, f"{BARE}&dn=old", f"{BARE}&tr=x"):
        assert found(f"see {opening}{magnet}{closing}, then") == [magnet]
    assert rename(f"{opening}{BARE}&dn=old{closing}, then", NAMES) == f"{opening}{BARE}&{DN}{closing}, then"
    assert rename(f"{BARE}&dn=a{opening}b{closing}c", NAMES) == f"{BARE}&{DN}", "elsewhere they may be part of a name"


def as_read(raw: bytes) -> str:
    """As a file is read that is no UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("tag", ["url", "code", "CODE", "b", "quote", "spoiler"])
def test_a_closing_tag_of_a_forum_ends_a_magnet_wherever_it_stands(tag: str) -> None:
    for magnet in (BARE, f"{BARE}&dn=old", f"{BARE}&dn=old+[1080p]", f"{BARE}&dn=[old", f"{BARE}&dn=a(b&tr=x"):
        assert found(f"[{tag}]{magnet}[/{tag}] rest") == [magnet]
        assert found(f"[{tag}]{magnet}[/x][/{tag}]rest") == [magnet]
    assert rename(f"[{tag}]{BARE}&dn=old[/{tag}]", NAMES) == f"[{tag}]{BARE}&{DN}[/{tag}]"
    assert rename(f"[{tag}]{BARE}[/{tag}]", NAMES) == f"[{tag}]{BARE}&{DN}[/{tag}]"


def test_the_items_of_a_forums_list_are_not_part_of_a_magnet() -> None:
    text = f"[list][*]{BARE}&dn=old[*]{BARE}[*]words[/list]"
    assert rename(text, NAMES) == f"[list][*]{BARE}&{DN}[*]{BARE}&{DN}[*]words[/list]"


def test_a_tag_of_a_forum_around_a_magnet_stays() -> None:
    assert rename(f"[url={BARE}&dn=old]words[/url]", NAMES) == f"[url={BARE}&{DN}]words[/url]"


@pytest.mark.parametrize("dn", ["[1080p]", "[/]", "[/b", "[/1080p]", "[/a", "[/b-]", "[b]", "[**]", "[/你]"])
def test_brackets_that_are_no_closing_tag_belong_to_the_name(dn: str) -> None:
    assert dn_of(f"{BARE}&dn={dn}") == dn


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(", ")"),
        ("[", "]"),
        ("[link](", ")"),
        ("[[", "]]"),
        ("（", "）"),
        ("【", "】"),
        ("“", "”"),
        ("《", "》"),
        ("<", ">"),
    ],
)
def test_brackets_around_a_magnet_are_not_part_of_it(before: str, after: str) -> None:
    for magnet in (BARE, f"{BARE}&dn=old", f"{BARE}&dn=old(1)[2]"):
        assert found(f"{before}{magnet}{after} rest") == [magnet]


@pytest.mark.parametrize("dn", ["a(b)", "a[b]", "(a)[b]", "a(b(c)d)e", "a([b])", "()", "a(b", "a[b"])
def test_balanced_brackets_belong_to_the_name(dn: str) -> None:
    assert dn_of(f"{BARE}&dn={dn}") == dn
    assert rename(f"{BARE}&dn={dn}", NAMES) == f"{BARE}&{DN}"


@pytest.mark.parametrize(
    ("dn", "kept"), [("a)b", "a"), ("a(b))c", "a(b)"), ("a]b", "a"), ("a(b]c", "a(b"), ("a[b)", "a[b")]
)
def test_an_unbalanced_bracket_ends_the_magnet(dn: str, kept: str) -> None:
    assert found(f"{BARE}&dn={dn}") == [f"{BARE}&dn={kept}"]


@pytest.mark.parametrize(
    ("magnet", "rest"),
    [
        (f"{BARE}&dn=a(b&tr=c", ") words"),
        (f"{BARE}&dn=a(b&tr&c", ")"),
        (f"{BARE}&dn=a(b&&c", ")"),
        (f"{BARE}&dn=a[b&amp;tr&amp;c", "](x)"),
        (f"{BARE}&dn=(R&B)", ")"),
        (f"{BARE}&dn=a([b&c])", "]"),
    ],
)
def test_a_bracket_counts_in_its_own_value_only(magnet: str, rest: str) -> None:
    assert found(magnet + rest) == [magnet]


def test_a_magnet_that_a_bracket_ends_before_its_hash_is_none() -> None:
    assert found(f"magnet:?dn=a(b&tr=c)&{XT}") == []


def test_a_bracket_opened_in_a_name_does_not_hold_the_magnet_open_once_the_name_has_gone() -> None:
    text = f"({BARE}&dn=a(b&tr=c) words"
    once = rename(text, NAMES)
    assert rename(once, NAMES) == once
    assert once.endswith(") words")


BEHIND_A_HASH = [*".,;:!?", "...", "?!", ".)", ").", ".\n", "\u200b", "\u202c\u200f", "\ufeff."]


@pytest.mark.parametrize("mark", BEHIND_A_HASH)
@pytest.mark.parametrize("xt", [HEX, BASE32])
def test_punctuation_directly_after_a_hash_is_not_part_of_the_magnet(mark: str, xt: str) -> None:
    magnet = f"magnet:?xt=urn:btih:{xt}"
    assert found(f"See {magnet}{mark} Or not.") == [magnet]


@pytest.mark.parametrize("mark", BEHIND_A_HASH)
def test_a_sentence_keeps_its_punctuation_when_its_magnet_gets_a_name(mark: str) -> None:
    text = f"See {BARE}{mark} Or not."
    once = rename(text, NAMES)
    assert dn_of(once) == "Night Train"
    assert once.endswith(f"{mark} Or not.")
    assert rename(once, NAMES) == once
    assert once.replace(f"&{DN}", "").replace(f"{DN}&", "") == text


@pytest.mark.parametrize(
    "text",
    [
        r'{"t":"<a href=\"MAGNET\">Foo<\/a>"}',
        r'{"text":"新片\nMAGNET\n大小 3GB"}',
        r'{"text":"MAGNET\r\nnext"}',
        r'["MAGNET\\", 1]',
        r'{"text":"MAGNET\u3002下一个"}',
        r'{"text":"MAGNET\u0022, he said"}',
        "<a href='MAGNET' title='x'>Foo</a>",
        "go('MAGNET')",
        "MAGNET,MAGNET,MAGNET",
        "MAGNET;MAGNET",
    ],
)
def test_what_stands_behind_a_last_name_in_a_quoted_text_stays(text: str) -> None:
    named = text.replace("MAGNET", f"{BARE}&{DN}")
    assert rename(text.replace("MAGNET", f"{BARE}&dn=Foo"), NAMES) == named
    assert rename(named, NAMES) == named
    magnets = [span.text for span in find_magnets(text.replace("MAGNET", f"{BARE}&tr=udp%3A%2F%2Fb.org%3A80"))]
    assert magnets == [f"{BARE}&tr=udp%3A%2F%2Fb.org%3A80"] * text.count("MAGNET")


@pytest.mark.parametrize("value", [r"AC\DC", r"\u4e2d\u6587", "Don't", "a,b;c", r"\u00e9", r"\u12"])
def test_what_is_no_end_is_of_the_name(value: str) -> None:
    assert rename(f"{BARE}&dn={value} x", NAMES) == f"{BARE}&{DN} x"


@pytest.mark.parametrize("entity", ["&nbsp;", "&gt;", "&quot;", "&#39;", "&amp;", "&#x0022;"])
def test_an_entity_between_two_magnets_stays(entity: str) -> None:
    for first in (BARE, f"{BARE}&amp;dn=Foo"):
        named = rename(f"{first}{entity}{BARE}", NAMES)
        assert f"{entity}magnet:?" in named
        assert named.endswith((f"{BARE}&{DN}", f"{BARE}&amp;{DN}"))
        assert rename(named, NAMES) == named


def test_an_apostrophe_as_json_may_have_it_ends_a_magnet_that_stands_behind_one() -> None:
    text = rf'{{"html":"\u003Ca href=\u0027{BARE}\u0026dn=bad\u0027\u003Ex"}}'
    once = rename(text, NAMES)
    assert once == text.replace("dn=bad", DN)
    assert rename(once, NAMES) == once
    between = rf"{BARE}&dn=x\u0027{BARE}&dn=y\u0027,z"
    assert rename(between, NAMES) == rf"{BARE}&{DN}\u0027{BARE}&{DN}\u0027,z"
    inside = rf'"{BARE}\u0026dn=it\u0027s\u0026tr=x"'
    assert rename(inside, NAMES) == rf'"{BARE}\u0026{DN}\u0026tr=x"'


def test_an_apostrophe_between_two_magnets_is_no_part_of_either() -> None:
    text = f"{BARE}&dn=foo'{BARE}&dn=y'z"
    once = rename(text, NAMES)
    assert once == f"{BARE}&{DN}'{BARE}&{DN}'z"
    assert rename(once, NAMES) == once


def test_where_the_rest_of_a_magnet_cannot_be_read_it_is_left_alone() -> None:
    text = rf'"{BARE}\&dn=Old\&tr=udp://b.org:80"'
    assert rename(text, NAMES) == text


def test_no_escaped_ampersand_is_put_behind_a_backslash() -> None:
    once = rename(rf"{BARE}\u0026x\&", NAMES)
    assert rename(once, NAMES) == once
    assert once == rf"{BARE}\u0026x\&{DN}&"


@pytest.mark.parametrize("behind", ["谢谢", "**", "__", "_", "/", "#", "~~", "…", "—", "🎬", "}", "*"])
def test_a_whole_hash_is_one_whatever_is_glued_to_it_but_another_digit_or_letter(behind: str) -> None:
    (span,) = find_magnets(f"**{BARE}{behind}")
    assert (span.info_hash, span.text) == (HEX, BARE)
    for letter in "0zZ":
        assert list(find_magnets(f"{BARE}{letter}")) == []


def test_what_nobody_sees_behind_a_hash_does_not_end_its_magnet() -> None:
    text = f"{BARE}\u200b&dn=a+lie&tr=udp%3A%2F%2Fb.org%3A80"
    (span,) = find_magnets(text)
    assert span.text == text
    assert rename(text, NAMES) == text.replace("a+lie", "Night%20Train")


@pytest.mark.parametrize("xt", [f"urn%3Abtih%3A{HEX}", f"urn:btih:{HEX[:-1]}%35", f"%75rn:btih%3A{BASE32}"])
def test_punctuation_after_an_escaped_hash_is_not_part_of_it(xt: str) -> None:
    assert found(f"magnet:?xt={xt}. And so on.") == [f"magnet:?xt={xt}"]
    assert rename(f"magnet:?xt={xt}. And", NAMES) == f"magnet:?{DN}&xt={xt}. And"


def test_behind_another_xt_there_is_room_for_a_name_before_punctuation() -> None:
    first = "xt=urn:ed2k:354b15e68fb8f36d7cd88ff94116cdc1"
    assert rename(f"magnet:?{first}&{XT}.", NAMES) == f"magnet:?{first}&{DN}&{XT}."


def test_punctuation_after_a_v2_hash_is_not_part_of_it() -> None:
    assert found(f"magnet:?{XT_V2}, and") == [f"magnet:?{XT_V2}"]


def test_punctuation_inside_a_name_is_part_of_it() -> None:
    assert dn_of(f"{BARE}&dn=Who.Are,You?.mkv and") == "Who.Are,You?.mkv"


@pytest.mark.parametrize("between", ["", " ", ",", "\n", "&", "&dn=x", ")("])
def test_the_next_magnet_begins_a_new_one_even_without_a_space(between: str) -> None:
    text = f"{BARE}&dn=a{between}MAGNET:?xt=urn:btih:{OTHER}&dn=b"
    assert hashes(text) == [HEX, OTHER]
    once = rename(text, {HEX: "One", OTHER: "Two"})
    assert [span.display_name for span in find_magnets(once)] == ["One", "Two"]
    assert rename(once, {HEX: "One", OTHER: "Two"}) == once


def test_two_bare_magnets_without_a_space_both_get_their_names() -> None:
    text = f"{BARE}magnet:?xt=urn:btih:{OTHER}"
    assert rename(text, {HEX: "One", OTHER: "Two"}) == f"{BARE}&dn=Onemagnet:?xt=urn:btih:{OTHER}&dn=Two"


def test_a_magnet_inside_a_parameter_is_a_magnet_of_its_own() -> None:
    assert hashes(f"{BARE}&xs=magnet:?xt=urn:btih:{OTHER}") == [HEX, OTHER]


@pytest.mark.parametrize(
    "text", ["magnet:", "magnet:?", "magnet", "magnet:xt=urn:btih:" + HEX, "magnet?" + XT, "agnet:?" + XT]
)
def test_what_does_not_begin_as_a_magnet_is_none(text: str) -> None:
    assert found(text) == []


def test_a_magnet_may_begin_in_the_middle_of_a_word() -> None:
    assert found(f"看这里{BARE}") == [BARE]
    assert found(f'<a href="{BARE}">x</a>') == [BARE]
    assert found(f"xmagnet:?{XT}") == [BARE]


# Everything else stays


def test_all_other_parameters_keep_their_order_and_bytes() -> None:
    others = "tr=udp%3a%2F%2Ft.example:80/x&xl=05&ws=http://w.example/%e4&x.pe=203.0.113.5:6881&xs=a&as=&so=0-2&kt=a+b&mt=%zz&tr.1=q&xt=urn:x"
    text = f"magnet:?{others}&{XT}&dn=old&{others}"
    assert rename(text, NAMES) == text.replace("dn=old", DN)


def test_only_the_first_dn_is_changed() -> None:
    assert rename(f"{BARE}&dn=a&dn=b", NAMES) == f"{BARE}&{DN}&dn=b"


@pytest.mark.parametrize("key", ["dn.1", "xdn", "d", "dnn", "n", "kdn", "dn%20"])
def test_a_key_that_only_resembles_dn_is_kept(key: str) -> None:
    assert rename(f"{BARE}&{key}=old", NAMES) == f"{BARE}&{DN}&{key}=old"


def test_a_dn_inside_another_value_is_not_the_dn() -> None:
    assert (
        rename(f"{BARE}&tr=http%3A%2F%2Fx%2F%3Fa%3D1%26dn=5", NAMES)
        == f"{BARE}&{DN}&tr=http%3A%2F%2Fx%2F%3Fa%3D1%26dn=5"
    )
    assert rename(f"{BARE}&tr=?dn=5", NAMES) == f"{BARE}&{DN}&tr=?dn=5"


def test_a_magnet_of_an_unknown_hash_is_left_alone() -> None:
    text = f"magnet:?xt=urn:btih:{OTHER}&dn=Tom & Jerry"
    assert rename(text, NAMES) == text


def test_a_dn_before_the_xt_is_changed_where_it_stands() -> None:
    assert rename(f"magnet:?dn=old&{XT}", NAMES) == f"magnet:?{DN}&{XT}"
    assert rename(f"magnet:?dn=&{XT}", NAMES) == f"magnet:?{DN}&{XT}"


def test_line_ends_and_the_users_words_stay() -> None:
    text = f"one\r\n{BARE} two\r{BARE}&dn=x three\n\n\tfour\ufeff"
    assert rename(text, NAMES) == f"one\r\n{BARE}&{DN} two\r{BARE}&{DN} three\n\n\tfour\ufeff"


def test_undecodable_bytes_of_a_file_stay() -> None:
    raw = b"\xff\xfe caf\xe9 " + BARE.encode() + b"&dn=\xc4\xe3\xba\xc3 \x80"
    text = raw.decode("utf-8", "surrogateescape")
    assert dn_of(text) == "你好"
    once = rename(text, NAMES)
    assert once.encode("utf-8", "surrogateescape") == raw.replace(b"dn=\xc4\xe3\xba\xc3", DN.encode())


# HTML


ESCAPED_AMPERSANDS = ["&amp;", "&#38;", "&#038;", "&#x26;", "&#x0026;", "&#X26;", "&AMP;", r"\u0026", r"\\u0026"]
TWICE_ESCAPED_AMPERSANDS = [r"\u0026amp;", "&amp;amp;", "&amp;#38;", "&#38;amp;", "&amp;#038;", "&#x0026;#x0026;"]


@pytest.mark.parametrize("amp", [*ESCAPED_AMPERSANDS, *TWICE_ESCAPED_AMPERSANDS])
def test_an_escaped_ampersand_separates_parameters(amp: str) -> None:
    text = f"{BARE}{amp}dn=old{amp}tr=http%3A%2F%2Fa.example%2F{amp}tr=udp%3A%2F%2Fb.example%3A80"
    (span,) = find_magnets(text)
    assert span.display_name == "old"
    assert Magnet.of(span).trackers == ("http://a.example/", "udp://b.example:80")
    assert rename(text, NAMES) == text.replace("dn=old", DN)


@pytest.mark.parametrize("amp", ["&amp;", "&#38;", "&#038;", "&#x26;", "&#x0026;", r"\u0026", r"\\u0026"])
def test_an_inserted_dn_is_separated_as_the_magnet_is(amp: str) -> None:
    assert rename(f"{BARE}{amp}tr=x", NAMES) == f"{BARE}{amp}{DN}{amp}tr=x"
    assert rename(f"magnet:?tr=x{amp}{XT}", NAMES) == f"magnet:?tr=x{amp}{XT}{amp}{DN}"


def test_an_xt_behind_an_escaped_ampersand_is_read() -> None:
    assert hashes(f"magnet:?tr=x&amp;{XT}&amp;dn=y") == [HEX]


def test_other_entities_are_not_decoded() -> None:
    text = f"{BARE}&copy=1&region=2&lt=3&dn=a&copy;b"
    assert dn_of(text) == "a&copy;b"
    assert rename(text, NAMES) == f"{BARE}&copy=1&region=2&lt=3&{DN}"


@pytest.mark.parametrize(
    "end",
    [
        *("&quot;", "&gt;", "&lt;/a&gt;", "&#34;", "&#39;", "&#039;", "&apos;", "&amp;quot;&amp;gt;"),
        *("&#x27;", "&#X27;", "&#x22;&#x3E;", "&#x3c;/a", "&amp;#x27;"),
    ],
)
def test_escaped_markup_is_not_part_of_a_name(end: str) -> None:
    """A feed holds whole pages in which `<`, `>` and quotes are escaped; a rename must not eat them."""
    text = f"&lt;a href=&quot;{BARE}&amp;dn=old{end}"
    assert dn_of(text) == "old"
    assert rename(text, NAMES) == text.replace("dn=old", DN)


def test_an_inserted_dn_stands_in_front_of_escaped_markup() -> None:
    text = f"&lt;a href=&quot;{BARE}&quot;&gt;x&lt;/a&gt;"
    assert rename(text, NAMES) == text.replace(BARE, f"{BARE}&amp;{DN}")


def test_an_escaped_ampersand_inside_a_name_is_one_ampersand() -> None:
    assert dn_of(f"{BARE}&amp;dn=Tom&amp;Jerry&amp;tr=x") == "Tom&Jerry"
    once = rename(f"{BARE}&amp;dn=Tom&amp;Jerry&amp;tr=x", NAMES)
    assert once == f"{BARE}&amp;{DN}&amp;tr=x"


def test_a_magnet_in_an_html_attribute_keeps_the_markup() -> None:
    text = f'<a href="{BARE}&amp;dn=old&amp;tr=x">a &amp; b</a>'
    assert rename(text, NAMES) == text.replace("dn=old", DN)


# Several magnets, the same magnet twice


def test_each_magnet_gets_its_own_name() -> None:
    third = "0123456789abcdef0123456789abcdef01234567"
    text = f"{BARE}&dn=a\nmagnet:?xt=urn:btih:{OTHER}\nmagnet:?xt=urn:btih:{third}&dn=c"
    assert rename(text, {HEX: "One", third: "Three"}) == (
        f"{BARE}&dn=One\nmagnet:?xt=urn:btih:{OTHER}\nmagnet:?xt=urn:btih:{third}&dn=Three"
    )


def test_the_same_magnet_twice_is_changed_twice() -> None:
    assert rename(f"{BARE}&dn=a {BARE}", NAMES) == f"{BARE}&{DN} {BARE}&{DN}"


@pytest.mark.parametrize(
    "text", [HEX, f"urn:btih:{HEX}", f"http://x.example/{HEX}.torrent", "thunder://QUFtYWduZXQ6P3h0", f"hash: {HEX}"]
)
def test_a_bare_hash_in_a_text_is_not_a_magnet(text: str) -> None:
    assert found(text) == []
    assert rename(text, NAMES) == text


def test_ranges_of_files_are_kept_and_never_unrolled() -> None:
    text = f"{BARE}&so=0-4294967295,7&dn=old"
    assert rename(text, NAMES) == f"{BARE}&so=0-4294967295,7&{DN}"


@pytest.mark.parametrize(
    "name", ["e\u0301te\u0301", "\xe9t\xe9", "\ud55c", "\u1112\u1161\u11ab", "👨\u200d👩\u200d👧", "\u212b", "\ufb01le"]
)
def test_a_name_is_never_normalised(name: str) -> None:
    assert dn_of(rename(BARE, {HEX: name})) == name


def test_composed_and_decomposed_names_differ() -> None:
    assert rename(f"{BARE}&dn=e%CC%81", {HEX: "\xe9"}) == f"{BARE}&dn=%C3%A9"


def test_every_printable_character_survives_in_a_name() -> None:
    name = string.printable + "".join(map(chr, range(0x80, 0x500)))
    assert dn_of(rename(BARE, {HEX: name})) == name
