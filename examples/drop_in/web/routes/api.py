"""The application, and its JSON routes: the proposal's two, the old synchronous one, and what the page has to know."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, request, session
from truename.errors import InvalidInput
from truename.magnet import InfoHash, Magnet

from bot.services.async_calibration_manager import (
    AsyncCalibrationManager,
    CalibrationTask,
    TaskStatus,
    get_async_calibration_manager,
)
from bot.services.modes import Mode
from web import guard
from web.calibrations import Calibrate, Calibrations
from web.errors import INVALID_INFO_HASH, MISSING_INFO_HASH, ApiError
from web.notebook import Notebook
from web.people import People
from web.routes.pages import pages_blueprint

_WEB = Path(__file__).resolve().parents[1]


def create_app(
    calibrate: Calibrate,
    *,
    people: People,
    mode: Mode = Mode.ASYNC,
    get_manager: Callable[[], AsyncCalibrationManager] = get_async_calibration_manager,
) -> Flask:
    """The application; its calibrations and its notes are in `app.extensions`.

    `calibrate(info_hash)` returns `(name, None)` or `(None, reason)` and may take its time.
    """
    app = Flask("web", template_folder=str(_WEB / "templates"), static_folder=str(_WEB / "static"))
    app.secret_key = secrets.token_bytes(32)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    notebook = Notebook()

    def calibrate_and_write(info_hash: str) -> tuple[str | None, str | None]:
        name, error = calibrate(info_hash)
        if name:
            notebook.write_name(info_hash, name)
        return name, error

    calibrations = Calibrations(calibrate_and_write, mode=mode, get_manager=get_manager)
    app.extensions |= {"calibrations": calibrations, "notebook": notebook}
    guard.install(app, people)
    app.register_blueprint(api_blueprint(calibrations))
    app.register_blueprint(pages_blueprint(people, notebook))
    return app


def api_blueprint(calibrations: Calibrations) -> Blueprint:
    """The routes below `/api`. Who is asking was checked before."""
    api = Blueprint("api", __name__, url_prefix="/api")

    @api.post("/calibrate/async")
    def calibrate_async() -> dict[str, Any]:
        """Hand a calibration over; answers at once."""
        task, known = calibrations.submit(session["username"], _info_hash_asked())
        answer: dict[str, Any] = {"task_id": task.task_id, "status": task.status.value}
        return answer | {"deduplicated": True} if known else answer

    @api.get("/calibrate/status/<task_id>")
    def calibrate_status(task_id: str) -> dict[str, Any]:
        """How far a task is."""
        task = calibrations.get(session["username"], task_id)
        return {"task_id": task.task_id, "created_at": task.created_at} | _told(task)

    @api.post("/calibrate")
    def calibrate() -> dict[str, Any]:
        """The old way: answers when the script has ended."""
        return _told(calibrations.run_now(_info_hash_asked()))

    @api.get("/config")
    def config() -> dict[str, Any]:
        """Which of the two ways the page shall go."""
        return {
            "calibration_mode": calibrations.mode.value,
            "poll_interval_ms": 1000,
            "poll_timeout_ms": 60000,
            "websocket": False,
        }

    return api


def _told(task: CalibrationTask) -> dict[str, Any]:
    told: dict[str, Any] = {"status": task.status.value, "info_hash": task.info_hash}
    if task.status is TaskStatus.COMPLETED:
        told["result"] = task.result
    elif task.status.is_final:
        told |= {"error": task.error, "code": task.code}
    return told


def _info_hash_asked() -> InfoHash:
    """The canonical info-hash of the request's JSON body; a whole magnet will do. Errors: `ApiError`.

    Whatever is not a JSON object holds no `info_hash`, so that is what the answer says.
    """
    try:
        body = json.loads(request.get_data()) if request.is_json else None
    except (ValueError, RecursionError):  # RecursionError: a million opening brackets
        body = None
    asked = body.get("info_hash") if isinstance(body, dict) else None
    if asked is None or asked == "":
        raise ApiError(*MISSING_INFO_HASH)
    if not isinstance(asked, str):
        raise ApiError(*INVALID_INFO_HASH)
    try:
        return Magnet.parse(asked).info_hash
    except InvalidInput as exc:
        raise ApiError(*(INVALID_INFO_HASH if asked.strip() else MISSING_INFO_HASH)) from exc
