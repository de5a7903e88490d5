"""A conversation with a qBittorrent, over qbittorrent-api. Belongs to one thread.

The password goes to the address that was named, by the scheme that was named, and nowhere else; no redirect is
followed. Every answer is bounded in time and size before anything reads it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from truename.errors import ResolverDown
from truename.resolvers.qbittorrent.config import Limits, QbittorrentConfig
from truename.resolvers.qbittorrent.listing import Entry
from truename.resolvers.qbittorrent.marks import CATEGORY, Run
from truename.resolvers.qbittorrent.pieces import read_json
from truename.resolvers.qbittorrent.wire import Sources, api_version

if TYPE_CHECKING:
    from requests import Response

_T = TypeVar("_T")

_CONNECT_S: Final = 4.0
_LOOK_AGAIN_S: Final = 0.05
_CHUNK_BYTES: Final = 64 * 1024
_OLDEST_API: Final = (2, 8, 15)  # of qBittorrent 4.5.0: the first to stop a torrent when its metadata is there
_FETCHES_SINCE: Final = (2, 11, 9)  # of qBittorrent 5.2

REASONS: Final = tuple(
    f"qbittorrent_{word}"
    for word in (
        *("missing", "down", "silent", "broken", "certificate"),
        *("password", "banned", "host", "stranger", "too_large", "old"),
    )
)
"""Why a qBittorrent cannot be asked: words of `truename.texts`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What answered: its versions, and where it keeps what it downloads."""

    version: str
    api: tuple[int, ...]
    save_path: str

    @property
    def fetches(self) -> bool:
        """Whether it gives metadata without a torrent in its list."""
        return self.api >= _FETCHES_SINCE


class _TooLarge(Exception):  # noqa: N818 - named after what it is
    """An answer is larger, or takes longer, than any of qBittorrent's."""


class _Packed(_TooLarge):
    """An answer that would have to be unpacked, which is not asked for."""


