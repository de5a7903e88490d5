"""The two unit tests that the proposal of this class was published with, word for word."""

import time

from truename import AsyncCalibrationManager, TaskStatus

# fmt: off


def test_submit_task():
    """测试提交任务"""
    manager = AsyncCalibrationManager(max_workers=2)

    def mock_calibration(info_hash):
        time.sleep(0.1)
        return f"filename_{info_hash}.mkv", None

    task_id = manager.submit_task("ABC123", mock_calibration, "ABC123")
    assert task_id is not None

    # 等待任务完成
    time.sleep(0.5)
    task = manager.get_task_status(task_id)
    assert task.status == TaskStatus.COMPLETED
    assert task.result == "filename_ABC123.mkv"

def test_task_failure():
    """测试任务失败"""
    manager = AsyncCalibrationManager(max_workers=2)

    def mock_calibration_fail(info_hash):
        return None, "Calibration failed"

    task_id = manager.submit_task("ABC123", mock_calibration_fail, "ABC123")
    time.sleep(0.5)

    task = manager.get_task_status(task_id)
    assert task.status == TaskStatus.FAILED
    assert task.error == "Calibration failed"
