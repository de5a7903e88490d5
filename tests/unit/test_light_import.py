"""`import truename` is cheap: a fresh interpreter says what it loads."""

import inspect
import subprocess
import sys

import truename

LOADED = "import sys; print(*sys.modules)"
ENGINES = ("asyncio", "concurrent", "sqlite3", "ctypes", "ssl", "socket", "subprocess", "multiprocessing")


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {LOADED}"], capture_output=True, text=True, timeout=60, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_loads_nothing_outside_the_standard_library() -> None:
    new = loaded_by("import truename") - loaded_by("pass")
    assert {name for name in new if name not in sys.stdlib_module_names} == {"truename"}


def test_importing_loads_no_engine_of_the_standard_library_either() -> None:
    assert not loaded_by("import truename").intersection(ENGINES)


def test_the_drop_in_class_works_without_any_engine() -> None:
    loaded = loaded_by(
        "import truename; m = truename.AsyncCalibrationManager(); m.submit_task('a', lambda: ('b', None)); m.shutdown()"
    )
    assert not loaded.intersection((*ENGINES, "libtorrent", "pydantic", "typer", "rich"))


def test_a_journal_is_loaded_only_for_a_database(tmp_path) -> None:
    code = f"import truename; truename.AsyncCalibrationManager(database={str(tmp_path / 'tasks.db')!r})"
    assert "sqlite3" in loaded_by(code)


def test_the_five_names_of_the_python_face_are_there() -> None:
    assert sorted(truename.__all__) == [
        "AsyncCalibrationManager",
        "CalibrationTask",
        "TaskStatus",
        "calibrate",
        "get_async_calibration_manager",
    ]
    assert all(hasattr(truename, name) for name in truename.__all__)


def test_calibrate_takes_a_hash_or_magnet_and_a_timeout_by_keyword() -> None:
    parameters = inspect.signature(truename.calibrate).parameters
    assert list(parameters) == ["info_hash_or_magnet", "timeout"]
    assert parameters["timeout"].default == 30
    assert parameters["timeout"].kind is inspect.Parameter.KEYWORD_ONLY


def test_the_command_line_loads_what_a_command_needs_when_it_is_called() -> None:
    help_and_wrong_usage_need_nothing = loaded_by("import truename.cli")
    assert not help_and_wrong_usage_need_nothing.intersection(("sqlalchemy", "pydantic", "rich", "libtorrent"))
