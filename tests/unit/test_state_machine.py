"""docs/state_machine.md says of tasks what `model.TRANSITIONS` says, in its table and in its diagram."""

import re
from pathlib import Path

from truename.model import TRANSITIONS, TaskEvent, TaskStatus

TEXT = (Path(__file__).parents[2] / "docs" / "state_machine.md").read_text("utf-8")
OF_TASKS, OF_LOOKUPS = TEXT.split("## A look-up")
ROW = re.compile(r"^\| ([a-z ]+) \| `(\w+)` \| `(\w+)` \| (.+) \|$", re.MULTILINE)
EDGE = re.compile(r"^ +(\w+) --> (\w+): (.+)$", re.MULTILINE)


def test_the_table_of_tasks_is_the_one_in_the_code() -> None:
    rows = [
        (TaskStatus(before), TaskEvent(event), TaskStatus(after)) for event, before, after, _ in ROW.findall(OF_TASKS)
    ]
    assert len(rows) == len(TRANSITIONS)
    assert {(before, event): after for before, event, after in rows} == TRANSITIONS


def test_each_diagram_shows_what_its_table_has() -> None:
    for part in (OF_TASKS, OF_LOOKUPS):
        edges = [(event, before, after) for before, after, event in EDGE.findall(part)]
        rows = [(event, before, after) for event, before, after, _ in ROW.findall(part)]
        assert sorted(edges) == sorted(rows)
        assert len(rows) > 5


def test_every_row_says_who_or_when() -> None:
    assert all(len(said) > 5 for *_, said in ROW.findall(TEXT))
