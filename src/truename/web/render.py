"""Pages: templates with everything escaped, in the reader's language; the way from one to the next. Knows no route."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from truename.texts import Language, say
from truename.web.language import preferred
from truename.web.paths import path_of

_templates = Environment(
    loader=PackageLoader("truename.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **fields: Any
) -> HTMLResponse:
    """A page. Templates have `t(word, field=...)` for sentences, `root` before every path, `path` as
    the routes know it, and `person` or None."""
    language = preferred(request.headers.get("accept-language", ""))
    identity = request.scope.get("truename.identity")
    text = _templates.get_template(template).render(
        t=lambda word, /, **named: say(word, language, **named),
        language="en" if language is Language.ENGLISH else "zh-CN",
        root=request.scope.get("root_path", ""),
        person=identity.person if identity is not None else None,
        path=path_of(request.scope),
        **fields,
    )
    return HTMLResponse(text, status, headers)


def see_other(request: Request, path: str) -> RedirectResponse:
    """To another page after a form, under the root path."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}{path}", 303)


def moment(at: float) -> datetime:
    """A time as templates show it. Units: epoch seconds."""
    return datetime.fromtimestamp(at, UTC)
