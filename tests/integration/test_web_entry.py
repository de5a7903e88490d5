"""Coming in and leaving: set-up, sign-in, sign-out, sessions, tokens, links that work once."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from tests.integration.live_support import PATIENCE_S, Live, with_live
from tests.integration.web_support import (
    ENGLISH,
    PAGE,
    PASSWORD,
    Site,
    cookie_of,
    message_in,
    sign_in,
    with_site,
)
from truename.store import people
from truename.store.database import Database
from truename.store.people import ABSOLUTE_S, IDLE_S, digest_of
from truename.texts import Language
from truename.web.brake import FREE
from truename.web.entry import setup_notice
from truename.web.identity import FRESH_S, TOUCH_S

INSIDE = "/api/docs"


async def inside(browser: httpx.AsyncClient) -> bool:
    return (await browser.get(INSIDE)).status_code == 200


async def count(site: Site) -> int:
    async with site.database.reading() as connection:
        return await people.count(connection)


def test_from_the_first_run_to_the_first_session(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = site.browser(follow_redirects=True)
        page = await browser.get("/notes", headers=PAGE)
        assert page.url.path == "/setup"
        assert 'lang="zh-CN"' in page.text
        assert "设置码" in page.text
        services = site.application.state.services
        notice = await setup_notice(services, site.doors, Language.ENGLISH, url="http://127.0.0.1:8484/setup")
        assert notice is not None
        (code,) = re.findall(r"\b[0-9a-f]{32}\b", notice)
        browser.follow_redirects = False
        done = await browser.post("/setup", data={"code": code, "username": " 小明 ", "password": PASSWORD})
        assert (done.status_code, done.headers["location"]) == (303, "/notes")
        assert await inside(browser)
        async with site.database.reading() as connection:
            (first,) = await people.everybody(connection)
            assert (first.username, first.admin) == ("小明", True)
        assert await setup_notice(services, site.doors, Language.ENGLISH, url="") is None

    with_site(tmp_path, scenario)


def test_no_sign_in_works_before_the_set_up(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        for name, password in (("admin", "admin"), ("admin", "adminadmin"), ("", ""), ("root", PASSWORD)):
            assert (await sign_in(site.browser(), name, password)).status_code == 401

    with_site(tmp_path, scenario)


def test_the_set_up_is_closed_once_there_is_somebody(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        browser = site.browser()
        assert (await browser.get("/setup")).headers["location"] == "/login"
        form = {"code": site.doors.setup_code, "username": "mallory", "password": PASSWORD}
        refused = await browser.post("/setup", data=form)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        assert await count(site) == 1

    with_site(tmp_path, scenario)


def test_of_two_set_ups_at_once_exactly_one_wins(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        form = {"code": site.doors.setup_code, "password": PASSWORD}
        browsers = [site.browser() for _ in range(5)]
        answers = await asyncio.gather(
            *(browser.post("/setup", data={**form, "username": f"p{n}"}) for n, browser in enumerate(browsers))
        )
        assert sorted(answer.status_code for answer in answers) == [303, 404, 404, 404, 404]
        assert await count(site) == 1
        assert sum([await inside(browser) for browser in browsers]) == 1

    with_site(tmp_path, scenario)


def test_the_code_is_new_at_each_start_and_has_128_bits(tmp_path: Path) -> None:
    codes: list[str] = []

    async def scenario(site: Site) -> None:
        codes.append(site.doors.setup_code)

    for number in range(2):
        (tmp_path / str(number)).mkdir()
        with_site(tmp_path / str(number), scenario)
    assert codes[0] != codes[1]
    assert all(re.fullmatch(r"[0-9a-f]{32}", code) for code in codes)


def test_a_wrong_code_makes_nobody_and_five_a_minute_are_looked_at(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = site.browser(headers=ENGLISH)
        form = {"username": "mallory", "password": PASSWORD}
        wrong = ["", "0" * 32, site.doors.setup_code[:-1], "密码", site.doors.setup_code + "0"]
        for code in wrong:
            assert (await browser.post("/setup", data={**form, "code": code})).status_code == 403
        late = await browser.post("/setup", data={**form, "code": site.doors.setup_code})
        assert (late.status_code, late.headers["retry-after"]) == (429, "60")
        assert await count(site) == 0
        other = site.browser(peer="198.51.100.7")
        assert (await other.post("/setup", data={**form, "code": "x"})).status_code == 403
        site.clock.move(60)
        right = {**form, "code": f" {site.doors.setup_code.upper()} "}
        assert (await browser.post("/setup", data=right)).status_code == 303

    with_site(tmp_path, scenario)


@pytest.mark.parametrize(
    ("username", "password", "says"),
    [
        ("", PASSWORD, "user name"),
        ("a\u202eb", PASSWORD, "user name"),
        ("x" * 101, PASSWORD, "user name"),
        ("alice", "too short", "at least 12"),
        ("alice", "password1234", "first that are tried"),
        ("marianne", "Marianne 2024", "first that are tried"),
        ("alice", "x" * 1025, "at most 1024"),
    ],
)
def test_a_first_person_that_cannot_be_is_told_why(tmp_path: Path, username: str, password: str, says: str) -> None:
    async def scenario(site: Site) -> None:
        form = {"code": site.doors.setup_code, "username": username, "password": password}
        for _ in range(7):  # a slip with the right code is no guess at it
            answer = await site.browser(headers=ENGLISH).post("/setup", data=form)
            assert answer.status_code == 400
        assert says in message_in(answer)
        assert password not in answer.text
        assert await count(site) == 0

    with_site(tmp_path, scenario)


def test_a_person_signs_in_by_name_however_it_is_cased(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person("Alice")
        for name in ("Alice", "aLICE", " alice "):
            browser = site.browser()
            answer = await sign_in(browser, name, next="/api/docs?x=1")
            assert (answer.status_code, answer.headers["location"]) == (303, "/api/docs?x=1")
            assert await inside(browser)
        assert (await browser.get("/login?next=/x")).headers["location"] == "/x"

    with_site(tmp_path, scenario)


def test_what_is_wrong_is_not_told(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        pages = []
        for name, password in (("alice", "not the password"), ("nobody", PASSWORD), ("a\u202e", PASSWORD)):
            answer = await sign_in(site.browser(peer=f"192.0.2.{len(pages)}"), name, password)
            assert answer.status_code == 401
            assert not answer.headers.get_list("set-cookie")
            pages.append(answer.text.replace(f'value="{name}"', ""))
        assert message_in(answer) == "用户名或密码错误。"
        assert pages[0] == pages[1]

    with_site(tmp_path, scenario)


@pytest.mark.parametrize("wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "/\n/evil.example"])
def test_the_sign_in_leads_to_no_other_server(tmp_path: Path, wanted: str) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        assert (await sign_in(site.browser(), next=wanted)).headers["location"] == "/notes"
        page = await site.browser().get("/login", params={"next": wanted})
        assert "evil" not in page.text

    with_site(tmp_path, scenario)


def test_a_page_that_was_wanted_is_there_after_the_sign_in(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        browser = site.browser()
        away = await browser.get("/notes?after=5&q=%E7%AC%94", headers=PAGE)
        assert away.status_code == 303
        page = await browser.get(away.headers["location"])
        (wanted,) = re.findall(r'name="next" value="([^"]*)"', page.text)
        assert wanted == "/notes?after=5&amp;q=%E7%AC%94"

    with_site(tmp_path, scenario)


def test_a_page_shows_hostile_input_as_text(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        hostile = '"><script>alert(1)</script>'
        await site.person()
        for answer in (
            await sign_in(site.browser(), hostile, "x"),
            await site.browser().get("/login", params={"next": "/" + hostile}),
        ):
            assert "<script" not in answer.text
            assert "&lt;script" in answer.text
        assert "<script" not in (await site.browser().get("/login", params={"once": hostile})).text

    with_site(tmp_path, scenario)


def test_the_cookie_over_plain_http_holds_the_port(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        name, value, attributes = cookie_of(await sign_in(site.browser()))
        assert name == "truename_8484"
        assert len(value) == 43
        assert {"httponly", "samesite=lax", "path=/", f"max-age={ABSOLUTE_S}"} <= attributes
        assert "secure" not in attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)

    with_site(tmp_path, scenario)


def test_the_cookie_over_https_belongs_to_this_host_alone(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        name, value, attributes = cookie_of(await sign_in(site.browser(base="https://127.0.0.1")))
        assert name == "__Host-truename"
        assert {"httponly", "samesite=lax", "path=/", "secure"} <= attributes
        other = site.browser(cookies={"truename_8484": value})
        assert await inside(other)  # the same session, and the name that this way has
        assert not await inside(site.browser(cookies={"__Host-truename": value}))

    with_site(tmp_path, scenario)


def test_under_a_root_path_all_ways_lead_below_it(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        for prefix in ("", "/deep"):  # the proxy takes it off, or leaves it
            browser = site.browser(base="https://127.0.0.1")
            assert (await browser.get(f"{prefix}/notes", headers=PAGE)).headers["location"] == "/deep/login?next=/notes"
            page = await browser.get(f"{prefix}/login")
            assert 'action="/deep/login"' in page.text
            assert 'href="/deep/static/css/page.css"' in page.text
            assert (await browser.get(f"{prefix}/static/css/page.css")).status_code == 200
            form = {"username": "alice", "password": PASSWORD}
            answer = await browser.post(f"{prefix}/login", data=form)
            assert answer.headers["location"] == "/deep/notes"
            name, value, attributes = cookie_of(answer)
            assert name == "truename_443"
            assert {"path=/deep", "secure"} <= attributes
            jar = {"Cookie": f"{name}={value}"}
            assert (await browser.get(f"{prefix}/api/docs", headers=jar)).status_code == 200
            for root in (f"{prefix}/", "/deep"):  # the second as `serve` prints it
                assert (await browser.get(root, headers=jar)).headers["location"] == "/deep/notes"

    with_site(tmp_path, scenario, root_path="/deep")


@pytest.mark.parametrize("prefix", ["", "/notes"])
def test_a_root_path_that_is_called_as_a_page_hides_none(tmp_path: Path, prefix: str) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        browser = site.browser()
        name, value, _ = cookie_of(await sign_in(browser))
        jar = {"Cookie": f"{name}={value}"}
        made = await browser.post(f"{prefix}/notes", data={"text": "a note"}, headers=jar)
        assert made.headers["location"] == "/notes/notes#note-1"
        for path in ("/notes", "/notes/1", "/notes/1/edit", "/tasks", "/static/css/page.css"):
            assert (await browser.get(f"{prefix}{path}", headers=jar)).status_code == 200, path
        assert (await browser.get("/notes", headers=jar)).status_code == 200  # as `serve` prints it

    with_site(tmp_path, scenario, root_path="/notes")


def test_the_id_is_new_at_each_sign_in_and_the_old_one_is_over(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        planted = "planted-by-somebody-else"
        await site.person()
        browser = site.browser(cookies={"truename_8484": planted})
        _, first, _ = cookie_of(await sign_in(browser))
        assert first != planted
        browser.cookies.clear()
        browser.cookies.set("truename_8484", first)
        assert await inside(browser)
        _, second, _ = cookie_of(await sign_in(browser))
        assert second != first
        assert not await inside(site.browser(cookies={"truename_8484": first}))
        assert not await inside(site.browser(cookies={"truename_8484": planted}))
        assert await inside(site.browser(cookies={"truename_8484": second}))

    with_site(tmp_path, scenario)


def test_a_sign_out_ends_copies_of_the_cookie_at_once(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        copy = site.browser(cookies=dict(browser.cookies))
        elsewhere = await site.signed_in()
        assert await inside(copy)
        answer = await browser.post("/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert cookie_of(answer)[1] in ("", '""')
        assert not await inside(copy)
        assert not await inside(browser)
        assert await inside(elsewhere)

    with_site(tmp_path, scenario)


def test_reading_signs_nobody_out(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        assert (await browser.get("/logout")).status_code == 405
        assert await inside(browser)

    with_site(tmp_path, scenario)


def test_an_end_written_by_another_program_counts_after_five_seconds(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        assert await inside(browser)
        async with site.database.reading() as connection:
            alice = await people.find(connection, "alice")
        assert alice is not None
        async with site.database.writing() as connection:  # as `truename user passwd` does
            await people.change_password_all(connection, [(alice.id, "another")])
        assert await inside(browser)
        site.clock.move(FRESH_S)
        assert not await inside(browser)

    with_site(tmp_path, scenario)


def test_an_end_written_by_another_program_is_noticed_while_the_engine_looks_out(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        browser, alice = await site.signed_in("alice"), await site.person("bob")
        program = site.browser(headers=await site.token(alice))
        assert await inside(browser)
        assert (await program.get("/api/notes")).status_code == 200
        other = Database(site.database.url)
        everybody = await other.read(people.everybody)
        await other.write(people.change_password_all, [(one.id, "another") for one in everybody])
        await other.write(people.revoke_token_all, [alice.id])
        await other.aclose()
        async with asyncio.timeout(PATIENCE_S):  # by a clock that stands still, what was remembered is as good as new
            while await inside(browser) or (await program.get("/api/notes")).status_code == 200:
                await asyncio.sleep(0.1)

    with_live(tmp_path, scenario)


def test_a_sign_out_while_the_database_is_asked_is_not_forgotten(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        identities = site.doors.identities
        who = await site.person()
        secret = await identities.sign_in(who.id)
        assert secret is not None
        signed_in = await identities.of_session(secret)
        assert signed_in is not None
        identities.forget_all()
        look, read, go_on = identities._look, asyncio.Event(), asyncio.Event()

        async def slow(kind: str, digest: str) -> object:
            found = await look(kind, digest)
            read.set()
            await go_on.wait()
            return found

        identities._look = slow  # type: ignore[method-assign,assignment]
        asking = asyncio.ensure_future(identities.of_session(secret))
        await read.wait()
        await identities.sign_out(signed_in)
        go_on.set()
        await asking
        assert await identities.of_session(secret) is None

    with_site(tmp_path, scenario)


def test_use_keeps_a_session_alive_and_idleness_ends_it(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        for _ in range(3):
            site.clock.move(IDLE_S - TOUCH_S)
            assert await inside(browser)
        site.clock.move(IDLE_S)
        assert not await inside(browser)
        browser = await site.signed_in()
        for _ in range(29):
            site.clock.move(86_400)
            assert await inside(browser)
        site.clock.move(86_400)
        assert not await inside(browser)

    with_site(tmp_path, scenario)


def test_a_token_signs_a_program_in_until_it_is_revoked(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        alice = await site.person()
        token = await site.token(alice)
        program = site.browser(headers=token)
        assert (await program.get("/openapi.json")).status_code == 200
        await site.writer.write(people.revoke_token_all, alice.id)
        site.clock.move(FRESH_S)
        refused = await program.get("/openapi.json")
        assert (refused.status_code, refused.json()) == (401, {"error": "未登录", "code": "unauthorized"})

    with_site(tmp_path, scenario)


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer wrong", "bearer " + "x" * 5000, "Basic YTpi", "\xff"])
def test_what_is_no_token_signs_nobody_in(tmp_path: Path, header: str) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        headers = {"Authorization": header.encode("latin-1")}
        assert (await site.browser().get("/openapi.json", headers=headers)).status_code == 401  # type: ignore[arg-type]

    with_site(tmp_path, scenario)


def test_a_session_is_no_token_and_a_token_no_session(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        alice = await site.person()
        await site.token(alice, "secret")
        assert not await inside(site.browser(cookies={"truename_8484": "secret"}))
        session = await site.doors.identities.sign_in(alice.id)
        assert not await inside(site.browser(headers={"Authorization": f"Bearer {session}"}))

    with_site(tmp_path, scenario)


def test_an_old_password_opens_nothing_while_it_is_being_changed(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        alice = await site.person()
        matches = site.passwords.matches

        async def slow(password: str, kept: str | None) -> bool:
            right = await matches(password, kept)
            await site.writer.write(people.change_password_all, (alice.id, "another hash"))
            return right

        site.passwords.matches = slow  # type: ignore[method-assign]
        answer = await sign_in(site.browser())
        assert answer.status_code == 401
        assert not answer.headers.get_list("set-cookie")

    with_site(tmp_path, scenario)


def test_guessing_is_braked_and_the_true_password_too(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        statuses = []
        for number in range(200):  # as 1,000 a minute, for 12 s, each from another address
            answer = await sign_in(site.browser(peer=f"198.51.100.{number}"), "alice", f"guess {number}")
            statuses.append(answer.status_code)
            site.clock.move(0.06)
        assert set(statuses) == {401, 429}
        assert FREE <= statuses.count(401) <= 10
        late = await sign_in(site.browser())
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) > 0
        site.clock.move(float(late.headers["retry-after"]))
        assert (await sign_in(site.browser())).status_code == 303

    with_site(tmp_path, scenario)


def test_whoever_hammers_on_an_account_locks_nobody_out_who_is_in(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        known = await site.signed_in()
        for number in range(50):
            await sign_in(site.browser(peer=f"198.51.100.{number}"), "alice", f"guess {number}")
        assert (await sign_in(site.browser(peer="203.0.113.1"))).status_code == 429
        assert await inside(known)
        assert (await sign_in(known)).status_code == 303
        bob = await site.signed_in("bob", peer="198.51.100.1")
        statuses = [(await sign_in(bob, "alice", f"guess {number}")).status_code for number in range(20)]
        assert statuses.count(401) <= FREE  # a session of one's own is no way around the brake
        assert statuses[FREE:] == [429] * (20 - FREE)

    with_site(tmp_path, scenario)


def test_one_neighbour_who_hammers_does_not_keep_the_owner_out_elsewhere(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.person()
        statuses = []
        for number in range(400):
            answer = await sign_in(site.browser(peer="198.51.100.1"), "alice", f"guess {number}")
            statuses.append(answer.status_code)
            site.clock.move(1)
        assert 10 <= statuses.count(401) <= 20
        assert (await sign_in(site.browser(peer="203.0.113.1"))).status_code == 303

    with_site(tmp_path, scenario)


def test_where_the_owner_signed_in_before_they_can_again_whoever_guesses(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await site.signed_in(peer="203.0.113.1")
        for number in range(100):
            await sign_in(site.browser(peer=f"198.51.100.{number}"), "alice", f"guess {number}")
        assert (await sign_in(site.browser(peer="203.0.113.2"))).status_code == 429
        assert (await sign_in(site.browser(peer="203.0.113.1"))).status_code == 303

    with_site(tmp_path, scenario)


def test_a_forged_address_does_not_get_around_the_brake(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        statuses = [
            (
                await site.browser(headers={"X-Forwarded-For": f"198.51.100.{number}"}).post(
                    "/login", data={"username": f"victim {number}", "password": "x"}
                )
            ).status_code
            for number in range(30)
        ]
        assert statuses.count(401) == FREE

    with_site(tmp_path, scenario)


def test_a_link_signs_in_once_and_looking_at_it_does_not_use_it_up(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        alice = await site.person()
        link = site.doors.links.make(alice.id, site.clock.epoch)
        for _ in range(2):
            page = await site.browser().get("/login", params={"once": link})
            assert page.status_code == 200
            assert "<button" in page.text
        browser = site.browser()
        answers = await asyncio.gather(*(browser.post("/login", data={"once": link}) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [303, 401, 401]
        assert await inside(browser)
        assert (await browser.get("/login", params={"once": link})).headers["location"] == "/notes"
        over = site.doors.links.make(alice.id, site.clock.epoch)
        site.clock.move(3600)
        for gone in (link, over, over + "x"):
            page = await site.browser().get("/login", params={"once": gone})
            assert page.status_code == 401
            assert message_in(page).startswith("该链接已被使用或已过期")
            assert "可登录一次" not in page.text
            assert 'name="password"' in page.text
        assert (await site.browser().post("/login", data={"once": over})).status_code == 401
        assert (await site.browser().post("/login", data={"once": ""})).status_code == 401

    with_site(tmp_path, scenario)


def test_nothing_secret_is_kept_as_it_is(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        browser = await site.signed_in()
        cookie = browser.cookies["truename_8484"]
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
        assert digest_of(cookie).encode() in files
        assert cookie.encode() not in files
        assert PASSWORD.encode() not in files

    with_site(tmp_path, scenario)
