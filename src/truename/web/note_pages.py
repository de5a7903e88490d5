"""The pages of notes and their forms, which work without script.

Nothing that a person wrote is lost here: what cannot be saved comes back in its field, with the reason.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from truename.calibration import NoRoom
from truename.names import is_hidden, shown
from truename.note_edits import Stale
from truename.note_texts import caught_up, magnets_of
from truename.notes import MagnetView, NoteView
from truename.store.database import StoreUnavailable
from truename.web.at_hand import work_for_asking, work_of
from truename.web.bodies import form_fields
from truename.web.cards import Card, changed_lines, direction_of, lacks_name, visible_lines
from truename.web.errors import Refusal, no_room, refusal_of
from truename.web.facts import facts_of, file_lines, story_of
from truename.web.given import MAX_ID, NoteId, cursor_of, note_id_of, text_of
from truename.web.guard import identity_of
from truename.web.language import preferred
from truename.web.line_ends import bare, restored
from truename.web.notes import found
from truename.web.paging import DEFAULT_LIMIT
from truename.web.paths import limit_of
from truename.web.render import moment, render, see_other
from truename.web.sending import SENT, THERE, may_send, said_to_script, send
from truename.web.views import link_of, sleeps, state_of, why_of

log = logging.getLogger(__name__)

_OTHER_FIELDS_BYTES = 1024
_COMPARED_CHARS = 100_000
_AT_ONCE_CHARS = 100_000
_UNESCAPED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._* "
NOTHING_UNNAMED = "web_nothing_unnamed"

# What is said to a person instead of what a program is told about a missing field.
_IN_A_FORM = {"web_missing_text": "notes_empty", "web_too_large": "notes_too_large"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A text in its field. `version` is the one it was written from, `now` what the note says when it is not that."""

    text: str
    note_id: int | None = None
    version: int = 0
    after: str | None = None
    now: str | None = None
    fault: str = ""


@router.get("/")
async def home(request: Request) -> Response:
    """The notes are where one begins."""
    return see_other(request, "/notes")


@router.get("/notes")
async def page(request: Request, after: str = "") -> Response:
    """The notes of a person, the newest first, and a field for a new one."""
    return await _list(request, after)


@router.post("/notes")
async def save_by_form(request: Request) -> Response:
    """Save a text, or do something about a note (`calibrate`): ask for its names, or for that of one hash (`only`), or
    no longer (`stop`), or give it to qBittorrent (`send`).
    """
    fields = await form_fields(request)
    if "calibrate" in fields:
        return await _calibrate(request, fields)
    given = bare(fields.get("text", ""))
    try:
        _check_person(request, fields)
        note_id = await _saved(request, text_of(given))
    except (Refusal, StoreUnavailable) as trouble:
        return await _list(request, "", draft=given, refusal=_told(trouble))
    return see_other(request, f"/notes#note-{note_id}")


def _check_person(request: Request, fields: Mapping[str, str]) -> None:
    """Refuse what was written while somebody else was signed in, in a page that has not heard of it."""
    person_id = str(identity_of(request).person.id)
    if fields.get("person", person_id) != person_id:
        raise Refusal("notes_other_person", status=409, code="conflict")


async def _saved(request: Request, text: str) -> int:
    """The number of the note; the same one when the same text comes again soon."""
    work, person_id = work_of(request), identity_of(request).person.id

    async def save() -> int:
        return (await work.notes.save(person_id, text)).note.id

    sent = person_id, sha256(text.encode()).digest()
    return await work.once.do(sent, save, still_there=partial(work.notes.is_as_saved, person_id))


@router.get("/notes/{note_id}")
async def page_of_one(request: Request, note_id: NoteId, after: str | None = None) -> Response:
    """One note by itself; with `after` as it stands on that page of the list, for a page that follows its magnets."""
    view = found(await work_of(request).notes.get(identity_of(request).person.id, note_id))
    (card,) = await _cards([view], after=_after(after))
    if after is not None:
        return _page(request, "one-note.html", cards=[card])
    named = [one.info_hash for one in (*card.magnets, *card.folded) if one.known is not None]
    return _page(request, "one-note.html", cards=[card], about=await work_of(request).notes.provenance(named))


