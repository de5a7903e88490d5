"""Tasks and batches in a real Chromium: what happens is seen without a reload, and all of it works without script."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Locator, Request, Route, expect

from tests.browser.test_notes_page import HOSTILE
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
)
from tests.integration.live_support import PATIENCE_S, Live

STILL_HERE = "globalThis.stillHere"
REFUSED = "bad0" * 10
# What is wider than the place that it has.
RUNS_OVER = """[...document.querySelectorAll('.task-what, .task-what *, .task-state')]
  .filter((one) => one.scrollWidth > one.clientWidth && getComputedStyle(one).display !== 'inline')
  .map((one) => one.outerHTML)"""
# The states over which something else is drawn.
HIDDEN_STATES = """[...document.querySelectorAll('.task')].filter((row) => {
  const [state, buttons] = ['.task-state', '.task-do'].map((part) => row.querySelector(part));
  const words = document.createRange();
  words.selectNodeContents(state);
  const [at, over] = [words, buttons].map((one) => one.getBoundingClientRect());
  return over.width > 0 && over.left < at.right && over.top < at.bottom && over.bottom > at.top;
}).length"""
WITHOUT_SCRIPT = {"java_script_enabled": False}


def row(window: Window, task_id: str) -> Locator:
    return window.page.locator(f"#task-{task_id}")


def state(window: Window, task_id: str) -> Locator:
    return row(window, task_id).locator(".task-state")


async def visit_tasks(window: Window, path: str = "/tasks") -> None:
    await window.page.goto(window.address + path)
    await window.page.evaluate("globalThis.stillHere = true")


def polls_of(window: Window) -> list[str]:
    """The polls that a page makes from now on, by what they ask for."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if "of=" in request.url:
            asked.append(request.url.removeprefix(window.address))

    window.page.on("request", note)
    return asked


async def run_until(window: Window, happened: Callable[[], Awaitable[bool]]) -> None:
    """Let the page's clock run until something has happened."""
    async with asyncio.timeout(PATIENCE_S):
        while not await happened():
            await window.page.clock.run_for(1000)


def test_what_happens_is_seen_and_told_without_a_reload(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held, site.oracle.dead = {HASH, DEAD}, {DEAD}
        client, page = await site.signed_in(), window.page
        dead, named = await submitted(client, DEAD), await submitted(client, HASH)
        await site.oracle.until_asked(HASH)
        await site.until(client, named, "running")
        await visit_tasks(window)
        await expect(state(window, named)).to_have_text("查询中")
        await expect(row(window, named)).to_contain_text("已尝试 1 次")
        await page.locator(".tasks-filter a").nth(2).focus()
        await site.oracle.let_go()
        await expect(state(window, named)).to_have_text("已得名称")
        await expect(row(window, named).locator(".task-name")).to_have_text("Name of 1a1a.mkv")
        await expect(state(window, dead)).to_have_text("无应答")
        await expect(row(window, dead)).to_contain_text("目前没有人持有该种子")
        await expect(page.locator(".tasks-news")).to_contain_text("已得名称: Name of 1a1a.mkv")
        await expect(page.locator(".tasks-news")).to_contain_text(f"无应答: {DEAD}")
        await expect(page.locator(".tasks-filter a").nth(2)).to_be_focused()  # though its number has changed
        await expect(page.locator(".tasks-filter a").nth(2)).to_have_text("查询中 0")
        assert await page.evaluate(STILL_HERE)

    chromium.visit(tmp_path, scenario)


def test_what_is_active_is_asked_for_calmly_and_only_where_it_is_seen(chromium: Chromium, tmp_path: Path) -> None:
    """A second after the answer to the last, never two at once, not in a hidden tab, and no more when all has ended."""

    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH}
        client, page = await site.signed_in(), window.page
        task_id = await submitted(client, HASH)
        await site.until(client, task_id, "running")
        await site.ended(client, await submitted(client, OTHER))
        await page.clock.install(time=0)
        await page.clock.pause_at(1000)
        await visit_tasks(window)
        arrived, go = asyncio.Event(), asyncio.Event()

        async def hold(route: Route) -> None:
            arrived.set()
            await go.wait()
            await route.continue_()

        async def asked_twice() -> bool:
            return len(asked) == 2

        async def named() -> bool:
            return await state(window, task_id).inner_text() == "已得名称"

        await page.route("**/tasks?of=*", hold)
        asked = polls_of(window)
        await page.clock.run_for(999)
        await page.evaluate(MEANWHILE)
        assert asked == []
        await page.clock.run_for(1)
        await arrived.wait()
        assert asked == [f"/tasks?of={task_id}"]
        await page.clock.run_for(20_000)
        assert len(asked) == 1
        await page.evaluate(SEEN, False)
        async with page.expect_response(lambda answer: "of=" in answer.url):
            go.set()
        for _ in range(5):
            await page.evaluate(MEANWHILE)
            await page.clock.run_for(300_000)
        assert len(asked) == 1
        await page.evaluate(SEEN, True)
        await run_until(window, asked_twice)
        await site.oracle.let_go()
        await site.ended(client, task_id)
        await run_until(window, named)
        seen = len(asked)
        for _ in range(5):
            await page.evaluate(MEANWHILE)
            await page.clock.run_for(300_000)
        assert len(asked) == seen

    chromium.visit(tmp_path, scenario)


