"""The pure parts of the web application: paths, languages; and what its files must not hold."""

import ast
import re
from pathlib import Path

import pytest

import truename.web
from truename.texts import TEXTS, Language
from truename.web.guard import cookie_name
from truename.web.language import preferred
from truename.web.paths import MIB, is_for_programs, is_open, limit_of, path_of, place, safe_next
from truename.web.visitor import Visitor

WEB = Path(truename.web.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
SCRIPTS = sorted((WEB / "static").rglob("*.js"))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", Language.CHINESE),
        ("zh-CN,zh;q=0.9,en;q=0.8", Language.CHINESE),
        ("en-GB,en;q=0.9,zh;q=0.8", Language.ENGLISH),
        ("en", Language.ENGLISH),
        ("EN-us", Language.ENGLISH),
        ("de, en;q=0.5", Language.ENGLISH),
        ("de, fr", Language.CHINESE),
        ("*", Language.CHINESE),
        ("en;q=0.5, zh;q=0.6", Language.CHINESE),
        ("en;q=0", Language.CHINESE),
        ("en, zh", Language.ENGLISH),
        ("zh, en", Language.CHINESE),
        ("en;q=nan", Language.CHINESE),
        ("en;q=", Language.CHINESE),
        ("en;q=7", Language.CHINESE),
        ("en;level=1;q=0.4, zh;q=0.3", Language.ENGLISH),
        (";;;,,,=", Language.CHINESE),
        ("x," * 100_000 + "en", Language.CHINESE),
    ],
)
def test_texts_are_chinese_unless_english_is_preferred(header: str, language: Language) -> None:
    assert preferred(header) is language


@pytest.mark.parametrize("wanted", ["/notes", "/notes?after=5", "/tasks/%2f", "/笔记", "/a//b"])
def test_a_path_of_this_server_may_come_after_the_sign_in(wanted: str) -> None:
    assert safe_next(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "notes",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/a\\b",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t/notes",
        " /notes",
        "/\x00",
        "/\x7f",
        "/a\x85b",
        "/a\u202eb",
        "/a\ud800b",
        "/" + "a" * 5000,
    ],
)
def test_anything_else_leads_to_the_notes(wanted: str) -> None:
    assert safe_next(wanted) == "/notes"


@pytest.mark.parametrize("path", ["/login", "/setup", "/healthz", "/readyz", "/static/css/page.css"])
def test_these_are_open(path: str) -> None:
    assert is_open(path)


@pytest.mark.parametrize(
    "path", ["/", "/notes", "/login/", "//login", "/Login", "/logout", "/static", "/api/docs", "/openapi.json", "/x"]
)
def test_everything_else_is_closed(path: str) -> None:
    assert not is_open(path)


@pytest.mark.parametrize("given", ["/notes", "/deep/notes"])
def test_a_proxy_may_take_the_root_path_off_or_leave_it(given: str) -> None:
    scope = {"path": given}
    place(scope, "/deep")
    assert scope == {"path": "/deep/notes", "root_path": "/deep"}
    assert path_of(scope) == "/notes"


@pytest.mark.parametrize("given", ["", "/", "/deep", "/deep/"])
def test_the_root_path_itself_is_the_root_with_and_without_its_slash(given: str) -> None:
    scope = {"path": given}
    place(scope, "/deep")
    assert path_of(scope) == "/"
    assert scope["path"].startswith("/deep")


@pytest.mark.parametrize(
    ("root_path", "given", "path"),
    [
        ("/notes", "/notes", "/notes"),
        ("/notes", "/notes/notes", "/notes"),
        ("/notes", "/notes/", "/"),
        ("/notes", "/", "/"),
        ("/notes", "/notes/5", "/notes/5"),
        ("/notes", "/notes/notes/5/edit", "/notes/5/edit"),
        ("/notes", "/notes/static/css/page.css", "/static/css/page.css"),
        ("/notes", "/static/css/page.css", "/static/css/page.css"),
        ("/tasks", "/tasks/batch/1", "/tasks/batch/1"),
        ("/tasks/here", "/tasks/batch/1", "/tasks/batch/1"),
        ("/health", "/health", "/health"),
        ("/api", "/api", "/"),
        ("/deep", "/deep/nonsense", "/nonsense"),
    ],
)
def test_a_root_path_may_be_called_as_a_page_of_ours_is(root_path: str, given: str, path: str) -> None:
    scope = {"path": given}
    place(scope, root_path)
    assert path_of(scope) == path
    assert scope["path"] == root_path + path


