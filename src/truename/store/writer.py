"""The one writer: takes what is waiting, runs it as one transaction, answers after the commit.

A durable transaction costs a flush to disk however much is in it, so many small requests share one. Work of one kind
is a function from a list of items to a list of results, so that it can be bulk SQL.
Invariant: nobody gets an answer before the commit; a group that fails is rolled back and done again one by one, so that
a bad request fails alone. While another program holds the database, nobody waits for longer than twice its busy
time-out. What is large has a transaction of its own, and small requests come between two of these.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from truename.store.database import Connection, Database, StoreUnavailable

log = logging.getLogger(__name__)

GROUP = 500
MAX_WAITING = 50_000

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Connection, Sequence[Item]], Awaitable[Sequence[Result]]]


@dataclass(slots=True, eq=False)
class _Request:
    work: Work[Any, Any]
    item: Any
    answer: asyncio.Future[Any]


class Writer:
    """Give it work with `write`; `run` must be alive meanwhile, and whoever runs it must notice its death."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Request] = deque()
        self._large: deque[_Request] = deque()
        self._in_hand: list[_Request] = []
        self._something = asyncio.Event()
        self._stopping = False

    async def write(self, work: Work[Item, Result], item: Item, *, is_large: bool = False) -> Result:
        """Run `work` on `item`, together with whatever else is waiting; the result is there after the commit.

        `is_large`: it takes as long as very many others, which would wait for it; it may be written after later ones.

        A caller that is cancelled cannot know whether it was written: ids are made before, and work is idempotent.
        Errors: `StoreUnavailable`; what `work` raised for this item.
        """
        return await self.begin(work, item, is_large=is_large)

    def begin(self, work: Work[Item, Result], item: Item, *, is_large: bool = False) -> asyncio.Future[Result]:
        """The same for who has many items: what comes of it. `StoreUnavailable` stands in the future too."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        if self._stopping or len(self._waiting) + len(self._large) >= MAX_WAITING:
            answer.set_exception(StoreUnavailable("stopping" if self._stopping else "too much waits to be written"))
        else:
            (self._large if is_large else self._waiting).append(_Request(work, item, answer))
            self._something.set()
        return answer

    async def run(self) -> None:
        """Write until `stop`; what was accepted before that is still written."""
        try:
            while not (self._stopping and not self._waiting and not self._large):
                await self._something.wait()
                self._something.clear()
                for group in self._groups():
                    self._in_hand = group
                    await self._write_group(group)
        finally:
            self._stopping = True
            self._refuse_all(StoreUnavailable("the writer has ended"))

    def stop(self) -> None:
        """Take nothing more."""
        self._stopping = True
        self._something.set()

    def _groups(self) -> Iterator[list[_Request]]:
        """What is written next, until nothing waits: small requests together, one large one alone, and again."""
        while self._waiting or self._large:
            if self._waiting:
                yield [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
            if self._large:
                yield [self._large.popleft()]

    def _refuse_all(self, error: Exception) -> None:
        for request in (*self._in_hand, *self._waiting, *self._large):
            _refuse(request, error)
        self._waiting.clear()
        self._large.clear()

    async def _write_group(self, group: Sequence[_Request]) -> None:
        try:
            results = await self._transaction(group)
        except Exception as error:
            if isinstance(error, StoreUnavailable) and error.is_held:
                # One by one they would wait as long as this, each of them, and so would all that wait behind them.
                self._refuse_all(_outward(error))
                return
            if len(group) == 1:
                _refuse(group[0], _outward(error))
                return
        else:
            for request, result in zip(group, results, strict=True):
                if not request.answer.done():
                    request.answer.set_result(result)
            return
        for request in group:
            if not request.answer.done():
                await self._write_group([request])

    async def _transaction(self, group: Sequence[_Request]) -> list[Any]:
        by_work: dict[Work[Any, Any], list[int]] = {}
        for index, request in enumerate(group):
            by_work.setdefault(request.work, []).append(index)
        return await self._database.write(_all_of, group, by_work)


async def _all_of(
    connection: Connection, group: Sequence[_Request], by_work: Mapping[Work[Any, Any], Sequence[int]]
) -> list[Any]:
    results: list[Any] = [None] * len(group)
    for work, indices in by_work.items():
        answers = await work(connection, [group[index].item for index in indices])
        for index, answer in zip(indices, answers, strict=True):
            results[index] = answer
    return results


def _outward(error: Exception) -> Exception:
    """Trouble of the database is told as such; what the work itself raised is passed on."""
    if not isinstance(error, StoreUnavailable | OSError):
        return error
    trouble = error if isinstance(error, StoreUnavailable) else StoreUnavailable(type(error).__name__)
    log.warning("not written", extra={"reason": str(trouble)})
    return trouble


def _refuse(request: _Request, error: Exception) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)
