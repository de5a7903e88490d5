"""Runs the calibration script for one info-hash: a `calibration_func` for the manager, or to be called directly.

Owns the script's process: its argument list, its reduced environment, its time and its end. Refuses to know what the
script does; the protocol is `<script> <info-hash>`, then a name on standard output and status 0, or a reason on
standard error and another status (124: its time was over).
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from truename.errors import InvalidInput
from truename.magnet import InfoHash
from truename.names import make_visible

MAX_OUTPUT_BYTES = 64 * 1024
# A script that is told to end may still have a torrent to take away; the helper does that within 5 s.
GRACE_S = 6.0

_APPLICATION = Path(__file__).resolve().parents[2]
_PASSED_ON = ("PATH", "HOME", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_FIXED = {"LC_ALL": "zh_CN.UTF-8", "PYTHONUTF8": "1"}
_MAX_REASON_CHARS = 300
_TIME_OVER = 124

_Answer = tuple[str | None, str | None]

_running: set[subprocess.Popen[bytes]] = set()
_running_changes = threading.Lock()


class ScriptTimeout(subprocess.TimeoutExpired):
    """The script did not end in time. Its text is shown to people, so it has no command line in it."""

    def __str__(self) -> str:
        return f"校准脚本在 {self.timeout:g} 秒内没有结束"


def run_calibration_script(script_path: str | os.PathLike[str], info_hash: str, timeout: float = 35) -> _Answer:
    """Run the script and read its answer: `(name, None)` or `(None, reason)`.

    Input:  `script_path` from the settings, never from a request; a relative one is in the application's folder.
    Units:  `timeout` is seconds. Then the script and its children are told to end, and killed after `GRACE_S`.
    Errors: `ScriptTimeout`, a `subprocess.TimeoutExpired`, at the deadline; `TimeoutError` when the script itself
            says that its time was over. Both end a task as `timeout`.
    """
    try:
        canonical = InfoHash.parse(info_hash)
    except InvalidInput:
        return None, "info_hash 无效"
    script = _APPLICATION / script_path
    if not script.is_file():
        return None, "找不到校准脚本"
    with tempfile.TemporaryDirectory(prefix="calibration-") as folder, _started(script, canonical, folder) as process:
        try:
            out, err = _read(process, timeout)
        except _TooMuch:
            return None, "校准脚本的输出过多"
        except TimeoutError:
            raise ScriptTimeout(script.name, timeout) from None
    return _answer(process.returncode, out, err, canonical)


def stop_running_scripts() -> None:
    """Tell all scripts to end, as when the program stops. They have their own time to do so."""
    with _running_changes:
        for process in _running:
            _signal_group(process, signal.SIGTERM)


@contextlib.contextmanager
def _started(script: Path, info_hash: InfoHash, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """The script in a process group of its own; at the end of the block that group is gone."""
    with subprocess.Popen(
        [sys.executable, str(script), info_hash] if script.suffix == ".py" else [str(script), info_hash],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=_environment(),
        start_new_session=True,
    ) as process:
        with _running_changes:
            _running.add(process)
        try:
            yield process
        finally:
            _end(process)


def _environment() -> dict[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("QBT_")}
    return passed_on | _FIXED


class _TooMuch(Exception):  # noqa: N818
    """The script wrote more than it may."""


def _read(process: subprocess.Popen[bytes], timeout: float) -> tuple[bytes, bytes]:
    """What the script writes until it ends. Errors: `TimeoutError`, `_TooMuch`; it may still run then."""
    deadline = time.monotonic() + timeout
    kept = {_fd(process.stdout): bytearray(), _fd(process.stderr): bytearray()}
    with _end_of(process) as ended, selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ)
        for pipe in kept:
            os.set_blocking(pipe, False)
            selector.register(pipe, selectors.EVENT_READ)
        ready: set[int] = set()
        # The end of the script counts, not the end of its output: a child it left behind may hold the pipes open.
        while ended not in ready:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready = {key.fd for key, _ in selector.select(left)}
            for pipe in ready & kept.keys():
                if not _take(pipe, kept[pipe]):
                    selector.unregister(pipe)
        for pipe, bytes_kept in kept.items():
            _take(pipe, bytes_kept)
    out, err = kept.values()
    return bytes(out), bytes(err)


def _fd(pipe: IO[bytes] | None) -> int:
    return -1 if pipe is None else pipe.fileno()


def _take(pipe: int, kept: bytearray) -> bool:
    """Add what is in the pipe by now to `kept`; whether more may come. Errors: `_TooMuch`."""
    while True:
        try:
            chunk = os.read(pipe, MAX_OUTPUT_BYTES)
        except BlockingIOError:
            return True
        if not chunk:
            return False
        kept += chunk
        if len(kept) > MAX_OUTPUT_BYTES:
            raise _TooMuch


def _end(process: subprocess.Popen[bytes]) -> None:
    """Tell the script to end if it runs, then kill what is left of its group.

    The group is killed before the script is waited for: until then nobody else can be given its number.
    """
    with _end_of(process) as ended:
        if not _is_ready(ended, 0):
            _signal_group(process, signal.SIGTERM)
            _is_ready(ended, GRACE_S)
    with _running_changes:
        _running.discard(process)
    _signal_group(process, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _end_of(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """A file descriptor that is ready to read when the script has ended. Does not wait for it, as `poll` would."""
    descriptor = os.pidfd_open(process.pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_ready(descriptor: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _answer(status: int, out: bytes, err: bytes, info_hash: InfoHash) -> _Answer:
    """What the script said. Errors: `TimeoutError` when that is that its time was over."""
    if status == 0:
        return _name(out, info_hash)
    reason = _last_line(err)
    if status == _TIME_OVER:
        raise TimeoutError(reason or "校准脚本超时")
    if not reason:
        reason = f"校准脚本被信号 {-status} 终止" if status < 0 else f"校准脚本失败（状态 {status}）"
    return None, reason


def _name(out: bytes, info_hash: InfoHash) -> _Answer:
    """The whole output is the name, but for the end of its line; a client that knows none may answer with the hash."""
    try:
        name = out.decode().removesuffix("\n")
    except UnicodeDecodeError:
        return None, "校准脚本的输出不是 UTF-8"
    if not name.strip() or name.strip().lower() == info_hash:
        return None, "校准脚本没有给出名称"
    return name, None


def _last_line(err: bytes) -> str:
    """The reason, without what a crash prints above it."""
    lines = err.decode(errors="replace").strip().splitlines()
    return make_visible(lines[-1].strip())[:_MAX_REASON_CHARS] if lines else ""
