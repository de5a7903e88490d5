"""Notes are edited and deleted in a real Chromium, with script and without; nothing that was written is lost."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Route, expect

from tests.browser.window_support import CONTRAST, HASH, LINK, OTHER, Chromium, Window, bad_gateway
from tests.integration.live_support import Live
from tests.integration.web_support import PASSWORD, cookie_of

NAMED = f"{LINK}&dn=Name%20of%201a1a.mkv"
STILL_HERE = "globalThis.stillHere"
WITHOUT_SCRIPT = {"java_script_enabled": False}


def card(window: Window, note_id: int) -> Locator:
    return window.page.locator(f"#note-{note_id}")


def field(window: Window) -> Locator:
    return window.page.locator(".editor textarea")


async def saved(site: Live, *texts: str) -> Any:
    """A client of the same person, who has saved these texts: as notes 1, 2 and so on."""
    client = await site.signed_in()
    for text in texts:
        assert (await client.post("/api/notes", json={"text": text})).status_code == 201
    return client


async def text_of(client: Any, note_id: int) -> Any:
    return (await client.get(f"/api/notes/{note_id}")).json()["text"]


async def change(client: Any, note_id: int, text: str) -> None:
    """Another edit, from somewhere else."""
    version = (await client.get(f"/api/notes/{note_id}")).json()["version"]
    answer = await client.patch(f"/api/notes/{note_id}", json={"text": text, "version": version})
    assert answer.status_code == 200


async def sign_in_elsewhere(window: Window) -> None:
    """In the other tab that the page offers."""
    async with window.page.context.expect_page() as opening:
        await window.page.locator(".editor-said a").click()
    other = await opening.value
    await other.fill("[name=username]", "alice")
    await other.fill("[name=password]", PASSWORD)
    await other.click("main button")
    await other.wait_for_url("**/notes")
    await other.close()


def forgive(window: Window, status: int) -> None:
    """The browser's own word for an answer that was to be expected."""
    assert all(f"status of {status}" in said for said in window.wrong), window.wrong
    window.wrong.clear()


