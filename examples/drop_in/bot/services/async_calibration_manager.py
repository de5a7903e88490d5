"""Where the old import lines find the manager. It lives in truename."""

from truename import AsyncCalibrationManager, CalibrationTask, TaskStatus, get_async_calibration_manager

__all__ = ["AsyncCalibrationManager", "CalibrationTask", "TaskStatus", "get_async_calibration_manager"]