def test_a_path_that_only_begins_like_the_root_path_is_another_one() -> None:
    scope = {"path": "/deeper"}
    place(scope, "/deep")
    assert path_of(scope) == "/deeper"


def test_what_programs_ask_for() -> None:
    for path in ("/api/notes", "/api/nonsense", "/api", "/openapi.json", "/healthz"):
        assert is_for_programs({"path": path})
    for path in ("/notes", "/api/docs", "/apis", "/"):
        assert not is_for_programs({"path": path})


def test_limits_are_those_of_the_contract() -> None:
    assert limit_of("/api/calibrate/async") == limit_of("/api/notesx") == MIB
    assert limit_of("/login") == limit_of("/setup") == MIB // 32
    assert limit_of("/api/notes") == limit_of("/api/notes/5") == limit_of("/notes") == 9 * MIB
    assert limit_of("/api/calibrate/batch") == 8 * MIB


@pytest.mark.parametrize(
    ("scheme", "port", "root_path", "name"),
    [
        ("https", 443, "", "__Host-truename"),
        ("https", 8443, "", "__Host-truename"),
        ("https", 443, "/deep", "truename_443"),
        ("http", 8484, "", "truename_8484"),
        ("http", 80, "/deep", "truename_80"),
    ],
)
def test_the_cookie_is_named_after_the_way_here(scheme: str, port: int, root_path: str, name: str) -> None:
    assert cookie_name(Visitor(address="", scheme=scheme, host="a", port=port), root_path) == name


def test_every_word_of_a_template_has_its_sentence() -> None:
    words = {word for path in TEMPLATES for word in re.findall(r"\bt\(\"(\w+)\"[,)]", path.read_text("utf-8"))}
    assert len(words) > 15
    assert words <= set(TEXTS)


def test_every_word_of_a_refusal_has_its_sentence() -> None:
    words = set()
    for path in WEB.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words |= set(re.findall(r"^(?:web|login|setup|page|password|username)_[a-z_]+$", node.value))
    assert len(words) > 15
    assert words <= set(TEXTS)


def test_texts_promised_to_programs_are_exact() -> None:
    exact = {
        "web_unauthorized": "未登录",
        "web_missing_info_hash": "缺少 info_hash 参数",
        "web_invalid_info_hash": "info_hash 无效",
        "web_no_such_task": "任务不存在",
    }
    assert {word: TEXTS[word][Language.CHINESE.value] for word in exact} == exact


@pytest.mark.parametrize("path", [*TEMPLATES, *SCRIPTS], ids=lambda path: path.name)
def test_no_file_puts_text_into_a_page_unescaped(path: Path) -> None:
    text = path.read_text("utf-8")
    for banned in ("|safe", "| safe", "autoescape", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
        assert banned not in text
    assert "eval(" not in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_script_or_style_in_it(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert all(re.search(r'\bsrc="\{\{ root \}\}/static/', tag) for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"https?://", text)
    assert all('method="post"' in form for form in re.findall(r"<form[^>]*>", text))


def test_no_module_marks_text_as_safe() -> None:
    assert not [path.name for path in WEB.rglob("*.py") if "Markup(" in path.read_text("utf-8")]


def test_a_colour_is_named_only_among_the_tokens() -> None:
    for path in (WEB / "static" / "css").glob("*.css"):
        if path.name != "tokens.css":
            assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\brgb|\bhsl", path.read_text("utf-8")), path.name
