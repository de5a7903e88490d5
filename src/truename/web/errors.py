"""How a request is refused: one exception, one shape, in the reader's language. Never a traceback.

`{"error": <sentence>, "code": <word>}` for programs; a small page for a person who opened one.
"""

from fastapi.exceptions import HTTPException, RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from truename.service import StillActive, TooMany
from truename.store.database import StoreUnavailable
from truename.texts import say
from truename.web.language import preferred
from truename.web.paths import is_for_programs
from truename.web.render import render

_RETRY_AFTER_S = "30"
_SOON_S = "5"
_BY_STATUS = {
    401: ("web_unauthorized", "unauthorized"),
    403: ("web_forbidden", "forbidden"),
    404: ("web_not_found", "not_found"),
    405: ("web_method", "bad_request"),
    413: ("web_too_large", "too_large"),
    429: ("web_too_many", "too_many"),
    500: ("web_internal", "unavailable"),
    503: ("web_unavailable", "unavailable"),
}


class Refusal(HTTPException):
    """This request is not done. `word` is a sentence of `truename.texts`, `fields` what stands in it."""

    def __init__(
        self,
        word: str,
        *,
        status: int = 400,
        code: str = "bad_request",
        headers: dict[str, str] | None = None,
        **fields: object,
    ) -> None:
        super().__init__(status, word, headers)
        self.word = word
        self.code = code
        self.fields = fields


def refusal_of(error: Exception) -> Refusal:
    """What any error becomes on its way out. What nobody foresaw is 500, and says nothing of itself."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        in_path = any(fault["loc"][:1] == ("path",) for fault in error.errors())
        return _of_status(404 if in_path else 400)
    if isinstance(error, TooMany | StillActive):
        return _of_work(error)
    if isinstance(error, StoreUnavailable):
        return _of_status(503)
    if isinstance(error, StarletteHTTPException):
        refusal = _of_status(error.status_code)
        refusal.headers = dict(error.headers or {})
        return refusal
    return _of_status(500)


def answer(request: Request, error: Exception) -> Response:
    """The answer to a request that is refused."""
    refusal = refusal_of(error)
    text = say(refusal.word, preferred(request.headers.get("accept-language", "")), **refusal.fields)
    headers = dict(refusal.headers or {})
    if is_for_programs(request.scope) or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": text, "code": refusal.code}, refusal.status_code, headers)
    return render(request, "error.html", status=refusal.status_code, headers=headers, error=text)


def stopping() -> Refusal:
    """The refusal of whatever is new while the server ends; mostly another one begins."""
    return Refusal("web_stopping", status=503, code="stopping", headers={"Retry-After": _SOON_S})


def no_room(word: str = "web_too_many", **fields: object) -> Refusal:
    """The refusal of what may not wait besides all that waits already."""
    return Refusal(word, status=429, code="too_many", headers={"Retry-After": _RETRY_AFTER_S}, **fields)


async def handle(request: Request, error: Exception) -> Response:
    """The same as a handler for FastAPI."""
    return answer(request, error)


def _of_work(error: TooMany | StillActive) -> Refusal:
    if isinstance(error, TooMany):
        return no_room()
    return Refusal("web_still_active", status=409, code="conflict")


def _of_status(status: int) -> Refusal:
    word, code = _BY_STATUS.get(status, ("web_bad_request", "bad_request"))
    return Refusal(word, status=status, code=code, headers={"Retry-After": _SOON_S} if status == 503 else None)
