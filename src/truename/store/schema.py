"""What a SQLite file says it is made of, in a form that can be compared: white space, quotes and order do not count.

Pure. A backup is compared with what our own migrations make, so whatever is not in there (a trigger, a view, a virtual
table, a generated column, an index on an expression, another constraint) is a difference and needs no rule of its own.
Source: https://www.sqlite.org/schematab.html
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w.]+|\S""")
_QUOTED = '"`['
_KNOWN_KINDS = ("table", "index", "trigger", "view")

# What `ANALYZE` leaves in a database; only its planner reads it, and it is not brought back.
_STATISTICS = {
    ("table", "sqlite_stat1"): "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    ("table", "sqlite_stat4"): "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}

Row = tuple[object, object, object, object]
"""`type`, `name`, `tbl_name` and `sql` of `sqlite_master`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that does not belong there (or is missing): its kind, its name."""

    kind: str
    name: str


def differences(found: Iterable[Row], ours: Iterable[Row]) -> Iterator[Difference]:
    """Where a schema is not what it should be."""
    wanted = {(kind, name): _shape(table, sql) for kind, name, table, sql in ours}
    seen = set()
    for kind, name, table, sql in found:
        key = (kind, name)
        allowed = wanted.get(key) or (_shape(name, _STATISTICS[key]) if key in _STATISTICS else None)
        if allowed is None or key in seen or _shape(table, sql) != allowed:
            yield Difference(kind=kind if kind in _KNOWN_KINDS else "other", name=str(name))
        seen.add(key)
    for _, name in wanted.keys() - seen:
        yield Difference(kind="missing", name=str(name))


def _shape(table: object, sql: object) -> tuple[object, Mapping[tuple[str, ...], int], tuple[str, ...]]:
    """Which table it is of, the definitions inside its outer brackets as a bag, and what stands around them."""
    words = [_word(token) for token in _TOKEN.findall(sql)] if isinstance(sql, str) else [str(type(sql))]
    around: list[str] = []
    definitions: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth -= word == ")"
        if depth <= 0:
            around.append(word)
        elif depth == 1 and word == ",":
            definitions.append([])
        else:
            definitions[-1].append(word)
        depth += word == "("
    return table, Counter(map(tuple, definitions)), tuple(around)


def _word(token: str) -> str:
    if token[0] in _QUOTED and len(token) > 1:
        token = token[1:-1]
    return token if token.startswith("'") else token.lower()
