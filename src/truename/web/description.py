"""What the API tells of itself, for programs: FastAPI's description, with the answers as they are.

The routes read their bodies themselves, so FastAPI knows of no answer, and describes an error that is never given.
Source: OpenAPI 3.1.
"""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from truename.web import shapes

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

ANSWERS: Final[dict[tuple[str, str], tuple[type[BaseModel], Example]]] = {
    ("post", "/api/calibrate/async"): (shapes.Submitted, _SUBMITTED),
    ("get", "/api/calibrate/status/{task_id}"): (shapes.Task, _NAMED),
    ("post", "/api/calibrate"): (shapes.Task, _NAMED),
    ("post", "/api/calibrate/{note_id}"): (shapes.NoteResults, _NOTE_NAMED),
    ("get", "/api/calibrate/tasks"): (shapes.Tasks, {"tasks": [_WAITING], "next": None}),
    ("post", "/api/calibrate/cancel/{task_id}"): (shapes.Task, _CANCELLED),
    ("post", "/api/calibrate/retry/{task_id}"): (shapes.Submitted, _SUBMITTED),
    ("post", "/api/calibrate/batch"): (shapes.BatchSubmitted, _BATCH_SUBMITTED),
    ("get", "/api/calibrate/batch/{batch_id}"): (shapes.Batch, _BATCH),
    ("post", "/api/calibrate/batch/{batch_id}/cancel"): (shapes.Batch, _BATCH),
    ("post", "/api/calibrate/batch/{batch_id}/retry"): (shapes.Batch, _BATCH),
    ("post", "/api/watch/{info_hash}/now"): (shapes.Watched, _WATCHED),
    ("post", "/api/watch/{info_hash}/stop"): (shapes.Watched, _WATCHED | {"watched": False}),
    ("get", "/api/config"): (shapes.Config, _CONFIG),
    ("put", "/api/config"): (shapes.Config, _CONFIG),
    ("post", "/api/notes"): (shapes.Note, _NOTE),
    ("get", "/api/notes"): (shapes.Notes, {"notes": [_NOTE], "next": None}),
    ("get", "/api/notes/{note_id}"): (shapes.Note, _NOTE),
    ("patch", "/api/notes/{note_id}"): (shapes.Note, _NOTE),
    ("get", "/healthz"): (shapes.Well, _WELL),
    ("get", "/readyz"): (shapes.Well, _WELL),
}
"""The body of each route that answers with one, when all is well."""

_ASKED: Final = (shapes.Ask, shapes.BatchOrder, shapes.ConfigChange, shapes.NoteText, shapes.NoteChange)
_STALE: Final = {
    "description": "Somebody else changed the note meanwhile.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Stale"}}},
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


def json_body(shape: type[BaseModel], example: Example) -> dict[str, Any]:
    """The description of a JSON body."""
    return {"requestBody": {"required": True, "content": _json(shape, example)}}


def describe(application: FastAPI) -> dict[str, Any]:
    """The description of an application's routes, made once."""
    if application.openapi_schema is None:
        made = get_openapi(title=application.title, version=application.version, routes=application.routes)
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                _tell_of_answers(operation, ANSWERS.get((method, path)), is_open=not path.startswith("/api/"))
        made["paths"]["/api/notes/{note_id}"]["patch"]["responses"]["409"] = _STALE
        made["components"] = {"schemas": _schemas(), "securitySchemes": _WAYS_IN}
        application.openapi_schema = made
    return application.openapi_schema


def _tell_of_answers(operation: dict[str, Any], told: tuple[type[BaseModel], Example] | None, *, is_open: bool) -> None:
    answers: dict[str, Any] = operation["responses"]
    answers.pop("422", None)
    for answer in answers.values():
        if told is not None:
            answer["content"] = _json(*told)
    if not is_open:
        answers["4XX"] = _REFUSED
        operation["security"] = [{way: []} for way in _WAYS_IN]
    answers["5XX"] = _REFUSED


def _json(shape: type[BaseModel], example: Example) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}, "example": example}}


def _schemas() -> dict[str, Any]:
    """All shapes. A field that may be absent is not null when it is there."""
    answers = [shape for shape, _ in ANSWERS.values()]
    every: dict[type[BaseModel], None] = dict.fromkeys([*_ASKED, *answers, shapes.Error, shapes.Stale])
    made = models_json_schema([(shape, "validation") for shape in every], ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = made[1]["$defs"]
    for schema in schemas.values():
        for name, field in schema["properties"].items():
            if name not in schema.get("required", ()) and "default" in field and field["default"] is None:
                (kind,) = (one for one in field.pop("anyOf") if one != {"type": "null"})
                del field["default"]
                schema["properties"][name] = {**kind, **field}
    return schemas
