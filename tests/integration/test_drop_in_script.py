"""The runner of the calibration script: what it starts, what it believes, and that nothing outlives it."""

import contextlib
import os
import subprocess
import threading
from pathlib import Path

import pytest

from tests.integration.drop_in_support import PATIENCE_S, Gates, importable

HASH = "c9e15763f722f23e98a29decdfae341b98d53056"


@pytest.fixture(scope="module")
def runner():
    with importable():
        from bot.services import calibration_script

        yield calibration_script


@pytest.fixture
def run(runner, tmp_path):
    def run(text: str, info_hash: object = HASH, timeout: float = PATIENCE_S):
        script = tmp_path / "script.py"
        script.write_text(text)
        return runner.run_calibration_script(str(script), info_hash, timeout=timeout)

    return run


class Witness:
    """A pipe with a name that a script holds open: `all_gone` returns when the last holder has ended."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "witness"
        os.mkfifo(self.path)
        self._reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self._reader, True)

    def first_words(self) -> bytes:
        return os.read(self._reader, 100)

    def all_gone(self) -> None:
        while os.read(self._reader, 100):
            pass
        os.close(self._reader)


@pytest.fixture
def witness(tmp_path):
    return Witness(tmp_path)


def test_the_script_gets_the_canonical_hash_alone_and_its_output_is_the_name(run):
    text = "import sys; print(sys.argv[1:])"
    assert run(text, HASH.upper()) == (f"['{HASH}']", None)
    assert run(text, "  ZHQVOY7XELZD5GFCTXWN7LRUDOMNKMCW ") == (f"['{HASH}']", None)


def test_a_name_keeps_every_character_but_the_end_of_its_line(run):
    assert run(r"print('  片名\nin two lines ')") == ("  片名\nin two lines ", None)


@pytest.mark.parametrize("name", ["", " ", "\n", HASH, HASH.upper(), f" {HASH} "])
def test_nothing_and_the_hash_itself_are_no_names(run, name):
    assert run(f"print({name!r})") == (None, "校准脚本没有给出名称")


def test_output_that_is_not_utf_8_is_no_name(run):
    assert run(r"import sys; sys.stdout.buffer.write(b'\xff\xfe')") == (None, "校准脚本的输出不是 UTF-8")


def test_a_reason_on_standard_error_is_passed_on_made_visible(run):
    assert run(r"import sys; print('no\x1b[31m peers', file=sys.stderr); sys.exit(3)") == (None, "no␛[31m peers")


def test_a_failure_without_a_reason_says_how_the_script_ended(run):
    assert run("raise SystemExit(3)") == (None, "校准脚本失败（状态 3）")
    assert run("import os; os.kill(os.getpid(), 9)") == (None, "校准脚本被信号 9 终止")


def test_a_crash_shows_no_traceback_and_no_path(run, tmp_path):
    _, reason = run("raise ValueError('the answer is empty')")
    assert reason == "ValueError: the answer is empty"
    assert str(tmp_path) not in reason


def test_a_script_that_says_its_time_was_over_is_a_time_out_with_its_reason(run):
    with pytest.raises(TimeoutError, match=r"^nobody within 30 s$"):
        run("import sys; print('nobody within 30 s', file=sys.stderr); sys.exit(124)")


@pytest.mark.parametrize("bad", ["--help", "-c", ";id", "$(id)", "5", "", "a" * 39, "0" * 40, HASH + "\nx", "\0" * 40])
def test_what_is_no_hash_starts_no_process(run, tmp_path, bad):
    mark = tmp_path / "was_here"
    assert run(f"open({str(mark)!r}, 'w')", bad) == (None, "info_hash 无效")
    assert not mark.exists()


def test_a_missing_script_is_a_reason_and_not_a_crash(runner):
    assert runner.run_calibration_script("no_such_script.py", HASH) == (None, "找不到校准脚本")


def test_only_what_is_needed_is_in_the_environment(run, monkeypatch):
    monkeypatch.setenv("QBT_PASSWORD", "open sesame")
    monkeypatch.setenv("APP_PASSWORD", "the application's own")
    monkeypatch.setenv("DATABASE_URL", "somewhere")
    name, _ = run("import os; print(sorted(os.environ))")
    assert "'QBT_PASSWORD'" in name
    allowed = {"PATH", "HOME", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "LC_ALL", "PYTHONUTF8"}
    assert {word.strip("[]' ") for word in name.split(",")} <= allowed | {k for k in os.environ if k.startswith("QBT_")}


def test_it_runs_in_an_empty_folder_that_is_gone_afterwards_with_no_input(run):
    name, _ = run(
        "import os, sys; open('left', 'w'); print(os.getcwd(), os.listdir(), sys.stdin.read() == '', sep='|')"
    )
    folder, listed, no_input = name.split("|")
    assert (listed, no_input) == ("['left']", "True")
    assert not Path(folder).exists()


@pytest.mark.parametrize("pipe", ["stdout", "stderr"])
def test_more_than_64_kib_of_output_ends_the_script(run, pipe, witness):
    endless = f"import sys\nheld = open({str(witness.path)!r}, 'w')\nwhile True: sys.{pipe}.write('x' * 1000)"
    assert run(endless) == (None, "校准脚本的输出过多")
    witness.all_gone()


def test_64_kib_exactly_are_not_too_much(run):
    name, error = run("print('x' * (64 * 1024 - 1))")
    assert (len(name), error) == (64 * 1024 - 1, None)


STUBBORN = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = os.open({witness!r}, os.O_WRONLY)
os.write(held, b"held")
waits = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
subprocess.Popen([sys.executable, "-c", waits], pass_fds=[held])
{then}
"""


def test_at_the_deadline_the_script_and_its_children_are_killed_however_stubborn(run, runner, monkeypatch, witness):
    monkeypatch.setattr(runner, "GRACE_S", 0.2)
    with pytest.raises(subprocess.TimeoutExpired) as raised:
        run(STUBBORN.format(witness=str(witness.path), then="signal.pause()"), timeout=2)
    assert witness.first_words() == b"held"
    witness.all_gone()
    assert str(raised.value) == "校准脚本在 2 秒内没有结束"


def test_at_the_deadline_a_script_may_tidy_up(run, tmp_path):
    tidied = tmp_path / "tidied"
    text = f"""
import signal, sys
def tidy(*_):
    open({str(tidied)!r}, "w").close()
    sys.exit(1)
signal.signal(signal.SIGTERM, tidy)
signal.pause()
"""
    with pytest.raises(subprocess.TimeoutExpired):
        run(text, timeout=3)
    assert tidied.exists()


def test_a_child_left_behind_neither_delays_the_answer_nor_lives_on(run, witness):
    assert run(STUBBORN.format(witness=str(witness.path), then="print('a name')")) == ("a name", None)
    assert witness.first_words() == b"held"
    witness.all_gone()


def test_stopping_the_program_ends_running_scripts(runner, tmp_path):
    gates = Gates(tmp_path)
    gates.close(HASH)
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(runner.run_calibration_script(str(gates.script), HASH, timeout=PATIENCE_S))
    )
    waiting.start()
    gates.wait_for(HASH)
    runner.stop_running_scripts()
    waiting.join(PATIENCE_S)
    assert answers == [(None, "校准脚本被信号 15 终止")]
    runner.stop_running_scripts()  # nobody is left to be told
    with contextlib.suppress(OSError):
        gates.release_all()
