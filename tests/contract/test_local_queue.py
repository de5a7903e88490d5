"""The queue inside the process does what every queue does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.contract.queue_contract import MakeQueue, QueueContract
from truename.queue.local import LocalQueue


class TestLocalQueue(QueueContract):
    """`queue_contract.py` with the queue in memory."""

    @pytest.fixture
    def make_queue(self) -> MakeQueue:
        """Nothing to start and nothing to end."""

        @asynccontextmanager
        async def make(slots: int) -> AsyncIterator[LocalQueue]:
            yield LocalQueue(slots=slots)

        return make
