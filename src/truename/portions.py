"""Long lists in an event loop: worked through in portions, with turns for everybody else in between."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE: Final = 100
"""Of items that take a tenth of a millisecond each, so that nobody notices one portion."""


async def in_portions(make: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What is made of each item, in order. Errors: those of `make`."""
    made: list[Result] = []
    for start in range(0, len(items), AT_ONCE):
        if start:
            await asyncio.sleep(0)
        made += map(make, items[start : start + AT_ONCE])
    return made
