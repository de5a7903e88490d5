"""The forms of the notes page, as a browser without script sends them: edit, edit over another edit, delete, errors."""

import asyncio
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.integration.live_support import Live, with_live
from tests.integration.test_web_calibrate import task_of
from tests.integration.test_web_notes import HASH, LINK, NAMED, OTHER, named, save
from tests.integration.web_support import ENGLISH, PAGE, message_in
from truename.own_names import OwnNames
from truename.store.database import StoreUnavailable
from truename.store.notes import own_names
from truename.web.line_ends import bare

CLAIMED = '<span class="magnet-state state state-claimed">claimed</span>'
PROVEN = '<span class="magnet-state state">named</span>'
FIELD = re.compile(r"<textarea[^>]*>\n(.*?)</textarea>", re.DOTALL)


def field_in(answer: httpx.Response) -> str:
    """The text in the field of a page, as a browser reads it."""
    (found,) = FIELD.findall(answer.text)
    return bare(unescape(found))


def hidden_in(answer: httpx.Response) -> dict[str, str]:
    """What the form of a page sends besides the text and whose page it is."""
    return dict(re.findall(r'<input type="hidden" name="(?!person)(\w+)" value="([^"]*)">', answer.text))


async def send(client: httpx.AsyncClient, path: str, text: str, **fields: str) -> httpx.Response:
    """A form with a text, sent as a browser sends it."""
    return await client.post(path, data={"text": bare(text).replace("\n", "\r\n"), **fields}, headers=PAGE)


async def send_delete(client: httpx.AsyncClient, note_id: int, **fields: str) -> httpx.Response:
    """The form that deletes a note, which may have no field at all."""
    headers = {**PAGE, "Content-Type": "application/x-www-form-urlencoded"}
    return await client.post(f"/notes/{note_id}/delete", content=urlencode(fields), headers=headers)


async def text_of(client: httpx.AsyncClient, note_id: int) -> str:
    body: dict[str, Any] = (await client.get(f"/api/notes/{note_id}")).json()
    return str(body["text"])


