#!/usr/bin/env python3
"""Ask a qBittorrent for one torrent's true name: `calibrate_qbt_helper.py <info-hash>`.

Prints the name and ends with 0, or prints a reason on standard error and ends with another status: 1, 2 for wrong use,
124 when the time was over (as `timeout(1)` does). `QBT_URL`, `QBT_USERNAME` and `QBT_PASSWORD` say which qBittorrent;
`QBT_TIMEOUT_S` is the time for all of it, 30 when unset; `QBT_VERIFY_CERTIFICATE=off` accepts any certificate.

A torrent the person has already is only read. Another one is added so that it stops when its metadata is there, in a
category and a folder of its own, and is always removed again. The folder matters: a torrent is removed with its files,
and in the default folder a file of the same name may be the person's own.
The name comes from the exported metadata, whose digest is checked: what qBittorrent shows may have been renamed. Only
for a v2 torrent, which it cannot export before it has downloaded some of it, the name is the one that it shows.
Needs qBittorrent 4.5 or newer, and the package qbittorrent-api.
"""

import contextlib
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from truename.errors import BadMetadata, BadName, InvalidInput
from truename.magnet import InfoHash
from truename.metainfo import read_info
from truename.texts import Language, language_of

if TYPE_CHECKING:
    from qbittorrentapi import Client

DEFAULT_TIMEOUT_S = 30.0
LONGEST_TIMEOUT_S = 3600.0
CLEAN_UP_S = 5.0
POLL_S = 0.3
QUEUED_S = 1.0
REQUEST_TIMEOUT_S = 10.0
OLDEST_API = (2, 8, 15)  # of qBittorrent 4.5.0: the first to stop a torrent when its metadata is there

FAILED, WRONG_USE, TIME_OVER = 1, 2, 124

# English, Chinese: the order of truename.texts.Language. Never an address or a credential: these are shown to people.
TEXTS: Mapping[str, tuple[str, str]] = {
    "usage": ("Give exactly one info-hash.", "请给出且只给出一个 info-hash。"),
    "info_hash": ("This is not an info-hash.", "info-hash 无效。"),
    "url": (
        "Set QBT_URL to the address of qBittorrent's Web UI, as in http://127.0.0.1:8080.",
        "请将 QBT_URL 设为 qBittorrent Web UI 的地址，例如 http://127.0.0.1:8080。",
    ),
    "timeout": (
        "QBT_TIMEOUT_S must be a number of seconds above 0 and at most 3600.",
        "QBT_TIMEOUT_S 应为大于 0 且不超过 3600 的秒数。",
    ),
    "library": (
        "The package qbittorrent-api is missing: python -m pip install qbittorrent-api",
        "缺少 qbittorrent-api：python -m pip install qbittorrent-api",
    ),
    "down": (
        "qBittorrent cannot be reached; see that it runs, that its Web UI is on, and that QBT_URL is right.",
        "无法连接 qBittorrent：请确认它正在运行、Web UI 已启用，且 QBT_URL 正确。",
    ),
    "certificate": (
        "qBittorrent's certificate is not trusted here; QBT_VERIFY_CERTIFICATE=off accepts it all the same.",
        "qBittorrent 的证书不受信任；设置 QBT_VERIFY_CERTIFICATE=off 可仍然接受它。",
    ),
    "password": (
        "qBittorrent refuses the user name or the password; see QBT_USERNAME and QBT_PASSWORD.",
        "qBittorrent 拒绝了用户名或密码：请检查 QBT_USERNAME 和 QBT_PASSWORD。",
    ),
    "banned": (
        "qBittorrent has banned this machine after too many wrong passwords; wait an hour, or restart qBittorrent.",
        "由于密码多次错误，qBittorrent 已封禁本机：请等待一小时，或重启 qBittorrent。",
    ),
    "host": (
        "qBittorrent refuses the host name in QBT_URL; allow it there under Web UI, server domains.",
        "qBittorrent 拒绝了 QBT_URL 中的主机名：请在其 Web UI 的“服务器域名”中允许它。",
    ),
    "stranger": (
        "What answers at QBT_URL is not qBittorrent's Web UI.",
        "QBT_URL 处应答的不是 qBittorrent 的 Web UI。",
    ),
    "old": ("This qBittorrent is too old; 4.5 or newer is needed.", "qBittorrent 版本过旧：需要 4.5 或更新的版本。"),
    "refused": ("qBittorrent does not take this magnet.", "qBittorrent 不接受该磁力链接。"),
    "no_metadata": (
        "Nobody gave this torrent's metadata within {seconds:g} seconds; try again later.",
        "在 {seconds:g} 秒内没有人提供该种子的元数据，请稍后再试。",
    ),
    "no_answer": (
        "qBittorrent did not answer within {seconds:g} seconds.",
        "qBittorrent 在 {seconds:g} 秒内没有应答。",
    ),
    "bad_name": ("The torrent was found, but it has no usable name.", "已找到该种子，但其名称不可用。"),
    "another": (
        "qBittorrent answered with the metadata of another torrent.",
        "qBittorrent 给出的是另一个种子的元数据。",
    ),
    "stopped": ("The look-up was stopped.", "查询已被中止。"),
    "left_behind": (
        "The temporary torrent could not be removed; in qBittorrent it is in the category {category}.",
        "未能移除临时种子；它在 qBittorrent 的分类 {category} 中。",
    ),
}


