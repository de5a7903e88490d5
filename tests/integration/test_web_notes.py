"""The routes of notes and the page without script, on a running engine: shapes, offsets, versions, lists, owners."""

import asyncio
import re
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.live_support import HYBRID_V1, HYBRID_V2, Live, with_live
from tests.integration.web_support import ENGLISH, PAGE, Site, with_site
from truename import notes
from truename.store import notes as store_notes

HASH, OTHER = "1a" * 20, "2b" * 20
LINK = f"magnet:?xt=urn:btih:{HASH}"
NAMED = f"{LINK}&dn=Name%20of%201a1a.mkv"


async def save(client: httpx.AsyncClient, text: str) -> dict[str, Any]:
    answer = await client.post("/api/notes", json={"text": text})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def named(site: Live, client: httpx.AsyncClient, info_hash: str = HASH) -> None:
    task = (await client.post("/api/calibrate/async", json={"info_hash": info_hash})).json()
    await site.ended(client, task["task_id"])


def test_who_asks_for_a_name_does_not_wait_for_all_long_texts_that_are_being_saved(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, "x" * 200_000)
        edit = {"text": "small", "version": 1}
        other.execute("BEGIN IMMEDIATE")
        large = [asyncio.ensure_future(save(client, "x" * 200_000)) for _ in range(5)]
        large.append(asyncio.ensure_future(client.patch(f"/api/notes/{note['id']}", json=edit)))
        async with asyncio.timeout(20):
            while len(site.engine.writer._large) < len(large) - 1:  # the first one waits for the other program
                await asyncio.sleep(0.01)
            asking = asyncio.ensure_future(client.post("/api/calibrate/async", json={"info_hash": HASH}))
            while not site.engine.writer._waiting:
                await asyncio.sleep(0.01)
        other.rollback()
        assert (await asking).status_code == 200
        kept = other.execute("SELECT count(*) FROM note").fetchone()[0]
        await asyncio.gather(*large)
        assert kept < 6, "all of them"

    other = sqlite3.connect(tmp_path / "truename.db", isolation_level=None)
    with closing(other):
        with_live(tmp_path, scenario)


