"""A real qBittorrent of the tests' own, on loopback."""

import base64
import contextlib
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import pytest
import qbittorrentapi

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
        self._client: qbittorrentapi.Client | None = None
        self._port = 0
        self.url = ""

    @contextlib.contextmanager
    def running(self) -> Iterator["QBittorrent"]:
        """Started, with its Web UI answering, until the end of the block; the second time with the same profile."""
        binary = program("qbittorrent-nox")
        if not self.url:
            self._port = _free_port()
            self.url = f"http://127.0.0.1:{self._port}"
            self._configure(self._port)
        self._client = None
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
                _until_said(said, f":{self._port}".encode(), self._process)
                if self._settings:
                    self.client().app_set_preferences(dict(self._settings))
                yield self
        finally:
            self._process.kill()  # its profile is thrown away, so it may as well be quick
            self._process.wait()

    def client(self) -> qbittorrentapi.Client:
        """Somebody else's client, to look at what the helper does. Its session ends with the server.

        There is one until then: a log-in costs qBittorrent an eighth of a second.
        """
        if self._client is None:
            self._client = qbittorrentapi.Client(
                self.url, username=USERNAME, password=PASSWORD, FORCE_SCHEME_FROM_HOST=True, SIMPLE_RESPONSES=True
            )
            self._client.auth_log_in()
        return self._client

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


def _until_said(said: IO[bytes], words: bytes, process: subprocess.Popen[bytes]) -> None:
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
