"""What `import truename` costs beside a bare interpreter.

    .venv/bin/python bench/import_time.py            41 pairs, about ten seconds
    .venv/bin/python bench/import_time.py --pairs 9

Each pair runs `python -c pass` and `python -c "import truename"` one after the other, in turns first and second, so
that a busy machine is busy for both; the median of the differences counts. Goal: under 60 ms.
"""

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
import time

# As an installed package is: compiled once. Otherwise each import would compile what was changed last.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
STATEMENTS = ("import truename", "from truename import AsyncCalibrationManager; AsyncCalibrationManager()")


def run_s(code: str) -> float:
    """One interpreter, from its start to its end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)
    return time.perf_counter() - started


def differences_ms(code: str, pairs: int) -> list[float]:
    """How much longer `code` takes than nothing, pair by pair."""
    run_s(code)  # this one compiles
    found = []
    for number in range(pairs):
        if number % 2:
            with_it, bare = run_s(code), run_s("pass")
        else:
            bare, with_it = run_s("pass"), run_s(code)
        found.append((with_it - bare) * 1000)
    return found


def machine() -> str:
    """Where and when."""
    day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = os.getloadavg()[0]
    return (
        f"{day}; {platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} CPUs,"
        f" load {load:.1f}; Python {platform.python_version()}"
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=41)
    pairs = parser.parse_args().pairs
    print(machine())
    for code in STATEMENTS:
        found = differences_ms(code, pairs)
        quarter, median, three = statistics.quantiles(found, n=4)
        print(f"{code}: median {median:.1f} ms more than bare Python ({quarter:.1f} to {three:.1f} in half of {pairs})")


if __name__ == "__main__":
    main()
