"""The notes in a real Chromium: from the first run to the first name, in each mode, whatever texts and names hold."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.window_support import (
    CONTRAST,
    DEAD,
    HASH,
    LINK,
    MEANWHILE,
    OTHER,
    SEEN,
    Chromium,
    Scheme,
    Window,
    bad_gateway,
    submitted,
    window_of,
)
from tests.integration.live_support import Live
from tests.integration.web_support import PASSWORD
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.serving import serving
from truename.settings import Settings
from truename.texts import Language
from truename.ways import open_chain

CHINESE = re.compile(r"[\u4e00-\u9fff]")
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(2)</script>',
    "</pre></truename-note><script src=//evil.example/x.js></script>",
    "'-alert(3)-'",
    "javascript:alert(4)",
    "{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
    "{% raw %}{{ config }}",
    "<svg/onload=alert(5)><style>*{display:none}</style><base href=//evil.example>",
    "<iframe srcdoc='<script>alert(6)</script>'></iframe><form action=//evil.example><input name=calibrate>",
    "<meta http-equiv=refresh content='0;url=//evil.example'><link rel=stylesheet href=//evil.example/x.css>",
    "&lt;b&gt;&#60;script&#62;&quot; &amp;amp;",
    "photo\u202egpj.exe \u2066a\u2069 \u200b\ufeff\u00ad",
    "שלום עולם مرحبا.mkv",
    "]]><!--<script>alert(7)<!--",
    "\x1b]52;c;eA==\x07\x9b2J\x7f",
    "名" * 1365,
    "W" * 4096,
    "a" + "\u0301" * 300,
    "ช" + "\u0e34\u0e49" * 250,
    "क" + "\u093e" * 500,
)


def test_from_the_first_run_to_the_first_name(chromium: Chromium, tmp_path: Path) -> None:
    """The real swarm, the real server, a real browser."""

    async def run(swarm: LocalSwarm) -> None:
        settings = Settings(
            data_dir=tmp_path, port=0, dht=False, listen_interfaces=("127.0.0.1:0",), allow_private_network=True
        )
        async with (
            open_chain(settings) as chain,
            serving(settings, chain, Language.CHINESE) as served,
            window_of(chromium.browser, served.address) as window,
        ):
            page = window.page
            await page.goto(served.address)
            assert page.url == f"{served.address}/setup"
            await page.fill("[name=code]", served.doors.setup_code)
            await page.fill("[name=username]", "小明")
            await page.fill("[name=password]", PASSWORD)
            await page.click("main button")
            await page.wait_for_url(f"{served.address}/notes")
            await expect(page.locator(".notes-none")).to_contain_text("校准")
            await window.save(f"昨天看到的：{swarm.magnets[0]}&dn=xXx 值得一看")
            info_hash = swarm.torrents[0].info_hash
            await expect(window.name(info_hash)).to_have_text("xXx")
            await window.press(info_hash)
            await expect(window.name(info_hash)).to_have_text("alice.txt")
            await expect(window.state(info_hash)).to_have_text("已得名称")
            await expect(page.locator(".note-text")).to_contain_text("&dn=alice.txt 值得一看")

    with LocalSwarm(SwarmPlan()) as swarm:
        chromium.runner.run(run(swarm))


@pytest.mark.parametrize("script", [True, False])
def test_going_back_and_saving_once_more_makes_no_second_note(chromium: Chromium, tmp_path: Path, script: bool) -> None:
    async def scenario(_: Live, window: Window) -> None:
        page, field = window.page, window.page.locator("[name=text]")
        await page.goto(f"{window.address}/notes")
        await window.save("a text")
        await page.go_back()
        await expect(field).to_have_value("a text")  # the browser has put it there again
        await window.save("a text")
        await expect(page.locator("truename-note")).to_have_count(1)
        await expect(field).to_have_value("")

    chromium.visit(tmp_path, scenario, window={"java_script_enabled": script})


def test_a_press_brings_the_name_without_a_reload(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page, asked = window.page, []
        page.on("request", lambda request: asked.append((request.method, request.url.removeprefix(window.address))))
        for mode, pressed, other in (("async", HASH, OTHER), ("sync", "3c" * 20, "4d" * 20)):
            await site.work.mode.choose(mode)
            site.oracle.held = {pressed}
            link = f"magnet:?xt=urn:btih:{pressed}"
            await window.save(f"before {link}&dn=lie after magnet:?xt=urn:btih:{other}")
            asked.clear()
            await page.evaluate("globalThis.stillHere = true")
            await expect(window.state(pressed), mode).to_have_text("未查询")
            await window.press(pressed)
            await expect(window.state(pressed), mode).to_have_text("等待中" if mode == "sync" else "查询中")
            await site.oracle.let_go()
            await expect(window.name(pressed), mode).to_have_text(f"Name of {pressed[:4]}.mkv")
            await expect(window.state(pressed), mode).to_have_text("已得名称")
            await expect(window.state(other), mode).to_have_text("未查询")
            await expect(page.locator(".note-text").first, mode).to_have_text(
                f"before {link}&dn=Name%20of%20{pressed[:4]}.mkv after magnet:?xt=urn:btih:{other}"
            )
            await expect(page.locator("#news"), mode).to_contain_text(f"Name of {pressed[:4]}.mkv")
            await expect(page.locator(".magnet-ask").first, mode).to_be_enabled()
            assert await page.evaluate("globalThis.stillHere"), mode
            since = [(method, url) for method, url in asked if not url.startswith("/static/")]
            assert since[0] == ("POST", "/api/calibrate/async" if mode == "async" else "/api/calibrate")
            assert ("GET", "/notes") not in since

    chromium.visit(tmp_path, scenario)


def test_a_press_for_which_there_is_not_room_for_all_says_so(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        for mode, asked, other, said in (
            ("async", HASH, OTHER, "等待查询的名称太多，2 个中有 1 个未能加入，请稍后再试。"),
            ("sync", "3c" * 20, "4d" * 20, "请求过多，请稍后再试。"),
        ):
            await site.work.mode.choose(mode)
            site.oracle.held = {asked, other}
            await window.save(f"magnet:?xt=urn:btih:{asked} magnet:?xt=urn:btih:{other}")
            await window.page.locator(".note-ask").first.click()
            await expect(window.page.locator(".note-said").first, mode).to_have_text(said)
            await expect(window.state(asked), mode).to_have_text("查询中")
            await expect(window.state(other), mode).to_have_text("未查询")
            window.wrong = [one for one in window.wrong if "429" not in one]  # the browser's own word for it
            await site.oracle.let_go()
            await expect(window.name(asked), mode).to_have_text(f"Name of {asked[:4]}.mkv")

    chromium.visit(tmp_path, scenario, max_queued_per_user=1, sync_wait_s=0)


def test_a_press_on_the_whole_note_names_each_magnet(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        for mode, tens in (("async", "1"), ("sync", "2")):
            await site.work.mode.choose(mode)
            first, *rest = [f"{number:038x}{tens}0" for number in range(1, 33)]  # more than may wait synchronously
            dead = tens + DEAD[1:]
            site.oracle.dead = {dead}
            await window.save("\n".join(f"magnet:?xt=urn:btih:{one}" for one in [first, *rest, dead]))
            await page.evaluate("globalThis.stillHere = true")
            ask = page.get_by_role("button", name="全部校准").first
            await ask.click()
            for one in (first, *rest):
                await expect(window.state(one), mode).to_have_text("已得名称")
            await expect(window.state(dead), mode).to_have_text("无应答")
            await expect(page.locator(f'[data-hash="{dead}"] .magnet-why'), mode).to_contain_text("没有人")
            await expect(page.locator(".note-text").first, mode).to_contain_text("dn=Name%20of%200000.mkv")
            await expect(ask, mode).to_be_enabled()
            assert await page.evaluate("globalThis.stillHere"), mode

    chromium.visit(tmp_path, scenario)


def test_the_focus_stays_on_what_is_pressed_and_a_second_press_meanwhile_does_nothing(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page, posts = window.page, []
        page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
        for mode, button, asked in (("async", ".magnet-ask", HASH), ("sync", ".note-ask", OTHER)):
            await site.work.mode.choose(mode)
            dead = asked[:2] + DEAD[2:]
            site.oracle.held, site.oracle.dead = {asked}, {dead}
            await window.save(f"magnet:?xt=urn:btih:{asked} magnet:?xt=urn:btih:{dead}")
            posts.clear()
            pressed = page.locator(button).first
            await pressed.focus()
            async with page.expect_request(lambda request: request.method == "POST"):
                await page.keyboard.press("Enter")
            await site.oracle.until_asked(asked)
            await expect(pressed, mode).to_have_attribute("aria-disabled", "true")
            await page.keyboard.press("Enter")
            await expect(pressed, mode).to_be_focused()
            await site.oracle.let_go()
            await expect(window.name(asked), mode).to_have_text(f"Name of {asked[:4]}.mkv")
            await expect(pressed, mode).to_be_enabled()
            await expect(pressed, mode).to_be_focused()
            assert len(posts) == 1, mode

    chromium.visit(tmp_path, scenario)


def test_the_focus_stays_where_one_asks_now_for_what_sleeps(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.dead = {DEAD}
        await window.save(f"magnet:?xt=urn:btih:{DEAD}")
        pressed = window.page.locator(".magnet-ask")
        await window.press(DEAD)
        await expect(pressed).to_have_text("立即询问")
        site.oracle.dead = set()
        await pressed.focus()
        await window.page.keyboard.press("Enter")
        await expect(window.state(DEAD)).to_have_text("已得名称")
        await expect(pressed).to_have_text("校准")
        await expect(pressed).to_be_focused()

    chromium.visit(tmp_path, scenario)


def test_names_arrive_on_a_page_that_was_opened_while_they_were_asked_for(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH}
        await window.save(LINK)
        await window.press(HASH)
        await site.oracle.until_asked(HASH)
        await window.page.reload()
        await expect(window.state(HASH)).to_have_text("查询中")
        await site.oracle.let_go()
        await expect(window.name(HASH)).to_have_text("Name of 1a1a.mkv")

    chromium.visit(tmp_path, scenario)


def test_a_fold_that_is_open_stays_open_while_another_magnet_is_asked_for(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.dead = {OTHER}
        site.oracle.held = {HASH}
        await window.save(f"{LINK} magnet:?xt=urn:btih:{OTHER}")
        await window.press(OTHER)
        await expect(window.state(OTHER)).to_have_text("无应答")
        await (await site.signed_in()).post("/api/calibrate/async", json={"info_hash": HASH})
        await site.oracle.until_asked(HASH)
        await window.page.goto(window.address + "/notes/1")
        fold = window.page.locator(".magnet-more").first
        await fold.locator("summary").click()
        for _ in range(2):
            async with window.page.expect_response(lambda answer: answer.url.endswith("/notes/1")):
                pass
        await expect(fold).to_have_attribute("open", "")
        await site.oracle.let_go()
        await expect(window.name(HASH)).to_have_text("Name of 1a1a.mkv")
        await expect(fold).to_have_attribute("open", "")

    chromium.visit(tmp_path, scenario)


def test_without_script_a_text_is_saved_read_and_named(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        await window.save(f"line one\n\n{LINK}\nlast line")
        text = window.page.locator(".note-text")
        await expect(text).to_have_text(f"line one\n\n{LINK}\nlast line")
        await window.press(HASH)
        await window.page.wait_for_url("**/notes#note-*")
        await site.oracle.until_asked(HASH)
        client = await site.signed_in()
        task = (await client.get("/api/notes")).json()["notes"][0]["magnets"][0]["task_id"]
        await site.ended(client, task)
        await window.page.reload()
        await expect(text).to_have_text(f"line one\n\n{LINK}&dn=Name%20of%201a1a.mkv\nlast line")
        await expect(window.state(HASH)).to_have_text("已得名称")

    chromium.visit(tmp_path, scenario, window={"java_script_enabled": False})


def test_switched_off_the_buttons_are_off_and_the_rest_works(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        await window.save(f"{LINK} magnet:?xt=urn:btih:{OTHER}")
        for button in await window.page.locator(".note-magnets button").all():
            await expect(button).to_be_disabled()
        await expect(window.page.locator("main > .message")).to_have_text("校准功能已关闭。")
        await expect(window.page.locator(".note-text")).to_contain_text(LINK)

    chromium.visit(tmp_path, scenario, calibration_mode="off")


def test_switched_off_meanwhile_a_press_says_so_and_can_be_made_again(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        await window.save(f"{LINK} magnet:?xt=urn:btih:{OTHER}")
        for mode, text in (("off", "校准功能已关闭。"), ("async", "")):
            await site.work.mode.choose(mode)
            for button in ("全部校准", "校准"):
                await window.page.get_by_role("button", name=button, exact=True).first.click()
                await expect(window.page.locator(".note-said")).to_have_text(text)
                await expect(window.state(HASH)).to_have_text("未查询" if mode == "off" else "已得名称")
        assert all("503" in text for text in window.wrong)  # the browser's own word for the two refusals
        assert len(window.wrong) == 2
        window.wrong.clear()

    chromium.visit(tmp_path, scenario)


def test_whoever_is_signed_out_elsewhere_is_led_to_the_sign_in_and_back(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        await window.save(f"{LINK} magnet:?xt=urn:btih:{OTHER}")
        for button in ("校准", "全部校准"):
            await window.page.context.clear_cookies()
            await window.page.get_by_role("button", name=button, exact=True).first.click()
            await window.page.wait_for_url("**/login?next=%2Fnotes")
            await window.page.fill("[name=username]", "alice")
            await window.page.fill("[name=password]", PASSWORD)
            await window.page.click("main button")
            await window.page.wait_for_url(f"{window.address}/notes")
        assert all("401" in text for text in window.wrong)
        window.wrong.clear()

    chromium.visit(tmp_path, scenario)


def test_whatever_texts_and_names_hold_it_is_text(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        hashes = {f"{number + 1:040x}": name for number, name in enumerate(HOSTILE)}
        site.oracle.names = hashes
        await window.save("\n".join(f"{name} magnet:?xt=urn:btih:{one}&dn={name[:20]}" for one, name in hashes.items()))
        await window.page.get_by_role("button", name="全部校准").click()
        for one in hashes:
            await expect(window.state(one)).to_have_text("已得名称")
        page = window.page
        for here in ("the list as the names came", "the list", "the note's own page"):
            if here == "the list":
                await page.reload()
            elif here == "the note's own page":
                await page.locator(".note-text .fold a").click()
                await page.locator(".note-text .fold summary").click()
                assert "⟨U+202E⟩" in await page.locator(".note-text").inner_text()
            await page.locator(".note-magnets .fold summary").click()
            assert "⟨U+202E⟩" in await window.name(f"{12:040x}").inner_text()
            assert not {"\u202e", "\u2066", "\u200b", "\x1b", "\x9b"} & set(await page.content())
            assert await window.name(f"{1:040x}").inner_text() == HOSTILE[0]
            assert await window.name(f"{6:040x}").inner_text() == HOSTILE[5]
            inside = "truename-note :is(img, script, svg, style, iframe, base, meta, link, a[href^='javascript'])"
            assert await page.locator(inside).count() == 0
            assert await page.locator("truename-note").count() == 1
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    chromium.visit(tmp_path, scenario)


def test_who_cannot_reach_the_server_is_told_in_ones_own_language(chromium: Chromium, tmp_path: Path) -> None:
    """Whether nothing answers or something that stands before the server; and all is well again when it is there."""

    async def scenario(site: Live, window: Window) -> None:
        page, client = window.page, await site.signed_in()
        for number, case in enumerate(
            (
                ("async", ".magnet-ask", "nobody"),
                ("async", ".note-ask", "somebody between"),
                ("sync", ".magnet-ask", "somebody between"),
                ("sync", ".note-ask", "nobody"),
            )
        ):
            mode, button, there = case
            asked, other = f"a{number}" * 20, f"b{number}" * 20
            await site.work.mode.choose(mode)
            await window.save(f"magnet:?xt=urn:btih:{asked} magnet:?xt=urn:btih:{other}")
            if there == "nobody":
                await page.context.set_offline(True)
            else:
                await page.route("**/*", bad_gateway)
            await page.locator(button).first.click()
            await expect(page.locator(".note-said").first, f"{case}").to_have_text(
                "The server cannot be reached."
                if there == "nobody"
                else "What answered for the server could not be understood (502)."
            )
            await expect(window.state(asked), f"{case}").to_have_text("not asked")
            await expect(page.locator("#lost"), f"{case}").to_have_text("The server cannot be reached; trying again.")
            assert CHINESE.search(await page.locator("body").inner_text()) is None, case
            await page.screenshot(path=tmp_path / f"told-{number}.png")
            await site.ended(client, await submitted(client, asked))  # as what was pressed may have come about
            await page.context.set_offline(False)
            await page.unroute("**/*")
            await expect(page.locator("#lost"), f"{case}").to_be_hidden()
            await expect(window.name(asked), f"{case}").to_have_text(f"Name of {asked[:4]}.mkv")
            window.wrong.clear()  # the browser's own words

    chromium.visit(tmp_path, scenario, window={"locale": "en-US"})


def test_what_the_server_refuses_is_said_though_the_magnet_has_a_reason_of_its_own(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.dead = {DEAD}
        why, said = window.page.locator(".magnet-why"), window.page.locator(".note-said")
        await window.save(f"magnet:?xt=urn:btih:{DEAD}")
        await window.press(DEAD)
        await expect(why).to_contain_text("没有人")
        await expect(said).to_be_empty()  # it stands there already
        await site.work.mode.choose("off")
        await window.press(DEAD)
        await expect(said).to_have_text("校准功能已关闭。")
        await expect(why).to_contain_text("没有人")  # again: the note has been read since
        await expect(said).to_have_text("校准功能已关闭。")
        assert ["503" in text for text in window.wrong] == [True]
        window.wrong.clear()

    chromium.visit(tmp_path, scenario)


def test_a_note_that_nobody_sees_is_not_read_and_is_at_once_when_it_is_seen(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH}
        page, client = window.page, await site.signed_in()
        await window.save(LINK)
        task_id = await submitted(client, HASH)
        await site.until(client, task_id, "running")
        await page.clock.install(time=0)
        await page.clock.pause_at(1000)
        await page.reload()
        await page.evaluate(SEEN, False)
        await site.oracle.let_go()
        await site.ended(client, task_id)
        for _ in range(5):
            await page.clock.run_for(300_000)
            await page.evaluate(MEANWHILE)
        await expect(window.state(HASH)).to_have_text("查询中")
        await page.evaluate(SEEN, True)
        await expect(window.state(HASH)).to_have_text("已得名称")

    chromium.visit(tmp_path, scenario)


def test_a_page_that_follows_says_that_it_has_lost_the_server_until_it_is_there_again(
    chromium: Chromium, tmp_path: Path
) -> None:
    """Whether the name was asked for on this page or before it was opened."""

    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        for when, asked, other in (("on this page", HASH, OTHER), ("before", "3c" * 20, "4d" * 20)):
            site.oracle.held = {asked}
            await window.save(f"magnet:?xt=urn:btih:{other}")
            await window.save(f"magnet:?xt=urn:btih:{asked}")
            said, said_of_other = [page.locator(".note-said").nth(place) for place in (0, 1)]
            await window.press(asked)
            await expect(window.state(asked), when).to_have_text("查询中")
            if when == "before":
                await page.reload()
            await expect(page.locator("#lost"), when).to_be_hidden()
            await page.context.set_offline(True)
            await expect(page.locator("#lost"), when).to_have_text("无法连接服务器，正在重试。")
            await expect(page.locator("#lost"), when).to_be_visible()
            await window.press(other)
            await expect(said_of_other, when).to_have_text("无法连接服务器。")
            await page.context.set_offline(False)
            await expect(page.locator("#lost"), when).to_be_hidden()
            await expect(said_of_other, when).to_be_empty()  # though that note waits for nothing
            window.wrong.clear()  # the browser's own words
            await site.oracle.let_go()
            await expect(window.name(asked), when).to_have_text(f"Name of {asked[:4]}.mkv")
            await expect(said, when).to_be_empty()

    chromium.visit(tmp_path, scenario)


def test_older_and_newer_notes_lead_to_one_another(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        client = await site.signed_in()
        for number in range(51):
            await client.post("/api/notes", json={"text": f"note {number}"})
        page = window.page
        await page.reload()
        await expect(page.locator(".note")).to_have_count(50)
        await page.get_by_role("link", name="更早的笔记").click()
        await expect(page.locator(".note")).to_have_count(1)
        await expect(page.locator(".note-text")).to_have_text("note 0")
        await page.get_by_role("link", name="最新的笔记").first.click()
        await expect(page.locator(".note-text").first).to_have_text("note 50")
        await page.locator(".note-when a").first.click()
        await expect(page.locator(".note")).to_have_count(1)

    chromium.visit(tmp_path, scenario)


def test_the_page_fits_and_can_be_read(chromium: Chromium, tmp_path: Path) -> None:
    looks: tuple[tuple[int, Scheme], ...] = ((360, "dark"), (1200, "light"))

    async def scenario(site: Live, window: Window) -> None:
        site.oracle.dead, site.oracle.held = {DEAD}, {OTHER}
        page = window.page
        for width, scheme in looks:
            await window.look_as(width=width, scheme=scheme)
            await page.screenshot(path=tmp_path / f"empty-{scheme}-{width}.png")
        await window.save("没有链接的一条笔记")
        await window.save(
            f"今晚想看的（来自频道转发）：\n{LINK}&dn=xXx_free_download_xXx&tr=udp%3A%2F%2Ftracker.example%3A80\n\n"
            f"另一个人发的：magnet:?xt=urn:btih:{OTHER}\n还有 magnet:?xt=urn:btih:{DEAD}&dn=Something\n"
            f"magnet:?xt=urn:btih:{'3c' * 20}"
        )
        for one in (HASH, DEAD, OTHER):
            await window.press(one)
        await expect(window.state(HASH)).to_have_text("已得名称")
        await expect(window.state(DEAD)).to_have_text("无应答")
        await expect(window.state(OTHER)).to_have_text("查询中")
        for width, scheme in looks:
            await window.look_as(width=width, scheme=scheme)
            await page.screenshot(path=tmp_path / f"notes-{scheme}-{width}.png", full_page=True)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, (width, scheme)
            assert await page.evaluate(CONTRAST) >= 4.5, (width, scheme)
        await site.oracle.let_go()

    chromium.visit(tmp_path, scenario, window={"reduced_motion": "no-preference"})
