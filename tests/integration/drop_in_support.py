"""What the tests of `examples/drop_in` share: a real qBittorrent on loopback, and the example as a running program."""

import base64
import contextlib
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import qbittorrentapi

EXAMPLE = Path(__file__).parents[2] / "examples" / "drop_in"
HELPER = EXAMPLE / "calibrate_qbt_helper.py"
PATIENCE_S = 60
USERNAME, PASSWORD = "keeper", "a long pass phrase for qBittorrent"


def program(name: str) -> str:
    """Where a program of Debian's is. A missing one fails in continuous integration and skips elsewhere."""
    found = shutil.which(name)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{name} is not installed")
    return found


class QBittorrent:
    """A qBittorrent of the test's own: profile, folder and port are new, and it speaks to loopback only."""

    def __init__(self, folder: Path, *, settings: Mapping[str, object] | None = None) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self._profile = folder / "profile"
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @contextlib.contextmanager
    def running(self) -> Iterator["QBittorrent"]:
        """Started, with its Web UI answering, until the end of the block."""
        binary = program("qbittorrent-nox")
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._configure(port)
        # It tells on standard output when its Web UI answers; on a pipe it would keep those lines to itself.
        ours, its = os.openpty()
        self._process = subprocess.Popen(
            [binary, f"--profile={self._profile}"],
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=its,
            env={"PATH": os.environ["PATH"], "HOME": str(self._profile), "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        os.close(its)
        try:
            with os.fdopen(ours, "rb") as said:
                _until_said(said, f":{port}".encode(), self._process)
                if self._settings:
                    self.client().app_set_preferences(dict(self._settings))
                yield self
        finally:
            self._process.kill()  # its profile is thrown away, so it may as well be quick
            self._process.wait()

    def client(self) -> qbittorrentapi.Client:
        """Somebody else's client, to look at what the helper does. Its session ends with the server."""
        client = qbittorrentapi.Client(
            self.url, username=USERNAME, password=PASSWORD, FORCE_SCHEME_FROM_HOST=True, SIMPLE_RESPONSES=True
        )
        client.auth_log_in()
        return client

    def environment(self, **changes: str) -> dict[str, str]:
        """What the helper needs to know."""
        return {"QBT_URL": self.url, "QBT_USERNAME": USERNAME, "QBT_PASSWORD": PASSWORD} | changes

    def _configure(self, port: int) -> None:
        salt = secrets.token_bytes(16)
        key = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 100_000)
        password = f"@ByteArray({base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()})"
        file = self._profile / "qBittorrent" / "config" / "qBittorrent.conf"
        file.parent.mkdir(parents=True)
        file.write_text(
            "[BitTorrent]\n"
            f"Session\\Port={_free_port()}\n"  # one that is taken would leave it deaf and dumb
            "Session\\DHTEnabled=false\nSession\\LSDEnabled=false\nSession\\PeXEnabled=false\n"
            "Session\\Interface=lo\nSession\\InterfaceName=lo\nSession\\InterfaceAddress=127.0.0.1\n"
            f"Session\\DefaultSavePath={self.downloads}\n"
            "[LegalNotice]\nAccepted=true\n"
            "[Network]\nPortForwardingEnabled=false\n"
            "[Preferences]\n"
            "Connection\\ResolvePeerCountries=false\n"  # would download a database of countries
            "General\\Locale=en\n"
            f"WebUI\\Address=127.0.0.1\nWebUI\\Port={port}\nWebUI\\UseUPnP=false\nWebUI\\LocalHostAuth=true\n"
            f'WebUI\\Username={USERNAME}\nWebUI\\Password_PBKDF2="{password}"\n'
        )


def _free_port() -> int:
    """A port below those that the system gives to connections: nobody is given it between this test and its use."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as taken, contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", port))
            return port


def _until_said(said, words: bytes, process: subprocess.Popen[bytes]) -> None:
    impatient = threading.Timer(PATIENCE_S, process.kill)
    impatient.start()
    try:
        heard = b""
        # A terminal whose other end is closed gives EIO instead of an end of file.
        with contextlib.suppress(OSError):
            while words not in heard and (line := said.readline()):
                heard += line
        assert words in heard, heard.decode(errors="replace")
    finally:
        impatient.cancel()


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
