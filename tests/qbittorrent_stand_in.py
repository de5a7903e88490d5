"""Servers of loopback in the place of a qBittorrent: strangers, and a 5.2 after the description of its Web API.

Source: WebAPI_Changelog.md of qBittorrent (2.11.9 to 2.16), and its torrentscontroller.cpp for what that leaves open.
"""

import contextlib
import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from truename.resolvers.qbittorrent.marks import CATEGORY


class Request(NamedTuple):
    """What was asked: the method of the API (`torrents/add`), and its fields."""

    path: str
    fields: dict[str, str]


Reply = tuple[int, dict[str, str], bytes]


class StandIn:
    """A web server that gives what `answer` says, and keeps what it was asked. `sent` counts bytes of bodies."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.asked: list[Request] = []
        self.sent = 0
        self.answer = answer
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path, _, query = self.path.removeprefix("/api/v2/").partition("?")
                request = Request(path, _fields(self.headers.get("Content-Type", ""), body, query))
                outer.asked.append(request)
                status, headers, answer = outer.answer(request)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(answer))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    for _ in range(int(headers.get("X-Times", "1"))):
                        self.wfile.write(answer)
                        outer.sent += len(answer)

            do_POST = do_GET  # noqa: N815 - http.server's name

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator["StandIn"]:
        """Until the end of the block."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def times(self, path: str) -> int:
        """How often a method was called."""
        return sum(request.path == path for request in self.asked)


@contextlib.contextmanager
def silence() -> Iterator[str]:
    """The address of somebody who accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def drip() -> contextlib.AbstractContextManager[str]:
    """The address of somebody who sends a header without an end, some bytes now and then."""
    return _going_on(b"HTTP/1.1 200 OK\r\nX: ", b"x", every_s=0.05)


def always_continue() -> contextlib.AbstractContextManager[str]:
    """The address of somebody who tells to go on, and on."""
    return _going_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 400, every_s=0.0)


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def drip_a_size() -> contextlib.AbstractContextManager[str]:
    """The address of somebody whose text comes in pieces, and the line with the size of the first has no end."""
    return _going_on(_CHUNKED + b"3;", b"x", every_s=0.05)


def pour() -> contextlib.AbstractContextManager[str]:
    """The address of somebody who keeps talking."""
    return _going_on(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b" " * 1000, every_s=0.05)


def always_a_trailer() -> contextlib.AbstractContextManager[str]:
    """The address of somebody behind whose text there are lines without an end."""
    return _going_on(_CHUNKED + b"3\r\nOk.\r\n0\r\n", b"X: y\r\n" * 1000, every_s=0.0)


@contextlib.contextmanager
def _going_on(first: bytes, more: bytes, *, every_s: float) -> Iterator[str]:
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(first)
            while not over.wait(every_s):
                connection.sendall(more)

    def accept(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)


def _fields(kind: str, body: bytes, query: str) -> dict[str, str]:
    text = body.decode(errors="replace") if "multipart" not in kind else ""
    return {name: values[0] for name, values in (parse_qs(query) | parse_qs(text)).items()}


def always(status: int, body: bytes = b"", **headers: str) -> StandIn:
    """Somebody who says the same to everything."""
    return StandIn(lambda request: (status, headers, body))


def after_login(body: bytes, *, status: int = 200, version: bytes = b"2.8.19", **headers: str) -> StandIn:
    """A qBittorrent until one has logged in, and somebody else then."""
    known = {"auth/login": b"Ok.", "app/webapiVersion": version, "app/version": b"v4.5.2", "app/defaultSavePath": b"/d"}

    def answer(request: Request) -> Reply:
        return (200, {}, known[request.path]) if request.path in known else (status, headers, body)

    return StandIn(answer)


class Fetching(StandIn):
    """A qBittorrent 5.2. `torrents` maps info-hashes to .torrent files that its peers have; `own` are the person's."""

    def __init__(self, torrents: dict[str, bytes], own: dict[str, bytes] | None = None) -> None:
        super().__init__(self._reply)
        self.torrents = torrents
        self.own = own or {}
        self.waiting: set[str] = set()
        self.fetched: set[str] = set()
        self.listed: dict[str, dict[str, object]] = {}
        self.rid = 0

    def _reply(self, request: Request) -> Reply:
        fields = request.fields
        match request.path:
            case "app/webapiVersion" | "app/version" | "app/defaultSavePath" as path:
                reply = 200, {}, {"app/webapiVersion": b"2.13.1", "app/version": b"v5.2.0"}.get(path, b"/d")
            case "sync/maindata":
                self.rid += 1
                reply = _json({"rid": self.rid, "full_update": True, "torrents": self.listed, "tags": []})
            case "torrents/fetchMetadata":
                reply = self._fetch(fields["source"])
            case "torrents/saveMetadata":
                fetched = self.fetched & {_hash_of(fields["source"])}
                reply = (200, {}, self.torrents[fetched.pop()]) if fetched else (409, {}, b"not yet")
            case "torrents/export":
                reply = (200, {}, self.own[fields["hash"]]) if fields["hash"] in self.own else (404, {}, b"Not Found")
            case "torrents/add":
                reply = self._add(fields)
            case "torrents/info":
                reply = _json([{"hash": key} | told for key, told in self.listed.items()])
            case "torrents/delete":
                for torrent_id in fields["hashes"].split("|"):
                    del self.listed[torrent_id]
                reply = 200, {}, b""
            case _:  # auth/login among them: it sets a cookie, and says nothing
                reply = 204, {}, b""
        return reply

    def _fetch(self, source: str) -> Reply:
        """The answer is 202 and says no more than the hash until the metadata is there."""
        info_hash = _hash_of(source)
        hashes: dict[str, object] = {"infohash_v1": info_hash, "infohash_v2": "", "hash": info_hash}
        if info_hash in self.own or (info_hash in self.torrents and info_hash in self.waiting):
            self.waiting.discard(info_hash)
            if info_hash not in self.own:
                self.fetched.add(info_hash)
            return _json(hashes | {"info": {"name": "shown", "length": 1, "files": []}})
        self.waiting.add(info_hash)
        return _json(hashes, status=202)

    def _add(self, fields: dict[str, str]) -> Reply:
        """An add takes the place of a fetch of the same hash."""
        added = [_hash_of(url) for url in fields["urls"].split("\n")]
        for info_hash in added:
            self.waiting.discard(info_hash)
            self.listed[info_hash] = {
                "infohash_v1": info_hash,
                "category": fields["category"],
                "tags": fields["tags"],
                "save_path": fields["savepath"],
                "state": "stoppedDL" if fields["stopped"] == "True" else "metaDL",
                "total_size": -1,
            }
        assert fields["category"] == CATEGORY
        counts = {"success_count": len(added), "failure_count": 0, "pending_count": 0, "added_torrent_ids": added}
        return _json(counts)


