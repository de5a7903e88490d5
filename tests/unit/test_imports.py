"""A module imports its own level or lower, without cycles; engines do not know one another (docs/architecture.md).

What is not so, and need not be, stands here by name.
"""

import ast
import re
from functools import cache
from itertools import combinations
from pathlib import Path

import truename

PACKAGE = Path(truename.__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"

LEVELS = (
    {
        "codes",
        "errors",
        "texts",
        "networks",
        "infohash",
        "dn",
        "scanner",
        "magnet",
        "differences",
        "own_names",
        "names",
        "bencode",
        "metainfo",
    },
    {
        "model",
        "settings",
        "hub",
        "asked",
        "clock",
        "checked_net",
        "proxy",
        "gateway",
        "timeline",
        "partings",
        "open_files",
        "portions",
        "note_texts",
        "warming",
    },
    {"manager", "crew", "ad_hoc", "journal", "telling", "resolvers", "store", "queue"},
    {"worker", "calibration", "feeder", "deliveries", "joining", "applier", "outlook", "cleaner", "late_names"}
    | {"service", "batching", "watch", "notes", "note_edits", "mode", "health", "backups"},
    {"terminal", "demo", "web"},
    {"app", "serving", "ways"},
    {"cli", "commands", "blocking"},
    {"__init__", "__main__"},
)
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
MANAGER = {"manager", "crew", "ad_hoc", "journal", "telling"}
ENGINES = (MANAGER, {"resolvers"}, {"store"}, {"queue"})
"""The rooms of the second level, by whom they work for."""

WAYS = (
    ("resolvers.child.resolver", "resolvers.swarm"),  # on both sides of its socket
    ("resolvers.direct.resolver",),
    ("resolvers.qbittorrent.resolver",),
    ("resolvers.script",),
)
SHARED_BY_WAYS = {f"resolvers.{name}" for name in ("base", "addresses", "ourselves", "reading", "whom")}

EDGES_ACROSS = {
    ("terminal.people", "web.passwords"),  # a password is the same, wherever it is set
    ("terminal.tasks", "web.views"),  # and the command of tasks what the API tells
}


@cache
def modules() -> list[tuple[str, Path]]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return [(".".join(path.relative_to(PACKAGE).with_suffix("").parts), path) for path in paths]


@cache
def imports_of(path: Path) -> set[str]:
    """Modules of the package that a file imports, at the top or inside a function."""
    found: set[str] = set()
    known = {name for name, _ in modules()}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {
                alias.name.removeprefix("truename.") for alias in node.names if alias.name.startswith("truename.")
            }
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "truename":
            base = node.module.removeprefix("truename").removeprefix(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}" if base else alias.name
                found.add(inner if inner in known else base)
    return found - {""}


@cache
def libraries_of(path: Path) -> set[str]:
    """Modules that a file imports from outside of the package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name for name in found if room(name) != "truename"}


def room(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def test_every_room_has_its_level() -> None:
    assert {room(name) for name, _ in modules()} == set(LEVEL_OF)


def test_the_table_of_the_document_has_every_room_on_its_level() -> None:
    table = re.findall(r"^\| (\d)(?:, pure)? \| (.+?) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    told = {(int(level), name.rstrip("/")) for level, names in table for name in re.findall(r"`(.+?)`", names)}
    assert told == {(level, name) for name, level in LEVEL_OF.items() if not name.startswith("__")}


def test_modules_import_their_own_level_or_lower() -> None:
    upwards = [
        f"{name} imports {imported}"
        for name, path in modules()
        for imported in imports_of(path)
        if LEVEL_OF[room(imported)] > LEVEL_OF[room(name)]
    ]
    assert upwards == []


def test_the_drop_in_class_shares_the_model_with_the_rest_and_nothing_else() -> None:
    for name, path in modules():
        known = {room(imported) for imported in imports_of(path)}
        if room(name) in MANAGER:
            assert known <= MANAGER | {"model", "codes", "errors"}, name


def test_engines_do_not_know_one_another() -> None:
    across = [
        f"{name} imports {imported}"
        for engine in ENGINES
        for name, path in modules()
        if room(name) in engine
        for imported in imports_of(path)
        if any(room(imported) in other for other in ENGINES if other is not engine)
    ]
    assert across == []


def test_the_ways_to_a_name_share_what_stands_beside_their_port_and_no_more() -> None:
    paths = dict(modules())

    def reached(module: str, seen: set[str]) -> set[str]:
        for imported in imports_of(paths[module]) - seen:
            if room(imported) == "resolvers":
                seen.add(imported)
                reached(imported, seen)
        return seen

    everything = [set().union(*(reached(module, set()) for module in way)) for way in WAYS]
    assert set().union(*(one & other for one, other in combinations(everything, 2))) == SHARED_BY_WAYS


def test_the_two_edges_know_of_one_another_what_is_said_alike_in_both() -> None:
    edges = {"web", "terminal"}
    known = {(name, imported) for name, path in modules() for imported in imports_of(path)}
    assert {(one, other) for one, other in known if {room(one), room(other)} == edges} == EDGES_ACROSS


def test_statements_for_the_database_stand_in_the_store_alone() -> None:
    outside = [(name, path) for name, path in modules() if room(name) != "store"]
    assert [name for name, path in outside if "store.tables" in imports_of(path)] == []
    assert [name for name, path in outside if "sqlalchemy" in map(room, libraries_of(path))] == []


def test_only_one_module_chooses_resolvers() -> None:
    choosing = {
        name
        for name, path in modules()
        if room(name) not in ("resolvers", "demo")
        for imported in imports_of(path)
        if imported.startswith("resolvers.") and imported not in ("resolvers.base", "resolvers.chain")
    }
    assert choosing == {"ways"}


def test_imports_have_no_cycle() -> None:
    graph = {name: imports_of(path) - {name} for name, path in modules() if name != "__init__"}
    finished: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in finished:
            for imported in graph.get(name, ()):
                visit(imported, (*way, name))
            finished.add(name)

    for name in graph:
        visit(name, ())
