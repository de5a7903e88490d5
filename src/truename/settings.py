"""The settings: one table of name, type, default, unit, help and secrecy, read from the environment and a file.

The environment wins over `truename.toml` in the data directory. Knows nothing of what the settings are for.
Source: the contract with users, `docs/settings.md`, which a test holds against this table.
"""

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from truename.errors import TruenameError
from truename.texts import Language, say

PREFIX = "TRUENAME_"
FILE_NAME = "truename.toml"
_FROM_FILE = "_FILE"
_MAX_SECONDS = 86_400
_MAX_TTL_S = 10 * 365 * 86_400
_MAX_SLOTS = 100_000
_MAX_KEEP = 10_000
_RESOLVERS = frozenset(("swarm",))
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_ROOT_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


class SettingsError(TruenameError):
    """Settings that cannot be used. `word` and `fields` make the sentence, in `truename.texts`."""

    def __init__(self, word: str, **fields: str) -> None:
        super().__init__(word, *fields.values())
        self.word = word
        self.fields = fields

    def text(self, language: Language) -> str:
        """The sentence for a person. `rule`, where there is one, is a word of its own."""
        fields = {key: say(value, language) if key == "rule" else value for key, value in self.fields.items()}
        return say(self.word, language, **fields)


def _split(value: Any) -> Any:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(value)
    return value


def _trackers(urls: tuple[str, ...]) -> tuple[str, ...]:
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "udp") or not parts.hostname or parts.port == 0 or "@" in parts.netloc:
            raise ValueError(url)
        if parts.scheme == "udp" and parts.port is None:
            raise ValueError(url)
    return urls


def _endpoints(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        host, _, port = value.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(value)
        if host.startswith("["):
            ip_address(host.strip("[]"))
    return values


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError(values)
    return values


def _resolvers(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or len(set(names)) != len(names) or not _RESOLVERS.issuperset(names):
        raise ValueError(names)
    return names


def _host(value: str) -> str:
    bare = value.strip("[]")
    if ":" in bare:
        ip_address(bare)
    elif not _HOST.fullmatch(bare):
        raise ValueError(value)
    return bare.lower()


def _hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_host, values))


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        ip_network(value)
    return values


