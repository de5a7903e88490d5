"""The wall, seen from every route: who is let in, what bodies do, what every answer carries.

The routes are read from the application, so one that is added is tested here without being named.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount
from starlette.websockets import WebSocket

from tests.integration.web_support import ENGLISH, PAGE, Clock, Site, with_site, work_on
from truename.calibration import Rules
from truename.settings import Settings
from truename.store import watches
from truename.store.database import Database, StoreUnavailable
from truename.store.watches import Failure
from truename.store.writer import Writer
from truename.web.application import create_application
from truename.web.guard import HEADERS
from truename.web.paths import FIRST_PARTS, is_open
from truename.web.services import Services

API_LIKE = re.compile(r"/api/(?!docs)|/openapi\.json|/healthz|/readyz")
EVIL = {"Origin": "http://evil.example"}
JSON = {"Content-Type": "application/json"}

BAD_BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "null": (b"null", JSON),
    "a list": (b"[1, 2]", JSON),
    "a number": (b"5", JSON),
    "a text": (b'"x"', JSON),
    "nothing": (b"", JSON),
    "a form": (b"info_hash=5&text=x", {"Content-Type": "application/x-www-form-urlencoded"}),
    "a form with too many fields": (b"a=b&" * 10_000, {"Content-Type": "application/x-www-form-urlencoded"}),
    "a form that is not UTF-8": (
        b"username=%ff%fe&password=%c3%28",
        {"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "parts": (b"--x\r\n\r\n--x--", {"Content-Type": "multipart/form-data; boundary=x"}),
    "broken JSON": (b'{"info_hash": ', JSON),
    "JSON that is not UTF-8": (b'{"info_hash": "\xff\xfe"}', JSON),
    "JSON that is said not to be UTF-8": (
        b'{"info_hash": "%s"}' % (b"ab" * 20),
        {"Content-Type": "application/json; charset=utf-16"},
    ),
    "half a character": (b'{"info_hash": "\\ud800", "text": "\\ud800"}', JSON),
    "not a number": (b'{"info_hash": NaN, "text": Infinity}', JSON),
    "a number without end": (b'{"info_hash": ' + b"9" * 100_000 + b"}", JSON),
    "wrong types": (b'{"info_hash": [], "text": {}, "priority": 7, "version": "x", "calibration_mode": 5}', JSON),
    "NUL": (b'{"info_hash": "\\u0000", "text": 5}', JSON),
    "nested 100,000 deep": (b"[" * 100_000, JSON),
    "nested in an object": (b'{"info_hash":' * 50_000, JSON),
    "closed and nested": (b'{"info_hash":' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON),
    "no type": (b"\x00\x01\x02", {}),
}


def routes_of(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Every method and path that an application has, as it was written down."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner.routes)
        elif isinstance(route, Mount):
            yield "GET", f"{route.path}/css/page.css"
        else:
            for method in sorted(set(getattr(route, "methods", None) or ()) - {"HEAD"}):
                yield method, route.path  # type: ignore[attr-defined]


def all_routes() -> list[tuple[str, str]]:
    """Those of the whole application, for the parameters of the tests."""
    database = Database.at(Path("/nonexistent"))
    writer = Writer(database)
    services = Services(database=database, writer=writer, settings=Settings())
    application = create_application(services, work_on(database, writer, Clock()))
    application.state.doors.passwords.close()
    return sorted(set(routes_of(application.routes)))


PATTERNS = all_routes()
ROUTES = [(method, re.sub(r"{[^}]+}", "1", path)) for method, path in PATTERNS]
CLOSED = [(method, path) for method, path in ROUTES if not is_open(path)]
CHANGING = [(method, path) for method, path in ROUTES if method not in ("GET", "HEAD", "OPTIONS")]


def check_headers(answer: httpx.Response) -> None:
    """What every answer carries, whatever it is."""
    of = f"{answer.request.method} {answer.request.url}"[:200]
    for name, value in HEADERS.items():
        assert answer.headers.get_list(name) == [value], (of, name)
    static = answer.request.url.path.startswith("/static/")
    assert answer.headers["cache-control"] == ("no-cache" if static else "no-store"), of
    assert "unsafe" not in answer.headers["content-security-policy"], of
    assert "server" not in answer.headers, of


def check_error(answer: httpx.Response) -> None:
    """What a program is told when something is refused."""
    of = f"{answer.request.method} {answer.request.url}"[:200]
    body = answer.json()
    assert set(body) == {"error", "code"}, of
    assert "Traceback" not in body["error"], of
    assert body["error"], of


def test_the_routes_are_found() -> None:
    assert {("GET", "/login"), ("POST", "/login"), ("POST", "/logout"), ("POST", "/setup")} <= set(ROUTES)
    assert {("GET", "/openapi.json"), ("GET", "/api/docs"), ("GET", "/static/css/page.css")} <= set(ROUTES)


def test_only_these_are_open_to_strangers() -> None:
    assert {path for _, path in ROUTES if is_open(path)} == {
        "/login",
        "/setup",
        "/healthz",
        "/readyz",
        "/static/css/page.css",
    }


def test_the_policy_is_as_strict_as_promised() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


def test_without_a_session_nothing_is_told(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        for method, path in CLOSED:
            for accept in ({}, PAGE):
                answer = await site.browser().request(method, path, headers={**JSON, **accept}, content=b"{}")
                check_headers(answer)
                if API_LIKE.match(path):
                    assert answer.status_code == 401, (method, path)
                    assert answer.json() == {"error": "未登录", "code": "unauthorized"}, (method, path)
                else:
                    assert answer.status_code == 303, (method, path)
                    assert answer.headers["location"].startswith("/login"), (method, path)
                    assert answer.content == b"", (method, path)

    with_site(tmp_path, scenario)


def test_a_foreign_page_changes_nothing(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        for method, path in CHANGING:
            for headers in (
                EVIL,
                {"Origin": "null"},
                {"Sec-Fetch-Site": "cross-site"},
                {"Sec-Fetch-Site": "same-site"},
            ):
                answer = await browser.request(method, path, headers={**JSON, **headers}, content=b"{}")
                check_headers(answer)
                assert answer.status_code == 403, (method, path, headers)
                assert answer.json()["code"] == "forbidden", (method, path, headers)
            assert (await browser.get("/api/docs")).status_code == 200, (method, path)

    with_site(tmp_path, scenario)


def test_a_page_of_our_own_and_a_program_get_through(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        token = await site.token(await site.person("bob", admin=True))
        own = {"Origin": "http://127.0.0.1:8484"}
        for method, path in CHANGING:
            browser = await site.signed_in(admin=True)
            assert (await browser.request(method, path, headers=own)).status_code != 403, (method, path)
            assert (await site.browser().request(method, path, headers=token)).status_code != 403, (method, path)
            for more in ({}, {"Cookie": "a=b"}):  # a token is no reason to believe a foreign page
                foreign = {**EVIL, **token, **more}
                answer = await site.browser().request(method, path, headers=foreign)
                assert answer.status_code == 403, (method, path, more)

    with_site(tmp_path, scenario)


def test_no_body_breaks_a_route(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for number, (method, path) in enumerate(ROUTES):
            browser = await site.signed_in(f"person{number}", admin=True)
            for name, (content, headers) in BAD_BODIES.items():
                if path in ("/login", "/logout"):  # the last one may have ended the session
                    browser = await site.signed_in(f"person{number}")
                answer = await browser.request(method, path, content=content, headers=headers)
                check_headers(answer)
                case = (method, path, name)
                assert answer.status_code < 500, case
                if method in ("POST", "PUT", "PATCH") and API_LIKE.match(path):
                    assert answer.status_code in (400, 404, 405, 409) or name in ("nothing", "wrong types"), case
                if answer.status_code >= 400 and API_LIKE.match(path):
                    check_error(answer)
            if path not in ("/login", "/logout"):
                assert (await browser.get("/openapi.json")).status_code == 200, (method, path)

    with_site(tmp_path, scenario)


def test_a_body_of_ten_megabytes_is_refused_announced_or_not(tmp_path: Path) -> None:
    large = b'{"text": "' + b"x" * 10_000_000 + b'"}'

    async def in_pieces() -> Any:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    async def scenario(site: Site) -> None:
        for number, (method, path) in enumerate(ROUTES):
            browser = await site.signed_in(f"person{number}", admin=True)
            announced = await browser.request(method, path, content=large, headers=JSON)
            assert announced.status_code == 413, (method, path)
            check_headers(announced)
            check_error(announced)
            assert announced.json()["code"] == "too_large", (method, path)
            unannounced = await browser.request(method, path, content=in_pieces(), headers=JSON)
            check_headers(unannounced)
            if method in ("POST", "PUT", "PATCH") and unannounced.status_code not in (303, 400, 404, 409):
                assert unannounced.status_code == 413, (method, path)
            assert unannounced.status_code < 500, (method, path)

    with_site(tmp_path, scenario)


WITH_IDS = [(method, path) for method, path in PATTERNS if "{" in path]


def test_what_belongs_to_somebody_else_does_not_exist(tmp_path: Path) -> None:
    """The same answer, byte for byte, as for what nobody has; to a program and in the body of each request."""

    async def scenario(site: Site) -> None:
        alice, bob = await site.signed_in(admin=True), await site.signed_in("bob", peer="192.0.2.2")
        note = (await bob.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{'ab' * 20}"})).json()
        task = (await bob.post("/api/calibrate/async", json={"info_hash": "ab" * 20})).json()
        batch = (await bob.post("/api/calibrate/batch", json={"info_hashes": ["ab" * 20]})).json()
        async with site.database.writing() as connection:
            asleep = Failure(code="no_peers", at=1.0, by_watch=False)
            await watches.failed(connection, {(2, "ab" * 20): asleep}, next_ask=Rules().next_ask)
        theirs = {
            "note_id": str(note["id"]),
            "task_id": task["task_id"],
            "batch_id": batch["batch_id"],
            "info_hash": "ab" * 20,
        }
        nobody = "00000000-0000-4000-8000-000000000000"
        nobodys = {"note_id": "4711", "task_id": nobody, "batch_id": nobody, "info_hash": "cd" * 20}
        body = {"text": "mine now", "version": 1}
        for method, path in WITH_IDS:
            answers = []
            for ids in (theirs, nobodys):
                filled = re.sub(r"{(\w+)(?::\w+)?}", lambda found: ids[found[1]], path)  # noqa: B023
                answer = await alice.request(method, filled, json=body)
                assert answer.status_code == 404, (method, filled)
                check_error(answer)
                answers.append(answer.content)
            assert answers[0] == answers[1], (method, path)
            still = (await bob.get(f"/api/notes/{note['id']}")).json()["text"]
            assert still == note["text"], (method, path)
            still = (await bob.get(f"/api/calibrate/status/{task['task_id']}")).json()["status"]
            assert still == "pending", (method, path)
            seen = (await alice.get("/api/notes")).text + (await alice.get("/notes")).text
            assert note["text"] not in seen, (method, path)

    with_site(tmp_path, scenario)


WRONG_IDS = (
    *("0", "-1", "+1", "01", "1.0", "1%20", "1.5", "1e9", "x", "%00", "%2e%2e", "٣", "--help", "null"),
    *("9" * 40, "a" * 3000),
)


def test_an_id_that_is_none_is_not_there(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in(admin=True)
        for method, path in WITH_IDS:
            for wrong in WRONG_IDS:
                filled = re.sub(r"{[^}]+}", wrong, path)
                answer = await browser.request(method, filled, json={"text": "x", "version": 1})
                assert answer.status_code in (400, 404, 405), (method, path, wrong)
                check_headers(answer)
                check_error(answer)

    with_site(tmp_path, scenario)


def test_every_method_gets_a_clean_answer(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        for path in sorted({path for _, path in ROUTES}):
            for other in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
                if path == "/logout" and other == "POST":
                    continue
                answer = await browser.request(other, path)
                check_headers(answer)
                assert answer.status_code < 500, (other, path)
                if answer.status_code == 405:
                    assert answer.headers["allow"] == ", ".join(methods_at(path)), (other, path)
                if answer.status_code == 405 and other != "HEAD":
                    check_error(answer)
                assert (answer.status_code == 405) == (other not in methods_at(path)), (other, path)
            assert (await browser.get("/openapi.json")).status_code == 200, path

    with_site(tmp_path, scenario)


def methods_at(path: str) -> list[str]:
    """Every method that a path has, by name, whichever routes have them."""
    found = {method for method, pattern in PATTERNS if re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", pattern), path)}
    return sorted(found | {"HEAD"} if "GET" in found else found)


def test_a_head_is_a_get_without_its_body_behind_the_same_wall(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        alice = await site.signed_in()
        await alice.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{'ab' * 20}"})
        for path in [path for method, path in ROUTES if method == "GET"]:
            for client in (alice, site.browser()):
                for headers in ({}, PAGE, EVIL, {"Host": "evil.example"}):
                    got, head = [await client.request(method, path, headers=headers) for method in ("GET", "HEAD")]
                    check_headers(head)
                    assert (head.status_code, head.content) == (got.status_code, b""), (path, headers)
                    assert dict(head.headers) == dict(got.headers), (path, headers)

    with_site(tmp_path, scenario)


def test_the_ways_of_all_paths_begin_as_the_root_path_is_told_from_them() -> None:
    assert {path[1:].partition("/")[0] for _, path in PATTERNS} == FIRST_PARTS | {""}


NOWHERE = (
    "/api/nonsense",
    "/api/",
    "/api",
    "/nonsense",
    "/login/",
    "http://127.0.0.1:8484//login",
    "/static/",
    "/static/nothing.css",
    "/static/../web/guard.py",
    "/static/%2e%2e/guard.py",
    "/static/..%2f..%2fguard.py",
    "/static/%00",
    "/static/" + "x" * 5000,
    "/%ff",
    "/api/%00",
    "/api/notes/" + "9" * 40,
)


def test_what_is_not_there_is_not_there(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        for path in NOWHERE:
            for headers in ({}, ENGLISH, PAGE):
                answer = await browser.get(path, headers=headers)
                assert answer.status_code in (400, 404, 405), path
                check_headers(answer)
                if path.startswith("/api") or headers is not PAGE:
                    check_error(answer)
                else:
                    assert "操作未完成" in answer.text, path
            stranger = await site.browser().get(path)
            assert stranger.status_code in (303, 401) or path.startswith("/static/"), path
            check_headers(stranger)

    with_site(tmp_path, scenario)


def test_errors_are_in_the_language_of_the_reader(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for language, text in (("en", "Not signed in"), ("zh", "未登录"), ("fr", "未登录")):
            answer = await site.browser().get("/openapi.json", headers={"Accept-Language": language})
            assert answer.json()["error"] == text

    with_site(tmp_path, scenario)


def test_a_host_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for host in ("evil.example", "127.0.0.1.evil.example", "127.0.0.2", "", "a b", "[::1", "localhost/x"):
            for path in ("/login", "/notes", "/static/css/page.css", "/openapi.json"):
                answer = await site.browser().get(path, headers={"Host": host})
                assert answer.status_code == 400, (host, path)
                check_headers(answer)
                check_error(answer)
            assert (await site.browser().get("/healthz", headers={"Host": host})).status_code == 200, host

    with_site(tmp_path, scenario)


def test_a_loopback_name_is_ours(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for host in ("127.0.0.1:8484", "localhost", "LOCALHOST:99", "[::1]:8484"):
            assert (await site.browser().get("/setup", headers={"Host": host})).status_code == 200, host

    with_site(tmp_path, scenario)


def test_only_named_hosts_are_ours_when_some_are_named(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for host, status in (("notes.example", 200), ("notes.example:443", 200), ("127.0.0.1", 400)):
            assert (await site.browser().get("/setup", headers={"Host": host})).status_code == status

    with_site(tmp_path, scenario, allowed_hosts=("notes.example",))


def test_forwarded_headers_count_from_a_trusted_proxy_alone(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "notes.example"}
        own = {"Origin": "https://notes.example"}
        proxied = site.browser(base="http://127.0.0.1:8484", peer="10.0.0.1")
        await site.person()
        form = {"username": "alice", "password": "wrong"}
        assert (await proxied.post("/login", data=form, headers={**told, **own})).status_code == 401
        stranger = site.browser(base="http://127.0.0.1:8484", peer="203.0.113.9")
        assert (await stranger.post("/login", data=form, headers={**told, **own})).status_code == 400  # not our host
        lie = {"X-Forwarded-Proto": "https", "Host": "notes.example", **own}
        assert (await stranger.post("/login", data=form, headers=lie)).status_code == 403

    with_site(tmp_path, scenario, trusted_proxies=("10.0.0.1/32",), allowed_hosts=("notes.example",))


def test_no_route_sees_a_forwarded_header_and_all_see_the_host_that_counts(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        @site.application.get("/api/echo")
        async def echo(request: Request) -> dict[str, Any]:
            return {"headers": dict(request.headers), "url": str(request.url), "client": request.client}

        bob = await site.token(await site.person("bob"))
        told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "notes.example", "X-Forwarded-For": "198.51.100.9"}
        for peer, url, client in (
            ("10.0.0.1", "https://notes.example/api/echo", "198.51.100.9"),
            ("203.0.113.9", "http://127.0.0.1:8484/api/echo", "203.0.113.9"),
        ):
            seen = (
                await site.browser(peer=peer).get("/api/echo", headers={**told, **bob, "Forwarded": "for=x"})
            ).json()
            assert (seen["url"], seen["client"][0]) == (url, client)
            assert not [name for name in seen["headers"] if "forwarded" in name]

    hosts = ("notes.example", "127.0.0.1")
    with_site(tmp_path, scenario, trusted_proxies=("10.0.0.1/32",), allowed_hosts=hosts)


def test_calibration_that_is_off_is_no_news_for_the_administrator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        await site.application.state.work.mode.choose("off")
        assert (await browser.post("/api/calibrate/async", json={"info_hash": "1a" * 20})).status_code == 503

    with_site(tmp_path, scenario)
    assert "not served" not in caplog.text


def test_what_nobody_foresaw_is_answered_without_a_word_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(site: Site) -> None:
        @site.application.get("/api/broken")
        async def broken() -> None:
            raise RuntimeError("a secret of the inside")

        browser = await site.signed_in()
        for headers in ({}, PAGE):
            answer = await browser.get("/api/broken", headers=headers)
            assert answer.status_code == 500
            check_headers(answer)
            check_error(answer)
            assert "secret" not in answer.text

    with_site(tmp_path, scenario)
    assert "a request failed" in caplog.text


def test_trouble_of_the_database_is_503(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        @site.application.get("/api/full")
        async def full() -> None:
            raise StoreUnavailable("full")

        browser = await site.signed_in()
        answer = await browser.get("/api/full")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"
        site.writer.stop()
        answer = await browser.post("/logout")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert (await browser.get("/api/docs")).status_code == 200  # it did not end: nothing is half done
        (tmp_path / "truename.db").write_bytes(b"no database at all" * 1000)
        site.clock.move(60)
        site.database._read.dispose()  # so that the file is opened anew
        answer = await browser.get("/openapi.json")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert (await browser.get("/readyz")).status_code == 503
        assert (await browser.get("/healthz")).status_code == 200

    with_site(tmp_path, scenario)


def test_alive_and_ready_are_two_things(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = site.browser()
        assert (await browser.get("/healthz")).json() == (await browser.get("/readyz")).json() == {"status": "ok"}
        site.ready[0] = False
        answer = await browser.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
        assert (await browser.get("/healthz")).status_code == 200

    with_site(tmp_path, scenario)


@pytest.mark.parametrize("said", [{"f_bavail": 100}, {"f_flag": os.ST_RDONLY}], ids=["full", "read-only"])
def test_where_nothing_can_be_written_no_work_can_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, int]
) -> None:
    there = SimpleNamespace(**{"f_bavail": 10**6, "f_frsize": 4096, "f_blocks": 10**6, "f_flag": 0} | said)

    async def scenario(site: Site) -> None:
        browser = site.browser()
        assert (await browser.get("/readyz")).status_code == 200
        monkeypatch.setattr(os, "statvfs", lambda _: there)
        answer = await browser.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"
        assert (await browser.get("/healthz")).status_code == 200

    with_site(tmp_path, scenario)


@pytest.mark.parametrize(
    "kind", ["application/json", 'Application/JSON; charset="UTF-8"', "application/json;charset=utf8"]
)
def test_json_may_say_that_it_is_utf_8(tmp_path: Path, kind: str) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        answer = await browser.post("/api/notes", content=b'{"text": "\xe7\xac\x94"}', headers={"Content-Type": kind})
        assert answer.status_code == 201, answer.text

    with_site(tmp_path, scenario)


@pytest.mark.parametrize("part", ["bytes=0-9", "bytes=999999999-", "lines=1-2", "bytes=2-1"])
def test_a_file_of_the_pages_comes_whole(tmp_path: Path, part: str) -> None:
    async def scenario(site: Site) -> None:
        whole = await site.browser().get("/static/css/page.css")
        answer = await site.browser().get("/static/css/page.css", headers={"Range": part})
        assert (answer.status_code, answer.content) == (200, whole.content)

    with_site(tmp_path, scenario)


def test_the_description_is_for_those_who_are_in(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        description = (await browser.get("/openapi.json")).json()
        assert "/healthz" in description["paths"]
        assert not {"/login", "/setup", "/api/docs"} & set(description["paths"])
        page = await browser.get("/api/docs")
        assert 'data-description="/openapi.json"' in page.text

    with_site(tmp_path, scenario)


async def socket(site: Site, headers: dict[str, str]) -> list[dict[str, Any]]:
    """What a socket is told at the handshake."""
    sent: list[dict[str, Any]] = []
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "websocket",
        "path": "/api/calibrate/ws",
        "raw_path": b"/api/calibrate/ws",
        "query_string": b"",
        "headers": raw,
        "scheme": "ws",
        "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 8484),
        "subprotocols": [],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    await site.application(scope, receive, send)
    return sent


def test_a_socket_needs_a_session_and_our_own_page(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        @site.application.websocket("/api/calibrate/ws")
        async def accept(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.close()

        browser = await site.signed_in()
        cookie = {"Cookie": f"truename_8484={browser.cookies['truename_8484']}"}
        host, own = {"Host": "127.0.0.1:8484"}, {"Origin": "http://127.0.0.1:8484"}
        for headers in (
            {**host, **own},
            {**host, **cookie},
            {**host, **cookie, "Origin": "null"},
            {**host, **cookie, "Origin": "http://127.0.0.1:8485"},
            {**host, **cookie, "Origin": "https://127.0.0.1:8484"},
            {**host, **cookie, "Origin": "http://evil.example"},
            {"Host": "evil.example", **cookie, "Origin": "http://evil.example"},
        ):
            assert [message["type"] for message in await socket(site, headers)] == ["websocket.close"]
        accepted = await socket(site, {**host, **cookie, **own})
        assert [message["type"] for message in accepted] == ["websocket.accept", "websocket.close"]

    with_site(tmp_path, scenario)


def test_json_errors_are_json_that_a_browser_cannot_take_for_a_page(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        answer = await site.browser().get("/api/<script>alert(1)</script>", headers=PAGE)
        assert answer.headers["content-type"].startswith("application/json")
        assert "script" not in json.dumps(answer.json())

    with_site(tmp_path, scenario)
