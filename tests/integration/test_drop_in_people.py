"""Who may do what in the example: sessions, requests from elsewhere, tasks of others, hostile words on the page."""

import pytest

from tests.integration.drop_in_support import Application, Modules, importable
from truename import AsyncCalibrationManager

HASH, OTHER_HASH = "c9e15763f722f23e98a29decdfae341b98d53056", "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36"
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def example():
    with importable():
        yield Modules()


@pytest.fixture
def manager():
    manager = AsyncCalibrationManager()
    yield manager
    manager.shutdown(wait=False)


@pytest.fixture
def application(example, manager):
    def application(calibrate=lambda info_hash: (f"name of {info_hash}", None), **options):
        return Application(example, calibrate, lambda: manager, **options)

    return application


def submitted(browser):
    return browser.post("/api/calibrate/async", json={"info_hash": HASH}).json["task_id"]


def api_routes(flask):
    for rule in flask.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                yield method, rule.rule.replace("<task_id>", NOBODY)


def test_every_api_route_wants_a_session(application):
    app = application()
    routes = list(api_routes(app.flask))
    assert len(routes) >= 4
    for method, path in routes:
        answer = app.browser().open(path, method=method, json={"info_hash": HASH})
        assert (answer.status_code, answer.json) == (401, {"error": "未登录", "code": "unauthorized"}), path


def test_pages_send_a_stranger_to_the_login_and_back(application):
    browser = application().browser()
    answer = browser.get("/notes")
    assert (answer.status_code, answer.location) == (303, "/login?next=/notes")
    form = {"username": "anna", "password": "anna's pass phrase", "next": "/notes?page=2"}
    assert browser.post("/login", data=form).location == "/notes?page=2"


@pytest.mark.parametrize(
    "target",
    [
        "",
        "notes",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\r\nSet-Cookie: a=b",
        "/a\\b",
        "///evil.example",
    ],
)
def test_the_login_leads_nowhere_else(application, target):
    form = {"username": "anna", "password": "anna's pass phrase", "next": target}
    answer = application().browser().post("/login", data=form)
    assert (answer.status_code, answer.location) == (303, "/notes")


def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(application):
    answers = [
        application().browser().post("/login", data={"username": name, "password": "a wrong pass phrase"})
        for name in ("anna", "nobody")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].data == answers[1].data


def test_guessing_is_slowed_down_without_locking_the_person_out(application):
    now = 0.0
    app = application(clock=lambda: now)
    wrong = {"username": "anna", "password": "guess"}
    right = {"username": "anna", "password": "anna's pass phrase"}
    stranger, home = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"}
    tried = [app.browser().post("/login", data=wrong, environ_base=stranger).status_code for _ in range(12)]
    assert tried == [401] * 10 + [429] * 2
    assert app.browser().post("/login", data=right, environ_base=stranger).status_code == 429
    spoofed = {"X-Forwarded-For": "192.0.2.9"}
    assert app.browser().post("/login", data=right, environ_base=stranger, headers=spoofed).status_code == 429
    assert app.browser().post("/login", data=right, environ_base=home).status_code == 303
    now = 61.0
    assert app.browser().post("/login", data=right, environ_base=stranger).status_code == 303


def test_a_copied_cookie_is_worth_nothing_after_the_logout(application):
    app = application()
    browser = app.browser("anna")
    cookie = browser.get_cookie("session")
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    copy = app.browser()
    copy.set_cookie("session", cookie.value)
    assert copy.get("/api/config").status_code == 200
    assert browser.post("/logout").location == "/login"
    assert copy.get("/api/config").status_code == 401


def test_a_session_ends_after_a_week(application):
    now = 0.0
    browser = application(clock=lambda: now).browser("anna")
    now = 7 * 24 * 3600.0
    assert browser.get("/api/config").status_code == 200
    now += 1
    assert browser.get("/api/config").status_code == 401


def test_another_persons_task_is_as_unknown_as_none(application, manager):
    app = application()
    task_id = submitted(app.browser("anna"))
    answers = [app.browser("boris").get(f"/api/calibrate/status/{known}") for known in (task_id, NOBODY)]
    assert [(answer.status_code, answer.json) for answer in answers] == [
        (404, {"error": "任务不存在", "code": "not_found"})
    ] * 2


FOREIGN = [
    ({"Sec-Fetch-Site": "cross-site"}, True),
    ({"Sec-Fetch-Site": "same-site"}, True),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, True),
    ({"Sec-Fetch-Site": "same-origin"}, False),
    ({"Sec-Fetch-Site": "none"}, False),
    ({"Origin": "https://evil.example"}, True),
    ({"Origin": "http://localhost:8001"}, True),
    ({"Origin": "http://localhost.evil.example"}, True),
    ({"Origin": "null"}, True),
    ({"Origin": ""}, True),
    ({"Origin": "http://["}, True),
    ({"Origin": "http://localhost"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("headers", "refused"), FOREIGN, ids=[repr(row[0]) for row in FOREIGN])
@pytest.mark.parametrize("path", ["/api/calibrate/async", "/api/calibrate", "/notes", "/logout", "/login"])
def test_a_changing_request_from_another_site_is_refused(application, path, headers, refused):
    answer = application().browser("anna").post(path, json={"info_hash": HASH}, headers=headers)
    assert (answer.status_code == 403) is refused
    if refused and path.startswith("/api/"):
        assert answer.json["code"] == "forbidden"


def test_reading_from_another_site_is_the_browsers_business(application):
    answer = application().browser("anna").get("/api/config", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200


def test_every_answer_carries_the_headers_that_keep_a_page_to_itself(application):
    browser = application().browser("anna")
    for path in ("/notes", "/api/config", "/api/nothing", "/nothing", "/static/js/notes.js", "/static/nothing"):
        with browser.get(path) as answer:
            headers = answer.headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


# Names and notes


def test_hostile_words_reach_the_page_as_text(application):
    browser = application().browser("anna")
    hostile = '"><img src=x onerror=alert(1)><script>alert(2)</script>\u202e'
    browser.post("/notes", data={"text": f"{hostile} magnet:?xt=urn:btih:{HASH}&dn=%3Cscript%3Ealert(3)%E2%80%AE"})
    page = browser.get("/notes").text
    assert "<img" not in page
    assert "<script>" not in page
    assert "&lt;script&gt;alert(3)⟨U+202E⟩" in page


def test_a_found_name_is_written_into_every_note_and_no_other_byte_changes(application, manager):
    app = application(lambda info_hash: ("Harbour & Tide.mkv", None))
    browser = app.browser("anna")
    app.browser("boris").post("/notes", data={"text": f"magnet:?xt=urn:btih:{HASH.upper()}"})
    browser.post(
        "/notes", data={"text": f"see (magnet:?xt=urn:btih:{HASH}&dn=a+lie&tr=x), magnet:?xt=urn:btih:{OTHER_HASH}"}
    )
    submitted(browser)
    manager.shutdown()
    notes = app.flask.extensions["notebook"]
    assert notes.of("anna") == [
        f"see (magnet:?xt=urn:btih:{HASH}&dn=Harbour%20%26%20Tide.mkv&tr=x), magnet:?xt=urn:btih:{OTHER_HASH}"
    ]
    assert notes.of("boris") == [f"magnet:?xt=urn:btih:{HASH.upper()}&dn=Harbour%20%26%20Tide.mkv"]


def test_a_person_sees_no_notes_of_others(application):
    app = application()
    app.browser("boris").post("/notes", data={"text": "boris's secret"})
    assert "secret" not in app.browser("anna").get("/notes").text
    assert "secret" in app.browser("boris").get("/notes").text