def test_a_note_is_edited_where_it_stands_with_the_keyboard_alone(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        client = await saved(site, *["below\n" * 12] * 3, "the note\r\nto be changed\r\n", *["above\n" * 12] * 3)
        await page.reload()
        await page.evaluate(f"{STILL_HERE} = true")
        edit = card(window, 4).get_by_role("link", name="编辑")
        await edit.evaluate("(link) => { link.focus(); link.scrollIntoView({block: 'end'}); }")
        place = await page.evaluate("scrollY")
        assert place > 0
        await page.keyboard.press("Enter")
        await expect(field(window)).to_be_focused()
        await expect(field(window)).to_have_value("the note\nto be changed\n")
        await expect(card(window, 4).locator(".note-text")).to_be_hidden()
        assert await page.evaluate("scrollY") == place
        await page.keyboard.press("Control+End")
        await page.keyboard.type("and one line")
        await page.keyboard.press("Control+Enter")
        await expect(card(window, 4).locator(".note-text")).to_have_text("the note to be changed and one line")
        await expect(field(window)).to_have_count(0)
        await expect(edit).to_be_focused()
        await expect(page.locator("#news")).to_have_text("已保存。")
        assert await text_of(client, 4) == "the note\r\nto be changed\r\nand one line"
        assert await page.evaluate(STILL_HERE)

    chromium.visit(tmp_path, scenario)


def test_after_an_edit_the_page_tells_of_broken_links_as_they_are_now(chromium: Chromium, tmp_path: Path) -> None:
    broken = "magnet:?xt=urn:btih:zzz"

    async def scenario(site: Live, window: Window) -> None:
        await saved(site, f"{LINK} {broken}", "no magnet yet", LINK)
        await window.page.goto(window.address + "/notes")
        for note_id, text, count in ((1, LINK, 0), (2, broken, 1), (3, f"{LINK} {broken}", 1)):
            await card(window, note_id).locator(".note-edit").click()
            await card(window, note_id).locator("textarea").fill(text)
            await card(window, note_id).locator("note-editor button[type=submit]").click()
            await expect(card(window, note_id).locator("note-editor")).to_have_count(0)
            await expect(card(window, note_id).locator(".unread")).to_have_count(count)
            await expect(card(window, note_id).locator(".note-magnets > .hint")).to_have_count(0)

    chromium.visit(tmp_path, scenario)


def test_an_edit_that_is_given_up_changes_nothing(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        client = await saved(site, "as it was")
        await window.page.reload()
        await window.page.evaluate(f"{STILL_HERE} = true")
        edit = card(window, 1).get_by_role("link", name="编辑")
        await edit.click()
        await field(window).fill("something else")
        await window.page.get_by_role("link", name="取消").click()
        await expect(field(window)).to_have_count(0)
        await expect(card(window, 1).locator(".note-text")).to_have_text("as it was")
        await expect(edit).to_be_focused()
        await edit.click()
        await expect(field(window)).to_have_value("as it was")
        assert await text_of(client, 1) == "as it was"
        assert await window.page.evaluate(STILL_HERE)

    chromium.visit(tmp_path, scenario)


def test_names_that_arrive_leave_the_field_alone_and_are_in_what_is_saved(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        site.oracle.held = {HASH}
        client = await saved(site, f"see {LINK}&dn=lie\nmagnet:?xt=urn:btih:{OTHER}")
        await page.reload()
        await window.press(HASH)
        await site.oracle.until_asked(HASH)
        await card(window, 1).get_by_role("link", name="编辑").click()
        await expect(field(window)).to_be_focused()
        await page.keyboard.press("Control+Home")
        await page.keyboard.type("I ")
        await site.oracle.let_go()
        await expect(window.name(HASH)).to_have_text("Name of 1a1a.mkv")
        await expect(window.state(HASH)).to_have_text("已得名称")
        await expect(field(window)).to_be_focused()
        await page.keyboard.type("will ")
        await expect(field(window)).to_have_value(f"I will see {LINK}&dn=lie\nmagnet:?xt=urn:btih:{OTHER}")
        await page.locator(".editor button").click()
        await expect(card(window, 1).locator(".note-text")).to_contain_text(f"I will see {NAMED}")
        assert await text_of(client, 1) == f"I will see {NAMED}\nmagnet:?xt=urn:btih:{OTHER}"

    chromium.visit(tmp_path, scenario)


def test_over_another_edit_both_stand_side_by_side(chromium: Chromium, tmp_path: Path) -> None:
    """Dropped, theirs stays; saved, mine takes its place."""

    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        client = await saved(site, "one\ntwo")
        await page.reload()
        await page.evaluate(f"{STILL_HERE} = true")
        for number, (button, after) in enumerate(
            (("放弃我的内容", "theirs 0"), ("用我的内容替换", "one\ntwo\nmine 1"))
        ):
            await card(window, 1).get_by_role("link", name="编辑").click()
            await field(window).fill(f"one\ntwo\nmine {number}")
            theirs = f"one\ntwo\ntheirs {number}"
            await change(client, 1, theirs)
            await page.locator(".editor button").click()
            await expect(page.get_by_role("alert")).to_contain_text("没有丢失")
            await expect(field(window)).to_be_focused()
            await expect(field(window)).to_have_value(f"one\ntwo\nmine {number}")
            await expect(page.locator(".editor-now pre")).to_have_text(theirs)
            await expect(page.locator(".editor-now mark")).to_have_text(f"theirs {number}")
            assert await text_of(client, 1) == theirs
            assert await page.evaluate("document.querySelector('.editor').unsaved")
            await page.locator(".editor").get_by_text(button).click()
            await expect(field(window)).to_have_count(0)
            await expect(card(window, 1).locator(".note-text")).to_contain_text(after)
        assert await text_of(client, 1) == "one\ntwo\nmine 1"
        assert await page.evaluate(STILL_HERE)
        forgive(window, 409)

    chromium.visit(tmp_path, scenario)


def test_whoever_is_signed_out_meanwhile_keeps_the_text_and_saves_it_after_all(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        site.oracle.held = {HASH}
        client = await saved(site, LINK)
        await page.reload()
        await window.press(HASH)
        await card(window, 1).get_by_role("link", name="编辑").click()
        await field(window).fill("written with care")
        await page.context.clear_cookies()
        async with page.expect_response(lambda answer: answer.status == 401):
            pass  # the page that follows the task finds out by itself
        await page.locator(".editor button").click()
        await expect(page.locator(".editor .editor-said")).to_contain_text("所写内容仍在这里")
        await sign_in_elsewhere(window)
        await expect(field(window)).to_have_value("written with care")
        await page.locator(".editor button").click()
        await expect(field(window)).to_have_count(0)
        assert await text_of(client, 1) == "written with care"
        await site.oracle.let_go()
        window.wrong = [said for said in window.wrong if "status of 401" not in said]

    chromium.visit(tmp_path, scenario)


def test_a_new_note_is_not_lost_either_when_one_is_signed_out_meanwhile(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        await page.fill("[name=text]", "pasted from far away")
        await page.context.clear_cookies()
        await page.click(".new-note button")
        await expect(page.locator(".editor-said")).to_contain_text("所写内容仍在这里")
        await sign_in_elsewhere(window)
        await page.click(".new-note button")
        await page.wait_for_url("**/notes#note-1")
        await expect(page.locator(".note-text")).to_have_text("pasted from far away")
        forgive(window, 401)

    chromium.visit(tmp_path, scenario)


def test_a_key_that_is_pressed_again_and_again_saves_one_note(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        await page.fill("[name=text]", "once")
        async with page.expect_navigation(url=f"{window.address}/notes#note-*"):
            await page.evaluate(
                """() => {
                  for (let times = 0; times < 3; times += 1) {
                    const key = {key: "Enter", ctrlKey: true, bubbles: true};
                    document.querySelector("[name=text]").dispatchEvent(new KeyboardEvent("keydown", key));
                  }
                }"""
            )
        await expect(page.locator("truename-note")).to_have_count(1)
        assert len((await (await site.signed_in()).get("/api/notes")).json()["notes"]) == 1

    chromium.visit(tmp_path, scenario)


def test_a_text_that_a_form_would_make_too_large_is_saved_or_stays_in_its_field(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        write = "(lines) => { document.querySelector('[name=text]').value = ('名'.repeat(99) + '\\n').repeat(lines); }"
        too_many, many = 18_000, 11_000
        await page.evaluate(write, too_many)
        await page.click(".new-note button")
        await expect(page.locator(".editor-said")).not_to_be_empty()
        assert await page.evaluate("document.querySelector('[name=text]').value.length") == too_many * 100
        forgive(window, 413)
        await page.evaluate(write, many)
        await page.click(".new-note button")
        await page.wait_for_url(f"{window.address}/notes/1")
        assert len(await text_of(await site.signed_in(), 1)) == many * 100

    chromium.visit(tmp_path, scenario)


def test_a_note_deleted_elsewhere_can_be_saved_as_a_new_one(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        client = await saved(site, "gone soon")
        await page.goto(f"{window.address}/notes/1")
        await card(window, 1).get_by_role("link", name="编辑").click()
        await field(window).fill("worth keeping")
        await client.delete("/api/notes/1")
        await page.locator(".editor button").click()
        await page.get_by_role("button", name="另存为新笔记").click()
        await page.wait_for_url("**/notes#note-*")
        await expect(page.locator(".note-text")).to_have_text("worth keeping")
        forgive(window, 404)

    chromium.visit(tmp_path, scenario)


def test_a_text_that_is_not_saved_is_not_left_by_mistake(chromium: Chromium, tmp_path: Path) -> None:
    leave = """() => {
      const leaving = new Event("beforeunload", {cancelable: true});
      dispatchEvent(leaving);
      return !leaving.defaultPrevented;
    }"""

    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        await saved(site, "a note")
        await page.goto(f"{window.address}/notes/1/edit")
        assert await page.evaluate(leave)
        await field(window).fill("a note, changed")
        assert not await page.evaluate(leave)
        await page.locator(".editor button").click()
        await page.wait_for_url("**/notes/1")
        await expect(page.locator(".note-text")).to_have_text("a note, changed")
        assert await page.evaluate(leave)

    chromium.visit(tmp_path, scenario)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_whatever_a_text_holds_it_survives_an_edit_of_another_line(
    chromium: Chromium, tmp_path: Path, *, script: bool
) -> None:
    every = "".join(map(chr, [*range(1, 0xA1), *range(0x2000, 0x2070), 0xAD, 0x34F, 0x3164, 0xFEFF, 0xFFFE, 0x1F600]))
    lines = [
        "",
        "",
        "</textarea><script>alert(1)</script>",
        "&lt;&amp;lt;&#10;",
        "{{7*7}}",
        every,
        "e\u0301 שלום \u202eabc",
    ]

    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        before = "\r\n".join(lines)
        client = await saved(site, before + "\r\nlast")
        await page.goto(f"{window.address}/notes/1/edit")
        await expect(page.locator(".editor .hint")).to_contain_text("不可见字符")
        await field(window).focus()
        await page.keyboard.press("Control+End")
        await page.keyboard.type(", changed\n")
        await page.locator(".editor button").click()
        await page.wait_for_url("**/notes/1")
        assert await text_of(client, 1) == before + "\r\nlast, changed\r\n"

    chromium.visit(tmp_path, scenario, window={"java_script_enabled": script})


def test_without_script_a_note_is_edited_over_another_edit_too(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        client = await saved(site, f"one\n{LINK}&dn=lie", *(f"later {number}" for number in range(50)))
        await page.goto(f"{window.address}/notes?after=2")
        await card(window, 1).get_by_role("link", name="编辑").click()
        await field(window).fill(f"one\n{LINK}&dn=lie\nmine")
        task = (await client.post("/api/calibrate/async", json={"info_hash": HASH})).json()["task_id"]
        await site.ended(client, task)
        await change(client, 1, f"one\n{NAMED}\ntheirs")
        await page.get_by_role("button", name="保存").click()
        await expect(page.locator(".editor-now mark")).to_have_text("theirs")
        await expect(field(window)).to_have_value(f"one\n{NAMED}\nmine")
        await page.get_by_role("button", name="用我的内容替换").click()
        await page.wait_for_url("**/notes?after=2#note-1")
        await expect(card(window, 1).locator(".note-text")).to_contain_text("mine")
        assert await text_of(client, 1) == f"one\n{NAMED}\nmine"
        await card(window, 1).get_by_role("link", name="编辑").click()
        await page.get_by_role("link", name="取消").click()
        await page.wait_for_url("**/notes?after=2#note-1")
        forgive(window, 409)

    chromium.visit(tmp_path, scenario, window=WITHOUT_SCRIPT)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_note_is_deleted_after_a_question(chromium: Chromium, tmp_path: Path, *, script: bool) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        client = await saved(site, "oldest", "to go", "newest")
        await page.reload()
        sure = card(window, 2).get_by_role("button", name="永久删除")
        await expect(sure).to_be_hidden()
        for _ in range(2):  # one may think better of it
            await card(window, 2).get_by_text("删除", exact=True).click()
            await expect(sure).to_be_visible()
            await card(window, 2).get_by_text("删除", exact=True).click()
            await expect(sure).to_be_hidden()
        await card(window, 2).get_by_text("删除", exact=True).focus()
        await page.keyboard.press("Enter")
        if script:
            await page.keyboard.press("Escape")
            await expect(sure).to_be_hidden()
            await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(sure).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(card(window, 2)).to_have_count(0)
        await expect(page.locator(".note-text")).to_have_text(["newest", "oldest"])
        if script:
            await expect(page.locator("#news")).to_have_text("笔记已删除。")
            await expect(card(window, 1).locator(".note-when a")).to_be_focused()
        assert (await client.get("/api/notes/2")).status_code == 404
        await page.goto(f"{window.address}/notes/1")
        await card(window, 1).get_by_text("删除", exact=True).click()
        await card(window, 1).get_by_role("button", name="永久删除").click()
        await page.wait_for_url("**/notes")
        await expect(page.locator(".note-text")).to_have_text(["newest"])
        if script:
            forgive(window, 404)

    chromium.visit(tmp_path, scenario, window={"java_script_enabled": script})


def test_five_hundred_magnets_and_a_megabyte_stay_pages_one_can_use(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        many = "\n".join(f"magnet:?xt=urn:btih:{number:040x}&dn=a%20lie" for number in range(1, 501))
        client = await saved(site, many, "words in a row, " * 65_536, "W" * 1_048_576)
        await page.reload()
        assert await page.evaluate("document.querySelectorAll('*').length") < 1500
        await expect(card(window, 1).locator(".magnet:visible")).to_have_count(10)
        await card(window, 1).get_by_role("button", name="全部校准").click()
        await expect(card(window, 1).locator(".note-count")).to_have_text("已得名称 500 / 500")
        assert await page.locator("#news p").count() <= 3
        await card(window, 1).get_by_role("link", name="全部 500 个磁力链接").click()
        await page.wait_for_url("**/notes/1")
        await page.locator(".note-magnets .fold summary").click()
        await expect(page.locator(".magnet:visible")).to_have_count(500)
        await expect(window.name(f"{500:040x}")).to_have_text("Name of 0000.mkv")
        for note_id, length in ((2, 1_048_576), (3, 1_048_576)):
            await page.goto(f"{window.address}/notes/{note_id}")
            await page.locator(".fold summary").click()
            parts = await page.locator(".note-text pre").all_text_contents()
            assert sum(map(len, parts)) == length
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.goto(f"{window.address}/notes/2")
        await card(window, 2).get_by_role("link", name="编辑").click()
        await expect(field(window)).to_be_focused()
        await page.keyboard.press("Control+Home")
        await page.keyboard.type("1. ")
        await page.locator(".editor button").click()
        await expect(page.locator(".note-first")).to_contain_text("1. words in a row")
        assert (await text_of(client, 2)).startswith("1. words in a row")

    chromium.visit(tmp_path, scenario, window={"viewport": {"width": 390, "height": 844}})


@pytest.mark.parametrize(("width", "locale", "scheme"), [(390, "zh-CN", "light"), (1200, "en-GB", "dark")])
def test_the_field_and_the_two_texts_fit_and_can_be_read(
    chromium: Chromium, tmp_path: Path, width: int, locale: str, scheme: str
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        text = (
            f"今晚想看的：\n{LINK}&dn=xXx&tr=udp%3A%2F%2Ftracker.example%3A80\n{'W' * 300}\nשלום עולם\n" + "一行\n" * 30
        )
        client = await saved(site, text)
        await page.goto(f"{window.address}/notes/1/edit")
        await look("page", page)
        await page.goto(f"{window.address}/notes")
        await page.locator(".note-delete summary").click()
        await look("delete", page)
        await page.locator(".note-delete summary").click()
        await page.locator(".note-edit").click()
        await look("edit", page)
        await field(window).fill(text + "mine")
        await change(client, 1, text + "theirs")
        await page.locator(".editor button").click()
        await expect(page.locator(".editor-now mark")).to_have_text("theirs")
        await expect(page.get_by_role("alert")).to_be_in_viewport()
        await look("stale", page)
        assert await page.locator(".editor").evaluate(ONE_BESIDE_THE_OTHER) == (width > 1000)
        forgive(window, 409)

    async def look(name: str, page: Any) -> None:
        await page.screenshot(path=tmp_path / f"{name}-{scheme}-{width}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate(CONTRAST) >= 4.5
        assert await page.evaluate(NAMED_AND_DESCRIBED)

    options = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme, "locale": locale}
    chromium.visit(tmp_path, scenario, window=options)


# No two parts have the same id, what describes or labels another is there, and whatever can be used has a name.
NAMED_AND_DESCRIBED = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  const meant = [...document.querySelectorAll("[aria-describedby], [aria-labelledby], [for]")].flatMap((node) =>
    ["aria-describedby", "aria-labelledby", "for"].map((name) => node.getAttribute(name)).filter(Boolean));
  const usable = [...document.querySelectorAll("a, button, summary, textarea, input:not([type=hidden])")];
  return new Set(ids).size === ids.length && meant.every((id) => ids.includes(id)) &&
    usable.every((node) => node.textContent.trim() || node.labels?.length);
}"""

ONE_BESIDE_THE_OTHER = """(editor) => {
  const [now, mine] = [...editor.querySelector(".editor-both").children].map((one) => one.getBoundingClientRect());
  return now.top === mine.top && now.right < mine.left;
}"""


def test_edit_says_that_the_server_cannot_be_reached_and_that_it_is_slow(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        await saved(site, LINK)
        await page.reload()
        edit, said, asked, go = page.locator(".note-edit"), page.locator(".note-said"), [], asyncio.Event()

        async def hold(route: Route) -> None:
            asked.append(route.request.url)
            await go.wait()
            await route.continue_()

        await page.context.set_offline(True)
        await edit.click()
        await expect(said).to_have_text("无法连接服务器。")
        window.wrong.clear()  # the browser's own words
        await page.context.set_offline(False)
        await page.route("**/edit*", hold)
        await edit.click()
        await expect(edit).to_have_attribute("aria-disabled", "true")
        await expect(said).to_be_empty()
        await edit.click(force=True)
        go.set()
        await expect(field(window)).to_be_focused()
        await expect(edit).not_to_have_attribute("aria-disabled", "true")
        assert len(asked) == 1

    chromium.visit(tmp_path, scenario)


def test_a_text_stays_in_its_field_when_something_between_answers_for_the_server(
    chromium: Chromium, tmp_path: Path
) -> None:
    """A new note and an edit; in a form a text of 700,000 Chinese letters takes more than may be sent."""

    async def scenario(site: Live, window: Window) -> None:
        page = window.page
        told = "What answered for the server could not be understood (502)."
        await saved(site, LINK)
        await page.reload()
        for letters in (10, 700_000):
            case, text = f"{letters} letters", "海" * letters
            edit, said = page.locator(".note-edit").first, page.locator(".note-said").first
            await page.fill("[name=text]", text)
            await page.route("**/*", bad_gateway)
            await page.click(".new-note button")
            await expect(page.locator(".new-note .editor-said"), case).to_have_text(told)
            assert await page.input_value("[name=text]") == text, case
            await edit.click()
            await expect(said, case).to_have_text(told)
            await page.unroute("**/*")
            await edit.click()
            await expect(said, case).to_be_empty()
            await field(window).fill("my own text")
            await page.route("**/*", bad_gateway)
            await page.locator(".editor button").click()
            await expect(page.locator(".editor .editor-said"), case).to_have_text(told)
            assert await field(window).input_value() == "my own text", case
            await page.unroute("**/*")
            await page.locator(".editor button").click()
            await expect(page.locator(".note-text").first, case).to_have_text("my own text")
            await page.click(".new-note button")
            await expect(page.locator(".note-text").first, case).to_contain_text(text[:10])
            window.wrong.clear()  # the browser's own words

    chromium.visit(tmp_path, scenario, window={"locale": "en-US"})


@pytest.mark.parametrize("mark", ["", "\u200b"])
def test_while_a_note_is_edited_names_are_told_and_folds_stay_whatever_the_editor_says(
    chromium: Chromium, tmp_path: Path, mark: str
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.dead, site.oracle.held = {OTHER}, {HASH}
        await window.save(f"a{mark}b {LINK} magnet:?xt=urn:btih:{OTHER}")
        await window.press(OTHER)
        await expect(window.state(OTHER)).to_have_text("无应答")
        await (await site.signed_in()).post("/api/calibrate/async", json={"info_hash": HASH})
        await site.oracle.until_asked(HASH)
        await window.page.goto(window.address + "/notes/1")
        await card(window, 1).get_by_role("link", name="编辑").click()
        await expect(field(window)).to_be_focused()
        fold = window.page.locator(".magnet-more").first
        await fold.locator("summary").click()
        async with window.page.expect_response(lambda answer: answer.url.endswith("/notes/1")):
            pass
        async with window.page.expect_response(lambda answer: answer.url.endswith("/notes/1")):
            pass  # what the one before said is on the page
        assert await fold.get_attribute("open") is not None
        await site.oracle.let_go()
        await expect(window.page.locator("#news")).to_have_text("已得名称: Name of 1a1a.mkv")

    chromium.visit(tmp_path, scenario)


def test_nothing_can_be_typed_that_would_be_lost_when_the_answer_comes(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        arrived, go = asyncio.Event(), asyncio.Event()

        async def hold(route: Route) -> None:
            if route.request.method == "POST":
                arrived.set()
                await go.wait()
            await route.continue_()

        await window.save("one")
        await card(window, 1).get_by_role("link", name="编辑").click()
        await field(window).fill("two")
        await window.page.route("**/notes/1", hold)
        await window.page.click(".editor button")
        await arrived.wait()
        await field(window).focus()
        await window.page.keyboard.type(" and more")
        assert await field(window).input_value() == "two"
        go.set()
        await expect(window.page.locator(".editor")).to_have_count(0)
        await expect(card(window, 1).locator(".note-first")).to_have_text("two")

    chromium.visit(tmp_path, scenario)


def test_a_save_that_was_stopped_can_be_made_again_and_the_text_is_guarded(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        page, arrived, stopped = window.page, asyncio.Event(), asyncio.Event()

        async def hold(route: Route) -> None:
            arrived.set()
            await stopped.wait()
            await route.abort()

        await page.route("**/notes?new", hold)
        await page.expose_function("stopped", stopped.set)
        await page.fill("[name=text]", "an hour of work")
        await page.evaluate("setTimeout(() => { globalThis.stop(); globalThis.stopped(); }, 2000)")
        await page.click(".new-note button", no_wait_after=True)
        await arrived.wait()
        await stopped.wait()
        await page.click("[name=text]")
        assert await page.evaluate("document.querySelector('note-editor').unsaved") is False, "it may have arrived"
        await page.keyboard.type(" and more")
        assert await page.evaluate("document.querySelector('note-editor').unsaved") is True
        await page.unroute("**/notes?new")
        async with page.expect_navigation(url=f"{window.address}/notes#note-*"):
            await page.click(".new-note button")
        assert (await text_of(await site.signed_in(), 1)).endswith(" and more")

    chromium.visit(tmp_path, scenario)


def test_what_one_person_has_written_is_not_saved_for_another_who_has_signed_in_meanwhile(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        await site.person("bob")
        await window.page.fill("[name=text]", "a private text")
        async with site.browser(base=window.address) as elsewhere:
            answer = await elsewhere.post("/login", data={"username": "bob", "password": PASSWORD})
            name, value, _ = cookie_of(answer)
        await window.page.context.add_cookies([{"name": name, "value": value, "url": window.address}])
        await window.page.click(".new-note button")
        await expect(window.page.get_by_role("alert")).to_contain_text("另一位用户")
        forgive(window, 409)
        assert await window.page.input_value("[name=text]") == "a private text"
        assert await window.page.locator("truename-note").count() == 0

    chromium.visit(tmp_path, scenario)


def test_who_is_signed_out_while_something_is_unsaved_is_told_so_wherever_they_press(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def scenario(site: Live, window: Window) -> None:
        await window.save(f"{LINK} magnet:?xt=urn:btih:{OTHER}")
        await window.page.fill("[name=text]", "an unsaved text")
        await window.page.context.clear_cookies()
        await card(window, 1).locator(".note-ask").click()
        await expect(card(window, 1).locator(".note-said")).to_contain_text("登录已失效")
        await expect(window.state(HASH)).to_have_text("未查询")
        await card(window, 1).get_by_role("link", name="编辑").click()
        await expect(card(window, 1).locator(".note-said")).to_contain_text("登录已失效")
        assert await window.page.input_value("[name=text]") == "an unsaved text"

    chromium.visit(tmp_path, scenario)


def test_an_older_answer_does_not_take_the_place_of_a_newer_one(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.held = {HASH}
        taken, go, given = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def late(route: Route) -> None:
            if taken.is_set():
                await route.continue_()
                return
            answer = await route.fetch()
            taken.set()
            await go.wait()
            await route.fulfill(response=answer)
            given.set()

        await window.save(f"old {LINK}")
        await window.press(HASH)
        await site.oracle.until_asked(HASH)
        await window.page.reload()
        await card(window, 1).get_by_role("link", name="编辑").click()
        await field(window).fill(f"new {LINK}")
        await window.page.route("**/notes/1?*", late)
        await taken.wait()
        await window.page.click(".editor button")
        await expect(card(window, 1).locator(".note-first")).to_contain_text("new")
        go.set()
        await given.wait()
        await window.page.wait_for_timeout(300)
        await expect(card(window, 1).locator(".note-first")).to_contain_text("new", timeout=1)

    chromium.visit(tmp_path, scenario)


def test_that_no_name_has_come_is_told_as_well(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        site.oracle.dead = {HASH}
        site.oracle.held = {OTHER}
        await window.save(f"{LINK}&dn=x magnet:?xt=urn:btih:{OTHER}")
        await card(window, 1).locator(".note-ask").click()
        await expect(window.page.locator("#news")).to_have_text("无应答: x")

    chromium.visit(tmp_path, scenario)
