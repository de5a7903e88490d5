"""The pages of tasks and batches and their forms, as a browser without script sends them."""

import asyncio
import re
from html import unescape
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from tests.integration.live_support import Live, with_live
from tests.integration.web_support import ENGLISH, PAGE, Site, message_in, with_site
from truename import service
from truename.calibration import learn_all
from truename.infohash import InfoHash
from truename.model import Outcome, TaskStatus
from truename.store import tables

HASH, OTHER, DEAD = "1a" * 20, "2b" * 20, "dead" * 10
NOBODYS = "00000000-0000-4000-8000-000000000000"


async def submit(client: httpx.AsyncClient, info_hash: str, priority: str = "normal") -> str:
    answer = await client.post("/api/calibrate/async", json={"info_hash": info_hash, "priority": priority})
    task_id: str = answer.json()["task_id"]
    return task_id


async def page(client: httpx.AsyncClient, path: str = "/tasks", **query: str) -> str:
    answer = await client.get(path, headers=PAGE, params=query or None)
    assert answer.status_code == 200, answer.text
    return answer.text


async def send(client: httpx.AsyncClient, path: str = "/tasks", **fields: str) -> httpx.Response:
    return await client.post(path, data=fields, headers=PAGE)


def rows_of(text: str) -> dict[str, str]:
    """The rows of a page by the ids of their tasks, in order."""
    return dict(re.findall(r'<li class="task" id="task-([0-9a-f-]{36})"(.*?)\n</li>', text, re.DOTALL))


def said_in(row: str) -> str:
    """What a row says to a person."""
    return " ".join(unescape(re.sub(r"<[^>]+>|^[^>]*>", " ", row)).split())


def counts_in(text: str) -> list[str]:
    return re.findall(r'<span class="tasks-count">([\d,]+)</span>', text)


