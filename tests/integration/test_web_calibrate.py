"""The routes that ask for names, on a running engine: what each answers, and what another person can tell from it."""

import asyncio
import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.integration.live_support import HYBRID_V1, HYBRID_V2, PATIENCE_S, Live, listening, with_live
from tests.integration.web_support import ENGLISH, PASSWORD

HASH, OTHER, THIRD = "1a" * 20, "2b" * 20, "3c" * 20


async def submit(client: httpx.AsyncClient, info_hash: Any = HASH, **more: Any) -> httpx.Response:
    return await client.post("/api/calibrate/async", json={"info_hash": info_hash, **more})


async def task_of(client: httpx.AsyncClient, info_hash: str = HASH, **more: Any) -> str:
    answer = await submit(client, info_hash, **more)
    assert answer.status_code == 200, answer.text
    task_id: str = answer.json()["task_id"]
    return task_id


def refused(answer: httpx.Response, status: int, code: str, error: str | None = None) -> None:
    of = f"{answer.request.method} {answer.request.url} {answer.request.content[:200]!r}"
    assert answer.status_code == status, (of, answer.text)
    body = answer.json()
    assert set(body) == {"error", "code"}, of
    assert body["code"] == code, of
    if error is not None:
        assert body["error"] == error, of


def test_a_new_hash_is_pending_and_its_task_ends_with_the_name(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        before = time.time()
        answer = await submit(client)
        assert answer.status_code == 200
        assert set(answer.json()) == {"task_id", "status"}
        assert answer.json()["status"] == "pending"
        (body,) = await site.ended(client, answer.json()["task_id"])
        assert before <= body.pop("created_at") <= body.pop("completed_at") <= time.time()
        assert before <= body.pop("found_at") <= time.time()
        assert body == {
            "task_id": answer.json()["task_id"],
            "status": "completed",
            "info_hash": HASH,
            "attempt": 1,
            "result": "Name of 1a1a.mkv",
            "source": "swarm",
            "verified": True,
            "detail": "swarm：给出了名称",
            "size_bytes": 1,
            "file_count": 1,
            "files": [],
        }

    with_live(tmp_path, scenario)


# What is written for a v1 hash, for a v2 hash, and for both.
WRITTEN: tuple[tuple[Callable[[str, str], str], str], ...] = (
    (lambda v1, v2: v1, "v1"),
    (lambda v1, v2: v1.upper(), "v1"),
    (lambda v1, v2: f"  {v1} ", "v1"),
    (lambda v1, v2: base64.b32encode(bytes.fromhex(v1)).decode(), "v1"),
    (lambda v1, v2: base64.b32encode(bytes.fromhex(v1)).decode().lower(), "v1"),
    (lambda v1, v2: v2, "v2"),
    (lambda v1, v2: v2.upper(), "v2"),
    (lambda v1, v2: f"magnet:?xt=urn:btih:{v1}&dn=x&tr=udp%3A%2F%2Ft.example%3A80", "v1"),
    (lambda v1, v2: f"MAGNET:?dn=x&xt=urn:btih:{v1.upper()}", "v1"),
    (lambda v1, v2: f"magnet:?xt=urn:btmh:1220{v2}", "v2"),
    (lambda v1, v2: f"magnet:?xt=urn:btih:{HYBRID_V1}&xt=urn:btmh:1220{HYBRID_V2}", "hybrid"),
)


def test_a_hash_is_taken_in_every_form(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        for number, (write, kind) in enumerate(WRITTEN):
            v1, v2 = f"{number:x}a" * 20, f"{number:x}d" * 32
            given = write(v1, v2)
            (body,) = await site.ended(client, await task_of(client, given))
            assert body["info_hash"] == {"v1": v1, "v2": v2, "hybrid": HYBRID_V1}[kind], given
            assert body.get("info_hash_v2") == (HYBRID_V2 if kind == "hybrid" else None), given
            assert body["status"] == "completed", given

    with_live(tmp_path, scenario)


@pytest.mark.parametrize(("info_hash", "proven"), [(HASH, None), (HYBRID_V1, HYBRID_V2)])
@pytest.mark.parametrize("asked", ["ee" * 32, HYBRID_V2])
def test_a_named_task_has_no_second_hash_but_the_one_that_is_proven(
    tmp_path: Path, info_hash: str, proven: str | None, asked: str
) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        for _ in ("asked for", "known already"):
            given = f"magnet:?xt=urn:btih:{info_hash}&xt=urn:btmh:1220{asked}"
            (body,) = await site.ended(client, await task_of(client, given))
            assert (body["status"], body.get("info_hash_v2")) == ("completed", proven)
        listed = (await client.get("/api/calibrate/tasks")).json()["tasks"]
        assert {one.get("info_hash_v2") for one in listed} <= {proven, None}

    with_live(tmp_path, scenario)


def test_either_hash_of_a_hybrid_finds_the_name_that_the_other_brought(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        (body,) = await site.ended(client, await task_of(client, HYBRID_V2))
        answer = (await submit(client, HYBRID_V1)).json()
        assert answer["status"] == "completed"
        assert (await site.ended(client, answer["task_id"]))[0]["result"] == body["result"]
        assert site.oracle.asked == [HYBRID_V2]

    with_live(tmp_path, scenario)


@pytest.mark.parametrize("named_by", [HYBRID_V1, HYBRID_V2])
def test_of_a_hybrid_the_answer_has_the_v1_hash_and_the_v2_hash_beside_it_whichever_was_asked_for(
    tmp_path: Path, named_by: str
) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await site.ended(client, await task_of(client, named_by))
        for asked in (HYBRID_V1, HYBRID_V2, HYBRID_V2[:40]):
            (body,) = await site.ended(client, await task_of(client, asked))
            (listed,) = (
                one
                for one in (await client.get("/api/calibrate/tasks")).json()["tasks"]
                if one["task_id"] == body["task_id"]
            )
            for one in (body, listed):
                assert (one["info_hash"], one["info_hash_v2"]) == (HYBRID_V1, HYBRID_V2), asked

    with_live(tmp_path, scenario)


def test_a_task_that_was_told_a_claim_says_nothing_of_what_was_proven_since(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        site.oracle.claims[HASH] = "What a script says"
        claimed = await task_of(client, HASH)
        before = (await site.ended(client, claimed))[0]
        site.oracle.claims.clear()
        (proven,) = await site.ended(client, await task_of(client, HASH))
        assert (proven["verified"], proven["file_count"]) == (True, 1)
        after = (await client.get(f"/api/calibrate/status/{claimed}")).json()
        assert after == {key: value for key, value in before.items() if key not in ("found_at", "peers_seen")}

    with_live(tmp_path, scenario)


MISSING = [{}, {"info_hash": None}, {"info_hash": ""}, {"info_hash": " \t\n"}, {"hash": HASH}]
NO_HASH = [
    *("--help", "5", "\0", "x", "0" * 40, HASH[:-1], HASH + "0", "g" * 40, "a" * 32 + "1", "magnet:?dn=x"),
    *(
        "magnet:?xt=urn:btih:zz",
        HASH + "\0",
        HASH + "\n",
        "\t" + HASH,
        HASH + "\x85",
        HASH + "\u2028",
        f"{HASH};id",
        "a" * 500_000,
        5,
        0,
        False,
        1.5,
        [],
        [HASH],
        {},
        {"x": HASH},
    ),
]


def test_what_is_no_hash_is_refused_with_the_texts_of_the_contract(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        for path in ("/api/calibrate/async", "/api/calibrate"):
            for body in MISSING:
                refused(await client.post(path, json=body), 400, "missing_info_hash", "缺少 info_hash 参数")
            for given in NO_HASH:
                answer = await client.post(path, json={"info_hash": given})
                refused(answer, 400, "invalid_info_hash", "info_hash 无效")
            trackers = "".join(f"&tr=udp%3A%2F%2Ft.example%3A{port}" for port in range(1, 502))
            for much in (trackers, "&dn=" + "x" * 40_000):
                answer = await client.post(path, json={"info_hash": f"magnet:?xt=urn:btih:{HASH}{much}"})
                refused(answer, 413, "too_large")
                assert "磁力链接过大" in answer.text
            refused(
                await client.post(path, json={}, headers=ENGLISH),
                400,
                "missing_info_hash",
                "The parameter info_hash is missing",
            )
        assert site.oracle.asked == []

    with_live(tmp_path, scenario)


def test_a_priority_is_one_of_three_words(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        for wrong in ("HIGH", "High", "", "urgent", 1, None, [], {"x": 1}, True):
            refused(await submit(client, priority=wrong), 400, "bad_request")
        for word, info_hash in (("high", HASH), ("normal", OTHER), ("low", THIRD)):
            await site.ended(client, await task_of(client, info_hash, priority=word))

    with_live(tmp_path, scenario)


def test_the_higher_priority_begins_first(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        hashes = [f"{number:040x}" for number in range(1, 9)]
        blocker = "ff" * 20
        site.oracle.held = {blocker}
        await client.put("/api/config", json={"calibration_mode": "async"})
        first = await task_of(client, blocker)
        await site.oracle.until_asked(blocker)
        ids = [await task_of(client, one, priority="low") for one in hashes]
        urgent = await task_of(client, OTHER, priority="high")
        (body,) = await site.ended(client, urgent)
        assert body["status"] == "completed"  # the tenth on top of the slots is for it
        assert [body["status"] for body in [await site.until(client, one, "pending") for one in ids]] == ["pending"] * 8
        await site.oracle.let_go()
        await site.ended(client, first, *ids)

    with_live(tmp_path, scenario, slots=1)


def test_asking_again_while_it_is_active_gives_the_same_task(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH}
        client = await site.signed_in()
        task_id = await task_of(client)
        await site.oracle.until_asked(HASH)
        await site.until(client, task_id, "running")
        answer = (await submit(client, f"magnet:?xt=urn:btih:{HASH.upper()}", priority="high")).json()
        assert answer == {"task_id": task_id, "status": "running", "deduplicated": True}
        await site.oracle.let_go()
        await site.ended(client, task_id)
        again = (await submit(client)).json()
        assert again["task_id"] != task_id
        assert "deduplicated" not in again
        assert again["status"] == "completed"
        assert site.oracle.asked == [HASH]

    with_live(tmp_path, scenario)


def test_two_at_the_same_moment_are_one_task(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH}
        client = await site.signed_in()
        answers = [answer.json() for answer in await asyncio.gather(*(submit(client) for _ in range(30)))]
        assert len({answer["task_id"] for answer in answers}) == 1
        assert sum("deduplicated" in answer for answer in answers) == 29

    with_live(tmp_path, scenario)


def test_nobody_can_tell_whether_another_person_has_asked(tmp_path: Path) -> None:
    """What Bob hears of a hash that Alice asked for is what he hears of one that nobody did."""

    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH, OTHER}
        alice, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        hers = await task_of(alice, HASH, priority="high")
        await site.until(alice, hers, "running")
        joined, own = (await submit(bob, HASH)), (await submit(bob, OTHER))
        shape = {"task_id", "status"}
        assert set(joined.json()) == set(own.json()) == shape
        assert joined.json()["status"] == own.json()["status"] == "pending"
        for answer in (joined, own):
            body = await site.until(bob, answer.json()["task_id"], "running")
            assert set(body) == {"task_id", "status", "info_hash", "attempt", "created_at"}
            assert body["attempt"] == 1
            assert body["created_at"] == pytest.approx(time.time(), abs=60)
        refused(await bob.get(f"/api/calibrate/status/{hers}"), 404, "not_found", "任务不存在")
        notes = (await bob.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{HASH}"})).json()
        assert notes["magnets"][0]["name"] is None
        await site.oracle.let_go()
        (named,) = await site.ended(bob, joined.json()["task_id"])
        assert (named["status"], named["result"]) == ("completed", "Name of 1a1a.mkv")

    with_live(tmp_path, scenario)


def test_the_place_in_the_queue_counts_from_one_and_is_there_as_long_as_the_task_waits(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH}
        client = await site.signed_in()
        first = await task_of(client)
        assert "queue_position" not in await site.until(client, first, "running")
        ids = [await task_of(client, f"{number:040x}") for number in range(1, 6)]
        bodies = [await site.until(client, one, "pending") for one in ids]
        assert [body["queue_position"] for body in bodies] == [1, 2, 3, 4, 5]
        await site.oracle.let_go()
        assert all("queue_position" not in body for body in await site.ended(client, *ids))

    with_live(tmp_path, scenario, slots=1)


def test_what_was_taken_and_has_not_begun_has_its_place_too(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        hashes = [f"{number:040x}" for number in range(1, 10)]
        site.oracle.held = set(hashes)
        client = await site.signed_in()
        batch = (await client.post("/api/calibrate/batch", json={"info_hashes": hashes})).json()["batch_id"]
        for running in hashes[:2]:
            await site.oracle.until_asked(running)
        async with asyncio.timeout(60):
            while True:
                seen = site.engine.hub.count
                tasks = (await client.get(f"/api/calibrate/batch/{batch}")).json()["tasks"]
                states = [(task["status"], task.get("queue_position")) for task in tasks]
                # For a moment those that run may still count as waiting: two notes of it, one after the other.
                places_tell = states == [("running", None)] * 2 + [("pending", place) for place in range(1, 8)]
                # The database says that they run before the feeder hears of it.
                if places_tell and len(site.engine.feeder.out.waiting) == 2:
                    break
                await site.engine.hub.wait(seen, timeout_s=0.1)
        for place, task in enumerate(tasks[2:], start=1):
            status = (await client.get(f"/api/calibrate/status/{task['task_id']}")).json()
            assert status["queue_position"] == place

    with_live(tmp_path, scenario, slots=2)


def test_a_dead_hash_ends_with_a_reason_in_the_readers_language(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = {HASH}
        client = await site.signed_in()
        (body,) = await site.ended(client, await task_of(client))
        assert (body["status"], body["code"], body["attempt"]) == ("timeout", "no_peers", 1)
        assert "没有人" in body["error"]
        assert not {"result", "source", "verified", "queue_position"} & set(body)
        english = (await client.get(f"/api/calibrate/status/{body['task_id']}", headers=ENGLISH)).json()
        assert english["error"].startswith("Nobody has this torrent")

    with_live(tmp_path, scenario)


def test_an_unknown_a_broken_and_an_expired_task_are_one_answer(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        task_id = await task_of(client)
        async with asyncio.timeout(PATIENCE_S):
            while (answer := await client.get(f"/api/calibrate/status/{task_id}")).status_code == 200:
                await site.engine.hub.wait(site.engine.hub.count, timeout_s=0.05)
        refused(answer, 404, "not_found", "任务不存在")
        for wrong in (
            "00000000-0000-4000-8000-000000000000",
            "5",
            "-1",
            "%ff",
            "x" * 5000,
            "a%20b",
            "undefined",
        ):
            refused(await client.get(f"/api/calibrate/status/{wrong}"), 404, "not_found", "任务不存在")
        english = await client.get(f"/api/calibrate/status/{task_id}", headers=ENGLISH)
        refused(english, 404, "not_found", "There is no such task")

    with_live(tmp_path, scenario, task_ttl_s=0.2, max_attempts=1)  # and nothing is swept within the hour


def test_the_synchronous_route_answers_with_the_status_when_the_name_is_there(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        answer = await client.post("/api/calibrate", json={"info_hash": HASH})
        assert answer.status_code == 200
        body = answer.json()
        assert (body["status"], body["result"], body["verified"]) == ("completed", "Name of 1a1a.mkv", True)
        assert body == (await client.get(f"/api/calibrate/status/{body['task_id']}")).json()
        site.oracle.dead = {OTHER}
        body = (await client.post("/api/calibrate", json={"info_hash": OTHER}, headers=ENGLISH)).json()
        assert (body["status"], body["code"]) == ("timeout", "no_peers")
        assert body["error"].startswith("Nobody")

    with_live(tmp_path, scenario)


def test_the_synchronous_route_answers_after_its_time_and_the_task_goes_on(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH}
        client = await site.signed_in()
        body = (await client.post("/api/calibrate", json={"info_hash": HASH})).json()
        assert body["status"] in ("pending", "running")
        assert not {"error", "code", "result"} & set(body)
        await site.oracle.let_go()
        assert (await site.ended(client, body["task_id"]))[0]["status"] == "completed"

    with_live(tmp_path, scenario, sync_wait_s=0.3)


def test_twenty_synchronous_requests_wait_at_once_and_others_go_on_meanwhile(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        hashes = [f"{number:040x}" for number in range(1, 21)]
        site.oracle.held = set(hashes)
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        waiting = [asyncio.ensure_future(client.post("/api/calibrate", json={"info_hash": one})) for one in hashes]
        for one in hashes:
            await site.oracle.until_asked(one)
        answer = await client.post("/api/calibrate", json={"info_hash": OTHER})
        refused(answer, 429, "too_many")
        assert int(answer.headers["retry-after"]) > 0
        note = (await client.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{OTHER}"})).json()
        refused(await client.post(f"/api/calibrate/{note['id']}"), 429, "too_many")
        assert OTHER not in site.oracle.asked
        assert (await client.get("/api/config")).status_code == 200
        assert (await submit(client, THIRD)).status_code == 200
        assert (await bob.post("/api/calibrate", json={"info_hash": OTHER})).json()["status"] == "completed"
        await site.oracle.let_go()
        bodies = [answer.json() for answer in await asyncio.gather(*waiting)]
        assert {body["status"] for body in bodies} == {"completed"}
        assert (await client.post("/api/calibrate", json={"info_hash": OTHER})).status_code == 200
        assert not site.work.waiting

    with_live(tmp_path, scenario)


def test_a_client_that_leaves_gives_its_place_free_and_its_task_goes_on(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH}
        await site.person()
        async with listening(site) as address:
            async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
                await client.post("/login", data={"username": "alice", "password": PASSWORD})
                cookies = dict(client.cookies)
                leaver = asyncio.ensure_future(client.post("/api/calibrate", json={"info_hash": HASH}))
                await site.oracle.until_asked(HASH)
                assert sum(site.work.waiting.values()) == 1
                leaver.cancel()
            async with asyncio.timeout(PATIENCE_S):
                while site.work.waiting:
                    await site.engine.hub.wait(site.engine.hub.count, timeout_s=0.05)
            async with httpx.AsyncClient(base_url=address, trust_env=False, cookies=cookies) as client:
                again = (await submit(client)).json()
                assert again["deduplicated"] is True
                await site.oracle.let_go()
                assert (await site.ended(client, again["task_id"]))[0]["status"] == "completed"

    with_live(tmp_path, scenario)


def test_a_server_that_stops_takes_nothing_new_and_lets_nobody_wait(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH}
        client = await site.signed_in()
        note = (await client.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{HASH}"})).json()
        waiting = asyncio.ensure_future(client.post("/api/calibrate", json={"info_hash": HASH}))
        await site.oracle.until_asked(HASH)
        site.ready[0] = False
        site.engine.hub.publish()
        body = (await waiting).json()
        assert body["status"] in ("pending", "running")
        for path in ("/api/calibrate/async", "/api/calibrate", f"/api/calibrate/{note['id']}"):
            refused(await client.post(path, json={"info_hash": OTHER}), 503, "stopping")
        assert (await client.get(f"/api/calibrate/status/{body['task_id']}")).status_code == 200
        assert site.oracle.asked == [HASH]

    with_live(tmp_path, scenario)


def test_a_note_is_named_with_one_result_for_each_magnet_in_the_order_of_the_text(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = {OTHER}
        client = await site.signed_in()
        many = "&tr=".join(f"udp%3A%2F%2Ft{number}.example%3A1" for number in range(501))
        magnets = [
            f"magnet:?xt=urn:btih:{HASH}&dn=lie",
            f"magnet:?xt=urn:btih:{OTHER}",
            "magnet:?xt=urn:btih:nonsense",
            f"magnet:?dn=twice&xt=urn:btih:{HASH.upper()}",
            f"magnet:?xt=urn:btih:{THIRD}&tr={many}",
        ]
        text = "😀 " + "\n".join(magnets)
        note = (await client.post("/api/notes", json={"text": text})).json()
        answer = await client.post(f"/api/calibrate/{note['id']}", headers=ENGLISH)
        assert answer.status_code == 200
        body = answer.json()
        results = body.pop("results")
        assert body == {"success": False, "total": 5, "success_count": 2, "fail_count": 3}
        assert [result["old_magnet"] for result in results] == magnets
        assert [result["success"] for result in results] == [True, False, False, True, False]
        named = {"info_hash": HASH, "filename": "Name of 1a1a.mkv", "success": True}
        assert results[0] == {**named, "old_magnet": magnets[0]}
        assert results[3] == {**named, "old_magnet": magnets[3]}
        assert results[1]["code"] == "no_peers"
        assert results[1]["error"].startswith("Nobody")
        assert (results[2]["info_hash"], results[2]["code"]) == (None, "invalid_info_hash")
        assert (results[4]["info_hash"], results[4]["code"]) == (THIRD, "too_large")
        assert all(
            set(one) == {"info_hash", "old_magnet", "error", "code", "success"} for one in results if not one["success"]
        )
        now = (await client.get(f"/api/notes/{note['id']}")).json()["text"]
        assert now == text.replace("dn=lie", "dn=Name%20of%201a1a.mkv").replace("dn=twice", "dn=Name%20of%201a1a.mkv")
        assert sorted(site.oracle.asked) == [HASH, OTHER]

    with_live(tmp_path, scenario)


def test_a_note_without_magnets_is_a_success_and_asks_nothing(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = (await client.post("/api/notes", json={"text": "nothing here"})).json()
        body = (await client.post(f"/api/calibrate/{note['id']}")).json()
        assert body == {"success": True, "total": 0, "success_count": 0, "fail_count": 0, "results": []}

    with_live(tmp_path, scenario)


def test_what_it_takes_to_ask_for_a_note_is_a_part_of_its_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = (await client.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{HASH}"})).json()
        calibrations, left_s = site.work.calibrations, list[float]()
        submit, wait = calibrations.submit, calibrations.wait

        async def slow(*given: Any, **named: Any) -> Any:
            await asyncio.sleep(0.2)
            return await submit(*given, **named)

        async def noted(*given: Any, timeout_s: float, **named: Any) -> Any:
            left_s.append(timeout_s)
            return await wait(*given, timeout_s=timeout_s, **named)

        monkeypatch.setattr(calibrations, "submit", slow)
        monkeypatch.setattr(calibrations, "wait", noted)
        assert (await client.post(f"/api/calibrate/{note['id']}")).json()["success"]
        (left,) = left_s
        assert left <= 60 - 0.2

    with_live(tmp_path, scenario, sync_wait_s=60)


def test_what_of_a_note_is_unfinished_in_time_is_waiting_and_comes_later(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {OTHER}
        client = await site.signed_in()
        text = f"magnet:?xt=urn:btih:{HASH} magnet:?xt=urn:btih:{OTHER}"
        note = (await client.post("/api/notes", json={"text": text})).json()
        body = (await client.post(f"/api/calibrate/{note['id']}")).json()
        assert (body["success"], body["success_count"], body["fail_count"]) == (False, 1, 1)
        assert body["results"][1]["code"] == "waiting"
        await site.oracle.let_go()
        task_id = (await client.get(f"/api/notes/{note['id']}")).json()["magnets"][1]["task_id"]
        await site.ended(client, task_id)
        assert "Name%20of%202b2b" in (await client.get(f"/api/notes/{note['id']}")).json()["text"]

    with_live(tmp_path, scenario, sync_wait_s=2)


def test_a_note_that_is_none_cannot_be_named(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        for wrong in ("0", "-5", "99999999999999999999", "1.5", "x", "%00", "4711", "null"):
            refused(await client.post(f"/api/calibrate/{wrong}"), 404, "not_found")

    with_live(tmp_path, scenario)


def test_where_no_body_is_needed_one_that_is_no_object_is_refused_and_nothing_happens(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        site.oracle.held.add(HASH)
        note = (await client.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{HASH}"})).json()
        task_id = (await submit(client)).json()["task_id"]
        batch_id = (await client.post("/api/calibrate/batch", json={"info_hashes": [HASH]})).json()["batch_id"]
        routes = [
            *(f"/api/calibrate/{note['id']}", f"/api/calibrate/cancel/{task_id}", f"/api/calibrate/retry/{task_id}"),
            *(f"/api/calibrate/batch/{batch_id}/cancel", f"/api/calibrate/batch/{batch_id}/retry"),
            *(f"/api/watch/{HASH}/now", f"/api/watch/{HASH}/stop"),
        ]
        requests = [("POST", route) for route in routes] + [("DELETE", f"/api/notes/{note['id']}")]
        sent = {"content-type": "application/json"}
        for method, route in requests:
            for body in (b"[1]", b"null", b"5", b"{", b"\xff\xfe", b"[" * 100_000):
                refused(await client.request(method, route, content=body, headers=sent), 400, "bad_request")
            refused(await client.request(method, route, data={"a": "b"}), 400, "bad_request")
        assert (await client.get(f"/api/notes/{note['id']}")).status_code == 200
        assert (await client.get(f"/api/calibrate/status/{task_id}")).json()["status"] in ("pending", "running")
        assert (await client.post(f"/api/calibrate/cancel/{task_id}", content=b" {} ", headers=sent)).status_code == 200

    with_live(tmp_path, scenario)


@pytest.mark.parametrize("trouble", ["PRAGMA query_only = ON", "PRAGMA max_page_count = 1"])
def test_a_database_that_takes_nothing_is_503_and_nothing_is_half_written(tmp_path: Path, trouble: str) -> None:
    """A read-only one, and one whose disk is full."""

    async def scenario(site: Live) -> None:
        client = await site.signed_in(admin=True)
        large = "x" * 200_000  # more than fits into the free space of the file
        note = (await client.post("/api/notes", json={"text": f"magnet:?xt=urn:btih:{HASH}"})).json()
        async with site.database.writing() as connection:
            await connection.execute(text(trouble))
        magnet = f"magnet:?xt=urn:btih:{OTHER}&tr=" + "&tr=".join(
            f"udp%3A%2F%2F{'x' * 50}{n}.example%3A1" for n in range(400)
        )
        answers = [
            await client.post("/api/notes", json={"text": large}),
            await client.patch(f"/api/notes/{note['id']}", json={"text": large, "version": 1}),
            *[await submit(client, magnet) for _ in range(1)],
        ]
        if "query_only" in trouble:
            answers += [
                await client.post("/api/calibrate", json={"info_hash": OTHER}),
                await client.post(f"/api/calibrate/{note['id']}"),
                await client.put("/api/config", json={"calibration_mode": "sync"}),
                await client.delete(f"/api/notes/{note['id']}"),
            ]
        for answer in answers:
            refused(answer, 503, "unavailable")
        assert (await client.get("/api/config")).json()["calibration_mode"] == "async"
        listed = (await client.get("/api/notes")).json()["notes"]
        assert [(one["id"], one["version"], one["text"]) for one in listed] == [(note["id"], 1, note["text"])]
        assert (await client.get("/notes")).status_code == 200
        site.database._write.dispose()  # the next connection has no such trouble
        assert (await client.post("/api/calibrate", json={"info_hash": OTHER})).json()["status"] == "completed"

    with_live(tmp_path, scenario)