class Queueing(StandIn):
    """A qBittorrent 4.5 where what is added waits in a queue for `turn_s`, or until it is started by force.

    Then its metadata is there at once, and it stops. `resumed`: it was started by force when it had that already, and
    now downloads what it is about.
    """

    def __init__(self, torrent: bytes, *, turn_s: float) -> None:
        super().__init__(self._reply)
        self.torrent = torrent
        self.turn_s = turn_s
        self.resumed = False
        self._listed: dict[str, dict[str, object]] = {}
        self._begins_at = 0.0
        self._rid = 0

    def _reply(self, request: Request) -> Reply:
        fields = request.fields
        begun = time.monotonic() >= self._begins_at
        for told in self._listed.values():
            told.update({"state": "pausedDL", "total_size": 5} if begun else {"state": "queuedDL", "total_size": -1})
        match request.path:
            case "app/webapiVersion" | "app/version" | "app/defaultSavePath" as path:
                return 200, {}, {"app/webapiVersion": b"2.8.19", "app/version": b"v4.5.2"}.get(path, b"/d")
            case "sync/maindata":
                self._rid += 1
                return _json({"rid": self._rid, "full_update": True, "torrents": self._listed, "tags": []})
            case "torrents/info":
                return _json([{"hash": key} | told for key, told in self._listed.items()])
            case "torrents/add":
                self._add(fields)
            case "torrents/setForceStart":
                self.resumed = self.resumed or begun
                self._begins_at = 0.0
            case "torrents/export":
                if fields["hash"] not in self._listed:
                    return 404, {}, b"Not Found"
                return (200, {}, self.torrent) if begun else (409, {}, b"no metadata")
            case "torrents/delete":
                self._listed.clear()
        return 200, {}, b"Ok."

    def _add(self, fields: dict[str, str]) -> None:
        info_hash = _hash_of(fields["urls"])
        self._begins_at = time.monotonic() + self.turn_s
        self._listed[info_hash] = {
            "name": info_hash,
            "infohash_v1": info_hash,
            "infohash_v2": "",
            "category": fields["category"],
            "tags": fields.get("tags", ""),
            "save_path": fields["savepath"],
            "state": "queuedDL",
            "total_size": -1,
        }


def _hash_of(source: str) -> str:
    """The v1 hash of a magnet. It undoes the escapes that are left, as the original does."""
    return parse_qs(urlsplit(unquote(source)).query)["xt"][0].removeprefix("urn:btih:")


def _json(value: object, status: int = 200) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()
