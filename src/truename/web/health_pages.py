"""The page that says what works and what does not, with the next step for each.

Everybody who is signed in sees how the ways to a name are doing; addresses, the queue and the backups are the owner's.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from truename.backups import backup_states, date_of
from truename.health import State, resolver_states
from truename.settings import Settings
from truename.store import lookups, names
from truename.texts import Language, say
from truename.web.at_hand import services_of, work_of
from truename.web.guard import identity_of
from truename.web.language import preferred
from truename.web.render import render

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to a name on the page. `last`: when it last found one."""

    name: str
    states: Sequence[State]
    last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line about the backups: texts, and the moments that stand between them."""

    well: bool
    parts: Sequence[str | datetime]


@router.get("/health")
async def page(request: Request) -> Response:
    """How everything is doing at this moment."""
    language = preferred(request.headers.get("accept-language", ""))
    admin = identity_of(request).person.admin
    ways = await _ways(request, language, whole=admin)
    backups = await _backups(request, language) if admin else []
    states = [*(well for way in ways for well, _ in way.states), *(line.well for line in backups)]
    return render(
        request,
        "health.html",
        mode=work_of(request).mode.value,
        ways=ways,
        work=await _work(request) if admin else None,
        backups=backups,
        well=all(states),
    )


async def _ways(request: Request, language: Language, *, whole: bool) -> list[Way]:
    services = services_of(request)
    last = await services.database.read(names.last_found)
    ways = []
    for name, health in await work_of(request).health():
        states = (
            [(False, say("doctor_starting", language, name=name))]
            if health is None
            else list(resolver_states(name, health, language, whole=whole))
        )
        at = last.get(name)
        ways.append(Way(name=name, states=states, last=None if at is None else moment_of(at)))
    return ways


async def _work(request: Request) -> dict[str, int]:
    services = services_of(request)
    waiting, running = await services.database.read(lookups.count_by_state)
    return {"waiting": waiting, "running": running, "slots": services.settings.slots}


async def _backups(request: Request, language: Language) -> list[Line]:
    settings = services_of(request).settings
    return await asyncio.to_thread(lambda: lines_of(settings, language))


def lines_of(settings: Settings, language: Language) -> list[Line]:
    """The lines about the last backup, their moments apart from the texts: a browser writes those as its reader does.

    A moment is between two NULs at first, which no text of a line has: what was foreign in it has been made visible.
    """
    marked = backup_states(settings, language, date_of=_marked)
    return [Line(well=well, parts=list(_parts(text.split("\0")))) for well, text in marked]


def _marked(at: float | None) -> str:
    return "-" if date_of(at) == "-" else f"\0{at}\0"


def _parts(split: Sequence[str]) -> Iterator[str | datetime]:
    for place, part in enumerate(split):
        yield moment_of(float(part)) if place % 2 else part


def moment_of(at: float) -> datetime:
    """A moment for a page."""
    return datetime.fromtimestamp(at, UTC)
