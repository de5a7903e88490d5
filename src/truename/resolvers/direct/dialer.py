"""Where the resolver's TCP connections begin: to an address, never to a name, and only to one that is allowed.

Every socket of `direct` but those of UDP trackers is opened here; the check of a peer's or tracker's address before is
the first barrier, this is the second.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import TypeVar

from truename.checked_net import checked

ProtocolT = TypeVar("ProtocolT", bound=asyncio.BaseProtocol)

_RECEIVE_BUFFER_BYTES = 64 * 1024
"""So that not much of a flood is under way when we have heard enough of it."""

_RESET_AT_THE_END = struct.pack("ii", 1, 0)
"""Who closes keeps the port for a minute (TIME_WAIT), unless it closes with a reset; nothing of ours is lost by it."""


class Dialer:
    """Opens connections. `allow_private`: private and loopback addresses are allowed for all of them."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def connect(
        self,
        make: Callable[[], ProtocolT],
        address: str,
        port: int,
        *,
        exempt: bool = False,
        tls: tuple[ssl.SSLContext, str] | None = None,
    ) -> ProtocolT:
        """Connect a protocol. `exempt`: the administrator named it; `tls`: how, and the name to be proved.

        Errors: `Forbidden`; `OSError` when nobody is there or it is not who it should be.
        """
        (address,) = checked((address,), allow_private=exempt or self._allow_private)
        loop = asyncio.get_running_loop()
        opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            opened.setblocking(False)  # noqa: FBT003
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_THE_END)
            await loop.sock_connect(opened, (address, port))
            context, host = tls or (None, None)
            _, protocol = await loop.create_connection(make, sock=opened, ssl=context, server_hostname=host)
        except BaseException:
            with contextlib.suppress(OSError):
                opened.close()
            raise
        return protocol
