"""The table: name, type, default, unit, help and secrecy of each setting. Knows nothing of what they are for.

Source: the contract with users, `docs/settings.md`, which a test holds against this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from truename.settings.values import (
    MAX_SECONDS,
    MAX_TTL_S,
    Count,
    Delays,
    List,
    expanded,
    host_name,
    host_names,
    host_ports,
    ip_networks,
    known_resolvers,
    no_switch,
    not_empty,
    proxy_url,
    server_url,
    tracker_urls,
    url_path,
    web_url,
)
from truename.texts import Language

PREFIX = "TRUENAME_"
_MAX_SLOTS = 100_000
_MAX_KEEP = 10_000


def _setting(*, default: Any, rule: str, help: tuple[str, str], unit: str = "", secret: bool = False) -> Any:  # noqa: A002
    about: dict[str, Any] = {"rule": rule, "help": list(help), "unit": unit, "secret": secret}
    return Field(default=default, json_schema_extra=about)


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
    host: Annotated[str, AfterValidator(host_name)] = _setting(
        default="127.0.0.1",
        rule="rule_host",
        help=("The address that the web application listens on.", "网页服务监听的地址。"),
    )
    port: Annotated[int, Field(ge=0, le=65535)] = _setting(
        default=8484, rule="rule_port", help=("Its port; 0 is a random one.", "网页服务的端口；0 表示随机。")
    )
    root_path: Annotated[str, AfterValidator(url_path)] = _setting(
        default="",
        rule="rule_root_path",
        help=(
            "The path under which a proxy shows the web application.",
            "反向代理展示网页服务时所用的路径前缀。",
        ),
    )
    trusted_proxies: Annotated[List, AfterValidator(ip_networks)] = _setting(
        default=(),
        rule="rule_networks",
        help=(
            "Proxies whose X-Forwarded headers are believed.",
            "信任其 X-Forwarded 请求头的反向代理。",
        ),
    )
    allowed_hosts: Annotated[List, AfterValidator(host_names)] = _setting(
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
    resolvers: Annotated[List, AfterValidator(known_resolvers)] = _setting(
        default=("swarm", "direct"),
        rule="rule_resolvers",
        help=("Ways to a name, tried in this order.", "查名的方式，按此顺序尝试。"),
    )
    lookup_timeout_s: Annotated[float, BeforeValidator(no_switch), Field(gt=0, le=MAX_SECONDS, allow_inf_nan=False)] = (
        _setting(
            default=30.0,
            rule="rule_seconds",
            help=("Time for one look-up, from its first question.", "单次查询的时间，从第一个询问算起。"),
            unit="s",
        )
    )
    slots: Annotated[int, BeforeValidator(no_switch), Field(ge=1, le=_MAX_SLOTS)] = _setting(
        default=1000, rule="rule_slots", help=("Look-ups at once.", "同时进行的查询数。")
    )
    max_attempts: Annotated[int, BeforeValidator(no_switch), Field(ge=1, le=100)] = _setting(
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
    watch_slots: Annotated[int, BeforeValidator(no_switch), Field(ge=0, le=_MAX_SLOTS)] = _setting(
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
            "Tasks that may wait or run in all; beyond, nothing new is taken.",
            "等待或正在运行的任务总数上限；超过后不再接受新任务。",
        ),
    )
    max_queued_per_user: Count = _setting(
        default=100_000, rule="rule_count", help=("The same for one person.", "每个人的同样上限。")
    )
    max_batch: Count = _setting(
        default=10_000, rule="rule_count", help=("Items in one batch.", "一个批次的最大项目数。")
    )
    webhook_url: Annotated[str, AfterValidator(web_url)] = _setting(
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
    task_ttl_s: Annotated[float, Field(gt=0, le=MAX_TTL_S, allow_inf_nan=False)] = _setting(
        default=3600.0,
        rule="rule_long_seconds",
        help=("How long an ended task is remembered; names are for ever.", "任务结束后保留的时间；名称永久保留。"),
        unit="s",
    )
    cleanup_interval_s: Annotated[float, Field(gt=0, le=MAX_TTL_S, allow_inf_nan=False)] = _setting(
        default=3600.0,
        rule="rule_long_seconds",
        help=("How often what is over is forgotten.", "清理过期内容的间隔。"),
        unit="s",
    )
    backup_interval_s: Annotated[float, BeforeValidator(no_switch), Field(ge=0, le=MAX_TTL_S, allow_inf_nan=False)] = (
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
    backup_keep: Annotated[int, BeforeValidator(no_switch), Field(ge=1, le=_MAX_KEEP)] = _setting(
        default=7, rule="rule_backup_keep", help=("How many backups are kept.", "保留的备份数量。")
    )
    backup_dir: Annotated[Path, AfterValidator(expanded)] = _setting(
        default=Path("backups"),
        rule="rule_folder",
        help=(
            "The folder of the backups; a relative path is in the data folder.",
            "存放备份的文件夹；相对路径位于数据文件夹内。",
        ),
    )
    trackers: Annotated[List, AfterValidator(tracker_urls)] = _setting(
        default=(),
        rule="rule_trackers",
        help=(
            "Your own trackers, asked for every hash; one at a private address by the resolver direct alone.",
            "你自己的 tracker，每次查询都会询问；私有地址上的只由解析器 direct 询问。",
        ),
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
    dht_bootstrap: Annotated[List, AfterValidator(host_ports)] = _setting(
        default=("dht.libtorrent.org:25401", "router.bittorrent.com:6881", "dht.transmissionbt.com:6881"),
        rule="rule_endpoints",
        help=("Where the DHT begins.", "DHT 的起始节点。"),
    )
    listen_interfaces: Annotated[List, AfterValidator(host_ports), AfterValidator(not_empty)] = _setting(
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
    qbt_url: Annotated[str, AfterValidator(server_url)] = _setting(
        default="",
        rule="rule_server_url",
        help=(
            "The address of a qBittorrent's Web UI, for the resolver qbittorrent.",
            "qBittorrent Web UI 的地址，供解析器 qbittorrent 使用。",
        ),
    )
    qbt_username: str = _setting(default="", rule="rule_text", help=("The user name there.", "qBittorrent 的用户名。"))
    qbt_password: str = _setting(
        default="", rule="rule_text", help=("The password there.", "qBittorrent 的密码。"), secret=True
    )

    script_path: Annotated[Path, AfterValidator(expanded)] = _setting(
        default=Path("calibrate_qbt_helper.py"),
        rule="rule_file",
        help=(
            "The program of the resolver script, run with an info-hash; a relative path is in the data folder.",
            "解析器 script 的程序，以 info-hash 为参数运行；相对路径位于数据文件夹内。",
        ),
    )
    script_slots: Annotated[int, BeforeValidator(no_switch), Field(ge=1, le=1000)] = _setting(
        default=5, rule="rule_script_slots", help=("How many of it run at once.", "同时运行的数量。")
    )
    script_env: List = _setting(
        default=("QBT_*",),
        rule="rule_list",
        help=("The variables that it sees, with wild cards.", "传给该程序的环境变量，可用通配符。"),
    )

    proxy: Annotated[str, AfterValidator(proxy_url)] = _setting(
        default="",
        rule="rule_proxy",
        help=(
            "A SOCKS5 proxy for everything that leaves this machine; nothing goes around it.",
            "一切外发内容都经由的 SOCKS5 代理；没有任何内容会绕过它。",
        ),
        secret=True,  # it may hold a password
    )
    offline: bool = _setting(
        default=False,
        rule="rule_switch",
        help=(
            "Nothing leaves this machine: names come from the catalogue alone.",
            "不向本机之外发送任何内容：名称只取自目录。",
        ),
    )

    @property
    def script_file(self) -> Path:
        """Where the script is."""
        return self.data_dir / self.script_path

    @property
    def backup_folder(self) -> Path:
        """Where the backups are."""
        return self.data_dir / self.backup_dir

    @property
    def tells_batches(self) -> bool:
        """Whether a webhook is told of batches that end."""
        return bool(self.webhook_url) and not self.offline

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
