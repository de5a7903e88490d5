"""`async`, `sync` and `off`: the same suite in each mode, and what changing the mode does."""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.integration.live_support import PATIENCE_S, Live, with_live
from tests.integration.test_web_wall import PATTERNS
from tests.integration.web_support import ENGLISH

HASH, OTHER, DEAD = "1a" * 20, "2b" * 20, "dead" * 10
LINK = f"magnet:?xt=urn:btih:{HASH}"
MODES = ("async", "sync", "off")
each_mode = pytest.mark.parametrize("mode", MODES)


def asking(note_id: int) -> list[tuple[str, dict[str, str]]]:
    return [
        ("/api/calibrate/async", {"info_hash": HASH}),
        ("/api/calibrate", {"info_hash": HASH}),
        (f"/api/calibrate/{note_id}", {}),
    ]


async def mode_of(client: httpx.AsyncClient) -> str:
    body = (await client.get("/api/config")).json()
    assert {key: body[key] for key in body if key != "calibration_mode"} == {
        "poll_interval_ms": 1000,
        "poll_timeout_ms": 60000,
        "websocket": False,
    }
    mode: str = body["calibration_mode"]
    return mode


async def choose(client: httpx.AsyncClient, mode: str | None) -> None:
    answer = await client.put("/api/config", json={"calibration_mode": mode})
    assert answer.status_code == 200
    assert answer.json() == (await client.get("/api/config")).json()


@each_mode
def test_names_are_asked_for_in_both_ways_unless_it_is_off(tmp_path: Path, mode: str) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        assert await mode_of(client) == mode
        note = (await client.post("/api/notes", json={"text": LINK})).json()
        for path, body in asking(note["id"]):
            answer = await client.post(path, json=body)
            if mode == "off":
                assert answer.status_code == 503
                assert answer.json() == {"error": "校准功能已关闭。", "code": "off"}
                english = await client.post(path, json=body, headers=ENGLISH)
                assert english.json()["error"] == "Calibration is switched off."
            else:
                assert answer.status_code == 200
        assert site.oracle.asked == ([] if mode == "off" else [HASH])

    with_live(tmp_path, scenario, calibration_mode=mode)


@each_mode
def test_everything_else_works(tmp_path: Path, mode: str) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        made = await client.post("/api/notes", json={"text": LINK})
        assert made.status_code == 201
        path = f"/api/notes/{made.json()['id']}"
        assert (await client.patch(path, json={"text": f"{LINK} now", "version": 1})).json()["text"] == f"{LINK} now"
        assert (await client.get(path)).json()["version"] == 2
        assert len((await client.get("/api/notes")).json()["notes"]) == 1
        page = await client.get("/notes")
        assert page.status_code == 200
        assert page.text.count("disabled") == (2 if mode == "off" else 0)  # for a note, and for everything unnamed
        assert ("校准功能已关闭" in page.text) == (mode == "off")
        assert (await client.post("/notes", data={"text": "by form"})).status_code == 303
        form = await client.post("/notes", data={"calibrate": str(made.json()["id"])})
        assert form.status_code == (503 if mode == "off" else 303)
        assert (await client.delete(path)).status_code == 204
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/openapi.json")).status_code == 200

    with_live(tmp_path, scenario, calibration_mode=mode)


# Each route with a request for it and its answer; the places are filled in from what is there then.
ASKING: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/api/calibrate/async", {"info_hash": HASH}, 200),
    ("POST", "/api/calibrate", {"info_hash": HASH}, 200),
    ("POST", "/api/calibrate/{note_id}", {}, 200),
    ("POST", "/api/calibrate/batch", {"info_hashes": [HASH]}, 200),
    ("POST", "/api/calibrate/batch/{batch_id}/retry", {}, 200),
    ("POST", "/api/calibrate/retry/{task_id}", {}, 200),
    ("POST", "/api/watch/{info_hash}/now", {}, 200),
    ("POST", "/notes", {"calibrate": "{note_id}"}, 303),
    ("POST", "/notes", {"calibrate": "{note_id}", "only": "{info_hash}"}, 303),
    ("POST", "/tasks", {"retry": "{task_id}", "priority": "low"}, 303),
    ("POST", "/tasks", {"first": "{held}"}, 303),
    ("POST", "/tasks/batch", {}, 303),
    ("POST", "/tasks/batch/{batch_id}", {"do": "retry"}, 303),
]
OTHERS: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/api/calibrate/status/{task_id}", {}, 200),
    ("GET", "/api/calibrate/tasks", {}, 200),
    ("GET", "/api/calibrate/batch/{batch_id}", {}, 200),
    ("POST", "/api/watch/{info_hash}/stop", {}, 200),
    ("GET", "/api/config", {}, 200),
    ("PUT", "/api/config", {"calibration_mode": "{mode}"}, 200),
    *(("GET", path, {}, 200) for path in ("/notes", "/tasks", "/health", "/healthz", "/readyz", "/openapi.json")),
    *(("GET", path, {}, 200) for path in ("/api/notes", "/api/notes/{note_id}", "/api/docs")),
    *(("GET", path, {}, 200) for path in ("/notes/{note_id}", "/notes/{note_id}/edit", "/tasks/batch/{batch_id}")),
    ("GET", "/", {}, 303),
    ("POST", "/api/notes", {"text": "another"}, 201),
    ("POST", "/notes", {"text": "by form"}, 303),
    ("POST", "/notes", {"calibrate": "{note_id}", "stop": "{info_hash}"}, 303),
    ("PATCH", "/api/notes/{plain_id}", {"text": "edited", "version": 1}, 200),
    ("POST", "/notes/{plain_id}", {"text": "edited by form", "version": "2"}, 303),
    ("POST", "/notes/{plain_id}/delete", {"after": ""}, 303),
    ("DELETE", "/api/notes/{note_id}", {}, 204),
    ("POST", "/api/calibrate/cancel/{held}", {}, 200),
    ("POST", "/api/calibrate/batch/{batch_id}/cancel", {}, 200),
    ("POST", "/tasks", {"cancel": "{held}"}, 303),
    ("POST", "/tasks/batch/{batch_id}", {"do": "cancel"}, 303),
]
ENTRY = {"/login", "/logout", "/setup", "/static/css/page.css"}