def _expanded(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError as error:  # no such user
        raise ValueError(str(value)) from error


def _webhook(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or not url.isascii()):
        raise ValueError(url)
    return url


def _root_path(value: str) -> str:
    path = value.rstrip("/")
    if not _ROOT_PATH.fullmatch(path):
        raise ValueError(value)
    return path


def _setting(*, default: Any, rule: str, help: tuple[str, str], unit: str = "", secret: bool = False) -> Any:  # noqa: A002
    about: dict[str, Any] = {"rule": rule, "help": list(help), "unit": unit, "secret": secret}
    return Field(default=default, json_schema_extra=about)


Count = Annotated[int, BeforeValidator(_number), Field(ge=1, le=10_000_000)]
Delays = Annotated[
    tuple[Annotated[float, Field(gt=0, le=_MAX_TTL_S, allow_inf_nan=False)], ...],
    NoDecode,
    BeforeValidator(_split),
    AfterValidator(_some),
]
List = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """What the owner chose. Frozen; `load` reads it once, at the start of the program."""

    model_config = SettingsConfigDict(frozen=True, env_prefix=PREFIX, env_ignore_empty=True, hide_input_in_errors=True)

    data_dir: Path = _setting(
        default=Path(platformdirs.user_data_dir("truename", appauthor=False)),
        rule="rule_folder",
        help=(
            "The folder of everything that is kept, and of truename.toml.",
            "保存一切内容的文件夹，truename.toml 也在其中。",
        ),
    )
    host: Annotated[str, AfterValidator(_host)] = _setting(
        default="127.0.0.1",
        rule="rule_host",
        help=("The address that the web application listens on.", "网页服务监听的地址。"),
    )
    port: Annotated[int, Field(ge=0, le=65535)] = _setting(
        default=8484, rule="rule_port", help=("Its port; 0 is a random one.", "网页服务的端口；0 表示随机。")
    )
    root_path: Annotated[str, AfterValidator(_root_path)] = _setting(
        default="",
        rule="rule_root_path",
        help=(
            "The path under which a proxy shows the web application.",
            "反向代理展示网页服务时所用的路径前缀。",
        ),
    )
    trusted_proxies: Annotated[List, AfterValidator(_networks)] = _setting(
        default=(),
        rule="rule_networks",
        help=(
            "Proxies whose X-Forwarded headers are believed.",
            "信任其 X-Forwarded 请求头的反向代理。",
        ),
    )
    allowed_hosts: Annotated[List, AfterValidator(_hosts)] = _setting(
        default=(),
        rule="rule_hosts",
        help=(
            "Host names by which the web application may be called.",
            "允许用来访问网页服务的主机名。",
        ),
    )
    calibration_mode: Literal["async", "sync", "off"] = _setting(
        default="async",
        rule="rule_mode",
        help=(
            "How pages ask for names: async, sync, or off: nothing new is asked.",
            "页面查名的方式：async、sync，或 off（不再发起新的查询）。",
        ),
    )
    resolvers: Annotated[List, AfterValidator(_resolvers)] = _setting(
        default=("swarm",),
        rule="rule_resolvers",
        help=("Ways to a name, tried in this order.", "查名的方式，按此顺序尝试。"),
    )
    lookup_timeout_s: Annotated[float, BeforeValidator(_number), Field(gt=0, le=_MAX_SECONDS, allow_inf_nan=False)] = (
        _setting(
            default=30.0,
            rule="rule_seconds",
            help=("Time for one look-up, from its first question.", "单次查询的时间，从第一个询问算起。"),
            unit="s",
        )
    )
    slots: Annotated[int, BeforeValidator(_number), Field(ge=1, le=_MAX_SLOTS)] = _setting(
        default=1000, rule="rule_slots", help=("Look-ups at once.", "同时进行的查询数。")
    )
    max_attempts: Annotated[int, BeforeValidator(_number), Field(ge=1, le=100)] = _setting(
        default=3,
        rule="rule_attempts",
        help=(
            "Tries of one task while no resolver can work at all.",
            "所有解析器都无法工作时，一个任务的尝试次数。",
        ),
    )
    retry_delays_s: Delays = _setting(
        default=(5.0, 30.0),
        rule="rule_delays",
        help=("Waits before the next tries.", "各次重试之前的等待时间。"),
        unit="s",
    )
    watch_delays_s: Delays = _setting(
        default=(600.0, 3600.0, 14_400.0, 28_800.0, 86_400.0),
        rule="rule_delays",
        help=(
            "Waits before a hash in a note that did not answer is asked for again; then the last one again and again.",
            "笔记中未得到回应的哈希再次查询前的等待时间；之后一直使用最后一个。",
        ),
        unit="s",
    )
    watch_days: Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)] = _setting(
        default=30.0,
        rule="rule_days",
        help=("For how many days that goes on.", "持续多少天。"),
    )
    watch_slots: Annotated[int, BeforeValidator(_number), Field(ge=0, le=_MAX_SLOTS)] = _setting(
        default=0,
        rule="rule_watch_slots",
        help=(
            "Look-ups of the watch at once; 0 is a tenth of the slots.",
            "后台守望同时进行的查询数；0 表示 SLOTS 的十分之一。",
        ),
    )
    max_queued: Count = _setting(
        default=100_000,
        rule="rule_count",
        help=(
            "Tasks that may wait in all; beyond, nothing new is taken.",
            "最多等待的任务总数；超过后不再接受新任务。",
        ),
    )
    max_queued_per_user: Count = _setting(
        default=100_000, rule="rule_count", help=("The same for one person.", "每个人最多等待的任务数。")
    )
    max_batch: Count = _setting(
        default=10_000, rule="rule_count", help=("Items in one batch.", "一个批次的最大项目数。")
    )
    webhook_url: Annotated[str, AfterValidator(_webhook)] = _setting(
        default="",
        rule="rule_webhook",
        help=("A URL that is told when a batch has ended.", "批次结束时通知的网址。"),
        secret=True,  # such URLs often hold a key
    )
    webhook_secret: str = _setting(
        default="",
        rule="rule_text",
        help=("With this key what it is told is signed.", "用于给通知内容签名的密钥。"),
        secret=True,
    )
    task_ttl_s: Annotated[float, Field(gt=0, le=_MAX_TTL_S, allow_inf_nan=False)] = _setting(
        default=3600.0,
        rule="rule_long_seconds",
        help=("How long an ended task is remembered; names are for ever.", "任务结束后保留的时间；名称永久保留。"),
        unit="s",
    )
    cleanup_interval_s: Annotated[float, Field(gt=0, le=_MAX_TTL_S, allow_inf_nan=False)] = _setting(
        default=3600.0,
        rule="rule_long_seconds",
        help=("How often what is over is forgotten.", "清理过期内容的间隔。"),
        unit="s",
    )
    backup_interval_s: Annotated[float, BeforeValidator(_number), Field(ge=0, le=_MAX_TTL_S, allow_inf_nan=False)] = (
        _setting(
            default=86_400.0,
            rule="rule_backup_interval",
            help=(
                "How often the server makes a backup and checks it; 0 is never.",
                "服务器制作并核对备份的间隔；0 表示从不。",
            ),
            unit="s",
        )
    )
    backup_keep: Annotated[int, BeforeValidator(_number), Field(ge=1, le=_MAX_KEEP)] = _setting(
        default=7, rule="rule_backup_keep", help=("How many backups are kept.", "保留的备份数量。")
    )
    backup_dir: Annotated[Path, AfterValidator(_expanded)] = _setting(
        default=Path("backups"),
        rule="rule_folder",
        help=(
            "The folder of the backups; a relative path is in the data folder.",
            "存放备份的文件夹；相对路径位于数据文件夹内。",
        ),
    )
    trackers: Annotated[List, AfterValidator(_trackers)] = _setting(
        default=(),
        rule="rule_trackers",
        help=("Your own trackers, asked for every hash.", "你自己的 tracker，每次查询都会询问。"),
        secret=True,  # the URLs of private trackers hold a passkey
    )
    magnet_trackers: Literal["public", "none"] = _setting(
        default="public",
        rule="rule_magnet_trackers",
        help=(
            "Trackers named in magnets: those at public addresses, or none.",
            "磁力链接中写明的 tracker：只用公网地址的，或都不用。",
        ),
    )
    dht: bool = _setting(default=True, rule="rule_switch", help=("Ask the DHT.", "询问 DHT。"))
    dht_bootstrap: Annotated[List, AfterValidator(_endpoints)] = _setting(
        default=("dht.libtorrent.org:25401", "router.bittorrent.com:6881", "dht.transmissionbt.com:6881"),
        rule="rule_endpoints",
        help=("Where the DHT begins.", "DHT 的起始节点。"),
    )
    listen_interfaces: Annotated[List, AfterValidator(_endpoints), AfterValidator(_some)] = _setting(
        default=("0.0.0.0:0", "[::]:0"),
        rule="rule_endpoints",
        help=("Addresses and ports to listen on; port 0 is a random one.", "监听的地址和端口；端口 0 表示随机。"),
    )
    allow_private_network: bool = _setting(
        default=False,
        rule="rule_switch",
        help=(
            "Peers, trackers and DHT nodes at private and loopback addresses: for tests and closed networks.",
            "允许私有和回环地址上的节点、tracker 与 DHT：用于测试和封闭网络。",
        ),
    )

    @property
    def backup_folder(self) -> Path:
        """Where the backups are."""
        return self.data_dir / self.backup_dir

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` gives, which asks the sources itself to be able to tell where a value came from."""
        return (init_settings,)

    @classmethod
    def known(cls) -> Mapping[str, "About"]:
        """The table: what is known of each setting, by its name in lower case."""
        return {name: About.of(name, field) for name, field in cls.model_fields.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """One row of the table. `rule` is the word of a text that says which values can be used."""

    name: str
    variable: str
    default: Any
    rule: str
    help: Mapping[Language, str]
    unit: str
    secret: bool

    @classmethod
    def of(cls, name: str, field: FieldInfo) -> Self:
        """Read a row out of its field."""
        extra: Any = field.json_schema_extra
        english, chinese = extra["help"]
        return cls(
            name=name,
            variable=PREFIX + name.upper(),
            default=field.default,
            rule=extra["rule"],
            help={Language.ENGLISH: english, Language.CHINESE: chinese},
            unit=extra["unit"],
            secret=extra["secret"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings, where each one came from (`from_...`, words of `truename.texts`), and names nobody knows."""

    settings: Settings
    origin: Mapping[str, str]
    unknown: tuple[str, ...]


def load() -> Loaded:
    """Read the settings.

    Errors: `SettingsError` for a value that cannot be used, or a file that cannot be read.
    """
    known = Settings.known()
    environment = EnvSettingsSource(Settings)() | _secret_files(known)
    data_dir = _folder(environment.get("data_dir") or known["data_dir"].default)
    file = _toml(data_dir / FILE_NAME)
    file_unknown = [name for name in file if name not in known or name == "data_dir"]
    from_file = {name: value for name, value in file.items() if name not in file_unknown}
    values = from_file | environment | {"data_dir": data_dir}
    origin = dict.fromkeys(known, "from_default") | dict.fromkeys(from_file, "from_file")
    return Loaded(
        settings=_checked(values, known),
        origin=origin | dict.fromkeys(environment, "from_environment"),
        unknown=(*_unknown_variables(known), *file_unknown),
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
        return Path(path).expanduser().read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise SettingsError("bad_settings_file", what=variable, why=_reason(error)) from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and not path.is_file():
            raise FileExistsError(errno.EEXIST, "not a regular file")
        return TomlConfigSettingsSource(Settings, path)()
    except (OSError, ValueError) as error:
        raise SettingsError("bad_settings_file", what=str(path), why=_reason(error)) from error


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


def _bad(about: About, value: Any) -> SettingsError:
    shown = "..." if about.secret else repr(value)
    return SettingsError("bad_setting", name=about.variable, value=shown, rule=about.rule)
