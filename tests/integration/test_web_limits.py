"""Requests that ask for more than there is room for: what is read of them, what is taken, what is told."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.live_support import Live, with_live
from tests.integration.web_support import Site, with_site
from truename import notes
from truename.magnet import MagnetSpan

HASHES = [f"{number:040x}" for number in range(1, 200)]


def text_of(*hashes: str) -> str:
    return " ".join(f"magnet:?xt=urn:btih:{one}" for one in hashes)


async def save(client: httpx.AsyncClient, text: str) -> int:
    note_id: int = (await client.post("/api/notes", json={"text": text})).json()["id"]
    return note_id


@pytest.fixture
def read_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """The thread in which each magnet was read for a batch."""
    threads: list[threading.Thread] = []
    really = notes.candidate_of

    def candidate_of(span: MagnetSpan) -> notes.Candidate:
        threads.append(threading.current_thread())
        return really(span)

    monkeypatch.setattr(notes, "candidate_of", candidate_of)
    yield threads


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