@router.get("/notes/{note_id}/edit")
async def edit_page(request: Request, note_id: NoteId, after: str | None = None) -> Response:
    """A note in a field."""
    note = found(await work_of(request).notes.get(identity_of(request).person.id, note_id)).note
    draft = Draft(text=note.text, note_id=note_id, version=note.version, after=_after(after))
    return _editor(request, draft)


@router.post("/notes/{note_id}")
async def edit_by_form(request: Request, note_id: NoteId) -> Response:
    """Put what came from the field in the place of the note's text, or show the field again with what is the matter."""
    person_id, notes = identity_of(request).person.id, work_of(request).notes
    if await notes.get(person_id, note_id) is None:
        return await _gone(request)
    fields = await form_fields(request)
    version, after = _version(fields), _after(fields.get("after"))
    written = bare(fields.get("text", ""))
    draft = Draft(text=written, note_id=note_id, version=version, after=after)
    before = await notes.text_at(person_id, note_id, version)
    try:
        text = text_of(restored(written, before or ""))
        view = await notes.edit(person_id, note_id, version=version, text=text, base=before)
    except (Refusal, StoreUnavailable) as trouble:
        refusal = _told(trouble)
        return _editor(
            request, replace(draft, fault=_in_a_form(refusal)), status=refusal.status_code, headers=refusal.headers
        )
    except Stale as stale:
        return await _stale(request, draft, stale, before)
    return await _gone(request) if view is None else see_other(request, _way_back(after, note_id))


@router.post("/notes/{note_id}/delete")
async def delete_by_form(request: Request, note_id: NoteId) -> Response:
    """Delete a note; the page asked before."""
    person_id, notes = identity_of(request).person.id, work_of(request).notes
    found(await notes.get(person_id, note_id))
    after = _after((await form_fields(request)).get("after"))
    await notes.remove(person_id, note_id)
    return see_other(request, f"/notes?after={after}" if after else "/notes")


async def _calibrate(request: Request, fields: dict[str, str]) -> Response:
    work = work_of(request) if "stop" in fields or "send" in fields else work_for_asking(request)
    person_id = identity_of(request).person.id
    view = found(await work.notes.get(person_id, note_id_of(fields["calibrate"])))
    after, only = _after(fields.get("after")), fields.get("only")
    if "send" in fields:
        word = await send(request, view, fields["send"])
        return said_to_script(request, word) or see_other(request, _way_back(after, view.note.id, said=word))
    if "stop" in fields:
        await work.watch.stop(person_id, fields["stop"])
    else:
        magnets = [one for one in await asyncio.to_thread(magnets_of, view.note.text) if only in (None, one.info_hash)]
        answers = await work.calibrations.submit(person_id, magnets)
        refused = sum(isinstance(one, NoRoom) for one in answers)
        if refused:
            raise no_room("notes_no_room", refused=f"{refused:,}", asked=f"{len(magnets):,}")
    return see_other(request, _way_back(after, view.note.id))


async def _list(request: Request, after: str, *, draft: str = "", refusal: Refusal | None = None) -> Response:
    views, more = await work_of(request).notes.newest(
        identity_of(request).person.id, limit=DEFAULT_LIMIT, before_id=cursor_of(after)
    )
    cards = await _cards(views, after=after)
    return _page(
        request,
        "notes.html",
        status=200 if refusal is None else refusal.status_code,
        headers=None if refusal is None else refusal.headers,
        cards=cards,
        unnamed=any(lacks_name(magnet) for view in views for magnet in view.magnets),
        older=views[-1].note.id if more else None,
        newer=bool(after),
        draft=draft,
        fault="" if refusal is None else _in_a_form(refusal),
        most=limit_of("/notes"),
    )


async def _cards(views: Sequence[NoteView], *, after: str | None) -> Sequence[Card]:
    """The cards of notes; those of long texts are made beside the loop."""
    if sum(len(view.note.text) for view in views) <= _AT_ONCE_CHARS:
        return [Card.of(view, after=after) for view in views]
    return await asyncio.to_thread(lambda: [Card.of(view, after=after) for view in views])


