"""Which path is what: open to everybody, for programs, and how much may be sent there. Pure."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from truename.names import is_hidden

HOME = "/notes"
MIB = 1024 * 1024

FIRST_PARTS = frozenset(
    (
        *("api", "health", "healthz", "login", "logout", "notes"),
        *("openapi.json", "readyz", "setup", "static", "tasks"),
    )
)
"""How the paths of the routes begin; the root begins with nothing."""

_OPEN = frozenset(("/login", "/setup", "/healthz", "/readyz"))
_PAGES = _OPEN | {"/notes", "/tasks", "/health", "/logout", "/openapi.json"}
_PROBES = frozenset(("/healthz", "/readyz"))
_STATIC = "/static/"
_DOCS = "/api/docs"
_LIMITS = (
    # A note has 5 MiB, and on its way, where it is escaped, two or three bytes for each of them.
    *(("/api/notes", 9 * MIB), ("/notes", 9 * MIB), ("/api/calibrate/batch", 8 * MIB)),
    *(("/login", MIB // 32), ("/setup", MIB // 32)),
)
_MAX_NEXT = 2000


def place(scope: MutableMapping[str, Any], root_path: str) -> None:
    """Put the path under the root path, whether or not the proxy has taken that off."""
    path = scope["path"]
    if root_path and _was_taken_off(path, root_path):
        scope["path"] = root_path + path
    elif root_path and path == root_path:
        scope["path"] = root_path + "/"
    scope["root_path"] = root_path


def _was_taken_off(path: str, root_path: str) -> bool:
    """Whether a path has no root path before it.

    Where the root path is called as a path of ours is (`/notes`), one that begins with it may be either: what follows
    tells, and the root path alone is taken for the page of that name.
    """
    if path == root_path:
        return root_path in _PAGES
    if not path.startswith(root_path + "/"):
        return True
    return _first_part(root_path) in FIRST_PARTS and _first_part(path.removeprefix(root_path)) not in FIRST_PARTS | {""}


def _first_part(path: str) -> str:
    return path[1:].partition("/")[0]


def path_of(scope: Mapping[str, Any]) -> str:
    """The path as the routes know it, without the root path."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path or "/"


def is_open(path: str) -> bool:
    """Whether a stranger may come here."""
    return path in _OPEN or is_static(path)


def is_static(path: str) -> bool:
    """Whether it is a file that is the same for everybody."""
    return path.startswith(_STATIC)


def is_probe(path: str) -> bool:
    """Whether it only asks if the server lives, as machines do that know no name for it."""
    return path in _PROBES


def is_for_programs(scope: Mapping[str, Any]) -> bool:
    """Whether the answer is JSON, whatever happens."""
    path = path_of(scope)
    api = path == "/api" or path.startswith("/api/") or path == "/openapi.json" or is_probe(path)
    return api and path != _DOCS


def limit_of(path: str) -> int:
    """How many bytes a body may have there."""
    for prefix, limit in _LIMITS:
        if path == prefix or path.startswith(prefix + "/"):
            return limit
    return MIB


def safe_next(text: str) -> str:
    """Where to go after the sign-in: a path of this server, else the notes.

    Two slashes, or a backslash that a browser takes for a slash, would lead to another server.
    """
    good = (
        text.startswith("/")
        and not text.startswith("//")
        and "\\" not in text
        and len(text) <= _MAX_NEXT
        and not any(map(is_hidden, text))
    )
    return text if good else HOME
