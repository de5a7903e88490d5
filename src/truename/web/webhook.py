"""Tells a URL of the owner's when a batch has ended: the batch's body, signed, tried again when it does not arrive.

The address is looked up here and connected to as it was checked, so that a name which means something else the next
moment leads nowhere; behind a proxy that is the proxy's task. Redirects are not followed, and nothing of the answer is
kept.
Source: https://www.standardwebhooks.com (practice of signing the body); RFC 2104 (HMAC).
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import logging
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import httpcore

from truename.batching import Batches
from truename.checked_net import Forbidden, checked
from truename.clock import Clock
from truename.gateway import Gateway
from truename.networks import is_address
from truename.store import batches
from truename.store.database import Database, StoreUnavailable
from truename.store.writer import Writer
from truename.texts import Language
from truename.web.batch import batch_body
from truename.web.paging import MAX_LIMIT
from truename.web.tunnel import Tunnel

log = logging.getLogger(__name__)

SIGNATURE = "X-Truename-Signature"
AGAIN_AFTER_S = (5.0, 30.0, 300.0, 3600.0)
"""After the last of these a batch is told no more."""

_TIMEOUT_S = 10.0
_LOOK_AGAIN_S = 1.0
_AT_ONCE = 10
_GONE = 410
_NOT_ARRIVED = (
    *(httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, TimeoutError, OSError),
    UnicodeError,  # a host that cannot be looked up
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to tell. Without a secret the body is not signed; with a `gateway` it is told through that proxy."""

    url: str
    secret: str
    allow_private: bool
    gateway: Gateway | None = None


class Webhook:
    """The loop that tells."""

    def __init__(self, target: Target, database: Database, writer: Writer, told: Batches, *, clock: Clock) -> None:
        self._target = target
        self._database = database
        self._writer = writer
        self._batches = told
        self._clock = clock

    async def run(self) -> None:
        """Tell what there is to tell, until cancelled."""
        async with open_pool(allow_private=self._target.allow_private, gateway=self._target.gateway) as pool:
            while True:
                told = 0
                try:
                    told = await self.tell(pool)
                except StoreUnavailable as trouble:
                    log.warning("the webhook is told later", extra={"reason": str(trouble)})
                if told < _AT_ONCE:
                    await asyncio.sleep(_LOOK_AGAIN_S)

    async def tell(self, pool: httpcore.AsyncConnectionPool) -> int:
        """Tell of the batches that are due; of how many, those left out that could not be read."""
        due = await self._database.read(
            batches.to_tell, at=self._clock(), longest_delay_s=AGAIN_AFTER_S[-1], limit=_AT_ONCE
        )
        arrived = await asyncio.gather(*(self._tell_safely(pool, one.batch_id, one.person_id) for one in due))
        tried = [(one, well) for one, well in zip(due, arrived, strict=True) if well is not None]
        written = []
        for one, well in tried:
            again_at = None if well or one.tried >= len(AGAIN_AFTER_S) else self._clock() + AGAIN_AFTER_S[one.tried]
            if not well and again_at is None:
                log.warning("the webhook is not told any more", extra={"batch": one.batch_id})
            written.append(self._writer.begin(batches.tried_all, (one, again_at)))
        await asyncio.gather(*written)
        return len(tried)

    async def _tell_safely(self, pool: httpcore.AsyncConnectionPool, batch_id: str, person_id: int) -> bool | None:
        """The same as `_tell`, or None: it could not be read, and is told later, which keeps no other from being told.

        Nor does a defect that one batch brings to light end the server.
        """
        try:
            return await self._tell(pool, batch_id, person_id)
        except StoreUnavailable as trouble:
            log.warning("the webhook is told later", extra={"reason": str(trouble)})
            return None
        except Exception:
            log.exception("telling the webhook broke", extra={"batch": batch_id})
            return False

    async def _tell(self, pool: httpcore.AsyncConnectionPool, batch_id: str, person_id: int) -> bool:
        """Whether it arrived, or never will: the batch is forgotten, or the receiver wants nothing any more."""
        view = await self._batches.to_be_told(person_id, batch_id, limit=MAX_LIMIT + 1)
        if view is None:
            log.warning("the webhook is not told any more", extra={"batch": batch_id})
            return True
        if view.batch.ended_at is None:  # begun again this moment
            return True
        body = json.dumps(batch_body(view, MAX_LIMIT, Language.CHINESE), ensure_ascii=False).encode()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                async with pool.stream("POST", self._target.url, content=body, headers=self._headers(body)) as answer:
                    status = answer.status
        except (*_NOT_ARRIVED, Forbidden) as error:
            log.warning("the webhook could not be told", extra={"batch": batch_id, "reason": type(error).__name__})
            return False
        if not 200 <= status < 300:
            log.warning("the webhook was refused", extra={"batch": batch_id, "status": status})
        return 200 <= status < 300 or status == _GONE

    def _headers(self, body: bytes) -> Mapping[bytes | str, bytes | str]:
        headers: dict[bytes | str, bytes | str] = {"Content-Type": "application/json", "User-Agent": "truename"}
        if self._target.secret:
            headers[SIGNATURE] = "sha256=" + hmac.digest(self._target.secret.encode(), body, hashlib.sha256).hex()
        parts = urlsplit(self._target.url)
        if parts.username is not None:
            known_as = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(known_as.encode()).decode()
        return headers


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that were looked at. A name is for the proxy to look up, where there is one."""

    def __init__(self, *, allow_private: bool, gateway: Gateway | None) -> None:
        self._allow_private = allow_private
        self._gateway = gateway
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if self._gateway is not None:
            if is_address(host):
                checked((host,), allow_private=self._allow_private)
            return await Tunnel.over(await self._gateway.connect(host, port))
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = checked((str(info[4][0]) for info in found), allow_private=self._allow_private)
        share_s = _TIMEOUT_S / (1 + len(addresses))  # some time is left for the answer of the last one
        for address in addresses[:-1]:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._inner.connect_tcp(address, port, share_s, local_address, socket_options)
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise Forbidden

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def open_pool(*, allow_private: bool, gateway: Gateway | None = None) -> httpcore.AsyncConnectionPool:
    """A client that follows no redirect, uses no proxy of the environment, and looks where it goes."""
    return httpcore.AsyncConnectionPool(
        ssl_context=ssl.create_default_context(),
        max_connections=_AT_ONCE,
        max_keepalive_connections=0,
        network_backend=_Checked(allow_private=allow_private, gateway=gateway),
    )
