"""What a person sees of the watch in a note: when it was asked last and is asked next, why, and an end to it."""

from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from tests.integration.live_support import Live, with_live
from tests.integration.test_task_pages import said_in
from tests.integration.web_support import PAGE, Site, with_site
from truename.calibration import Rules
from truename.store import tables, watches
from truename.store.watches import Failure

DEAD = "dead" * 10
LINK = f"magnet:?xt=urn:btih:{DEAD}"


async def row_of(client: httpx.AsyncClient, path: str = "/notes") -> str:
    """The one magnet of a page."""
    text = (await client.get(path, headers=PAGE)).text
    return text[text.index('<li class="magnet"') : text.index("</li>")]


async def asleep(site: Site, *, code: str = "no_peers", person_id: int = 1) -> None:
    """The hash did not answer, long ago."""
    async with site.database.writing() as connection:
        failure = Failure(code=code, at=site.clock.epoch, by_watch=False)
        await watches.failed(connection, {(person_id, DEAD): failure}, next_ask=Rules().next_ask)


async def next_at(site: Site, person_id: int = 1) -> float | None:
    async with site.database.reading() as connection:
        return (await watches.of(connection, [(person_id, DEAD)]))[person_id, DEAD].next_at


def test_a_hash_that_did_not_answer_says_when_it_is_asked_again(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = {DEAD}
        client = await site.signed_in()
        note = (await client.post("/api/notes", json={"text": LINK})).json()
        assert "上次询问" not in said_in(await row_of(client))
        await client.post("/notes", data={"calibrate": "1", "only": DEAD})
        task = (await client.get(f"/api/notes/{note['id']}")).json()["magnets"][0]["task_id"]
        await site.ended(client, task)
        for path, end in (
            ("/notes", "停止询问 无应答 立即询问"),
            (f"/notes/{note['id']}", "停止询问 查询经过 swarm：超时"),
        ):
            said = said_in(await row_of(client, path))
            assert "目前没有人持有该种子，请改日再试。 上次询问 " in said
            assert " · 下次自动询问 " in said
            assert said.endswith(end)
        site.oracle.dead.clear()
        await client.post("/notes", data={"calibrate": "1", "only": DEAD})
        task = (await client.get(f"/api/notes/{note['id']}")).json()["magnets"][0]["task_id"]
        await site.ended(client, task)
        assert "上次询问" not in said_in(await row_of(client))

    with_live(tmp_path, scenario)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("no_metadata", "但没有一个在限时内给出元数据；请稍后再试，或延长时间。"),
        ("resolver_unavailable", "当时没有可以询问的对象。"),
    ],
)
def test_the_last_reason_outlives_the_task(tmp_path: Path, code: str, said: str) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        await client.post("/api/notes", json={"text": LINK})
        await asleep(site, code=code)
        row = said_in(await row_of(client))
        assert f"{said} 上次询问 2023-11-14 22:13 UTC · 下次自动询问 2023-11-14 22:23 UTC" in row
        assert ("未得名称" if code == "resolver_unavailable" else "无应答") in row
        assert (await client.get("/api/notes")).json()["notes"][0]["magnets"][0]["status"] is None

    with_site(tmp_path, scenario)


@pytest.mark.parametrize(("after", "back"), [({}, "/notes/1"), ({"after": ""}, "/notes#note-1")])
def test_stopping_leads_back_and_nothing_is_asked_by_itself_any_more(
    tmp_path: Path, after: dict[str, str], back: str
) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        await client.post("/api/notes", json={"text": LINK})
        await asleep(site)
        await site.application.state.work.mode.choose("off")  # stopping is always possible
        for _ in range(2):
            answer = await client.post("/notes", data={"calibrate": "1", "stop": DEAD, **after})
            assert (answer.status_code, answer.headers["location"]) == (303, back)
        assert await next_at(site) is None
        row = await row_of(client)
        assert "不再自动询问" in said_in(row)
        assert "停止询问" not in row
        assert ">校准</button>" in row

    with_site(tmp_path, scenario)


def test_nobody_stops_the_watch_of_another(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        alice, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        for client in (alice, bob):
            await client.post("/api/notes", json={"text": LINK})
        await asleep(site)
        assert "上次询问" not in said_in(await row_of(bob))
        assert (await bob.post("/notes", data={"calibrate": "2", "stop": DEAD})).status_code == 303
        assert (await bob.post("/notes", data={"calibrate": "1", "stop": DEAD})).status_code == 404
        assert await next_at(site) == site.clock.epoch + 600

    with_site(tmp_path, scenario)


def test_a_reason_that_is_not_known_is_shown_as_it_is(tmp_path: Path) -> None:
    """A backup of another version may hold one."""

    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        await client.post("/api/notes", json={"text": LINK})
        await asleep(site, code="of_a_later_one")
        assert "of_a_later_one" in said_in(await row_of(client))
        task_id = (await client.post("/api/calibrate/async", json={"info_hash": DEAD})).json()["task_id"]
        await client.post(f"/api/calibrate/cancel/{task_id}")
        async with site.database.writing() as connection:
            await connection.execute(update(tables.task).values(reason="also_of_it", code="of_a_later_one"))
        for path in ("/tasks", "/notes"):
            assert "also_of_it" in (await client.get(path, headers=PAGE)).text
        body = (await client.get(f"/api/calibrate/status/{task_id}")).json()
        assert (body["error"], body["code"]) == ("also_of_it", "of_a_later_one")

    with_site(tmp_path, scenario)
