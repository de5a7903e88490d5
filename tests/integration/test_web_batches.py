"""The routes of batches, of tasks that exist and of the watch: each status and each body, as the contract has them."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.live_support import HYBRID_V1, HYBRID_V2, Live, with_live
from tests.integration.test_web_calibrate import refused, submit, task_of
from tests.integration.test_web_notes import save
from tests.integration.web_support import ENGLISH, PAGE, Site, message_in, with_site
from truename.scanner import MAX_MAGNET_CHARS

HASHES = [f"{number:040x}" for number in range(1, 20)]
NOBODYS = "00000000-0000-4000-8000-000000000000"
STATES = ("pending", "running", "completed", "failed", "timeout", "cancelled")
NO_BATCH = "批次不存在"
NO_TASK = "任务不存在"
TOO_MANY = "请求过多，请稍后再试。"


def link(info_hash: str) -> str:
    return f"magnet:?xt=urn:btih:{info_hash}"


def counts(**given: int) -> dict[str, int]:
    return {state: given.get(state, 0) for state in STATES}


async def batch_of(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/calibrate/batch", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert sum(found[key] for key in ("created", "deduplicated", "completed", "invalid")) == found["total"]
    assert len(found["items"]) == found["total"]
    return found


def totals(body: dict[str, Any]) -> tuple[int, ...]:
    """How many items there were; and how many of them were created, deduplicated, completed, invalid."""
    return tuple(body[key] for key in ("total", "created", "deduplicated", "completed", "invalid"))


def ids_in(body: dict[str, Any]) -> list[str]:
    """The tasks of a batch, each once and in order."""
    return list(dict.fromkeys(item["task_id"] for item in body["items"] if "task_id" in item))


# What a batch is made of.


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"priority": "high"},
        {"info_hashes": [HASHES[0]], "note_ids": [1]},
        {"info_hashes": [HASHES[0]], "unnamed": True},
        *({key: wrong} for key in ("info_hashes", "note_ids") for wrong in (None, HASHES[0], 1, {}, True)),
        *({"unnamed": wrong} for wrong in (None, False, 1, "true", [])),
        {"info_hashes": [HASHES[0]], "priority": "urgent"},
    ],
    ids=str,
)
def test_a_batch_is_one_of_three_things(tmp_path: Path, body: dict[str, Any]) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        refused(await client.post("/api/calibrate/batch", json=body), 400, "bad_request")
        assert (await client.get("/api/calibrate/tasks")).json() == {"tasks": [], "next": None}

    with_site(tmp_path, scenario)


def test_each_item_has_its_answer_in_order(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        known, active, new, other = HASHES[:4]
        site.oracle.held = {active, new, other}
        client = await site.signed_in()
        await site.ended(client, await task_of(client, known))
        running = await task_of(client, active)
        await site.until(client, running, "running")
        large = link(new) + "&dn=" + "x" * 40_000
        given = [known, active, new, f" {new.upper()} ", "", new + "\n", 5, None, link(other), "magnet:?dn=x", large]
        body = await batch_of(client, info_hashes=given, priority="low")
        assert set(body) == {"batch_id", "total", "created", "deduplicated", "completed", "invalid", "items"}
        assert totals(body) == (11, 2, 2, 1, 6)
        named, joined, first, second, *wrong = body["items"]
        added = wrong.pop(4)
        assert named == {"info_hash": known, "task_id": named["task_id"], "status": "completed"}
        assert joined == {"info_hash": active, "task_id": running, "status": "running"}
        assert first == second == {"info_hash": new, "task_id": first["task_id"], "status": "pending"}
        assert added == {"info_hash": other, "task_id": added["task_id"], "status": "pending"}
        much = wrong.pop()
        assert (much["info_hash"][:60], much["code"]) == (large[:60], "too_large")
        assert "过大" in much["error"]
        missing = {"error": "缺少 info_hash 参数", "code": "missing_info_hash"}
        invalid = {"error": "info_hash 无效", "code": "invalid_info_hash"}
        assert wrong == [
            {"info_hash": "", **missing},
            {"info_hash": new + "\n", **invalid},
            {"info_hash": None, **invalid},
            {"info_hash": None, **invalid},
            {"info_hash": "magnet:?dn=x", **invalid},
        ]
        status = (await client.get(f"/api/calibrate/status/{named['task_id']}")).json()
        assert (status["status"], status["result"]) == ("completed", "Name of 0000.mkv")

    with_live(tmp_path, scenario)


def test_the_magnets_of_notes_are_items_and_what_is_not_ones_own_is_no_note(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        mine = (await save(client, f"{link(HASHES[0])} {link('nonsense')} {link(HASHES[1])}"))["id"]
        his, empty = (await save(bob, link(HASHES[2])))["id"], (await save(client, "nothing"))["id"]
        body = await batch_of(client, note_ids=[his, mine, empty, 4711, "1", 1.5, True, -1, 2**70, None, [mine]])
        assert totals(body) == (12, 2, 0, 0, 10)
        nobodys = {"info_hash": None, "error": "笔记不存在", "code": "not_found"}
        foreign, first, broken, second, *others = body["items"]
        assert foreign == nobodys
        assert [(one["info_hash"], one["status"]) for one in (first, second)] == [
            (HASHES[0], "pending"),
            (HASHES[1], "pending"),
        ]
        assert (broken["info_hash"], broken["code"]) == (None, "invalid_info_hash")
        assert others == [nobodys] * 8

    with_site(tmp_path, scenario)


def test_of_everything_unnamed_a_batch_takes_what_it_may_have_and_says_what_remains(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = set(HASHES)
        client = await site.signed_in()
        for part in (HASHES[:3], HASHES[2:5]):
            await save(client, " ".join(map(link, part)))
        body = await batch_of(client, unnamed=True)
        assert (totals(body), body["remaining"]) == ((2, 2, 0, 0, 0), 3)
        assert [item["info_hash"] for item in body["items"]] == HASHES[:2]
        await site.oracle.let_go()
        await site.ended(client, *ids_in(body))
        rest = await batch_of(client, unnamed=True)
        assert (totals(rest), rest["remaining"]) == ((2, 2, 0, 0, 0), 1)

    with_live(tmp_path, scenario, max_batch=2)


def test_what_did_not_answer_keeps_nothing_else_from_its_turn(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = set(HASHES)
        client = await site.signed_in()
        await save(client, " ".join(map(link, HASHES[:5])))
        taken = []
        for _ in range(5):
            body = await batch_of(client, unnamed=True)
            taken += [item["info_hash"] for item in body["items"]]
            await site.ended(client, *ids_in(body))
        assert taken[:9] == [*HASHES[:5], *HASHES[:4]]

    with_live(tmp_path, scenario, max_batch=2)


async def text_of(client: httpx.AsyncClient, note: dict[str, Any]) -> str:
    return str((await client.get(f"/api/notes/{note['id']}")).json()["text"])


LIE, TRUE = "&dn=A%20LIE", "&dn=Name%20of%200000.mkv"


@pytest.mark.parametrize("by_page", [True, False])
def test_a_name_that_somebody_else_has_found_comes_into_the_note_that_has_another(
    tmp_path: Path, *, by_page: bool
) -> None:
    async def scenario(site: Live) -> None:
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        note = await save(client, f"{link(HASHES[0])}{LIE} {link(HASHES[1])}{TRUE}")
        await site.ended(bob, *[await task_of(bob, one) for one in HASHES[:2]])
        assert await text_of(client, note) == note["text"]
        assert 'action="/tasks/batch"' in (await client.get("/notes", headers=PAGE)).text
        if by_page:
            assert (await client.post("/tasks/batch", data={"unnamed": "1"})).status_code == 303
        else:
            body = await batch_of(client, unnamed=True)
            assert (totals(body), body["remaining"]) == ((1, 0, 0, 1, 0), 0)
        assert await text_of(client, note) == f"{link(HASHES[0])}{TRUE} {link(HASHES[1])}{TRUE}"
        answer = await client.post("/tasks/batch", data={"unnamed": "1"})
        assert answer.headers["location"] == "/notes?said=web_nothing_unnamed"
        assert 'action="/tasks/batch"' not in (await client.get("/notes", headers=PAGE)).text

    with_live(tmp_path, scenario)


def test_a_hybrid_that_was_named_by_its_first_hash_is_named_where_only_its_second_stands(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await site.ended(client, await task_of(client, HYBRID_V1))
        second = f"magnet:?xt=urn:btmh:1220{HYBRID_V2}"
        note = await save(client, second + LIE)
        body = await batch_of(client, unnamed=True)
        assert (totals(body), body["remaining"]) == ((1, 0, 0, 1, 0), 0)
        assert await text_of(client, note) == f"{second}&dn=Name%20of%20a1a1.mkv"

    with_live(tmp_path, scenario)


def test_what_bears_a_claimed_name_is_not_unnamed(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.claims = dict.fromkeys(HASHES[:2], "Dunes")
        client = await site.signed_in()
        await save(client, link(HASHES[0]))
        first = await batch_of(client, unnamed=True)
        await site.ended(client, *[item["task_id"] for item in first["items"]])
        await save(client, link(HASHES[0]))  # and here it does not stand yet
        assert totals(await batch_of(client, unnamed=True))[0] == 1
        await client.delete("/api/notes/2")
        assert totals(await batch_of(client, unnamed=True)) == (0, 0, 0, 0, 0)

    with_live(tmp_path, scenario)


def test_a_name_of_ones_own_and_one_that_is_too_long_are_left_alone(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        note = await save(client, f"{link(HASHES[0])}{LIE}")
        mine = f"{link(HASHES[0])}&dn=mine"
        await client.patch(f"/api/notes/{note['id']}", json={"text": mine, "version": 1})
        full = link(HASHES[1]) + "&xl=" + "1" * (MAX_MAGNET_CHARS - len(link(HASHES[1])) - len("&xl="))
        await save(client, full)
        await site.ended(bob, *[await task_of(bob, one) for one in HASHES[:2]])
        body = await batch_of(client, unnamed=True)
        assert (totals(body), body["remaining"]) == ((0, 0, 0, 0, 0), 0)
        assert await text_of(client, note) == mine
        await client.delete("/api/notes/2")
        assert 'action="/tasks/batch"' not in (await client.get("/notes", headers=PAGE)).text

    with_live(tmp_path, scenario)


def test_what_remains_counts_each_hybrid_once_and_nothing_that_cannot_be_asked_for(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = set(HASHES)
        client = await site.signed_in()
        hybrids = [f"{link(one)}&xt=urn:btmh:1220{one[:24]}{one}" for one in HASHES[:3]]
        trackers = "".join(f"&tr=udp%3A%2F%2Fa{number}.example%3A1" for number in range(501))
        await save(client, " ".join([*hybrids, link(HASHES[4]) + trackers]))
        await save(client, f"{hybrids[1]} {hybrids[0]}&tr=udp%3A%2F%2Fb.example%3A1")
        body = await batch_of(client, unnamed=True)
        assert (totals(body), body["remaining"]) == ((1, 1, 0, 0, 0), 2)
        answer = await client.post("/tasks/batch", data={"unnamed": "1"})
        assert answer.headers["location"].endswith("?left=2")

    with_live(tmp_path, scenario, max_batch=1)


def test_a_magnet_that_cannot_be_asked_for_has_one_code_on_all_ways(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        trackers = "".join(f"&tr=udp%3A%2F%2Fa{number}.example%3A1" for number in range(501))
        broken = ["magnet:?dn=x", link("nonsense"), link(HASHES[0]) + trackers, link(HASHES[1]) + "&dn=" + "x" * 33_000]
        note_id = (await save(client, " ".join(broken)))["id"]
        of_one = (await client.post(f"/api/calibrate/{note_id}", headers=ENGLISH)).json()["results"]
        of_many = (await client.post("/api/calibrate/batch", json={"note_ids": [note_id]}, headers=ENGLISH)).json()[
            "items"
        ]
        codes = ["missing_info_hash", "invalid_info_hash", "too_large", "too_large"]
        for found in (of_one, of_many):
            assert [one["code"] for one in found] == codes
        assert [one["error"] for one in of_one] == [one["error"] for one in of_many]

    with_site(tmp_path, scenario)


# Limits.


@pytest.mark.parametrize("source", ["info_hashes", "note_ids", "magnets"])
def test_more_than_a_batch_may_have_is_refused_and_nothing_is_kept(tmp_path: Path, source: str) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, " ".join(map(link, HASHES[:4])))
        body = {"info_hashes": HASHES[:4], "note_ids": [1, 2, 3, 4], "magnets": [note["id"]]}[source]
        key = "info_hashes" if source == "info_hashes" else "note_ids"
        answer = await client.post("/api/calibrate/batch", json={key: body})
        refused(answer, 413, "too_large", "一个批次最多包含 3 项。")
        assert (await client.get("/api/calibrate/tasks")).json()["tasks"] == []

    with_live(tmp_path, scenario, max_batch=3)


@pytest.mark.parametrize("limit", ["max_queued", "max_queued_per_user"])
def test_what_may_not_wait_besides_all_that_waits_is_refused_until_there_is_room(tmp_path: Path, limit: str) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = set(HASHES)
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        body = await batch_of(client, info_hashes=HASHES[:4])
        assert totals(body) == (4, 2, 0, 0, 2)
        no_room = {"error": TOO_MANY, "code": "too_many"}
        assert body["items"][2:] == [{"info_hash": one, **no_room} for one in HASHES[2:4]]
        for path in ("/api/calibrate/async", "/api/calibrate"):
            answer = await client.post(path, json={"info_hash": HASHES[5]})
            refused(answer, 429, "too_many", TOO_MANY)
            assert int(answer.headers["retry-after"]) > 0
        assert (await submit(client, HASHES[0])).json()["deduplicated"] is True
        others = await submit(bob, HASHES[6])
        assert others.status_code == (429 if limit == "max_queued" else 200)
        await client.post(f"/api/calibrate/cancel/{ids_in(body)[1]}")
        assert (await submit(client, HASHES[5])).status_code == 200
        english = await client.post("/api/calibrate/async", json={"info_hash": HASHES[7]}, headers=ENGLISH)
        refused(english, 429, "too_many", "Too much at once; try again later.")

    settings: dict[str, Any] = {limit: 2}
    with_live(tmp_path, scenario, **settings)


@pytest.mark.parametrize("limit", ["max_queued", "max_queued_per_user"])
def test_to_try_again_needs_room_too(tmp_path: Path, limit: str) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = set(HASHES)
        client = await site.signed_in()
        old = await task_of(client, HASHES[0])
        await client.post(f"/api/calibrate/cancel/{old}")
        await task_of(client, HASHES[1])
        answer = await client.post(f"/api/calibrate/retry/{old}")
        refused(answer, 429, "too_many", TOO_MANY)
        assert int(answer.headers["retry-after"]) > 0

    settings: dict[str, Any] = {limit: 1}
    with_live(tmp_path, scenario, **settings)


def test_to_try_a_batch_again_takes_what_there_is_room_for_and_the_page_tells_of_the_rest(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = set(HASHES[:2])
        client = await site.signed_in()
        made = await batch_of(client, info_hashes=HASHES[:2])
        await site.ended(client, *ids_in(made))
        site.oracle.dead, site.oracle.held = set(), set(HASHES)
        blockers = [await task_of(client, one) for one in HASHES[2:4]]
        path = f"/api/calibrate/batch/{made['batch_id']}/retry"
        answer = await client.post(path)
        refused(answer, 429, "too_many", TOO_MANY)
        assert int(answer.headers["retry-after"]) > 0
        await client.post(f"/api/calibrate/cancel/{blockers[0]}")
        page = await client.post(f"/tasks/batch/{made['batch_id']}", data={"do": "retry"}, headers=PAGE)
        assert (page.status_code, message_in(page)) == (429, "等待查询的名称太多，2 个中有 1 个未能加入，请稍后再试。")
        await client.post(f"/api/calibrate/cancel/{blockers[1]}")
        body = (await client.post(path)).json()
        assert not set(ids_in(made)) & {task["task_id"] for task in body["tasks"]}
        await site.oracle.let_go()
        await site.ended(client, *(task["task_id"] for task in body["tasks"]))
        assert (await client.post(path)).status_code == 200  # nothing is left to try

    with_live(tmp_path, scenario, max_queued_per_user=2)


@pytest.mark.parametrize("by_page", [True, False])
def test_to_try_a_batch_again_twice_at_once_is_not_too_much(tmp_path: Path, by_page: bool) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = {HASHES[0]}
        client = await site.signed_in()
        made = await batch_of(client, info_hashes=HASHES[:1])
        await site.ended(client, *ids_in(made))
        site.oracle.dead, site.oracle.held = set(), {HASHES[0]}
        get = site.work.batches.get

        async def get_then_tried_again(person_id: int, batch_id: str, **given: Any) -> Any:
            found = await get(person_id, batch_id, **given)
            await site.work.batches.retry(person_id, batch_id)
            return found

        site.work.batches.get = get_then_tried_again  # type: ignore[method-assign]
        if by_page:
            page = await client.post(f"/tasks/batch/{made['batch_id']}", data={"do": "retry"}, headers=PAGE)
            assert page.status_code == 303
        else:
            answer = await client.post(f"/api/calibrate/batch/{made['batch_id']}/retry")
            assert answer.status_code == 200
            assert not set(ids_in(made)) & {task["task_id"] for task in answer.json()["tasks"]}

    with_live(tmp_path, scenario)


# A batch that exists.


def test_a_batch_says_how_many_are_in_each_state_and_lists_its_tasks_in_portions(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead, site.oracle.held = {HASHES[1]}, {HASHES[2]}
        client = await site.signed_in()
        made = await batch_of(client, info_hashes=[*HASHES[:3], "no hash"])
        ids = ids_in(made)
        await site.ended(client, *ids[:2])
        await site.until(client, ids[2], "running")
        path = f"/api/calibrate/batch/{made['batch_id']}"
        body = (await client.get(path)).json()
        statuses = [(await client.get(f"/api/calibrate/status/{one}")).json() for one in ids]
        for status in statuses:  # what the catalogue knows is told of one alone
            for key in ("found_at", "peers_seen", "size_bytes", "file_count", "files"):
                status.pop(key, None)
        assert body == {
            "batch_id": made["batch_id"],
            "total": 4,
            "counts": counts(completed=1, timeout=1, running=1),
            "tasks": statuses,
            "next": None,
        }
        first = (await client.get(path, params={"limit": 2})).json()
        assert [task["task_id"] for task in first["tasks"]] == ids[:2]
        rest = (await client.get(path, params={"limit": 2, "after": first["next"]})).json()
        assert ([task["task_id"] for task in rest["tasks"]], rest["next"]) == (ids[2:], None)
        for query in ("limit=0", "limit=-1", "limit=x", "after=x", "after=-1"):
            refused(await client.get(f"{path}?{query}"), 400, "bad_request")
        assert len((await client.get(f"{path}?limit=9999")).json()["tasks"]) == 3

    with_live(tmp_path, scenario)


def test_cancelling_a_batch_ends_what_it_created_and_twice_is_once(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = set(HASHES[1:])
        client = await site.signed_in()
        mine = await task_of(client, HASHES[1])
        made = await batch_of(client, info_hashes=HASHES[:4])
        await site.ended(client, ids_in(made)[0])
        path = f"/api/calibrate/batch/{made['batch_id']}"
        await site.until(client, mine, "running")
        for _ in range(2):
            answer = await client.post(f"{path}/cancel")
            assert (answer.status_code, answer.json()) == (200, (await client.get(path)).json())
            assert answer.json()["counts"] == counts(completed=1, running=1, cancelled=2)
        assert [task["status"] for task in answer.json()["tasks"]] == ["completed", "running", *["cancelled"] * 2]

    with_live(tmp_path, scenario)


def test_trying_a_batch_again_puts_new_tasks_in_the_places_of_those_that_have_no_name(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead, site.oracle.held = set(HASHES[1:3]), {HASHES[3]}
        client = await site.signed_in()
        made = await batch_of(client, info_hashes=HASHES[:4])
        ids = ids_in(made)
        await site.ended(client, *ids[:3])
        await client.post(f"/api/calibrate/cancel/{ids[3]}")
        site.oracle.dead, site.oracle.held = set(), set(HASHES)
        path = f"/api/calibrate/batch/{made['batch_id']}"
        answer = await client.post(f"{path}/retry")
        assert answer.status_code == 200
        body = answer.json()
        assert body["total"] == 4
        now = [task["task_id"] for task in body["tasks"]]
        assert (now[0], now[3]) == (ids[0], ids[3])
        assert not set(now[1:3]) & set(ids)
        assert [task["info_hash"] for task in body["tasks"]] == HASHES[:4]
        assert body["counts"]["completed"] == body["counts"]["cancelled"] == 1
        await site.oracle.let_go()
        await site.ended(client, *now)
        assert (await client.get(path)).json()["counts"] == counts(completed=3, cancelled=1)
        again = await client.post(f"{path}/retry")  # there is nothing left to try
        assert [task["task_id"] for task in again.json()["tasks"]] == now
        old = (await client.get(f"/api/calibrate/status/{ids[1]}")).json()
        assert (old["status"], old["code"]) == ("timeout", "no_peers")

    with_live(tmp_path, scenario)


# A task that exists.


def test_a_task_that_is_cancelled_stays_so_and_one_that_ended_otherwise_is_a_conflict(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held, site.oracle.dead = {HASHES[0], HASHES[1]}, {HASHES[3]}
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        running, waiting = await task_of(client, HASHES[0]), await task_of(client, HASHES[1])
        theirs = await task_of(bob, HASHES[0])
        await site.until(client, running, "running")
        for task_id, attempt in ((running, 1), (waiting, 0)):
            answer = await client.post(f"/api/calibrate/cancel/{task_id}")
            assert answer.status_code == 200
            body = answer.json()
            told = ("task_id", "status", "attempt", "error", "code")
            assert [body[key] for key in told] == [task_id, "cancelled", attempt, "任务已取消。", "cancelled"]
            assert set(body) == {*told, "info_hash", "created_at", "completed_at"}
            again = await client.post(f"/api/calibrate/cancel/{task_id}")
            assert (again.status_code, again.json()) == (200, body)
        await site.oracle.let_go()
        assert [one["status"] for one in await site.ended(bob, theirs)] == ["completed"]
        assert (await client.get(f"/api/calibrate/status/{running}")).json()["status"] == "cancelled"
        named, dead = await task_of(client, HASHES[2]), await task_of(client, HASHES[3])
        await site.ended(client, named, dead)
        for task_id in (named, dead):
            refused(await client.post(f"/api/calibrate/cancel/{task_id}"), 409, "conflict", "任务已经结束。")

    with_live(tmp_path, scenario, slots=1)


def test_a_task_is_tried_again_as_a_new_one_when_it_has_ended(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead, site.oracle.held = {HASHES[0]}, {HASHES[1]}
        client = await site.signed_in()
        dead, held = await task_of(client, HASHES[0]), await task_of(client, HASHES[1])
        before = await site.ended(client, dead)
        refused(await client.post(f"/api/calibrate/retry/{held}"), 409, "conflict", "任务尚未结束，请等待或先取消。")
        site.oracle.dead, site.oracle.held = set(), {HASHES[0]}
        answer = await client.post(f"/api/calibrate/retry/{dead}")
        assert answer.status_code == 200
        new = answer.json().pop("task_id")
        assert (new != dead, answer.json()) == (True, {"task_id": new, "status": "pending"})
        await site.oracle.let_go()
        ((body,), after) = await site.ended(client, new), await site.ended(client, dead)
        assert (body["status"], body["info_hash"], after) == ("completed", HASHES[0], before)
        known = await client.post(f"/api/calibrate/retry/{dead}")
        assert known.json() == {"task_id": known.json()["task_id"], "status": "completed"}

    with_live(tmp_path, scenario)


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("GET", "/api/calibrate/batch/{}", NO_BATCH),
        ("POST", "/api/calibrate/batch/{}/cancel", NO_BATCH),
        ("POST", "/api/calibrate/batch/{}/retry", NO_BATCH),
        ("GET", "/api/calibrate/status/{}", NO_TASK),
        ("POST", "/api/calibrate/cancel/{}", NO_TASK),
        ("POST", "/api/calibrate/retry/{}", NO_TASK),
    ],
)
def test_what_there_is_not_or_not_any_more_is_not_found(tmp_path: Path, method: str, path: str, error: str) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        made = await batch_of(client, info_hashes=HASHES[:1])
        mine = made["batch_id"] if "batch" in path else ids_in(made)[0]
        await client.post(f"/api/calibrate/cancel/{ids_in(made)[0]}")
        site.clock.move(3600)
        for wrong in (NOBODYS, mine, "5", "%ff", "a%20b"):
            refused(await client.request(method, path.format(wrong)), 404, "not_found", error)

    with_site(tmp_path, scenario)


# The watch.


def test_a_sleeping_hash_is_asked_for_now_or_no_more(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        sleeper = HASHES[0]
        site.oracle.dead = {sleeper}
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        await save(client, link(sleeper))
        await site.ended(client, await task_of(client, sleeper))
        stop, now = f"/api/watch/{sleeper}/stop", f"/api/watch/{sleeper.upper()}/now"
        answer = await client.post(stop)
        assert (answer.status_code, answer.json()) == (200, {"info_hash": sleeper, "watched": False})
        assert answer.json() == (await client.post(stop)).json()
        site.oracle.asked.clear()
        answer = await client.post(now)
        assert (answer.status_code, answer.json()) == (200, {"info_hash": sleeper, "watched": True})
        await site.oracle.until_asked(sleeper)
        for path in (stop, now, f"/api/watch/{HASHES[1]}/now"):
            refused(await bob.post(path), 404, "not_found", "没有在守望这个哈希。")
        for word in ("now", "stop"):
            refused(await client.post(f"/api/watch/nonsense/{word}"), 400, "invalid_info_hash", "info_hash 无效")

    with_live(tmp_path, scenario)
