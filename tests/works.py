"""Work of a queue that a coroutine does, as tests write it."""

from collections.abc import Awaitable, Callable
from functools import partial

from truename.asked import Asked, Ended, InATask
from truename.model import Lookup, Outcome
from truename.queue.base import Work


def in_tasks(work: Callable[[Lookup], Awaitable[Outcome]]) -> Work:
    """The same work, in a task for each look-up."""

    def begin(lookup: Lookup, ended: Ended[Outcome]) -> Asked[Outcome]:
        return InATask(partial(work, lookup), ended)

    return begin