def test_a_row_tells_what_became_of_a_task(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead, site.oracle.names = {DEAD}, {HASH: "photo\u202egpj.exe <b>"}
        client = await site.signed_in()
        named, dead = await submit(client, HASH, "high"), await submit(client, DEAD, "low")
        await site.ended(client, named, dead)
        rows = rows_of(await page(client))
        assert list(rows) == [dead, named]
        assert "photo⟨U+202E⟩gpj.exe &lt;b&gt;" in rows[named]
        assert "来自 swarm，已验证" in said_in(rows[named])
        assert "优先级：高" in said_in(rows[named])
        assert DEAD in rows[dead]
        assert "目前没有人持有该种子，请改日再试。" in said_in(rows[dead])
        assert "无应答 高 普通 低 再次查询" in said_in(rows[dead])
        assert 'value="low" selected' in rows[dead]
        assert "button" not in rows[named]
        english = await client.get("/tasks", headers={**PAGE, **ENGLISH})
        assert "Nobody has this torrent at the moment" in said_in(rows_of(english.text)[dead])

    with_live(tmp_path, scenario)


def test_what_waits_has_its_place_and_what_is_tried_again_its_time(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        first, second = await submit(client, HASH), await submit(client, OTHER)
        async with site.database.writing() as connection:
            later = {"attempt": 1, "next_attempt_at": site.clock.epoch + 30}
            await connection.execute(update(tables.task).where(tables.task.c.id == first).values(later))
        rows = rows_of(await page(client))
        assert "排在第 1 位" in said_in(rows[second])
        assert "下次尝试 22:13:50 UTC 已尝试 1 次" in said_in(rows[first])
        assert "排在" not in said_in(rows[first])

    with_site(tmp_path, scenario)


def test_cancelling_ends_a_task_and_leads_back_to_it(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        task_id = await submit(client, HASH)
        assert "取消" in said_in(rows_of(await page(client))[task_id])
        answer = await send(client, cancel=task_id, status="pending")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks?status=pending#task-{task_id}")
        assert (await client.get(f"/api/calibrate/status/{task_id}")).json()["status"] == "cancelled"
        assert (await send(client, cancel=task_id)).status_code == 303  # the form sent twice
        assert "任务已取消。" in said_in(rows_of(await page(client))[task_id])

    with_site(tmp_path, scenario)


def test_all_that_waits_is_cancelled_by_one_press_and_what_runs_or_is_anothers_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_CANCELLED_AT_ONCE", 3)

    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH}
        client = await site.signed_in()
        running = await submit(client, HASH)
        await site.until(client, running, "running")
        waiting = [
            await submit(client, f"{number:02x}" * 20, "low" if number % 2 else "normal") for number in range(1, 9)
        ]
        other = await site.signed_in("bob")
        theirs = await submit(other, f"{1:02x}" * 20)
        assert "取消所有等待中的任务" not in await page(client)
        assert "8 个等待中的任务将被取消" in await page(client, status="pending")
        answer = await send(client, waiting="cancel", status="pending")
        assert (answer.status_code, answer.headers["location"]) == (303, "/tasks?status=pending")
        states = [(await client.get(f"/api/calibrate/status/{one}")).json()["status"] for one in (*waiting, running)]
        assert states == ["cancelled"] * 8 + ["running"]
        assert (await other.get(f"/api/calibrate/status/{theirs}")).json()["status"] == "pending"
        assert "取消所有等待中的任务" not in await page(client, status="pending")

    with_live(tmp_path, scenario, slots=1)


def test_asking_again_takes_the_chosen_priority_and_the_old_row_tells_of_it(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        old = await submit(client, HASH)
        await send(client, cancel=old)
        answer = await send(client, retry=old, priority="high")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks#task-{old}")
        rows = rows_of(await page(client))
        (new,) = set(rows) - {old}
        assert "优先级：高" in said_in(rows[new])
        assert "已再次查询：等待中" in said_in(rows[old])
        assert f'href="#task-{new}"' in rows[old]
        assert "data-active" in rows[old]  # the page goes on looking at it
        assert "button" not in rows[old]
        assert (await send(client, retry=old)).status_code == 303  # twice is once
        assert len(rows_of(await page(client))) == 2
        answer = await send(client, retry=new)
        assert (answer.status_code, message_in(answer)) == (409, "任务尚未结束，请等待或先取消。")

    with_site(tmp_path, scenario)


def test_what_waits_can_be_put_first(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        ids = [await submit(client, f"{number:040x}", "low") for number in range(1, 4)]
        row = said_in(rows_of(await page(client))[ids[2]])
        assert "排在第 3 位" in row
        assert row.endswith("优先查询 取消")
        answer = await send(client, first=ids[2], status="pending")
        assert answer.headers["location"] == f"/tasks?status=pending#task-{ids[2]}"
        rows = rows_of(await page(client))
        assert "排在第 1 位 优先级：高" in said_in(rows[ids[2]])
        assert "优先查询" not in said_in(rows[ids[2]])
        assert len(rows) == 3
        assert (await send(client, first=NOBODYS)).status_code == 404
        await send(client, cancel=ids[1])
        assert (await send(client, first=ids[1])).status_code == 303  # too late, and no new task of it
        assert len(rows_of(await page(client))) == 3
        await site.application.state.work.mode.choose("off")
        assert (await send(client, first=ids[0])).status_code == 503

    with_site(tmp_path, scenario)


def test_what_has_a_name_by_now_is_not_asked_for_again_by_putting_it_first(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        task_id = await submit(client, HASH)
        outcome = Outcome(
            info_hash=InfoHash(HASH), status=TaskStatus.COMPLETED, name="x", source="swarm", verified=True
        )
        async with site.database.writing() as connection:  # as a command beside the server does
            await learn_all(connection, [outcome], at=site.clock.epoch, tells_batches=False)
        await send(client, first=task_id)
        assert list(rows_of(await page(client))) == [task_id]

    with_site(tmp_path, scenario)


def test_what_is_cancelled_while_it_is_put_first_is_not_asked_for_again(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        for number in range(1, 6):
            task_id = await submit(client, f"{number:040x}", "low")
            await asyncio.gather(send(client, cancel=task_id), send(client, first=task_id))
            assert len(rows_of(await page(client))) == number

    with_site(tmp_path, scenario)


def test_asking_again_without_a_priority_keeps_the_old_one(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        old = await submit(client, HASH, "low")
        await send(client, cancel=old)
        await send(client, retry=old)
        rows = rows_of(await page(client, status="pending"))
        assert ["优先级：低" in said_in(row) for row in rows.values()] == [True]

    with_site(tmp_path, scenario)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"retry": NOBODYS, "priority": "HIGH"},
        {"retry": NOBODYS, "priority": ""},
        {"cancel": NOBODYS, "status": "nonsense"},
        {"cancel": NOBODYS, "after": "1_2"},
        {"cancel": NOBODYS, "after": "//evil.example"},
        {"cancel": NOBODYS, "batch": "../../login"},
        {"cancel": NOBODYS, "batch": NOBODYS, "after": "x"},
    ],
)
def test_a_form_that_is_none_of_ours_is_refused(tmp_path: Path, fields: dict[str, str]) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        assert (await send(client, **{"x": "y", **fields})).status_code == 400

    with_site(tmp_path, scenario)


def test_the_tasks_of_others_are_not_there(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        alice, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        task_id = await submit(bob, HASH)
        batch_id = (await bob.post("/api/calibrate/batch", json={"info_hashes": [OTHER]})).json()["batch_id"]
        for fields in ({"cancel": task_id}, {"retry": task_id}, {"cancel": NOBODYS}):
            answer = await send(alice, **fields)
            assert (answer.status_code, message_in(answer)) == (404, "任务不存在")
        assert (await send(alice, f"/tasks/batch/{batch_id}", do="cancel")).status_code == 404
        assert rows_of(await page(alice)) == rows_of(await page(alice, of=task_id)) == {}
        assert batch_id not in await page(alice)
        (await alice.post("/api/calibrate/batch", json={"info_hashes": [DEAD]})).json()
        assert set(rows_of(await page(bob))) >= {task_id}
        assert (await bob.get(f"/api/calibrate/status/{task_id}")).json()["status"] == "pending"

    with_site(tmp_path, scenario)


def test_a_list_is_read_by_state_and_page_by_page_without_gaps(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        hashes = [f"{number:040x}" for number in range(1, 121)]
        await client.post("/api/calibrate/batch", json={"info_hashes": hashes})  # all of them at the same moment
        text = await page(client)
        assert counts_in(text) == ["120", "120", "0", "0", "0", "0", "0"]
        seen = list(rows_of(text).values())
        while older := re.search(r'<a href="(/tasks\?[^"]*)">更早的任务', text):
            text = await page(client, unescape(older[1]))
            assert "最新的任务" in text
            seen += rows_of(text).values()
        found = [re.search(r"[0-9a-f]{40}", row)[0] for row in seen]  # type: ignore[index]
        assert found == hashes[::-1]
        first = next(iter(rows_of(await page(client))))
        await send(client, cancel=first)
        assert counts_in(await page(client)) == ["120", "119", "0", "0", "0", "0", "1"]
        assert list(rows_of(await page(client, status="cancelled"))) == [first]
        assert rows_of(await page(client, status="failed")) == {}
        assert (await client.get("/tasks", params={"status": "nonsense"})).status_code == 400
        for wrong in ("x", "nan_1_a", "1.0_2", f"1.0_{'9' * 30}_{NOBODYS}", f"1.0_1_{NOBODYS}'"):
            for path in ("/tasks", "/api/calibrate/tasks"):
                assert (await client.get(path, params={"after": wrong})).status_code == 400, wrong

    with_site(tmp_path, scenario)


def test_with_of_a_page_has_just_these_wherever_they_would_stand(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        one, other = await submit(client, HASH), await submit(client, OTHER)
        await send(client, cancel=one)
        assert list(rows_of(await page(client, status="pending", of=f"{one},{NOBODYS}"))) == [one]
        assert rows_of(await page(client, of="")) == {}
        assert set(rows_of(await page(client))) == {one, other}
        for wrong in ("x", f"{one},", ",".join([one] * 51), one.upper() + "'"):
            assert (await client.get("/tasks", params={"of": wrong})).status_code == 400

    with_site(tmp_path, scenario)


def test_everything_unnamed_is_one_press_and_one_batch(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = {DEAD}
        client = await site.signed_in()
        await client.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{HASH} magnet:?xt=urn:btih:{DEAD}"})
        assert 'action="/tasks/batch"' in await page(client)
        answer = await send(client, "/tasks/batch", unnamed="1")
        assert answer.status_code == 303
        where = answer.headers["location"]
        assert re.fullmatch(r"/tasks/batch/[0-9a-f-]{36}", where)
        rows = rows_of(await page(client, where))
        await site.ended(client, *rows)
        text = await page(client, where)
        assert "已结束 2 / 2" in text
        assert 'max="2" value="2"' in text
        assert [said_in(row).split()[0] for row in rows_of(text).values()] == ["Name", DEAD]
        assert "取消" not in said_in("".join(rows_of(text).values()))
        assert where in await page(client)
        answer = await send(client, where, do="retry")
        assert (answer.status_code, answer.headers["location"]) == (303, where)
        new = set(rows_of(await page(client, where))) - set(rows)
        assert len(new) == 1
        await site.ended(client, *new)
        site.oracle.dead.clear()
        await send(client, where, do="retry")
        await site.ended(client, *rows_of(await page(client, where)))
        answer = await send(client, "/tasks/batch", unnamed="1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/notes?said=web_nothing_unnamed")
        assert "笔记中的磁力链接都已有名称。" in await page(client, answer.headers["location"])

    with_live(tmp_path, scenario)


def test_a_batch_is_cancelled_as_a_whole(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        before = await submit(client, DEAD)
        hashes = [DEAD, *(f"{number:040x}" for number in range(1, 61)), "no hash"]
        batch_id = (await client.post("/api/calibrate/batch", json={"info_hashes": hashes})).json()["batch_id"]
        where = f"/tasks/batch/{batch_id}"
        text = await page(client, where)
        assert "已结束 0 / 61" in text
        assert "另有 1 项：" in text
        assert len(rows_of(text)) == 50
        assert next(iter(rows_of(text))) == before
        rest = re.search(r'<a href="([^"]*after=49)">后面的任务', text)
        assert rest is not None
        assert len(rows_of(await page(client, rest[1]))) == 11
        answer = await send(client, cancel=before, batch=batch_id, after="49")
        assert answer.headers["location"] == f"{where}?after=49#task-{before}"
        assert (await send(client, where, do="nonsense")).status_code == 400
        assert (await send(client, where, do="cancel")).headers["location"] == where
        text = await page(client, where)
        assert "已结束 61 / 61" in text
        assert "全部取消" not in text
        assert counts_in(text) == ["61"]

    with_site(tmp_path, scenario)


def test_more_than_fits_into_a_batch_is_told(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {f"{number:040x}" for number in range(1, 6)}
        client = await site.signed_in()
        await client.post(
            "/api/notes", json={"text": " ".join(f"magnet:?xt=urn:btih:{one}" for one in site.oracle.held)}
        )
        where = (await send(client, "/tasks/batch", unnamed="1")).headers["location"]
        text = await page(client, where)
        assert "笔记中另有 2 个无名链接" in text
        assert len(rows_of(text)) == 3
        for wrong in ("left=%3Cb%3E", "left=-1", "left=", f"left={'9' * 50}"):
            assert "笔记中另有" not in await page(client, where.replace("left=2", wrong))

    with_live(tmp_path, scenario, max_batch=3)


def test_switched_off_what_asks_is_off_and_what_cancels_is_not(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH}
        client = await site.signed_in()
        task_id = await submit(client, HASH)
        await client.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{OTHER}"})
        await site.work.mode.choose("off")
        assert "校准功能已关闭。" in await page(client)
        assert (await send(client, "/tasks/batch", unnamed="1")).status_code == 503
        assert (await send(client, cancel=task_id)).status_code == 303
        row = rows_of(await page(client))[task_id]
        assert re.search(r'name="retry"[^>]* disabled', row)
        assert (await send(client, retry=task_id)).status_code == 503

    with_live(tmp_path, scenario)


def test_what_is_forgotten_is_gone_from_the_pages(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        batch_id = (await client.post("/api/calibrate/batch", json={"info_hashes": [HASH]})).json()["batch_id"]
        where = f"/tasks/batch/{batch_id}"
        await send(client, where, do="cancel")
        assert len(rows_of(await page(client))) == 1
        site.clock.move(3601)
        text = await page(client)
        assert rows_of(text) == {}
        assert batch_id not in text
        assert counts_in(text) == ["0"] * 7
        assert (await client.get(where)).status_code == 404

    with_site(tmp_path, scenario)


def test_under_a_root_path_all_ways_stay_under_it(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in(base="http://127.0.0.1:8484/deep")
        task_id = await submit(client, HASH)
        text = await page(client)
        ways = re.findall(r'(?:href|action|src|data-page)="(/[^"]*)"', text)
        assert len(ways) > 10
        assert all(way.startswith("/deep/") for way in ways), ways
        assert (await send(client, cancel=task_id)).headers["location"] == f"/deep/tasks#task-{task_id}"

    with_site(tmp_path, scenario, root_path="/deep")
