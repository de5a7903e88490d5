"""What requests name: magnets, priorities, notes, texts and places in lists, read or refused. Pure."""

import re
from typing import Annotated

from fastapi import Path
from pydantic import BeforeValidator

from truename.calibration import Priority
from truename.errors import InvalidInput
from truename.magnet import Magnet
from truename.scanner import SCHEME
from truename.web.errors import Refusal
from truename.web.views import Body, code_of

MAX_ID = 2**31 - 1
MAX_TEXT_BYTES = 5 * 1024 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _plain(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and not value.startswith("0")):
        raise ValueError(value)
    return value


NoteId = Annotated[int, BeforeValidator(_plain), Path(ge=1, le=MAX_ID)]


def magnet_in(body: Body) -> Magnet:
    """What a body asks for: a hash in any form, or a whole magnet. Errors: `Refusal` 400 with the contract's texts."""
    given = body.get("info_hash")
    if given is None or given == "":
        raise Refusal("web_missing_info_hash", code="missing_info_hash")
    if not isinstance(given, str):
        raise Refusal("web_invalid_info_hash", code="invalid_info_hash")
    try:
        return read_magnet(given)
    except InvalidInput as error:
        word, code = why_no_magnet(given, error)
        raise Refusal(word, status=413 if code == "too_large" else 400, code=code) from error


def why_no_magnet(text: str, error: InvalidInput) -> tuple[str, str]:
    """Why what was given is none: a word of `truename.texts`, and the code."""
    if not text.strip():
        return "web_missing_info_hash", "missing_info_hash"
    if error.code == "magnet_too_large":
        return error.code, code_of(error.code)
    return "web_invalid_info_hash", "invalid_info_hash"


def read_magnet(text: str) -> Magnet:
    """As `Magnet.parse`, for what programs send: a bare hash with a control character beside it is not one."""
    if SCHEME not in text.lower() and _CONTROL.search(text):
        raise InvalidInput("invalid_info_hash")
    return Magnet.parse(text)


def priority_in(body: Body) -> Priority:
    """The priority a body names, normal when it names none. Errors: `Refusal` 400."""
    given = body.get("priority", "normal")
    if not isinstance(given, str) or given.upper() not in Priority.__members__ or given != given.lower():
        raise Refusal("web_bad_priority")
    return Priority[given.upper()]


def text_of(given: object) -> str:
    """A text that can be kept. Errors: `Refusal` 400 or 413."""
    if not isinstance(given, str) or not given.strip():
        raise Refusal("web_missing_text")
    if "\0" in given:
        raise Refusal("web_bad_text")
    if len(given.encode()) > MAX_TEXT_BYTES:
        raise Refusal("web_too_large", status=413, code="too_large")
    return given


def note_id_of(text: str) -> int:
    """The number of a note. Errors: `Refusal` 400."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    if not 1 <= number <= MAX_ID:
        raise Refusal("web_bad_request")
    return number


def cursor_of(after: str) -> int | None:
    """The note before which a page of the list begins; None for the first. Errors: `Refusal` 400."""
    return note_id_of(after) if after else None


def place_in(after: str) -> int:
    """The place in a batch after which a list goes on. Errors: `Refusal` 400."""
    if not after:
        return -1
    if not (after.isascii() and after.isdigit() and len(after) < 10):
        raise Refusal("web_bad_request")
    return int(after)
