"""Tests that have a long form: `make soak` runs them for as long as it takes, `make test` for seconds."""

import os
from typing import TypeVar

Size = TypeVar("Size")

SOAKING = os.environ.get("TRUENAME_TESTS_SOAK") == "1"


def size(*, test: Size, soak: Size) -> Size:
    """How much of something, here and now."""
    return soak if SOAKING else test
