"""The notes in a real Chromium: from the first run to the first name, in each mode, whatever texts and names hold."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.integration.live_support import Live, Oracle, listening, live
from tests.integration.web_support import PASSWORD
from truename.app import open_resolver
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm
from truename.serving import serving
from truename.settings import Settings
from truename.texts import Language

CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 60_000
HASH, OTHER, DEAD = "1a" * 20, "2b" * 20, "dead" * 10
LINK = f"magnet:?xt=urn:btih:{HASH}"
expect.set_options(timeout=PATIENCE_MS)

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
)


class Window:
    """A browser window that notes what a page must never do."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.wrong: list[str] = []
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda asked: self.wrong.append(asked.url) if not asked.url.startswith(address) else None)

    async def _dialog(self, dialog: Any) -> None:
        self.wrong.append(dialog.message)
        await dialog.dismiss()

    async def sign_in(self) -> None:
        await self.page.goto(f"{self.address}/notes")
        await self.page.fill("[name=username]", "alice")
        await self.page.fill("[name=password]", PASSWORD)
        await self.page.click("main button")
        await self.page.wait_for_url(f"{self.address}/notes")

    async def save(self, text: str) -> None:
        await self.page.fill("[name=text]", text)
        await self.page.click(".new-note button")
        await self.page.wait_for_url(f"{self.address}/notes#note-*")

    def state(self, info_hash: str) -> Any:
        return self.page.locator(f'.magnet[data-hash="{info_hash}"] .magnet-state')

    def name(self, info_hash: str) -> Any:
        return self.page.locator(f'.magnet[data-hash="{info_hash}"] .magnet-name')

    async def press(self, info_hash: str) -> None:
        await self.page.click(f'.magnet[data-hash="{info_hash}"] .magnet-ask')


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser that finds nothing but loopback."""
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    arguments = ["--no-sandbox", "--disable-background-networking", rules]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def window_of(browser: Browser, address: str, **options: Any) -> AsyncIterator[Window]:
    """A window of its own; whatever went wrong in it is said at the end."""
    context = await browser.new_context(**{"locale": "zh-CN", **options})
    context.set_default_timeout(PATIENCE_MS)
    window = Window(await context.new_page(), address)
    yield window
    await context.close()
    assert window.wrong == []


def with_window(
    tmp_path: Path,
    scenario: Callable[[Live, Window], Awaitable[None]],
    *,
    browser: dict[str, Any] | None = None,
    **kw: Any,
) -> None:
    """A person at a browser, signed in."""

    async def run() -> None:
        async with live(tmp_path, Oracle(), **kw) as site, listening(site) as address, chromium() as opened:
            await site.person()
            async with window_of(opened, address, **(browser or {})) as window:
                await window.sign_in()
                await scenario(site, window)

    asyncio.run(run())


def test_from_the_first_run_to_the_first_name(tmp_path: Path) -> None:
    """The real swarm, the real server, a real browser."""

    async def run(swarm: LocalSwarm) -> None:
        settings = Settings(
            data_dir=tmp_path, port=0, dht=False, listen_interfaces=("127.0.0.1:0",), allow_private_network=True
        )
        async with (
            open_resolver(settings) as resolver,
            serving(settings, resolver, Language.CHINESE) as served,
            chromium() as browser,
            window_of(browser, served.address) as window,
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
        asyncio.run(run(swarm))


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_a_press_brings_the_name_without_a_reload(tmp_path: Path, mode: str) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH}
        page, asked = window.page, []
        await window.save(f"before {LINK}&dn=lie after magnet:?xt=urn:btih:{OTHER}")
        page.on("request", lambda request: asked.append((request.method, request.url.removeprefix(window.address))))
        await page.evaluate("globalThis.stillHere = true")
        await expect(window.state(HASH)).to_have_text("未查询")
        await window.press(HASH)
        await expect(window.state(HASH)).to_have_text("等待中" if mode == "sync" else "查询中")
        await site.oracle.let_go()
        await expect(window.name(HASH)).to_have_text("Name of 1a1a.mkv")
        await expect(window.state(HASH)).to_have_text("已得名称")
        await expect(window.state(OTHER)).to_have_text("未查询")
        await expect(page.locator(".note-text")).to_have_text(
            f"before {LINK}&dn=Name%20of%201a1a.mkv after magnet:?xt=urn:btih:{OTHER}"
        )
        await expect(page.locator("#news")).to_contain_text("Name of 1a1a.mkv")
        await expect(page.locator(".magnet-ask").first).to_be_enabled()
        assert await page.evaluate("globalThis.stillHere")
        asked = [(method, url) for method, url in asked if not url.startswith("/static/")]
        assert asked[0] == ("POST", "/api/calibrate/async" if mode == "async" else "/api/calibrate")
        assert ("GET", "/notes") not in asked

    with_window(tmp_path, scenario, calibration_mode=mode)


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_a_press_on_the_whole_note_names_each_magnet(tmp_path: Path, mode: str) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.dead = {DEAD}
        hashes = [HASH, OTHER, *(f"{number:040x}" for number in range(1, 31))]  # more than may wait synchronously
        await window.save("\n".join(f"magnet:?xt=urn:btih:{one}" for one in [*hashes, DEAD]))
        await window.page.evaluate("globalThis.stillHere = true")
        await window.page.get_by_role("button", name="全部校准").click()
        for one in hashes:
            await expect(window.state(one)).to_have_text("已得名称")
        await expect(window.state(DEAD)).to_have_text("无应答")
        await expect(window.page.locator(f'[data-hash="{DEAD}"] .magnet-why')).to_contain_text("没有人")
        await expect(window.page.locator(".note-text")).to_contain_text("dn=Name%20of%202b2b.mkv")
        await expect(window.page.get_by_role("button", name="全部校准")).to_be_enabled()
        assert await window.page.evaluate("globalThis.stillHere")

    with_window(tmp_path, scenario, calibration_mode=mode)


def test_names_arrive_on_a_page_that_was_opened_while_they_were_asked_for(tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH}
        await window.save(LINK)
        await window.press(HASH)
        await site.oracle.until_asked(HASH)
        await window.page.reload()
        await expect(window.state(HASH)).to_have_text("查询中")
        await site.oracle.let_go()
        await expect(window.name(HASH)).to_have_text("Name of 1a1a.mkv")

    with_window(tmp_path, scenario)


def test_without_script_a_text_is_saved_read_and_named(tmp_path: Path) -> None:
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

    with_window(tmp_path, scenario, browser={"java_script_enabled": False})


def test_switched_off_the_buttons_are_off_and_the_rest_works(tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        await window.save(f"{LINK} magnet:?xt=urn:btih:{OTHER}")
        for button in await window.page.locator(".note button").all():
            await expect(button).to_be_disabled()
        await expect(window.page.locator("main > .message")).to_have_text("校准功能已关闭。")
        await expect(window.page.locator(".note-text")).to_contain_text(LINK)

    with_window(tmp_path, scenario, calibration_mode="off")


def test_switched_off_meanwhile_a_press_says_so_and_can_be_made_again(tmp_path: Path) -> None:
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

    with_window(tmp_path, scenario)


def test_whoever_is_signed_out_elsewhere_is_led_to_the_sign_in_and_back(tmp_path: Path) -> None:
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

    with_window(tmp_path, scenario)


def test_whatever_texts_and_names_hold_it_is_text(tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        hashes = {f"{number + 1:040x}": name for number, name in enumerate(HOSTILE)}
        site.oracle.names = hashes
        await window.save("\n".join(f"{name} magnet:?xt=urn:btih:{one}&dn={name[:20]}" for one, name in hashes.items()))
        await window.page.get_by_role("button", name="全部校准").click()
        for one in hashes:
            await expect(window.state(one)).to_have_text("已得名称")
        for reload in (False, True):
            if reload:
                await window.page.reload()
            shown = await window.page.locator(".note-text").inner_text() + await window.name(f"{12:040x}").inner_text()
            assert "⟨U+202E⟩" in shown
            assert not {"\u202e", "\u2066", "\u200b", "\x1b", "\x9b"} & set(await window.page.content())
            assert await window.name(f"{1:040x}").inner_text() == HOSTILE[0]
            assert await window.name(f"{6:040x}").inner_text() == HOSTILE[5]
            inside = "truename-note :is(img, script, svg, style, iframe, base, meta, link, a[href^='javascript'])"
            assert await window.page.locator(inside).count() == 0
            assert await window.page.locator("truename-note").count() == 1
            assert await window.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    with_window(tmp_path, scenario)


def test_older_and_newer_notes_lead_to_one_another(tmp_path: Path) -> None:
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
        await page.get_by_role("link", name="最新的笔记").click()
        await expect(page.locator(".note-text").first).to_have_text("note 50")
        await page.locator(".note-when a").first.click()
        await expect(page.locator(".note")).to_have_count(1)

    with_window(tmp_path, scenario)


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1200, "light"), (1200, "dark")])
def test_the_page_fits_and_can_be_read(tmp_path: Path, width: int, scheme: str) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.dead, site.oracle.held = {DEAD}, {OTHER}
        page = window.page
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
        await page.screenshot(path=tmp_path / f"notes-{scheme}-{width}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate(CONTRAST) >= 4.5
        await site.oracle.let_go()

    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with_window(tmp_path, scenario, browser=options)


# The least contrast between text and what it stands on, by WCAG 2.1, 1.4.3; what is disabled need not have it.
CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => colour.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const shown = [...document.querySelectorAll("main *, header *")]
    .filter((node) => node.textContent.trim() && !node.closest(":disabled"));
  return Math.min(...shown.map((node) => {
    const pair = [light(numbers(getComputedStyle(node).color)), light(paper(node))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  }));
}"""