class Session:
    """See the module. `log_in` comes first. All that is asked goes through `do`, which knows the libraries' errors.

    Errors: `ResolverDown` when qbittorrent-api is not installed.
    """

    def __init__(self, config: QbittorrentConfig) -> None:
        try:
            from qbittorrentapi import Client

            from truename.resolvers.qbittorrent.punctual import PunctualClient
        except ImportError as error:
            raise ResolverDown("qbittorrent_missing") from error
        self._url = config.url.rstrip("/")
        self._limits = config.limits
        self._request_args: dict[str, Any] = {
            "timeout": (min(_CONNECT_S, config.limits.answer_s), config.limits.answer_s),
            "allow_redirects": False,
            "proxies": {"http": "", "https": ""},  # else those of the environment, which would see the password
            "stream": True,
            "hooks": {"response": self._read_bounded},
        }
        self._client: Client = PunctualClient(
            host=self._url,
            username=config.username,
            password=config.password,
            EXTRA_HEADERS={"Accept-Encoding": "identity"},  # what is packed has no size
            REQUESTS_ARGS=self._request_args,
            FORCE_SCHEME_FROM_HOST=True,
            DISABLE_LOGGING_DEBUG_OUTPUT=True,
            SIMPLE_RESPONSES=True,
        )

    def do(self, work: "Callable[[Session], _T]") -> _T:
        """Have this session do something. Errors: `ResolverDown` in the place of every error of the libraries."""
        with _errors_as_sentences(self._why_no_login):
            return work(self)

    def log_in(self) -> Server:
        """Begin a session; an earlier one ends."""
        from qbittorrentapi import APIError, LoginFailed

        try:
            self._client.auth_log_in()
        except LoginFailed as error:
            raise ResolverDown(self._why_no_login()) from error
        version = type(self._client).app_web_api_version(self._client)
        # The library would ask for it again before most calls, and it does not change in a session.
        self._client.app_web_api_version = lambda **_: version  # type: ignore[method-assign]
        api = api_version(version)
        if api is None:
            raise APIError("not a version")
        if api < _OLDEST_API:
            raise ResolverDown("qbittorrent_old")
        return Server(
            version=self._client.app_version().strip()[:40], api=api, save_path=self._client.app_default_save_path()
        )

    def log_out(self) -> None:
        """End the session, and with it what the server keeps for it."""
        self._client.auth_log_out()

    def changes(self, rid: int) -> object:
        """What has changed since an answer. Output: JSON for `Listing.take`."""
        return self._client.sync_maindata(rid=rid)

    def add(self, magnets: Sequence[str], *, tag: str, folder: str, stopped: bool = False) -> None:
        """Add torrents that stop when their metadata is there. What is there already, or is refused, is passed over."""
        self._add(
            urls=list(magnets),
            category=CATEGORY,
            tags=tag,
            save_path=folder,
            use_download_path=False,
            use_auto_torrent_management=False,
            is_stopped=stopped,
            stop_condition="MetadataReceived",
        )

    def add_sources(self, torrent_id: str, sources: Sources) -> None:
        """Have a torrent that is there already ask these too. That it has gone, or knows them, is no error."""
        from qbittorrentapi import Conflict409Error, InvalidRequest400Error, NotFound404Error

        no_error = NotFound404Error, Conflict409Error, InvalidRequest400Error
        if sources.trackers:
            with suppress(*no_error):
                self._client.torrents_add_trackers(torrent_hash=torrent_id, urls=list(sources.trackers))
        if sources.peers:
            with suppress(*no_error):
                self._client.torrents_add_peers(torrent_hashes=torrent_id, peers=list(sources.peers))

    def give(self, magnet: str, *, name: str) -> bool:
        """Add a torrent for the person: stopped, with a name, in no category. Output: whether it was not there yet."""
        return self._add(urls=magnet, rename=name, is_stopped=True)

    def hurry(self, torrent_ids: Sequence[str]) -> None:
        """Let torrents go before the person's own downloads, behind which they would wait for ever."""
        self._client.torrents_set_force_start(enable=True, torrent_hashes=list(torrent_ids))

    def remove(self, torrent_ids: Sequence[str]) -> None:
        """Remove torrents and the folder they were given."""
        self._client.torrents_delete(delete_files=True, torrent_hashes=list(torrent_ids))

    def hold(self, torrent_ids: Sequence[str], tag: str) -> None:
        """Have a tag on torrents besides those that they bear. That one has gone is no error."""
        self._client.torrents_add_tags(tags=tag, torrent_hashes=list(torrent_ids))

    def let_go(self, torrent_ids: Sequence[str], tag: str) -> None:
        """Have a tag on them no more."""
        self._client.torrents_remove_tags(tags=tag, torrent_hashes=list(torrent_ids))

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Remove tags that nothing bears any more."""
        self._client.torrents_delete_tags(tags=list(tags))

    def farewell(self, mine: Run, expected: Sequence[str], patience_s: float) -> None:
        """Remove what a run may, and its tags, and log out.

        What was added last may appear a little later, and another run let go of what is ours. What that needs for
        longer is left to it.
        """
        end = time.monotonic() + patience_s
        missing, adders = set(expected), {mine}
        while True:
            ours, now = self._ours(), time.time()
            missing.difference_update(entry.torrent_id for entry, _ in ours)
            left = {entry.torrent_id: adder for entry, adder in ours if entry.may_be_removed_by(mine, now=now)}
            held = {one.torrent_id: adder for one, adder in ours if one.torrent_id not in left and one.is_held_by(mine)}
            if left:
                self.remove(list(left))
                adders.update(left.values())
            if of_others := [torrent_id for torrent_id, adder in held.items() if adder != mine]:
                self.let_go(of_others, mine.tag)
            if not (left or missing or held) or time.monotonic() > end:
                break
            time.sleep(_LOOK_AGAIN_S)
        tags = [one.tag for one in adders if one == mine or one.is_over()]
        if unborne := [tag for tag in tags if not self._client.torrents_info(tag=tag)]:
            self.remove_tags(unborne)
        self.log_out()

    def torrent_file(self, torrent_id: str) -> bytes | None:
        """The .torrent file of a torrent in the list, or None when the server cannot make one."""
        return self._unless_missing(lambda: self._client.torrents_export(torrent_hash=torrent_id))

    def fetch(self, source: str) -> Mapping[str, Any] | None:
        """Ask for the metadata of a magnet. Output: JSON, with `info` once it is there; None: the server refuses."""
        from qbittorrentapi import InvalidRequest400Error

        try:
            answer: Any = self._client.torrents_fetch_metadata(source=source)
        except InvalidRequest400Error:
            return None
        if not isinstance(answer, dict):
            raise TypeError
        return answer

    def fetched_file(self, source: str) -> bytes | None:
        """The .torrent file of what was fetched, or None when it was not fetched but is in the list."""
        return self._unless_missing(lambda: self._client.torrents_save_metadata(source=source))

    def _ours(self) -> list[tuple[Entry, Run]]:
        """What this program has added, in whichever run."""
        listed: Any = self._client.torrents_info(category=CATEGORY)
        entries = [Entry(torrent_id=torrent["hash"]).changed(torrent) for torrent in listed]
        return [(entry, adder) for entry in entries if (adder := entry.run())]

    def _add(self, **what: Any) -> bool:
        from qbittorrentapi import Conflict409Error

        try:
            return self._client.torrents_add(**what) != "Fails."
        except Conflict409Error:
            return False

    def _unless_missing(self, ask: Callable[[], bytes]) -> bytes | None:
        from qbittorrentapi import Conflict409Error, NotFound404Error

        try:
            return ask() or None
        except (Conflict409Error, NotFound404Error):
            return None

    def _why_no_login(self) -> str:
        """A login was refused. qBittorrent answers strangers with 403, or with 401 when it dislikes the host name."""
        import requests

        from truename.resolvers.qbittorrent.punctual import punctual

        try:
            with punctual(requests.Session()) as session:
                answer = session.get(f"{self._url}/api/v2/app/webapiVersion", **self._request_args)
        except (requests.RequestException, _TooLarge):
            return "qbittorrent_stranger"
        return {401: "qbittorrent_host", 403: "qbittorrent_password"}.get(answer.status_code, "qbittorrent_stranger")

    def _read_bounded(self, response: "Response", *_: object, **__: object) -> None:
        """Read the body of an answer, before anybody else does."""
        import requests
        import urllib3

        try:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise _Packed
            body = _bounded(response.raw, self._limits)
            response._content = body  # where requests keeps it
            response._content_consumed = True
            response.json = lambda **_: read_json(body)  # type: ignore[method-assign]
        except urllib3.exceptions.ReadTimeoutError as error:
            raise requests.exceptions.ReadTimeout from error
        except urllib3.exceptions.HTTPError as error:
            raise requests.exceptions.ConnectionError from error
        finally:
            response.close()


@contextmanager
def _errors_as_sentences(why_no_login: Callable[[], str]) -> Iterator[None]:
    """What a person can do about an error of the libraries decides what becomes of it."""
    import qbittorrentapi as qbt

    try:
        yield
    except qbt.LoginFailed as error:  # a session had ended, and the password is another one by now
        raise ResolverDown(why_no_login()) from error
    except qbt.Forbidden403Error as error:
        raise ResolverDown("qbittorrent_banned") from error
    except qbt.HTTP5XXError as error:
        raise ResolverDown("qbittorrent_broken") from error
    except qbt.HTTP4XXError as error:
        raise ResolverDown("qbittorrent_stranger") from error
    except qbt.APIConnectionError as error:
        raise ResolverDown(_why_no_connection(error)) from error
    except (qbt.APIError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ResolverDown("qbittorrent_stranger") from error


def _bounded(raw: Any, limits: Limits) -> bytes:
    end = time.monotonic() + limits.answer_s
    body = bytearray()
    while chunk := raw.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > limits.answer_bytes or time.monotonic() > end:
            raise _TooLarge
    return bytes(body)


def _why_no_connection(error: BaseException) -> str:
    import requests

    cause = error.__context__
    if isinstance(cause, _TooLarge):
        return "qbittorrent_stranger" if isinstance(cause, _Packed) else "qbittorrent_too_large"
    if isinstance(cause, requests.exceptions.SSLError):
        return "qbittorrent_certificate"
    if isinstance(cause, requests.exceptions.Timeout):
        return "qbittorrent_silent"
    return "qbittorrent_down"
