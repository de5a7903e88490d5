"""The child process: `python -m truename.resolvers.child.main SOCKET PARENT`, two numbers that `process` gives it."""

import asyncio
import os
import socket
import sys
from typing import Any

from truename.resolvers.child import limits


def main() -> None:
    """Serve until the socket ends."""
    descriptor, parent = map(int, sys.argv[1:])
    limits.settle(parent)
    # Loaded only now: libtorrent is what the limits are for.
    from truename.resolvers.child.service import Service

    async def serve() -> None:
        asyncio.get_running_loop().set_exception_handler(_end_without_memory)
        Service(socket.socket(fileno=descriptor))
        await asyncio.Event().wait()

    asyncio.run(serve())


def _end_without_memory(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What was to be taken in may be lost, and somebody would wait for it; a new process is asked everything again."""
    if isinstance(context.get("exception"), MemoryError):
        os._exit(limits.OUT_OF_MEMORY)
    loop.default_exception_handler(context)


if __name__ == "__main__":
    main()
