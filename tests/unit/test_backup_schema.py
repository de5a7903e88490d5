"""Which differences between two schemas count, and which do not."""

import pytest

from truename.store.schema import Difference, Row, differences

NOTE = "CREATE TABLE note (\n\tid INTEGER NOT NULL, \n\ttext TEXT NOT NULL, \n\tCONSTRAINT pk_note PRIMARY KEY (id)\n)"
TAKEN = "CREATE INDEX ix_note_text ON note (text) WHERE id > 1"
OURS: list[Row] = [
    ("table", "note", "note", NOTE),
    ("index", "ix_note_text", "note", TAKEN),
    ("index", "sqlite_autoindex_note_1", "note", None),
]


def found(*rows: Row, without: str = "") -> list[Difference]:
    return list(differences([*(row for row in OURS if row[1] != without), *rows], OURS))


def test_the_same_is_no_difference() -> None:
    assert found() == []


@pytest.mark.parametrize(
    "written",
    [
        'create table "note"(id integer not null,text text not null,constraint pk_note primary key(id))',
        "CREATE TABLE [note] (id INTEGER NOT NULL, CONSTRAINT pk_note PRIMARY KEY (`id`), text TEXT NOT NULL)",
    ],
)
def test_white_space_case_quotes_and_order_are_no_difference(written: str) -> None:
    assert found(("table", "note", "note", written), without="note") == []


@pytest.mark.parametrize(
    "written",
    [
        NOTE.replace("TEXT NOT NULL", "TEXT"),
        NOTE.replace("INTEGER", "BIGINT"),
        NOTE.replace("text TEXT NOT NULL", "text TEXT NOT NULL CHECK (length(text))"),
        NOTE.replace("text TEXT NOT NULL", "text TEXT NOT NULL DEFAULT (1)"),
        NOTE.replace("\n)", ", more TEXT GENERATED ALWAYS AS (text))"),
        NOTE.replace("\n)", ", more TEXT)"),
        NOTE.replace("\n)", ", id INTEGER NOT NULL)"),
        NOTE + " WITHOUT ROWID",
        NOTE + " STRICT",
        NOTE.replace("CREATE TABLE", "CREATE TEMP TABLE"),
        NOTE + " -- harmless",
        "CREATE VIEW note AS SELECT 1 AS id, 'x' AS text",
        "CREATE VIRTUAL TABLE note USING fts5(id, text)",
        None,
        b"CREATE TABLE note (id)",
        "",
    ],
)
def test_another_definition_is_a_difference(written: object) -> None:
    assert found(("table", "note", "note", written), without="note") == [Difference(kind="table", name="note")]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (("trigger", "t", "note", "CREATE TRIGGER t AFTER INSERT ON note BEGIN SELECT 1; END"), "trigger"),
        (("view", "v", "v", "CREATE VIEW v AS SELECT 1"), "view"),
        (("table", "more", "more", "CREATE TABLE more (id)"), "table"),
        (("index", "more", "note", "CREATE INDEX more ON note (lower(text))"), "index"),
        (("\x1b[2J", "more", "note", None), "other"),
        ((None, None, None, None), "other"),
        (("table", "note", "note", NOTE), "table"),
        (("table", "sqlite_stat1", "sqlite_stat1", "CREATE VIEW sqlite_stat1 AS SELECT 1"), "table"),
    ],
)
def test_what_is_more_than_ours_is_a_difference(row: Row, kind: str) -> None:
    assert found(row) == [Difference(kind=kind, name=str(row[1]))]


def test_an_index_of_another_table_or_condition_is_a_difference() -> None:
    for row in (("index", "ix_note_text", "other", TAKEN), ("index", "ix_note_text", "note", TAKEN.replace("1", "2"))):
        assert found(row, without="ix_note_text") == [Difference(kind="index", name="ix_note_text")]


def test_what_is_missing_is_a_difference() -> None:
    assert found(without="ix_note_text") == [Difference(kind="missing", name="ix_note_text")]


def test_the_statistics_of_sqlite_are_no_difference() -> None:
    assert found(("table", "sqlite_stat1", "sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)")) == []
