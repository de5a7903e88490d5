"""`truename.calibrate` in programs of its own, since its session belongs to a whole process."""

import subprocess
import sys
from textwrap import dedent

import pytest

from tests.acceptance.conftest import PATIENCE_S, Finished, Program
from tests.acceptance.test_resolve import ALICE, REAL_NAMES
from truename.demo.swarm import LocalSwarm
from truename.demo.torrents import dead_hashes


@pytest.fixture
def python(truename: Program, swarm: LocalSwarm) -> "Interpreter":
    return Interpreter(truename, swarm)


class Interpreter:
    """Runs a Python program whose swarm is the one on loopback."""

    def __init__(self, program: Program, swarm: LocalSwarm) -> None:
        self._environment = program.environment({"TRUENAME_TRACKERS": swarm.addresses.tracker})
        self._home = program.home

    def __call__(self, code: str, **environment: str) -> Finished:
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", dedent(code)],
            env=self._environment | environment,
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Finished(status=ended.returncode, out=ended.stdout, err=ended.stderr.decode())


def test_a_first_call_that_finds_no_file_free_says_so_and_the_next_one_begins_anew(python: "Interpreter") -> None:
    ended = python(
        f"""
        import asyncio, errno, os
        import truename.blocking as blocking

        begin, times = blocking.open_chain, []

        def refused_once(settings):
            times.append(settings)
            if len(times) == 1:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return begin(settings)

        blocking.open_chain = refused_once
        print(*(blocking.calibrate({ALICE!r}, timeout=20) for _ in range(2)), sep="\\n")
        """
    )
    assert ended.status == 0, ended.err
    assert ended.lines == ["(None, 'Nobody could be asked: Too many open files.')", "('alice.txt', None)"]


def test_a_first_call_that_finds_no_thread_free_says_so_and_the_next_one_begins_anew(python: "Interpreter") -> None:
    ended = python(
        f"""
        import threading
        from truename import calibrate

        start = threading.Thread.start

        def refused_once(thread):
            threading.Thread.start = start
            raise RuntimeError("can't start new thread")

        threading.Thread.start = refused_once
        print(*(calibrate({ALICE!r}, timeout=20) for _ in range(2)), sep="\\n")
        """
    )
    assert (ended.status, ended.err) == (0, "")
    assert ended.lines == ["(None, 'Nobody could be asked: Resource temporarily unavailable.')", "('alice.txt', None)"]


def test_a_first_call_that_is_interrupted_leaves_nothing_twice(python: "Interpreter") -> None:
    ended = python(
        f"""
        import asyncio, contextlib, os, signal, threading, time
        import truename.blocking as blocking

        begin = blocking.open_chain

        @contextlib.asynccontextmanager
        async def slow(settings):
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            await asyncio.sleep(0.5)
            async with begin(settings) as chain:
                yield chain

        blocking.open_chain = slow
        with contextlib.suppress(KeyboardInterrupt):
            blocking.calibrate({ALICE!r}, timeout=20)
        second = threading.Thread(target=lambda: print(blocking.calibrate({ALICE!r}, timeout=20)))
        second.start()
        time.sleep(0.1)
        print(blocking.warming._lock.locked())  # so that a fork waits for what begins
        second.join()
        print(sum(one.name == "truename-calibrate" for one in threading.enumerate()))
        """
    )
    assert (ended.status, ended.err) == (0, "")
    assert ended.lines == ["True", "('alice.txt', None)", "1"]


def test_a_hash_or_a_magnet_gives_the_name_and_a_dead_hash_a_reason_within_its_time(
    python: Interpreter, swarm: LocalSwarm
) -> None:
    ended = python(f"""
        from truename import calibrate
        print(calibrate({ALICE.upper()!r}), calibrate({swarm.magnets[1]!r}, timeout=20))
        name, error = calibrate({dead_hashes(1, seed=3)[0]!r}, timeout=0.5)
        print(name, error)
    """)
    assert (ended.status, ended.err) == (0, "")
    assert ended.lines[0] == "('alice.txt', None) ('Leaves of Grass by Walt Whitman.epub', None)"
    assert ended.lines[1].startswith("None Nobody has this torrent")


def test_bad_input_gives_an_error_and_asks_nobody(python: Interpreter) -> None:
    ended = python(f"""
        import sys
        from truename import calibrate
        for given in ("--help", "5", "", "0" * 40, "a\\0b", "magnet:?dn=x", None, 5, b"x"):
            name, error = calibrate(given)
            assert name is None and isinstance(error, str) and error, (given, name, error)
            assert "libtorrent" not in sys.modules, given
        for timeout in (0, -1, float("nan"), float("inf"), "5", True, None):  # a mistake of the caller
            try:
                raise AssertionError((timeout, calibrate({ALICE!r}, timeout=timeout)))
            except ValueError as error:
                assert str(error).startswith("timeout must be"), (timeout, error)
    """)
    assert (ended.status, ended.err) == (0, "")


