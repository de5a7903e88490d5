"""The example's page in a real Chromium: a button is pressed and a name arrives, whatever the name is."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.window_support import ARGUMENTS
from tests.integration.drop_in_support import PATIENCE_S, serving
from tests.qbittorrent import QBittorrent, program
from truename.demo.peers import SwarmPlan
from truename.demo.swarm import LocalSwarm

HASH = "c9e15763f722f23e98a29decdfae341b98d53056"
DEAD = "dead15763f722f23e98a29decdfae341b98d5305"
PASS_PHRASE = "a pass phrase for the example"
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script> photo\u202egpj.exe \u200b{{7*7}}'
expect.set_options(timeout=PATIENCE_S * 1000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


class Visitor:
    """A fresh browser window; it notes what it asks, and what a page should never do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.wrong: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("dialog", lambda dialog: (self.wrong.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if "Content Security" in said.text else None)

    def log_in(self, address: str) -> None:
        self.page.goto(address)
        expect(self.page).to_have_url(f"{address}login?next=/")
        self.page.get_by_label("用户名").fill("admin")
        self.page.get_by_label("密码").fill(PASS_PHRASE)
        self.page.get_by_role("button", name="登录").click()
        expect(self.page).to_have_url(f"{address}notes")

    def save(self, text: str) -> None:
        self.page.get_by_label("新笔记").fill(text)
        with self.page.expect_navigation():  # to its end, when the page's scripts have run
            self.page.get_by_role("button", name="保存").click()
        expect(self.page.locator(".note").first).to_be_visible()

    def paths(self, address: str) -> list[str]:
        assert all(url.startswith(address) for url in self.asked), self.asked
        return [url.removeprefix(address) for url in self.asked]


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visitor]:
    context = chromium.new_context(locale="zh-CN", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_S * 1000)
    visitor = Visitor(context.new_page())
    yield visitor
    context.close()
    assert not visitor.wrong


@pytest.fixture(scope="module")
def swarm() -> Iterator[LocalSwarm]:
    with LocalSwarm(SwarmPlan()) as swarm:
        yield swarm


@pytest.fixture(scope="module")
def qbittorrent(swarm: LocalSwarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QBittorrent]:
    settings = {"add_trackers_enabled": True, "add_trackers": swarm.addresses.tracker}
    with QBittorrent(tmp_path_factory.mktemp("qbittorrent"), settings=settings).running() as running:
        yield running


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The example with a script that knows a hostile name, and for every other hash a reason."""
    script = tmp_path_factory.mktemp("scripted") / "script.py"
    script.write_text(
        f"import sys\nif sys.argv[1] == {HASH!r}:\n    print({HOSTILE!a})\nelse:\n    sys.exit('没有人持有该种子')\n"
    )
    with serving({"SCRIPT_PATH": str(script), "APP_PASSWORD": PASS_PHRASE}) as (_, address):
        yield address


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_a_press_on_calibrate_brings_the_true_name_from_the_real_qbittorrent(mode, visitor, qbittorrent, swarm):
    info_hash = swarm.torrents[0].info_hash
    environment = qbittorrent.environment(CALIBRATION_MODE=mode, APP_PASSWORD=PASS_PHRASE)
    with serving(environment) as (_, address):
        visitor.log_in(address)
        visitor.save(f"昨天看到的：magnet:?xt=urn:btih:{info_hash}&dn=xXx_free_download_xXx 值得一看")
        page = visitor.page
        expect(page.locator(".name")).to_have_text("xXx_free_download_xXx")
        page.get_by_role("button", name="校准").click()
        expect(page.locator(".name")).to_have_text("alice.txt")
        expect(page.get_by_role("status")).to_have_text("已校准")
        expect(page.get_by_role("button", name="校准")).to_be_enabled()
        asked = [path for path in visitor.paths(address) if path.startswith("api/")]
        page.reload()
        expect(page.locator(".name")).to_have_text("alice.txt")
    if mode == "async":
        assert asked[:2] == ["api/config", "api/calibrate/async"]
        assert asked[2:]
        assert all(path.startswith("api/calibrate/status/") for path in asked[2:])
    else:
        assert asked == ["api/config", "api/calibrate"]


def test_a_hostile_name_arrives_as_text_in_which_nothing_can_hide(visitor, scripted):
    visitor.log_in(scripted)
    visitor.save(f"{HOSTILE} magnet:?xt=urn:btih:{HASH}&dn=%3Cimg%20src=x%20onerror=alert(3)%3E")
    page = visitor.page
    magnet = page.locator(f".magnet[data-info-hash='{HASH}']")
    magnet.get_by_role("button", name="校准").click()
    seen = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\u200b", "⟨U+200B⟩")
    expect(magnet.locator(".name")).to_have_text(seen)
    page.reload()
    expect(magnet.locator(".name")).to_have_text(seen)
    assert page.locator("img, main script").count() == 0
    visitor.paths(scripted)


def test_a_reason_is_shown_and_the_button_can_be_pressed_again(visitor, scripted):
    visitor.log_in(scripted)
    visitor.save(f"magnet:?xt=urn:btih:{DEAD}")
    magnet = visitor.page.locator(f".magnet[data-info-hash='{DEAD}']")
    magnet.get_by_role("button", name="校准").click()
    expect(magnet.get_by_role("status")).to_have_text("没有人持有该种子")
    expect(magnet.get_by_role("button", name="校准")).to_be_enabled()
    expect(magnet.locator(".name")).to_have_text(DEAD)


def test_whoever_is_not_logged_in_any_more_is_sent_to_the_login_and_back(visitor, scripted):
    visitor.log_in(scripted)
    visitor.save(f"magnet:?xt=urn:btih:{HASH}")
    visitor.page.context.clear_cookies()
    visitor.page.get_by_role("button", name="校准").first.click()
    expect(visitor.page).to_have_url(f"{scripted}login?next=%2Fnotes")
    visitor.page.get_by_label("用户名").fill("admin")
    visitor.page.get_by_label("密码").fill(PASS_PHRASE)
    visitor.page.get_by_role("button", name="登录").click()
    expect(visitor.page).to_have_url(f"{scripted}notes")


def test_switched_off_the_page_says_so_and_still_keeps_notes(visitor):
    with serving({"CALIBRATION_MODE": "off", "APP_PASSWORD": PASS_PHRASE}) as (_, address):
        visitor.log_in(address)
        visitor.save(f"magnet:?xt=urn:btih:{HASH}")
        visitor.page.get_by_role("button", name="校准").click()
        expect(visitor.page.get_by_role("status")).to_have_text("校准功能已关闭")
