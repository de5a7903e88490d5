"""The HTTP server under the application: uvicorn, with nothing that the wall would have to undo."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from truename.web.connections import Connection, Crowd, Limits

KEEP_ALIVE_S = 30
GOODBYE_S = 5
_LOOK_EVERY = 2  # tenths of a second
_ACCEPTED_AT_ONCE = 256


class WebServer(uvicorn.Server):
    """Serves on a socket that is open already. Signals are whoever's who runs it; `should_exit = True` ends it.

    No proxy header is believed here, and no line is logged for a request: its address may hold a sign-in link.
    """

    def __init__(self, application: ASGIApp, *, limits: Limits | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=Connection,
                ws="none",  # whatever is installed: a socket would leave the connection and its limits
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GOODBYE_S,
                # asyncio accepts so many before it looks at one of them, and logs so many failures at once.
                backlog=_ACCEPTED_AT_ONCE,
            )
        )
        self._crowd = Crowd(limits or Limits.of_this_process())
        self.server_state = self._crowd
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve; `up` is set then."""
        await super().startup(sockets)
        self.up.set()

    async def on_tick(self, counter: int) -> bool:
        """Now and then, look whom to leave."""
        if counter % _LOOK_EVERY == 0:
            self._crowd.look(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Open the socket to serve on; port 0 is a random one.

    Errors: `OSError`, as when another program has the port.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_ACCEPTED_AT_ONCE)
    except OSError:
        opened.close()
        raise
    return opened
