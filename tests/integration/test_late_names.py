"""A name for very many long notes comes into them one after the other, and into each of them in the end."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.heart_support import ALICE, BOB, HASHES, Heart, magnet, named, with_heart
from tests.integration.live_support import Live, with_live
from tests.integration.test_heart_reports import claim
from tests.integration.test_web_notes import HASH, LINK, save
from truename.late_names import LateNames
from truename.own_names import changed_names
from truename.store import notes, renames
from truename.store.database import FILE_NAME
from truename.store.revisions import EDITED

LINKS = [f"magnet:?xt=urn:btih:{one}" for one in HASHES[:2]]
NAME = "&dn=Tide%20Tables.mkv"
COUNT = 6


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two notes of these tests are as much as one transaction writes."""
    monkeypatch.setattr(renames, "ENOUGH_CHARS", 2 * len(LINKS[0]))
    monkeypatch.setattr(renames, "_PORTION_CHARS", 1)


async def answered(heart: Heart, who: int = ALICE, **fields: Any) -> None:
    await heart.submit(magnet(0), who=who)
    (lookup,) = await heart.take()
    await heart.apply((lookup, replace(named(lookup), **fields)))


async def paid(heart: Heart) -> int:
    async with heart.database.writing() as connection:
        return len(await renames.pay(connection, at=heart.now))


async def texts(heart: Heart, rows: list[notes.NoteRow]) -> list[str]:
    return [(await heart.text_of(row)).removeprefix(LINKS[0]) for row in rows]


def owed(folder: Path) -> list[tuple[int, str, str | None]]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return connection.execute("SELECT note_id, hash, claimed FROM owed_name ORDER BY note_id").fetchall()


def test_the_first_have_it_at_once_and_the_others_later(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        rows = [await heart.note(LINKS[0]) for _ in range(COUNT)]
        (others,) = [await heart.note(LINKS[0], BOB)]
        await answered(heart)
        assert await texts(heart, rows) == [NAME] * 2 + [""] * 4
        assert owed(tmp_path) == [(row.id, HASHES[0], None) for row in rows[2:]]
        assert [await paid(heart) for _ in range(5)] == [1, 1, 1, 1, 0]
        assert await texts(heart, [*rows, others]) == [NAME] * COUNT + [""]
        assert owed(tmp_path) == []

    with_heart(tmp_path, scenario)


def test_all_that_is_owed_to_a_note_is_one_change_of_it(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        rows = [await heart.note(" ".join(LINKS)) for _ in range(COUNT)]
        await heart.submit(magnet(0), magnet(1))
        await heart.apply(*((one, named(one)) for one in await heart.take()))
        assert len(owed(tmp_path)) == 2 * (COUNT - 1)
        while await paid(heart):
            pass
        for row in rows:
            async with heart.database.reading() as connection:
                now = await notes.get(connection, row.id, person_id=ALICE)
            assert now is not None
            assert (now.text.count(NAME), now.version) == (2, 2)

    with_heart(tmp_path, scenario)


def test_what_a_person_does_meanwhile_stays_and_counts(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        rows = [await heart.note(LINKS[0]) for _ in range(COUNT)]
        await answered(heart)
        mine, elsewhere = f"{LINKS[0]}&dn=mine", "all gone"
        async with heart.database.writing() as connection:
            for row, text in ((rows[2], mine), (rows[3], elsewhere)):
                own = (await notes.own_names(connection, row.id)).after_edit(
                    text, changed_names(row.text, text), frozenset()
                )
                await notes.write(connection, row, text, cause=EDITED, own=own, at=heart.now)
            assert await notes.remove(connection, rows[4].id, person_id=ALICE)
        assert owed(tmp_path) == [(rows[at].id, HASHES[0], None) for at in (2, 3, 5)]
        while owed(tmp_path):
            await paid(heart)
        kept = [rows[at] for at in (0, 1, 2, 3, 5)]
        assert await texts(heart, kept) == [NAME, NAME, "&dn=mine", elsewhere, NAME]

    with_heart(tmp_path, scenario)


def test_a_name_that_is_owed_is_the_one_that_is_known_by_then(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        rows = [await heart.note(LINKS[0]) for _ in range(COUNT)]
        await claim(heart, name="Claimed one.mkv")
        assert await texts(heart, rows[:3]) == ["&dn=Claimed%20one.mkv"] * 2 + [""]
        await answered(heart, who=BOB)  # and so whoever was told of the claim is told of this
        while await paid(heart):
            pass
        assert await texts(heart, rows) == [NAME] * COUNT
        assert owed(tmp_path) == []

    with_heart(tmp_path, scenario)


def test_over_a_claim_a_name_comes_only_where_that_claim_still_stands(tmp_path: Path) -> None:
    async def scenario(heart: Heart) -> None:
        rows = [await heart.note(LINKS[0]) for _ in range(COUNT)]
        await claim(heart, name="Claimed one.mkv")
        while await paid(heart):
            pass
        assert await texts(heart, rows) == ["&dn=Claimed%20one.mkv"] * COUNT
        await answered(heart, who=BOB)
        assert await texts(heart, rows) == [NAME] * 2 + ["&dn=Claimed%20one.mkv"] * 4
        assert {claimed for _, _, claimed in owed(tmp_path)} == {"Claimed one.mkv"}
        async with heart.database.writing() as connection:
            now = await notes.get(connection, rows[5].id, person_id=ALICE)
            assert now is not None
            own = await notes.own_names(connection, now.id)
            await notes.write(connection, now, f"{LINKS[0]}&dn=as+it+was", cause=EDITED, own=own, at=heart.now)
        while await paid(heart):
            pass
        assert await texts(heart, rows) == [NAME] * 5 + ["&dn=as+it+was"]
        assert owed(tmp_path) == []

    with_heart(tmp_path, scenario)


def test_a_server_writes_them_by_itself_and_over_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids: list[int] = []

    async def begun(site: Live) -> None:
        client = await site.signed_in()
        ids.extend([(await save(client, LINK))["id"] for _ in range(COUNT)])
        await client.post("/api/calibrate/async", json={"info_hash": HASH})
        await site.ended(client, (await client.get("/api/calibrate/tasks")).json()["tasks"][0]["task_id"])

    async def gone_on(site: Live) -> None:
        client = await site.signed_in()
        async with asyncio.timeout(60):
            while True:
                seen = site.engine.hub.count
                bodies = [(await client.get(f"/api/notes/{one}")).json() for one in ids]
                if all(body["magnets"][0]["dn"] == "Name of 1a1a.mkv" for body in bodies):
                    return
                await site.engine.hub.wait(seen, timeout_s=0.1)

    async def later(_: LateNames) -> None:
        """The first server ends before it comes to that."""

    with monkeypatch.context() as killed:
        killed.setattr(LateNames, "pay", later)
        with_live(tmp_path, begun)
    assert [note_id for note_id, _, _ in owed(tmp_path)] == ids[2:]
    with_live(tmp_path, gone_on)
