"""All measurements, one after the other: `make bench`. Each is also a command of its own."""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run them. Output: 0 when all of them ran to their end; none of them judges."""
    failed = [
        script.name
        for script in sorted(Path(__file__).parent.glob("*.py"))
        if not script.name.startswith("_") and _is_command(script) and not _ran(script)
    ]
    for name in failed:
        print(f"{name} did not run to its end", file=sys.stderr)
    return bool(failed)


def _is_command(script: Path) -> bool:
    return '__name__ == "__main__"' in script.read_text("utf-8")


def _ran(script: Path) -> bool:
    print(f"\n=== {script.name}", flush=True)
    return subprocess.run([sys.executable, script], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
