"""How many calls the drop-in class takes, beside the design it replaces.

    .venv/bin/python bench/manager.py            five rounds, about a minute
    .venv/bin/python bench/manager.py --quick    one short round

A pair is one `submit_task` and one `get_task_status` from one of 8 threads, with 5 workers behind that run a function
which returns at once. The rounds take turns, so that a busy machine is busy for all. Also: how long one submit takes,
beside those 8 threads and with all workers stuck. Goals: 20,000 pairs/s; a submit under 100 ms with all workers stuck.
"""

import argparse
import datetime
import os
import platform
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from truename import AsyncCalibrationManager, TaskStatus

THREADS = 8
WORKERS = 5


class Manager(Protocol):
    """What is measured."""

    def submit_task(self, info_hash: str, calibration_func: Callable[..., Any], /, *args: Any) -> str: ...

    def get_task_status(self, task_id: str) -> object: ...

    def shutdown(self) -> None: ...


@dataclass
class OldTask:
    """A task of the old design: changed in place, one field after the other."""

    task_id: str
    info_hash: str
    status: TaskStatus
    created_at: float
    result: str | None = None
    error: str | None = None
    completed_at: float | None = None


class OldManager:
    """The old design in short: an executor, and two dictionaries that everybody changes without a lock."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(WORKERS)
        self.tasks: dict[str, OldTask] = {}
        self.futures: dict[str, Future[None]] = {}

    def submit_task(self, info_hash: str, calibration_func: Callable[..., Any], /, *args: Any) -> str:
        """Write a task down and hand its function to the executor."""
        task_id = str(uuid.uuid4())
        self.tasks[task_id] = OldTask(task_id, info_hash, TaskStatus.PENDING, time.time())
        self.futures[task_id] = self.pool.submit(self.run, task_id, calibration_func, args)
        return task_id

    def run(self, task_id: str, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """What the executor's thread does."""
        task = self.tasks[task_id]
        task.status = TaskStatus.RUNNING
        name, error = function(*args)
        task.status = TaskStatus.COMPLETED if name else TaskStatus.FAILED
        task.result, task.error = name, error
        task.completed_at = time.time()
        self.futures.pop(task_id, None)

    def get_task_status(self, task_id: str) -> OldTask | None:
        """The task itself."""
        return self.tasks.get(task_id)

    def shutdown(self) -> None:
        """Wait for all."""
        self.pool.shutdown()


def named(name: str) -> tuple[str | None, str | None]:
    """A calibration that takes no time."""
    return name, None


def pairs_per_second(manager: Manager, pairs: int) -> float:
    """8 threads, as fast as they can."""
    begin = threading.Barrier(THREADS + 1)

    def ask() -> None:
        begin.wait()
        for _ in range(pairs // THREADS):
            manager.get_task_status(manager.submit_task("label", named, "name"))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    begin.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed_s = time.perf_counter() - started
    manager.shutdown()
    return pairs / elapsed_s


def submit_times(manager: Manager, times: int) -> list[float]:
    """How long single submits take, shortest first."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        manager.submit_task("label", named, "name")
        taken.append(time.perf_counter() - started)
    return sorted(taken)


def submit_beside_others(times: int) -> list[float]:
    """The same while 8 other threads submit and get."""
    manager = AsyncCalibrationManager(WORKERS)
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            manager.get_task_status(manager.submit_task("label", named, "name"))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    taken = submit_times(manager, times)
    over.set()
    for thread in threads:
        thread.join()
    manager.shutdown()
    return taken


def submit_with_all_stuck(times: int) -> list[float]:
    """The same while every worker is in a function that does not return."""
    manager = AsyncCalibrationManager(WORKERS)
    let_go, begun = threading.Event(), threading.Barrier(WORKERS + 1)
    for _ in range(WORKERS):
        manager.submit_task("stuck", lambda: (begun.wait(), let_go.wait(), ("name", None))[2])
    begun.wait()
    taken = submit_times(manager, times)
    let_go.set()
    manager.shutdown()
    return taken


def machine() -> str:
    """Where and when."""
    day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = os.getloadavg()[0]
    return (
        f"{day}; {platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} CPUs,"
        f" load {load:.1f}; Python {platform.python_version()}"
    )


def tell_times(what: str, taken: list[float]) -> None:
    """One line about many durations."""
    ms = [seconds * 1000 for seconds in taken]
    p50, p99 = ms[len(ms) // 2], ms[len(ms) * 99 // 100]
    print(f"{what:<42} p50 {p50:8.3f} ms   p99 {p99:8.3f} ms   longest {ms[-1]:8.3f} ms")


def measure(*, rounds: int, pairs: int) -> None:
    """All of it, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        makers: dict[str, Callable[[int], Manager]] = {
            "this class": lambda _: AsyncCalibrationManager(WORKERS),
            "this class, database=": lambda n: AsyncCalibrationManager(WORKERS, database=Path(folder, f"{n}.db")),
            "the old design": lambda _: OldManager(),
        }
        found: dict[str, list[float]] = {what: [] for what in makers}
        for number in range(rounds):
            for what, make in makers.items():
                count = pairs // 8 if "database" in what else pairs
                found[what].append(pairs_per_second(make(number), count))
        for what, rates in found.items():
            median, low, high = statistics.median(rates), min(rates), max(rates)
            print(f"{what:<42} {median:8,.0f} pairs/s   ({low:,.0f} to {high:,.0f} in {rounds} rounds)")
        both = zip(found["this class"], found["the old design"], strict=True)
        ratio = statistics.median(ours / old for ours, old in both)
        print(f"{'this class / the old design, same round':<42} {ratio:8.2f}")
        tell_times("submit beside 8 busy threads", submit_beside_others(pairs // 20))
        tell_times("submit with all workers stuck", submit_with_all_stuck(pairs // 20))
        journalled = AsyncCalibrationManager(WORKERS, database=Path(folder, "single.db"))
        tell_times("submit with database=", submit_times(journalled, pairs // 20))
        journalled.shutdown()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round")
    quick = parser.parse_args().quick
    print(machine())
    measure(rounds=1 if quick else 5, pairs=20_000 if quick else 80_000)


if __name__ == "__main__":
    main()
