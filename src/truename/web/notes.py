"""The routes of notes: the API, and the page that works with and without script."""

import re
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from truename.names import make_visible, shown
from truename.notes import MagnetView, NoteView, Stale, magnets_of
from truename.texts import say
from truename.web.bodies import form_fields, json_object
from truename.web.calibrate import MAX_ID, NoteId, work_for_asking, work_of
from truename.web.errors import Refusal
from truename.web.guard import identity_of
from truename.web.language import preferred
from truename.web.render import render
from truename.web.views import Body, link_of, note_body, state_of, why_of

MAX_LIMIT = 500
DEFAULT_LIMIT = 50
MAX_TEXT_BYTES = 5 * 1024 * 1024

_LINE_ENDS = re.compile("([\n\t])")

router = APIRouter(tags=["notes"])


@router.get("/", include_in_schema=False)
async def home(request: Request) -> Response:
    """The notes are where one begins."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/notes", 303)


@router.get("/notes", include_in_schema=False)
async def page(request: Request, after: str = "") -> Response:
    """The notes of a person, the newest first, and a field for a new one."""
    limit = DEFAULT_LIMIT
    views = await work_of(request).notes.newest(
        identity_of(request).person.id, limit=limit + 1, before_id=_cursor(after)
    )
    older = views[limit - 1].note.id if len(views) > limit else None
    return _page(request, "notes.html", notes=views[:limit], older=older, newer=bool(after))


@router.get("/notes/{note_id}", include_in_schema=False)
async def page_of_one(request: Request, note_id: NoteId) -> Response:
    """One note by itself; a page that follows its magnets reads it again and again."""
    found = _found(await work_of(request).notes.get(identity_of(request).person.id, note_id))
    return _page(request, "one-note.html", notes=[found])


@router.post("/notes", include_in_schema=False)
async def save_by_form(request: Request) -> Response:
    """Without script: save a text, or ask for the names of a note (`calibrate`) or of one hash in it (`only`)."""
    work, person_id = work_of(request), identity_of(request).person.id
    fields = await form_fields(request)
    if "calibrate" in fields:
        work_for_asking(request)
        view = _found(await work.notes.get(person_id, _note_id(fields["calibrate"])))
        only = fields.get("only")
        magnets = [one for one in magnets_of(view.note.text) if only in (None, one.info_hash)]
        await work.calibrations.submit(person_id, magnets)
    else:
        # A browser sends every line end of a form as CR LF, whatever the person pasted.
        view = await work.notes.save(person_id, _text(fields.get("text", "").replace("\r\n", "\n")))
    return RedirectResponse(f"{request.scope.get('root_path', '')}/notes#note-{view.note.id}", 303)


@router.post(
    "/api/notes",
    status_code=201,
    summary="Save a text",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"example": {"text": "magnet:?xt=urn:btih:..."}}},
        }
    },
)
async def save(request: Request) -> Response:
    """Keep a text with its magnets."""
    body = await json_object(request)
    view = await work_of(request).notes.save(identity_of(request).person.id, _text(body.get("text")))
    return JSONResponse(note_body(view), 201)


@router.get("/api/notes", summary="Own notes, newest first")
async def newest(request: Request, limit: str = str(DEFAULT_LIMIT), after: str = "") -> Body:
    """At most `limit` notes, and never more than 500, from the cursor `after` on."""
    digits = limit.lstrip("0") if limit.isascii() and limit.isdigit() else ""
    if not digits:
        raise Refusal("web_bad_request")
    count = min(int(digits[:4]), MAX_LIMIT)  # four digits are more than there may be
    views = await work_of(request).notes.newest(
        identity_of(request).person.id, limit=count + 1, before_id=_cursor(after)
    )
    return {
        "notes": [note_body(view) for view in views[:count]],
        "next": str(views[count - 1].note.id) if len(views) > count else None,
    }


@router.get("/api/notes/{note_id}", summary="One note")
async def one(request: Request, note_id: NoteId) -> Body:
    """The text, and how its magnets are doing."""
    return note_body(_found(await work_of(request).notes.get(identity_of(request).person.id, note_id)))


@router.patch(
    "/api/notes/{note_id}",
    summary="Change a note",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"example": {"text": "...", "version": 1}}}}
    },
)
async def edit(request: Request, note_id: NoteId) -> Response:
    """Put a new text in the place of the one in `version`; 409 when somebody else changed it meanwhile."""
    body = await json_object(request)
    text, version = _text(body.get("text")), body.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= MAX_ID:
        raise Refusal("web_bad_version")
    try:
        view = await work_of(request).notes.edit(identity_of(request).person.id, note_id, version=version, text=text)
    except Stale as stale:
        language = preferred(request.headers.get("accept-language", ""))
        now: dict[str, Any] = {"version": stale.now.version, "text": stale.now.text}
        return JSONResponse({"error": say("web_stale", language), "code": "stale", **now}, 409)
    return JSONResponse(note_body(_found(view)))


@router.delete("/api/notes/{note_id}", status_code=204, summary="Delete a note")
async def remove(request: Request, note_id: NoteId) -> Response:
    """The note and its history are gone; the names that were found stay."""
    if not await work_of(request).notes.remove(identity_of(request).person.id, note_id):
        raise Refusal("web_not_found", status=404, code="not_found")
    return Response(status_code=204)


def make_visible_lines(text: str) -> str:
    """A text in which nothing can hide, its line ends and tabs left as they are."""
    return "".join(
        piece if piece in "\n\t" else make_visible(piece) for piece in _LINE_ENDS.split(text.replace("\r\n", "\n"))
    )


def _page(request: Request, template: str, **fields: Any) -> Response:
    language = preferred(request.headers.get("accept-language", ""))

    def why(view: MagnetView) -> str | None:
        return why_of(view, language)

    return render(
        request,
        template,
        mode=work_of(request).mode.value,
        visible=make_visible_lines,
        shown=shown,
        moment=_moment,
        state_of=state_of,
        link_of=link_of,
        why_of=why,
        **fields,
    )


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _found(view: NoteView | None) -> NoteView:
    if view is None:
        raise Refusal("web_not_found", status=404, code="not_found")
    return view


def _text(given: object) -> str:
    if not isinstance(given, str) or not given.strip():
        raise Refusal("web_missing_text")
    if "\0" in given:
        raise Refusal("web_bad_text")
    if len(given.encode()) > MAX_TEXT_BYTES:
        raise Refusal("web_too_large", status=413, code="too_large")
    return given


def _cursor(after: str) -> int | None:
    return _note_id(after) if after else None


def _note_id(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    if not 1 <= number <= MAX_ID:
        raise Refusal("web_bad_request")
    return number
