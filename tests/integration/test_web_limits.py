"""Requests that ask for more than there is room for: what is read of them, what is taken, what is told."""

import asyncio
import re
import threading
from pathlib import Path

import httpx
import pytest

from tests.integration.live_support import Live, with_live
from tests.integration.web_support import ENGLISH, PAGE, Site, message_in, with_site
from truename import notes
from truename.magnet import MagnetSpan
from truename.store import writer

HASHES = [f"{number:040x}" for number in range(1, 200)]


def text_of(*hashes: str) -> str:
    return " ".join(f"magnet:?xt=urn:btih:{one}" for one in hashes)


async def save(client: httpx.AsyncClient, text: str) -> int:
    note_id: int = (await client.post("/api/notes", json={"text": text})).json()["id"]
    return note_id


@pytest.fixture
def read_in(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The thread in which each magnet was read for a batch."""
    threads: list[threading.Thread] = []
    really = notes.candidate_of

    def candidate_of(span: MagnetSpan) -> notes.Candidate:
        threads.append(threading.current_thread())
        return really(span)

    monkeypatch.setattr(notes, "candidate_of", candidate_of)
    return threads


def test_a_note_that_is_named_a_thousand_times_counts_once(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        note_id = await save(client, text_of(*HASHES[:50]))
        ids = [note_id, 4711, note_id, "x", 4711, "x", *[note_id] * 1000]
        body = (await client.post("/api/calibrate/batch", json={"note_ids": ids})).json()
        assert (body["total"], body["created"], body["deduplicated"], body["invalid"]) == (53, 50, 0, 3)
        assert [item["info_hash"] for item in body["items"]] == [*HASHES[:50], None, None, None]

    with_site(tmp_path, scenario)


def test_of_notes_with_too_many_magnets_no_more_is_read_and_nothing_on_the_loop(
    tmp_path: Path, read_in: list[threading.Thread]
) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        ids = [await save(client, text_of(*HASHES)) for _ in range(3)]
        answer = await client.post("/api/calibrate/batch", json={"note_ids": ids})
        assert (answer.status_code, answer.json()) == (413, {"error": "一个批次最多包含 20 项。", "code": "too_large"})
        assert len(read_in) == 21
        assert threading.current_thread() not in read_in
        assert (await client.get("/api/calibrate/tasks")).json()["tasks"] == []

    with_live(tmp_path, scenario, max_batch=20)


@pytest.mark.parametrize("by_form", [False, True])
def test_a_note_with_more_magnets_than_may_wait_to_be_written_keeps_nobody_from_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_form: bool
) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = set(many)
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        note_id = await save(client, text_of(*many))
        asking = client.post("/notes", data={"calibrate": note_id}) if by_form else asked(client, note_id)
        asking = asyncio.ensure_future(asking)
        while not asking.done():
            seen = site.engine.hub.count
            assert (await bob.post("/api/notes", json={"text": "his"})).status_code == 201
            await site.engine.hub.wait(seen, timeout_s=1)
        answer = await asking
        assert answer.status_code == (303 if by_form else 200)
        counts = (await client.get("/tasks", headers={**PAGE, **ENGLISH})).text
        assert "1,600" in counts
        if not by_form:
            assert answer.json()["fail_count"] == len(answer.json()["results"]) == len(many)

    many = [f"{number:040x}" for number in range(1, 1601)]
    monkeypatch.setattr(writer, "MAX_WAITING", writer.GROUP + 100)
    with_live(tmp_path, scenario, sync_wait_s=0, slots=10)


async def asked(client: httpx.AsyncClient, note_id: int) -> httpx.Response:
    return await client.post(f"/api/calibrate/{note_id}")


def test_what_of_a_note_finds_no_room_is_told_for_each_and_refused_when_it_is_all(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = set(HASHES)
        client = await site.signed_in()
        first = await save(client, f"{text_of(*HASHES[:5])} magnet:?xt=urn:btih:nonsense {text_of(HASHES[0])}")
        body = (await asked(client, first)).json()
        codes = [result["code"] for result in body["results"]]
        assert codes == ["waiting"] * 3 + ["too_many"] * 2 + ["invalid_info_hash", "waiting"]
        assert body["results"][3] == {
            "info_hash": HASHES[3],
            "old_magnet": f"magnet:?xt=urn:btih:{HASHES[3]}",
            "error": "请求过多，请稍后再试。",
            "code": "too_many",
            "success": False,
        }
        answer = await asked(client, await save(client, text_of(*HASHES[3:9])))
        assert (answer.status_code, answer.json()) == (429, {"error": "请求过多，请稍后再试。", "code": "too_many"})
        assert int(answer.headers["retry-after"]) > 0
        assert len((await client.get("/api/calibrate/tasks")).json()["tasks"]) == 3

    with_live(tmp_path, scenario, sync_wait_s=0, max_queued_per_user=3)


def test_the_page_of_notes_tells_what_found_no_room(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = set(HASHES)
        client = await site.signed_in()
        fields = {"calibrate": await save(client, text_of(*HASHES[:5]))}
        answer = await client.post("/notes", data=fields, headers=PAGE)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert message_in(answer) == "等待查询的名称太多，5 个中有 2 个未能加入，请稍后再试。"
        answer = await client.post("/notes", data={**fields, "only": HASHES[4]}, headers=ENGLISH)
        assert answer.json() == {
            "error": "So many names are waited for already that 1 of 1 could not be asked for; try again later.",
            "code": "too_many",
        }
        again = await client.post("/notes", data={**fields, "only": HASHES[0]}, headers=PAGE)
        assert again.status_code == 303  # it waits already

    with_live(tmp_path, scenario, max_queued_per_user=3)


def test_a_list_of_long_notes_comes_in_portions_none_of_which_is_large(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        sizes = [10, 1_900_000, 1_900_000, 1_900_000, 5_000_000, 10, 10]
        ids = [await save(client, "x" * size) for size in sizes]
        portions, pages, after = [], [], ""
        while after is not None:
            body = (await client.get("/api/notes", params={"limit": 500, "after": after})).json()
            portions.append([note["id"] for note in body["notes"]])
            page = (await client.get("/notes", params={"after": after}, headers=PAGE)).text
            pages.append(list(map(int, re.findall(r'id="note-(\d+)"', page))))
            after = body["next"]
        assert portions == pages == [ids[:3:-1], ids[3:0:-1], ids[:1]]

    with_site(tmp_path, scenario)
