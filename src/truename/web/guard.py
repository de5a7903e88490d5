"""The outer wall: what every request goes through before a route sees it, and every answer before it leaves.

In this order: whether its head says one thing; by what name it calls; whether a foreign page sends it; who is signed
in; how much is sent. A path is closed unless `paths.is_open` says otherwise, so a new route needs nothing to be safe.
On the way out every answer gets its headers here, and an error that nobody caught ends here.
"""

import logging
from collections.abc import Mapping
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truename.web.bodies import Body, Room
from truename.web.doors import Doors
from truename.web.errors import Refusal, answer, refusal_of
from truename.web.identity import Identity
from truename.web.paths import is_for_programs, is_open, is_probe, is_static, limit_of, path_of, place
from truename.web.services import Services
from truename.web.visitor import FORWARDED, SAFE_METHODS, Surroundings, Visitor, is_foreign, is_own_origin, look

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 * 1024
_ONCE = ("host", "origin", "sec-fetch-site", "authorization", "content-type")
_STRANGERS_BYTES, _PEOPLES_BYTES = 32 * 1024 * 1024, 256 * 1024 * 1024
_SHARES = 4
"""So many people can fill it together, and one never. A stranger's form is so small that all connections have room."""

VISITOR, IDENTITY = "truename.visitor", "truename.identity"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Wall:
    """The middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, services: Services, doors: Doors) -> None:
        self._app = app
        self._doors = doors
        self._strangers = Room(_STRANGERS_BYTES, _STRANGERS_BYTES)
        self._people = Room(_PEOPLES_BYTES, _PEOPLES_BYTES // _SHARES)
        self._root_path = services.settings.root_path
        self._surroundings = Surroundings.of(
            host=services.settings.host,
            allowed_hosts=services.settings.allowed_hosts,
            trusted_proxies=services.settings.trusted_proxies,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = self._place(scope)
        path, wanted = path_of(scope), scope["method"] not in SAFE_METHODS
        body = Body(receive, scope["headers"], limit=limit_of(path), wanted=wanted)
        bare = scope["method"] == "HEAD"
        way_out = _WayOut(send, body, static=is_static(path), bare=bare)
        if bare and not is_static(path):  # the routes know GET alone; files are not even read for their heads
            scope = {**scope, "method": "GET"}
        request = Request(scope, body.receive)
        try:
            early = await self._admit(request, visitor, body)
            await (early or self._app)(scope, body.receive, way_out.send)
        except ClientDisconnect:
            return  # there is nobody to answer
        except Exception as error:
            if way_out.started:
                raise
            _log(error)
            await answer(request, error)(scope, body.receive, way_out.send)
        finally:
            body.let_go()

    async def _admit(self, request: Request, visitor: Visitor | None, body: Body) -> Response | None:
        """Let it in, refuse it, or lead it to the sign-in."""
        path = path_of(request.scope)
        _look_at_head(request)
        if not is_probe(path) and (visitor is None or visitor.host not in self._surroundings.hosts):
            raise Refusal("web_wrong_host")
        if visitor is None:
            visitor = Visitor(address="", scheme="http", host="", port=80)
        request.scope[VISITOR] = visitor
        if is_foreign(visitor, request.method, request.headers):
            raise Refusal("web_foreign", status=403, code="forbidden")
        if not is_static(path) and not is_probe(path):
            request.scope[IDENTITY] = await self._identify(request.headers, visitor)
        if request.scope.get(IDENTITY) is None and not is_open(path):
            if is_for_programs(request.scope):
                raise Refusal("web_unauthorized", status=401, code="unauthorized")
            return RedirectResponse(self._login_of(request), 303)
        if any(character < " " or character == "\x7f" for character in path):
            raise Refusal("web_not_found", status=404, code="not_found")  # no path of ours has one
        body.refuse_at_once()
        identity = request.scope.get(IDENTITY)
        if identity is None:
            body.fill(self._strangers, None)
        else:
            body.fill(self._people, identity.person.id)
        return None

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A socket needs a session, and a page of this server that opens it."""
        visitor = self._place(scope)
        headers = Headers(scope=scope)
        named = visitor is not None and visitor.host in self._surroundings.hosts
        if visitor is not None and named and is_own_origin(visitor, headers.get("origin", "")):
            scope[VISITOR] = visitor
            scope[IDENTITY] = await self._identify(headers, visitor)
        if scope.get(IDENTITY) is None:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _place(self, scope: Scope) -> Visitor | None:
        """Make the scope say what the outside world says: path, scheme, host and address of the client."""
        place(scope, self._root_path)
        peer = scope["client"][0] if scope.get("client") else ""
        visitor = look(self._surroundings, peer=peer, scheme=scope.get("scheme", "http"), headers=scope["headers"])
        headers = [(name, value) for name, value in scope["headers"] if name not in FORWARDED]
        if visitor is not None:
            headers = [(name, value) for name, value in headers if name != b"host"]
            headers.insert(0, (b"host", visitor.origin.partition("://")[2].encode("latin-1")))
            secure = visitor.scheme == "https"
            scope["scheme"] = {"http": visitor.scheme, "websocket": "wss" if secure else "ws"}[scope["type"]]
            scope["client"] = (visitor.address, 0)
        scope["headers"] = headers
        return visitor

    async def _identify(self, headers: Headers, visitor: Visitor) -> Identity | None:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await self._doors.identities.of_token(credentials.strip())
        cookies = cookie_parser(headers.get("cookie", ""))
        return await self._doors.identities.of_session(cookies.get(self._cookie_of(visitor), ""))

    def _cookie_of(self, visitor: Visitor) -> str:
        return cookie_name(visitor, self._root_path)

    def _login_of(self, request: Request) -> str:
        login = f"{self._root_path}/login"
        if request.method not in ("GET", "HEAD"):
            return login
        query = request.scope.get("query_string", b"").decode("latin-1")
        wanted = path_of(request.scope) + (f"?{query}" if query else "")
        return f"{login}?next={quote(wanted, safe='/')}"


