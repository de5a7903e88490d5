"""The button that gives a named magnet to the owner's qBittorrent.

That program belongs to whoever runs this server, so the button is there for administrators only.
"""

from fastapi import Request
from fastapi.responses import JSONResponse

from truename.errors import ResolverDown
from truename.note_texts import magnets_of
from truename.notes import NoteView
from truename.texts import say
from truename.web.at_hand import work_of
from truename.web.errors import Refusal
from truename.web.guard import identity_of
from truename.web.language import preferred

SENT, THERE = "qbittorrent_sent", "qbittorrent_there"


def may_send(request: Request) -> bool:
    """Whether there is somebody to send to, for this person."""
    return work_of(request).send is not None and identity_of(request).person.admin


async def send(request: Request, view: NoteView, info_hash: str) -> str:
    """Send a magnet of a note by its true name.

    Output: a word of `truename.texts` that says what came of it.
    Errors: `Refusal`, with what to do when qBittorrent does not take it.
    """
    sending = work_of(request).send
    if sending is None or not may_send(request):
        raise Refusal("web_forbidden", status=403, code="forbidden")
    name = next((one.name for one in view.magnets if one.info_hash == info_hash and one.name), None)
    magnet = next((one for one in magnets_of(view.note.text, among={info_hash}) if one.info_hash == info_hash), None)
    if name is None or magnet is None:
        raise Refusal("web_not_found", status=404, code="not_found")
    try:
        return SENT if await sending(magnet, name) else THERE
    except ResolverDown as error:
        raise Refusal(error.reason, status=502, code="unavailable") from error


def said_to_script(request: Request, word: str) -> JSONResponse | None:
    """The answer for a page that shows it without leaving; None for a browser that is to be led back."""
    if "application/json" not in request.headers.get("accept", ""):
        return None
    return JSONResponse({"said": say(word, preferred(request.headers.get("accept-language", "")))})