def test_a_page_of_a_note_that_is_gone_says_nothing_of_the_next_new_one(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        old = await save(client, "old")
        assert (await client.delete(f"/api/notes/{old['id']}")).status_code == 204
        new = await save(client, "new, precious")
        assert new["id"] != old["id"]
        stale = await client.patch(f"/api/notes/{old['id']}", json={"text": "edited", "version": 1})
        assert stale.status_code == 404

    with_live(tmp_path, scenario)


def test_a_name_that_nobody_has_proven_is_shown_as_claimed_until_it_is(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        number = (await save(client, LINK))["id"]
        site.oracle.claims[HASH] = "What a script says"
        for shown, hidden in ((CLAIMED, PROVEN), (PROVEN, CLAIMED)):
            await site.ended(client, await task_of(client, HASH))
            page = (await client.get(f"/notes/{number}", headers=PAGE | ENGLISH)).text
            assert shown in page
            assert hidden not in page
            site.oracle.claims.clear()

    with_live(tmp_path, scenario)


def test_a_text_that_is_sent_twice_by_a_form_is_one_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(site: Live) -> None:
        client, other = await site.signed_in(), await site.signed_in("bob")
        assert hidden_in(await client.get("/notes", headers=PAGE)) == {}  # after going back it would be another one

        async def saved(text: str, browser: httpx.AsyncClient = client) -> int:
            answer = await send(browser, "/notes", text)
            assert answer.status_code == 303, answer.text
            return int(answer.headers["location"].removeprefix("/notes#note-"))

        async def count() -> int:
            return len((await client.get("/api/notes")).json()["notes"])

        first, second = await asyncio.gather(saved("once"), saved("once"))
        assert (first == second, await count()) == (True, 1)
        assert await saved("once") == first
        assert await saved("another text after going back") != first
        assert await saved("once", other) != first
        assert (await save(client, "once"))["id"] != first  # a program says what it means
        assert await count() == 3
        assert (await client.delete(f"/api/notes/{first}")).status_code == 204
        again = await saved("once")
        assert (again != first, await count()) == (True, 3)

        assert (await client.delete(f"/api/notes/{again}")).status_code == 204
        several = set(await asyncio.gather(*(saved("once") for _ in range(4))))
        assert (len(several), await count()) == (1, 3)
        edited = await client.patch(f"/api/notes/{several.pop()}", json={"text": "something else", "version": 1})
        assert edited.status_code == 200
        await saved("once")
        assert await count() == 4

        async def full(*_: Any, **__: Any) -> None:
            raise StoreUnavailable

        with monkeypatch.context() as away:
            away.setattr(site.work.notes, "save", full)
            assert (await send(client, "/notes", "tried again")).status_code == 503
        await saved("tried again")
        assert await count() == 5

    with_live(tmp_path, scenario)


def test_what_a_full_disk_does_not_take_stays_in_its_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, "as it was")

        async def full(*_: Any, **__: Any) -> None:
            raise StoreUnavailable

        monkeypatch.setattr(site.writer, "write", full)
        for path, fields in (("/notes", {}), (f"/notes/{note['id']}", {"version": "1"})):
            answer = await send(client, path, "a long text\n", **fields)
            assert (answer.status_code, field_in(answer)) == (503, "a long text\n")
            assert int(answer.headers["Retry-After"]) > 0
            assert message_in(answer)

    with_live(tmp_path, scenario)
    assert caplog.text.count("a text could not be saved") == 2


def test_a_note_is_edited_through_its_form(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, "\r\n\r\nfirst <b> &amp;\r\n")
        path = f"/notes/{note['id']}"
        page = await client.get(f"{path}/edit", headers=PAGE)
        assert field_in(page) == "\n\nfirst <b> &amp;\n"
        assert hidden_in(page) == {"version": "1"}
        answer = await send(client, path, "second\n", **hidden_in(page))
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        body = (await client.get(f"/api/notes/{note['id']}")).json()
        assert (body["text"], body["version"]) == ("second\r\n", 2)

    with_live(tmp_path, scenario)


@pytest.mark.parametrize(
    ("after", "back"),
    [("", "/notes#note-1"), ("7", "/notes?after=7#note-1"), (None, "/notes/1")],
)
def test_a_form_leads_back_to_where_it_was_opened(tmp_path: Path, after: str | None, back: str) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, LINK)
        query = {} if after is None else {"after": after}
        page = await client.get("/notes/1/edit", params=query)
        assert hidden_in(page) == {"version": "1", **query}
        assert f'class="editor-cancel" href="{back}"' in page.text
        assert (await send(client, "/notes/1", "changed", **hidden_in(page))).headers["location"] == back
        asked = await client.post("/notes", data={"calibrate": "1", **query})
        assert asked.headers["location"] == back
        gone = await send_delete(client, 1, **query)
        assert gone.headers["location"] == ("/notes?after=7" if after == "7" else "/notes")

    with_live(tmp_path, scenario)


def test_what_nobody_changed_in_the_field_is_not_changed_in_the_note(tmp_path: Path) -> None:
    """Nor does it make a new version."""
    every = "".join(map(chr, [*range(1, 0xD800, 61), *range(1, 0xA1), *range(0x2000, 0x2070), 0xFEFF, 0xFFFE, 0x1F600]))
    texts = ["a\r\nb\nc\rd", "\r\n\r\nx\r\n", "\n.", f"{LINK}&dn=a\r\n{every}", "&lt;&amp;lt; </textarea>\t", "x\r"]

    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        for text in texts:
            note = await save(client, text)
            page = await client.get(f"/notes/{note['id']}/edit")
            answer = await send(client, f"/notes/{note['id']}", field_in(page), **hidden_in(page))
            assert answer.status_code == 303
            body = (await client.get(f"/api/notes/{note['id']}")).json()
            assert (body["text"], body["version"]) == (text, 1)

    with_live(tmp_path, scenario)