class _WayOut:
    """Puts the headers on an answer, and sees to what is left of the request's body.

    `bare`: the answer goes without its own, as that to a HEAD does. Source: RFC 9110, 9.3.2.
    """

    def __init__(self, send: Send, body: Body, *, static: bool, bare: bool) -> None:
        self._send = send
        self._body = body
        self._static = static
        self._bare = bare
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers["Cache-Control"] = "no-cache" if self._static else "no-store"
            await self._body.drain()
            if not self._body.complete:
                headers["Connection"] = "close"
        elif self._bare:
            message = {**message, "body": b""}
        await self._send(message)


def _look_at_head(request: Request) -> None:
    """Refuse what is too large, and what says twice what can be said once: who looks at the first and who at the last
    of the two would take it for two requests.
    """
    scope = request.scope
    size = len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
    size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if size > MAX_HEAD_BYTES:
        raise Refusal("web_too_large", status=431, code="too_large")
    if any(len(request.headers.getlist(name)) > 1 for name in _ONCE):
        raise Refusal("web_bad_request")


def _log(error: Exception) -> None:
    """What an administrator has to know. A refusal of our own is none of it: calibration that was switched off."""
    status = refusal_of(error).status_code
    if status == 503 and not isinstance(error, Refusal):
        log.warning("a request was not served", extra={"reason": str(error) or type(error).__name__})
    elif status >= 500 and status != 503:
        log.error("a request failed", exc_info=error)


def cookie_name(visitor: Visitor, root_path: str) -> str:
    """What the cookie of a session is called.

    `__Host-` keeps other hosts of the domain from setting it, and needs HTTPS and the path `/`. Otherwise the name
    holds the port, since browsers send cookies to all ports of a host.
    """
    if visitor.scheme == "https" and not root_path:
        return "__Host-truename"
    return f"truename_{visitor.port}"


def visitor_of(request: Request) -> Visitor:
    """Where the request comes from."""
    visitor: Visitor = request.scope[VISITOR]
    return visitor


def identity_or_none(request: Request) -> Identity | None:
    """Who is asking, on a path that is open."""
    identity: Identity | None = request.scope.get(IDENTITY)
    return identity


def identity_of(request: Request) -> Identity:
    """Who is asking."""
    identity = identity_or_none(request)
    if identity is None:
        raise Refusal("web_unauthorized", status=401, code="unauthorized")
    return identity
