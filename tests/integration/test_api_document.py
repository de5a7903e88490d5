"""docs/api.md and the application name the same routes, codes and examples."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.integration.live_support import Live, with_live
from tests.integration.test_web_wall import PATTERNS
from truename.magnet import find_magnets
from truename.web import shapes
from truename.web.description import ANSWERS
from truename.web.express import Express

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
ROUTE = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]*)`")
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
CODES = [
    *("unauthorized", "missing_info_hash", "invalid_info_hash", "bad_request", "not_found", "conflict", "stale"),
    *("too_many", "too_large", "stopping", "off", "forbidden", "unavailable"),
]
NOTE = ("id", "version", "text", "created_at", "updated_at", "magnets")
HASH = "722fe65b2aa26d14f35b4ad627d20236e481d924"


def test_every_route_stands_in_the_document_and_no_other() -> None:
    routes = {(method, path) for method, path in PATTERNS if not path.startswith("/static")}
    assert set(ROUTE.findall(TEXT)) == routes


def test_what_goes_by_the_short_way_is_a_route_of_the_application_too(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        (express,) = (one for one in site.application.user_middleware if one.cls is Express)
        routes: Any = express.kwargs["routes"]
        assert routes
        assert set(routes) <= set(PATTERNS)

    with_live(tmp_path, scenario)


def test_every_route_for_programs_has_a_heading() -> None:
    headed = {pair for line in TEXT.splitlines() if line.startswith("### ") for pair in ROUTE.findall(line)}
    assert headed == {(method, path) for method, path in PATTERNS if re.match(r"/api/|/healthz|/readyz|/openapi", path)}


def example(*keys: str) -> dict[str, Any]:
    """The example that has just these keys."""
    (found,) = [one for one in EXAMPLES if set(one) == set(keys)]
    return found  # type: ignore[no-any-return]


def test_the_offsets_in_the_example_are_right() -> None:
    note = example(*NOTE)
    (span,) = find_magnets(note["text"])
    (magnet,) = note["magnets"]
    assert (magnet["start"], magnet["end"], magnet["dn"]) == (span.start, span.end, span.display_name)


def test_the_examples_have_the_shape_of_real_answers(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        dead = "0a132f590df6edbbc68f7970dd07247580dbe489"
        site.oracle.names, site.oracle.dead = {HASH: "alice.txt"}, {dead}
        site.oracle.counts = {"tried": 1}
        client = await site.signed_in(admin=True)
        submitted = await client.post("/api/calibrate/async", json=example("info_hash", "priority"))
        assert set(submitted.json()) == set(example("task_id", "status"))
        (status,) = await site.ended(client, submitted.json()["task_id"])
        shown = next(one for one in EXAMPLES if "verified" in one)
        others = dict.fromkeys(
            ("task_id", "created_at", "completed_at", "found_at", "peers_seen", "size_bytes", "files", "detail")
        )
        assert {**shown, **others} == {**status, **others}
        assert all(type(shown[key]) is type(status[key]) for key in others)
        assert (await client.post("/api/calibrate", json=example("info_hash"))).json()["result"] == "alice.txt"
        results = next(one for one in EXAMPLES if "success_count" in one)
        text = " ".join(one["old_magnet"] for one in results["results"])
        note = (await client.post("/api/notes", json={"text": text})).json()
        assert (await client.post(f"/api/calibrate/{note['id']}")).json() == results
        assert (await client.get("/api/config")).json() == next(one for one in EXAMPLES if "websocket" in one)
        assert (await client.patch(f"/api/notes/{note['id']}", json=example("text", "version"))).status_code == 200
        stale = await client.patch(f"/api/notes/{note['id']}", json=example("text", "version"))
        assert {**stale.json(), "version": 2, "text": "another text"} == example("error", "code", "version", "text")
        assert (await client.put("/api/config", json=example("calibration_mode"))).status_code == 200
        assert (await client.get("/readyz")).json() == example("status")

    with_live(tmp_path, scenario)


def test_the_description_for_programs_has_the_examples_of_the_document_and_the_errors_there_are(
    tmp_path: Path,
) -> None:
    async def scenario(site: Live) -> None:
        client = await site.signed_in()
        found = (await client.get("/openapi.json")).json()
        assert set(found["components"]["securitySchemes"]) == {"token", "session"}
        error = found["components"]["schemas"]["Error"]
        assert set((await client.get("/api/notes/77")).json()) == set(error["required"])
        in_document = [*EXAMPLES, {"notes": [example(*NOTE)], "next": None}]
        for path, method, operation in (
            (path, method, operation)
            for path, operations in found["paths"].items()
            for method, operation in operations.items()
        ):
            answers = operation["responses"]
            (well,) = set(answers) - {"4XX", "5XX", "409"}
            assert "422" not in answers
            assert ("4XX" in answers, "security" in operation) == (path.startswith("/api/"),) * 2
            if well != "204":
                assert answers[well]["content"]["application/json"]["example"] in in_document, (method, path)
            if "requestBody" in operation:
                asked = operation["requestBody"]["content"]["application/json"]["example"]
                given = {"note_id": "1"} if "{" in path else {}
                if "{note_id}" in path:
                    assert (await client.post("/api/notes", json={"text": asked["text"] + "!"})).status_code == 201
                if path != "/api/config":  # for administrators
                    done = await client.request(method, path.format(**given), json=asked)
                    assert done.status_code == int(well), (method, path, done.text)
                    held_against(ANSWERS[method, path][0], done.json())

    with_live(tmp_path, scenario)


def held_against(shape: type[BaseModel], body: dict[str, Any]) -> None:
    """A body has the fields and types of its description, and no other ones."""
    assert shape.model_validate_json(json.dumps(body), strict=True).model_dump(exclude_unset=True) == body


def test_answers_are_what_the_description_says(tmp_path: Path) -> None:
    async def scenario(site: Live) -> None:
        dead = "0a132f590df6edbbc68f7970dd07247580dbe489"
        site.oracle.names, site.oracle.dead, site.oracle.counts = {HASH: "alice.txt"}, {dead}, {"tried": 1}
        client = await site.signed_in(admin=True)
        for asked in (HASH, dead):
            submitted = (await client.post("/api/calibrate/async", json={"info_hash": asked})).json()
            held_against(shapes.Submitted, submitted)
            (status,) = await site.ended(client, submitted["task_id"])
            held_against(shapes.Task, status)
        waiting = {"info_hash": "ab" * 20, "priority": "low"}
        site.oracle.held = {"ab" * 20}
        for _ in range(2):
            held_against(shapes.Submitted, (await client.post("/api/calibrate/async", json=waiting)).json())
        held_against(shapes.Tasks, (await client.get("/api/calibrate/tasks?limit=2")).json())
        text = f"magnet:?xt=urn:btih:{HASH} magnet:?xt=urn:btih:{dead}&dn=x"
        note = (await client.post("/api/notes", json={"text": text})).json()
        held_against(shapes.Note, note)
        held_against(shapes.NoteResults, (await client.post(f"/api/calibrate/{note['id']}")).json())
        held_against(shapes.Notes, (await client.get("/api/notes?limit=1")).json())
        order = {"info_hashes": [HASH, dead, "what?", 5]}
        batch = (await client.post("/api/calibrate/batch", json=order)).json()
        held_against(shapes.BatchSubmitted, batch)
        held_against(shapes.Batch, (await client.get(f"/api/calibrate/batch/{batch['batch_id']}?limit=1")).json())
        held_against(shapes.BatchSubmitted, (await client.post("/api/calibrate/batch", json={"unnamed": True})).json())
        change = {"text": "mine", "version": note["version"]}
        await client.patch(f"/api/notes/{note['id']}", json=change)
        stale = await client.patch(f"/api/notes/{note['id']}", json=change | {"text": "not mine"})
        held_against(shapes.Stale, stale.json())
        held_against(shapes.Error, (await client.get("/api/notes/77")).json())
        held_against(shapes.Config, (await client.get("/api/config")).json())
        held_against(shapes.Well, (await client.get("/readyz")).json())

    with_live(tmp_path, scenario)


def test_examples_are_what_the_description_says() -> None:
    for shape, answer in ANSWERS.values():
        held_against(shape, answer)


@pytest.mark.parametrize("code", CODES)
def test_every_code_stands_in_the_table(code: str) -> None:
    table = "\n".join(line for line in TEXT.splitlines() if re.match(r"\| \d{3} \|", line))
    assert f"`{code}`" in table


def test_who_says_409_says_the_word_for_it() -> None:
    prose = [line for line in TEXT.split("\n\n") if "409" in line and not line.startswith("| status")]
    for text in prose:
        assert len(re.findall("409", text)) == len(re.findall(r"409, `(?:conflict|stale)`", text)), text
