"""What the tests of `examples/drop_in` share: the example as a running program."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.qbittorrent import PATIENCE_S

EXAMPLE = Path(__file__).parents[2] / "examples" / "drop_in"
HELPER = EXAMPLE / "calibrate_qbt_helper.py"


@contextlib.contextmanager
def importable() -> Iterator[None]:
    """The example's own modules can be imported; afterwards nothing of them is left in this process."""
    before = set(sys.modules)
    sys.path.insert(0, str(EXAMPLE))
    try:
        yield
    finally:
        sys.path.remove(str(EXAMPLE))
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in ("bot", "web", "main", "calibrate_qbt_helper"):
                del sys.modules[name]


class Gates:
    """Scripts that wait for the test: each stops at its gate, named after its info-hash, until it is released."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "gates"
        self._folder.mkdir()
        self._held: dict[str, int] = {}
        self.script = folder / "waits_at_its_gate.py"
        self.script.write_text(
            "import pathlib, sys\n"
            f"pathlib.Path({str(self._folder)!r}, sys.argv[1]).read_bytes()\n"
            "print('name of ' + sys.argv[1])\n"
        )

    def close(self, info_hash: str) -> None:
        """Let the script for this hash wait when it comes. Before it is started."""
        os.mkfifo(self._folder / info_hash)

    def wait_for(self, info_hash: str) -> int:
        """Return when the script for this hash stands at its gate: the file descriptor that holds it."""
        self._held[info_hash] = os.open(self._folder / info_hash, os.O_WRONLY)
        return self._held[info_hash]

    def release(self, info_hash: str) -> None:
        """Let it go on. It must stand there."""
        os.close(self._held.pop(info_hash))

    def release_all(self) -> None:
        """Let all that stand there go on."""
        for info_hash in list(self._held):
            self.release(info_hash)


@contextlib.contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The example as its README starts it, on a free port of loopback: the process and its address."""
    with subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=EXAMPLE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PORT": "0"} | dict(environment),
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), "it did not start"
            yield process, address
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S / 2)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


class Modules:
    """The example's modules, under short names."""

    def __init__(self) -> None:
        from bot.services import async_calibration_manager, calibration_manager, calibration_script
        from bot.services.modes import Mode
        from web.people import People
        from web.routes.api import create_app

        self.old_names, self.bot, self.runner = async_calibration_manager, calibration_manager, calibration_script
        self.Mode, self.People, self.create_app = Mode, People, create_app


class Application:
    """The application of one test, and browsers to it."""

    def __init__(self, example, calibrate, get_manager, mode="async", clock=None) -> None:
        passwords = {"anna": "anna's pass phrase", "boris": "boris's pass phrase"}
        options = {"clock": clock} if clock else {}
        self.people = example.People(passwords, hash_method="pbkdf2:sha256:1", **options)
        self.flask = example.create_app(calibrate, people=self.people, mode=example.Mode(mode), get_manager=get_manager)
        self.calibrations = self.flask.extensions["calibrations"]

    def browser(self, person=None):
        """A browser, logged in by the real form when a person is named."""
        browser = self.flask.test_client()
        if person:
            form = {"username": person, "password": f"{person}'s pass phrase"}
            assert browser.post("/login", data=form).status_code == 303
        return browser
