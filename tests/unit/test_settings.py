"""Settings: where they come from, which win, what is refused."""

import codecs
import errno
import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from truename.settings import FILE_NAME, PREFIX, Settings, SettingsError, load, shown_value
from truename.terminal.settings import shown_settings
from truename.texts import Language


@pytest.fixture(autouse=True)
def _only_what_the_test_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in list(os.environ):
        if variable.startswith((PREFIX, "QBT_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("TRUENAME_DATA_DIR", str(tmp_path))


def test_defaults_are_those_of_the_contract() -> None:
    settings = load().settings
    assert settings.resolvers == ("swarm", "direct")
    assert settings.lookup_timeout_s == 30
    assert settings.slots == 1000
    assert settings.trackers == ()
    assert settings.magnet_trackers == "public"
    assert settings.dht is True
    assert settings.dht_bootstrap
    assert settings.allow_private_network is False


def test_backups_are_made_each_day_and_a_week_of_them_kept_unless_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load().settings
    assert (settings.backup_interval_s, settings.backup_keep) == (86_400, 7)
    assert settings.backup_folder == tmp_path / "backups"
    monkeypatch.setenv("TRUENAME_BACKUP_INTERVAL_S", "0")
    monkeypatch.setenv("TRUENAME_BACKUP_DIR", "/mnt/elsewhere")
    settings = load().settings
    assert settings.backup_interval_s == 0
    assert settings.backup_folder == Path("/mnt/elsewhere")


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('slots = 7\nlookup_timeout_s = 2.5\ntrackers = ["udp://t.example:1"]\n')
    monkeypatch.setenv("TRUENAME_SLOTS", "9")
    loaded = load()
    assert (loaded.settings.slots, loaded.settings.lookup_timeout_s) == (9, 2.5)
    assert loaded.settings.trackers == ("udp://t.example:1",)
    assert loaded.origin["slots"] == "from_environment"
    assert loaded.origin["lookup_timeout_s"] == "from_file"
    assert loaded.origin["dht"] == "from_default"


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUENAME_TRACKERS", " http://a.example/announce , udp://b.example:80,")
    assert load().settings.trackers == ("http://a.example/announce", "udp://b.example:80")


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUENAME_SLOTS", "")
    assert load().settings.slots == 1000


@pytest.mark.parametrize(("text", "value"), [("on", True), ("off", False), ("true", True), ("0", False)])
def test_a_switch_is_on_or_off(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("TRUENAME_DHT", text)
    assert load().settings.dht is value


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRUENAME_SLOTS", "0"),
        ("TRUENAME_SLOTS", "many"),
        ("TRUENAME_SLOTS", "1.5"),
        ("TRUENAME_LOOKUP_TIMEOUT_S", "0"),
        ("TRUENAME_LOOKUP_TIMEOUT_S", "-1"),
        ("TRUENAME_LOOKUP_TIMEOUT_S", "nan"),
        ("TRUENAME_LOOKUP_TIMEOUT_S", "inf"),
        ("TRUENAME_DHT", "perhaps"),
        ("TRUENAME_MAGNET_TRACKERS", "all"),
        ("TRUENAME_RESOLVERS", "oracle"),
        ("TRUENAME_RESOLVERS", "swarm,swarm"),
        ("TRUENAME_DHT_BOOTSTRAP", "router.example"),
        ("TRUENAME_DHT_BOOTSTRAP", "router.example:99999"),
        ("TRUENAME_LISTEN_INTERFACES", "0.0.0.0:-1"),
        ("TRUENAME_TRACKERS", "ftp://a.example"),
        ("TRUENAME_TRACKERS", "http://a.example:99999/announce"),
        ("TRUENAME_TRACKERS", "http://[::1/announce"),
        ("TRUENAME_TRACKERS", "udp://a.example"),
        ("TRUENAME_TRACKERS", "http://me:hush@a.example/announce"),
        ("TRUENAME_QBT_URL", "127.0.0.1:8080"),
        ("TRUENAME_QBT_URL", "file:///etc/passwd"),
        ("TRUENAME_QBT_URL", "http://127.0.0.1:99999"),
        ("TRUENAME_QBT_URL", "http://me:hush@127.0.0.1"),
        ("TRUENAME_QBT_URL", "http://a..b:8080"),
        ("TRUENAME_WEBHOOK_URL", "ftp://a.example/"),
        ("TRUENAME_WEBHOOK_URL", "http://a..b/"),
        ("TRUENAME_WEBHOOK_URL", "http://.a.example/"),
        ("TRUENAME_WEBHOOK_URL", f"http://{'x' * 64}.example/"),
        ("TRUENAME_WEBHOOK_URL", "http://a b/"),
        ("TRUENAME_WEBHOOK_URL", " http://a.example/x y"),
        ("TRUENAME_LISTEN_INTERFACES", ","),
        ("TRUENAME_LISTEN_INTERFACES", "foo bar:1"),
        ("TRUENAME_DATA_DIR", "~no-such-user-here/x"),
        ("TRUENAME_BACKUP_DIR", "~no-such-user-here/x"),
        ("TRUENAME_BACKUP_INTERVAL_S", "-1"),
        ("TRUENAME_BACKUP_INTERVAL_S", "inf"),
        ("TRUENAME_BACKUP_KEEP", "0"),
        ("TRUENAME_BACKUP_KEEP", "10001"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_its_name_and_rule(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refused:
        load()
    for language in Language:
        assert variable in refused.value.text(language)


def test_a_qbittorrent_is_named_with_or_without_our_prefix_and_the_prefix_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QBT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("QBT_USERNAME", "old")
    monkeypatch.setenv("QBT_PASSWORD", "hush")
    (tmp_path / FILE_NAME).write_text('qbt_url = "http://127.0.0.1:2"\n')
    loaded = load()
    assert (loaded.settings.qbt_url, loaded.settings.qbt_username) == ("http://127.0.0.1:1", "old")
    assert loaded.origin["qbt_password"] == "from_environment"
    (tmp_path / "password").write_text("from a file\n")
    monkeypatch.setenv("TRUENAME_QBT_URL", "http://127.0.0.1:3")
    monkeypatch.setenv("TRUENAME_QBT_PASSWORD_FILE", str(tmp_path / "password"))
    settings = load().settings
    assert (settings.qbt_url, settings.qbt_password) == ("http://127.0.0.1:3", "from a file")


@pytest.mark.parametrize("address", ["not an address", "127.0.0.1:8080", "http://me:hush@a.example", "http://a..b"])
def test_what_another_program_keeps_in_our_variables_without_prefix_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str
) -> None:
    monkeypatch.setenv("QBT_URL", address)
    monkeypatch.setenv("QBT_PASSWORD", "theirs")
    loaded = load()
    assert (loaded.settings.qbt_url, loaded.settings.qbt_password) == ("", "")
    assert (loaded.left_alone, loaded.unknown) == (("QBT_URL",), ())
    (tmp_path / FILE_NAME).write_text('qbt_url = "http://127.0.0.1:2"\nqbt_password = "ours"\n')
    loaded = load()
    assert (loaded.settings.qbt_url, loaded.settings.qbt_password) == ("http://127.0.0.1:2", "ours")
    assert loaded.origin["qbt_url"] == loaded.origin["qbt_password"] == "from_file"
    monkeypatch.setenv("TRUENAME_QBT_URL", "http://127.0.0.1:3")
    loaded = load()
    assert (loaded.settings.qbt_url, loaded.left_alone) == ("http://127.0.0.1:3", ())


@pytest.mark.parametrize("address", ["not an address", "http://me:hush@a.example"])
def test_where_it_is_asked_for_names_the_variable_without_prefix_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("TRUENAME_RESOLVERS", "swarm,qbittorrent")
    monkeypatch.setenv("QBT_URL", address)
    with pytest.raises(SettingsError) as refused:
        load()
    for language in Language:
        assert refused.value.text(language).startswith("QBT_URL")
        assert "hush" not in refused.value.text(language)


def test_the_resolver_qbittorrent_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUENAME_RESOLVERS", "swarm,qbittorrent")
    with pytest.raises(SettingsError) as refused:
        load()
    for language in Language:
        assert "TRUENAME_QBT_URL" in refused.value.text(language)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("QBT_URL", ""), ("QBT_URL", "not an address"), ("TRUENAME_PROXY", "socks5://127.0.0.1:1080")],
)
def test_offline_nothing_is_needed_for_resolvers_that_are_not_made(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("TRUENAME_RESOLVERS", "swarm,qbittorrent,script")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError):
        load()
    monkeypatch.setenv("TRUENAME_OFFLINE", "on")
    assert load().settings.offline


def test_a_refused_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUENAME_TRACKERS", "ftp://a.example/?passkey=hush")
    with pytest.raises(SettingsError) as refused:
        load()
    assert "hush" not in refused.value.text(Language.ENGLISH) + str(refused.value)


def test_unknown_names_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("slotz = 7\n")
    monkeypatch.setenv("TRUENAME_SLOTZ", "1")
    monkeypatch.setenv("TRUENAME_SLOTS_FILE", "/dev/null")
    assert set(load().unknown) == {"slotz", "TRUENAME_SLOTZ", "TRUENAME_SLOTS_FILE"}


@pytest.mark.parametrize(
    "content", [b"slots = ", b"\xff\xfe", b'slots = "many"\n', b"slots = true\n", b"lookup_timeout_s = true\n"]
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        load()
    assert refused.value.text(Language.ENGLISH)


def test_files_may_begin_with_the_mark_of_utf_8(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(codecs.BOM_UTF8 + b"slots = 7\r\n# \xe9\x9b\xa8\r\n")
    (tmp_path / "password").write_bytes(codecs.BOM_UTF8 + b"hush\r\n")
    monkeypatch.setenv("TRUENAME_QBT_PASSWORD_FILE", str(tmp_path / "password"))
    loaded = load()
    assert (loaded.settings.slots, loaded.settings.qbt_password) == (7, "hush")
    assert loaded.unknown == ()


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(SettingsError, match="not a regular file"):
        load()


def test_a_secret_can_stand_in_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "trackers").write_text("http://a.example/hush/announce\nudp://b.example:1\n")
    monkeypatch.setenv("TRUENAME_TRACKERS_FILE", str(tmp_path / "trackers"))
    loaded = load()
    assert loaded.settings.trackers == ("http://a.example/hush/announce", "udp://b.example:1")
    assert loaded.origin["trackers"] == "from_environment"
    monkeypatch.setenv("TRUENAME_TRACKERS_FILE", str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match="TRUENAME_TRACKERS_FILE"):
        load()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "not a regular file"),
        (Path.mkdir, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (lambda path: path.write_text("x" * (64 * 1024 + 1)), "more than 64 KiB"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: Callable[[Path], object], why: str
) -> None:
    make(tmp_path / "secret")
    monkeypatch.setenv("TRUENAME_QBT_PASSWORD_FILE", str(tmp_path / "secret"))
    with pytest.raises(SettingsError) as refused:
        load()
    assert (refused.value.fields["what"], refused.value.fields["why"]) == ("TRUENAME_QBT_PASSWORD_FILE", why)


def test_a_secret_of_64_kib_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x" * 64 * 1024)
    monkeypatch.setenv("TRUENAME_QBT_PASSWORD_FILE", str(tmp_path / "secret"))
    assert load().settings.qbt_password == "x" * 64 * 1024


def test_secrets_are_hidden_and_lists_shown_as_they_are_given() -> None:
    known = Settings.known()
    assert "hush" not in shown_value(known["trackers"], ("http://a.example/hush",), Language.ENGLISH)
    assert shown_value(known["dht_bootstrap"], ("a:1", "b:2"), Language.ENGLISH) == "a:1,b:2"
    assert shown_value(known["dht"], False, Language.ENGLISH) == "off"
    assert shown_value(known["lookup_timeout_s"], 30.0, Language.ENGLISH) == "30"


def test_the_web_application_stays_on_this_machine_unless_asked() -> None:
    settings = load().settings
    assert (settings.host, settings.port, settings.root_path) == ("127.0.0.1", 8484, "")
    assert (settings.trusted_proxies, settings.allowed_hosts) == ((), ())


def test_addresses_of_the_web_application_are_made_canonical(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUENAME_ALLOWED_HOSTS", "Notes.Example, [::1]")
    monkeypatch.setenv("TRUENAME_ROOT_PATH", "/deep/down/")
    settings = load().settings
    assert settings.allowed_hosts == ("notes.example", "::1")
    assert settings.root_path == "/deep/down"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRUENAME_HOST", "a.example:80"),
        ("TRUENAME_HOST", "a b"),
        ("TRUENAME_PORT", "65536"),
        ("TRUENAME_PORT", "-1"),
        ("TRUENAME_ROOT_PATH", "deep"),
        ("TRUENAME_ROOT_PATH", "//evil.example"),
        ("TRUENAME_ROOT_PATH", "/.."),
        ("TRUENAME_ROOT_PATH", "/a?b"),
        ("TRUENAME_TRUSTED_PROXIES", "proxy.example"),
        ("TRUENAME_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUENAME_ALLOWED_HOSTS", "https://a.example"),
        ("TRUENAME_ALLOWED_HOSTS", "a.example:8484"),
        ("TRUENAME_ALLOWED_HOSTS", "*"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError):
        load()


@pytest.mark.parametrize("url", ["http://admin:hunter2@127.0.0.1/", "http://127.0.0.1/?password=hunter2"])
def test_a_refused_address_shows_no_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUENAME_RESOLVERS", "qbittorrent")
    monkeypatch.setenv("QBT_URL", url)
    with pytest.raises(SettingsError) as refused:
        load()
    assert "hunter2" not in refused.value.text(Language.ENGLISH)


def test_a_secret_can_be_the_output_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"a secret\n")
        os.close(writing)
        monkeypatch.setenv("TRUENAME_QBT_PASSWORD_FILE", f"/dev/fd/{reading}")
        assert load().settings.qbt_password == "a secret"
    finally:
        os.close(reading)


@pytest.mark.parametrize(("enters", "word"), [(True, "bad_settings_file"), (False, "data_dir_locked")])
def test_of_a_folder_that_may_not_be_entered_it_is_said_and_not_of_a_file_that_nobody_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enters: bool, word: str
) -> None:
    def refuse(*_: object) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / FILE_NAME).write_text("slots = 1")
    monkeypatch.setenv("TRUENAME_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(Path, "read_bytes", refuse)  # the tests may run as root, whom nothing is refused
    monkeypatch.setattr(os, "access", lambda *_: enters)
    with pytest.raises(SettingsError) as refused:
        load()
    assert refused.value.word == word
    assert str(tmp_path) in refused.value.text(Language.ENGLISH)
    assert str(tmp_path) not in refused.value.text_for_others(Language.ENGLISH)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_each_setting_is_whole_and_its_meaning_readable_on_a_terminal_of_any_width(
    language: Language, width: int
) -> None:
    console = Console(file=io.StringIO(), width=width)
    for each in shown_settings(load(), language, width):
        console.print(each)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert {about.variable for about in Settings.known().values()} <= set(re.findall(r"TRUENAME_[A-Z_]+", printed))
    lines = printed.splitlines()
    longest = max(len(about.help[language]) for about in Settings.known().values())
    assert len(lines) < len(Settings.known()) * (3 + longest * 2 // 20)
    assert "TRUENAME_PORT=8484" in printed or re.search(r"TRUENAME_PORT +8484 ", printed)
