"""What a form sent is remembered for a while, and not for longer."""

import asyncio
from itertools import count

from truename.web.once import REMEMBERED_S, Once


def test_the_same_that_is_sent_much_later_is_something_new() -> None:
    now = [0.0]
    numbers = count(1)

    async def made() -> int:
        return next(numbers)

    async def there(_: int) -> bool:
        return True

    async def test() -> list[int]:
        once = Once(lambda: now[0])
        found = []
        for at in (0.0, REMEMBERED_S - 1, REMEMBERED_S, 2 * REMEMBERED_S - 1, 2 * REMEMBERED_S):
            now[0] = at
            found.append(await once.do("the same", made, still_there=there))
        return found

    assert asyncio.run(test()) == [1, 1, 2, 2, 3]


def test_who_comes_while_another_try_fails_tries_too() -> None:
    async def test() -> int:
        once, asked, may_answer = Once(), 0, asyncio.Event()

        async def made() -> int:
            return 1

        async def broken() -> int:
            raise OSError

        async def gone(_: int) -> bool:
            nonlocal asked
            asked += 1
            if asked == 2:
                await may_answer.wait()
            return False

        await once.do("the same", made, still_there=gone)
        first = asyncio.create_task(once.do("the same", broken, still_there=gone))
        await asyncio.sleep(0)
        second = asyncio.create_task(once.do("the same", made, still_there=gone))
        await asyncio.wait([first])
        assert isinstance(first.exception(), OSError)
        may_answer.set()
        return await second

    assert asyncio.run(test()) == 1


def test_not_more_than_a_thousand_are_remembered() -> None:
    async def made() -> int:
        return 1

    async def there(_: int) -> bool:
        return True

    async def test() -> int:
        once = Once()
        for number in range(1500):
            await once.do(number, made, still_there=there)
        return len(once._done)

    assert asyncio.run(test()) == 1000
