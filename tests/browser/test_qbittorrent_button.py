"""The button "Send to qBittorrent" in a real Chromium, with script and without."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.window_support import CONTRAST, HASH, LINK, Chromium, Window
from tests.integration.live_support import Live
from truename.errors import ResolverDown
from truename.magnet import Magnet


def send_to(site: Live, answers: list[bool | str]) -> None:
    """Somebody who gives these answers, one after the other."""

    async def send(magnet: Magnet, name: str) -> bool:
        answer = answers.pop(0)
        if isinstance(answer, str):
            raise ResolverDown(answer)
        return answer

    site.application.state.work = replace(site.work, send=send)


@pytest.mark.parametrize("script", [True, False])
def test_the_page_says_what_came_of_a_press(chromium: Chromium, tmp_path: Path, script: bool) -> None:
    async def scenario(site: Live, window: Window) -> None:
        send_to(site, [True, False])
        await window.save(LINK)
        if script:
            await window.press(HASH)
        else:
            await window.page.click(".magnet-ask")
            await site.oracle.until_asked(HASH)
            while not await window.page.locator(".magnet-send").count():
                await window.page.reload()
        button, said = window.page.locator(".magnet-send"), window.page.locator("[role=status]", has_text="qBittorrent")
        await button.click()
        await expect(said).to_contain_text("已发送到 qBittorrent")
        assert await window.page.evaluate(CONTRAST) >= 4.5 if script else True
        await button.click()
        await expect(said).to_contain_text("qBittorrent 中已有该种子")

    chromium.visit(tmp_path, scenario, window={"java_script_enabled": script}, admin=True)


def test_a_refusal_is_said_on_the_page_and_the_button_can_be_pressed_again(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        send_to(site, ["qbittorrent_down", True])
        await window.save(LINK)
        await window.press(HASH)
        await window.page.click(".magnet-send")
        await expect(window.page.locator(".note-said")).to_contain_text("无法连接 qBittorrent")
        assert len(window.wrong) == 1  # a browser notes each answer of 502
        window.wrong.clear()
        await window.page.click(".magnet-send")
        await expect(window.page.locator(".note-said")).to_contain_text("已发送到 qBittorrent")

    chromium.visit(tmp_path, scenario, admin=True)
