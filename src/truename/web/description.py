"""What the API tells of itself, for programs: FastAPI's description, with the answers as they are.

The routes read their bodies themselves, so FastAPI knows of no answer, and describes an error that is never given.
Source: OpenAPI 3.1.
"""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

Example = dict[str, Any]

EXAMPLE_HASH: Final = "722fe65b2aa26d14f35b4ad627d20236e481d924"
_TASK_ID = "a8a8eb1e-8d69-4b3c-9a58-3c3ef2b1a1b3"
_BATCH_ID = "0f6b7f5e-9d3c-4c5e-8a53-3b2a2b0a7d11"

_SUBMITTED: Final[Example] = {"task_id": _TASK_ID, "status": "pending"}
_WAITING: Final[Example] = {
    "task_id": _TASK_ID,
    "status": "pending",
    "attempt": 0,
    "queue_position": 3,
    "info_hash": EXAMPLE_HASH,
    "created_at": 1764000000.25,
}
_NAMED: Final[Example] = {
    "task_id": _TASK_ID,
    "status": "completed",
    "attempt": 1,
    "info_hash": EXAMPLE_HASH,
    "created_at": 1764000000.25,
    "completed_at": 1764000001.5,
    "result": "alice.txt",
    "source": "swarm",
    "verified": True,
    "detail": "swarm: asked 1 tracker: 1 peer; gave the name",
    "found_at": 1764000001.5,
    "peers_seen": 1,
    "size_bytes": 163783,
    "file_count": 1,
    "files": [{"path": "alice.txt", "size_bytes": 163783}],
}
_CANCELLED: Final[Example] = {
    "task_id": _TASK_ID,
    "status": "cancelled",
    "attempt": 0,
    "info_hash": EXAMPLE_HASH,
    "created_at": 1764000000.25,
    "completed_at": 1764000001.5,
    "error": "任务已取消。",
    "code": "cancelled",
}
_NOTE_NAMED: Final[Example] = {
    "success": False,
    "total": 2,
    "success_count": 1,
    "fail_count": 1,
    "results": [
        {
            "info_hash": EXAMPLE_HASH,
            "filename": "alice.txt",
            "success": True,
            "old_magnet": f"magnet:?xt=urn:btih:{EXAMPLE_HASH}",
        },
        {
            "info_hash": "0a132f590df6edbbc68f7970dd07247580dbe489",
            "error": "目前没有人持有该种子，请改日再试。",
            "code": "no_peers",
            "success": False,
            "old_magnet": "magnet:?xt=urn:btih:0a132f590df6edbbc68f7970dd07247580dbe489&dn=gone.mkv",
        },
    ],
}
_BATCH_SUBMITTED: Final[Example] = {
    "batch_id": _BATCH_ID,
    "total": 2,
    "created": 1,
    "deduplicated": 0,
    "completed": 0,
    "invalid": 1,
    "items": [
        {"info_hash": EXAMPLE_HASH, "task_id": _TASK_ID, "status": "pending"},
        {"info_hash": "not a hash", "error": "info_hash 无效", "code": "invalid_info_hash"},
    ],
}
_BATCH: Final[Example] = {
    "batch_id": _BATCH_ID,
    "total": 2,
    "counts": {"pending": 1, "running": 0, "completed": 0, "failed": 0, "timeout": 0, "cancelled": 0},
    "tasks": [],
    "next": None,
}
_WATCHED: Final[Example] = {"info_hash": EXAMPLE_HASH, "watched": True}
_CONFIG: Final[Example] = {
    "calibration_mode": "async",
    "poll_interval_ms": 1000,
    "poll_timeout_ms": 60000,
    "websocket": False,
}
_NOTE: Final[Example] = {
    "id": 1,
    "version": 1,
    "created_at": 1764000000.25,
    "updated_at": 1764000000.25,
    "text": f"see magnet:?xt=urn:btih:{EXAMPLE_HASH}&dn=alice",
    "magnets": [
        {"start": 4, "end": 73, "info_hash": EXAMPLE_HASH, "dn": "alice", "name": None, "status": None, "task_id": None}
    ],
}
_WELL: Final[Example] = {"status": "ok"}

EXAMPLES: Final[dict[tuple[str, str], Example]] = {
    ("post", "/api/calibrate/async"): _SUBMITTED,
    ("get", "/api/calibrate/status/{task_id}"): _NAMED,
    ("post", "/api/calibrate"): _NAMED,
    ("post", "/api/calibrate/{note_id}"): _NOTE_NAMED,
    ("get", "/api/calibrate/tasks"): {"tasks": [_WAITING], "next": None},
    ("post", "/api/calibrate/cancel/{task_id}"): _CANCELLED,
    ("post", "/api/calibrate/retry/{task_id}"): _SUBMITTED,
    ("post", "/api/calibrate/batch"): _BATCH_SUBMITTED,
    ("get", "/api/calibrate/batch/{batch_id}"): _BATCH,
    ("post", "/api/calibrate/batch/{batch_id}/cancel"): _BATCH,
    ("post", "/api/calibrate/batch/{batch_id}/retry"): _BATCH,
    ("post", "/api/watch/{info_hash}/now"): _WATCHED,
    ("post", "/api/watch/{info_hash}/stop"): _WATCHED | {"watched": False},
    ("get", "/api/config"): _CONFIG,
    ("put", "/api/config"): _CONFIG,
    ("post", "/api/notes"): _NOTE,
    ("get", "/api/notes"): {"notes": [_NOTE], "next": None},
    ("get", "/api/notes/{note_id}"): _NOTE,
    ("patch", "/api/notes/{note_id}"): _NOTE,
    ("get", "/healthz"): _WELL,
    ("get", "/readyz"): _WELL,
}
"""An answer of each route that answers with a body, when all is well."""

_ERROR: Final = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {
        "error": {"type": "string", "description": "A sentence for a person, in the language of `Accept-Language`."},
        "code": {"type": "string", "description": "A word for programs."},
    },
}
_REFUSED: Final = {
    "description": "Refused; `code` says why.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_WAYS_IN: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "Made by `truename user token`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-truename",
        "description": "From signing in; without HTTPS, or under a path, it is called `truename_` and the port.",
    },
}


def json_body(example: dict[str, Any]) -> dict[str, Any]:
    """The description of a JSON body by an example."""
    return {"requestBody": {"required": True, "content": {"application/json": {"example": example}}}}


def describe(application: FastAPI) -> dict[str, Any]:
    """The description of an application's routes, made once."""
    if application.openapi_schema is None:
        made = get_openapi(title=application.title, version=application.version, routes=application.routes)
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                _tell_of_answers(operation, EXAMPLES.get((method, path)), is_open=not path.startswith("/api/"))
        made["components"] = {"schemas": {"Error": _ERROR}, "securitySchemes": _WAYS_IN}
        application.openapi_schema = made
    return application.openapi_schema


def _tell_of_answers(operation: dict[str, Any], example: Example | None, *, is_open: bool) -> None:
    answers: dict[str, Any] = operation["responses"]
    answers.pop("422", None)
    for answer in answers.values():
        if example is not None:
            answer["content"] = {"application/json": {"schema": {"type": "object"}, "example": example}}
    if not is_open:
        answers["4XX"] = _REFUSED
        operation["security"] = [{way: []} for way in _WAYS_IN]
    answers["5XX"] = _REFUSED
