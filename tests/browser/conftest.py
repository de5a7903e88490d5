"""One Chromium for all tests of pages that run in a process."""

from collections.abc import Iterator

import pytest

from tests.browser.window_support import Chromium, started


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    with started() as opened:
        yield opened
