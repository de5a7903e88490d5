"""Which values a restored row may hold."""

import json
import math
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy.dialects import sqlite

from truename.calibration import Priority
from truename.model import Account
from truename.store.tables import metadata
from truename.store.values import PRIORITIES, check_of
from truename.timeline import pack

HASH = "ab" * 20
DIALECT = sqlite.dialect()
NO_WORDS = ["No name", "no\u202epeers", "<b>", "no_peers\n", 1]
ACCOUNT = Account(resolver="swarm", ended="no_peers", counts={"tried": 3})
DETAIL = '[{"resolver":"%s","ended":"no_peers","counts":{"tried":%d}}]'
TODAYS = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x")


def allowed(value: object, table: str, column: str, **more: bool) -> bool:
    declared = metadata.tables[table].c[column].type.compile(DIALECT)
    given = {"nullable": False, "key": False, "counted": False} | more
    return check_of(table, column, declared, **given)(value)


@pytest.mark.parametrize(
    ("table", "column", "good", "bad"),
    [
        ("note", "version", [0, 1, 2**31], ["1", 1.5, b"1", 2**60, True]),
        ("note", "text", ["", "今晚 \u202e", "a\0b"], [1, 1.5, b"text"]),
        ("note", "updated_at", [0.0, 1.7e9, -1.0, 1e11], [1, "now", math.inf, -math.inf, 1e12, -1e11]),
        ("person", "admin", [0, 1], [2, -1, "1", 1.0]),
        ("torrent", "raw_name", [b"", b"\xff"], ["text", 1]),
        ("torrent", "size_bytes", [0, 2**63 - 1], ["1", 1.5]),
        ("task", "hash", [HASH, "ab" * 32], ["AB" * 20, "ab", "0" * 40, "g" * 40, HASH + "\n", 1]),
        ("task", "hash_v2", ["ab" * 32], [b"ab" * 32, ""]),
        ("task", "status", ["pending", "completed", "cancelled"], ["waiting", "ended", "", "x" * 10]),
        ("lookup", "status", ["pending", "waiting", "ended"], ["completed", ""]),
        *((table, "prio", [0, 1, 2], [-1, 3, 7, "1", 1.0, True]) for table in ("task", "virtual")),
        *((table, "active", [1], [0, 2, "1"]) for table in ("task", "lookup")),
        *((table, "code", ["no_peers", "of_a_later_one", ""], NO_WORDS) for table in ("task", "watch", "last_failure")),
        ("task", "reason", ["qbittorrent_down", "nobody_to_ask"], NO_WORDS),
        ("task", "source", ["swarm", "script"], NO_WORDS),
        ("torrent", "source", ["direct", "qbittorrent"], NO_WORDS),
        ("task", "detail", [pack([ACCOUNT]), "nonsense"], [DETAIL % ("swarm", 2**60), DETAIL % ("\u202e", 1), 7]),
        ("torrent", "files", ["[]", '[["a/b", 7]]'], ["nonsense", "[7]", '[["a", 1e999]]', "[[1, 1]]", "[" * 100_000]),
        ("torrent", "files", ['[["\\u6d77", 1]]'], ['[["a\\ud800", 1]]']),
        ("torrent", "files", [f'[["a", {2**63 - 1}]]'], [f'[["a", {2**63}]]', '[["a", -1]]', '[["a", true]]']),
        ("note_revision", "cause", ["saved", "edited", "renamed", "undone"], ["", "forged"]),
        (
            "note_revision",
            "changes",
            ['[[3,3,"&dn=a"],[7,9,"b"]]'],
            ["", "[]", "{}", "[[1,2]]", '[[2,1,"a"]]', '[[0,0,"\\ud800"]]'],
        ),
        ("note_revision", "changes", ['[[0,0,""]]'], ['[[-1,2,"a"]]', '[["a",2,"b"]]', "[[1,2,3]]", "[" * 100_000, 1]),
        ("event", "kind", ["task", "note"], ["", "person"]),
        ("person", "rewrite", ["auto", "propose"], ["", "never"]),
        ("lookup", "rank_low", [0, 2**40], [2**60, -(2**60)]),
        ("person", "username", ["alice", "小明", "a b"], ["", "a\u202eb", "\x1b[2J", "x" * 101, 1]),
        (
            "person",
            "password_hash",
            [TODAYS, PasswordHasher().hash("x")],
            ["", "secret", TODAYS.replace("t=1", "t=99")],
        ),
    ],
)
def test_a_value_is_what_its_column_says(table: str, column: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not allowed(value, table, column)] == []
    assert [value for value in bad if allowed(value, table, column)] == []


def test_no_rename_changes_more_than_a_note_can_hold() -> None:
    for count, good in ((1000, True), (300_000, False)):
        assert allowed(json.dumps([[0, 0, ""]] * count), "note_revision", "changes") is good


def test_the_priorities_of_a_backup_are_those_there_are() -> None:
    assert set(Priority) == PRIORITIES


def test_a_password_hash_that_would_stop_the_machine_is_none() -> None:
    for dear in ("m=999999,t=1,p=1", "m=8,t=99,p=1", "m=8,t=1,p=99", "m=8,t=0,p=1", "m=9999999,t=1,p=1"):
        assert not allowed(TODAYS.replace("m=8,t=1,p=1", dear), "person", "password_hash")


def test_nothing_stands_only_where_nothing_may() -> None:
    assert not allowed(None, "note", "text")
    assert allowed(None, "task", "name", nullable=True)


def test_a_number_of_a_row_leaves_room_for_the_next_ones() -> None:
    assert allowed(2**30, "note", "id", key=True)
    assert not allowed(2**31 - 1, "note", "id", key=True)
    assert not allowed(-1, "note", "id", key=True)
    assert allowed(2**40, "event", "seq", key=True, counted=True)
    assert not allowed(2**63 - 1, "event", "seq", key=True, counted=True)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("[[], []]", True),
        (json.dumps([["udp://a.example:1"], ["192.0.2.1:1"]]), True),
        ("", False),
        ("[]", False),
        ("{}", False),
        ("[1, 2]", False),
        ("[[1], []]", False),
        ('[["x"], [null]]', False),
        (json.dumps([["x"] * 500, ["y"] * 2500]), True),
        (json.dumps([["x"] * 5000, []]), False),
        (json.dumps([["x" * 5000], []]), True),
        (json.dumps([[5, "x" * 5000], []]), False),
        (json.dumps([[], [None, "x" * 5000]]), False),
        ("[" * 100_000, False),
    ],
)
def test_sources_are_two_lists_of_texts(text: str, good: bool) -> None:
    assert allowed(text, "lookup", "sources") is good
    assert allowed(text, "task", "sources") is good


def test_something_is_known_of_every_column_there_is() -> None:
    for table in metadata.sorted_tables:
        for column in table.columns:
            check_of(table.name, column.name, column.type.compile(DIALECT), nullable=True, key=False, counted=False)
    with pytest.raises(ValueError, match="JSON"):
        check_of("note", "text", "JSON", nullable=True, key=False, counted=False)
