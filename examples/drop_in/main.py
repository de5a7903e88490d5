"""The program: the web application, and once an hour the clearing away of old tasks. `python main.py`.

Settings are environment variables. `CALIBRATION_MODE` is `async`, `sync` (the old way) or `off`; with the last two the
manager and the hourly job do not exist. `SCRIPT_PATH` is the calibration script, and gets all `QBT_*` variables.
`HOST`, `PORT`, `APP_USERNAME` and `APP_PASSWORD` are for the web; without a password one is made up and shown.
"""

import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask
from werkzeug.serving import make_server

from bot.services.async_calibration_manager import get_async_calibration_manager
from bot.services.calibration_script import run_calibration_script, stop_running_scripts
from bot.services.modes import Mode
from web.people import People
from web.routes.api import create_app

DEFAULT_SCRIPT = "calibrate_qbt_helper.py"
CLEANUP_INTERVAL_H = 1

_scheduler: BackgroundScheduler | None = None
_starting = threading.Lock()


def build(mode: Mode) -> Flask:
    """The application as the environment describes it."""
    password = os.environ.get("APP_PASSWORD") or _made_up_password()
    people = People({os.environ.get("APP_USERNAME") or "admin": password})
    script = os.environ.get("SCRIPT_PATH") or DEFAULT_SCRIPT
    return create_app(partial(run_calibration_script, script), people=people, mode=mode)


def _made_up_password() -> str:
    password = secrets.token_urlsafe(12)
    print(f"APP_PASSWORD is not set; until the next start it is {password}", file=sys.stderr, flush=True)
    return password


def _port() -> int:
    written = os.environ.get("PORT") or "8000"
    if not written.isdecimal() or int(written) > 65535:
        raise ValueError(f"PORT is a number up to 65535, not {written!r}")
    return int(written)


def start_cleanup(cleanup: Callable[[], None]) -> BackgroundScheduler:
    """Call `cleanup` once an hour. A second call changes nothing: there is one scheduler in a process, and one job."""
    global _scheduler  # noqa: PLW0603 - one in a process is its purpose
    with _starting:
        if _scheduler is None:
            scheduler = BackgroundScheduler()
            scheduler.add_job(cleanup, "interval", hours=CLEANUP_INTERVAL_H, id="cleanup_calibration_tasks")
            scheduler.start()
            _scheduler = scheduler
        return _scheduler


def main() -> int:
    """Serve until told to stop."""
    try:
        mode = Mode.read(os.environ)
        port = _port()
    except ValueError as exc:
        print(exc, file=sys.stderr)
        return 2
    app = build(mode)
    server = make_server(os.environ.get("HOST") or "127.0.0.1", port, app, threaded=True)
    app.config["SESSION_COOKIE_NAME"] = f"drop_in_{server.port}"  # programs on other ports share the host's jar

    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if mode is Mode.ASYNC:
        start_cleanup(app.extensions["calibrations"].cleanup)
    print(f"http://{server.host}:{server.port}/", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    if mode is Mode.ASYNC:
        start_cleanup(app.extensions["calibrations"].cleanup).shutdown(wait=False)
        get_async_calibration_manager().shutdown(wait=False)
    stop_running_scripts()
    return 0


if __name__ == "__main__":
    sys.exit(main())
