"""The busiest routes, by the shortest way: from the wall to the endpoint, with nothing of the framework between.

Each of them is a route of the application too, which describes it and would answer in the same way. An endpoint here
takes the request alone and returns the body of a 200.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from truename.web.paths import path_of

Endpoint = Callable[[Request], Awaitable[Mapping[str, Any]]]


class Express:
    """A middleware next to the application. `routes` are endpoints by method and path."""

    def __init__(self, app: ASGIApp, *, routes: Mapping[tuple[str, str], Endpoint]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application do so. Errors are the wall's to answer."""
        endpoint = self._routes.get((scope["method"], path_of(scope))) if scope["type"] == "http" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        body = await endpoint(Request(scope, receive))
        await JSONResponse(body)(scope, receive, send)