def test_of_each_route_it_is_known_whether_it_asks() -> None:
    def bare(routes: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        return {(method, re.sub(r"{[^}]+}", "{}", path)) for method, path in routes if path not in ENTRY}

    assert bare((method, path) for method, path, *_ in ASKING + OTHERS) == bare(PATTERNS)


@each_mode
def test_each_route_answers_the_same_in_each_mode_but_what_asks_when_it_is_off(tmp_path: Path, mode: str) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead, site.oracle.held = {DEAD}, {OTHER}
        client = await site.signed_in(admin=True)
        dead = (await client.post("/api/calibrate/batch", json={"info_hashes": [DEAD]})).json()
        await site.ended(client, dead["items"][0]["task_id"])
        note = (await client.post("/api/notes", json={"text": f"{LINK} magnet:?xt=urn:btih:{DEAD}"})).json()
        plain = (await client.post("/api/notes", json={"text": "plain"})).json()
        task = (await client.post("/api/calibrate", json={"info_hash": DEAD})).json()
        held = (await client.post("/api/calibrate/async", json={"info_hash": OTHER})).json()
        await site.until(client, held["task_id"], "running")
        places = {
            "note_id": note["id"],
            "plain_id": plain["id"],
            "batch_id": dead["batch_id"],
            "task_id": task["task_id"],
            "held": held["task_id"],
            "info_hash": DEAD,
            "mode": mode,
        }
        await choose(client, mode)
        site.oracle.asked.clear()
        for row in ASKING:
            answer = await sent(client, row, places)
            if mode == "off":
                assert (answer.status_code, answer.json()["code"]) == (503, "off"), row
            else:
                assert answer.status_code == row[3], (row, answer.text)
        assert bool(site.oracle.asked) == (mode != "off")
        for row in OTHERS:
            answer = await sent(client, row, places)
            assert answer.status_code == row[3], (row, answer.text)

    with_live(tmp_path, scenario)


async def sent(client: httpx.AsyncClient, row: tuple[str, str, dict[str, Any], int], places: Any) -> httpx.Response:
    """The answer to a request of a table, sent as a form where a page would send one."""
    method, path, given, _ = row
    fields = {key: value.format(**places) if isinstance(value, str) else value for key, value in given.items()}
    path = path.format(**places)
    if method in ("GET", "DELETE"):
        return await client.request(method, path)
    if path.startswith("/api/"):
        return await client.request(method, path, json=fields)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.request(method, path, content=urlencode(fields), headers=form)


@each_mode
def test_what_was_asked_before_can_be_read_in_every_mode(tmp_path: Path, mode: str) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.dead = {DEAD}
        client = await site.signed_in(admin=True)
        named = (await client.post("/api/calibrate", json={"info_hash": HASH})).json()
        dead = (await client.post("/api/calibrate", json={"info_hash": DEAD})).json()
        await choose(client, mode)
        for body in (named, dead):
            assert (await client.get(f"/api/calibrate/status/{body['task_id']}")).json() == body
        note = (await client.post("/api/notes", json={"text": LINK})).json()
        assert note["magnets"][0]["name"] == "Name of 1a1a.mkv"

    with_live(tmp_path, scenario)


def test_switching_off_starts_nothing_new_and_what_waits_stays(tmp_path: Path) -> None:
    """What runs may end; what lies in the queue or in the database waits until it is switched on again."""

    async def scenario(site: Live) -> None:
        hashes = [f"{number:040x}" for number in range(1, 11)]
        site.oracle.held = set(hashes)
        client = await site.signed_in(admin=True)
        note = await client.post("/api/notes", json={"text": " ".join(f"magnet:?xt=urn:btih:{one}" for one in hashes)})
        assert note.status_code == 201
        bodies = [(await client.post("/api/calibrate/async", json={"info_hash": one})).json() for one in hashes]
        ids = [body["task_id"] for body in bodies]
        for task_id in ids[:2]:
            await site.until(client, task_id, "running")
        await choose(client, "off")
        running = list(site.oracle.asked)
        await site.oracle.let_go()
        began = [ids[hashes.index(one)] for one in running]
        assert {body["status"] for body in await site.ended(client, *began)} == {"completed"}
        await until_resting(site)
        assert site.oracle.asked == running
        for task_id in set(ids) - set(began):
            body = (await client.get(f"/api/calibrate/status/{task_id}")).json()
            assert (body["status"], body["attempt"]) == ("pending", 0)
            assert body["queue_position"] >= 1
        await choose(client, "async")
        assert {(body["status"], body["attempt"]) for body in await site.ended(client, *ids)} == {("completed", 1)}
        assert sorted(site.oracle.asked) == hashes

    with_live(tmp_path, scenario, slots=2)


async def until_resting(site: Live) -> None:
    """Nothing is out that does not run."""
    async with asyncio.timeout(PATIENCE_S):
        while site.engine.feeder.out.waiting:
            await site.engine.hub.wait(site.engine.hub.count, timeout_s=0.05)


def test_a_slot_that_is_freed_after_the_answer_begins_nothing(tmp_path: Path) -> None:
    """Also when the feeder does not come to look before."""

    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH, OTHER}
        client = await site.signed_in(admin=True)
        answers = [await client.post("/api/calibrate/async", json={"info_hash": one}) for one in (HASH, OTHER)]
        first, second = (answer.json()["task_id"] for answer in answers)
        await site.until(client, first, "running")
        async with asyncio.timeout(PATIENCE_S):
            while len(site.engine.feeder.out) < 2:
                await site.engine.hub.wait(site.engine.hub.count, timeout_s=0.05)
        await choose(client, "off")
        await site.oracle.let_go()
        assert [body["status"] for body in await site.ended(client, first)] == ["completed"]
        assert site.oracle.asked == [HASH]
        assert (await client.get(f"/api/calibrate/status/{second}")).json()["status"] == "pending"
        await choose(client, "sync")
        assert [body["status"] for body in await site.ended(client, second)] == ["completed"]

    with_live(tmp_path, scenario, slots=1)