def test_lines_that_were_left_alone_keep_their_ends_also_under_a_rename(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, f"one\r\ntwo\n{LINK}\r\nfour\rfive\r\n")
        page = await client.get(f"/notes/{note['id']}/edit")
        await named(site, client)
        text = field_in(page).replace("two", "2\n2½")
        assert (await send(client, f"/notes/{note['id']}", text, **hidden_in(page))).status_code == 303
        assert await text_of(client, note["id"]) == f"one\r\n2\r\n2½\r\n{NAMED}\r\nfour\rfive\r\n"

    with_live(tmp_path, scenario)


def test_names_that_come_while_one_writes_are_in_what_is_saved(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, f"see {LINK}&dn=lie and {LINK[:-40]}{OTHER}&dn=old")
        path = f"/notes/{note['id']}"
        page = await client.get(f"{path}/edit")
        await named(site, client)
        await named(site, client, OTHER)
        text = field_in(page).replace("see", "saw").replace("dn=old", "dn=mine")
        assert (await send(client, path, text, **hidden_in(page))).status_code == 303
        assert await text_of(client, note["id"]) == f"saw {NAMED} and {LINK[:-40]}{OTHER}&dn=mine"

    with_live(tmp_path, scenario)


def test_over_another_edit_both_texts_are_shown_and_nothing_is_lost(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, f"first line\r\n{LINK}&dn=lie\r\n")
        path = f"/notes/{note['id']}"
        page = await client.get(f"{path}/edit", params={"after": ""})
        await named(site, client)
        other = f"first line\r\n{NAMED}\r\ntheir \u202eline <i>\r\n"
        await client.patch(f"/api{path}", json={"text": other, "version": 2})
        mine = field_in(page) + "my line <b>\n"
        stale = await send(client, path, mine, **hidden_in(page))
        assert stale.status_code == 409
        assert message_in(stale).startswith("笔记在此期间已被修改")
        assert field_in(stale) == f"first line\n{NAMED}\nmy line <b>\n"
        assert hidden_in(stale) == {"version": "3", "after": ""}
        assert "<mark>their ⟨U+202E⟩line &lt;i&gt;</mark>\n" in stale.text
        assert stale.text.count("<mark>") == 1
        assert await text_of(client, note["id"]) == other
        saved = await send(client, path, field_in(stale), **hidden_in(stale))
        assert saved.headers["location"] == f"/notes#note-{note['id']}"
        assert await text_of(client, note["id"]) == f"first line\r\n{NAMED}\r\nmy line <b>\r\n"

    with_live(tmp_path, scenario)


def test_a_name_taken_over_from_another_edit_is_not_ones_own_by_that(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        note = await save(client, f"a {LINK}&dn=lie")
        path = f"/notes/{note['id']}"
        page = await client.get(f"{path}/edit")
        await named(site, client)
        await client.patch(f"/api{path}", json={"text": f"b {NAMED}", "version": 2})
        stale = await send(client, path, field_in(page) + " mine", **hidden_in(page))
        await send(client, path, field_in(stale), **hidden_in(stale))
        assert await text_of(client, note["id"]) == f"a {NAMED} mine"
        assert await site.database.read(own_names, note["id"]) == OwnNames()

    with_live(tmp_path, scenario)


def test_the_same_form_sent_twice_is_saved_once(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, "one\r\n")
        for _ in range(2):
            answer = await send(client, "/notes/1", "two\n", version="1")
            assert (answer.status_code, answer.headers["location"]) == (303, "/notes/1")
        assert (await client.get("/api/notes/1")).json()["version"] == 2

    with_live(tmp_path, scenario)


def test_what_was_written_for_a_note_that_is_gone_can_become_a_new_one(tmp_path: Path) -> None:
    """The same words, whether it was deleted, never was, or is somebody else's."""

    async def scenario(site: Live) -> None:
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        await save(bob, "his")
        note = await save(client, "mine")
        await client.delete(f"/api/notes/{note['id']}")
        answers = [await send(client, f"/notes/{one}", "written\n", version="1") for one in (note["id"], 1, 4711)]
        for answer in answers:
            assert answer.status_code == 404
            assert field_in(answer) == "written\n"
            assert 'action="/notes?new"' in answer.text
            assert answer.content == answers[0].content
            nothing = await send(client, answer.request.url.path, " ", version="1")
            assert "<textarea" not in nothing.text
        await send(client, "/notes", field_in(answers[0]), **hidden_in(answers[0]))
        assert (await client.get("/api/notes")).json()["notes"][0]["text"] == "written\n"
        assert await text_of(bob, 1) == "his"

    with_live(tmp_path, scenario)


@pytest.mark.parametrize("version", [None, "", "0", "-1", "1.0", "x", "٣", "9" * 40, "2147483648", " 1"])
def test_a_form_without_a_version_that_is_one_changes_nothing(tmp_path: Path, version: str | None) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, "one")
        answer = await send(client, "/notes/1", "two", **({} if version is None else {"version": version}))
        assert answer.status_code == 400
        assert "version" in message_in(answer)
        assert await text_of(client, 1) == "one"

    with_live(tmp_path, scenario)