class Reason(Exception):  # noqa: N818 - an ordinary end, not a mistake
    """Why there is no name: a word of `TEXTS`, and the status to end with."""

    def __init__(self, word: str, status: int = FAILED, **fields: object) -> None:
        super().__init__(word)
        self.word = word
        self.status = status
        self.fields = fields


class Interrupted(BaseException):
    """A signal arrived. No `Exception`, because the libraries in between catch those."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.by_clock = number == signal.SIGALRM


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked, of whom, and for how long."""

    info_hash: InfoHash
    url: str
    username: str
    password: str
    timeout_s: float
    verify_certificate: bool

    @classmethod
    def read(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> "Order":
        """Errors: `Reason`, before anything was asked."""
        if len(arguments) != 1:
            raise Reason("usage", WRONG_USE)
        try:
            info_hash = InfoHash.parse(arguments[0])
        except InvalidInput as exc:
            raise Reason("info_hash", WRONG_USE) from exc
        return cls(
            info_hash=info_hash,
            url=_web_address(environment.get("QBT_URL", "")),
            username=environment.get("QBT_USERNAME", ""),
            password=environment.get("QBT_PASSWORD", ""),
            timeout_s=_seconds(environment.get("QBT_TIMEOUT_S") or str(DEFAULT_TIMEOUT_S)),
            verify_certificate=environment.get("QBT_VERIFY_CERTIFICATE", "").lower() not in ("off", "0", "false", "no"),
        )


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Reason("url", WRONG_USE)
    return text.strip()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_TIMEOUT_S:  # refuses NaN, too
        raise Reason("timeout", WRONG_USE)
    return seconds


class Visit:
    """One torrent in somebody's qBittorrent: read when it is theirs, brought along and taken away when it is not."""

    def __init__(self, client: "Client", info_hash: InfoHash) -> None:
        self.category = f"truename-{secrets.token_hex(4)}"
        self.met = False  # the torrent is in qBittorrent, whoever brought it
        self._client = client
        self._info_hash = info_hash
        self._brought = False  # an add was sent and not refused: from then on something may have to be taken away
        self._arrived = False  # what was added has been seen in the list
        self._waits_since: float | None = None
        self._refusals = 0

    def name(self) -> str | None:
        """The torrent's true name, or None when qBittorrent does not have its metadata yet. Errors: `Reason`."""
        from qbittorrentapi import NotFound404Error

        if not (self._brought and self._own()):
            with contextlib.suppress(NotFound404Error):
                return self._name(self._info_hash[:40])  # that is also how qBittorrent names a v2 torrent
            if not self._brought and not self._bring():
                return self._name_of_twin()
        # What was brought is in the list a little later. A hybrid torrent goes by another id once its metadata is
        # there; in our category it is found under any.
        for torrent in self._own():
            self._arrived = True
            if self._has_to_wait(torrent):  # behind the person's own downloads, for ever
                self._client.torrents_set_force_start(enable=True, torrent_hashes=torrent["hash"])
            with contextlib.suppress(NotFound404Error):
                return self._name(torrent["hash"])
        return None

    def leave(self) -> None:
        """Take away what was brought. An added torrent appears in the list a little later: this waits for it."""
        if self._brought:
            while True:
                own = [torrent["hash"] for torrent in self._own()]
                if own:
                    self._arrived = True
                    self._client.torrents_delete(delete_files=True, torrent_hashes=own)
                elif self._arrived:
                    break
                time.sleep(POLL_S / 3)
            self._client.torrents_remove_categories(categories=[self.category])
            self._brought = False
        self._client.auth_log_out()

    def _has_to_wait(self, torrent: Mapping[str, str]) -> bool:
        """Whether it has been in a queue for a while. Any torrent is for a moment, and one that has its metadata by the
        time it is started would be downloaded.
        """
        if torrent["state"] != "queuedDL" or int(torrent["total_size"]) > 0:
            self._waits_since = None
            return False
        self._waits_since = self._waits_since or time.monotonic()
        return time.monotonic() >= self._waits_since + QUEUED_S

    def _own(self) -> list[dict[str, str]]:
        return _fields(self._client.torrents_info(category=self.category))

    def _name(self, torrent_id: str) -> str | None:
        from qbittorrentapi import Conflict409Error

        try:
            exported = self._client.torrents_export(torrent_hash=torrent_id)
        except Conflict409Error:
            exported = b""
        self.met = True
        if exported:
            return name_in(exported, self._info_hash)
        return self._name_shown(torrent_id) if self._info_hash.is_v2 else None

    def _name_shown(self, torrent_id: str) -> str | None:
        """What qBittorrent calls a torrent whose metadata it has, and which it cannot export for want of hashes."""
        for torrent in _fields(self._client.torrents_info(torrent_hashes=torrent_id)):
            if int(torrent["total_size"]) > 0 and not self._info_hash.startswith(torrent["name"].strip().lower()):
                return torrent["name"]
        return None

    def _bring(self) -> bool:
        """Add the torrent; False when qBittorrent says that it has it already, or does not want it."""
        from qbittorrentapi import Conflict409Error

        folder = self._client.app_default_save_path().rstrip("/")
        self._brought = True
        try:
            answer = self._client.torrents_add(
                urls=_magnet(self._info_hash),
                category=self.category,
                save_path=f"{folder}/{self.category}",
                use_download_path=False,
                use_auto_torrent_management=False,
                is_stopped=False,
                stop_condition="MetadataReceived",
            )
        except Conflict409Error:
            answer = "Fails."
        self._brought = answer != "Fails."
        return self._brought

    def _name_of_twin(self) -> str | None:
        """The name of the person's hybrid torrent that goes by its other hash. Errors: `Reason` if there is none."""
        for torrent in _fields(self._client.torrents_info()):
            if self._info_hash in (torrent["infohash_v1"], torrent["infohash_v2"]):
                return self._name(torrent["hash"])
        # Not there and yet refused: it may have been taken away in between, by another run of this script.
        self._refusals += 1
        if self._refusals >= 3:
            raise Reason("refused")
        return None


def _fields(torrents: Iterable[Mapping[str, object]]) -> list[dict[str, str]]:
    """What is used of a list of torrents. Errors: `KeyError`, `TypeError` when it is not one."""
    used = ("hash", "name", "state", "total_size", "infohash_v1", "infohash_v2")
    return [{field: str(torrent[field]) for field in used} for torrent in torrents]


def _magnet(info_hash: InfoHash) -> str:
    return f"magnet:?xt=urn:btmh:1220{info_hash}" if info_hash.is_v2 else f"magnet:?xt=urn:btih:{info_hash}"


def log_in(order: Order) -> "Client":
    """A client that is logged in at a qBittorrent that can do what is needed. Errors: `Reason`."""
    try:
        from qbittorrentapi import Client
    except ImportError as exc:
        raise Reason("library") from exc
    client = Client(
        host=order.url,
        username=order.username,
        password=order.password,
        # The password goes to the address that was named, by the scheme that was named, and nowhere else.
        FORCE_SCHEME_FROM_HOST=True,
        REQUESTS_ARGS={"timeout": REQUEST_TIMEOUT_S, "allow_redirects": False},
        VERIFY_WEBUI_CERTIFICATE=order.verify_certificate,
        DISABLE_LOGGING_DEBUG_OUTPUT=True,
        SIMPLE_RESPONSES=True,
    )
    client.auth_log_in()
    version = client.app_web_api_version()
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", version):
        raise Reason("stranger")
    if tuple(map(int, version.split("."))) < OLDEST_API:
        raise Reason("old")
    return client


def _why_no_login(order: Order) -> str:
    """A login was refused. qBittorrent answers strangers with 403, or with 401 when it dislikes the host name."""
    import requests

    try:
        answer = requests.get(
            f"{order.url.rstrip('/')}/api/v2/app/webapiVersion",
            timeout=REQUEST_TIMEOUT_S,
            allow_redirects=False,
            verify=order.verify_certificate,
        )
    except requests.RequestException:
        return "down"
    return {401: "host", 403: "password"}.get(answer.status_code, "stranger")


@contextlib.contextmanager
def _client_errors_as_reasons(order: Order) -> Iterator[None]:
    try:
        import qbittorrentapi as qbt
        import requests
    except ImportError as exc:
        raise Reason("library") from exc
    try:
        yield
    except qbt.LoginFailed as exc:
        raise Reason(_why_no_login(order)) from exc
    except qbt.Forbidden403Error as exc:
        raise Reason("banned") from exc
    except qbt.HTTP4XXError as exc:
        raise Reason("stranger") from exc
    except qbt.APIConnectionError as exc:
        untrusted = isinstance(exc.__context__, requests.exceptions.SSLError)
        raise Reason("certificate" if untrusted else "down") from exc
    except (qbt.APIError, KeyError, TypeError, ValueError) as exc:  # JSON of a shape that qBittorrent never sends
        raise Reason("stranger") from exc


def look_up(order: Order) -> str:
    """The true name. Whatever happens, nothing of ours stays behind. Errors: `Reason`."""
    visit = None
    try:
        with _signals_interrupt(order.timeout_s):
            with _client_errors_as_reasons(order):
                visit = Visit(log_in(order), order.info_hash)
                while (name := visit.name()) is None:
                    time.sleep(POLL_S)
            return name
    except Interrupted as exc:
        if not exc.by_clock:
            raise Reason("stopped") from exc
        word = "no_metadata" if visit is not None and visit.met else "no_answer"
        raise Reason(word, TIME_OVER, seconds=order.timeout_s) from exc
    finally:
        if visit is not None:
            _leave(visit, order)


def _leave(visit: Visit, order: Order) -> None:
    try:
        with _client_errors_as_reasons(order), _signals_interrupt(CLEAN_UP_S, only_clock=True):
            visit.leave()
    except (Reason, Interrupted):
        _say("left_behind", category=visit.category)


_SIGNALS = (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def _signals_interrupt(seconds: float, *, only_clock: bool = False) -> Iterator[None]:
    """Raise `Interrupted` in here on a signal, or after that time. At most once: afterwards signals are ignored."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        _ignore_signals()
        raise Interrupted(number)

    for number in _SIGNALS[:1] if only_clock else _SIGNALS:
        signal.signal(number, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        _ignore_signals()


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)


def name_in(torrent: bytes, info_hash: InfoHash) -> str:
    """The true name in a .torrent file. Errors: `Reason` when it is another torrent's, or no name at all."""
    try:
        name = read_info(_info_of(torrent), (info_hash,)).name
    except BadName as exc:
        raise Reason("bad_name") from exc
    except (BadMetadata, ValueError) as exc:
        raise Reason("another") from exc
    if name.strip().lower() == info_hash:
        raise Reason("bad_name")
    return name


def _info_of(torrent: bytes) -> bytes:
    """The bytes of the value `info`, exactly as they stand in a bencoded dictionary. Errors: `ValueError`."""
    at = 1
    while torrent[at : at + 1] not in (b"e", b""):
        end_of_key = _end_of_value(torrent, at)
        end = _end_of_value(torrent, end_of_key)
        if torrent[at:end_of_key] == b"4:info":
            return torrent[end_of_key:end]
        at = end
    raise ValueError("no info dictionary")


def _end_of_value(data: bytes, at: int) -> int:
    depth = 0
    while True:
        match data[at : at + 1]:
            case b"d" | b"l":
                depth, at = depth + 1, at + 1
            case b"e":
                depth, at = depth - 1, at + 1
            case b"i":
                at = data.index(b"e", at) + 1
            case digit if digit.isdigit():
                colon = data.index(b":", at)
                at = colon + 1 + int(data[at:colon])
            case _:
                raise ValueError(f"unexpected byte at {at}")
        if depth <= 0:
            return at


def _say(word: str, **fields: object) -> None:
    english, chinese = TEXTS[word]
    text = chinese if language_of(os.environ) is Language.CHINESE else english
    print(text.format(**fields), file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    """One look-up, its name on standard output or its reason on standard error; the status to end with."""
    try:
        name = look_up(Order.read(arguments, os.environ))
    except Reason as why:
        _say(why.word, **why.fields)
        return why.status
    sys.stdout.buffer.write(name.encode() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
