"""Puts the web application together: the wall, the routes, the files. Chooses no engine."""

from collections.abc import Iterable, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from truename.store import events
from truename.store.database import StoreUnavailable
from truename.store.disk import free_bytes, is_read_only
from truename.web import batch, calibrate, entry, health_pages, note_pages, notes, task_pages, tasks
from truename.web.at_hand import services_of
from truename.web.description import describe
from truename.web.doors import Doors
from truename.web.errors import handle, stopping
from truename.web.express import Express
from truename.web.guard import Wall
from truename.web.passwords import Passwords
from truename.web.render import render
from truename.web.services import Services
from truename.web.work import Work

STATIC = Path(__file__).parent / "static"

_LEAST_ROOM_BYTES = 1 << 20
"""With less, the next transactions fail, and those of SQLite's own housekeeping."""

_own = APIRouter()


def create_application(services: Services, work: Work | None = None, *, passwords: Passwords | None = None) -> FastAPI:
    """The application; `app.state.doors` has the set-up code and makes sign-in links.

    Whoever serves it closes `app.state.doors.passwords` at the end, and lets no proxy header be believed by the server
    itself: that is the wall's business.
    """
    application = FastAPI(
        title="truename",
        version=metadata.version("truename"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # asked for anew at each request otherwise
        exception_handlers={RequestValidationError: handle},
    )
    application.state.services = services
    application.state.doors = Doors.of(services, passwords)
    if work is not None:
        busiest = {("POST", "/api/calibrate/async"): calibrate.submit, ("POST", "/api/calibrate/batch"): batch.submit}
        application.add_middleware(Express, routes=busiest)
    application.add_middleware(Wall, services=services, doors=application.state.doors)
    routers = [entry.router, _own]
    if work is not None:
        application.state.work = work
        pages = [note_pages.router, task_pages.router, health_pages.router]
        routers = [batch.router, tasks.router, calibrate.router, notes.router, *pages, *routers]
    routes = [*application.routes, *(route for router in routers for route in router.routes)]
    application.add_exception_handler(HTTPException, partial(_refuse, routes))
    for router in routers:  # the busiest first: they are searched in this order
        application.include_router(router)
    application.openapi = partial(describe, application)  # type: ignore[method-assign]
    application.mount("/static", _WholeFiles(directory=STATIC), name="static")
    return application


class _WholeFiles(StaticFiles):
    """Files of the pages, each as a whole: they are small, and a part that is none would be refused in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


@_own.get("/healthz", summary="Alive")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@_own.get("/readyz", summary="Can take work")
async def readyz(request: Request) -> Response:
    """The server is not stopping, its database can be read, and there is room to write."""
    services = services_of(request)
    if not services.ready():
        raise stopping()
    folder = services.settings.data_dir
    if free_bytes(folder) < _LEAST_ROOM_BYTES or is_read_only(folder):
        raise StoreUnavailable("the disk is full, or read-only")
    await services.database.read(events.newest)
    return JSONResponse({"status": "ok"})


@_own.get("/api/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """The description of the API for a person: made in the browser, out of what programs read."""
    return render(request, "docs.html")


async def _refuse(routes: Sequence[BaseRoute], request: Request, error: Exception) -> Response:
    """Answer an error; where it is the method, with all methods that the path has. Source: RFC 9110, 15.5.6."""
    refused = await handle(request, error)
    methods = methods_of(routes, request.scope) if refused.status_code == 405 else ()
    if methods:
        refused.headers["Allow"] = ", ".join(methods)
    return refused


def methods_of(routes: Iterable[BaseRoute], scope: Scope) -> Sequence[str]:
    """The methods that the path of a request has, by name; what can be read can be asked for its head."""
    there = [route for route in routes if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE]
    found = {method for route in there for method in route.methods or ()}
    return sorted(found | {"HEAD"} if "GET" in found else found)