def test_many_threads_share_one_session(python: Interpreter) -> None:
    ended = python(f"""
        import sys, threading
        from concurrent.futures import ThreadPoolExecutor
        from pathlib import Path
        from truename import calibrate
        names = {REAL_NAMES!r}
        barrier = threading.Barrier(8)
        def ask(_):
            barrier.wait(30)
            return {{key: calibrate(key)[0] for key in names}}
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(8))) == [names] * 8
        ours = [thread.name for thread in threading.enumerate() if thread.name.startswith("truename")]
        def children():
            while True:  # a thread may end meanwhile, and its children become another one's
                try:
                    each = [(task / "children").read_text() for task in Path("/proc/self/task").iterdir()]
                    return " ".join(each).split()
                except (FileNotFoundError, ProcessLookupError):
                    pass
        print(ours, len(children()), "libtorrent" in sys.modules)
    """)
    assert (ended.status, ended.err) == (0, "")
    assert ended.lines == ["['truename-calibrate'] 1 False"]


def test_it_serves_the_drop_in_class(python: Interpreter) -> None:
    ended = python(f"""
        from truename import AsyncCalibrationManager, TaskStatus, calibrate
        manager = AsyncCalibrationManager()
        ids = [manager.submit_task(key, calibrate, key, timeout=20) for key in {list(REAL_NAMES)!r}]
        manager.shutdown(wait=True)
        print(sorted(manager.get_task_status(task_id).result for task_id in ids))
    """)
    assert (ended.status, ended.err) == (0, "")
    assert ended.lines == [str(sorted(REAL_NAMES.values()))]


def test_parent_and_child_both_go_on_after_a_fork(python: Interpreter) -> None:
    ended = python(f"""
        import os, sys
        from truename import calibrate
        assert calibrate({ALICE!r}) == ("alice.txt", None)
        child = os.fork()
        assert calibrate({list(REAL_NAMES)[3]!r}) == ("numbers", None)
        if child:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            print("both")
    """)
    assert (ended.status, ended.err) == (0, "")
    assert ended.lines == ["both"]


def test_a_child_that_is_forked_while_another_thread_asks_for_the_first_time_has_its_answer(
    python: Interpreter, swarm: LocalSwarm
) -> None:
    ended = python(f"""
        import faulthandler, os, threading, time
        from truename import calibrate
        magnet = {swarm.magnets[0]!r}
        threads = [threading.Thread(target=calibrate, args=(magnet,)) for _ in range(10)]
        for thread in threads:
            thread.start()
        children = []
        for _ in range(6):
            child = os.fork()
            if child == 0:
                faulthandler.dump_traceback_later(25, exit=True)
                os._exit(0 if calibrate(magnet, timeout=15) == ("alice.txt", None) else 9)
            children.append(child)
            time.sleep(0.02)
        print([os.waitpid(child, 0)[1] for child in children])
        for thread in threads:
            thread.join()
    """)
    assert (ended.status, ended.lines) == (0, ["[0, 0, 0, 0, 0, 0]"]), ended.err


def test_the_program_ends_at_once_while_a_thread_still_asks(python: Interpreter) -> None:
    ended = python(f"""
        import threading
        from truename import calibrate
        calibrate({ALICE!r})
        asking = threading.Thread(target=calibrate, args=({dead_hashes(1, seed=4)[0]!r},), daemon=True)
        asking.start()
        print("end", flush=True)
    """)
    assert (ended.status, ended.out) == (0, b"end\n")


def test_an_interrupted_caller_leaves_nothing_in_conversation(python: Interpreter) -> None:
    ended = python(f"""
        import signal, threading, os
        from truename import calibrate
        calibrate({ALICE!r})
        signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            calibrate({dead_hashes(1, seed=5)[0]!r}, timeout=3600)
        except KeyboardInterrupt:
            print("interrupted")
        print(calibrate({list(REAL_NAMES)[3]!r}))
    """)
    assert (ended.status, ended.err) == (0, "")
    assert ended.lines == ["interrupted", "('numbers', None)"]


def test_errors_speak_the_language_of_the_environment_and_settings_that_cannot_be_used_are_one(
    python: Interpreter,
) -> None:
    ended = python(
        f"from truename import calibrate; print(calibrate('5')[1]); print(calibrate({ALICE!r}))",
        LANG="zh_CN.UTF-8",
        TRUENAME_SLOTS="none",
    )
    assert (ended.status, ended.err) == (0, "")
    assert "无效" in ended.lines[0]
    assert "TRUENAME_SLOTS" in ended.lines[1]


@pytest.mark.parametrize(
    ("file", "environment", "told"),
    [
        ("slots = ", {}, "truename.toml"),
        ("", {"TRUENAME_PROXY_FILE": "/no/such/folder/secret"}, "TRUENAME_PROXY_FILE"),
        ("", {"TRUENAME_BACKUP_DIR": "~nobody-here/backups"}, "TRUENAME_BACKUP_DIR"),
    ],
)
def test_the_error_of_settings_names_what_to_mend_and_no_path(
    python: Interpreter, truename: Program, file: str, environment: dict[str, str], told: str
) -> None:
    truename.data_dir.mkdir()
    (truename.data_dir / "truename.toml").write_text(file)
    ended = python(f"from truename import calibrate; print(calibrate({ALICE!r})[1])", **environment)
    (error,) = ended.lines
    assert error.startswith(f"{told}: ")
    assert "/" not in error
