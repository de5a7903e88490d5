"""The page of health in a real Chromium: its moments are told by the clock of whoever reads it."""

import re
from pathlib import Path

from playwright.async_api import expect

from tests.browser.window_support import Chromium, Window
from tests.integration.live_support import Live
from tests.integration.test_health_page import keep_record


def test_its_moments_are_those_of_its_reader(chromium: Chromium, tmp_path: Path) -> None:
    async def scenario(site: Live, window: Window) -> None:
        keep_record(tmp_path, str(tmp_path))
        await window.page.goto(f"{window.address}/health")
        await expect(window.page.locator("time")).to_have_text(
            [re.compile("Nov 15, 2023, 7:13"), re.compile("Nov 15, 2023, 6:13")]
        )

    there = {"locale": "en-US", "timezone_id": "Asia/Shanghai"}
    chromium.visit(tmp_path, scenario, window=there, admin=True, backup_interval_s=0)
