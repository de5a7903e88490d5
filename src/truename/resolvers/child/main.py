"""The child process: `python -m truename.resolvers.child.main SOCKET PARENT`, two numbers that `process` gives it."""

import asyncio
import socket
import sys

from truename.resolvers.child import limits


def main() -> None:
    """Serve until the socket ends."""
    descriptor, parent = map(int, sys.argv[1:])
    limits.settle(parent)
    # Loaded only now: libtorrent is what the limits are for.
    from truename.resolvers.child.service import Service

    async def serve() -> None:
        Service(socket.socket(fileno=descriptor))
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
