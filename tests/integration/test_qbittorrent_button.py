"""The button "Send to qBittorrent" on the page, and what arrives in a real qBittorrent."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.live_support import Live, with_live
from tests.integration.test_web_notes import HASH, LINK, named, save
from tests.integration.web_support import ENGLISH, PAGE, message_in
from tests.qbittorrent import PASSWORD, USERNAME, QBittorrent
from truename.errors import ResolverDown
from truename.magnet import Magnet
from truename.settings import Settings
from truename.ways import open_sending

HOSTILE = '"><img src=x onerror=alert(1)>\nphoto\u202egpj.exe'
SEND = re.compile(r'<button[^>]* name="send" value="([^"]*)"[^>]*>')


class Sent:
    """Somebody to send to, who says what a test wants."""

    def __init__(self, answer: bool | str = True) -> None:
        self.sent: list[tuple[Magnet, str]] = []
        self._answer = answer

    async def __call__(self, magnet: Magnet, name: str) -> bool:
        self.sent.append((magnet, name))
        if isinstance(self._answer, str):
            raise ResolverDown(self._answer)
        return self._answer


def give(site: Live, send: Sent | None) -> None:
    site.application.state.work = replace(site.work, send=send)


def test_the_button_stands_beside_named_magnets_for_administrators_and_only_where_there_is_a_qbittorrent(
    tmp_path: Path,
) -> None:
    async def scenario(site: Live) -> None:
        admin, person = await site.signed_in("root", admin=True), await site.signed_in("bob")
        for client in (admin, person):
            await save(client, f"{LINK}\nmagnet:?xt=urn:btih:{'dead' * 10}")
        await named(site, person)
        give(site, Sent())
        assert SEND.findall((await admin.get("/notes", headers=PAGE)).text) == [HASH]
        assert SEND.findall((await admin.get("/notes/1", headers=PAGE)).text) == [HASH]
        assert not SEND.findall((await person.get("/notes", headers=PAGE)).text)
        give(site, None)
        assert not SEND.findall((await admin.get("/notes", headers=PAGE)).text)

    with_live(tmp_path, scenario)


def test_a_press_sends_the_magnet_by_its_true_name_and_says_so(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.names[HASH] = HOSTILE
        client = await site.signed_in("root", admin=True)
        await save(client, f"{LINK}&tr=udp://tracker.example:1&dn=a+lie")
        await named(site, client)
        for answer, words, after in ((True, "Sent to qBittorrent", ""), (False, "has this torrent already", None)):
            sent = Sent(answer)
            give(site, sent)
            fields = {"calibrate": "1", "send": HASH} | ({} if after is None else {"after": after})
            led = await client.post("/notes", data=fields, headers=PAGE)
            assert led.status_code == 303
            page = await client.get(led.headers["location"], headers=PAGE | ENGLISH)
            assert re.search(r'class="message" role="status">([^<]*)<', page.text)[1].find(words) >= 0  # type: ignore[index]
            ((magnet, name),) = sent.sent
            assert (magnet.info_hash, name) == (HASH, HOSTILE)
            assert magnet.trackers == ("udp://tracker.example:1",)
            script = await client.post("/notes", data=fields, headers=ENGLISH | {"Accept": "application/json"})
            assert words in script.json()["said"]
        made_up = await client.get("/notes?said=<script>alert(2)</script>", headers=PAGE)
        assert "alert(2)" not in made_up.text

    with_live(tmp_path, scenario)


def test_what_goes_wrong_is_said_in_a_sentence(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in("root", admin=True)
        await save(client, LINK)
        await named(site, client)
        give(site, Sent("qbittorrent_password"))
        fields = {"calibrate": "1", "send": HASH}
        answer = await client.post("/notes", data=fields, headers=PAGE | ENGLISH)
        assert answer.status_code == 502
        assert message_in(answer).startswith("qBittorrent refuses the user name or the password;")
        script = await client.post("/notes", data=fields, headers=ENGLISH | {"Accept": "application/json"})
        assert (script.status_code, script.json()["code"]) == (502, "unavailable")

    with_live(tmp_path, scenario)


@pytest.mark.parametrize(
    ("who", "fields", "status"),
    [
        ("bob", {"calibrate": "2", "send": HASH}, 403),
        ("bob", {"calibrate": "1", "send": HASH}, 404),
        ("root", {"calibrate": "2", "send": HASH}, 404),
        ("root", {"calibrate": "1", "send": "dead" * 10}, 404),
        ("root", {"calibrate": "1", "send": "2b" * 20}, 404),
        ("root", {"calibrate": "1", "send": HASH, "Origin": "https://evil.example"}, 403),
    ],
)
def test_only_an_administrator_sends_and_only_named_magnets_of_their_own(
    tmp_path: Path, who: str, fields: dict[str, str], status: int
) -> None:
    async def scenario(site: Live) -> None:
        clients = {"root": await site.signed_in("root", admin=True), "bob": await site.signed_in("bob")}
        for client in clients.values():
            await save(client, f"{LINK}\nmagnet:?xt=urn:btih:{'dead' * 10}")
            await named(site, client)
        sent = Sent()
        give(site, sent)
        headers = {name: fields.pop(name) for name in ("Origin",) if name in fields}
        answer = await clients[who].post("/notes", data=fields, headers=PAGE | headers)
        assert answer.status_code == status
        assert not sent.sent

    with_live(tmp_path, scenario)


@pytest.fixture
def qbittorrent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QBittorrent]:
    with QBittorrent(tmp_path_factory.mktemp("qbittorrent")).running() as running:
        yield running


def test_a_real_qbittorrent_gets_it_stopped_under_its_name_in_no_category(
    qbittorrent: QBittorrent, tmp_path: Path
) -> None:
    settings = Settings(
        data_dir=tmp_path,
        qbt_url=qbittorrent.url,
        qbt_username=USERNAME,
        qbt_password=PASSWORD,
        trackers=("http://127.0.0.1:1/passkey/announce",),
    )

    async def scenario(site: Live) -> None:
        site.oracle.names[HASH] = HOSTILE
        admin = await site.signed_in("root", admin=True)
        await save(admin, f"{LINK}&tr=http://127.0.0.1:2/a")
        await named(site, admin)
        with open_sending(settings) as send:
            site.application.state.work = replace(site.work, send=send)
            for words in ("Sent to", "already"):
                form = {"calibrate": "1", "send": HASH}
                script = await admin.post("/notes", data=form, headers=ENGLISH | {"Accept": "application/json"})
                assert words in script.json()["said"]
        (torrent,) = qbittorrent.client().torrents_info()
        assert (torrent["hash"], torrent["state"]) == (HASH, "pausedDL")
        assert torrent["name"].startswith('"><img src=x onerror=alert(1)>')
        assert (torrent["category"], torrent["tags"]) == ("", "")
        # Neither the administrator's tracker nor a private one of the magnet.
        assert "127.0.0.1" not in torrent["magnet_uri"]

    with_live(tmp_path, scenario)


def test_without_an_address_there_is_nobody_to_send_to(tmp_path: Path) -> None:
    with open_sending(Settings(data_dir=tmp_path)) as send:
        assert send is None


def test_a_wrong_password_is_not_tried_at_each_press(qbittorrent: QBittorrent, tmp_path: Path) -> None:
    qbittorrent.client().app_set_preferences({"web_ui_max_auth_fail_count": 2})
    settings = Settings(data_dir=tmp_path, qbt_url=qbittorrent.url, qbt_username=USERNAME, qbt_password="wrong")

    async def scenario(site: Live) -> None:
        with open_sending(settings) as send:
            assert send is not None
            for _ in range(4):
                with pytest.raises(ResolverDown, match="qbittorrent_password"):
                    await send(Magnet.parse(HASH), "name")
        assert qbittorrent.client().app_version()

    with_live(tmp_path, scenario)