def test_cancelling_and_asking_again_stay_on_the_page_and_keep_the_focus(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH, OTHER}
        client, page = await site.signed_in(), window.page
        other = await submitted(client, OTHER)
        await site.until(client, other, "running")
        task_id = await submitted(client, HASH)
        await visit_tasks(window)
        await row(window, other).evaluate("(row) => (row.same = true)")
        await row(window, task_id).get_by_role("button", name="优先查询").press("Enter")
        await expect(state(window, task_id)).to_have_text("查询中")  # a slot is kept for what is urgent
        await expect(
            row(window, task_id)
        ).to_be_focused()  # its button is gone, and the one to cancel is another matter
        await row(window, task_id).get_by_role("button", name="取消").focus()
        await page.keyboard.press("Enter")
        await expect(state(window, task_id)).to_have_text("已取消")
        again = row(window, task_id).get_by_role("button", name="再次查询")
        await expect(again).to_be_focused()
        await row(window, task_id).locator("select").select_option("high")
        await again.press("Enter")
        first = page.locator(".task").first
        await expect(first).to_contain_text("优先级：高")
        await expect(row(window, task_id)).to_contain_text("已再次查询：查询中")
        await expect(row(window, task_id)).to_be_focused()  # its button is gone
        await expect(page.locator(".task")).to_have_count(3)
        await site.oracle.let_go()
        await expect(first.locator(".task-state")).to_have_text("已得名称")
        await expect(row(window, task_id)).to_contain_text("已再次查询：已得名称")
        assert await row(window, other).evaluate("(row) => row.same")
        assert await page.evaluate(STILL_HERE)

    chromium.visit(tmp_path, scenario, slots=1)


def test_in_a_list_by_state_rows_stay_where_they_are(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH, OTHER}
        client, page = await site.signed_in(), window.page
        first, second = await submitted(client, OTHER), await submitted(client, HASH)
        for one in (first, second):
            await site.until(client, one, "running")
        await visit_tasks(window, "/tasks?status=running")
        await site.oracle.let_go(HASH)
        await expect(state(window, second)).to_have_text("已得名称")
        await row(window, first).get_by_role("button", name="取消").click()
        await expect(state(window, first)).to_have_text("已取消")
        await row(window, first).get_by_role("button", name="再次查询").click()
        await expect(row(window, first)).to_contain_text("已再次查询：")
        await expect(page.locator(".task")).to_have_count(2)
        await page.goto(f"{window.address}/tasks?status=failed")
        await expect(page.locator(".tasks-none")).to_have_text("这里没有任务。")
        await site.oracle.let_go()

    chromium.visit(tmp_path, scenario)