def _told(trouble: Refusal | StoreUnavailable) -> Refusal:
    """What the person is told; a full disk is the administrator's to know as well."""
    if isinstance(trouble, StoreUnavailable):
        log.warning("a text could not be saved", extra={"reason": type(trouble).__name__})
    return refusal_of(trouble)


async def _stale(request: Request, draft: Draft, stale: Stale, before: str | None) -> Response:
    """Another edit came between. Both texts are shown, and the next save is one over what the note says now."""
    now = stale.now
    mine = draft.text if before is None else await asyncio.to_thread(caught_up, before, draft.text, now.text)
    if mine == bare(now.text):  # the same form sent twice
        return see_other(request, _way_back(draft.after, now.id))
    return _editor(request, replace(draft, text=mine, version=now.version, now=now.text), status=409)


async def _gone(request: Request) -> Response:
    """There is no such note; what was written for it, if anything, can become a new one."""
    try:
        text = bare((await form_fields(request)).get("text", ""))
    except Refusal:
        text = ""
    if not text.strip():
        raise Refusal("web_not_found", status=404, code="not_found")
    return _editor(request, Draft(text=text), status=404)


def _editor(request: Request, draft: Draft, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    now = None if draft.now is None else bare(draft.now)
    return _page(
        request,
        "edit.html",
        status=status,
        headers=headers,
        draft=draft,
        too_large=draft.note_id is not None and not _fits(draft.text),
        hidden=any(is_hidden(char) for char in set(draft.text) - {"\n", "\r", "\t"}),
        now_lines=None if now is None else changed_lines(now[:_COMPARED_CHARS], draft.text),
        now_left=0 if now is None else max(0, len(now) - _COMPARED_CHARS),
        back=_way_back(draft.after, draft.note_id) if draft.note_id is not None else "/notes",
    )


def _page(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **fields: Any
) -> Response:
    language = preferred(request.headers.get("accept-language", ""))

    def why(view: MagnetView) -> str | None:
        return why_of(view, language)

    return render(
        request,
        template,
        status=status,
        headers=headers,
        mode=work_of(request).mode.value,
        visible=visible_lines,
        direction_of=direction_of,
        shown=shown,
        moment=moment,
        state_of=state_of,
        link_of=link_of,
        why_of=why,
        facts_of=partial(facts_of, language=language),
        story_of=partial(story_of, language=language),
        file_lines=file_lines,
        sleeps=sleeps,
        may_send=may_send(request),
        said=_said(request),
        **fields,
    )


def _said(request: Request) -> str:
    """What a page that was led back to says: one of our words, whatever stands in its address."""
    given = request.query_params.get("said", "")
    return given if given in (SENT, THERE, NOTHING_UNNAMED) else ""


def _way_back(after: str | None, note_id: int, *, said: str = "") -> str:
    """To where the person came from: the note's own page, or its page of the list; what is `said` there."""
    query = "&".join(f"{name}={value}" for name, value in (("after", after), ("said", said)) if value)
    if after is None:
        return f"/notes/{note_id}{query and '?' + query}"
    return f"/notes{query and '?' + query}#note-{note_id}"


def _after(given: str | None) -> str | None:
    if given is not None:
        cursor_of(given)
    return given


def _version(fields: dict[str, str]) -> int:
    given = fields.get("version", "")
    version = int(given) if given.isascii() and given.isdigit() and len(given) < 11 else 0
    if not 1 <= version <= MAX_ID:
        raise Refusal("web_bad_version")
    return version


def _in_a_form(refusal: Refusal) -> str:
    return _IN_A_FORM.get(refusal.word, refusal.word)


def _fits(text: str) -> bool:
    """Whether a browser can send this text back: a form has three characters for most bytes, and CR LF for a line end.

    Source: WHATWG URL, "application/x-www-form-urlencoded percent-encode set".
    """
    raw = bare(text).encode()
    escaped = raw.translate(None, _UNESCAPED)
    return len(raw) + 2 * len(escaped) + 3 * escaped.count(b"\n") + _OTHER_FIELDS_BYTES <= limit_of("/notes")
