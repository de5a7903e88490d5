"""The settings as they are now: read from the environment and a file. The environment wins."""

import errno
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from truename.errors import TruenameError
from truename.names import make_visible
from truename.settings.table import PREFIX, About, Settings
from truename.settings.values import server_url
from truename.texts import Language, say

FILE_NAME = "truename.toml"
_FROM_FILE = "_FILE"
_ENCODING = "utf-8-sig"
"""Some editors begin a text with a mark that is no part of it."""

_MAX_SECRET_BYTES = 64 * 1024

_HANDED_OVER = "/dev/fd/"
"""What a shell makes of `<(command)`: a pipe with somebody at its other end."""

_ALSO_WITHOUT_PREFIX = ("qbt_url", "qbt_username", "qbt_password")
"""The helper script of the old way reads these."""

_GO_THEIR_OWN_WAY = frozenset(("qbittorrent", "script"))
"""Resolvers that are programs of their own, which no proxy of ours can hold."""


class SettingsError(TruenameError):
    """Settings that cannot be used. `word` and `fields` make the sentence, in `truename.texts`."""

    def __init__(self, word: str, **fields: str) -> None:
        super().__init__(word, *fields.values())
        self.word = word
        self.fields = fields

    def text(self, language: Language) -> str:
        """The sentence for whoever chose them. `rule`, where there is one, is a word of its own."""
        return self._said(self.fields, language)

    def text_for_others(self, language: Language) -> str:
        """The sentence for whoever uses them: names and rules, but no value, and no path of a file."""
        hidden = {"value": "..."} | {one: Path(self.fields.get(one, "")).name for one in ("what", "folder")}
        return self._said({key: hidden.get(key, value) for key, value in self.fields.items()}, language)

    def _said(self, fields: Mapping[str, str], language: Language) -> str:
        return say(self.word, language, **{k: say(v, language) if k == "rule" else v for k, v in fields.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings, where each one came from (`from_...`, words of `truename.texts`), and names nobody knows.

    `left_alone` are variables without our prefix that say nothing usable, and may well be another program's.
    """

    settings: Settings
    origin: Mapping[str, str]
    unknown: tuple[str, ...]
    left_alone: tuple[str, ...]


def load() -> Loaded:
    """Read the settings.

    Errors: `SettingsError` for a value that cannot be used, or a file that cannot be read.
    """
    known = Settings.known()
    ours = EnvSettingsSource(Settings)() | _secret_files(known)
    borrowed = {name: value for name, value in _without_prefix().items() if name not in ours}
    left_alone = () if _is_server_url(borrowed.get("qbt_url", "")) else ("QBT_URL",)
    environment = ours if left_alone else borrowed | ours
    data_dir = _folder(environment.get("data_dir") or known["data_dir"].default)
    file = _toml(data_dir / FILE_NAME)
    file_unknown = [name for name in file if name not in known or name == "data_dir"]
    from_file = {name: value for name, value in file.items() if name not in file_unknown}
    values = from_file | environment | {"data_dir": data_dir}
    origin = dict.fromkeys(known, "from_default") | dict.fromkeys(from_file, "from_file")
    settings = _checked(values, known)
    made = () if settings.offline else settings.resolvers
    if "qbittorrent" in made and left_alone:
        raise _bad(known["qbt_url"], borrowed["qbt_url"], variable=left_alone[0])
    if "qbittorrent" in made and not settings.qbt_url:
        raise SettingsError("qbittorrent_without_url", name=known["resolvers"].variable)
    if settings.proxy and (around := next((one for one in made if one in _GO_THEIR_OWN_WAY), None)):
        raise SettingsError("around_the_proxy", name=known["resolvers"].variable, resolver=around)
    return Loaded(
        settings=settings,
        origin=origin | dict.fromkeys(environment, "from_environment"),
        unknown=(*_unknown_variables(known), *file_unknown),
        left_alone=left_alone,
    )


def shown_value(about: About, value: Any, language: Language) -> str:
    """A value as a person may see it: secrets are hidden, lists are written as they are given."""
    if about.secret and value:
        return say("hidden", language)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(shown_value(about, one, language) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def unknown_setting(name: str, language: Language) -> str:
    """What to say of a setting that has no effect."""
    if name == "data_dir":
        return say("data_dir_in_file", language)
    return say("unknown_setting", language, name=make_visible(name))


def _without_prefix() -> dict[str, str]:
    """What variables without our prefix say; those with it win."""
    return {name: value for name in _ALSO_WITHOUT_PREFIX if (value := os.environ.get(name.upper()))}


def _is_server_url(url: str) -> bool:
    try:
        server_url(url)
    except ValueError:
        return False
    return True


def _secret_files(known: Mapping[str, About]) -> dict[str, str]:
    """Secrets that `..._FILE` variables point to; the plain variable wins."""
    named = {about.name: about.variable for about in known.values() if about.secret}
    return {
        name: _secret(variable + _FROM_FILE, path)
        for name, variable in named.items()
        if (path := os.environ.get(variable + _FROM_FILE)) and not os.environ.get(variable)
    }


def _unknown_variables(known: Mapping[str, About]) -> list[str]:
    heard = {about.variable for about in known.values()}
    heard |= {about.variable + _FROM_FILE for about in known.values() if about.secret}
    return [variable for variable in os.environ if variable.startswith(PREFIX) and variable not in heard]


def _folder(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # no such user
        raise _bad(Settings.known()["data_dir"], str(path)) from error


def _secret(variable: str, path: str) -> str:
    try:
        file = Path(path).expanduser()
        if not path.startswith(_HANDED_OVER):
            _check_regular(file)
        with file.open("rb") as opened:
            content = opened.read(_MAX_SECRET_BYTES + 1)
        if len(content) > _MAX_SECRET_BYTES:
            raise OSError(errno.EFBIG, "more than 64 KiB")
        return content.decode(_ENCODING).strip()
    except (OSError, ValueError) as error:
        raise SettingsError("bad_settings_file", what=variable, why=_reason(error)) from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        if not path.exists():
            return {}
        _check_regular(path)
        return tomllib.loads(path.read_bytes().decode(_ENCODING))
    except PermissionError as error:
        if os.access(path.parent, os.X_OK):
            raise SettingsError("bad_settings_file", what=str(path), why=_reason(error)) from error
        raise SettingsError("data_dir_locked", folder=str(path.parent), why=_reason(error)) from error
    except (OSError, ValueError) as error:
        raise SettingsError("bad_settings_file", what=str(path), why=_reason(error)) from error


def _check_regular(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "not a regular file")


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    if isinstance(error, ValueError):
        return str(error)
    return error.strerror or str(error)


def _checked(values: Mapping[str, Any], known: Mapping[str, About]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        about = known[str(error.errors(include_url=False)[0]["loc"][0])]
        raise _bad(about, values[about.name]) from error
    except UnicodeEncodeError as error:  # bytes of the environment that are no text
        about = next(known[name] for name, value in values.items() if _is_no_text(value))
        raise _bad(about, values[about.name]) from error


def _is_no_text(value: Any) -> bool:
    return isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)


def _bad(about: About, value: Any, *, variable: str = "") -> SettingsError:
    may_hold_a_secret = about.secret or any(mark in str(value) for mark in "@?")  # user:password@host, ?key=...
    shown = "..." if may_hold_a_secret else repr(value)
    return SettingsError("bad_setting", name=variable or about.variable, value=shown, rule=about.rule)