def test_a_version_that_never_was_is_an_edit_over_another(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, "one\r\n")
        stale = await send(client, "/notes/1", "two\n", version="77")
        assert stale.status_code == 409
        assert (field_in(stale), hidden_in(stale)) == ("two\n", {"version": "1"})
        await send(client, "/notes/1", field_in(stale), **hidden_in(stale))
        assert await text_of(client, 1) == "two\r\n"

    with_live(tmp_path, scenario)


def test_what_cannot_be_saved_comes_back_in_its_field_with_the_reason(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, "one")
        large = "x" * (5 * 1024 * 1024 + 1)
        for path, fields in (("/notes/1", {"version": "1"}), ("/notes", {})):
            for text, status, word in ((" \n ", 400, "为空"), ("a\0b", 400, "NUL"), (large, 413, "过大")):
                answer = await send(client, path, text, **fields)
                assert answer.status_code == status, path
                assert word in message_in(answer)
                assert text.strip()[:20] in answer.text.replace("\n", "")
                assert len(answer.text) > len(text)
        assert (await send(client, "/notes/1", " ", version="1")).headers["content-type"].startswith("text/html")
        assert [one["text"] for one in (await client.get("/api/notes")).json()["notes"]] == ["one"]

    with_live(tmp_path, scenario)


def test_a_form_of_ten_megabytes_is_refused(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, "one")
        for path in ("/notes/1", "/notes", "/notes/1/delete"):
            answer = await send(client, path, "x" * 10_000_000, version="1")
            assert answer.status_code == 413
            assert message_in(answer) == "内容过大。"
        assert await text_of(client, 1) == "one"

    with_live(tmp_path, scenario)


def test_a_note_that_no_form_can_send_back_has_none(tmp_path: Path) -> None:
    """In a form each byte of a Chinese character is three."""

    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, "名" * 1_500_000)
        page = await client.get("/notes/1/edit", headers=ENGLISH)
        assert page.status_code == 200
        assert "too large to be edited in a browser" in page.text
        assert "<textarea" not in page.text
        await client.patch("/api/notes/1", json={"text": "名" * 1_040_000, "version": 1})
        page = await client.get("/notes/1/edit")
        assert (await send(client, "/notes/1", field_in(page) + "新", **hidden_in(page))).status_code == 303
        assert len(await text_of(client, 1)) == 1_040_001

    with_live(tmp_path, scenario)


