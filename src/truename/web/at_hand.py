"""What a route works with: found in the application, wherever the route stands."""

from starlette.requests import Request

from truename.web.doors import Doors
from truename.web.errors import stopping
from truename.web.services import Services
from truename.web.work import Work


def services_of(request: Request) -> Services:
    """What the routes of this application work with."""
    services: Services = request.app.state.services
    return services


def doors_of(request: Request) -> Doors:
    """What stands at the doors of this application."""
    doors: Doors = request.app.state.doors
    return doors


def work_of(request: Request) -> Work:
    """The heart behind the routes."""
    work: Work = request.app.state.work
    return work


def work_for_asking(request: Request) -> Work:
    """The heart, for a route that starts something. Errors: `Refusal` 503 while nothing new may be asked."""
    if not services_of(request).ready():
        raise stopping()
    work = work_of(request)
    work.refuse_when_off()
    return work
