"""Long lists are worked through in order, and others have turns in between."""

import asyncio

import pytest

from truename.portions import AT_ONCE, in_portions


@pytest.mark.parametrize("count", [0, 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE])
def test_of_each_item_in_order(count: int) -> None:
    assert asyncio.run(in_portions(lambda one: -one, range(count))) == [-one for one in range(count)]


def test_others_have_a_turn_after_each_portion() -> None:
    async def test() -> list[int]:
        seen: list[int] = []
        made: list[int] = []

        async def other() -> None:
            while len(made) < 3 * AT_ONCE:
                seen.append(len(made))
                await asyncio.sleep(0)

        await asyncio.gather(in_portions(made.append, range(3 * AT_ONCE)), other())
        return seen

    assert asyncio.run(test()) == [AT_ONCE, 2 * AT_ONCE]


def test_an_error_is_that_of_the_item() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_portions(lambda one: 1 // one, [1, 0]))
