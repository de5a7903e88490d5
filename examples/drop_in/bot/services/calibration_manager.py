"""The bot's side of a calibration: hand it over, be told, or look how far it is.

The old file ran the script itself and stood still meanwhile. This one goes the same way as the web routes: through the
one manager of the process, or without it when the setting says so.
"""

import logging
from collections.abc import Callable

from bot.services.async_calibration_manager import (
    AsyncCalibrationManager,
    CalibrationTask,
    get_async_calibration_manager,
)
from bot.services.modes import Mode

logger = logging.getLogger(__name__)

Calibrate = Callable[[str], tuple[str | None, str | None]]
Tell = Callable[[str, str | None, str | None], object]


class CalibrationOff(RuntimeError):  # noqa: N818
    """Calibration is switched off; its text can be shown."""

    def __init__(self) -> None:
        super().__init__("校准功能已关闭")


class CalibrationManager:
    """Submits the bot's calibrations. `get_manager` is called only with mode `async`, when the first one comes."""

    def __init__(
        self,
        calibrate: Calibrate,
        *,
        mode: Mode = Mode.ASYNC,
        get_manager: Callable[[], AsyncCalibrationManager] = get_async_calibration_manager,
    ) -> None:
        self._calibrate = calibrate
        self._mode = mode
        self._get_manager = get_manager

    def submit(self, info_hash: str, tell: Tell | None = None) -> str | None:
        """Have a name looked up.

        Input:  `tell(info_hash, name, error)` is called once at the end, in a worker's thread; a bot answers from it.
        Output: the task's id, at once; None with mode `sync`, where the answer has been told before this returns.
        Errors: `CalibrationOff`.
        """
        match self._mode:
            case Mode.OFF:
                raise CalibrationOff
            case Mode.SYNC:
                self._run_and_tell(info_hash, tell)
                return None
            case Mode.ASYNC:
                return self._get_manager().submit_task(info_hash, self._run_and_tell, info_hash, tell)

    def poll(self, task_id: str) -> CalibrationTask | None:
        """The task as it is now, for a bot that would rather ask; None when it is unknown or forgotten."""
        return self._get_manager().get_task_status(task_id) if self._mode is Mode.ASYNC else None

    def _run_and_tell(self, info_hash: str, tell: Tell | None) -> tuple[str | None, str | None]:
        name: str | None = None
        error: str | None = None
        try:
            name, error = self._calibrate(info_hash)
        except Exception as exc:
            error = str(exc) or type(exc).__name__
            if self._mode is Mode.ASYNC:
                raise  # the manager knows a time-out from a failure
        finally:
            _tell(tell, info_hash, name, error)
        return name, error


def _tell(tell: Tell | None, info_hash: str, name: str | None, error: str | None) -> None:
    if tell is not None:
        try:
            tell(info_hash, name, error)
        except Exception:  # an answer that could not be sent does not make the name wrong
            logger.exception("the answer for %s could not be told", info_hash)