def test_a_restart_switched_off_leaves_what_waits_alone(tmp_path: Path) -> None:
    ids: list[str] = []

    async def before(site: Live) -> None:
        site.oracle.held = {HASH, OTHER}
        client = await site.signed_in(admin=True)
        answers = [await client.post("/api/calibrate/async", json={"info_hash": one}) for one in (HASH, OTHER)]
        ids.extend(answer.json()["task_id"] for answer in answers)
        await site.oracle.until_asked(HASH)
        await choose(client, "off")

    async def off(site: Live) -> None:
        client = await site.signed_in()
        assert await mode_of(client) == "off"
        await until_resting(site)
        for one in ids:
            assert (await client.get(f"/api/calibrate/status/{one}")).json()["status"] == "pending"
        assert site.oracle.asked == []
        await choose(client, None)
        assert {body["status"] for body in await site.ended(client, *ids)} == {"completed"}

    with_live(tmp_path, before, slots=1)
    with_live(tmp_path, off, slots=1)


def test_what_an_administrator_chose_wins_over_the_setting_until_it_is_taken_back(tmp_path: Path) -> None:
    async def chosen(site: Live) -> None:
        client = await site.signed_in(admin=True)
        assert await mode_of(client) == "async"
        await choose(client, "sync")
        assert await mode_of(client) == "sync"

    async def kept(site: Live) -> None:
        client = await site.signed_in()
        assert await mode_of(client) == "sync"
        await choose(client, None)
        assert await mode_of(client) == "off"

    async def back(site: Live) -> None:
        assert await mode_of(await site.signed_in()) == "off"

    with_live(tmp_path, chosen)
    with_live(tmp_path, kept, calibration_mode="off")
    with_live(tmp_path, back, calibration_mode="off")


def test_only_an_administrator_changes_the_mode(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        await site.person("root", admin=True)
        client = await site.signed_in()
        answer = await client.put("/api/config", json={"calibration_mode": "off"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert await mode_of(client) == "async"

    with_live(tmp_path, scenario)


def test_a_mode_is_one_of_three_words_or_null(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in(admin=True)
        for wrong in ({}, *({"calibration_mode": one} for one in ("ASYNC", "", "on", 1, True, [], ["off"], {}))):
            answer = await client.put("/api/config", json=wrong)
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), wrong
        assert await mode_of(client) == "async"

    with_live(tmp_path, scenario)
