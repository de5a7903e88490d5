"""What holds for every request: where it may come from, who sent it, and what every answer carries, errors included."""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, redirect, render_template, request, session, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from web.errors import BY_STATUS, FORBIDDEN, UNAUTHORIZED, ApiError
from web.people import People

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
_OPEN_ENDPOINTS = ("pages.login", "pages.log_in", "static")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def install(app: Flask, people: People) -> None:
    """Put the guard before and behind all routes of the application."""
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")
    app.before_request(_refuse_foreign)
    app.before_request(_demand_session(people))
    app.after_request(_with_headers)
    app.register_error_handler(ApiError, _answer_api_error)
    app.register_error_handler(HTTPException, _answer_refusal)
    app.register_error_handler(Exception, _answer_mistake)


def is_foreign(method: str, *, site: str | None, origin: str | None, host: str) -> bool:
    """Whether a page of another site, or of another port of this host, is behind a changing request.

    Browsers say so in `Sec-Fetch-Site`, old ones in `Origin`. With neither it is no browser: a program has no cookie
    that it was not given.
    """
    if method in _SAFE_METHODS:
        return False
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != host
    except ValueError:
        return True


def path_only(target: str) -> str:
    """Where to go after the login: a path of this server as it was asked for, else the notes."""
    if target.startswith("/") and target[1:2] not in ("/", "\\") and "\\" not in target and target.isprintable():
        return target
    return "/notes"


def _refuse_foreign() -> None:
    headers = request.headers
    if is_foreign(request.method, site=headers.get("Sec-Fetch-Site"), origin=headers.get("Origin"), host=request.host):
        raise ApiError(*FORBIDDEN)


def _demand_session(people: People) -> Callable[[], AnyResponse | None]:
    def demand() -> AnyResponse | None:
        if request.endpoint in _OPEN_ENDPOINTS or people.is_inside(session.get("username"), session.get("id")):
            return None
        if _is_api():
            raise ApiError(*UNAUTHORIZED)
        wanted = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else None
        return redirect(url_for("pages.login", next=wanted), 303)

    return demand


def _is_api() -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def _with_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _answer(status: int, code: str, text: str) -> tuple[Response | str, int]:
    return (jsonify(error=text, code=code) if _is_api() else render_template("error.html", text=text)), status


def _answer_api_error(error: ApiError) -> AnyResponse:
    body, status = _answer(error.status, error.code, error.text)
    response = Response(body, status) if isinstance(body, str) else body
    response.status_code = status
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _answer_refusal(error: HTTPException) -> AnyResponse | tuple[Response | str, int]:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    code, text = BY_STATUS.get(status) or BY_STATUS[400 if status < 500 else 500]
    return _answer(status, code, text)


def _answer_mistake(error: Exception) -> tuple[Response | str, int]:
    logger.exception("%s %s failed", request.method, request.endpoint, exc_info=error)
    return _answer(500, *BY_STATUS[500])
