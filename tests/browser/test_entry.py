"""Coming in with a real Chromium: the set-up, the sign-in and the sign-out, over plain HTTP by a name of the LAN.

There a browser sends no `Sec-Fetch-Site`, so it is `Origin` alone that tells our own forms from foreign ones.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page

from tests.browser.window_support import NAME, Chromium, Scheme, page_of
from tests.integration.live_support import listening
from tests.integration.web_support import PASSWORD, Site, site_in

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
FOREIGN_PAGE = """<form method="post" action="{address}/login"><input name="username" value="alice">
<input name="password" value="x"><button>x</button></form>"""


def with_browser(chromium: Chromium, tmp_path: Path, scenario: Callable[[Site, Browser, str], Awaitable[None]]) -> None:
    """Run a scenario with a browser that finds the server under an invented name."""

    async def run() -> None:
        async with site_in(tmp_path, allowed_hosts=(NAME,)) as site, listening(site) as address:
            await scenario(site, chromium.browser, address.replace("127.0.0.1", NAME))

    chromium.runner.run(run())


def with_page(
    chromium: Chromium, tmp_path: Path, scenario: Callable[[Site, Page, str], Awaitable[None]], **options: Any
) -> None:
    """The same, in one page."""

    async def run(site: Site, browser: Browser, address: str) -> None:
        async with page_of(browser, **options) as page:
            await scenario(site, page, address)

    with_browser(chromium, tmp_path, run)


async def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        await page.fill(f"[name={name}]", value)
    await page.click("main button[type=submit]")


@pytest.mark.parametrize("script", [True, False])
def test_a_person_sets_up_leaves_and_comes_back(chromium: Chromium, tmp_path: Path, script: bool) -> None:
    async def scenario(site: Site, page: Page, address: str) -> None:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        sent: list[dict[str, str]] = []
        page.on("request", lambda request: sent.append(request.headers) if request.method == "POST" else None)
        await page.goto(f"{address}/notes")
        assert page.url == f"{address}/setup"
        await fill(page, code="0" * 32, username="小明", password=PASSWORD)
        assert "设置码不正确" in await page.inner_text("[role=alert]")
        assert await page.input_value("[name=username]") == "小明"
        await fill(page, code=site.doors.setup_code, password=PASSWORD)
        await page.wait_for_url(f"{address}/notes")
        assert await page.inner_text("header bdi") == "小明"
        await page.click("header form button")
        await page.wait_for_url(f"{address}/login")
        await page.goto(f"{address}/api/docs?here")
        await fill(page, username="小明", password="wrong, but long")
        assert "用户名或密码错误" in await page.inner_text("[role=alert]")
        await fill(page, password=PASSWORD)
        await page.wait_for_url(f"{address}/api/docs?here")
        if script:
            await page.wait_for_selector(".route")
        assert len(sent) == 5
        assert not any("sec-fetch-site" in headers for headers in sent)
        assert [text for text in complaints if "Content Security Policy" in text] == []

    with_page(chromium, tmp_path, scenario, java_script_enabled=script)


def test_a_foreign_page_cannot_send_our_form(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Site, page: Page, address: str) -> None:
        await site.person()
        for referrer in ("", '<meta name="referrer" content="no-referrer">'):
            await page.set_content(referrer + FOREIGN_PAGE.format(address=address))
            async with page.expect_response(f"{address}/login") as answer:
                await page.click("button")
            assert (await answer.value).status == 403

    with_page(chromium, tmp_path, scenario)


def test_pages_fit_a_small_screen_and_can_be_read(chromium: Chromium, tmp_path: Path) -> None:
    """In a small and a large window, each in a language, by light and by dark."""

    async def scenario(site: Site, browser: Browser, address: str) -> None:
        async with AsyncExitStack() as stack:
            pages = {
                width: await stack.enter_async_context(
                    page_of(browser, viewport={"width": width, "height": 800}, locale=locale)
                )
                for width, locale in ((360, "zh-CN"), (1200, "en-GB"))
            }

            async def look(name: str, path: str) -> None:
                for width, page in pages.items():
                    await page.goto(f"{address}{path}")
                    assert urlsplit(page.url).path == urlsplit(path).path
                    for scheme in SCHEMES:
                        case = f"{name}-{scheme}-{width}"
                        await page.emulate_media(color_scheme=scheme)
                        await page.screenshot(path=tmp_path / f"{case}.png")
                        assert await page.evaluate("document.documentElement.scrollWidth") <= width, case
                        assert await page.evaluate(CONTRAST) >= 4.5, case
                        await page.focus(".skip")
                        await page.screenshot(path=tmp_path / f"{case}-skip.png")
                        assert await page.evaluate(SKIP_IS_SEEN), case
                        await page.locator(".skip").blur()

            await look("setup", "/setup")
            alice = await site.person()
            await look("link", f"/login?once={site.doors.links.make(alice.id, site.clock.epoch)}")
            await look("over", "/login?once=x")

    with_browser(chromium, tmp_path, scenario)


# It stands in the window, in front of all else and on a ground of its own.
SKIP_IS_SEEN = """() => {
  const skip = document.querySelector(".skip");
  const {left, right, top, bottom} = skip.getBoundingClientRect();
  const [across, down] = [(left + right) / 2, (top + bottom) / 2];
  const sides = [[left + 2, down], [right - 2, down], [across, top + 2], [across, bottom - 2]];
  const solid = getComputedStyle(skip).backgroundColor.match(/[\\d.]+/g).length === 3;
  return solid && sides.every((side) => document.elementFromPoint(...side) === skip);
}"""

# The least contrast between text and what it stands on, by WCAG 2.1, 1.4.3.
CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const shown = [...document.querySelectorAll(".skip, main *, header *")]
    .filter((node) => node.tagName !== "BR" && node.textContent.trim());
  return Math.min(...shown.map((node) => {
    const pair = [light(numbers(getComputedStyle(node).color)), light(paper(node))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  }));
}"""