def test_what_is_refused_is_said_and_whoever_is_signed_out_is_led_to_the_sign_in(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.dead, site.oracle.held = {DEAD}, {HASH}
        client, page = await site.signed_in(), window.page
        task_id, running = await submitted(client, DEAD), await submitted(client, HASH)
        await site.ended(client, task_id)
        await site.until(client, running, "running")
        await visit_tasks(window, "/tasks?status=timeout")
        await site.work.mode.choose("off")
        await row(window, task_id).get_by_role("button", name="再次查询").click()
        await expect(page.locator(".tasks-said")).to_have_text("校准功能已关闭。")
        await expect(row(window, task_id).get_by_role("button", name="再次查询")).to_be_disabled()
        assert ["503" in text for text in window.wrong] == [True]
        window.wrong.clear()
        assert await page.evaluate(STILL_HERE)
        await page.context.clear_cookies()
        await page.wait_for_url("**/login?next=%2Ftasks%3Fstatus%3Dtimeout")  # something is active, if not on this page
        await site.oracle.let_go()

    chromium.visit(tmp_path, scenario)


def test_a_list_that_follows_says_that_it_has_lost_the_server_until_it_is_there_again(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH}
        client, page = await site.signed_in(), window.page
        task_id = await submitted(client, HASH)
        await site.until(client, task_id, "running")
        await visit_tasks(window)
        await page.context.set_offline(True)
        await row(window, task_id).get_by_role("button", name="取消").click()
        await expect(page.locator(".tasks-said")).to_have_text("无法连接服务器。")
        await expect(page.locator("#lost")).to_have_text("无法连接服务器，正在重试。")
        await expect(page.locator("#lost")).to_be_visible()
        await page.context.set_offline(False)
        await expect(page.locator("#lost")).to_be_hidden()
        await expect(page.locator(".tasks-said")).to_be_empty()
        window.wrong.clear()  # the browser's own words
        await site.oracle.let_go()
        await expect(state(window, task_id)).to_have_text("已得名称")

    chromium.visit(tmp_path, scenario)


def test_what_stands_before_the_server_is_told_apart_from_a_server_that_is_gone(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH}
        client, page = await site.signed_in(), window.page
        task_id = await submitted(client, HASH)
        await site.until(client, task_id, "running")
        await visit_tasks(window)
        await page.route("**/tasks", bad_gateway)
        await row(window, task_id).get_by_role("button", name="Cancel").click()
        said = "What answered for the server could not be understood (502)."
        await expect(page.locator(".tasks-said")).to_have_text(said)
        await site.oracle.let_go()
        await expect(state(window, task_id)).to_have_text("named")
        await expect(page.locator(".tasks-said")).to_have_text(said)  # what is read since tells nothing about it
        window.wrong.clear()  # the browser's own words

    chromium.visit(tmp_path, scenario, window={"locale": "en-US"})


def test_everything_unnamed_is_one_press_and_a_page_that_fills(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        site.oracle.dead, site.oracle.held = {DEAD}, {OTHER}
        await window.save(f"{LINK} magnet:?xt=urn:btih:{OTHER} magnet:?xt=urn:btih:{DEAD}")
        await page.get_by_role("button", name="校准所有无名链接").click()
        await page.wait_for_url("**/tasks/batch/*")
        await page.evaluate("globalThis.stillHere = true")
        await expect(page.locator(".batch label")).to_have_text("已结束 2 / 3")
        assert await page.locator(".task-hash").all_inner_texts() == [HASH, OTHER, DEAD]
        await expect(page.locator(".batch-counts")).to_have_text("查询中 1 已得名称 1 无应答 1")
        site.oracle.dead.clear()
        await page.get_by_role("button", name="再次查询 1 个未得名称的").click()
        await expect(page.locator(".batch-counts")).to_have_text("查询中 1 已得名称 2")
        await expect(page.locator(".task-name").last).to_have_text("Name of dead.mkv")
        await page.locator(".sure summary").click()
        await page.keyboard.press("Escape")
        await expect(page.locator(".sure summary")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="确认取消").click()
        await expect(page.locator(".batch label")).to_have_text("已结束 3 / 3")
        await expect(page.locator(".batch-counts")).to_have_text("已得名称 2 已取消 1")
        await expect(page.locator(".batch-do")).to_be_empty()
        assert await page.evaluate(STILL_HERE)
        await page.get_by_role("link", name="全部任务").click()
        await expect(page.locator(".batches")).to_contain_text("共 3 项")
        await site.oracle.let_go()

    chromium.visit(tmp_path, scenario)


def test_without_script_all_of_it_works(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        site.oracle.held = {HASH, OTHER}
        await window.save(f"{LINK} magnet:?xt=urn:btih:{OTHER}")
        await page.get_by_role("button", name="校准所有无名链接").click()
        await page.wait_for_url("**/tasks/batch/*")
        await page.locator(".task").first.get_by_role("button", name="取消").click()
        await page.wait_for_url("**/tasks/batch/*#task-*")
        await expect(page.locator(".batch label")).to_have_text("已结束 1 / 2")
        await page.locator(".sure summary").click()
        await page.get_by_role("button", name="确认取消").click()
        await expect(page.locator(".batch label")).to_have_text("已结束 2 / 2")
        await page.get_by_role("link", name="任务", exact=True).click()
        await page.get_by_role("link", name="已取消 2").click()
        await page.locator(".task select").first.select_option("high")
        await page.locator(".task").first.get_by_role("button", name="再次查询").click()
        await page.wait_for_url("**/tasks?status=cancelled#task-*")
        await expect(page.locator(".task").first).to_contain_text("已再次查询：")
        await site.oracle.let_go()
        client = await site.signed_in()
        newest = (await client.get("/api/calibrate/tasks")).json()["tasks"][0]["task_id"]
        await site.ended(client, newest)
        await page.get_by_role("link", name="刷新以查看最新状态").click()
        await expect(page.locator(".task").first).to_contain_text("已再次查询：已得名称")

    chromium.visit(tmp_path, scenario, window=WITHOUT_SCRIPT)


def test_whatever_names_hold_it_is_text(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        hashes = {f"{number + 1:040x}": name for number, name in enumerate(HOSTILE)}
        site.oracle.names, site.oracle.held = hashes, set(hashes)
        client = await site.signed_in()
        tasks = [await submitted(client, one) for one in hashes]
        for one in tasks:
            await site.until(client, one, "running")
        await visit_tasks(window)
        await site.oracle.let_go()
        for one in tasks:
            await expect(state(window, one)).to_have_text("已得名称")
        for again in (False, True):
            if again:
                await page.reload()
            name = row(window, tasks[11]).locator(".task-name")
            assert "⟨U+202E⟩" in await name.inner_text()
            assert not {"\u202e", "\u2066", "\u200b", "\x1b", "\x9b"} & set(await page.content())
            assert await row(window, tasks[0]).locator(".task-name").inner_text() == HOSTILE[0]
            inside = "truename-tasks :is(img, script, svg, style, iframe, base, meta, link, a[href^='javascript'])"
            assert await page.locator(inside).count() == 0
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    chromium.visit(tmp_path, scenario)


def test_the_watch_of_a_magnet_is_stopped_where_it_stands(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        site.oracle.dead = {DEAD}
        await window.save(f"magnet:?xt=urn:btih:{DEAD}")
        await window.press(DEAD)
        watch = page.locator(".magnet-watch")
        await expect(watch).to_contain_text("下次自动询问")
        await expect(page.locator(".magnet-ask")).to_have_text("立即询问")
        assert "UTC" not in await watch.inner_text()
        await page.get_by_role("button", name="停止询问").click()
        await expect(watch).to_contain_text("不再自动询问")
        await expect(page.locator(".magnet-ask")).to_have_text("校准")
        await expect(page.locator(".magnet-ask")).to_be_focused()
        site.oracle.dead.clear()
        await window.press(DEAD)
        await expect(window.state(DEAD)).to_have_text("已得名称")
        await expect(watch).to_have_count(0)

    chromium.visit(tmp_path, scenario)


@pytest.mark.parametrize(
    ("locale", "looks"),
    [("en", ((320, "light"), (1000, "light"))), ("zh-CN", ((640, "light"), (1280, "dark")))],
    ids=["en", "zh-CN"],
)
def test_the_pages_fit_and_can_be_read(
    chromium: Chromium, tmp_path: Path, locale: str, looks: tuple[tuple[int, Scheme], ...]
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        site.oracle.dead, site.oracle.held = {DEAD}, {OTHER}
        site.oracle.names, site.oracle.refused = {HASH: "W" * 300}, {REFUSED: "/x" + "y" * 300}
        await window.save(
            f"{LINK} magnet:?xt=urn:btih:{REFUSED} "
            f"magnet:?xt=urn:btih:{OTHER} magnet:?xt=urn:btih:{DEAD} magnet:?xt=urn:btmh:1220{'c1' * 32}"
        )
        await page.locator(".ask-unnamed button").click()
        await page.wait_for_url("**/tasks/batch/*")
        await expect(page.locator('.task[data-state="timeout"]')).to_have_count(1)
        await expect(page.locator('.task[data-state="completed"]')).to_have_count(2)
        await expect(page.locator('.task[data-state="failed"]')).to_have_count(1)
        for name in ("batch", "tasks"):
            if name == "tasks":
                await page.goto(f"{window.address}/tasks")
            for width, scheme in looks:
                case = f"{name}-{scheme}-{width}"
                await window.look_as(width=width, scheme=scheme)
                await page.screenshot(path=tmp_path / f"{case}.png", full_page=True)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, case
                assert await page.evaluate(CONTRAST) >= 4.5, case
                lefts = await page.evaluate(
                    "[...document.querySelectorAll('.task-state')].map((one) => one.getBoundingClientRect().left)"
                )
                assert len(set(lefts)) == 1, case  # one column, whatever stands beside it
                assert await page.evaluate(RUNS_OVER) == [], case
                assert await page.evaluate(HIDDEN_STATES) == 0, case
        await site.oracle.let_go()

    chromium.visit(tmp_path, scenario, window={"locale": locale, "reduced_motion": "no-preference"})


def test_when_all_that_waits_is_cancelled_the_page_says_that_nothing_does(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH}
        client, page = await site.signed_in(), window.page
        await site.until(client, await submitted(client, HASH), "running")
        for number in range(3):
            await submitted(client, f"{number + 3:02x}" * 20)
        await visit_tasks(window, "/tasks?status=pending")
        await expect(page.locator(".task")).to_have_count(3)
        await page.locator(".tasks-do summary").click()
        await expect(page.locator(".tasks-do p")).to_have_text("3 个等待中的任务将被取消；正在查询的不受影响。")
        await page.locator(".tasks-do button").click()
        await expect(page.locator(".tasks-none")).to_be_visible()
        await expect(page.locator(".tasks-do details")).to_have_count(0)

    chromium.visit(tmp_path, scenario, slots=1)