def test_a_foreign_page_and_another_person_change_nothing(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client, bob = await site.signed_in(), await site.signed_in("bob", peer="192.0.2.2")
        await save(client, "hers")
        evil = {**PAGE, "Origin": "http://evil.example"}
        for path, fields in (("/notes/1", {"text": "x", "version": "1"}), ("/notes/1/delete", {})):
            assert (await client.post(path, data=fields, headers=evil)).status_code == 403
            assert (await bob.post(path, data=fields, headers=PAGE)).status_code == 404
            answer = await client.post(path, json=fields)
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        for path in ("/notes/1", "/notes/1/edit"):
            assert "hers" not in (await bob.get(path, headers=PAGE)).text
        assert await text_of(client, 1) == "hers"

    with_live(tmp_path, scenario)


def test_a_deleted_note_is_gone_from_the_page(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, "one")
        await save(client, "two")
        answer = await send_delete(client, 1, after="")
        assert (answer.status_code, answer.headers["location"]) == (303, "/notes")
        page = (await client.get("/notes")).text
        assert "two" in page
        assert page.count("<truename-note") == 1
        assert (await send_delete(client, 1)).status_code == 404
        older = await client.get("/notes", params={"after": "2"}, headers=ENGLISH)
        assert "No older notes." in older.text

    with_live(tmp_path, scenario)


def test_a_cursor_that_is_none_is_refused_everywhere(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, "one")
        for after in ("x", "0", "-1", "//evil.example", "1#", "9" * 40):
            for path in ("/notes", "/notes/1", "/notes/1/edit"):
                assert (await client.get(path, params={"after": after})).status_code == 400, path
            for path in ("/notes/1", "/notes/1/delete"):
                answer = await client.post(path, data={"text": "x", "version": "1", "after": after})
                assert answer.status_code == 400, path
            assert (await client.post("/notes", data={"calibrate": "1", "after": after})).status_code == 400
        assert await text_of(client, 1) == "one"

    with_live(tmp_path, scenario)


def test_long_notes_share_a_page_with_fewer_others(tmp_path: Path) -> None:
    """Every note stands on some page of the list, and none on two."""

    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        for number in range(12):
            await save(client, f"note {number} " + "x" * (900_000 if number % 2 else 0))
        seen: list[str] = []
        path = "/notes"
        pages = 0
        while path:
            page = (await client.get(path)).text
            seen += re.findall(r'note-first" dir="auto">\nnote (\d+) ', page)
            path = unescape("".join(re.findall(r'href="(/notes\?after=\d+)">更早', page)))
            pages += 1
            assert len(page) < 200_000
        assert seen == [str(number) for number in reversed(range(12))]
        assert pages > 1

    with_live(tmp_path, scenario)


@pytest.mark.parametrize(("count", "folded"), [(20, 10), (300, 90)])
def test_what_is_said_of_folded_magnets_is_true_when_others_do_not_stand_there(
    tmp_path: Path, count: int, folded: int
) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        await save(client, " ".join(f"magnet:?xt=urn:btih:{number:040x}" for number in range(1, count + 1)))
        page = (await client.get("/notes", headers={**PAGE, **ENGLISH})).text
        assert f"<summary>{folded} more magnet links</summary>" in page
        assert f"<summary>另外 {folded} 个磁力链接</summary>" in (await client.get("/notes", headers=PAGE)).text

    with_live(tmp_path, scenario)


def test_links_that_cannot_be_asked_for_are_shown_with_what_is_wrong_with_them(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        broken = ["magnet:?xt=urn:btih:zz&dn=<b>\u202e", "magnet:?dn=only%20a%20name", *["magnet:?x=1"] * 30]
        note = await save(client, " ".join([LINK, *broken]))
        for path in ("/notes", f"/notes/{note['id']}"):
            page = (await client.get(path, headers={**PAGE, **ENGLISH})).text
            shown = re.findall(r'<code class="file-path" dir="ltr">(.*?)</code> <span class="soft">(.*?)</span>', page)
            assert "Links that cannot be asked for: 32" in page
            assert len(shown) == 20
            assert unescape(shown[0][0]) == "magnet:?xt=urn:btih:zz&dn="
            assert ["This is not an info-hash" in why for _, why in shown[:2]] == [True, False]
            assert "12 more" in page
        clean = await save(client, LINK)
        assert (
            "cannot be asked for" not in (await client.get(f"/notes/{clean['id']}", headers={**PAGE, **ENGLISH})).text
        )

    with_live(tmp_path, scenario)
