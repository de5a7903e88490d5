"""A module imports its own level or lower, without cycles; engines do not know one another (docs/architecture.md)."""

import ast
import re
from functools import cache
from pathlib import Path

import truename

PACKAGE = Path(truename.__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"

LEVELS = (
    {"errors", "texts", "networks", "infohash", "dn", "scanner", "magnet", "own_names", "names", "bencode", "metainfo"},
    {
        "model",
        "settings",
        "hub",
        "clock",
        "checked_net",
        "proxy",
        "gateway",
        "timeline",
        "partings",
        "open_files",
        "portions",
    },
    {"manager", "crew", "ad_hoc", "journal", "resolvers", "store", "queue"},
    {"worker", "calibration", "feeder", "joining", "line", "service", "batching", "watch", "notes", "mode", "health"},
    {"terminal", "demo", "web"},
    {"app", "serving", "ways"},
    {"cli", "commands", "blocking"},
    {"__init__", "__main__"},
)
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
MANAGER = {"manager", "crew", "ad_hoc", "journal"}


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


def test_the_drop_in_class_and_the_resolvers_do_not_know_one_another() -> None:
    for name, path in modules():
        known = {room(imported) for imported in imports_of(path)}
        if room(name) in MANAGER:
            assert known <= MANAGER | {"model", "errors"}, name
        if room(name) == "resolvers":
            assert not known & MANAGER, name


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
