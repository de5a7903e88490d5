"""The routes that ask for names: at once with a task id, or synchronously; and the mode they work in.

A client that leaves a synchronous request changes nothing: the task goes on, only nobody waits for it any more.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from truename.calibration import NoRoom
from truename.mode import MODES
from truename.note_texts import magnets_of
from truename.service import TooMany
from truename.web.at_hand import services_of, work_for_asking, work_of
from truename.web.bodies import json_object, needs_no_body
from truename.web.description import EXAMPLE_HASH, json_body
from truename.web.errors import Refusal
from truename.web.given import NoteId, magnet_in, priority_in
from truename.web.guard import identity_of
from truename.web.language import preferred
from truename.web.shapes import Ask, ConfigChange
from truename.web.views import Body, note_results, task_body

POLL_INTERVAL_MS = 1000
POLL_TIMEOUT_MS = 60_000

router = APIRouter(tags=["calibrate"])


_HASH_EXAMPLE = {"info_hash": EXAMPLE_HASH, "priority": "normal"}


@router.post("/api/calibrate/async", summary="Ask for a name", openapi_extra=json_body(Ask, _HASH_EXAMPLE))
async def submit(request: Request) -> Body:
    """Answers at once with a task to follow. A name that is known already completes it immediately."""
    work = work_for_asking(request)
    body = await json_object(request)
    magnet, priority = magnet_in(body), priority_in(body)
    submitted = await work.calibrations.submit_one(identity_of(request).person.id, magnet, priority=priority)
    answer: Body = {"task_id": submitted.task_id, "status": submitted.status.value}
    return answer | {"deduplicated": True} if submitted.deduplicated else answer


@router.get("/api/calibrate/status/{task_id}", summary="How a task is doing")
async def status(request: Request, task_id: str) -> Body:
    """The task, as long as it is remembered."""
    view = await work_of(request).calibrations.status(identity_of(request).person.id, task_id)
    if view is None:
        raise Refusal("web_no_such_task", status=404, code="not_found")
    return task_body(view, preferred(request.headers.get("accept-language", "")))


@router.post("/api/calibrate", summary="Ask for a name and wait", openapi_extra=json_body(Ask, _HASH_EXAMPLE))
async def submit_and_wait(request: Request) -> Body:
    """Waits up to a minute, then answers the task as it is. The task goes on, whoever waits."""
    work, person_id = work_for_asking(request), identity_of(request).person.id
    body = await json_object(request)
    magnet, priority = magnet_in(body), priority_in(body)
    with work.one_more_waiting(person_id):
        async with _while_it_makes_sense(request) as enough:
            submitted = await work.calibrations.submit_one(person_id, magnet, priority=priority)
            ids = [submitted.task_id]
            await work.calibrations.wait(person_id, ids, timeout_s=work.sync_wait_s, enough=enough)
    return await status(request, submitted.task_id)


@router.post(
    "/api/calibrate/{note_id}", summary="Name all magnets of a note and wait", dependencies=[Depends(needs_no_body)]
)
async def calibrate_note(request: Request, note_id: NoteId) -> Response:
    """Waits up to a minute; one result for each magnet, in the order of the text. 429 when there is no room for any."""
    work, person_id = work_for_asking(request), identity_of(request).person.id
    view = await work.notes.get(person_id, note_id)
    if view is None:
        raise Refusal("web_not_found", status=404, code="not_found")
    end = time.monotonic() + work.sync_wait_s  # to ask for very many takes a part of it
    with work.one_more_waiting(person_id):
        async with _while_it_makes_sense(request) as enough:
            magnets = await asyncio.to_thread(magnets_of, view.note.text)  # there may be many
            answers = await work.calibrations.submit(person_id, magnets)
            ids = [one.task_id for one in answers if not isinstance(one, NoRoom)]
            if answers and not ids:
                raise TooMany
            rows = await work.calibrations.wait(person_id, ids, timeout_s=end - time.monotonic(), enough=enough)
    asked = zip(magnets, answers, strict=True)
    refused = {magnet.info_hash for magnet, answer in asked if isinstance(answer, NoRoom)}
    language = preferred(request.headers.get("accept-language", ""))

    def written() -> Response:
        return JSONResponse(note_results(view.note.text, rows.values(), language, refused=refused))

    return await asyncio.to_thread(written)


@router.get("/api/config", summary="How pages ask")
async def config(request: Request) -> Body:
    """The mode, and how often to poll."""
    return {
        "calibration_mode": work_of(request).mode.value,
        "poll_interval_ms": POLL_INTERVAL_MS,
        "poll_timeout_ms": POLL_TIMEOUT_MS,
        "websocket": False,
    }


@router.put(
    "/api/config",
    summary="Change the mode (administrators)",
    openapi_extra=json_body(ConfigChange, {"calibration_mode": "sync"}),
)
async def change_config(request: Request) -> Body:
    """Takes effect at once and survives a restart; null goes back to the settings."""
    if not identity_of(request).person.admin:
        raise Refusal("web_forbidden", status=403, code="forbidden")
    body = await json_object(request)
    mode = body.get("calibration_mode", "")
    if mode is not None and mode not in MODES:
        raise Refusal("web_bad_mode")
    await work_of(request).mode.choose(mode)
    return await config(request)


@asynccontextmanager
async def _while_it_makes_sense(request: Request) -> AsyncIterator[Callable[[], bool]]:
    """For a route that waits: whether it has waited enough, for the client has gone or the server is stopping."""
    await request.body()  # what comes after it is the client's end
    ready = services_of(request).ready
    leaving = asyncio.ensure_future(request.receive())  # ends with the block
    try:
        yield lambda: leaving.done() or not ready()
    finally:
        leaving.cancel()
