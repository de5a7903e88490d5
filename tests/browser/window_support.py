"""A real Chromium for the tests of pages: started once, a window of its own for each visit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Page, Route, async_playwright, expect

from tests.integration.live_support import Live, Oracle, listening, live
from tests.integration.web_support import cookie_of, sign_in

CHROMIUM = "/usr/bin/chromium"
NAME = "truename.test"  # a name as of a LAN: a browser does not trust it as it trusts a loopback address
PATIENCE_MS = 60_000
HASH, OTHER, DEAD = "1a" * 20, "2b" * 20, "dead" * 10
LINK = f"magnet:?xt=urn:btih:{HASH}"
Scheme = Literal["light", "dark"]
SEEN = """(seen) => {
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => !seen});
  document.dispatchEvent(new Event('visibilitychange'));
}"""
MEANWHILE = "fetch('/healthz').then((answer) => answer.text())"  # whatever was asked before is known after it
expect.set_options(timeout=PATIENCE_MS)


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

    async def sign_in(self, site: Live) -> None:
        """With a session that was made elsewhere; the form has tests of its own, and takes a second."""
        async with site.browser(base=self.address) as elsewhere:
            name, value, _ = cookie_of(await sign_in(elsewhere))
        await self.page.context.add_cookies([{"name": name, "value": value, "url": self.address}])
        await self.page.goto(f"{self.address}/notes")

    async def look_as(self, *, width: int, scheme: Scheme, height: int = 800) -> None:
        """From now on in this width and with these colours."""
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.page.emulate_media(color_scheme=scheme)

    async def save(self, text: str) -> None:
        await self.page.fill("[name=text]", text)
        async with self.page.expect_navigation(url=f"{self.address}/notes#note-*"):  # to its end: its scripts have run
            await self.page.click(".new-note button")

    def state(self, info_hash: str) -> Any:
        return self.page.locator(f'.magnet[data-hash="{info_hash}"] .magnet-state')

    def name(self, info_hash: str) -> Any:
        return self.page.locator(f'.magnet[data-hash="{info_hash}"] .magnet-name')

    async def press(self, info_hash: str) -> None:
        await self.page.click(f'.magnet[data-hash="{info_hash}"] .magnet-ask')


async def submitted(client: Any, info_hash: str, priority: str = "normal") -> str:
    answer = await client.post("/api/calibrate/async", json={"info_hash": info_hash, "priority": priority})
    task_id: str = answer.json()["task_id"]
    return task_id


async def bad_gateway(route: Route) -> None:
    """Answer as something does that stands before the server and does not reach it."""
    await route.fulfill(status=502, content_type="text/html", body="<!doctype html><title>502 Bad Gateway</title>")


# What Chromium makes anew for each window and no page of ours sees: the list under its address bar, which is two pages
# in a process of their own, and a process in reserve. A window takes half as much again with them.
UNSEEN = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess")
# What Playwright switches off; the last list that Chromium is given is the one that counts.
OFF = (
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning", "AimEnabled"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "TcpPortRandomizationWin", "OptimizationHints", "PreconnectToSearch"),
    *("NetworkTimeServiceQuerying",),
)
# It finds nothing but loopback.
ARGUMENTS = (
    *("--no-sandbox", "--disable-background-networking", f"--disable-features={','.join((*OFF, *UNSEEN))}"),
    f"--host-resolver-rules=MAP {NAME} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser, from its start to its end."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def page_of(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page that shares nothing with any other, and in which nothing moves unless asked to."""
    context = await browser.new_context(**{"locale": "zh-CN", "reduced_motion": "reduce", **options})
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield await context.new_page()
    finally:
        await context.close()


@asynccontextmanager
async def window_of(browser: Browser, address: str, **options: Any) -> AsyncIterator[Window]:
    """A window of its own; whatever went wrong in it is said at the end."""
    async with page_of(browser, **options) as page:
        window = Window(page, address)
        yield window
    assert window.wrong == []


@dataclass(frozen=True)
class Chromium:
    """The browser, and the loop it lives on."""

    runner: asyncio.Runner
    browser: Browser

    def visit(
        self,
        folder: Path,
        scenario: Callable[[Live, Window], Awaitable[None]],
        *,
        window: dict[str, Any] | None = None,
        admin: bool = False,
        **settings: Any,
    ) -> None:
        """A person at a window, signed in."""

        async def run() -> None:
            async with live(folder, Oracle(), **settings) as site, listening(site) as address:
                await site.person(admin=admin)
                async with window_of(self.browser, address, **(window or {})) as opened:
                    await opened.sign_in(site)
                    await scenario(site, opened)

        self.runner.run(run())


@contextmanager
def started() -> Iterator[Chromium]:
    """A Chromium, from its start to its end."""
    with asyncio.Runner() as runner:
        opening = chromium()
        yield Chromium(runner, runner.run(opening.__aenter__()))
        runner.run(opening.__aexit__(None, None, None))


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
