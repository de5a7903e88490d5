"""What is cut out of a program's own words before a person reads them, and what is left."""

import pytest

from truename.resolvers.reasons import without_secrets


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (
            "login failed for admin:hunter2 at qbt.home.lan:8080 [fd00::7]:8080, password=hunter2, config /secret",
            "login failed for … at … …, …, config …",
        ),
        ("Authorization: Bearer abc123token", "…"),
        ("refused: Bearer abc123token", "refused: …"),
        ("token=12345:AAHsecret passkey=deadbeef", "… …"),
        ('password: "hunter 2" is wrong', "… is wrong"),
        ("--password hunter2 rejected", "… rejected"),
        ("密码：hunter2，登录失败", "…，登录失败"),
        ("key 0123456789abcdef0123456789abcdef", "key …"),
        ("user admin@nas.local", "user …"),
        ("nas.local is down", "… is down"),
        ("connect to localhost failed", "connect to … failed"),
        ("10.1.2.3 refused", "… refused"),
        ("cannot reach [fe80::1]:8080 or 2001:db8::5 or ::1", "cannot reach … or … or …"),
        ("no answer from http://alice:pw@10.0.0.7:8080/api", "no answer from …"),
        ("cannot open ~/conf.ini", "cannot open …"),
        ("cannot open C:\\secret", "cannot open …"),
        ("//host/share/x", "…"),
        ("..\\..\\x\\y", "…"),
        ("see config/qbt.ini", "see …"),
        ("No such file or directory: '/home/al ice/x'", "No such file or directory: …"),
        ("无法连接qbt.home.lan:8080，请检查密码是否正确", "无法连接…，请检查密码是否正确"),
        ("读取/etc/qbt.conf，失败", "读取…，失败"),
    ],
)
def test_addresses_hosts_paths_and_credentials_are_cut_out(said: str, left: str) -> None:
    assert without_secrets(said) == left


@pytest.mark.parametrize(
    "said",
    [
        "no torrent with this hash is known",
        "AC/DC is not there; and/or, w/o, n/a, e.g. this",
        "qBittorrent 4.5.2 took 0.5s at 12:30:45",
        "401 Unauthorized: bad credentials",
        "wrong password for the Web UI, basic auth failed",
        f"ValueError: bad hash {'1a' * 20}",
        "超时：没有在30秒内得到答复。",
        "错误: 种子不存在，是/否",
        "密码错误，请检查用户名和密码",
        "《沙丘》没有找到",
    ],
)
def test_prose_is_left_as_it_is(said: str) -> None:
    assert without_secrets(said) == said


@pytest.mark.parametrize(
    "part", ["a", "a:", "a.", "a/", "=", "@", "\\", "-", "x1", "/", "'/", "密码", "pass", "~", "[", "1."]
)
def test_a_text_of_any_kind_is_done_with_in_time_that_grows_with_its_length(part: str) -> None:
    without_secrets(part * (400_000 // len(part)))  # for hours, where it grew with the square of it
