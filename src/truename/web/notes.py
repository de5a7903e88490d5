"""The routes of notes for programs."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from truename.note_edits import Stale
from truename.notes import NoteView
from truename.texts import say
from truename.web.at_hand import work_of
from truename.web.bodies import json_object, needs_no_body
from truename.web.description import EXAMPLE_HASH, json_body
from truename.web.errors import Refusal
from truename.web.given import MAX_ID, NoteId, cursor_of, text_of
from truename.web.guard import identity_of
from truename.web.language import preferred
from truename.web.paging import rows_wanted
from truename.web.shapes import NoteChange, NoteText
from truename.web.views import Body, note_bodies, note_body

router = APIRouter(tags=["notes"])


@router.post(
    "/api/notes",
    status_code=201,
    summary="Save a text",
    openapi_extra=json_body(NoteText, {"text": f"see magnet:?xt=urn:btih:{EXAMPLE_HASH}&dn=alice"}),
)
async def save(request: Request) -> Response:
    """Keep a text with its magnets."""
    body = await json_object(request)
    view = await work_of(request).notes.save(identity_of(request).person.id, text_of(body.get("text")))
    return JSONResponse(note_body(view), 201)


@router.get("/api/notes", summary="Own notes, newest first")
async def newest(request: Request, limit: str = "", after: str = "") -> Body:
    """At most `limit` notes, and never more than 500, from the cursor `after` on; fewer where they are very long."""
    views, more = await work_of(request).notes.newest(
        identity_of(request).person.id, limit=rows_wanted(limit), before_id=cursor_of(after)
    )
    return {"notes": note_bodies(views), "next": str(views[-1].note.id) if more else None}


@router.get("/api/notes/{note_id}", summary="One note")
async def one(request: Request, note_id: NoteId) -> Body:
    """The text, and how its magnets are doing."""
    return note_body(found(await work_of(request).notes.get(identity_of(request).person.id, note_id)))


@router.patch(
    "/api/notes/{note_id}",
    summary="Change a note",
    openapi_extra=json_body(NoteChange, {"text": f"see magnet:?xt=urn:btih:{EXAMPLE_HASH}&dn=my%20own", "version": 1}),
)
async def edit(request: Request, note_id: NoteId) -> Response:
    """Put a new text in the place of the one in `version`; 409 when somebody else changed it meanwhile."""
    body = await json_object(request)
    text, version = text_of(body.get("text")), body.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= MAX_ID:
        raise Refusal("web_bad_version")
    try:
        view = await work_of(request).notes.edit(identity_of(request).person.id, note_id, version=version, text=text)
    except Stale as stale:
        language = preferred(request.headers.get("accept-language", ""))
        now: dict[str, Any] = {"version": stale.now.version, "text": stale.now.text}
        return JSONResponse({"error": say("web_stale", language), "code": "stale", **now}, 409)
    return JSONResponse(note_body(found(view)))


@router.delete("/api/notes/{note_id}", status_code=204, summary="Delete a note", dependencies=[Depends(needs_no_body)])
async def remove(request: Request, note_id: NoteId) -> Response:
    """The note and its history are gone; the names that were found stay."""
    if not await work_of(request).notes.remove(identity_of(request).person.id, note_id):
        raise Refusal("web_not_found", status=404, code="not_found")
    return Response(status_code=204)


def found(view: NoteView | None) -> NoteView:
    """The note. Errors: `Refusal` 404 when the person has none."""
    if view is None:
        raise Refusal("web_not_found", status=404, code="not_found")
    return view