def test_a_saved_text_comes_back_as_it_was_with_its_magnets(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        text = (
            f"😀👨‍👩‍👧 看 {LINK}&dn=a+b%E4%BD%A0 和\r\n\t{LINK.upper().replace('MAGNET', 'magnet')}。 \u202e\u200b<b>"
        )
        before = time.time()
        body = await save(client, text)
        assert set(body) == {"id", "version", "text", "created_at", "updated_at", "magnets"}
        assert (body["version"], body["text"]) == (1, text)
        assert before <= body["created_at"] == body["updated_at"] <= time.time()
        assert isinstance(body["created_at"], float)
        first, second = body["magnets"]
        assert set(first) == {"start", "end", "info_hash", "dn", "name", "status", "task_id"}
        assert text[first["start"] : first["end"]] == f"{LINK}&dn=a+b%E4%BD%A0"
        assert text[second["start"] : second["end"]].lower() == LINK
        assert (first["info_hash"], first["dn"]) == (HASH, "a b你")
        assert (second["dn"], second["name"], second["status"], second["task_id"]) == (None, None, None, None)
        assert body == (await client.get(f"/api/notes/{body['id']}")).json()
        assert site.oracle.asked == []  # saving asks for nothing

    with_live(tmp_path, scenario)


def test_a_magnet_says_how_its_newest_task_is_doing(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        site.oracle.held = {HASH}
        client = await site.signed_in()
        note = await save(client, LINK)
        task = (await client.post("/api/calibrate/async", json={"info_hash": HASH})).json()
        await site.until(client, task["task_id"], "running")
        (magnet,) = (await client.get(f"/api/notes/{note['id']}")).json()["magnets"]
        assert (magnet["status"], magnet["task_id"], magnet["name"]) == ("running", task["task_id"], None)
        await site.oracle.let_go()
        await site.ended(client, task["task_id"])
        body = (await client.get(f"/api/notes/{note['id']}")).json()
        assert (body["text"], body["version"]) == (NAMED, 2)
        assert body["updated_at"] > body["created_at"]
        (magnet,) = body["magnets"]
        assert (magnet["status"], magnet["name"], magnet["dn"]) == ("completed", *["Name of 1a1a.mkv"] * 2)
        assert (magnet["start"], magnet["end"]) == (0, len(NAMED))

    with_live(tmp_path, scenario)


def test_a_task_whose_time_is_over_is_over_for_its_note_too(tmp_path: Path) -> None:
    """At once, swept or not, for programs and on the page."""

    async def scenario(site: Site) -> None:
        client = await site.signed_in()
        note = await save(client, LINK)
        task_id = (await client.post("/api/calibrate/async", json={"info_hash": HASH})).json()["task_id"]
        await client.post(f"/api/calibrate/cancel/{task_id}")
        site.clock.move(3599)
        assert (await client.get(f"/api/notes/{note['id']}")).json()["magnets"][0]["task_id"] == task_id
        site.clock.move(1)
        assert (await client.get(f"/api/calibrate/status/{task_id}")).status_code == 404
        listed = (await client.get("/api/notes")).json()["notes"][0]
        edited = await client.patch(f"/api/notes/{note['id']}", json={"text": f"{LINK} ", "version": 1})
        for body in ((await client.get(f"/api/notes/{note['id']}")).json(), listed, edited.json()):
            (magnet,) = body["magnets"]
            assert (magnet["status"], magnet["task_id"]) == (None, None)
        for path in ("/notes", f"/notes/{note['id']}"):
            assert f'data-hash="{HASH}" data-state="none"' in (await client.get(path, headers=PAGE)).text

    with_site(tmp_path, scenario)


def test_a_name_is_written_only_into_the_notes_of_who_asked(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        alice, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        hers, his = await save(alice, LINK), await save(bob, LINK)
        await named(site, alice)
        assert (await alice.get(f"/api/notes/{hers['id']}")).json()["text"] == NAMED
        assert (await bob.get(f"/api/notes/{his['id']}")).json()["text"] == LINK
        await named(site, bob)
        assert (await bob.get(f"/api/notes/{his['id']}")).json()["text"] == NAMED

    with_live(tmp_path, scenario)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    bodies: list[dict[str, Any]] = [{}, *({"text": wrong} for wrong in (None, "", "  \n", 5, [], {}, True, "a\0b"))]

    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, "there")
        for body in bodies:
            for method, path in (("POST", "/api/notes"), ("PATCH", f"/api/notes/{note['id']}")):
                answer = await client.request(method, path, json={"version": 1, **body})
                assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), (method, body)
            assert [one["text"] for one in (await client.get("/api/notes")).json()["notes"]] == ["there"], body

    with_live(tmp_path, scenario)


def test_a_text_may_have_five_megabytes_and_no_more(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        assert (await save(client, "x" * 5 * 1024 * 1024))["magnets"] == []
        answer = await client.post("/api/notes", json={"text": "x" * (5 * 1024 * 1024 + 1)})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        answer = await client.post("/api/notes", json={"text": "你" * 3_000_000})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    with_live(tmp_path, scenario)


def test_an_edit_puts_a_new_text_in_the_place_of_the_old(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, "one")
        answer = await client.patch(f"/api/notes/{note['id']}", json={"text": f"two {LINK}", "version": 1})
        assert answer.status_code == 200
        body = answer.json()
        assert (body["text"], body["version"], len(body["magnets"])) == (f"two {LINK}", 2, 1)
        assert body == (await client.get(f"/api/notes/{note['id']}")).json()

    with_live(tmp_path, scenario)


def test_an_edit_from_a_version_that_another_edit_has_changed_is_stale(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        path = f"/api/notes/{(await save(client, 'one'))['id']}"
        await client.patch(path, json={"text": "two", "version": 1})
        for version in (1, 3, 2**31 - 1):
            answer = await client.patch(path, json={"text": "three", "version": version})
            assert answer.status_code == 409
            assert answer.json() == {
                "error": "笔记已被修改，这里是它现在的内容。",
                "code": "stale",
                "version": 2,
                "text": "two",
            }
        english = await client.patch(path, json={"text": "three", "version": 1}, headers=ENGLISH)
        assert english.json()["error"].startswith("The note was changed")
        for wrong in (None, 0, -1, 2**31, 10**30, 1.0, "1", True, [], {}):
            answer = await client.patch(path, json={"text": "three", "version": wrong})
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), wrong
        assert (await client.get(path)).json()["text"] == "two"

    with_live(tmp_path, scenario)


def test_an_edit_from_before_a_rename_is_taken_and_the_name_written_in_again(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        path = f"/api/notes/{(await save(client, f'see {LINK}&dn=lie'))['id']}"
        await named(site, client)
        text = f"{LINK}&dn=lie moved, and {LINK} again"
        body = (await client.patch(path, json={"text": text, "version": 1})).json()
        assert body["text"] == f"{NAMED} moved, and {NAMED} again"
        assert body["version"] == 3

    with_live(tmp_path, scenario)


@pytest.mark.parametrize("mine", ["&dn=mine", "", "&dn="])
def test_a_name_of_ones_own_stays(tmp_path: Path, mine: str) -> None:
    """Also when it was written while the true name came, and when it is none at all."""

    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        path = f"/api/notes/{(await save(client, f'{LINK}&dn=lie'))['id']}"
        await named(site, client)
        body = (await client.patch(path, json={"text": f"{LINK}{mine}", "version": 1})).json()
        assert body["text"] == f"{LINK}{mine}"
        await named(site, client)
        assert (await client.get(path)).json()["text"] == f"{LINK}{mine}"

    with_live(tmp_path, scenario)


def test_a_name_of_ones_own_on_a_hybrid_stays_whichever_hash_brings_the_true_one(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        hybrid = f"magnet:?xt=urn:btih:{HYBRID_V1}&xt=urn:btmh:1220{HYBRID_V2}&dn="
        path = f"/api/notes/{(await save(client, hybrid + 'lie'))['id']}"
        await client.patch(path, json={"text": hybrid + "mine", "version": 1})
        for info_hash in (HYBRID_V2, HYBRID_V1):
            await named(site, client, info_hash)
            assert (await client.get(path)).json()["text"] == hybrid + "mine"

    with_live(tmp_path, scenario)


EDITS = (
    (f"{LINK}&dn=a", f"{LINK}&dn=MINE {LINK}&dn=a", f"{LINK}&dn=MINE {NAMED}"),
    (f"{LINK}&dn=a {LINK}&dn=b", f"{LINK}&dn=b {LINK}&dn=a", f"{NAMED} {NAMED}"),
    (f"{LINK}&dn=a", f"{LINK}&dn=a\n{LINK}&dn=a", f"{NAMED}\n{NAMED}"),
    (f"{LINK}&dn=a {LINK}&dn=b", f"{LINK}&dn=MINE {LINK}&dn=b", f"{LINK}&dn=MINE {NAMED}"),
    (f"{LINK} {LINK}", f"{LINK} {LINK}&dn=MINE", f"{NAMED} {LINK}&dn=MINE"),
    (f"{LINK}&dn=a", f"{LINK}&dn=a {LINK}&dn=b", f"{NAMED} {NAMED}"),
)


@pytest.mark.parametrize("late", [False, True])
def test_of_several_magnets_of_a_hash_those_keep_their_names_whose_names_were_changed(
    tmp_path: Path, *, late: bool
) -> None:
    """Be the name known before the edit (which is then one of an older version), or found after it."""

    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        paths = [f"/api/notes/{(await save(client, saved))['id']}" for saved, _, _ in EDITS]
        if not late:
            await named(site, client)
        for path, (_, edited, _) in zip(paths, EDITS, strict=True):
            assert (await client.patch(path, json={"text": edited, "version": 1})).status_code == 200, edited
        await named(site, client)
        texts = [(await client.get(path)).json()["text"] for path in paths]
        assert texts == [after for _, _, after in EDITS]

    with_live(tmp_path, scenario)


def test_a_name_of_ones_own_stays_also_by_a_hash_that_its_magnet_got_later(tmp_path: Path) -> None:
    second = f"magnet:?xt=urn:btmh:1220{HYBRID_V2}&dn="
    both = f"magnet:?xt=urn:btih:{HYBRID_V1}&xt=urn:btmh:1220{HYBRID_V2}&dn="

    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, f"{second}a")
        path = f"/api/notes/{note['id']}"
        for version, text in ((1, f"{second}MINE"), (2, f"{both}MINE")):
            assert (await client.patch(path, json={"text": text, "version": version})).status_code == 200
        await client.post(f"/api/calibrate/{note['id']}")
        await named(site, client, HYBRID_V2)
        assert (await client.get(path)).json()["text"] == f"{both}MINE"

    with_live(tmp_path, scenario)


def test_an_undo_is_known_though_there_were_other_edits_between(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, "hello")
        path = f"/api/notes/{note['id']}"
        assert (await client.patch(path, json={"text": f"hello {LINK}&dn=c", "version": 1})).status_code == 200
        await named(site, client)
        for version, text in ((3, f"hello2 {NAMED}"), (4, f"hello2 {LINK}&dn=c")):
            assert (await client.patch(path, json={"text": text, "version": version})).status_code == 200
        assert (await client.get(path)).json()["text"] == f"hello2 {LINK}&dn=c"
        await named(site, client)
        assert (await client.get(path)).json()["text"] == f"hello2 {NAMED}"

    with_live(tmp_path, scenario)


ASKING: dict[str, tuple[str, dict[str, Any]]] = {
    "async": ("/api/calibrate/async", {"info_hash": HASH}),
    "sync": ("/api/calibrate", {"info_hash": HASH}),
    "note": ("/api/calibrate/{note}", {}),
    "batch": ("/api/calibrate/batch", {"info_hashes": [HASH]}),
    "batch of notes": ("/api/calibrate/batch", {"note_ids": ["{note}"]}),
    "retry": ("/api/calibrate/retry/{task}", {}),
}


@pytest.mark.parametrize("asking", list(ASKING))
def test_a_rename_that_was_undone_stays_so_until_its_person_asks_again(tmp_path: Path, asking: str) -> None:
    befores = [LINK, f"{LINK}&dn=lie"]

    async def scenario(site: Live) -> None:
        client, other = await site.signed_in(), await site.signed_in("bob")
        ids = [(await save(client, before))["id"] for before in befores]

        async def texts() -> list[str]:
            return [(await client.get(f"/api/notes/{one}")).json()["text"] for one in ids]

        task = (await client.post("/api/calibrate/async", json={"info_hash": HASH})).json()
        await site.ended(client, task["task_id"])
        assert await texts() == [NAMED, NAMED]
        for one, before in zip(ids, befores, strict=True):
            answer = await client.patch(f"/api/notes/{one}", json={"text": before, "version": 2})
            assert answer.status_code == 200
        await named(site, other)
        assert (await client.post("/api/calibrate/batch", json={"unnamed": True})).json()["total"] == 0
        assert await texts() == befores
        route, body = ASKING[asking]
        if asking == "batch of notes":
            body = {"note_ids": ids}
        for one in ids if asking == "note" else ids[:1]:
            answer = await client.post(route.format(note=one, task=task["task_id"]), json=body)
            assert answer.status_code == 200, answer.text
        assert await texts() == [NAMED, NAMED]

    with_live(tmp_path, scenario)


def test_a_name_that_was_typed_stays_however_often_one_asks(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, LINK)
        await named(site, client)
        path = f"/api/notes/{note['id']}"
        for version, text in ((2, f"{LINK}&dn=MINE"), (3, LINK)):
            assert (await client.patch(path, json={"text": text, "version": version})).status_code == 200
            await named(site, client)
            assert (await client.post(f"/api/calibrate/{note['id']}")).json()["success"] is True
            assert (await client.get(path)).json()["text"] == text

    with_live(tmp_path, scenario)


def test_a_list_goes_from_the_newest_to_the_oldest_in_portions(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        for number in range(53):
            await save(client, f"note {number}")
            if number % 20 == 0:
                await save(bob, "his")
        first = (await client.get("/api/notes")).json()
        assert set(first) == {"notes", "next"}
        assert len(first["notes"]) == 50
        assert first["notes"][0]["text"] == "note 52"
        second = (await client.get("/api/notes", params={"after": first["next"]})).json()
        assert [one["text"] for one in second["notes"]] == ["note 2", "note 1", "note 0"]
        assert second["next"] is None
        whole = (await client.get("/api/notes", params={"limit": 53})).json()
        assert (len(whole["notes"]), whole["next"]) == (53, None)
        assert len((await client.get("/api/notes", params={"limit": 10**30})).json()["notes"]) == 53
        assert len((await client.get("/api/notes", params={"limit": "0007"})).json()["notes"]) == 7
        assert len((await client.get("/api/notes?limit=")).json()["notes"]) == 50
        page = await client.get("/notes", headers=PAGE)
        assert page.text.count("<truename-note") == 50
        (older,) = re.findall(r'href="(/notes\?after=\d+)"', page.text)
        assert (await client.get(older)).text.count("<truename-note") == 3
        for query in (
            "limit=0",
            "limit=-1",
            "limit=x",
            "limit=1e3",
            "limit=٣",
            "after=0",
            "after=x",
            "after=-1",
        ):
            assert (await client.get(f"/api/notes?{query}")).status_code == 400, query
        assert (await client.get(f"/api/notes?after={'9' * 40}")).status_code == 400

    with_live(tmp_path, scenario)


def test_a_deleted_note_is_gone_and_the_name_stays(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        path = f"/api/notes/{(await save(client, LINK))['id']}"
        await named(site, client)
        answer = await client.delete(path)
        assert (answer.status_code, answer.content) == (204, b"")
        for method in ("GET", "DELETE"):
            assert (await client.request(method, path)).status_code == 404
        assert (await client.patch(path, json={"text": "back", "version": 1})).status_code == 404
        assert (await client.get(path.removeprefix("/api"))).status_code == 404
        assert (await save(client, LINK))["magnets"][0]["name"] == "Name of 1a1a.mkv"

    with_live(tmp_path, scenario)


def test_without_script_a_text_is_saved_and_read_and_named(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        empty = (await client.get("/notes", headers={**PAGE, **ENGLISH})).text
        assert "No notes yet." in empty
        assert "press Calibrate" in empty
        answer = await client.post("/notes", data={"text": f"line one\r\n{LINK}\r\n{LINK[:-40]}{OTHER}"})
        assert answer.status_code == 303
        (note,) = (await client.get("/api/notes")).json()["notes"]
        assert note["text"] == f"line one\n{LINK}\n{LINK[:-40]}{OTHER}"
        assert answer.headers["location"] == f"/notes#note-{note['id']}"
        one = await client.post("/notes", data={"calibrate": str(note["id"]), "only": HASH})
        assert one.status_code == 303
        await site.oracle.until_asked(HASH)
        await named(site, client)
        assert site.oracle.asked == [HASH]
        assert "Name of 1a1a.mkv" in (await client.get("/notes")).text
        await client.post("/notes", data={"calibrate": str(note["id"])})
        await site.oracle.until_asked(OTHER)
        for wrong in ({}, {"text": " "}, {"calibrate": "x"}, {"calibrate": "-1"}, {"calibrate": "9" * 30}):
            assert (await client.post("/notes", data=wrong)).status_code == 400, wrong
        assert (await client.post("/notes", data={"calibrate": "4711"})).status_code == 404

    with_live(tmp_path, scenario)


def test_the_page_says_in_words_how_each_magnet_is_doing(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        dead, held, known = "dead" * 10, "3c" * 20, "4d" * 20
        site.oracle.dead, site.oracle.held = {dead}, {held}
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        await named(site, bob, known)
        text = " ".join(f"magnet:?xt=urn:btih:{one}" for one in (HASH, OTHER, dead, held, known))
        await save(client, text)
        for one in (HASH, dead):
            await named(site, client, one)
        task = (await client.post("/api/calibrate/async", json={"info_hash": held})).json()
        await site.until(client, task["task_id"], "running")
        page = (await client.get("/notes", headers=ENGLISH)).text
        states = dict(re.findall(r'data-hash="(\w+)" data-state="(\w+)"', page))
        assert states == {HASH: "completed", OTHER: "none", dead: "timeout", held: "running", known: "known"}
        for word in ("named", "not asked", "no answer", "asking", "name known", "Nobody has this torrent"):
            assert word in page

    with_live(tmp_path, scenario)


def test_a_text_that_comes_with_another_name_than_was_found_before_is_not_called_named(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, f"{LINK}&dn=first")
        await named(site, client)

        async def states() -> tuple[list[str], bool]:
            page = (await client.get("/notes", headers=PAGE)).text
            return re.findall(r'data-state="(\w+)"', page), 'class="ask-unnamed"' in page

        assert await states() == (["completed"], False)
        await save(client, f"{LINK}&dn=a+lie")
        assert await states() == (["known", "completed"], True)
        batch = (await client.post("/api/calibrate/batch", json={"unnamed": True})).json()
        assert (batch["total"], batch["completed"]) == (1, 1)
        assert await states() == (["completed"] * 2, False)
        await save(client, f"{LINK}&dn=Name+of+1a1a.mkv")
        assert await states() == (["completed"] * 3, False)

    with_live(tmp_path, scenario)


def test_of_long_notes_a_few_are_read_at_once_for_everything_unnamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_at_once: list[int] = []
    after = store_notes.after

    async def counted(*given: Any, **named: Any) -> Sequence[tuple[int, str]]:
        some = await after(*given, **named)
        read_at_once.append(len(some))
        return some

    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        for number in range(1, 6):
            await save(client, f"magnet:?xt=urn:btih:{number:040x} " + "x" * 1000)
        body = (await client.post("/api/calibrate/batch", json={"unnamed": True})).json()
        assert body["total"] == 5

    monkeypatch.setattr(notes, "_MANY_CHARS", 2000)
    monkeypatch.setattr(store_notes, "after", counted)
    with_live(tmp_path, scenario)
    assert read_at_once == [2, 2, 1, 0]


def test_a_page_of_one_note_is_for_its_owner(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        alice, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        note = await save(alice, "only mine")
        page = await alice.get(f"/notes/{note['id']}", headers=PAGE)
        assert page.text.count("<truename-note") == 1
        assert "only mine" in page.text
        stranger = await bob.get(f"/notes/{note['id']}", headers=PAGE)
        assert stranger.status_code == 404
        assert "only mine" not in stranger.text

    with_live(tmp_path, scenario)
